#!/bin/sh
# umbra img: what it makes, what it says, and that it never overwrites by accident.
umbra=$1/umbra
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "FAIL: $*"
    exit 1
}
# expect STATUS COMMAND...: runs umbra img, checks its exit status, leaves the output in $dir/out
expect() {
    want=$1
    shift
    "$umbra" img "$@" >"$dir/out" 2>&1
    got=$?
    [ $got -eq "$want" ] || fail "umbra img $*: exit $got, not $want: $(cat "$dir/out")"
}
says() {
    grep -q -- "$1" "$dir/out" || fail "'$1' is not in: $(cat "$dir/out")"
}
size() {
    stat -c %s "$1"
}

expect 0 create "$dir/a" 64M
[ "$(size "$dir/a")" = 67108864 ] || fail "64M made $(size "$dir/a") bytes"
[ "$(stat -c %b "$dir/a")" -lt 100 ] || fail "the file is not sparse"
expect 1 create "$dir/a" 1M
says "exists"
[ "$(size "$dir/a")" = 67108864 ] || fail "a file was overwritten"
expect 0 create --force "$dir/a" 1.44M
expect 0 info "$dir/a"
says "kind: floppy"
says "80 cylinders, 2 heads, 18 sectors"
for bad in 0 x 12x -5 1.5M 99999999999T 511; do
    expect 2 create "$dir/b" "$bad"
done
[ ! -e "$dir/b" ] || fail "a bad size made a file"
expect 2
expect 2 creat "$dir/b" 1M
says "did you mean create"
expect 1 create "$dir/no/such" 1M
expect 1 info "$dir/missing"
says "no such file"
expect 1 info "$dir"
says "directory"
: >"$dir/empty"
expect 1 check "$dir/empty"
says "empty"

# A boot sector becomes a whole floppy, byte for byte.
{ head -c 510 /dev/zero | tr '\0' '\220'; printf '\125\252'; } >"$dir/boot"
expect 0 convert "$dir/boot" "$dir/floppy"
[ "$(size "$dir/floppy")" = 1474560 ] || fail "the floppy has $(size "$dir/floppy") bytes"
cmp -n 512 "$dir/boot" "$dir/floppy" || fail "the boot sector changed"
expect 1 convert "$dir/boot" "$dir/floppy"
expect 1 convert --force "$dir/floppy" "$dir/floppy"
says "in use"
[ "$(size "$dir/floppy")" = 1474560 ] || fail "an image was converted onto itself"
expect 0 check "$dir/floppy"
says "all readable"

# A partition beyond the end of the file is told. Entry 1: active, type 83h, 65536 sectors at 1.
{
    head -c 446 /dev/zero
    printf '\200\0\0\0\203\0\0\0\1\0\0\0\0\0\1\0'
    head -c 48 /dev/zero
    printf '\125\252'
    head -c 2000000 /dev/zero
} >"$dir/cut"
expect 1 check "$dir/cut"
says "truncated"
echo "umbra img: fine"
