; The firmware's assembly: the way from reset (fixed.asm) into POST and on to the services, the interrupt
; entries, and the frame that carries an interrupt into C.
;
; Invariant: C code of the services runs with CS = ROM_SEG, DS = ES = SS = DATA_SEG, the upper half
; of ESP clear and DF clear. It never runs on a caller's stack: a caller may have a hundred bytes.
        cpu     386
%include "layout.inc"

        extern  post_main, post_bss_start, post_bss_end, services_start
        extern  c_int10, c_int13, c_int14, c_int15, c_int16, c_int17, c_int1a
        extern  c_key, c_mouse_byte, c_print_screen, c_boot, c_boot_next
        extern  mouse_handler_off, mouse_handler_seg, mouse_packet
        extern  pci_bios16
        global  call_int16, call_far_low, boot_jump, block_move_asm, free_slots
        global  irq_master, irq_slave
        global  int05, int08, int09, int0e, int10, int11, int12, int13, int14, int15, int16
        global  int17, int18, int19, int1a, int70, int71, int74, int75, int76, int02
        extern  reset16

; ---------------------------------------------------------------------------------------------
        section .flat align=4 exec progbits alloc    ; POST's 32-bit half
        bits    32

; Runs at the high alias, so that the bytes below 1 MiB can be switched from flash to RAM.
        global  flat_high
flat_high:
        mov     ax, 0x10
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        mov     eax, 0x80000000
        mov     dx, 0xCF8
        out     dx, eax
        mov     dx, 0xCFC
        in      eax, dx
        cmp     eax, 0x12378086         ; i440FX
        je      .shadow
        mov     al, 'B'                 ; no chipset that we know: there is nowhere to run from
        out     0xE9, al
        mov     al, 0xFE
        out     0x80, al
.stop:  hlt
        jmp     .stop
.shadow:
        mov     dx, 0xCF8               ; PAM0 (59h): F0000 read and write from RAM
        mov     eax, 0x80000058
        out     dx, eax
        mov     dx, 0xCFD
        mov     al, 0x30
        out     dx, al
        mov     dx, 0xCF8               ; PAM5 and 6 (5Eh, 5Fh): E0000-EFFFF
        mov     eax, 0x8000005C
        out     dx, eax
        mov     dx, 0xCFE
        mov     ax, 0x3333
        out     dx, ax
        cld
        mov     esi, 0xE0000 + HIGH_ALIAS
        mov     edi, 0xE0000
        mov     ecx, 0x20000 / 4
        rep     movsd
        mov     eax, flat_low
        jmp     eax
flat_low:
        mov     esp, 0x7000
        mov     edi, post_bss_start
        mov     ecx, post_bss_end
        sub     ecx, edi
        xor     eax, eax
        rep     stosb
        call    post_main
        ; and back to real mode for the rest
        lidt    [real_idt]
        jmp     0x18:to_real

real_idt: dw    0x3FF
        dd      0

; ---------------------------------------------------------------------------------------------
        section .text16 align=4 exec progbits alloc
        bits    16

to_real:
        mov     ax, 0x20
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        mov     eax, cr0
        and     al, 0xFE
        mov     cr0, eax
        jmp     ROM_SEG:.real
.real:  call    own_stack
        call    dword services_start
        ; services_start boots; it does not return

; SS:ESP = the stack of POST and INT 19h, which nothing else uses; slots 0..3 are free.
own_stack:
        pop     cx
        mov     ax, DATA_SEG
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     esp, POST_STACK
        xor     ax, ax
        mov     fs, ax
        mov     gs, ax
        mov     dword [free_slots], 0x0F
        push    word 0
        push    cx
        cld
        ret

; --- from an interrupt into C ---------------------------------------------------------------
; enter_c NAME, FUNCTION: an interrupt entry that calls void FUNCTION(struct regs *) and hands the
; changed registers and flags back to the interrupted caller.
%macro enter_c 2
%1:     push    word %2
        jmp     into_c
%endmacro

; call_c FUNCTION: the same from our own assembly, on the caller's stack.
%macro call_c 1
        pushf
        push    cs
        call    %%thunk
        jmp     %%over
