/* V86 mode: the instructions that IOPL guards, the virtual interrupt flag and the redirection of
 * VME, and what a handler sees. The 8086 program runs at 0800:0000 with its stack at 0600:0800; the
 * monitor's handlers are HLTs (see machine_protect). */
#include "tests/cpu/harness.h"

#define SS_BASE 0x6000u

static void to_v86(struct machine *m, uint32_t eflags)
{
    const uint32_t frame[9] = {0, CODE >> 4, eflags | FLAG_VM | FLAG_ONE, 0x0800, 0x0600, 1, 2,
                               3, 4};
    m->c->reg[ESP].d = 0x6F00 - sizeof frame;
    memcpy(m->ram + m->c->reg[ESP].d, frame, sizeof frame);
    MUST_NOT_FAULT(m, interrupt_return(m->c, 4, 0));
    ck_assert(vcpu_is_v86(m->c));
}

static void start(struct machine *m, uint32_t cr4)
{
    machine_start(m, CPU_P4);
    MUST_NOT_FAULT(m, control_write_cr4(m->c, cr4));
}

START_TEST(iopl_3_runs_all)
{
    struct machine m;
    start(&m, 0);
    struct vcpu *c = m.c;
    to_v86(&m, FLAG_IOPL);
    /* sti; pushf; pop ax; cli; push 4203h; popf; pushfd; pop ebx; push flags, cs, 20h: iret; ud2 */
    PROGRAM(&m, CODE, 0xFB, 0x9C, 0x58, 0xFA, 0x68, 0x03, 0x02, 0x9D, 0x66, 0x9C, 0x66, 0x5B, 0x68,
            0x43, 0x30, 0x0E, 0x6A, 0x20, 0xCF);
    PROGRAM(&m, CODE + 0x20, 0x0F, 0x0B);
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(c->reg[EAX].w, FLAG_IOPL | FLAG_IF | FLAG_ONE);
    /* VM and RF never show in PUSHFD's image; IF came with POPF, since IOPL is 3. */
    ck_assert_uint_eq(c->reg[EBX].d, FLAG_IOPL | FLAG_IF | FLAG_CF | FLAG_ONE);
    uint32_t at = c->reg[ESP].d;
    ck_assert_uint_eq(get32(&m, at), 0x20);
    ck_assert_uint_eq(get32(&m, at + 8),
                      FLAG_VM | FLAG_RF | FLAG_IOPL | FLAG_ZF | FLAG_CF | FLAG_ONE);
    ck_assert_uint_eq(get32(&m, at + 12), 0x800); /* SP is back */
    machine_destroy(&m);
}
END_TEST

START_TEST(popf_cannot_change_iopl)
{
    struct machine m;
    start(&m, 0);
    to_v86(&m, FLAG_IOPL);
    PROGRAM(&m, CODE, 0x6A, 0x00, 0x9D, 0x0F, 0x0B); /* push 0; popf; ud2 */
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d + 8) & FLAG_IOPL, FLAG_IOPL);
    machine_destroy(&m);
}
END_TEST

START_TEST(vme_pushf_popf_cli_sti)
{
    struct machine m;
    start(&m, CR4_VME);
    struct vcpu *c = m.c;
    to_v86(&m, FLAG_IF);
    /* sti; pushf; pop ax; cli; pushf; pop bx; push 202h; popf; ud2 */
    PROGRAM(&m, CODE, 0xFB, 0x9C, 0x58, 0xFA, 0x9C, 0x5B, 0x68, 0x02, 0x02, 0x9D, 0x0F, 0x0B);
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(c->reg[EAX].w, FLAG_IOPL | FLAG_IF | FLAG_ONE); /* VIF, as IF, IOPL as 3 */
    ck_assert_uint_eq(c->reg[EBX].w, FLAG_IOPL | FLAG_ONE);
    uint32_t flags = get32(&m, c->reg[ESP].d + 8);
    ck_assert_uint_eq(flags, FLAG_VM | FLAG_RF | FLAG_VIF | FLAG_IF | FLAG_ONE);
    machine_destroy(&m);
}
END_TEST

START_TEST(vme_iret)
{
    struct machine m;
    start(&m, CR4_VME);
    to_v86(&m, FLAG_IF);
    /* push 3201h; push cs; push 20h; iret */
    PROGRAM(&m, CODE, 0x68, 0x01, 0x32, 0x0E, 0x6A, 0x20, 0xCF);
    PROGRAM(&m, CODE + 0x20, 0x0F, 0x0B);
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d + 8),
                      FLAG_VM | FLAG_RF | FLAG_VIF | FLAG_IF | FLAG_CF | FLAG_ONE);
    ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), 0x20);
    machine_destroy(&m);
}
END_TEST

/* The redirection map of 32 bytes lies below the I/O map: a clear bit sends INT n to the program's
 * own table, a set one to the IDT. */
