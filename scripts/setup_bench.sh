#!/usr/bin/env bash
# An environment in .venv-bench for the programs that `make bench` compares with, apart from ours.
# Repeating it costs nothing while benchmarks/requirements.txt stays as it is.
set -eu
cd "$(dirname "$0")/.."
venv=.venv-bench
if [ "$(cat "$venv/.requirements" 2>/dev/null)" != "$(cksum <benchmarks/requirements.txt)" ]; then
    printf 'setup: installing what benchmarks compare with\n' >&2
    [ -x "$venv/bin/python" ] || .venv/bin/python -m venv "$venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check -r benchmarks/requirements.txt
    cksum <benchmarks/requirements.txt >"$venv/.requirements"
fi
