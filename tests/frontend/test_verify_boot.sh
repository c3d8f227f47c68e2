#!/usr/bin/env bash
# Whole guests with --verify: all that the translator emits for them passes. The built-in guest in both
# shadow forms; FreeDOS too, where shared/guests is.   $1 build folder  $2 source folder
set -u
umbra=$1/umbra
[ -x "$umbra" ] && [ -s "$1/bios/demo.img" ] || { echo "SKIP: umbra or the demo is not built"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
readonly dir out=$dir/out
check() { # WHAT STATUS: the message at the end of $out
    grep -qa 'no Capstone' "$out" && { echo "SKIP: this build has no Capstone"; exit 77; }
    grep -qa 'no translation' "$out" && { echo "SKIP: this host has no translator"; exit 77; }
    [ "$2" = 0 ] && grep -a -- '--verify: [0-9]* units of host code checked, no violation' "$out" && return
    cat "$out"
    echo "FAIL: $1, exit status $2"
    exit 1
}
for shadow in window soft; do
    "$umbra" run --display none --serial stdio --verify --shadow $shadow --timeout 600 --type \
        '{until demo ready}page\n{until two pages of memory}tasks\n{until and A goes on}off\n' >"$out" 2>&1
    check "the demo, $shadow" $?
done
if command -v nasm >/dev/null; then
    nasm -f bin -o "$dir/long_unit.img" "$2/tests/frontend/long_unit.asm"
    for shadow in window soft; do
        "$umbra" run --display none --verify --shadow $shadow --timeout 600 --debug-exit 0xF4 --fda "$dir/long_unit.img" >"$out" 2>&1
        status=$?
        check "the longest unit, $shadow" $((status == 85 ? 0 : status))
    done
else
    echo "SKIP: nasm is not installed: the longest unit is not tried"
fi
image=${UMBRA_GUESTS:-$2/../shared/guests}/freedos-144.img
[ -f "$image" ] || exit 0
"$umbra" run --display none --verify --snapshot --until 'A:\>' --timeout 600 "$image" >"$out" 2>&1
check FreeDOS $?
