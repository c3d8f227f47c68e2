#!/usr/bin/env bash
# The built-in guest: comes to its prompt, shows both tasks' page tables, the rogue DMA is stopped, and
# it switches the machine off.   $1 build folder
set -eu
[ -x "$1/umbra" ] && [ -s "$1/bios/demo.img" ] || { echo "SKIP: umbra or the demo is not built"; exit 77; }
out=$(mktemp)
trap 'rm -f "$out"' EXIT
status=0
"$1/umbra" run --display none --serial stdio --type \
    '{until demo ready}page\n{until two pages of memory}tasks\n{until and A goes on}dma\n{until had no such check}off\n' \
    --timeout 600 >"$out" 2>&1 || status=$?
tr -d '\r' <"$out"
[ $status = 0 ] || { echo "exit status $status: it did not switch itself off"; exit 1; }
expect() { # COUNT TEXT
    [ "$(grep -ac "$2" "$out")" = "$1" ] || { echo "expected $1 times: $2"; exit 1; }
}
expect 1 'umbra demo ready'
expect 2 'directory\[ 256\]'
expect 1 'Task A faulted: vector 14, error 7'
expect 1 'a buffer in RAM .* arrived'
expect 2 'stopped, nothing changed'
expect 2 'DMA denied'
