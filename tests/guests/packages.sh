#!/usr/bin/env bash
# Fetches the Debian packages that guests are made of, once, into a cache folder, and prints where
# the files of one item lie:
#
#   packages.sh ITEM     exit 0 and the folder on stdout; 77 and the reason when it can't be had
#   packages.sh --list   the items
#
# No root and no foreign architecture is needed: apt-get works on a private state of its own, with
# Debian 12's i386 packages only. The cache is $UMBRA_CACHE, else ~/.cache/umbra; --jobs of ctest may
# ask at the same time.
set -eu

mirror=${UMBRA_MIRROR:-http://deb.debian.org/debian}
cache=${UMBRA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/umbra}
state=$cache/apt

# item: package(s), then the files that are kept of them (patterns of tar).
items() {
    cat <<'END'
linux-686 linux-image-686 ./boot/vmlinuz-*
linux-686-pae linux-image-686-pae ./boot/vmlinuz-*
busybox busybox-static ./bin/busybox
installer debian-installer-12-netboot-i386 */text/debian-installer/i386/linux */text/debian-installer/i386/initrd.gz
memtest memtest86+ *
grub-rescue grub-rescue-pc ./usr/lib/grub-rescue/*
invaders grub-invaders ./boot/*
gnumach gnumach-image-1.8-486 ./boot/*
ipxe ipxe ./boot/ipxe.lkrn ./usr/lib/ipxe/ipxe.iso
syslinux syslinux-common,isolinux *
grub grub-pc-bin ./usr/lib/grub/i386-pc/*
END
}

refuse() {
    echo "SKIP: $*" >&2
    exit 77
}

private_apt() { # COMMAND...: apt-get or apt-cache on the private state
    tool=$1
    shift
    "$tool" -q -o APT::Architecture=i386 -o APT::Architectures=i386 -o "Dir::State=$state" \
        -o "Dir::State::status=$state/status" -o "Dir::Cache=$state/cache" \
        -o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null -o "APT::Sandbox::User=$(id -un)" \
        -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o Acquire::Languages=none "$@"
}

update_lists() {
    [ -f "$state/updated" ] && return
    # Without a network every guest would wait in vain: one failure counts for ten minutes.
    if [ -n "$(find "$state/failed" -mmin -10 2>/dev/null)" ]; then
        refuse "the Debian archive could not be reached a moment ago (see $state/log)"
    fi
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    : >"$state/status"
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$keyring] $mirror bookworm main" >"$state/sources.list"
    if ! private_apt apt-get -o APT::Update::Error-Mode=any update >"$state/log" 2>&1; then
        touch "$state/failed"
        refuse "the Debian archive cannot be reached: $(grep -m1 '^[EW]:' "$state/log")"
    fi
    touch "$state/updated"
}

# linux-image-686 and its like are empty: what they depend on is meant.
real_name() {
    case $1 in
    linux-image-686*)
        private_apt apt-cache depends --important "$1" | sed -n 's/^ *Depends: \(linux-image-6[^ ]*\)/\1/p' | head -1
        ;;
    *) echo "$1" ;;
    esac
}

fetch() { # PACKAGE FOLDER PATTERN...: downloads, and unpacks the patterns into FOLDER
    package=$(real_name "$1")
    into=$2
    shift 2
    download=$(mktemp -d "$cache/download.XXXXXX")
    if ! (cd "$download" && private_apt apt-get download "$package" >"$state/log" 2>&1); then
        rm -rf "$download" "$state/updated"
        refuse "package $package cannot be fetched: $(grep -m1 '^[EW]:' "$state/log")"
    fi
    dpkg-deb --fsys-tarfile "$(find "$download" -name '*.deb')" |
        tar -x -C "$into" --no-same-owner --wildcards "$@"
    rm -rf "$download"
}

if [ "${1-}" = --list ]; then
    items | cut -d' ' -f1
    exit 0
fi
line=$(items | grep "^${1:?which item?} ") || refuse "there is no item $1"
folder=$cache/packages/$1
if [ ! -d "$folder" ]; then
    for tool in apt-get dpkg-deb flock; do
        command -v $tool >/dev/null || refuse "$tool is needed to fetch Debian packages"
    done
    mkdir -p "$state" "$cache/packages" 2>/dev/null || refuse "the cache $cache cannot be written"
    exec 9>"$cache/lock"
    flock 9
    if [ ! -d "$folder" ]; then # nobody else fetched it meanwhile
        update_lists
        set -f
        # shellcheck disable=SC2086
        set -- $line
        shift
        part=$(mktemp -d "$cache/part.XXXXXX")
        trap 'rm -rf "$part"' EXIT
        packages=$1
        shift
        for package in ${packages//,/ }; do
            fetch "$package" "$part" "$@"
        done
        chmod 755 "$part"
        mv "$part" "$folder"
    fi
fi
echo "$folder"
