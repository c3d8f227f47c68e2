; The demo's floppy image: boot sector, kernel, and zeros up to 1.44 MB.
;
;   0500  boot parameters: E820h entries (count, then 20 bytes each)
;   7C00  this sector; its stack is below it
;   10000 the kernel (demo.ld links it there), entered in 32-bit protected mode, paging off
        cpu 386
        bits 16
        org 7C00h

MEMORY_MAP  equ 0500h
MAP_ENTRIES equ 64
KERNEL      equ 10000h
SECTORS     equ 18                     ; a track
HEADS       equ 2

start:  cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 7C00h
        sti
        cld
        mov [drive], dl
        mov ax, 3
        int 10h

        ; the kernel, as many sectors at once as the track and the 64 KiB DMA page allow
        mov si, 1                      ; next sector of the disk
        mov bp, KERNEL_SECTORS
        mov di, KERNEL >> 4
read:   mov ax, si
        xor dx, dx
        mov cx, SECTORS
        div cx
        mov bx, SECTORS
        sub bx, dx                     ; left in the track
        cmp bx, bp
        jbe .track
        mov bx, bp
.track: mov cx, di
        and ch, 0Fh                    ; left in the 64 KiB page, in sectors
        shr cx, 5
        neg cx
        add cx, 128
        cmp bx, cx
        jbe .page
        mov bx, cx
.page:  push bx
        mov cl, dl
        inc cl
        xor dx, dx
        mov bx, HEADS
        div bx
        mov ch, al
        mov dh, dl
        mov dl, [drive]
        pop bx
        mov al, bl
        mov byte [tries], 3
.again: push ax
        push bx
        mov ah, 2
        mov es, di
        xor bx, bx
        int 13h
        pop bx
        pop ax
        jnc .read
        dec byte [tries]
        jz error
        push ax
        mov ah, 0
        int 13h
        pop ax
        jmp .again
.read:  add si, bx
        sub bp, bx
        shl bx, 5
        add di, bx
        cmp bp, 0
        jne read

        ; memory map
        xor ax, ax
        mov es, ax
        mov dword [MEMORY_MAP], 0
        mov di, MEMORY_MAP + 4
        xor ebx, ebx
.entry: mov eax, 0E820h
        mov edx, "PAMS"
        mov ecx, 20
        int 15h
        jc .mapped
        cmp eax, "PAMS"
        jne .mapped
        inc dword [MEMORY_MAP]
        add di, 20
        cmp dword [MEMORY_MAP], MAP_ENTRIES
        jae .mapped
        cmp ebx, 0
        jne .entry
.mapped:
        mov ax, 2401h
        int 15h
        in al, 92h
        or al, 2
        and al, 0FEh
        out 92h, al
        cli
        lgdt [gdt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword 8:protected

error:  mov si, message
.next:  lodsb
        cmp al, 0
        je $
        mov ah, 0Eh
        mov bx, 7
        int 10h
        jmp .next

        bits 32
protected:
        mov ax, 10h
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, 7C00h
        mov eax, KERNEL
        jmp eax

        align 8
gdt:    dq 0, 00CF9A000000FFFFh, 00CF92000000FFFFh
gdt_pointer:
        dw $ - gdt - 1
        dd gdt
message: db "Umbra demo: the disk cannot be read", 0
drive:  db 0
tries:  db 0
        times 510 - ($ - $$) db 0
        dw 0AA55h
kernel: incbin "kernel.bin"
        align 512, db 0
KERNEL_SECTORS equ ($ - kernel) / 512
        times 1474560 - ($ - $$) db 0
