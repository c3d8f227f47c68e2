; Entry, interrupt stubs, and the code of the user tasks.
        bits 32
        section .text.start
        global _start
        extern __bss_start, __bss_end, kernel_main
_start: mov esp, boot_stack_end
        mov edi, __bss_start
        mov ecx, __bss_end
        sub ecx, edi
        xor eax, eax
        cld
        rep stosb
        call kernel_main
.stop:  hlt
        jmp .stop

        section .text
; Every vector: the stub pushes a zero where the CPU pushes no error code, and the vector's number;
; then the registers make a struct frame. trap(frame) returns the frame to go on with: that is how
; tasks are switched.
        extern trap
%assign v 0
%rep 49
stub%+v:
%if v != 8 && (v < 10 || v > 14) && v != 17
        push dword 0
%endif
        push dword v
        jmp enter_c
%assign v v + 1
%endrep
enter_c: pusha
        push ds
        push es
        push fs
        push gs
        mov ax, 10h
        mov ds, ax
        mov es, ax
        cld
        push esp
        call trap
        mov esp, eax
        pop gs
        pop fs
        pop es
        pop ds
        popa
        add esp, 8
        iret

; The user tasks' code, copied to a page of each: counts a burst, then sleeps for five ticks, or
; with the busy flag goes on counting until the timer takes the CPU away.
        global user_code, user_code_end
DATA    equ 40001000h
user_code:
        mov ebp, DATA
.burst: mov ecx, [ebp + 4]
.count: inc dword [ebp]
        loop .count
        cmp dword [ebp + 8], 0
        jne .burst
        xor eax, eax                   ; system call 0: sleep EBX ticks
        mov ebx, 5
        int 30h
        cmp dword [ebp + 12], 0        ; told to reach for the kernel's memory?
        je .burst
        mov dword [ebp + 12], 0
        mov dword [10000h], 0          ; page fault: the page is the supervisor's
        jmp .burst
user_code_end:

        section .rodata
        global stubs
stubs:
%assign v 0
%rep 49
        dd stub%+v
%assign v v + 1
%endrep

        section .bss
        alignb 16
        resb 16384
boot_stack_end:

        section .note.GNU-stack noalloc noexec nowrite progbits