%%thunk: push   word %1
        jmp     into_c
%%over:
%endmacro

; Stack here: function, IP, CS, flags. A stack of our own is a slot: whoever arrives on a foreign
; stack takes a free one and gives it back, in whatever order multitaskers make that happen.
into_c:
        cli
        cld
        push    ds
        push    eax
        push    ebx
        push    es
        mov     ax, DATA_SEG
        mov     ds, ax
        mov     bx, ss
        mov     es, bx
        mov     eax, esp                ; the foreign ESP, upper half included
        cmp     bx, DATA_SEG
        mov     ebx, esp
        je      .have_stack
        bsf     ebx, [free_slots]
        jnz     .take
        xor     ebx, ebx                ; all in use: the first has been abandoned
.take:  btr     [free_slots], ebx
        inc     ebx
        shl     ebx, SLOT_SHIFT
        add     ebx, SLOT_BASE
.have_stack:
        push    ds
        pop     ss
        mov     esp, ebx
        mov     ebx, eax
        movzx   eax, ax
        push    word [es:eax + 18]      ; flags
        push    word [es:eax + 16]      ; CS
        push    word [es:eax + 14]      ; IP
        push    word [es:eax + 10]  ; DS
        push    word [es:eax]           ; ES
        push    es                      ; foreign SS
        push    ebx                     ; foreign ESP
        push    dword [es:eax + 6]      ; EAX
        push    ecx
        push    edx
        push    dword [es:eax + 2]      ; EBX
        push    ebp
        push    esi
        push    edi
        movzx   ebx, word [es:eax + 12]     ; the function
        mov     ax, ds
        mov     es, ax
        mov     eax, esp
        call    ebx
        cli
        mov     es, [esp + R_SS]
        movzx   eax, word [esp + R_ESP]
        mov     cx, [esp + R_FLAGS]
        mov     [es:eax + 18], cx
        mov     cx, [esp + R_DS]
        mov     [es:eax + 10], cx
        mov     cx, [esp + R_ES]
        mov     [es:eax], cx
        mov     ecx, [esp + R_EAX]
        mov     [es:eax + 6], ecx
        mov     ecx, [esp + R_EBX]
        mov     [es:eax + 2], ecx
        cmp     word [esp + R_SS], DATA_SEG
        je      .no_slot
        mov     ecx, esp
        sub     ecx, SLOT_BASE
        shr     ecx, SLOT_SHIFT
        bts     [free_slots], ecx
.no_slot:
        pop     edi
        pop     esi
        pop     ebp
        add     esp, 4
        pop     edx
        pop     ecx
        lss     esp, [esp + R_ESP - R_EAX]
        pop     es
        pop     ebx
        pop     eax
        pop     ds
        add     sp, 2
        iret

; --- from C into an interrupt or an option ROM -------------------------------------------------
; load_regs: all registers of struct regs at ds:eax but SS:ESP; EAX and DS last.
%macro load_regs 0
        mov     es, [eax + R_ES]
        mov     edi, [eax + R_EDI]
        mov     esi, [eax + R_ESI]
        mov     ebp, [eax + R_EBP]
        mov     ebx, [eax + R_EBX]
        mov     edx, [eax + R_EDX]
        mov     ecx, [eax + R_ECX]
        push    word [eax + R_DS]
        mov     eax, [eax + R_EAX]
        pop     ds
%endmacro

; store_regs: the other way; the address of struct regs lies 8 above ESP after flags, DS, EBX.
%macro store_regs 0
        pushf
        push    ds
        push    ebx
        mov     bx, DATA_SEG
        mov     ds, bx
        mov     ebx, [esp + 8]
        mov     [ebx + R_EAX], eax
        mov     [ebx + R_ECX], ecx
        mov     [ebx + R_EDX], edx
        mov     [ebx + R_ESI], esi
        mov     [ebx + R_EDI], edi
        mov     [ebx + R_EBP], ebp
        mov     [ebx + R_ES], es
        pop     dword [ebx + R_EBX]
        pop     word [ebx + R_DS]
        pop     word [ebx + R_FLAGS]
