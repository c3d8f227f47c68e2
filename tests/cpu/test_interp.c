/* tests/cpu/test_interp.c: the interpreter's engine on small real-mode programs: flags, repeated
 * strings that are interrupted or fault, self-modifying code, stepping, interrupts, instruction
 * counts.
 *
 * A program starts at CODE:0000 with all data segments at DATA; every exception's handler is a HLT
 * of its own, so where the run stops tells which was taken. */
#include <stdlib.h>
#include <string.h>

#include "cpu/block.h"
#include "cpu/flags.h"
#include "cpu/run.h"
#include "cpu/segment.h"
#include "tests/check_main.h"

#define RAM      (UINT64_C(4) << 20)
#define CODE     0x1000 /* segments */
#define DATA     0x3000
#define STACK    0x5000
#define HANDLERS 0x0600 /* linear; handler n is a HLT at HANDLERS + n */

struct machine {
    struct vcpu *c;
    struct physmap *pm;
    uint8_t *ram;
    uint64_t insns_at_out; /* vcpu_insns as a port write saw it */
};

static uint32_t port_read(void *ctx, uint16_t port, unsigned size)
{
    (void)ctx;
    (void)port;
    return UINT32_MAX >> (32 - 8 * size);
}

static void port_write(void *ctx, uint16_t port, uint32_t value, unsigned size)
{
    struct machine *m = ctx;
    (void)port;
    (void)value;
    (void)size;
    m->insns_at_out = vcpu_insns(m->c);
}

static int interrupt_ack(void *ctx)
{
    struct machine *m = ctx;
    m->c->events &= ~(uint32_t)EVENT_INTR;
    return 0x20;
}

static void start_at(struct machine *m, uint16_t ip)
{
    for (unsigned s = 0; s < SEG_COUNT; s++)
        segment_load_real(m->c, s, s == SEG_CS ? CODE : s == SEG_SS ? STACK : DATA, false);
    m->c->eip = ip;
    m->c->halted = false;
    m->c->reg[ESP].d = 0x1000;
}

static void open_machine(struct machine *m, enum cpu_model model)
{
    memset(m, 0, sizeof *m);
    m->pm = physmap_create(RAM, 0, NULL);
    physmap_map_ram(m->pm, 0, RAM, 0);
    m->ram = physmap_host(m->pm, 0);
    m->c = vcpu_create(model, m->pm, NULL,
                       (struct vcpu_host){.ctx = m,
                                          .port_read = port_read,
                                          .port_write = port_write,
                                          .interrupt_ack = interrupt_ack});
    for (unsigned n = 0; n < 256; n++) {
        store_le16(m->ram + n * 4, (uint16_t)n);
        store_le16(m->ram + n * 4 + 2, HANDLERS >> 4);
        m->ram[HANDLERS + n] = 0xF4;
    }
    start_at(m, 0);
}

static void close_machine(struct machine *m)
{
    vcpu_destroy(m->c);
    physmap_destroy(m->pm);
}

static void program(struct machine *m, uint16_t ip, const char *bytes, size_t len)
{
    physmap_poke(m->pm, CODE * 16 + ip, bytes, len);
}
#define PROGRAM(m, bytes) program(m, 0, bytes, sizeof(bytes) - 1)

static void run_to_halt(struct machine *m)
{
    enum vcpu_exit why = interp_run(m->c, 10000000);
    ck_assert_int_eq(why, EXIT_HALT);
}

/* The vector whose handler's HLT was reached, or -1. */
static int stopped_in(const struct machine *m)
{
    if (m->c->seg[SEG_CS].selector != HANDLERS >> 4)
        return -1;
    return (int)m->c->eip - 1;
}

static uint16_t stacked(const struct machine *m, unsigned word)
{
    return load_le16(m->ram + STACK * 16 + m->c->reg[ESP].w + word * 2);
}

/* --- Flags ------------------------------------------------------------------------------------ */

START_TEST(flags_round_trip)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    static const uint32_t bit[] = {FLAG_CF, FLAG_PF, FLAG_AF, FLAG_ZF, FLAG_SF, FLAG_OF};
    for (unsigned n = 0; n < 64; n++) {
        uint32_t want = 0;
        for (unsigned k = 0; k < 6; k++)
            want |= n >> k & 1 ? bit[k] : 0;
        flags_set_arith(m.c, want);
        ck_assert_uint_eq(flags_arith(m.c), want);
        ck_assert_uint_eq(flag_less(m.c), !(want & FLAG_SF) != !(want & FLAG_OF));
    }
    close_machine(&m);
}
END_TEST

