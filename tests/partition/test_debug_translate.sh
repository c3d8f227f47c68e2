#!/usr/bin/env bash
# The debug core's tests again, under the translator with each form of shadow map, all code translated from its first run: every stop
# is where the interpreter makes it.
set -eu
"$1/umbra" run --help | grep -q 'translate' || { echo "SKIP: this build has no translator"; exit 77; }
for shadow in auto window soft; do
    for test in debug breakpoints explain views; do
        UMBRA_ENGINE=translate UMBRA_SHADOW=$shadow UMBRA_EAGER=1 "$1/tests/test-partition-$test"
    done
done
