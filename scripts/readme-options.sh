#!/usr/bin/env bash
# Puts the text of `umbra --help` into README.md, between its markers. With --check it only tells whether README.md is up to date.
set -eu
cd "$(dirname "$0")/.."
umbra=${UMBRA:-build/umbra}
new=$(mktemp)
HELP=$("$umbra" --help) perl -0pe 's/(<!-- made by scripts\/readme-options.sh from umbra --help -->\n```\n).*?(```\n<!-- end -->)/$1$ENV{HELP}\n$2/s' README.md >"$new"
if [ "${1-}" = --check ]; then
    diff -u README.md "$new" && rm -f "$new"
else
    cp "$new" README.md
    rm -f "$new"
fi
