/* Transfers between privilege levels (translator/narrow_levels.c): V86 code and its monitor, 16-bit
 * programs that call their system by gates. Each so often that nearly none may go by a handler; the
 * interpreter says what is right. */
#include "tests/translator/guest.h"

#define ROUNDS    200
#define FEW_HELPS 40 /* until all is known to the TLB, and translated */

static void check(const struct guest *g, uint32_t ebp)
{
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct outcome o = guest_compare_form(g, guest_forms[n]);
        ck_assert_uint_eq(o.reg[EBP], ebp);
        ck_assert_uint_lt(o.counters.helped, FEW_HELPS);
    }
}

/* --- V86 mode --------------------------------------------------------------------------------- */

#define MONITOR 0x9000
#define FRAME   0x6E00
#define TASK    0x10000

/* DX is the length of what the monitor has to pass over; 0: the end. */
static void prepare_v86(struct machine *m, const void *ctx)
{
    (void)ctx;
    const uint32_t frame[9] = {0,      TASK >> 4, FLAG_VM | 2, 0x8000, 0x2000,
                               0x2100, 0x2200,    0x2300,      0};
    PROGRAM(m, CODE, 0xBC, FRAME & 0xFF, FRAME >> 8, 0, 0, /* mov esp, FRAME */
            0xCF);                                         /* iretd */
    PROGRAM(m, MONITOR, 0x85, 0xD2, 0x74, 0x0A,            /* test edx, edx / jz 1f */
            0x01, 0x54, 0x24, 0x04,                        /* add [esp+4], edx */
            0x45, 0x83, 0xC4, 0x04, 0xCF,                  /* inc ebp / add esp, 4 / iretd */
            0x90, 0xF4);                                   /* 1: hlt */
    PROGRAM(m, TASK, 0xB9, ROUNDS, 0,                      /* mov cx, ROUNDS */
            0xBA, 1, 0,                                    /* 1: mov dx, 1 */
            0xFA, 0xFB, 0x9C, 0x9D, 0xCF,                  /* cli / sti / pushf / popf / iret */
            0xB2, 2, 0xCD, 0x21, 0xE4, 0x60,               /* mov dl, 2 / int 21h / in al, 60h */
            0xE6, 0x60,                                    /* out 60h, al */
            0x8C, 0xD8, 0x01, 0xC3,                        /* mov ax, ds / add bx, ax */
            0x49, 0x75, 0xE9,                              /* dec cx / jnz 1b */
            0x31, 0xD2, 0xF4);                             /* xor dx, dx / hlt */
    physmap_poke(m->pm, FRAME, frame, sizeof frame);
    put_gate(m, IDT + 8 * VEC_GP, CODE0, MONITOR, 0x8E, 0);
    put(m, TSS_A + 0x66, 0x200, 2); /* no I/O map */
}

START_TEST(v86_code_and_its_monitor)
{
    const struct guest g = {.prepare = prepare_v86};
    check(&g, 8 * ROUNDS);
}
END_TEST

/* --- 16-bit programs -------------------------------------------------------------------------- */

#define USER   0x20000
#define SYSTEM 0x21000
#define USER16 (0x80 | 3) /* selectors */
#define SYS16  0x88
#define DATA16 (0x90 | 3)
#define STACK0 0x98
#define CALL16 (0xA0 | 3)
#define SMALL  0x90000 /* both stacks */

/* mov cx, ROUNDS
 * 1: int 30h / add di, ds / call CALL16:0 / add di, ds / dec cx / jnz 1b / int 80h */
static void prepare_16(struct machine *m, const void *ctx)
{
    (void)ctx;
    PROGRAM(m, USER, 0xB9, ROUNDS, 0, 0xCD, 0x30,               /* mov cx, ROUNDS / 1: int 30h */
            0x8C, 0xD8, 0x01, 0xC7, 0x01, 0xE7,                 /* add di, ds / add di, sp */
            0x9A, 0, 0, CALL16, 0,                              /* call CALL16:0 */
            0x8C, 0xD8, 0x01, 0xC7, 0x01, 0xE7,                 /* add di, ds / add di, sp */
            0x06, 0x1F,                                         /* push es / pop ds */
            0x49, 0x75, 0xE8, 0xCD, 0x80);                      /* dec cx / jnz 1b / int 80h */
    PROGRAM(m, SYSTEM, 0x45, 0xB8, DATA0, 0, 0x8E, 0xD8, 0xCF); /* inc bp / mov ds, DATA0 / iret */
    PROGRAM(m, SYSTEM + 0x10, 0x45, 0x01, 0xE6, 0xCB);          /* inc bp / add si, sp / retf */
    put_segment(m, GDT + (USER16 & ~7), USER, 0xFFF, 0xFB, 0);
    put_segment(m, GDT + SYS16, SYSTEM, 0xFFF, 0x9B, 0);
    put_segment(m, GDT + (DATA16 & ~7), SMALL, 0xFFF, 0xF3, 0);
    put_segment(m, GDT + STACK0, SMALL, 0x1FFF, 0x93, 0);
    put_gate(m, GDT + (CALL16 & ~7), SYS16, 0x10, 0xE4, 0);
    put_gate(m, IDT + 8 * 0x30, SYS16, 0, 0xE6, 0);
    put_gate(m, IDT + 8 * 0x80, CODE0, 0x5800, 0xEE, 0); /* to a HLT */
    put(m, TSS_A + 4, 0x2000, 4);
    put(m, TSS_A + 8, STACK0, 4);
    machine_to_user(m, 2);
    MUST_NOT_FAULT(m, segment_load(m->c, SEG_ES, DATA16));
    MUST_NOT_FAULT(m, segment_load(m->c, SEG_DS, DATA16));
    MUST_NOT_FAULT(m, segment_load(m->c, SEG_SS, DATA16));
    m->c->reg[ESP].d = 0x12340800; /* its upper half is nobody's */
    MUST_NOT_FAULT(m, far_jump(m->c, USER16, 0, 2, 0));
}

START_TEST(a_16_bit_program_and_its_system)
{
    const struct guest g = {.prepare = prepare_16};
    check(&g, 2 * ROUNDS);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {v86_code_and_its_monitor, a_16_bit_program_and_its_system};
    return run_translator_tests("levels", tests, ARRAY_LEN(tests));
}