START_TEST(vme_redirection_map)
{
    for (unsigned n = 0; n < 4; n++) {
        bool iopl3 = n & 1, to_idt = n & 2;
        struct machine m;
        start(&m, CR4_VME);
        put(&m, TSS_A + 0x66, 0x100, 2);
        if (to_idt)
            put(&m, TSS_A + 0x100 - 32 + 0x41 / 8, 1 << (0x41 & 7), 1);
        else
            memset(m.ram + TSS_A + 0x100 - 32, 0xFF, 32),
                put(&m, TSS_A + 0x100 - 32 + 0x41 / 8, 0xFF & ~(1 << (0x41 & 7)), 1);
        put_gate(&m, IDT + 8 * 0x41, CODE0, 0x5410, 0xEE, 0);
        put(&m, 4 * 0x41, (CODE >> 4) << 16 | 0x30, 4);
        to_v86(&m, FLAG_IF | FLAG_NT | (iopl3 ? FLAG_IOPL : 0));
        PROGRAM(&m, CODE, 0xCD, 0x41);
        PROGRAM(&m, CODE + 0x30, 0x0F, 0x0B);
        struct vcpu *c = m.c;
        if (to_idt) { /* the gate with IOPL 3, else the monitor */
            machine_run_to_handler(&m, iopl3 ? 0x41 : VEC_GP);
        } else {
            machine_run_to_handler(&m, VEC_UD);
            uint32_t at = c->reg[ESP].d;
            ck_assert_uint_eq(get32(&m, at), 0x30);
            uint32_t flags = get32(&m, at + 8), stack = SS_BASE + get32(&m, at + 12);
            /* In the handler: IF (IOPL 3) or VIF is clear. */
            ck_assert_uint_eq(flags & (iopl3 ? FLAG_IF : FLAG_VIF), 0);
            ck_assert_uint_eq(flags & FLAG_IF, iopl3 ? 0 : FLAG_IF);
            ck_assert_uint_eq(get16(&m, stack), 2);
            ck_assert_uint_eq(get16(&m, stack + 2), CODE >> 4);
            /* Pushed: IOPL reads as 3; IF is the real one with IOPL 3, else VIF, which is clear. */
            ck_assert_uint_eq(get16(&m, stack + 4),
                              FLAG_NT | FLAG_IOPL | FLAG_ONE | (iopl3 ? FLAG_IF : 0));
        }
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(redirection_needs_a_map_within_the_tss)
{
    struct machine m;
    start(&m, CR4_VME);
    put(&m, TSS_A + 0x66, 0x10, 2); /* 32 bytes below would lie before the TSS */
    to_v86(&m, 0);
    PROGRAM(&m, CODE, 0xCD, 0x41);
    machine_run_to_handler(&m, VEC_GP);
    put(&m, TSS_A + 0x66, 0x300, 2); /* beyond its limit of 1FFh */
    m.c->reg[ESP].d = 0x6F00;
    to_v86(&m, 0);
    machine_run_to_handler(&m, VEC_GP);
    machine_destroy(&m);
}
END_TEST

START_TEST(int3_and_into_ignore_iopl)
{
    struct machine m;
    start(&m, 0);
    put_gate(&m, IDT + 8 * VEC_BP, CODE0, 0x5030, 0xEE, 0);
    put_gate(&m, IDT + 8 * VEC_OF, CODE0, 0x5040, 0xEE, 0);
    to_v86(&m, FLAG_OF);
    PROGRAM(&m, CODE, 0xCC);
    machine_run_to_handler(&m, VEC_BP);
    ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), 1);
    to_v86(&m, FLAG_OF);
    PROGRAM(&m, CODE, 0xCE);
    machine_run_to_handler(&m, VEC_OF);
    to_v86(&m, 0);
    PROGRAM(&m, CODE, 0xCE, 0xF1); /* into: not taken; int1: its gate's DPL of 0 does not matter */
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), 2);
    machine_destroy(&m);
}
END_TEST

/* A handler of V86 mode's interrupts must run in ring 0, in code that is not conforming. */
START_TEST(handlers_must_be_of_ring_0)
{
    static const uint16_t targets[] = {CODE1 & ~3, CONFORMING, CODE3 & ~3};
    for (unsigned n = 0; n < ARRAY_LEN(targets); n++) {
        struct machine m;
        start(&m, 0);
        put(&m, TSS_A + 12, STACK, 4);
        put(&m, TSS_A + 16, DATA1, 4);
        put_gate(&m, IDT + 8 * 0x41, targets[n], 0x5410, 0xEE, 0);
        to_v86(&m, FLAG_IOPL);
        PROGRAM(&m, CODE, 0xCD, 0x41);
        machine_run_to_handler(&m, VEC_GP);
        ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), targets[n]);
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(gate_of_16_bits_from_v86)
{
    struct machine m;
    start(&m, 0);
    put_gate(&m, IDT + 8 * 0x41, CODE0, 0x5410, 0xE6, 0);
    to_v86(&m, FLAG_IOPL | FLAG_IF);
    PROGRAM(&m, CODE, 0xCD, 0x41);
    machine_run_to_handler(&m, 0x41);
    const uint16_t frame[9] = {2, CODE >> 4, FLAG_IOPL | FLAG_IF | FLAG_ONE, 0x0800, 0x0600, 1, 2,
                               3, 4};
    ck_assert_uint_eq(m.c->reg[ESP].d, STACK - sizeof frame);
    ck_assert_mem_eq(m.ram + STACK - sizeof frame, frame, sizeof frame);
    machine_destroy(&m);
}
END_TEST