%endmacro

; void call_int16(struct regs *eax, u32 vector edx): INT vector with these registers.
call_int16:
        pushad
        push    es
        xor     ecx, ecx
        mov     es, cx
        push    dword [es:edx * 4]
        push    eax
        load_regs
        pushf
        cli
        call    far [ss:esp + 6]
        store_regs
        add     esp, 8
        cld
        pop     es
        popad
        o32 ret

; void call_far_low(struct regs *eax, u32 segoff edx): far call with these registers on the
; conventional stack 0000:7C00, as option ROMs and boot entries expect. Not re-entrant: POST only.
call_far_low:
        pushad
        push    es
        mov     [low_esp], esp
        xor     ecx, ecx
        mov     ss, cx
        mov     esp, 0x7C00
        push    edx
        push    eax
        load_regs
        call    far [ss:esp + 4]
        store_regs
        mov     ax, DATA_SEG
        mov     ss, ax
        mov     esp, [low_esp]
        cld
        pop     es
        popad
        cli
        o32 ret

; void boot_jump(u32 dl eax, u32 segoff edx): start a boot sector. It finds DL = drive, ES:DI = 0
; (no PnP installation check structure), SS:SP = 0000:7C00 and all stacks of ours free.
boot_jump:
        mov     dword [free_slots], 0xFF
        mov     ebx, edx
        mov     edx, eax
        xor     eax, eax
        mov     ss, ax
        mov     esp, 0x7C00
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        push    word 0x0202             ; IF
        push    ebx
        xor     ebx, ebx
        xor     ecx, ecx
        xor     esi, esi
        xor     edi, edi
        xor     ebp, ebp
        mov     ax, 0xAA55
        iret

; u32 block_move_asm(u32 gdt_linear eax, u32 words edx): INT 15h 87h. Selectors 10h (source) and 18h
; (destination) are the caller's; 20h and 28h we have filled in as code and stack.
block_move_asm:
        pushad
        push    ds
        push    es
        mov     ecx, edx
        mov     [block_esp], esp
        push    eax
        push    word 0x2F
        lgdt    [ss:esp]
        add     esp, 6
        lidt    [cs:block_no_idt]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     0x20:.protected
.protected:
        mov     ax, 0x28
        mov     ss, ax
        mov     ax, 0x10
        mov     ds, ax
        mov     ax, 0x18
        mov     es, ax
        xor     esi, esi
        xor     edi, edi
        a32 rep movsw
        mov     ax, 0x28                ; 64 KiB limits again before real mode
        mov     ds, ax
        mov     es, ax
        mov     eax, cr0
        and     al, 0xFE
        mov     cr0, eax
        jmp     ROM_SEG:.real
.real:  mov     ax, DATA_SEG
        mov     ss, ax
        lidt    [cs:block_real_idt]
        mov     esp, [ss:block_esp]
        pop     es
        pop     ds
        popad
        o32 ret
block_no_idt: dw 0
        dd      0
block_real_idt: dw 0x3FF
        dd      0

; --- interrupt entries --------------------------------------------------------------------------
        enter_c int10, c_int10
        enter_c int13, c_int13
        enter_c int14, c_int14
        enter_c int17, c_int17
        enter_c int05, c_print_screen
        enter_c int15, c_int15

int02:  iret

int11:  push    ds
        push    word 0x40
        pop     ds
        mov     ax, [0x10]
        pop     ds
        iret

int12:  push    ds
        push    word 0x40
        pop     ds
        mov     ax, [0x13]
        pop     ds
        iret

; Waiting for a key happens here, on the caller's stack and outside C, so that whatever runs in an
; interrupt meanwhile (a multitasker, a TSR) finds all our stacks free.
; Programs ask all the time whether there is a key, and for the shift keys and the time: the usual
; answers (none, or all but new) need no C.
int16:
        test    ah, 0xEF
        jnz     .ask
.wait:
        call_c  c_int16
        jnz     .done
        sti
        hlt
        jmp     .wait
