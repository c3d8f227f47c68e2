#!/bin/sh
# What umbra run says and how it exits when it is given what it can't use: one clear message, the
# right status (1 could not start, 2 usage), and never a changed file.
umbra=$1/umbra
dir=$(mktemp -d) || exit 1
trap 'chmod -R u+rwX "$dir"; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() {
    echo "FAIL: $*"
    exit 1
}

: >empty
printf hello >short
yes 'This is a letter, not a disk.' | head -c 4096 >letter
head -c 2000000 /dev/zero >blank
printf '\001' | dd of=blank bs=1 seek=600 conv=notrunc 2>/dev/null
head -c 70000 /dev/zero >cdrom.iso # a volume descriptor that tells of more than there is
printf '\001CD001' | dd of=cdrom.iso bs=1 seek=32768 conv=notrunc 2>/dev/null
printf '\000\020\000\000' | dd of=cdrom.iso bs=1 seek=32848 conv=notrunc 2>/dev/null
# A disk cut short: its partition ends at sector 65536. Its boot code halts.
{
    printf '\372\364'
    head -c 444 /dev/zero
    printf '\200\0\0\0\203\0\0\0\001\0\0\0\0\0\001\0'
    head -c 48 /dev/zero
    printf '\125\252'
    head -c 2000000 /dev/zero
} >cut
mkdir folder
printf '#!/bin/sh\n' >script
# A small image that boots, and so might be a floppy or a hard disk: HLT; and a boot sector alone.
{
    printf '\364\353\375'
    head -c 507 /dev/zero
    printf '\125\252'
} >sector
{
    cat sector
    head -c 4096 /dev/zero
} >small
before=$(cat empty short letter blank cdrom.iso cut script | cksum)

# expect STATUS TEXT OPTIONS...: one line on stderr that has TEXT, and exit STATUS at once.
expect() {
    want=$1 text=$2
    shift 2
    timeout 300 "$umbra" run --display none --timeout 200 "$@" >out 2>err </dev/null
    got=$?
    [ $got -eq "$want" ] || fail "umbra run $*: exit $got, not $want: $(cat err)"
    grep -qF -- "$text" err || fail "umbra run $*: '$text' is not in: $(cat err)"
    [ "$(grep -c . err)" -eq 1 ] || fail "umbra run $*: not one line: $(cat err)"
    [ ! -s out ] || fail "umbra run $*: wrote to stdout: $(cat out)"
}

# Images.
expect 1 "no such file" missing
expect 1 "no such file" --hda missing
expect 1 "no such file" --cdrom missing
expect 1 "is empty (0 bytes)" empty
expect 1 "is empty (0 bytes)" --fda empty
expect 1 "only 5 bytes" short
expect 1 "is a directory" folder
expect 1 "is a directory" --hdb folder
expect 1 "is a text file" letter

head -c 5000000 /dev/zero >large
expect 1 "no floppy size" --fda large
if [ "$(id -u)" != 0 ]; then # root reads everything
    cp blank secret
    chmod 0 secret
    expect 1 "permission denied" secret
fi
mkfifo pipe
expect 1 "is a pipe" pipe

# Firmware and kernels.
expect 1 "no kernel" --kernel letter
expect 1 "is empty" --kernel empty
expect 1 "missing" --kernel missing
expect 1 "no BIOS" --bios letter blank
expect 1 "missing" --bios missing blank
expect 1 "missing" --vga-bios missing blank
expect 1 "BIOS is 80386 code" --cpu 286 blank

# Options.
expect 2 "0 is outside what the machine takes" -m 0 blank
expect 2 "99T is outside what the machine takes" -m 99T blank
expect 2 "is not a size" -m many blank
expect 2 "is not a size" -m -1 blank
expect 2 "did you mean --memory?" --memry 64 blank
expect 2 "did you mean --cdrom?" -cdrm blank
expect 2 "did you mean --hda?" -hdaa blank
expect 2 "unknown option" --wibble blank
expect 2 "needs a value" --hda
expect 2 "no model 'z80'" --cpu z80 blank
expect 2 "no engine 'jit'" --engine jit blank
expect 2 "letters are a (floppy)" --boot x blank
expect 2 "not a number of seconds" --timeout 0 blank
expect 2 "not one of" --clock sundial blank
expect 2 "is no key" --type '{flop}' blank
expect 2 "is not stdio" --serial carrier-pigeon blank
expect 2 "is not a port number" --debug-exit 99999 blank
expect 2 "goes with --kernel" --initrd blank
expect 2 "one image at a time" blank cut

# The same image twice: the second is refused, whoever holds the first.
expect 1 "in use" --hda blank --hdb blank

# starts TEXT MARKER OPTIONS...: the machine starts, umbra says TEXT, and the firmware tells the
# guest's user MARKER on the screen; umbra itself goes on until it is stopped.
starts() {
    text=$1 marker=$2
    shift 2
    timeout 300 "$umbra" run --display none --timeout 240 --until "$marker" "$@" >out 2>err </dev/null
    got=$?
    [ $got -eq 0 ] || fail "umbra run $*: exit $got: $(cat err)"
    [ -z "$text" ] || grep -qF -- "$text" err || fail "umbra run $*: '$text' is not in: $(cat err)"
}
starts "looks not bootable" "No bootable device" blank
starts "looks truncated" "Booting from Hard disk" cut
starts "looks truncated" "No bootable device" --cdrom cdrom.iso
starts "" "No bootable device" --hda letter
starts "small is taken for a floppy" "Booting from Floppy" small
starts "" "Booting from Hard disk" --hda small
! grep -q "taken for" err || fail "--hda leaves nothing to guess: $(cat err)"
starts "" "Booting from Floppy" sector
! grep -q "taken for" err || fail "a boot sector is a floppy: $(cat err)"
"$umbra" run --display none --timeout 0.5 blank >out 2>err </dev/null
[ $? -eq 3 ] || fail "a timeout is status 3"
grep -q "timed out after 0.5 seconds" err || fail "a timeout is told: $(cat err)"

after=$(cat empty short letter blank cdrom.iso cut script | cksum)
[ "$before" = "$after" ] || fail "a file was changed"
echo "errors: fine"
