#!/usr/bin/env bash
# Runs a command as compose.yaml runs a container: user 10001 without capabilities, root and home read-only,
# /tmp without exec, the volume on ~/.cache, models on /models. Needs root; what it mounts ends with it.
#
#   tests/container_like.sh CLONE MODELS VARIABLE=VALUE... -- COMMAND...
set -euo pipefail

if [ -z "${ROOT:-}" ]; then
    root=$(mktemp --directory)
    trap 'rmdir "$root"' EXIT
    ROOT=$root unshare --mount --propagation private "$0" "$@"
    exit
fi
root=$ROOT
clone=$1 models=$2
shift 2
variables=()
while [ "$1" != -- ]; do
    variables+=("$1")
    shift
done
shift

mount -t tmpfs -o mode=755 root "$root"
cp --no-dereference --preserve=links /bin /sbin /lib /lib64 "$root" 2>/dev/null || true # links into /usr
mkdir "$root/tmp" "$root/models"
mount -t tmpfs -o noexec,nosuid,nodev,mode=1777 tmp "$root/tmp" # as Docker's tmpfs

read_only() { # FOLDER [PLACE]
    mkdir --parents "$root${2:-$1}"
    mount --rbind "$1" "$root${2:-$1}"
    mount -o remount,bind,ro "$root${2:-$1}"
}
venv=$(realpath "$clone/.venv")
for folder in /usr /etc "$clone" "$venv" "$(realpath "$("$venv/bin/python" -c 'import sys; print(sys.base_prefix)')")"; do
    read_only "$folder"
done
read_only "$models" /models
for folder in /proc /sys /dev; do
    mkdir --parents "$root$folder"
    mount --rbind "$folder" "$root$folder"
done
{ cat /etc/passwd && echo 'voicebench:x:10001:10001::/home/voicebench:/bin/sh'; } >"$root/passwd"
mount --bind "$root/passwd" "$root/etc/passwd"
mkdir --parents "$root/home/voicebench/.cache"
mount -t tmpfs -o mode=755,uid=10001 volume "$root/home/voicebench/.cache"
mount -o remount,ro "$root"

cd "$clone"
chroot "$root" setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --inh-caps=-all \
    --bounding-set=-all env --ignore-environment --chdir="$clone" HOME=/home/voicebench "${variables[@]}" "$@"
