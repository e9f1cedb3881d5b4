#!/usr/bin/env bash
# Resolves pyproject.toml into requirements/cpu.txt and gpu.txt. Versions already locked are kept
# where they still fit; `requirements/lock.sh --upgrade` takes the newest.
set -euo pipefail
cd "$(dirname "$0")/.."

export UV_FIND_LINKS=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-$(.venv/bin/pip config get global.find-links || true)}}

resolve() { # SET PYTHON [uv options]: prints names and versions
    local set=$1 version=$2
    shift 2
    .venv/bin/uv pip compile pyproject.toml --quiet --no-annotate --no-header \
        --python-version "$version" --python-platform x86_64-manylinux_2_28 \
        --extra "$set" --extra synth --extra notebooks --extra serve --extra dev "$@"
}

# The same versions wherever they fit: the GPU set begins with those of the CPU set. A torch built for CPUs
# is a local wheel that would be preferred in it: no folder of wheels, and === refuses it in installations.
resolve cpu 3.11 --override requirements/cpu-overrides.txt --output-file requirements/cpu.txt "$@" >/dev/null
grep -v '^torch==' requirements/cpu.txt >requirements/gpu.txt
export UV_FIND_LINKS=''
resolve gpu 3.11 --output-file requirements/gpu.txt "$@" >/dev/null

# What Python 3.12 and 3.13 need beside; their CPU builds of torch are seldom at hand, so from the GPU set
for version in 3.12 3.13; do
    resolve gpu "$version" --constraint requirements/gpu.txt
done | sort --unique | comm -13 <(sort requirements/gpu.txt) - >requirements/others.txt

lock() { # SET OTHER_SET
    {
        echo "# Made by \`make lock\` from pyproject.toml, all extras but $2; not to be edited by hand."
        LC_ALL=C sort --unique --field-separator== --key=1,1 "requirements/$1.txt" requirements/others.txt
    } >requirements/sorted.txt
    mv requirements/sorted.txt "requirements/$1.txt"
}
lock cpu gpu
lock gpu cpu
sed -i 's/^torch==/torch===/' requirements/gpu.txt
rm requirements/others.txt
