"""The script in a bundle that installs it: needs bash, Python 3.11 and coreutils, and no network."""

INSTALLER = r"""#!/usr/bin/env bash
# Installs this bundle of voicebench without network.
#
#   ./install.sh [FOLDER]      default: ~/voicebench
#
# Nothing outside FOLDER is written to. To take it away again: rm -r FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-$HOME/voicebench}
python=${PYTHON:-$(command -v python3.11 || true)}

fail() { echo "error: $1" >&2; exit 2; }

[ -n "$python" ] || fail "Python 3.11 is not here. Install it, or name it: PYTHON=/path/python3.11"
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
    fail "$python is not Python 3.11. Name one: PYTHON=/path/python3.11"
"$python" -c 'import ensurepip, venv' || fail "$python has no venv: install python3.11-venv"
[ ! -e "$target/.venv" ] || fail "$target holds an installation. Name another folder, or remove it"

echo "[1/4] checksums of $(wc -l <"$here/SHA256SUMS") files"
(cd "$here" && sha256sum --check --quiet SHA256SUMS) || fail "the bundle is damaged: copy it again"

echo "[2/4] virtual environment in $target"
mkdir -p "$target"
target=$(cd "$target" && pwd)
"$python" -m venv "$target/.venv"

echo "[3/4] packages"
# --isolated: no index, constraint or proxy of this machine's own settings
"$target/.venv/bin/python" -m pip install --isolated --no-index --no-deps --quiet \
    --disable-pip-version-check --find-links "$here/wheels" --requirement "$here/requirements.txt"

echo "[4/4] models and suites"
for part in models datasets; do
    [ ! -d "$here/$part" ] || cp -r "$here/$part" "$target/$part"
done
cat >"$target/voicebench" <<LAUNCHER
#!/usr/bin/env bash
export VOICEBENCH_MODELS="\${VOICEBENCH_MODELS:-$target/models}" HF_HUB_OFFLINE=1
export OMP_NUM_THREADS="\${OMP_NUM_THREADS:-1}" OMP_WAIT_POLICY="\${OMP_WAIT_POLICY:-PASSIVE}"
exec "$target/.venv/bin/python" -I -m voicebench "\$@"
LAUNCHER
chmod +x "$target/voicebench"
echo "installed. Try: $target/voicebench doctor --profile $(cat "$here/PROFILE")"
"""
