; The boot loader ROM, there when --kernel is given: asks the loader device
; (devices/loader.h) to put the kernel into memory and enters it, by the Linux boot protocol's
; 16-bit entry or by multiboot's 32-bit one.
;
; It boots before any disk: initialisation takes INT 19h. There is no PnP header with a boot entry
; vector: BIOSes put those last in the boot order, and give INT 19h back (SeaBIOS). In memory it
; has its stack at 7000h-7BFFh and, for multiboot, notes and the BIOS's memory map at 8000h-8FFFh.
; A multiboot kernel may lie over all that, and over the BIOS's vectors: it is loaded last, when
; the CPU is in protected mode and what must outlast it is in registers or where devices/loader.h
; says. Position-independent within a segment: CS is wherever the BIOS found the ROM.

        cpu 486
        bits 16
        org 0

PORT        equ 5E0h
MAGIC       equ 44414F4Ch
REG_KIND    equ 1
REG_SEGMENT equ 2
REG_STACK   equ 3
REG_ENTRY   equ 4
REG_INFO    equ 5
REG_MAP     equ 6
REG_MAP_MAX equ 7
STACK       equ 7C00h
NOTES       equ 8000h
MAP         equ 8080h

        db 55h, 0AAh, 4                ; 2 KiB
        jmp near init                  ; offset 3
        db 0                           ; offset 6: checksum (romtool)
        times 18h - ($ - $$) db 0
        dw pcir, 0
        align 4
pcir:   db "PCIR"                      ; PCI firmware specification 3.0, 5.1.2
        dw 1234h, 4C44h                ; devices/loader.c
        dw 0, 18h
        db 0, 0, 80h, 8                ; revision; class: other system peripheral
        dw 4, 1
        db 0, 80h                      ; PC-AT code; the last image
        dw 0
; EAX = register AX of the device. Keeps all else.
%macro DEVICE 1
        mov ax, %1
        call device
%endmacro
device: push dx
        movzx eax, ax
        mov dx, PORT + 4
        out dx, eax
        mov dx, PORT + 8
        in eax, dx
        pop dx
        ret

init:   pushad
        push ds
        DEVICE 0
        cmp eax, MAGIC
        jne .done
        xor ax, ax
        mov ds, ax
        mov word [19h * 4], boot
        mov [19h * 4 + 2], cs
.done:  pop ds
        popad
        retf

; INT 19h.
boot:   cli
        cld
        xor ax, ax
        mov ss, ax
        mov esp, STACK
        mov ds, ax
        mov es, ax
        sti
        DEVICE 0
        cmp eax, MAGIC
        mov si, no_device
        jne failed
        DEVICE REG_KIND
        cmp al, 1
        je linux
        cmp al, 2
        je multiboot
        mov si, no_device
failed: push cs
        pop ds
        mov bx, 7
.next:  lodsb
        cmp al, 0
        je .stop
        mov ah, 0Eh
        int 10h
        jmp .next
.stop:  int 18h                        ; nothing to boot here
        hlt
        jmp .stop

no_device: db "Umbra kernel loader: no kernel to load", 13, 10, 0
refused:   db "Umbra kernel loader: the kernel does not fit the machine's memory", 13, 10, 0
changed:   db "Umbra kernel loader: a file of the kernel's changed or cannot be read", 13, 10, 0

; --- Linux: all segments the setup code's, entered 20h above, interrupts off ---------------------
linux:
        mov dx, PORT
        mov eax, 1
        out dx, eax                    ; load
        in eax, dx
        mov si, changed
        cmp eax, 3
        je failed
        mov si, refused
        cmp eax, 1
        jne failed
        cli
        DEVICE REG_STACK
        mov ecx, eax
        DEVICE REG_SEGMENT
        mov ss, ax
        mov esp, ecx
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        add ax, 20h
        push ax
        push 0
        xor eax, eax
        xor ebx, ebx
        xor ecx, ecx
        xor edx, edx
        xor esi, esi
        xor edi, edi
        xor ebp, ebp
        retf

; --- Multiboot -----------------------------------------------------------------------------------
; INFO fields that depend on the machine: flags and module list are loaded with the kernel.
INFO_LOWER  equ 4
INFO_UPPER  equ 8
INFO_MAP_LEN equ 44