static uint32_t result_flags(uint32_t r)
{
    unsigned ones = 0;
    for (unsigned k = 0; k < 8; k++)
        ones += r >> k & 1;
    return (ones & 1 ? 0 : FLAG_PF) | ((r & 0xFF) ? 0 : FLAG_ZF) | (r & 0x80 ? FLAG_SF : 0);
}

/* By the definitions of the manual, for one of 00 ADD, 10 ADC, 18 SBB, 28 SUB, 38 CMP, 20 AND. */
static uint32_t expected_flags(uint8_t opcode, int a, int b, int cf)
{
    int carry = opcode == 0x10 || opcode == 0x18 ? cf : 0;
    if (opcode == 0x20)
        return result_flags((uint32_t)(a & b));
    bool add = opcode <= 0x10;
    int r = add ? a + b + carry : a - b - carry;
    int s = add ? (int8_t)a + (int8_t)b + carry : (int8_t)a - (int8_t)b - carry;
    int low = add ? (a & 15) + (b & 15) + carry : (a & 15) - (b & 15) - carry;
    return result_flags((uint32_t)r & 0xFF) | (r < 0 || r > 255 ? FLAG_CF : 0) |
           (s < -128 || s > 127 ? FLAG_OF : 0) | (low < 0 || low > 15 ? FLAG_AF : 0);
}

START_TEST(flags_of_every_byte_pair)
{
    static const uint8_t opcodes[] = {0x00, 0x10, 0x18, 0x28, 0x38, 0x20};
    struct machine m;
    open_machine(&m, CPU_P2);
    char code[] = "\x00\xD8\xF4"; /* op al, bl; hlt */
    code[0] = (char)opcodes[_i];
    program(&m, 0, code, 3);
    for (unsigned n = 0; n < 0x20000; n++) {
        uint8_t a = (uint8_t)n, b = (uint8_t)(n >> 8);
        start_at(&m, 0);
        m.c->reg[EAX].d = a;
        m.c->reg[EBX].d = b;
        flags_set_arith(m.c, n >> 16);
        interp_run(m.c, 10);
        uint32_t want = expected_flags(opcodes[_i], a, b, (int)(n >> 16));
        ck_assert_uint_eq(flags_arith(m.c), want);
    }
    close_machine(&m);
}
END_TEST

START_TEST(inc_keeps_carry)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    PROGRAM(&m, "\xF9\xB0\x7F\xFE\xC0\xF4"); /* stc; mov al, 7f; inc al; hlt */
    run_to_halt(&m);
    ck_assert_uint_eq(flags_arith(m.c), FLAG_CF | FLAG_OF | FLAG_SF | FLAG_AF);
    close_machine(&m);
}
END_TEST

/* --- Strings ---------------------------------------------------------------------------------- */

START_TEST(rep_movs_overlap_repeats)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    memcpy(m.ram + DATA * 16, "abcd", 4);
    PROGRAM(&m, "\xBE\x00\x00\xBF\x03\x00\xB9\x0C\x00\xF3\xA4\xF4"); /* si 0, di 3, cx 12 */
    run_to_halt(&m);
    ck_assert_mem_eq(m.ram + DATA * 16, "abcabcabcabcabc", 15);
    close_machine(&m);
}
END_TEST

START_TEST(rep_faults_where_it_stands)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    /* mov di, fffb; mov cx, 5; mov ax, 1234; rep stosw: the third word crosses the limit */
    PROGRAM(&m, "\xBF\xFB\xFF\xB9\x05\x00\xB8\x34\x12\xF3\xAB\xF4");
    run_to_halt(&m);
    ck_assert_int_eq(stopped_in(&m), VEC_GP);
    ck_assert_uint_eq(m.c->reg[ECX].w, 3);
    ck_assert_uint_eq(m.c->reg[EDI].w, 0xFFFF);
    ck_assert_uint_eq(stacked(&m, 0), 9); /* IP of the REP, not of what follows */
    ck_assert_uint_eq(load_le16(m.ram + DATA * 16 + 0xFFFD), 0x1234);
    close_machine(&m);
}
END_TEST