/* Segments are selector << 4, 64 KiB, whatever the tables say; far transfers likewise. */
START_TEST(far_transfers_and_segments)
{
    struct machine m;
    start(&m, 0);
    struct vcpu *c = m.c;
    to_v86(&m, 0);
    put(&m, 0x12345, 0x5A, 1);
    /* mov ax, 1234h; mov ds, ax; mov bl, [5]; call 0900:0000; mov cl, bl; ud2 */
    PROGRAM(&m, CODE, 0xB8, 0x34, 0x12, 0x8E, 0xD8, 0x8A, 0x1E, 0x05, 0x00, 0x9A, 0, 0, 0x00, 0x09,
            0x88, 0xD9, 0x0F, 0x0B);
    PROGRAM(&m, 0x9000, 0xB6, 0x77, 0xEA, 0, 0, 0x00, 0x0A); /* mov dh, 77h; jmp 0A00:0000 */
    PROGRAM(&m, 0xA000, 0xCB);                               /* retf */
    machine_run_to_handler(&m, VEC_UD);
    ck_assert_uint_eq(c->reg[ECX].b.l, 0x5A);
    ck_assert_uint_eq(c->reg[EDX].b.h, 0x77);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d + 12), 0x800);
    ck_assert_uint_eq(get32(&m, c->reg[ESP].d + 24), 0x1234); /* DS as pushed */
    machine_destroy(&m);
}
END_TEST

static uint32_t port_is_5a(void *ctx, uint16_t port, unsigned size)
{
    (void)ctx;
    (void)port;
    return 0x5A5A5A5A & (UINT32_MAX >> (32 - 8 * size));
}

/* In V86 mode the bitmap decides even with IOPL 3, port by port of a wide access. */
START_TEST(io_bitmap)
{
    static const struct {
        uint16_t port;
        uint8_t size;
        bool denied;
    } cases[] = {{0x10, 1, false}, {0x11, 1, true},  {0x12, 1, false}, {0x10, 2, true},
                 {0x12, 2, false}, {0x0F, 2, false}, {0x0E, 4, true},  {0x0D, 4, false},
                 {0x12, 4, false}, {0x1E, 2, false}, {0x1F, 2, true}};
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        start(&m, 0);
        struct vcpu *c = m.c;
        c->host.port_read = port_is_5a;
        put(&m, TSS_A + 0x66, 0x80, 2);
        put(&m, TSS_A + 0x80 + 2, 0x02, 1); /* port 11h */
        put(&m, TSS_A + 0x80 + 4, 0x01, 1); /* port 20h */
        to_v86(&m, FLAG_IOPL);
        const uint8_t code[4] = {cases[n].size == 4 ? 0x66 : 0x90, cases[n].size == 1 ? 0xEC : 0xED,
                                 0x0F, 0x0B};
        physmap_poke(m.pm, CODE, code, sizeof code);
        c->reg[EDX].d = cases[n].port;
        machine_run_to_handler(&m, cases[n].denied ? VEC_GP : VEC_UD);
        if (!cases[n].denied)
            ck_assert_uint_eq(c->reg[EAX].b.l, 0x5A);
        machine_destroy(&m);
    }
}
END_TEST

START_TEST(io_bitmap_ends_with_the_tss)
{
    struct machine m;
    start(&m, 0);
    struct vcpu *c = m.c;
    c->host.port_read = port_is_5a;
    put(&m, TSS_A + 0x66, 0x80, 2);
    PROGRAM(&m, CODE, 0xEC, 0x0F, 0x0B); /* in al, dx; ud2 */
    c->tr.limit = 0x80 + 5;
    to_v86(&m, 0);
    c->reg[EDX].d = 4 * 8 + 7; /* its byte and the one after lie within */
    machine_run_to_handler(&m, VEC_UD);
    to_v86(&m, 0);
    c->reg[EDX].d = 5 * 8;
    machine_run_to_handler(&m, VEC_GP);
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {iopl_3_runs_all,
                                  popf_cannot_change_iopl,
                                  vme_pushf_popf_cli_sti,
                                  vme_iret,
                                  vme_redirection_map,
                                  redirection_needs_a_map_within_the_tss,
                                  int3_and_into_ignore_iopl,
                                  handlers_must_be_of_ring_0,
                                  gate_of_16_bits_from_v86,
                                  far_transfers_and_segments,
                                  io_bitmap,
                                  io_bitmap_ends_with_the_tss};
    return run_tests("v86", tests, ARRAY_LEN(tests));
}
