#!/usr/bin/env bash
# Puts the list of verbs, as the console's "help" shows it, into docs/control.md, between its markers. With --check it only tells whether
# docs/control.md is up to date.
set -eu
cd "$(dirname "$0")/.."
umbra=${UMBRA:-build/umbra}
new=$(mktemp)
trap 'rm -f "$new"' EXIT
HELP=$(echo help | "$umbra" debug --display none --console)
export HELP
perl -0pe 's/(<!-- made by scripts\/control-verbs.sh from the verb help -->\n```\n).*?(```\n<!-- end -->)/$1$ENV{HELP}\n$2/s' docs/control.md >"$new"
if [ "${1-}" = --check ]; then
    diff -u docs/control.md "$new"
else
    cp "$new" docs/control.md
fi
