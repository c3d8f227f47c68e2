#!/usr/bin/env bash
# Lines of code (no blank lines, no comments) of the trusted core and of the rest. With --write it
# puts the table into docs/architecture.md between its markers.
set -eu
cd "$(dirname "$0")/.."

lines() { # FOLDER...
    find "$@" \( -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.def' -o -name '*.asm' -o -name '*.inc' \) -print0 2>/dev/null |
        xargs -0 cat 2>/dev/null |
        perl -0pe 's{/\*.*?\*/}{}gs; s{^\s*(;|//).*$}{}mg' | grep -c '[^[:space:]]' || true
}

table() {
    echo "| part | lines of code |"
    echo "|---|---|"
    core=0
    for f in base mmu cpu translator partition; do
        n=$(lines $f)
        core=$((core + n))
        echo "| $f | $n |"
    done
    echo "| **trusted core** | **$core** |"
    for f in devices frontend bios tests; do
        echo "| $f | $(lines $f) |"
    done
}

if [ "${1-}" = --write ]; then
    table >/tmp/umbra-count.$$
    perl -0pi -e 'BEGIN { local $/; open F, "<", "/tmp/umbra-count.'$$'"; $t = <F>; }
        s/(<!-- count-core -->\n).*?(<!-- end -->)/$1$t$2/s' docs/architecture.md
    rm -f /tmp/umbra-count.$$
else
    table
fi
