#!/bin/sh
# umbra run --stats: one valid JSON object on stderr, with counters that say what happened.
umbra=$1/umbra
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "FAIL: $*"
    exit 1
}
# A boot sector that reads a sector by DMA through INT 13h, then halts for ever.
printf '\273\000\200\270\001\002\271\002\000\272\000\000\315\023\364\353\375' >"$dir/boot"
head -c 493 /dev/zero >>"$dir/boot"
printf '\125\252' >>"$dir/boot"

# A busy host may need longer until the guest has done its part.
for seconds in 3 15 60; do
    "$umbra" run --display none --stats --timeout $seconds "$dir/boot" >/dev/null 2>"$dir/err"
    status=$?
    [ $status -eq 3 ] || fail "exit $status, not 3: $(cat "$dir/err")"
    sed -n '/^{/,/^}/p' "$dir/err" >"$dir/json"
    python3 -m json.tool "$dir/json" >/dev/null || fail "no JSON: $(cat "$dir/err")"
    python3 - "$dir/json" <<'PY' && { echo ok; exit 0; }
import json, sys
s = json.load(open(sys.argv[1]))
assert s["instructions"] > 0 and s["virtual_ns"] > 0
assert s["dma"]["dma8237"]["bytes_written"] >= 512
assert s["slept_ns"] > s["virtual_ns"] // 3, "a halted guest lets the host sleep"
PY
done
fail "$(cat "$dir/json")"
