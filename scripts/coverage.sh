#!/usr/bin/env bash
# Runs the tests of cpu/ and mmu/, and partition-debug (the debuggers' stops in cpu/ are tested
# through it), in a build that counts lines (build-coverage), and prints line coverage per file of
# cpu/, the functions never run, and the rows of the opcode table never run.
#
#   scripts/coverage.sh [--lines]     --lines lists the lines never run, too
#   UMBRA_CPUTESTS=FOLDER in the environment: where the hardware vectors stand (../shared/cputests)
#
# Exits 1 when fewer than 95 % of the lines of cpu/ have run, or a row of the table has not.
set -eu
cd "$(dirname "$0")/.."
build=build-coverage
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release -DUMBRA_COVERAGE=ON ${UMBRA_CPUTESTS:+-DUMBRA_CPUTESTS="$UMBRA_CPUTESTS"} >$build.log
targets=$(ctest --test-dir $build -N | sed -n 's/^ *Test *#[0-9]*: \(cpu-.*\|mmu-.*\|partition-debug\)$/\1/p' |
    sed 's/^cpu-vectors-.*/cpu-vectors/; t; s/^/test-/' | grep -v tailcalls | sort -u)
# shellcheck disable=SC2086
cmake --build $build --target $targets
rm $build.log
find $build -name '*.gcda' -delete
export UMBRA_ROWS=$PWD/$build/rows.txt
rm -f "$UMBRA_ROWS"
failed=0
ctest --test-dir $build -j "$(nproc)" -R '^(cpu|mmu)-|^partition-debug$' -E tailcalls --output-on-failure || failed=1
python3 scripts/coverage_report.py $build "$@" || failed=1
exit $failed
