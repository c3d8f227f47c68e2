/* tests/cpu/harness.h: a vCPU with a little memory, set up by hand, for tests of what the CPU does
 * below the instruction: segments, gates, tasks, paging.
 *
 * MUST_NOT_FAULT(m, call) and FAULT(m, call) run a function that may raise; FAULT gives the vector
 * (NO_FAULT when none) and m->c->fault.error holds the error code. */
#ifndef UMBRA_TESTS_CPU_HARNESS_H
#define UMBRA_TESTS_CPU_HARNESS_H

#include <stdlib.h>

#include "cpu/access.h"
#include "cpu/control.h"
#include "cpu/debug.h"
#include "cpu/flags.h"
#include "cpu/run.h"
#include "cpu/segment.h"
#include "cpu/task.h"
#include "tests/check_main.h"
#include "tests/descriptors.h"

/* Locals are not used after a longjmp but for those that were set before the setjmp. */
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wclobbered"
#endif

#define RAM_SIZE (4u << 20)
#define NO_FAULT 0xFF

/* Where things lie. */
#define GDT    0x1000
#define IDT    0x2000
#define TSS_A  0x3000
#define TSS_B  0x3200
#define LDT    0x3400
#define CODE   0x8000
#define STACK  0x7000 /* of ring 0, when an inner stack is taken from the TSS */
#define STACK3 0x9F00 /* of ring 3 */

/* Selectors of the standard GDT. */
enum {
    CODE0 = 0x08,
    DATA0 = 0x10,
    CODE3 = 0x18 | 3,
    DATA3 = 0x20 | 3,
    SEL_TSS_A = 0x28,
    SEL_TSS_B = 0x30,
    SEL_LDT = 0x38,
    GATE = 0x40, /* free for gates */
    CONFORMING = 0x48,
    CODE1 = 0x50 | 1,
    ABSENT = 0x58, /* data, not present */
    READ_ONLY = 0x60,
    EXPAND_DOWN = 0x68, /* valid from 1000h on, 16-bit */
    EXEC_ONLY = 0x70,
    DATA1 = 0x78 | 1,
    GDT_SIZE = 0x100
};

struct machine {
    struct physmap *pm;
    struct vcpu *c;
    uint8_t *ram;
    struct insn insn; /* what c->cur points to */
};

static inline void put(struct machine *m, uint32_t at, uint64_t value, unsigned size)
{
    physmap_poke(m->pm, at, &value, size);
}

static inline uint32_t get32(struct machine *m, uint32_t at)
{
    return load_le32(m->ram + at);
}

static inline uint32_t get16(struct machine *m, uint32_t at)
{
    return load_le16(m->ram + at);
}

/* As SEGMENT and CALL_GATE of tests/descriptors.h. */
static inline void put_segment(struct machine *m, uint32_t at, uint32_t base, uint32_t limit,
                               uint8_t access, uint8_t flags)
{
    put(m, at, SEGMENT(base, limit, access, flags), 8);
}

static inline void put_gate(struct machine *m, uint32_t at, uint16_t selector, uint32_t offset,
                            uint8_t access, uint8_t params)
{
    put(m, at, CALL_GATE(selector, offset, access, params), 8);
}

static inline void machine_create(struct machine *m, enum cpu_model model)
{
    *m = (struct machine){.pm = physmap_create(RAM_SIZE, 1 << 16, NULL)};
    ck_assert_ptr_nonnull(m->pm);
    physmap_map_ram(m->pm, 0, RAM_SIZE, 0);
    m->ram = physmap_host(m->pm, 0);
    m->c = vcpu_create(model, m->pm, NULL, (struct vcpu_host){0});
    ck_assert_ptr_nonnull(m->c);
    m->insn = (struct insn){.len = 2, .osize = 4, .asize = 4, .base = REG_NONE, .index = REG_NONE};
}

static inline void machine_destroy(struct machine *m)
{
    vcpu_destroy(m->c);
    physmap_destroy(m->pm);
}

static inline unsigned fault_of(struct machine *m)
{
    return m->c->fault.vector;
}

#define FAULT(m, ...)                    \
    __extension__({                      \
        (m)->c->cur = &(m)->insn;        \
        (m)->c->block_eip = (m)->c->eip; \
        (m)->c->fault.vector = NO_FAULT; \
        (m)->c->fault.error = 0;         \
        jmp_buf landing_;                \
        (m)->c->unwind = &landing_;      \
        if (setjmp(landing_) == 0) {     \
            __VA_ARGS__;                 \
        }                                \
        fault_of(m);                     \
    })
#define MUST_NOT_FAULT(m, ...)                    \
    do {                                          \
        unsigned vector_ = FAULT(m, __VA_ARGS__); \
        ck_assert_uint_eq(vector_, NO_FAULT);     \
    } while (0)
#define MUST_FAULT(m, call, vec, code)                \
    do {                                              \
        ck_assert_uint_eq(FAULT(m, call), vec);       \
        ck_assert_uint_eq((m)->c->fault.error, code); \
    } while (0)

