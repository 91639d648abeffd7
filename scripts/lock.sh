#!/usr/bin/env bash
# Makes requirements.lock (to run) and requirements-dev.lock (to develop): the newest versions that
# the lists allow, of these packages and all that they need, with the hashes of their files.
set -eu
cd "$(dirname "$0")/.."

compile() { # LOCK LIST...
    lock=$1
    shift
    .venv/bin/python -m piptools compile --quiet --upgrade --generate-hashes --allow-unsafe \
        --strip-extras --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
        --no-emit-trusted-host --no-emit-options --output-file "$lock" "$@"
    printf 'lock: %s\n' "$lock"
}
compile requirements.lock requirements.txt
compile requirements-dev.lock requirements-dev.txt
