#!/usr/bin/env bash
# What `make bench` compares with: an environment in .venv-bench, apart from ours, and a Redis server.
# Repeating it costs nothing while benchmarks/requirements.txt stays as it is. The server is
# installed only when this runs as root on a system with apt; elsewhere it says what is missing.
set -eu
cd "$(dirname "$0")/.."
venv=.venv-bench
say() { printf 'setup: %s\n' "$*" >&2; }

if [ "$(cat "$venv/.requirements" 2>/dev/null)" != "$(cksum <benchmarks/requirements.txt)" ]; then
    say "installing what benchmarks compare with"
    [ -x "$venv/bin/python" ] || .venv/bin/python -m venv "$venv"
    pip_install() { "$venv/bin/python" -m pip install -q --disable-pip-version-check "$@"; }
    # The pip that comes with Python 3.11 fails at two spellings of one extra (lxml[html-clean]).
    pip_install "pip>=25,<27"
    pip_install -r benchmarks/requirements.txt
    cksum <benchmarks/requirements.txt >"$venv/.requirements"
fi

if ! { command -v redis-server && command -v redis-cli; } >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing redis-server with apt"
        # Benchmarks start servers of their own; this keeps the package from starting one.
        if ! out=$({ apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends redis-server; } 2>&1); then
            printf '%s\n' "$out" >&2
            exit 1
        fi
    else
        say "no redis-server on PATH; install it (Debian, Ubuntu: apt install redis-server)," \
            "or the benchmarks crawl, kills and politeness will fail"
    fi
fi