static inline void put_standard_gdt(struct machine *m)
{
    put_segment(m, GDT + CODE0, 0, 0xFFFFF, 0x9A, 0xC);
    put_segment(m, GDT + DATA0, 0, 0xFFFFF, 0x92, 0xC);
    put_segment(m, GDT + (CODE3 & ~7), 0, 0xFFFFF, 0xFA, 0xC);
    put_segment(m, GDT + (DATA3 & ~7), 0, 0xFFFFF, 0xF2, 0xC);
    put_segment(m, GDT + SEL_TSS_A, TSS_A, 0x1FF, 0x89, 0);
    put_segment(m, GDT + SEL_TSS_B, TSS_B, 0x67, 0x89, 0);
    put_segment(m, GDT + SEL_LDT, LDT, 0xFF, 0x82, 0);
    put_segment(m, GDT + CONFORMING, 0, 0xFFFFF, 0x9E, 0xC);
    put_segment(m, GDT + (CODE1 & ~7), 0, 0xFFFFF, 0xBA, 0xC);
    put_segment(m, GDT + (DATA1 & ~7), 0, 0xFFFFF, 0xB2, 0xC);
    put_segment(m, GDT + ABSENT, 0, 0xFFFFF, 0x12, 0xC);
    put_segment(m, GDT + READ_ONLY, 0, 0xFFFF, 0x90, 0);
    put_segment(m, GDT + EXPAND_DOWN, 0, 0xFFF, 0x96, 0);
    put_segment(m, GDT + EXEC_ONLY, 0, 0xFFFF, 0x98, 0);
}

/* Protected mode at CPL 0, flat 32-bit segments, TR = SEL_TSS_A with ring 0's stack, every IDT
 * entry an interrupt gate to CODE0:5000h + 16 * vector with DPL 0, where a HLT stands. */
static inline void machine_protect(struct machine *m)
{
    struct vcpu *c = m->c;
    put_standard_gdt(m);
    for (unsigned v = 0; v < 256; v++)
        put_gate(m, IDT + 8 * v, CODE0, 0x5000 + 16 * v, 0x8E, 0);
    memset(m->ram + 0x5000, 0xF4, 0x1000);
    put(m, TSS_A + 4, STACK, 4);
    put(m, TSS_A + 8, DATA0, 4);
    c->gdtr = (struct descriptor_table){.base = GDT, .limit = GDT_SIZE - 1};
    c->idtr = (struct descriptor_table){.base = IDT, .limit = 0x7FF};
    MUST_NOT_FAULT(m, control_write_cr0(c, CR0_PE));
    MUST_NOT_FAULT(m, far_jump(c, CODE0, CODE, 4, 0));
    for (unsigned s = 0; s < SEG_COUNT; s++) {
        if (s != SEG_CS)
            MUST_NOT_FAULT(m, segment_load(c, s, DATA0));
    }
    c->reg[ESP].d = 0x6F00;
    struct descriptor tss;
    MUST_NOT_FAULT(m, tss = task_descriptor(c, SEL_TSS_A, TASK_JUMP, VEC_GP));
    c->tr = segment_from(&tss, SEL_TSS_A);
    c->tr.attr |= 2;
    m->ram[GDT + SEL_TSS_A + 5] |= 2;
}

/* A protected machine, ready to run a program at CODE. */
static inline void machine_start(struct machine *m, enum cpu_model model)
{
    machine_create(m, model);
    machine_protect(m);
}

/* From ring 0 to ring 3 by IRET: CODE3:CODE, DATA3:STACK3, with these EFLAGS. */
static inline void machine_to_user(struct machine *m, uint32_t eflags)
{
    struct vcpu *c = m->c;
    const uint32_t frame[5] = {CODE, CODE3, eflags, STACK3, DATA3};
    c->reg[ESP].d = 0x6F00 - sizeof frame;
    memcpy(m->ram + c->reg[ESP].d, frame, sizeof frame);
    MUST_NOT_FAULT(m, interrupt_return(c, 4, 0));
    ck_assert_uint_eq(c->cpl, 3);
}

/* Puts a program at linear address at. */
#define PROGRAM(m, at, ...)                               \
    do {                                                  \
        static const uint8_t code_[] = {__VA_ARGS__};     \
        physmap_poke((m)->pm, (at), code_, sizeof code_); \
    } while (0)

/* Runs at most insns instructions. */
static inline enum vcpu_exit machine_run(struct machine *m, uint64_t insns)
{
    m->c->cur = NULL;
    m->c->halted = false;
    return interp_run(m->c, insns);
}

/* Runs the program at CODE to its HLT. */
static inline void machine_run_program(struct machine *m)
{
    m->c->eip = CODE;
    ck_assert_int_eq(machine_run(m, 1000), EXIT_HALT);
    ck_assert_msg(m->c->eip > CODE && m->c->eip < CODE + 0x100, "faulted: %X", (unsigned)m->c->eip);
}

/* Runs to a HLT in the handler of vector (see machine_protect), which must be where it stops. */
static inline void machine_run_to_handler(struct machine *m, unsigned vector)
{
    ck_assert_int_eq(machine_run(m, 1000), EXIT_HALT);
    ck_assert_uint_eq(m->c->eip, 0x5000 + 16 * vector + 1);
}

/* The tests of one file, run in forked processes. Returns main's status. */
static inline int run_tests(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, TEST_HANGS_SECONDS);
    for (size_t n = 0; n < count; n++)
        tcase_add_test(tcase, tests[n]);
    suite_add_tcase(suite, tcase);
    return suite_status(suite);
}

#endif
