/* The frames that the CPU pushes by itself: alignment checks and data breakpoints see them as they
 * see any access; what a task switch leaves of the debug registers; and ENTER's frame on a 16-bit
 * stack. */
#include "tests/cpu/harness.h"

/* mov edi, edi; far call to the next instruction, same level; hlt */
#define FAR_CALL 0x9A, 0x07, 0x80, 0, 0

static void start(struct machine *m)
{
    machine_start(m, CPU_P4);
}

START_TEST(misaligned_frames_of_ring_3)
{
    for (unsigned aligned = 0; aligned < 2; aligned++) {
        struct machine m;
        start(&m);
        PROGRAM(&m, CODE, FAR_CALL, CODE3 & 0xFF, 0, 0xF4);
        m.c->cr0 |= CR0_AM;
        machine_to_user(&m, FLAG_ONE | FLAG_AC);
        m.c->reg[ESP].d -= aligned ? 4 : 2;
        machine_run_to_handler(&m, aligned ? VEC_GP : VEC_AC); /* #GP: of HLT */
        ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), 0);      /* error code */
        ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d + 4), aligned ? CODE + 7 : CODE);
        machine_destroy(&m);
    }
}
END_TEST

/* Ring 0's stack is not checked, though EFLAGS.AC is set and ring 3 was interrupted. */
START_TEST(frames_of_ring_0_are_not_checked)
{
    struct machine m;
    start(&m);
    put(&m, TSS_A + 4, STACK - 2, 4);
    PROGRAM(&m, CODE, 0xF4);
    m.c->cr0 |= CR0_AM;
    machine_to_user(&m, FLAG_ONE | FLAG_AC);
    machine_run_to_handler(&m, VEC_GP);
    machine_destroy(&m);
}
END_TEST

/* A write breakpoint on 4 bytes at linear address at. */
static void watch(struct machine *m, uint32_t at)
{
    m->c->dr[0] = at;
    m->c->dr[7] = DR7_ONES | 0x000D0001;
    debug_update(m->c);
}

START_TEST(a_far_call_s_frame_hits)
{
    struct machine m;
    start(&m);
    PROGRAM(&m, CODE, FAR_CALL, CODE0, 0, 0x90, 0xF4);
    watch(&m, m.c->reg[ESP].d - 8); /* EIP */
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), CODE + 7);
    ck_assert_uint_eq(m.c->dr[6] & 0xF, 1);
    machine_destroy(&m);
}
END_TEST

/* The trap comes when the frame is complete: before the handler's first instruction. */
START_TEST(an_interrupt_s_frame_hits)
{
    for (unsigned fault = 0; fault < 2; fault++) {
        struct machine m;
        start(&m);
        uint32_t esp = m.c->reg[ESP].d;
        unsigned vector = fault ? VEC_UD : VEC_NMI;
        PROGRAM(&m, CODE, 0x0F, 0x0B); /* ud2 */
        watch(&m, esp - 4);            /* EFLAGS */
        if (!fault)
            vcpu_attend(m.c, EVENT_NMI);
        machine_run_to_handler(&m, VEC_DB);
        ck_assert_uint_eq(m.c->reg[ESP].d, esp - 24);
        ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), 0x5000 + 16 * vector);
        ck_assert_uint_eq(get32(&m, esp - 12), CODE);
        machine_destroy(&m);
    }
}
END_TEST

/* MOV SS holds the trap of its own operand off for one instruction. */
START_TEST(mov_ss_holds_a_data_breakpoint_off)
{
    struct machine m;
    start(&m);
    put(&m, 0xA000, DATA0, 2);
    PROGRAM(&m, CODE, 0x8E, 0x15, 0x00, 0xA0, 0, 0, 0x90, 0x90,
            0xF4); /* mov ss, [A000h]; nop; nop */
    watch(&m, 0xA000);
    m.c->dr[7] |= 0x00020000; /* reads, too */
    debug_update(m.c);
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(get32(&m, m.c->reg[ESP].d), CODE + 7);
    machine_destroy(&m);
}
END_TEST

START_TEST(a_task_switch_clears_local_breakpoints)
{
    struct machine m;
    start(&m);
    put(&m, TSS_B + 0x20, CODE, 4);
    put(&m, TSS_B + 0x24, FLAG_ONE, 4);
    for (unsigned s = 0; s < 6; s++)
        put(&m, TSS_B + 0x48 + 4 * s, s == SEG_CS ? CODE0 : DATA0, 2);
    m.c->dr[7] = DR7_ONES | 0x3FF;
    MUST_NOT_FAULT(&m, far_jump(m.c, SEL_TSS_B, 0, 4, 0));
    ck_assert_uint_eq(m.c->dr[7], DR7_ONES | 0x2AA); /* GE and G0 to G3 stay */
    machine_destroy(&m);
}
END_TEST

/* On a 16-bit stack only SP moves, but the frame pointer is what ESP then is, all 32 bits of it
 * when the operand size is 32 (SDM vol. 2, ENTER: FrameTemp := ESP, EBP := FrameTemp). */
START_TEST(enter_on_a_16_bit_stack)
{
    static const struct {
        uint8_t prefix, level;
        uint32_t ebp, esp, pushed; /* pushed: the new frame pointer, the last of the frame */
    } cases[] = {
        {0x3E, 0, 0xABCD8FFC, 0xABCD8FF4, 0}, /* a prefix that does nothing here */
        {0x3E, 1, 0xABCD8FFC, 0xABCD8FF0, 0xABCD8FFC},
        {0x3E, 35, 0xABCD8FFC, 0xABCD8FE8, 0xABCD8FFC},
        {0x66, 0, 0x12348FFE, 0xABCD8FF6, 0},
        {0x66, 3, 0x12348FFE, 0xABCD8FF0, 0x8FFE},
    };
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct machine m;
        start(&m);
        const uint8_t enter[] = {cases[n].prefix, 0xC8, 8, 0, cases[n].level, 0xF4};
        physmap_poke(m.pm, CODE, enter, sizeof enter);
        MUST_NOT_FAULT(&m, segment_load(m.c, SEG_SS, EXPAND_DOWN)); /* a 16-bit one */
        m.c->reg[ESP].d = 0xABCD9000;
        m.c->reg[EBP].d = 0x1234A000;
        machine_run_program(&m);
        ck_assert_uint_eq(m.c->reg[EBP].d, cases[n].ebp);
        ck_assert_uint_eq(m.c->reg[ESP].d, cases[n].esp);
        uint32_t at = (cases[n].esp & 0xFFFF) + 8; /* above the room made */
        bool wide = cases[n].prefix != 0x66;
        if (cases[n].level)
            ck_assert_uint_eq(wide ? get32(&m, at) : get16(&m, at), cases[n].pushed);
        ck_assert_uint_eq(wide ? get32(&m, 0x8FFC) : get16(&m, 0x8FFE), wide ? 0x1234A000 : 0xA000);
        machine_destroy(&m);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {misaligned_frames_of_ring_3,
                                  frames_of_ring_0_are_not_checked,
                                  a_far_call_s_frame_hits,
                                  an_interrupt_s_frame_hits,
                                  mov_ss_holds_a_data_breakpoint_off,
                                  a_task_switch_clears_local_breakpoints,
                                  enter_on_a_16_bit_stack};
    return run_tests("frames", tests, ARRAY_LEN(tests));
}
