#!/usr/bin/env bash
# Makes a virtual environment with Python 3.11.
#
#   requirements/make_environment.sh [FOLDER]     default: .venv; nothing where it is there
#
# The interpreter is PYTHON, or a python3.11 on the path. Where there is none, uv brings one; where uv is
# not there either, any Python from 3.9 installs it into .uv. Where uv cannot bring one, a Python 3.12
# or 3.13 is taken. UV_PYTHON_INSTALL_MIRROR names a mirror (docs/install.md).
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${1:-.venv}
uv_version=0.13.9
supported='(3, 11) <= v <= (3, 13)'
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

fail() {
    echo "error: $1" >&2
    exit 1
}

# has INTERPRETER CONDITION: whether it runs and the condition holds, `v` being its version
has() { "$1" -c "import sys; v = sys.version_info[:2]; sys.exit(not ($2))" >/dev/null 2>&1; }

# The first interpreter that can make an environment: Debian's needs python3-venv for it
first_with() { # CONDITION INTERPRETER...
    local condition=$1 each
    shift
    for each in "$@"; do
        if has "$each" "$condition" && "$each" -c 'import ensurepip, venv' 2>/dev/null; then
            command -v "$each"
            return
        fi
    done
    return 1
}

find_uv() {
    local each pip
    command -v uv && return
    for each in python3 python3.{14,13,12,10,9} python; do
        has "$each" 'v >= (3, 9)' || continue
        if "$each" -m pip --version >/dev/null 2>&1; then
            pip=("$each" -m pip install --upgrade --target .uv)
        elif "$each" -m venv .uv >/dev/null 2>&1; then
            pip=(.uv/bin/python -m pip install)
        else
            continue
        fi
        "${pip[@]}" --quiet "uv==$uv_version" >&2 || return
        echo .uv/bin/uv
        return
    done
    return 1
}

if [ -x "$venv/bin/python" ]; then
    has "$venv/bin/python" "$supported" ||
        fail "$venv does not hold Python 3.11 to 3.13. Remove it and try again."
elif [ -n "${PYTHON:-}" ]; then
    first_with "$supported" "$PYTHON" >/dev/null ||
        fail "PYTHON=$PYTHON is not Python 3.11 to 3.13 with venv. Name another, or unset it."
    "$PYTHON" -m venv "$venv"
elif python=$(first_with 'v == (3, 11)' python3.11 python3 python); then
    "$python" -m venv "$venv"
elif uv=$(find_uv) && echo "no Python 3.11 on the path: uv brings one" && "$uv" venv --python 3.11 "$venv"; then
    : # with uv's own Python
elif python=$(first_with "$supported" python3.12 python3.13 python3 python); then
    echo "no Python 3.11 can be had: $python is taken instead"
    "$python" -m venv "$venv"
else
    fail "no Python 3.11 is here, and uv cannot bring one. Install python3.11-venv; or uv or \
python3-pip, with UV_PYTHON_INSTALL_MIRROR where GitHub cannot be reached (docs/install.md)."
fi
# uv's environments have no pip, whose settings and wheels are needed
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
