#!/bin/bash
# kill -9 in mid-write loses nothing that the guest had flushed. The guest writes sector after
# sector, each full of its own number, flushes the drive's cache, and only then tells the number on
# port E9h. Umbra is killed; every number told must be in the image.
umbra=$1/umbra
command -v nasm >/dev/null || { echo "SKIP: nasm is not installed"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "FAIL: $*"
    exit 1
}
cat >"$dir/writer.asm" <<'END'
        bits 16
        org 7C00h
        cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 7C00h
        cld
        xor ebx, ebx            ; the sector, and what it is filled with
sector: mov di, 8000h
        mov eax, ebx
        mov cx, 128
        rep stosd
        call ready
        mov dx, 1F6h
        mov al, 0E0h            ; LBA, master
        out dx, al
        mov dx, 1F2h
        mov al, 1               ; one sector
        out dx, al
        inc dx
        mov al, bl
        out dx, al
        inc dx
        mov al, bh
        out dx, al
        inc dx
        xor al, al
        out dx, al
        mov dx, 1F7h
        mov al, 30h             ; WRITE SECTORS
        out dx, al
drq:    in al, dx
        test al, 8
        jz drq
        mov dx, 1F0h
        mov si, 8000h
        mov cx, 256
        rep outsw
        call ready
        mov al, 0E7h            ; FLUSH CACHE
        out dx, al
        call ready
        test al, 1
        jnz failed
        mov edx, ebx            ; eight hexadecimal digits and a newline
        mov cx, 8
digit:  rol edx, 4
        mov al, dl
        and al, 15
        add al, '0'
        cmp al, '9'
        jbe put
        add al, 'a' - '9' - 1
put:    out 0E9h, al
        loop digit
        mov al, 10
        out 0E9h, al
        inc ebx
        cmp ebx, 60000
        jb sector
        jmp $
failed: mov al, 'E'
        out 0E9h, al
        jmp $
ready:  mov dx, 1F7h            ; waits while busy; AL = status
        in al, dx
        test al, 80h
        jnz ready
        ret
        times 510 - ($ - $$) db 0
        dw 0AA55h
END
nasm -f bin -o "$dir/writer.img" "$dir/writer.asm" || fail "nasm"

for round in 1 2 3; do
    rm -f "$dir/disk.img" "$dir/told"
    truncate -s 32M "$dir/disk.img"
    "$umbra" run --display none --fda "$dir/writer.img" --hda "$dir/disk.img" --boot a \
        --debugcon "0xE9:$dir/told" --timeout 600 2>"$dir/err" </dev/null &
    pid=$!
    for _ in $(seq 1200); do # until some hundred sectors are through
        sleep 0.1
        [ "$(wc -l <"$dir/told" 2>/dev/null || echo 0)" -ge $((100 * round)) ] && break
    done
    kill -9 $pid
    wait $pid 2>/dev/null
    grep -q E "$dir/told" && fail "the drive refused a flush"
    last=$(grep -x '[0-9a-f]\{8\}' "$dir/told" | tail -1)
    [ -n "$last" ] || fail "the guest wrote nothing: $(cat "$dir/err")"
    count=$((16#$last + 1))
    python3 - "$dir/disk.img" $count <<'END' || fail "round $round: flushed sectors are lost"
import struct, sys
count = int(sys.argv[2])
with open(sys.argv[1], "rb") as f:
    data = f.read(count * 512)
lost = [n for n in range(count) if data[n * 512:n * 512 + 512] != struct.pack("<I", n) * 128]
if lost:
    sys.exit(f"{len(lost)} of {count} sectors, the first is {lost[0]}")
END
    echo "killed after $count flushed sectors: all there"
done
# The lock went with the process: the image can be used at once.
"$umbra" run --display none --timeout 0.3 --hda "$dir/disk.img" 2>"$dir/err" </dev/null
[ $? -eq 3 ] || fail "the image cannot be opened again: $(cat "$dir/err")"
