#!/bin/sh
# The window is a module that is loaded when it is asked for: the program needs no desktop library,
# runs without the module, and says what is wrong with one that it can't use.
build=$1
module=$build/umbra-window.so
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() {
    echo "FAIL: $*"
    exit 1
}
readelf -d "$build/umbra" >needed || fail "no readelf"
! grep 'NEEDED.*\(SDL\|X11\|wayland\|pulse\|stdc++\)' needed || fail "the program needs that"

# A BIOS whose first instructions end the run with status 33.
head -c 65520 /dev/zero | tr '\0' '\364' >bios
printf '\260\020\346\364\353\376\0\0\0\0\0\0\0\0\0\0' >>bios
cp "$build/umbra" umbra # a folder without the module
export UMBRA_FIRMWARE="$build/bios" ASAN_OPTIONS=detect_leaks=0
unset DISPLAY WAYLAND_DISPLAY SDL_VIDEODRIVER

# run LINES STATUS TEXT OPTIONS...: so many lines on stderr, that have TEXT.
run() {
    lines=$1 want=$2 text=$3
    shift 3
    timeout 300 ./umbra "$@" --timeout 200 --bios bios --debug-exit 0xF4 >out 2>err </dev/null
    got=$?
    [ $got -eq "$want" ] || fail "umbra $*: exit $got, not $want: $(cat err)"
    [ "$lines" -eq 0 ] || grep -qF -- "$text" err || fail "umbra $*: '$text' is not in: $(cat err)"
    [ "$(grep -c . err)" -eq "$lines" ] || fail "umbra $*: not $lines lines: $(cat err)"
}

run 0 33 "" run --display none
run 1 1 "there is no umbra-window.so in $dir" run --display sdl
run 1 1 "--display term and none" run --display sdl
# A desktop that is not there is not found out without the module.
export SDL_VIDEODRIVER=dummy
run 2 33 "no window: there is no umbra-window.so" run
run 0 33 "" run --display none
echo quit >script
timeout 300 ./umbra debug --bios bios --timeout 200 --display none <script >out 2>err
grep -q "this build has no window.*here is the console" err || fail "umbra debug: $(cat err)"

[ -f "$module" ] || {
    echo "SKIP: the rest: this build has no window"
    exit 77
}

echo "no library" >umbra-window.so
run 1 1 "cannot load $dir/umbra-window.so: " run --display sdl
sed 's/libSDL2-2/libSDL2-9/g' "$module" >umbra-window.so
run 1 1 "libSDL2-9.0.so.0: cannot open shared object file" run --display sdl
run 1 1 "libsdl2-2.0-0" run --display sdl
run 2 33 "no window: cannot load" run
version=$(./umbra --version | sed 's/^umbra //')
other=$(echo "$version" | tr 0-9 1-90)
LC_ALL=C sed "s/$version\\x00/$other\\x00/g" "$module" >umbra-window.so
run 1 1 "is of another build" run --display sdl
cp "$module" umbra-window.so
run 0 33 "" run --display sdl
run 0 33 "" run
# With no desktop SDL finds a driver that shows nothing, unless the host has a screen of its own.
if [ ! -e /dev/dri ] && [ ! -e /dev/fb0 ]; then
    unset SDL_VIDEODRIVER
    XDG_RUNTIME_DIR=$dir run 1 1 "there is no desktop here" run --display sdl
    export SDL_VIDEODRIVER=dummy
fi

# Installed: bin/umbra, lib/umbra/umbra-window.so.
mkdir -p to/bin to/lib/umbra
mv umbra to/bin
mv umbra-window.so to/lib/umbra
ln -s to/bin/umbra umbra
run 0 33 "" run --display sdl
echo ok
