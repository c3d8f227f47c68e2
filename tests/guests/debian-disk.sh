#!/usr/bin/env bash
# Makes a whole Debian 12 i386 on a disk image with GRUB, once, in the cache folder, and prints its
# path:  debian-disk.sh       exit 77 and the reason on stderr when it can't be made
#
# 900 MB of ext4 in one partition (sparse: some 600 MB are used); systemd, the 686 kernel, a login on
# the serial port. User root, password umbra. debootstrap runs the packages' own scripts, so this
# needs root (or sudo without a password) and an x86 host; no loop device, no mount.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mirror=${UMBRA_MIRROR:-http://deb.debian.org/debian}
cache=${UMBRA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/umbra}
image=$cache/debian-disk/disk.img
refuse() {
    echo "SKIP: $*" >&2
    exit 77
}
if [ -f "$image" ]; then
    echo "$image"
    exit 0
fi
PATH=$PATH:/usr/sbin:/sbin
for tool in debootstrap mke2fs grub-mkimage python3; do
    command -v $tool >/dev/null || refuse "$tool is not installed"
done
as_root=
if [ "$(id -u)" != 0 ]; then
    as_root="sudo -n"
    $as_root true 2>/dev/null || refuse "debootstrap needs root"
fi
mkdir -p "$cache/debian-disk"
work=$(mktemp -d "$cache/debian-disk/work.XXXXXX")
trap '$as_root rm -rf "$work"' EXIT
root=$work/root
packages=systemd-sysv,linux-image-686,initramfs-tools,udev,kmod,iproute2,login,e2fsprogs
$as_root debootstrap --arch=i386 --variant=minbase --include=$packages bookworm "$root" "$mirror" \
    >"$work/log" 2>&1 || {
    tail -5 "$work/log" >&2
    refuse "debootstrap failed (network?)"
}
$as_root sh -eu -c '
cd "$1"
echo umbra >etc/hostname
echo "/dev/sda1 / ext4 errors=remount-ro 0 1" >etc/fstab
echo root:umbra | chroot . chpasswd
rm -f var/cache/apt/archives/*.deb
mkdir -p boot/grub
cat >boot/grub/grub.cfg <<END
echo "GRUB loads Debian"
linux /vmlinuz root=/dev/sda1 ro console=ttyS0
initrd /initrd.img
boot
END
' sh "$root"
mke2fs_flags="-q -t ext4 -O ^metadata_csum_seed,^orphan_file -L umbra"
# shellcheck disable=SC2086
$as_root mke2fs $mke2fs_flags -d "$root" "$work/ext4.img" 900M >/dev/null
$as_root chmod a+r "$work/ext4.img"
python3 - "$here" "$work" <<'END'
import pathlib
import sys

sys.path.insert(0, sys.argv[1])
import recipes

work = pathlib.Path(sys.argv[2])
kit = recipes.Kit(pathlib.Path(sys.argv[1]).parent.parent, work)
recipes.grub_disk(kit, work / "disk.img", work / "ext4.img")
END
mv "$work/disk.img" "$image"
echo "$image"
