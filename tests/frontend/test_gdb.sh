#!/usr/bin/env bash
# The gdb stub with the real gdb, in batch mode: a 16-bit boot sector, a 32-bit kernel with symbols,
# Ctrl-C, detach and attach again, a second gdb, a user program by its page tables, the ways to end.
set -u
umbra=$1/umbra
kernel=$1/bios/demo/kernel.elf
command -v gdb >/dev/null || { echo "SKIP: gdb is not installed"; exit 77; }
gdb -nx -batch -ex 'set architecture i8086' >/dev/null 2>&1 || { echo "SKIP: this gdb knows no i386"; exit 77; }
[ -x "$umbra" ] && [ -s "$1/bios/bios.bin" ] || { echo "SKIP: umbra or its firmware is not built"; exit 77; }
dir=$(mktemp -d) || exit 1
pid=
cleanup() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    rm -rf "$dir"
}
trap cleanup EXIT
socket=$dir/gdb
fail() {
    echo "FAIL: $*"
    echo "--- gdb:"; cat "$dir/out" 2>/dev/null
    echo "--- umbra:"; cat "$dir/log" 2>/dev/null
    exit 1
}
# start OPTIONS...: umbra with the stub at $socket, in the background
start() {
    "$umbra" run --display none --timeout 600 --gdb "unix:$socket" "$@" </dev/null >"$dir/serial" 2>"$dir/log" &
    pid=$!
    for _ in $(seq 1200); do
        [ -S "$socket" ] && return
        sleep 0.1
    done
    fail "the socket does not come"
}
# ends STATUS: umbra ends by itself with that status
ends() {
    wait "$pid"
    got=$?
    pid=
    [ $got -eq "$1" ] || fail "umbra ended with $got, not $1"
}
# talk FILE [GDB OPTIONS]: runs a gdb script, its output in $dir/out. gdb's own limit, two seconds for each answer, would tell of the
# host's load: it asks again then, and takes the late answer for that of its next question.
talk() {
    script=$1
    shift
    timeout 300 gdb -nx -batch -ex 'set pagination off' -ex 'set confirm off' -ex 'set remotetimeout 200' "$@" \
        -ex "target remote $socket" -x "$script" >"$dir/out" 2>&1 || fail "gdb: status $?"
}
says() {
    grep -q -- "$1" "$dir/out" || fail "'$1' is not in gdb's output"
}

# --- the command line: what is wrong is said, with the usual exit status
refused() {
    want=$1
    shift
    timeout 200 "$umbra" run --display none "$@" </dev/null >/dev/null 2>"$dir/log"
    got=$?
    [ $got -eq "$want" ] || fail "umbra run $*: exit $got, not $want"
}
refused 2 -S
refused 2 --gdb 1234
refused 1 --gdb "unix:$dir/no/such/place"
refused 1 --gdb localhost:nosuchservice

# --- 16-bit: jmp 0:7C05; xor ax,ax; mov ds,ax; mov cx,3; 7C0C: inc word [600]; loop 7C0C;
#     mov ax,0E41h; int 10h; 7C17: jmp $
printf '\352\005\174\000\000\061\300\216\330\271\003\000\377\006\000\006\342\372\270\101\016\315\020\353\376' >"$dir/boot"
head -c 485 /dev/zero >>"$dir/boot"
printf '\125\252' >>"$dir/boot"
start -S "$dir/boot"
cat >"$dir/script" <<'END'
printf "reset %x\n", $eip
break *0x7c00
continue
printf "at %x ip %x cs %x\n", $eip, $ip, $cs
x/2i $pc
stepi
printf "after ljmp %x\n", $eip
stepi 4
printf "after four %x ax %x\n", $eip, $eax & 0xffff
printf "bytes %x %x\n", *(unsigned char*)0x7c0c, *(unsigned short*)0x7dfe
watch *(unsigned short*)0x600
continue
printf "watched %d at %x\n", *(unsigned short*)0x600, $eip
delete
break *0x7c10
continue
printf "hits %d cx %d\n", *(unsigned short*)0x600, $ecx & 0xffff
delete
break *0x7c15
break *0x7c17
continue
stepi
printf "int10 left the sector: %d\n", $eip > 0x8000
continue
printf "back at %x\n", $eip
set *(unsigned char*)0x500 = 0x5a
set $ebx = 0x12345678
set $ds = 0x40
printf "wrote %x %x %x\n", *(unsigned char*)0x500, $ebx, $ds_base
monitor info registers
monitor mem read phys:0x7dfe 2
kill
END
talk "$dir/script"
says 'reset fffffff0'
says 'Breakpoint 1, 0x00007c00'
says 'at 7c00 ip 7c00 cs 0'
says 'ljmp *$0x0,$0x7c05'
says 'after ljmp 7c05'
says 'after four 7c10 ax 0'
says 'bytes ff aa55'
says 'watched 2 at 7c10'
says 'hits 3 cx 1'
says 'int10 left the sector: 1'
says 'back at 7c17'
says 'wrote 5a 12345678 400'
says 'real mode'
says '55 aa'
ends 4