START_TEST(rep_yields_to_the_budget)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    for (unsigned n = 0; n < 0x8000; n++)
        m.ram[DATA * 16 + n] = (uint8_t)(n * 7);
    PROGRAM(&m, "\xBE\x00\x00\xBF\x00\x80\xB9\x00\x80\xF3\xA4\xF4"); /* 32 KiB upward */
    unsigned exits = 0;
    enum vcpu_exit why;
    while ((why = interp_run(m.c, 1)) == EXIT_BUDGET && exits < 100)
        exits++;
    ck_assert_int_eq(why, EXIT_HALT);
    ck_assert_uint_ge(exits, 8); /* at least once a page */
    ck_assert_uint_eq(m.c->reg[ECX].w, 0);
    ck_assert_mem_eq(m.ram + DATA * 16, m.ram + DATA * 16 + 0x8000, 0x8000);
    close_machine(&m);
}
END_TEST

START_TEST(repne_scas_finds)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    memset(m.ram + DATA * 16, 'x', 9000);
    m.ram[DATA * 16 + 8192] = 'y';
    PROGRAM(&m, "\xB0\x79\xB9\xFF\xFF\xF2\xAE\xF4"); /* mov al, 'y'; mov cx, -1; repne scasb */
    run_to_halt(&m);
    ck_assert_uint_eq(m.c->reg[EDI].w, 8193);
    ck_assert_uint_eq(m.c->reg[ECX].w, 0xFFFF - 8193);
    ck_assert_uint_eq(flag_zf(m.c), 1);
    close_machine(&m);
}
END_TEST

/* --- Self-modifying code ---------------------------------------------------------------------- */

START_TEST(next_instruction_is_seen_changed)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    /* cs: mov byte [7], 42h; mov al, 11h; hlt */
    PROGRAM(&m, "\x2E\xC6\x06\x07\x00\x42\xB0\x11\xF4");
    run_to_halt(&m);
    ck_assert_uint_eq(m.c->reg[EAX].b.l, 0x42);
    close_machine(&m);
}
END_TEST

START_TEST(loop_patches_itself)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    /* mov cx, 100; top: add ax, 0 (immediate at 4); cs: inc byte [4]; loop top; hlt:
     * adds 0 + 1 + ... + 99 */
    PROGRAM(&m, "\xB9\x64\x00\x05\x00\x00\x2E\xFE\x06\x04\x00\xE2\xF6\xF4");
    m.c->reg[EAX].d = 0;
    run_to_halt(&m);
    ck_assert_uint_eq(m.c->reg[EAX].w, 4950);
    close_machine(&m);
}
END_TEST

START_TEST(rep_overwrites_what_follows_it)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    memset(m.ram + DATA * 16, 0x40, 4); /* inc ax */
    /* push cs; pop es; mov si, 0; mov di, 13; mov cx, 4; rep movsb; 4 x dec ax; hlt */
    PROGRAM(&m, "\x0E\x07\xBE\x00\x00\xBF\x0D\x00\xB9\x04\x00\xF3\xA4\x48\x48\x48\x48\xF4");
    run_to_halt(&m);
    ck_assert_uint_eq(m.c->reg[EAX].w, 4);
    close_machine(&m);
}
END_TEST

START_TEST(second_page_of_a_crossing_instruction)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    program(&m, 0xFFE, "\xB8\x34\x12\xF4", 4); /* mov ax, 1234 across a page end; hlt */
    for (unsigned n = 0; n < 3; n++) {
        uint8_t high = (uint8_t)(0x20 + n);
        physmap_poke(m.pm, CODE * 16 + 0x1000, &high, 1);
        start_at(&m, 0xFFE);
        run_to_halt(&m);
        ck_assert_uint_eq(m.c->reg[EAX].w, high << 8 | 0x34);
    }
    close_machine(&m);
}
END_TEST

START_TEST(data_beside_code_drops_nothing)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    /* mov cx, 1000; top: cs: inc word [100h]; loop top; hlt */
    PROGRAM(&m, "\xB9\xE8\x03\x2E\xFF\x06\x00\x01\xE2\xF9\xF4");
    run_to_halt(&m);
    struct block_counters n = block_cache_counters(m.c->blocks);
    ck_assert_uint_eq(load_le16(m.ram + CODE * 16 + 0x100), 1000);
    ck_assert_uint_eq(n.dropped, 0);
    ck_assert_uint_ge(n.code_writes, 999);
    close_machine(&m);
}
END_TEST

START_TEST(flush_and_rebuild)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    /* a jump to the next instruction, over and over: 30720 blocks, each round anew */
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t at = 0; at < 0xF000; at += 2)
            physmap_poke(m.pm, CODE * 16 + at, "\xEB\x00", 2);
        physmap_poke(m.pm, CODE * 16 + 0xF000, "\xF4", 1);
        start_at(&m, 0);
        run_to_halt(&m);
        ck_assert_uint_eq(m.c->eip, 0xF001);
        block_cache_flush(m.c->blocks);
    }
    close_machine(&m);
}
END_TEST

