#!/usr/bin/env bash
# Installs voicebench, editable, with locked versions into .venv.
#
#   requirements/install.sh              everything the demo, the notebooks, the service and the tests need
#   requirements/install.sh cpu,serve    only these extras
#   requirements/install.sh gpu,serve    the same on CUDA, from requirements/gpu.txt
#
# Only .venv and the package caches are written to.
set -euo pipefail
cd "$(dirname "$0")/.."

extras=${1:-cpu,synth,notebooks,serve,dev}
python=${PYTHON:-$(command -v python3.11 || command -v python3)}
venv_python=.venv/bin/python
uv_version=0.13.9

step() { echo "[set-up $1] $2"; }

# uv does not read pip's configuration: hand over what a user has set there.
pip_setting() {
    local variable
    variable=PIP_$(echo "$1" | tr 'a-z-' 'A-Z_')
    echo "${!variable:-$("$venv_python" -m pip config get "global.$1" 2>/dev/null || true)}"
}

has_torch_wheel() {
    local version folder
    version=$(sed -n 's/^torch==//p' requirements/cpu.txt)
    for folder in ${UV_FIND_LINKS//,/ }; do
        compgen -G "${folder#file://}/torch-$version-cp311-*.whl" >/dev/null && return 0
    done
    return 1
}

step 1/3 "virtual environment .venv with $("$python" --version)"
[ -x "$venv_python" ] || "$python" -m venv .venv
"$venv_python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
    echo "error: .venv does not hold Python 3.11. Install python3.11, remove .venv and try again." >&2
    exit 1
}

step 2/3 "installer uv $uv_version"
"$venv_python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"

find_links=$(pip_setting find-links | xargs | tr ' ' ',')
export UV_FIND_LINKS=${UV_FIND_LINKS:-$find_links}
index=$(pip_setting index-url)
[ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
case ",$extras," in
    *,gpu,*)
        step 3/3 "packages [$extras]; torch for CUDA"
        locked=(--constraint requirements/gpu.txt)
        ;;
    *)
        locked=(--constraint requirements/cpu.txt --override requirements/cpu-overrides.txt)
        if has_torch_wheel; then
            step 3/3 "packages [$extras]; torch from the wheel folder configured for pip"
        else
            step 3/3 "packages [$extras]; torch from PyTorch's own index of CPU builds"
            export UV_TORCH_BACKEND=cpu
        fi
        ;;
esac
.venv/bin/uv pip install --python "$venv_python" "${locked[@]}" --editable ".[$extras]"
