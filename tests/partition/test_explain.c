/* partition/explain, cpu/history: a triple fault is told fault by fault, and what came before. */
#include "partition/explain.h"

#include "tests/partition/stopped.h"

/* In 16-bit protected mode with flat segments, an IDT of 15 entries at 2800, all zero. */
static struct partition *protected_machine(const uint8_t *code, size_t len)
{
    struct partition *p = with_code(code, len);
    descriptor(p, 0x2008, SEGMENT(0u, 0xFFFFFu, 0x9A, 8));
    descriptor(p, 0x2010, SEGMENT(0u, 0xFFFFFu, 0x92, 8));
    set(p, "gdt_base", 0x2000);
    set(p, "gdt_limit", 0x17);
    set(p, "idt_base", 0x2800);
    set(p, "idt_limit", 15 * 8 - 1);
    set(p, "cr0", get(p, "cr0") | CR0_PE);
    return p;
}

static void nothing(void *ctx)
{
    (void)ctx;
}

START_TEST(three_faults_in_turn)
{
    static const uint8_t code[] = {0x0F, 0x0B}; /* ud2 */
    struct partition *p = protected_machine(code, sizeof code);
    struct debug_listener listener = {.stopped = nothing};
    debug_listen(partition_debug(p), &listener);
    ck_assert_int_eq(go(p), DEBUG_TRIPLE_FAULT);
    const struct fault_chain *f = &partition_vcpu(p)->fault_chain;
    ck_assert_uint_eq(f->count, 4); /* #UD is benign: the #GP comes, then #DF, then the end */
    ck_assert_uint_eq(f->fault[0].vector, VEC_UD);
    ck_assert_uint_eq(f->fault[1].vector, VEC_GP);
    ck_assert_uint_eq(f->fault[1].during, VEC_UD);
    ck_assert_uint_eq(f->fault[1].error, 6 * 8 + 3);
    ck_assert_uint_eq(f->fault[3].during, VEC_DF);
    struct bytes text = {0};
    explain_triple_fault(partition_vcpu(p), &text);
    SHOWS(&text, "triple fault at 0000:00001000");
    SHOWS(&text, "1.  #UD invalid opcode (vector 6)\n");
    SHOWS(&text, "IDT entry    at 00002830: 06 empty");
    SHOWS(&text, "error code 0033: entry 06 of the IDT");
    SHOWS(&text, "these two make a double fault");
    SHOWS(&text, "the CPU shuts down");
    bytes_free(&text);
    debug_unlisten(partition_debug(p), &listener);
    partition_destroy(p);
}
END_TEST

/* A page fault whose handler's stack is not mapped either. */
START_TEST(page_walks_are_shown)
{
    static const uint8_t code[] = {0x67, 0xA1, 0x00, 0x00, 0x40, 0x00}; /* mov ax, [400000] */
    struct partition *p = protected_machine(code, sizeof code);
    uint32_t entry = 0x21000 | 7;
    put(p, 0x20000, &entry, 4);
    for (unsigned n = 0; n < 1024; n++) {
        entry = n << 12 | (n == 0xE ? 0 : 7);
        put(p, 0x21000 + 4 * n, &entry, 4);
    }
    descriptor(p, 0x2800 + 14 * 8, A_GATE(8, 0x1234u, 0x8E));
    descriptor(p, 0x2800 + 8 * 8, A_GATE(0x10, 0x1234u, 0x8E)); /* #DF: no code segment */
    set(p, "ds", 0x10);
    set(p, "ss", 0x10);
    set(p, "esp", 0xEF00);
    set(p, "cr3", 0x20000);
    set(p, "cr0", get(p, "cr0") | CR0_PG);
    struct debug_listener listener = {.stopped = nothing};
    debug_listen(partition_debug(p), &listener);
    ck_assert_int_eq(go(p), DEBUG_TRIPLE_FAULT);
    struct bytes text = {0};
    explain_triple_fault(partition_vcpu(p), &text);
    SHOWS(&text, "1.  #PF page fault (vector 14), error code 0000: read by the kernel, the page is "
                 "not present");
    SHOWS(&text, "CR2          00400000");
    SHOWS(&text, "PDE   [001] at 00020004 = 00000000");
    SHOWS(&text, "2.  #PF page fault (vector 14), error code 0002: write by the kernel");
    SHOWS(&text, "PTE   [00E] at 00021038");
    SHOWS(&text, "stack        0010:0000EF00, the present one");
    SHOWS(&text, "code segment at 00002010: 0010 data");
    SHOWS(&text,
          "3.  #GP general protection (vector 13), error code 0011: selector 0010 of the GDT");
    bytes_free(&text);
    debug_unlisten(partition_debug(p), &listener);
    partition_destroy(p);
}
END_TEST

