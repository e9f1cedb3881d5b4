#!/usr/bin/env bash
# Installs the GPU set into a fresh environment from an empty cache, and imports there what vLLM imports
# on a card. Needs a C compiler, 9 GB under TMPDIR while it runs, and no GPU: a library whose functions
# all fail stands for the driver's. What passed is written to requirements/gpu_set.sha256, and CI leaves
# the check out while that holds.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d -t voicebench-gpu-set-XXXXXX)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work

started=$SECONDS
VENV=$work/venv UV_CACHE_DIR=$work/cache requirements/install.sh gpu
echo "[GPU set] installed in $((SECONDS - started)) s"

started=$SECONDS
packages=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
find "$packages/vllm" -name '*.so' -exec nm --dynamic --undefined-only {} + 2>/dev/null |
    sed -nE 's/^ +U (cu[A-Z]\w+)$/int \1(void) { return 100; }/p' | sort --unique >"$work/libcuda.c"
mkdir "$work/driver"
cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$work/driver/libcuda.so.1" "$work/libcuda.c"
LD_LIBRARY_PATH=$work/driver "$work/venv/bin/python" requirements/import_gpu_set.py
echo "[GPU set] imported in $((SECONDS - started)) s"
sha256sum requirements/{gpu.txt,install.sh,check_gpu_set.sh,import_gpu_set.py} >requirements/gpu_set.sha256
