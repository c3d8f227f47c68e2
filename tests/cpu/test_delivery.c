/* Faults on the way to a handler: the inner stack that the TSS names, and the EXT bit. */
#include "tests/cpu/harness.h"

#define FREE  0x80 /* selectors of the case's own descriptors */
#define FREE2 0x88

/* --- The inner stack, for a call gate and for an interrupt alike ------------------------------ */

static const struct {
    const char *what;
    uint32_t ss;
    uint64_t free;
    unsigned vector, error;
} inner_stacks[] = {
    {"null", 3, 0, VEC_TS, 0},
    {"beyond the GDT", 0x100, 0, VEC_TS, 0x100},
    {"RPL", DATA0 | 1, 0, VEC_TS, DATA0},
    {"DPL", DATA3 & ~3, 0, VEC_TS, DATA3 & ~3},
    {"read-only", READ_ONLY, 0, VEC_TS, READ_ONLY},
    {"code", CODE0, 0, VEC_TS, CODE0},
    {"absent", FREE2, SEGMENT(0, 0xFFFF, 0x12, 4), VEC_SS, FREE2},
    {"no room", FREE2, SEGMENT(0, 0xFFF, 0x92, 4), VEC_SS, FREE2},
};

/* Checked below the instruction: with such a stack in the TSS the fault's own handler has none. */
START_TEST(inner_stack_faults)
{
    for (unsigned n = 0; n < 2 * ARRAY_LEN(inner_stacks); n++) {
        unsigned k = n / 2;
        struct machine m;
        machine_start(&m, CPU_P4);
        put(&m, GDT + FREE, A_GATE(CODE0, 0x5000, 0xEC), 8);
        put(&m, IDT + 8 * 0x30, A_GATE(CODE0, 0x5000, 0xEE), 8);
        if (inner_stacks[k].free)
            put(&m, GDT + FREE2, inner_stacks[k].free, 8);
        machine_to_user(&m, FLAG_ONE);
        put(&m, TSS_A + 8, inner_stacks[k].ss, 4);
        struct vcpu *c = m.c;
        const char *what = inner_stacks[k].what;
        unsigned vector = n & 1 ? FAULT(&m, interrupt_software(c, 0x30, SOFT_INT_N, 1))
                                : FAULT(&m, far_call(c, FREE | 3, 0, 4, 1));
        ck_assert_msg(vector == inner_stacks[k].vector, "%s: vector %u", what, vector);
        ck_assert_msg(c->fault.error == inner_stacks[k].error, "%s: %X", what, c->fault.error);
        ck_assert_uint_eq(c->cpl, 3);
        ck_assert_uint_eq(c->reg[ESP].d, STACK3);
        ck_assert_uint_eq(c->seg[SEG_SS].selector, DATA3);
        /* A TSS too short to hold the stack: its own selector. */
        put(&m, TSS_A + 8, DATA0, 4);
        c->tr.limit = 8;
        vector = n & 1 ? FAULT(&m, interrupt_software(c, 0x30, SOFT_INT_N, 1))
                       : FAULT(&m, far_call(c, FREE | 3, 0, 4, 1));
        ck_assert_uint_eq(vector, VEC_TS);
        ck_assert_uint_eq(c->fault.error, SEL_TSS_A);
        machine_destroy(&m);
    }
}
END_TEST

/* Errors on the way to an exception's or interrupt's handler have EXT set. */
START_TEST(ext_in_the_error_code)
{
    static const struct {
        uint64_t gate;
        unsigned vector, error;
    } cases[] = {
        {A_GATE(CODE0, 0, 0x0E), VEC_NP, 0x20 * 8 + 2 + 1},
        {SEGMENT(0, 0xFFFFF, 0x9A, 0xC), VEC_GP, 0x20 * 8 + 2 + 1},
        {A_GATE(0, 0, 0x8E), VEC_GP, 1},
        {A_GATE(DATA0, 0, 0x8E), VEC_GP, DATA0 + 1},
        {A_GATE(ABSENT, 0, 0x8E), VEC_GP, ABSENT + 1},
        {A_GATE(EXEC_ONLY, 0x10000, 0x8E), VEC_GP, 1},
        {A_GATE(SEL_TSS_A, 0, 0x85), VEC_GP, SEL_TSS_A + 1},
        {A_GATE(0, 0, 0x85), VEC_GP, 1},
    };
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        machine_start(&m, CPU_P4);
        put(&m, IDT + 8 * 0x20, cases[n].gate, 8);
        interrupt_deliver(m.c, 0x20);
        ck_assert_uint_eq(m.c->eip, 0x5000 + 16 * cases[n].vector);
        ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), cases[n].error);
        ck_assert_uint_eq(m.c->fault_ext, 0);
        machine_destroy(&m);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {inner_stack_faults, ext_in_the_error_code};
    return run_tests("delivery", tests, ARRAY_LEN(tests));
}