; What real mode finds out for protected mode.
NOTE_LOWER  equ NOTES
NOTE_UPPER  equ NOTES + 4
NOTE_MAP_LEN equ NOTES + 8
NOTE_ENTRY  equ NOTES + 12
NOTE_INFO   equ NOTES + 16
NOTE_MAP    equ NOTES + 20

multiboot:
        mov ax, 2401h                  ; A20 on, by the BIOS and by port 92h
        int 15h
        in al, 92h
        test al, 2
        jnz .a20
        or al, 2
        and al, 0FEh
        out 92h, al
.a20:   int 12h
        movzx eax, ax
        mov [NOTE_LOWER], eax
        call memory_map
        call upper_memory
        cli
        DEVICE REG_ENTRY
        mov [NOTE_ENTRY], eax
        DEVICE REG_INFO
        mov [NOTE_INFO], eax
        DEVICE REG_MAP
        mov [NOTE_MAP], eax
        ; the GDT's address is CS-relative: its pseudo-descriptor goes to the stack
        xor eax, eax
        mov ax, cs
        shl eax, 4
        mov edi, eax
        add eax, gdt
        push eax
        push word gdt_end - gdt - 1
        mov bp, sp
        o32 lgdt [bp]
        lea eax, [edi + protected]     ; far jump by a pointer on the stack: offset, selector
        push word 8
        push eax
        mov bp, sp
        mov eax, cr0
        or al, 1
        and eax, ~(1 << 31)
        mov cr0, eax
        jmp dword far [bp]

; E820h to MAP: each entry is preceded by its size, 20.
memory_map:
        DEVICE REG_MAP_MAX
        mov si, ax
        mov di, MAP
        xor ebx, ebx
.next:  mov dword [es:di + 20], 1      ; for a BIOS that writes 20 bytes
        add di, 4
        mov eax, 0E820h
        mov edx, "PAMS"
        mov ecx, 20
        push si
        push di
        int 15h
        pop di
        pop si
        jc .end
        cmp eax, "PAMS"
        jne .end
        mov dword [es:di - 4], 20
        add di, 20
        dec si
        jz .full
        cmp ebx, 0
        jne .next
.full:  add di, 4
.end:   sub di, MAP + 4
        movzx edi, di
        mov [NOTE_MAP_LEN], edi
        ret

; KiB of RAM from 1 MiB on, from the map just made.
upper_memory:
        mov di, MAP
        mov cx, [NOTE_MAP_LEN]
        xor edx, edx
.next:  cmp cx, 24
        jb .done
        sub cx, 24
        cmp dword [di + 20], 1         ; RAM,
        jne .other
        cmp dword [di + 8], 0          ; below 4 GiB,
        jne .other
        mov eax, [di + 4]
        cmp eax, 100000h               ; that holds the address 1 MiB
        ja .other
        cmp dword [di + 16], 0
        jne .other
        add eax, [di + 12]
        jc .other
        sub eax, 100000h
        jbe .other
        shr eax, 10
        mov edx, eax
.other: add di, 24
        jmp .next
.done:  mov [NOTE_UPPER], edx
        ret

        align 8
gdt:    dq 0
        dq 00CF9A000000FFFFh           ; 08h: flat code
        dq 00CF92000000FFFFh           ; 10h: flat data
gdt_end:

        bits 32
protected:
        mov ax, 10h
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov esp, STACK
        push dword 2
        popfd
        mov esi, MAP
        mov edi, [NOTE_MAP]
        mov ecx, [NOTE_MAP_LEN]
        mov ebp, ecx
        rep movsb
        mov ebx, [NOTE_INFO]
        mov esi, [NOTE_ENTRY]
        mov edi, [NOTE_LOWER]
        mov ecx, [NOTE_UPPER]
        mov dx, PORT
        mov eax, 1
        out dx, eax                    ; load: from here on, nothing below is what it was
        in eax, dx
        cmp eax, 1
        jne .refused
        mov [ebx + INFO_LOWER], edi
        mov [ebx + INFO_UPPER], ecx
        mov [ebx + INFO_MAP_LEN], ebp
        mov eax, 2BADB002h
        jmp esi

; No BIOS to ask any more: onto the first line of the text screen.
.refused:
        mov edx, eax
        call .here
.here:  pop esi
        sub esi, .here - refused
        cmp edx, 3
        jne .show
        add esi, changed - refused
.show:  mov edi, 0B8000h
        mov ah, 7
.put:   lodsb
        stosw
        cmp byte [esi], 13
        jne .put
.stop:  hlt
        jmp .stop
