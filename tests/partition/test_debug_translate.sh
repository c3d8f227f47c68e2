#!/usr/bin/env bash
# The debug core's tests again, under the translator: every stop is where the interpreter makes it.
set -eu
"$1/umbra" run --help | grep -q 'translate' || { echo "SKIP: this build has no translator"; exit 77; }
for test in debug breakpoints explain views; do
    UMBRA_ENGINE=translate "$1/tests/test-partition-$test"
done