# --- detach, attach again; a second gdb; monitor quit
start "$dir/boot"
cat >"$dir/first" <<'END'
break *0x7c17
continue
detach
END
cat >"$dir/second" <<END
shell timeout 250 gdb -nx -batch -ex 'set remotetimeout 200' -ex 'target remote $socket' -ex 'printf "second got in %x\n", \$eip' 2>&1
printf "still here %x\n", \$eip
monitor quit
END
talk "$dir/first"
says 'Breakpoint 1, 0x00007c17'
talk "$dir/second"
says 'still here 7c17'
grep -q 'second got in' "$dir/out" && fail "two gdbs at once"
grep -q 'second gdb is refused' "$dir/log" || fail "the second gdb was not refused"
ends 0

# --- 32-bit with symbols, Ctrl-C
[ -s "$kernel" ] || { echo "SKIP: the demo kernel is not built (16-bit part passed)"; exit 77; }
start -S
cat >"$dir/script" <<'END'
hbreak kernel_main
continue
printf "pe %d\n", $cr0 & 1
x/i $pc
stepi
info symbol $pc
delete
break memset
continue
set debug remote 1
step
set debug remote 0
printf "stepped out of memset %d\n", $eip < (unsigned)&memset || $eip > (unsigned)&memset + 40
set $dr0 = 0x500
set $dr7 = 0xd0001
printf "debug registers %x %x\n", $dr0, $dr7
set $dr7 = 0
delete
break key_wait
continue
bt 2
delete
python
import os, signal, threading
gdb.events.cont.connect(lambda event: threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start())
end
continue
info symbol $pc
detach
END
if gdb -nx -batch -ex 'python print(1)' >/dev/null 2>&1; then
    talk "$dir/script" "$kernel"
    says 'Breakpoint 1, .* kernel_main'
    says 'pe 1'
    says '=> .*<kernel_main>'
    says "kernel_main + 3"
    says 'vCont;r'
    says 'stepped out of memset 1'
    says 'debug registers 500 d0401'
    says 'key_wait ()'
    says 'Program received signal SIGINT'
else
    echo "SKIP: this gdb has no python for Ctrl-C (the rest passed)"
    exit 77
fi
kill "$pid"
ends 4

# --- one user program among two that run the same code in address spaces of their own; monitor
start
cat >"$dir/script" <<'END'
break *0x40000005
continue
set $first = (unsigned)$cr3
printf "ring %d\n", $cpl
while (unsigned)$cr3 == $first
continue
end
set $second = (unsigned)$cr3
condition 1 (unsigned)$cr3 == $second
set $n = 0
while $n < 5
continue
if (unsigned)$cr3 != $second
printf "the other program\n"
end
set $n = $n + 1
end
printf "five times\n"
x/i $pc
set *(char[8]*)0x40001800 = "seven77"
delete
monitor mem read 0x40001800 8
monitor break on int 0x30 if ebx == 5
continue
monitor status
monitor list
monitor continue
monitor nonsense
monitor delete all
info mem
detach
END
talk "$dir/script" "$kernel"
says '^ring 3'
says '^five times'
grep -q 'the other program' "$dir/out" && fail "the condition on CR3 did not hold"
says '=> 0x40000005'
says '73 65 76 65 6e 37 37 00'
says '^breakpoint .* int 30h'
says 'behind gdb'
says "there is no verb 'nonsense'"
says '0x00000000 0x100000000 rw'
kill "$pid"
ends 4
echo "all passed"
