; multiboot.asm: a multiboot kernel by header addresses that says what it was given on port E9h.
        bits 32
%ifndef ORIGIN
%define ORIGIN 100000h                ; 6000h: over the loader's own notes and stack
%endif
        org ORIGIN
start:  dd 1BADB002h, 10003h, -(1BADB002h + 10003h), start, start, 0, bss_end, entry
entry:  cmp eax, 2BADB002h
        jne bad
        test dword [ebx], 1            ; memory sizes,
        jz bad
        cmp dword [ebx + 4], 600
        jb bad
        cmp dword [ebx + 8], 60000
        jb bad
        test dword [ebx], 40h          ; and a map
        jz bad
        cmp dword [ebx + 44], 48
        jb bad
        mov esi, [ebx + 48]
        cmp dword [esi], 20
        jne bad
        cmp dword [bss], 0
        jne bad
        mov esi, [ebx + 16]            ; the command line
        call print
        cmp dword [ebx + 20], 1        ; one module
        jne bad
        mov esi, [ebx + 24]
        push esi
        mov esi, [esi + 8]             ; its arguments
        call print
        pop esi
        mov esi, [esi]
        call print
        mov esi, good
        jmp end
bad:    mov esi, wrong
end:    call print
        mov al, 16
        out 0F4h, al
        cli
        hlt
print:  lodsb
        cmp al, 0
        je .done
        out 0E9h, al
        jmp print
.done:  mov al, 10
        out 0E9h, al
        ret
good:   db "multiboot end", 0
wrong:  db "multiboot FAIL", 0
        align 4
bss:
bss_end equ bss + 10000
