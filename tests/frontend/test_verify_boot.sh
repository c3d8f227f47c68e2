#!/usr/bin/env bash
# Whole guests with --verify: all that the translator emits for them passes. The built-in guest in both
# shadow forms; FreeDOS too, where shared/guests is.   $1 build folder  $2 source folder
set -u
umbra=$1/umbra
[ -x "$umbra" ] && [ -s "$1/bios/demo.img" ] || { echo "SKIP: umbra or the demo is not built"; exit 77; }
out=$(mktemp)
trap 'rm -f "$out"' EXIT
check() { # WHAT STATUS: the message at the end of $out
    grep -qa 'no Capstone' "$out" && { echo "SKIP: this build has no Capstone"; exit 77; }
    grep -qa 'no translation' "$out" && { echo "SKIP: this host has no translator"; exit 77; }
    [ "$2" = 0 ] && grep -a -- '--verify: [0-9]* units of host code checked, no violation' "$out" && return
    cat "$out"
    echo "FAIL: $1, exit status $2"
    exit 1
}
for shadow in window soft; do
    "$umbra" run --display none --serial stdio --verify --shadow $shadow --timeout 120 --type \
        '{until demo ready}page\n{until two pages of memory}tasks\n{until and A goes on}off\n' >"$out" 2>&1
    check "the demo, $shadow" $?
done
image=${UMBRA_GUESTS:-$2/../shared/guests}/freedos-144.img
[ -f "$image" ] || exit 0
"$umbra" run --display none --verify --snapshot --until 'A:\>' --timeout 200 "$image" >"$out" 2>&1
check FreeDOS $?