/* --- Boundaries between instructions ---------------------------------------------------------- */

START_TEST(single_step_traps_after_each)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    PROGRAM(&m, "\x40\x40\xF4"); /* inc ax; inc ax; hlt */
    m.c->reg[EAX].d = 0;
    flags_set(m.c, FLAG_TF, FLAG_TF);
    run_to_halt(&m);
    ck_assert_int_eq(stopped_in(&m), VEC_DB);
    ck_assert_uint_eq(m.c->reg[EAX].w, 1);
    ck_assert_uint_eq(stacked(&m, 0), 1);
    ck_assert_uint_eq(m.c->dr[6] & 0x4000, 0x4000);
    close_machine(&m);
}
END_TEST

START_TEST(sti_holds_interrupts_for_one_instruction)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    PROGRAM(&m, "\xFB\x40\x40\x40\xF4"); /* sti; inc ax; inc ax; inc ax; hlt */
    m.c->reg[EAX].d = 0;
    vcpu_attend(m.c, EVENT_INTR);
    run_to_halt(&m);
    ck_assert_int_eq(stopped_in(&m), 0x20);
    ck_assert_uint_eq(m.c->reg[EAX].w, 1);
    ck_assert_uint_eq(stacked(&m, 0), 2);
    close_machine(&m);
}
END_TEST

START_TEST(instructions_are_counted_exactly)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    /* mov cx, 3; top: nop; nop; loop top; nop; out 80h, al; nop; hlt: 1 + 9 + 1 before the OUT */
    PROGRAM(&m, "\xB9\x03\x00\x90\x90\xE2\xFC\x90\xE6\x80\x90\xF4");
    uint64_t start = vcpu_insns(m.c);
    run_to_halt(&m);
    ck_assert_uint_eq(m.insns_at_out - start, 11);
    ck_assert_uint_eq(vcpu_insns(m.c) - start, 14);
    close_machine(&m);
}
END_TEST

START_TEST(divide_error_changes_nothing)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    PROGRAM(&m, "\xB8\x34\x12\xBA\x78\x56\x31\xDB\xF7\xF3\xF4"); /* xor bx, bx; div bx */
    run_to_halt(&m);
    ck_assert_int_eq(stopped_in(&m), VEC_DE);
    ck_assert_uint_eq(m.c->reg[EAX].w, 0x1234);
    ck_assert_uint_eq(m.c->reg[EDX].w, 0x5678);
    ck_assert_uint_eq(stacked(&m, 0), 8);
    close_machine(&m);
}
END_TEST

START_TEST(code_beyond_the_limit_faults)
{
    struct machine m;
    open_machine(&m, CPU_P2);
    program(&m, 0xFFFE, "\xB8\x34", 2); /* mov ax, imm16: its last byte lies beyond FFFFh */
    start_at(&m, 0xFFFE);
    run_to_halt(&m);
    ck_assert_int_eq(stopped_in(&m), VEC_GP);
    ck_assert_uint_eq(stacked(&m, 0), 0xFFFE);
    close_machine(&m);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("interp");
    tcase_set_timeout(t, TEST_HANGS_SECONDS);
    tcase_add_test(t, flags_round_trip);
    tcase_add_loop_test(t, flags_of_every_byte_pair, 0, 6);
    tcase_add_test(t, inc_keeps_carry);
    tcase_add_test(t, rep_movs_overlap_repeats);
    tcase_add_test(t, rep_faults_where_it_stands);
    tcase_add_test(t, rep_yields_to_the_budget);
    tcase_add_test(t, repne_scas_finds);
    tcase_add_test(t, next_instruction_is_seen_changed);
    tcase_add_test(t, loop_patches_itself);
    tcase_add_test(t, rep_overwrites_what_follows_it);
    tcase_add_test(t, second_page_of_a_crossing_instruction);
    tcase_add_test(t, data_beside_code_drops_nothing);
    tcase_add_test(t, flush_and_rebuild);
    tcase_add_test(t, single_step_traps_after_each);
    tcase_add_test(t, sti_holds_interrupts_for_one_instruction);
    tcase_add_test(t, instructions_are_counted_exactly);
    tcase_add_test(t, divide_error_changes_nothing);
    tcase_add_test(t, code_beyond_the_limit_faults);
    Suite *s = suite_create("interp");
    suite_add_tcase(s, t);
    return suite_status(s);
}
