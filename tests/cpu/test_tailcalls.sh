#!/bin/sh
# tests/cpu/test_tailcalls.sh BUILD SOURCE: handlers must reach the next instruction by a jump. One
# that calls it nests the host's stack at every instruction, and a guest's loop would overflow it.
# So no op_ function may hold an indirect call, but for those that call back to the partition.
set -u
build=$1
command -v objdump >/dev/null || { echo "SKIP: no objdump"; exit 77; }
grep -q 'UMBRA_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" && { echo "SKIP: sanitizers make no tail calls (blocks do not chain there)"; exit 77; }
grep -q 'CMAKE_C_COMPILER:.*clang' "$build/CMakeCache.txt" && { echo "SKIP: clang's musttail is checked by clang"; exit 77; }
objdump -f "$build/libumbra_cpu.a" | grep -q x86-64 || { echo "SKIP: not an x86-64 host"; exit 77; }
objdump -d --no-show-raw-insn "$build/libumbra_cpu.a" | awk '
    BEGIN {
        # callbacks of struct vcpu_host, and how many sites may call one
        allowed["op_in_al_ib"] = allowed["op_in_eax_ib"] = allowed["op_in_al_dx"] = 1
        allowed["op_in_eax_dx"] = allowed["op_out_ib_al"] = allowed["op_out_ib_eax"] = 1
        allowed["op_out_dx_al"] = allowed["op_out_dx_eax"] = allowed["op_fnsave"] = 1
        allowed["op_wrmsr"] = 2
    }
    /^[0-9a-f]+ <.*>:$/ { name = $2; gsub(/[<>:]/, "", name); seen += name ~ /^op_/ }
    name ~ /^op_/ && /call +\*/ { calls[name]++ }
    END {
        for (name in calls) {
            if (calls[name] > allowed[name] + 0) {
                print name ": " calls[name] " indirect calls: its tail call is not one"
                bad = 1
            }
        }
        if (seen < 500) { print "only " seen + 0 " handlers found"; bad = 1 }
        exit bad
    }'