START_TEST(history_of_events_and_blocks)
{
    static const uint8_t code[] = {
        0x90,       /* 1000: nop */
        0xCD, 0x80, /* 1001: int 80 */
        0xEB, 0xFB, /* 1003: jmp 1000 */
    };
    static const uint8_t handler[] = {0x0F, 0x0B}; /* 3000: ud2 */
    static const uint8_t skip[] = {
        0x89, 0xE5,             /* 3100: mov bp, sp */
        0x83, 0x46, 0x00, 0x02, /* 3102: add word [bp], 2 */
        0xCF,                   /* 3106: iret, behind the ud2 */
    };
    static const uint8_t iret = 0xCF;
    static const uint8_t vectors[2][4] = {{0, 0x30}, {0, 0x31}};
    struct partition *p = with_code(code, sizeof code);
    struct vcpu *c = partition_vcpu(p);
    put(p, 0x80 * 4, vectors[0], 4);
    put(p, VEC_UD * 4, vectors[1], 4);
    put(p, 0x3000, handler, sizeof handler);
    put(p, 0x3002, &iret, 1);
    put(p, 0x3100, skip, sizeof skip);
    history_clear(c->history);
    ck_assert(history_blocks_on(c, true));
    struct expr_error error;
    ck_assert(
        debug_run_until(partition_debug(p), &(struct break_spec){.kind = BREAK_EXCEPTION}, &error));
    run(p);
    static const struct {
        enum history_kind kind;
        uint32_t from;
    } back[] = {{HISTORY_EXCEPTION, 0x3000},
                {HISTORY_BLOCK, 0x3000},
                {HISTORY_SOFTWARE, 0x1001},
                {HISTORY_BLOCK, 0x1000}};
    struct history_cursor at = {0, 0};
    struct history_entry e;
    for (size_t n = 0; n < ARRAY_LEN(back); n++) {
        ck_assert(history_next(c->history, &at, &e));
        ck_assert_int_eq(e.kind, back[n].kind);
        ck_assert_uint_eq(e.from_eip, back[n].from);
    }
    ck_assert(!history_next(c->history, &at, &e));
    ck_assert(history_blocks_on(c, false));
    uint64_t blocks = c->history->blocks;
    debug_continue(partition_debug(p));
    ck_assert_int_eq(partition_run(p, partition_now(p) + 1000000, NULL, NULL), PARTITION_RUNNING);
    ck_assert_uint_eq(c->history->blocks, blocks);
    ck_assert_uint_gt(c->history->events, 2 * HISTORY_EVENTS); /* the ring went round */
    struct bytes text = {0};
    explain_history(partition_debug(p), 4, &text);
    SHOWS(&text, "int 80h at 0000:00001001 -> 0000:00003000");
    SHOWS(&text, "#UD at 0000:00003000 -> 0000:00003100");
    bytes_free(&text);
    partition_destroy(p);
}
END_TEST

CHECK_MAIN("partition/explain", three_faults_in_turn, page_walks_are_shown,
           history_of_events_and_blocks)