.ask:   push    ds
        push    ax
        push    word 0x40
        pop     ds
        cmp     ah, 2
        je      .shift_keys
        and     ah, 0xEF
        cmp     ah, 1
        jne     .direct
        mov     ax, [0x1A]
        cmp     ax, [0x1C]
        jne     .direct
        mov     al, [0x17]              ; do the lights show the locks? If not C sees to it
        shr     al, 4
        xor     al, [0x97]
        test    al, 7
        jnz     .direct
        pop     ax
        push    bp
        mov     bp, sp
        or      byte [bp + 8], 0x40     ; ZF: no key
        pop     bp
        pop     ds
        iret
.shift_keys:
        pop     ax
        mov     al, [0x17]
        pop     ds
        iret
.direct: pop    ax
        pop     ds
        push    word c_int16
        jmp     into_c
.done:  iret

int18:
        cli
        call    own_stack
        call    dword c_boot_next

int19:
        cli
        call    own_stack
        call    dword c_boot

int1a:
        or      ah, ah
        jz      .ticks
        cmp     ah, 0xB1
        je      .pci
        push    word c_int1a
        jmp     into_c
.ticks: cli
        push    ds
        push    word 0x40
        pop     ds
        mov     al, [0x70]              ; AH is 0
        mov     byte [0x70], 0
        mov     cx, [0x6E]
        mov     dx, [0x6C]
        pop     ds
        push    bp
        mov     bp, sp
        and     byte [bp + 6], 0xFE
        pop     bp
        iret
.pci:   call    pci_bios16              ; registers only: works on any stack
        push    bp
        mov     bp, sp
        jc      .error
        and     byte [bp + 6], 0xFE
        pop     bp
        iret
.error: or      byte [bp + 6], 1
        pop     bp
        iret

; IRQ 0: the tick count, midnight, the diskette motor; then the user's hook.
int08:
        push    ax
        push    ds
        push    dx
        mov     ax, 0x40
        mov     ds, ax
        inc     dword [0x6C]
        cmp     dword [0x6C], 0x1800B0
        jb      .same_day
        mov     dword [0x6C], 0
        inc     byte [0x70]
.same_day:
        cmp     byte [0x40], 0
        je      .motor_off
        dec     byte [0x40]
        jnz     .motor_off
        and     byte [0x3F], 0xF0
        mov     al, 0x0C
        mov     dx, 0x3F2
        out     dx, al
.motor_off:
        int     0x1C
        cli
        mov     al, 0x20
        out     0x20, al
        pop     dx
        pop     ds
        pop     ax
        iret

; IRQ 1. c_key answers in AL what is to be done outside C.
int09:
        push    ax
        in      al, 0x64
        and     al, 0x21
        cmp     al, 0x01
        jne     .end
        in      al, 0x60
        mov     ah, 0x4F
        stc
        int     0x15
        jnc     .end
        call_c  c_key
        cli
        push    ax
        mov     al, 0x20
        out     0x20, al
        pop     ax
        cmp     al, 1
        je      .print
        cmp     al, 2
        je      .break
        cmp     al, 3
        je      .pause
        cmp     al, 4
        je      .reset
        cmp     al, 5
        je      .sysreq_down
        cmp     al, 6
        je      .sysreq_up
        pop     ax
        iret
.end:   mov     al, 0x20
        out     0x20, al
        pop     ax
        iret
.reset: mov     al, 0xFE                ; through the 8042, so that the devices start afresh too
        out     0x64, al
        hlt
        jmp     reset16
.print: int     0x05
        pop     ax
        iret
.break: int     0x1B
        pop     ax
        iret
.sysreq_down:
        mov     ax, 0x8500
        sti
        int     0x15
        pop     ax
        iret
.sysreq_up:
        mov     ax, 0x8501
        sti
        int     0x15
        pop     ax
        iret
.pause: push    ds                      ; until the next key, which clears bit 3 of 40:18
        push    word 0x40
        pop     ds
.held:  sti
        hlt
        cli
        test    byte [0x18], 8
        jnz     .held
        pop     ds
        pop     ax
        iret

