#!/usr/bin/env bash
# Resolves pyproject.toml into requirements/cpu.txt and gpu.txt. Versions already locked are kept
# where they still fit; `requirements/lock.sh --upgrade` takes the newest.
set -euo pipefail
cd "$(dirname "$0")/.."

export UV_FIND_LINKS=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-$(.venv/bin/pip config get global.find-links || true)}}

lock() { # lock SET OTHER_SET [uv options]
    local set=$1 other=$2
    shift 2
    .venv/bin/uv pip compile pyproject.toml --quiet --no-annotate --no-header \
        --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
        --extra "$set" --extra synth --extra notebooks --extra serve --extra dev \
        --output-file "requirements/$set.txt" "$@" >/dev/null
    sed -i "1i # Made by \`make lock\` from pyproject.toml, all extras but $other; not to be edited by hand." \
        "requirements/$set.txt"
}

lock cpu gpu --override requirements/cpu-overrides.txt "$@"
grep -v '^torch==' requirements/cpu.txt >requirements/gpu.txt # the same versions wherever they fit
UV_FIND_LINKS='' lock gpu cpu # a torch built for CPUs is a local wheel, and would be preferred
sed -i 's/^torch==/torch===/' requirements/gpu.txt # === refuses that wheel in an installation too
