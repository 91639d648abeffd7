#!/usr/bin/env bash
# Sets up everything that `make demo`, `make test` and `make bench` need: a virtual environment in
# .venv, Python packages, the system libraries of the MongoDB server, and Chromium.
# Repeating it costs nothing while nothing changed. System packages are installed only when this
# runs as root on a system with apt; elsewhere it says what is missing.
set -eu
cd "$(dirname "$0")/.."

venv=.venv
say() { printf 'setup: %s\n' "$*" >&2; }
quietly() { # what a command prints is shown only when it fails
    local out
    out=$("$@" 2>&1) || { printf '%s\n' "$out" >&2; return 1; }
}
apt_works() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
apt_install() {
    apt_works || return 1
    say "installing $* with apt"
    [ -n "${apt_updated:-}" ] || { quietly apt-get update -qq && apt_updated=yes; }
    quietly env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@"
}

# --- Python 3.11 or newer, and an environment

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
python=""
for candidate in python3.11 python3 python3.12 python3.13; do
    if command -v "$candidate" >/dev/null && is_new_enough "$candidate"; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || { say "Python 3.11 or newer is needed and not on PATH"; exit 1; }

# Its scripts hold the folder that it was made for: in a project that was moved or copied they start
# another one's Python, or none.
is_for_here() {
    local made_for folder
    made_for=$({ tr -d "\"'" <"$venv/bin/activate" |
        sed -n 's/^[[:space:]]*\(export \)\{0,1\}VIRTUAL_ENV=//p'; } 2>/dev/null)
    for folder in "$PWD" "$(pwd -P)"; do
        printf '%s\n' "$made_for" | grep -qxF "$(printf '%s' "$folder/$venv" | tr -d "\"'")" && return
    done
    return 1
}
what_is_wrong() { # with the environment that is there; nothing when it will do
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        echo "pip does not run in it"
    elif ! is_new_enough "$venv/bin/python"; then
        echo "its Python is older than 3.11"
    elif [ ! -L "$venv" ] && ! is_for_here; then
        echo "it was made for another folder"
    fi
}

trouble=$(what_is_wrong)
# Somebody made a link on purpose, and what it leads to may be another folder's.
if [ -L "$venv" ] && [ -n "$trouble" ]; then
    say "$venv is a link to an environment that will not do ($trouble); mend that, or remove the link"
    exit 1
fi
if [ -n "$trouble" ]; then
    [ ! -e "$venv" ] || say "making $venv anew: $trouble"
    rm -rf "$venv"
    # Debian packs the part that makes environments apart from Python.
    if ! why=$("$python" -m venv "$venv" 2>&1); then
        rm -rf "$venv"
        package="python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
        apt_install "$package" || {
            printf '%s\n' "$why" >&2
            say "$python cannot make virtual environments; where $package is missing (Debian, Ubuntu)," \
                "install it and try again"
            exit 1
        }
        quietly "$python" -m venv "$venv"
    fi
fi

# --- Python packages, again only when the lists changed

# LOCKED=yes takes the versions of the lock file, each checked by its hash. They were chosen for
# Python 3.11 on Linux; other systems may need other packages, and pip says so.
pip_install() { "$venv/bin/python" -m pip install -q --disable-pip-version-check "$@"; }
wanted=$(cat requirements.txt requirements-dev.txt | cksum)
[ "${LOCKED:-}" != yes ] || wanted="locked $(cksum <requirements-dev.lock)"
if [ "$(cat "$venv/.requirements" 2>/dev/null)" != "$wanted" ]; then
    if [ "${LOCKED:-}" = yes ]; then
        say "installing Python packages, as locked"
        pip_install --require-hashes -r requirements-dev.lock
    else
        say "installing Python packages"
        pip_install -r requirements-dev.txt
    fi
    # Another Playwright looks for another Chromium.
    rm -f "$venv/.chromium" "$venv/.no-chromium"
    printf '%s' "$wanted" >"$venv/.requirements"
fi

# --- the MongoDB server's own needs

mongod=$("$venv/bin/python" -c 'from caliber_crawler.store.server import find_mongod; print(find_mongod())' 2>/dev/null || true)
if [ -z "$mongod" ]; then
    say "no MongoDB server to be had: there is no package of it for this system, and no mongod on PATH;" \
        "make demo and make test need one; for crawls set MONGODB_URI to a running MongoDB (off: no database)"
elif ! "$mongod" --version >/dev/null 2>&1; then
    apt_install libcurl4 || say "the MongoDB server lacks system libraries; install libcurl4 and OpenSSL 3"
fi

# --- Chromium: from a setting, from PATH, Playwright's, or to be installed

# Playwright drives the browser with a Node.js of its own, which a bare system cannot load.
playwright_runs() { "$venv/bin/python" -m playwright --version >/dev/null 2>&1; }
playwright_runs || apt_install libatomic1 libstdc++6 || true

chromium_found() { "$venv/bin/python" -m scripts.has_chromium; }
fetch_chromium() { # seconds, options
    timeout "$1" "$venv/bin/python" -m playwright install "${@:2}" chromium >/dev/null 2>&1
}
if [ -e "$venv/.chromium" ]; then
    : # found at an earlier call
elif chromium_found; then
    : >"$venv/.chromium"
elif [ ! -e "$venv/.no-chromium" ]; then
    if [ -e /etc/debian_version ] && ! grep -qi ubuntu /etc/os-release; then
        apt_install chromium || true
    fi
    if ! chromium_found; then
        # With the libraries that it needs where they can be installed, as on Ubuntu.
        { apt_works && fetch_chromium 600 --with-deps; } || fetch_chromium 300 || true
    fi
    if chromium_found; then
        : >"$venv/.chromium"
    else
        # Not tried again at each call; delete the mark to try again.
        : >"$venv/.no-chromium"
    fi
fi
if [ ! -e "$venv/.chromium" ]; then
    say "no Chromium to be had: install it or set CHROMIUM_EXECUTABLE; going on without a browser"
fi