; IRQ 6: the diskette controller is done.
int0e:
        push    ax
        push    ds
        mov     ax, 0x40
        mov     ds, ax
        or      byte [0x3E], 0x80
        mov     al, 0x20
        out     0x20, al
        pop     ds
        pop     ax
        iret

; IRQ 8: the periodic and alarm interrupts of the real-time clock.
int70:
        push    eax
        push    ds
        mov     ax, 0x40
        mov     ds, ax
        mov     al, 0x0B
        out     0x70, al
        in      al, 0x71
        mov     ah, al
        mov     al, 0x0C
        out     0x70, al
        in      al, 0x71
        and     al, ah
        push    ax
        test    al, 0x40
        jz      .no_period
        test    byte [0xA0], 1
        jz      .no_period
        sub     dword [0x9C], 976
        jnc     .no_period
        mov     byte [0xA0], 0          ; the interval of INT 15h 83h is over
        mov     al, 0x0B
        out     0x70, al
        in      al, 0x71
        and     al, 0xBF
        mov     ah, al
        mov     al, 0x0B
        out     0x70, al
        mov     al, ah
        out     0x71, al
        push    bx
        lds     bx, [0x98]
        or      byte [bx], 0x80
        pop     bx
.no_period:
        mov     al, 0x20
        out     0xA0, al
        out     0x20, al
        pop     ax
        test    al, 0x20
        jz      .no_alarm
        int     0x4A
.no_alarm:
        pop     ds
        pop     eax
        iret

; IRQ 9 stands for IRQ 2 of the XT.
int71:
        push    ax
        mov     al, 0x20
        out     0xA0, al
        pop     ax
        int     0x0A
        iret

; IRQ 12: the mouse. A whole packet goes to the handler of INT 15h C207h by a far call.
int74:
        push    ax
        in      al, 0x64
        and     al, 0x21
        cmp     al, 0x21
        jne     .end
        in      al, 0x60
        call_c  c_mouse_byte            ; AL = 1: packet complete, handler wanted
        cmp     al, 1
        jne     .end
        push    ds
        pushad
        push    es
        mov     ax, DATA_SEG
        mov     ds, ax
        push    word [mouse_packet]
        push    word [mouse_packet + 2]
        push    word [mouse_packet + 4]
        push    word [mouse_packet + 6]
        call    far [mouse_handler_off]
        cli
        add     sp, 8
        pop     es
        popad
        pop     ds
.end:   mov     al, 0x20
        out     0xA0, al
        out     0x20, al
        pop     ax
        iret

; IRQ 13: the coprocessor; the PC reports it as an NMI.
int75:
        push    ax
        xor     al, al
        out     0xF0, al
        mov     al, 0x20
        out     0xA0, al
        out     0x20, al
        pop     ax
        int     0x02
        iret

; IRQ 14 and 15: the fixed disks. Reading the status would take it from the code that waits.
int76:
        push    ax
        push    ds
        mov     ax, 0x40
        mov     ds, ax
        mov     byte [0x8E], 0xFF
        mov     al, 0x20
        out     0xA0, al
        out     0x20, al
        pop     ds
        pop     ax
        iret

; An interrupt nobody asked for: end it and mask its line, or a level-triggered one never ends.
irq_master:
        push    ax
        push    cx
        mov     al, 0x0B
        out     0x20, al
        in      al, 0x20
        or      al, al
        jz      .end                    ; spurious
        mov     ah, al
        in      al, 0x21
        and     ah, 0xFB                ; never the cascade
        or      al, ah
        out     0x21, al
        mov     al, 0x20
        out     0x20, al
.end:   pop     cx
        pop     ax
        iret
irq_slave:
        push    ax
        mov     al, 0x0B
        out     0xA0, al
        in      al, 0xA0
        or      al, al
        jz      .cascade
        mov     ah, al
        in      al, 0xA1
        or      al, ah
        out     0xA1, al
        mov     al, 0x20
        out     0xA0, al
.cascade:
        mov     al, 0x20
        out     0x20, al
        pop     ax
        iret

; ---------------------------------------------------------------------------------------------
        section .data16 align=4 noexec write progbits alloc
free_slots: dd  0
low_esp: dd     0
block_esp: dd   0
