#!/usr/bin/env bash
# No mutable globals: two partitions live in one process. Lists the writable symbols of every layer's
# library and fails when there is one.
set -eu
build=$1
bad=0
found=0
for layer in base mmu cpu translator devices partition; do
    library=$build/libumbra_$layer.a
    [ -f "$library" ] || continue
    found=$((found + 1))
    # b, B, d, D: data that can be written (r, R: constants; those of the sanitizers aside)
    symbols=$(nm "$library" 2>/dev/null | awk '$2 ~ /^[bBdDC]$/ { print $3 }' |
        grep -v -E '^(__(asan|ubsan|odr_asan|sancov)|\.L|asan\.|_ZZ|DW\.ref)' || true)
    if [ -n "$symbols" ]; then
        # Tables of pointers are constant, but relocated (.data.rel.ro): objdump tells those apart.
        real=$(objdump -t "$library" 2>/dev/null |
            awk '$0 ~ / (\.data|\.bss|\.tbss|\.tdata)\t/ || $0 ~ /\*COM\*/ { print $NF }' |
            grep -v -E '^(\.|__(asan|ubsan|odr_asan|sancov))|^\.L|Lubsan|\.LASAN' || true)
        if [ -n "$real" ]; then
            echo "mutable globals in $layer:"
            echo "$real"
            bad=1
        fi
    fi
done
[ "$found" -ge 5 ] || { echo "libraries not found in $build"; exit 1; }
exit $bad
