# shellcheck shell=bash disable=SC2034
# scripts/dependencies.sh: sourced by ./run, ./test and .ci/run. Installs what is missing.
# The packages and why each is needed: docs/dependencies.md.

build_packages="gcc libc6-dev cmake ninja-build nasm pkg-config zlib1g-dev libsdl2-dev
    libcapstone-dev libjansson-dev libedit-dev libdw-dev g++ libimgui-dev fonts-dejavu-core"
test_packages="check gdb python3 qemu-utils e2fsprogs mtools xorriso isolinux
    syslinux-common cpio seabios vgabios grub-pc-bin grub-common debootstrap xvfb xdotool imagemagick"
ci_packages="clang libclang-rt-14-dev clang-format"

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

missing_packages() {
    for p in "$@"; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$p"
    done
}

# install_packages PACKAGE...: installs those that are missing, or says what to do.
install_packages() {
    if ! command -v dpkg-query >/dev/null 2>&1; then
        have_tools && return 0
        cat >&2 <<EOF
umbra: this is not a Debian system, so install these by your own package manager, then try again:
  a C17 compiler (gcc or clang) with 32-bit code generation, cmake >= 3.21, ninja, nasm, pkg-config,
  zlib headers; for windows SDL2 headers; for the tests Check and Capstone headers
EOF
        return 1
    fi
    wanted=$(missing_packages "$@")
    [ -n "$wanted" ] || return 0
    as_root=
    if [ "$(id -u)" != 0 ]; then
        as_root=sudo
        command -v sudo >/dev/null 2>&1 || {
            echo "umbra: please install as root: apt-get install $wanted" >&2
            return 1
        }
    fi
    say "installing: $wanted"
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null 2>&1 || {
        $as_root apt-get update -qq
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null
    }
}

have_tools() {
    for t in cc cmake ninja nasm pkg-config; do
        command -v $t >/dev/null 2>&1 || return 1
    done
}

# build PRESET [TARGET...]: configures when needed and builds all, or these targets; quietly unless it fails.
build() {
    preset=$1 folder=build
    shift
    [ "$preset" = release ] || folder=build-$preset
    [ $# = 0 ] || set -- --target "$@"
    [ -f "$folder/build.ninja" ] || say "configuring $folder"
    log=$(mktemp)
    if ! cmake --preset "$preset" >"$log" 2>&1; then
        cat "$log" >&2
        return 1
    fi
    if [ -t 2 ]; then
        NINJA_STATUS='[%f/%t] ' cmake --build "$folder" "$@" >&2 || return 1
    elif ! cmake --build "$folder" "$@" >"$log" 2>&1; then
        tail -60 "$log" >&2
        return 1
    fi
    rm -f "$log"
}
