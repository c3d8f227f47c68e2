/* tests/cpu/test_boundary.c: what happens between two instructions (single step, breakpoints, NMI,
 * the shadows of STI and MOV SS), and where the engine's blocks may come from and go: code in MMIO,
 * code overwritten by DMA, more code than the block cache holds.
 *
 * Programs run flat in ring 0; every exception's handler is a HLT, see machine_protect. */
#include "cpu/block.h"
#include "mmu/dma.h"
#include "tests/cpu/harness.h"

#define MMIO 0xA0000

/* EIP and EFLAGS that the handler reached last was given, on the stack of the same level. */
static uint32_t pushed_eip(struct machine *m)
{
    return get32(m, m->c->reg[ESP].d);
}

static uint32_t pushed_flags(struct machine *m)
{
    return get32(m, m->c->reg[ESP].d + 8);
}

static void open_machine(struct machine *m)
{
    machine_start(m, CPU_P4);
}

static int acknowledge(void *ctx)
{
    struct machine *m = ctx;
    m->c->events &= ~(uint32_t)EVENT_INTR;
    return 0x20;
}

/* --- Single step ---------------------------------------------------------------------------- */

/* The first #DB of the program at CODE with TF set is due after this many bytes. */
static void expect_step_after(struct machine *m, uint32_t bytes)
{
    m->c->eflags |= FLAG_TF;
    machine_run_to_handler(m, VEC_DB);
    ck_assert_uint_eq(pushed_eip(m), CODE + bytes);
    ck_assert(pushed_flags(m) & FLAG_TF);
    ck_assert_uint_eq(m->c->dr[6] & 0xF00F, DR6_BS);
    ck_assert(!(m->c->eflags & FLAG_TF));
}

START_TEST(no_step_after_a_stack_load)
{
    struct machine m;
    open_machine(&m);
    m.c->reg[EAX].d = DATA0;
    PROGRAM(&m, CODE, 0x8E, 0xD0, 0x90, 0x90); /* mov ss, ax; nop; nop */
    expect_step_after(&m, 3);
    machine_destroy(&m);

    open_machine(&m);
    m.c->reg[ESP].d -= 4;
    put(&m, m.c->reg[ESP].d, DATA0, 4);
    PROGRAM(&m, CODE, 0x17, 0x90, 0x90); /* pop ss; nop; nop */
    expect_step_after(&m, 2);
    machine_destroy(&m);
}
END_TEST

START_TEST(step_after_sti)
{
    struct machine m;
    open_machine(&m);
    PROGRAM(&m, CODE, 0xFB, 0x90, 0x90); /* sti; nop; nop: its shadow holds off interrupts only */
    expect_step_after(&m, 1);
    machine_destroy(&m);
}
END_TEST

START_TEST(no_step_after_a_software_interrupt)
{
    struct machine m;
    open_machine(&m);
    PROGRAM(&m, CODE, 0xCD, 0x30); /* int 30h */
    m.c->eflags |= FLAG_TF;
    machine_run_to_handler(&m, 0x30);
    ck_assert_uint_eq(m.c->dr[6] & DR6_BS, 0);
    machine_destroy(&m);

    open_machine(&m);
    PROGRAM(&m, CODE, 0xCE); /* into, taken */
    m.c->eflags |= FLAG_TF;
    flags_set_arith(m.c, FLAG_OF);
    machine_run_to_handler(&m, VEC_OF);
    machine_destroy(&m);

    open_machine(&m);
    PROGRAM(&m, CODE, 0xCE, 0x90); /* into, not taken: an instruction as any other */
    flags_set_arith(m.c, 0);
    expect_step_after(&m, 1);
    machine_destroy(&m);
}
END_TEST

START_TEST(step_wakes_hlt)
{
    struct machine m;
    open_machine(&m);
    PROGRAM(&m, CODE, 0xF4, 0x90); /* hlt; nop */
    expect_step_after(&m, 1);
    machine_destroy(&m);
}
END_TEST

START_TEST(step_through_a_repeated_string)
{
    struct machine m;
    open_machine(&m);
    m.c->reg[ECX].d = 3;
    m.c->reg[EDI].d = 0x20000;
    PROGRAM(&m, CODE, 0xF3, 0xAA, 0x90); /* rep stosb: a trap after each element */
    expect_step_after(&m, 0);
    ck_assert_uint_eq(m.c->reg[ECX].d, 2);
    ck_assert(pushed_flags(&m) & FLAG_RF);
    machine_destroy(&m);
}
END_TEST

START_TEST(step_after_popf_is_one_late)
{
    struct machine m;
    open_machine(&m);
    /* push 102h; popfd; nop; nop: the trap comes after the instruction that follows POPF */
    PROGRAM(&m, CODE, 0x68, 0x02, 0x01, 0, 0, 0x9D, 0x90, 0x90);
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(pushed_eip(&m), CODE + 7);
    machine_destroy(&m);
}
END_TEST

/* --- Breakpoints ---------------------------------------------------------------------------- */

static void set_breakpoint(struct machine *m, uint32_t at, uint32_t dr7)
{
    m->c->dr[0] = at;
    m->c->dr[7] = DR7_ONES | dr7;
    debug_update(m->c);
}

#define DR7_EXEC0   0x00000002u
#define DR7_WRITE0  0x00010002u /* one byte */
#define DR7_ACCESS0 0x00030002u

START_TEST(code_breakpoint_stops_before)
{
    struct machine m;
    open_machine(&m);
    PROGRAM(&m, CODE, 0x40, 0x40, 0x40, 0xF4); /* inc eax three times; hlt */
    m.c->reg[EAX].d = 0;
    set_breakpoint(&m, CODE + 2, DR7_EXEC0);
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(pushed_eip(&m), CODE + 2);
    ck_assert_uint_eq(m.c->reg[EAX].d, 2);
    ck_assert_uint_eq(m.c->dr[6] & 0xF00F, 1);
    /* The handler returns with RF: the instruction runs, once. */
    ck_assert(!(pushed_flags(&m) & FLAG_RF));
    put(&m, m.c->reg[ESP].d + 8, pushed_flags(&m) | FLAG_RF, 4);
    PROGRAM(&m, 0x5011, 0xCF); /* behind the handler's HLT: iretd */
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, CODE + 4);
    ck_assert_uint_eq(m.c->reg[EAX].d, 3);
    ck_assert(!(m.c->eflags & FLAG_RF));
    machine_destroy(&m);
}
END_TEST

START_TEST(code_breakpoint_on_a_repeated_string)
{
    struct machine m;
    open_machine(&m);
    m.c->reg[ECX].d = 0x3000; /* in parts of a page: RF keeps the breakpoint from hitting again */
    m.c->reg[EDI].d = 0x20000;
    m.c->eflags |= FLAG_RF;
    PROGRAM(&m, CODE, 0xF3, 0xAA, 0xF4);
    set_breakpoint(&m, CODE, DR7_EXEC0);
    ck_assert_int_eq(machine_run(&m, 0x10000), EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, CODE + 3);
    ck_assert_uint_eq(m.c->reg[ECX].d, 0);
    machine_destroy(&m);
}
END_TEST

START_TEST(stack_load_hides_a_code_breakpoint)
{
    struct machine m;
    open_machine(&m);
    m.c->reg[EAX].d = DATA0;
    PROGRAM(&m, CODE, 0x8E, 0xD0, 0x90, 0xF4); /* mov ss, ax; nop <- breakpoint; hlt */
    set_breakpoint(&m, CODE + 2, DR7_EXEC0);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, CODE + 4);
    machine_destroy(&m);
}
END_TEST

START_TEST(data_breakpoint_traps_after)
{
    struct machine m;
    open_machine(&m);
    PROGRAM(&m, CODE, 0xA2, 0, 0, 2, 0, 0x90, 0xF4); /* mov [20000h], al; nop; hlt */
    set_breakpoint(&m, 0x20000, DR7_WRITE0);
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(pushed_eip(&m), CODE + 5);
    ck_assert_uint_eq(m.c->dr[6] & 0xF00F, 1);
    machine_destroy(&m);
}
END_TEST

START_TEST(stack_load_delays_a_data_breakpoint)
{
    struct machine m;
    open_machine(&m);
    put(&m, 0x20000, DATA0, 2);
    PROGRAM(&m, CODE, 0x8E, 0x15, 0, 0, 2, 0, 0x90, 0x90, 0xF4); /* mov ss, [20000h]; nop; nop */
    set_breakpoint(&m, 0x20000, DR7_ACCESS0);
    machine_run_to_handler(&m, VEC_DB);
    ck_assert_uint_eq(pushed_eip(&m), CODE + 7);
    machine_destroy(&m);
}
END_TEST

/* --- NMI and INTR --------------------------------------------------------------------------- */

START_TEST(nmi_ignores_if_and_blocks_itself)
{
    struct machine m;
    open_machine(&m);
    PROGRAM(&m, CODE, 0x90, 0xF4);
    vcpu_attend(m.c, EVENT_NMI);
    machine_run_to_handler(&m, VEC_NMI);
    ck_assert_uint_eq(pushed_eip(&m), CODE);
    /* A second one waits for the IRET behind the handler's HLT. */
    PROGRAM(&m, 0x5021, 0xEB, 0x00, 0xCF);
    vcpu_attend(m.c, EVENT_NMI);
    machine_run(&m, 1);
    ck_assert_uint_eq(m.c->eip, 0x5023);
    machine_run_to_handler(&m, VEC_NMI);
    ck_assert_uint_eq(pushed_eip(&m), CODE);
    machine_destroy(&m);
}
END_TEST

START_TEST(nmi_before_intr)
{
    struct machine m;
    open_machine(&m);
    m.c->host.ctx = &m;
    m.c->host.interrupt_ack = acknowledge;
    m.c->eflags |= FLAG_IF;
    PROGRAM(&m, CODE, 0x90, 0xF4);
    vcpu_attend(m.c, EVENT_NMI | EVENT_INTR);
    machine_run_to_handler(&m, VEC_NMI);
    ck_assert(m.c->events & EVENT_INTR);
    machine_destroy(&m);
}
END_TEST

/* An interrupt that waits while IF is clear must not slow the machine down: blocks are chained as
 * without it. */
START_TEST(masked_interrupt_lets_blocks_chain)
{
    struct machine m;
    open_machine(&m);
    m.c->reg[ECX].d = 100000;
    PROGRAM(&m, CODE, 0xE2, 0xFE, 0xF4); /* loop CODE; hlt */
    vcpu_attend(m.c, EVENT_INTR);
    uint64_t before = block_cache_counters(m.c->blocks).found;
    ck_assert_int_eq(machine_run(&m, 1000000), EXIT_HALT);
    ck_assert(m.c->events & EVENT_INTR);
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
    ck_assert_uint_lt(block_cache_counters(m.c->blocks).found - before, 100);
#else
    (void)before; /* this build does not chain */
#endif
    machine_destroy(&m);
}
END_TEST

/* One that waits is taken as soon as IF is set: after the instruction that follows STI, after POPF
 * and after IRET; far jumps in between change nothing. */
START_TEST(waiting_interrupt_is_taken_when_unmasked)
{
    static const uint8_t iret[13] = {
        0x9C, 0x80, 0x4C, 0x24, 0x01, 0x02, /* pushfd; or byte [esp+1], 2 */
        0x0E, 0x68, 0x20, 0x80, 0x00, 0x00, /* push cs; push CODE + 20h */
        0xCF};
    static const uint8_t popf[13] = {0x9C, 0x80, 0x4C, 0x24, 0x01, 0x02, 0x9D,
                                     0x90, 0x90, 0x90, 0x90, 0x90, 0x90};
    static const uint8_t sti[13] = {0xEA, 0x07, 0x80, 0,    0,    CODE0, 0, /* jmp CODE0:CODE + 7 */
                                    0xFB, 0x90, 0x90, 0x90, 0x90, 0x90};
    static const struct {
        const uint8_t *code;
        uint32_t taken_at;
    } cases[] = {{iret, CODE + 0x20}, {popf, CODE + 7}, {sti, CODE + 9}};
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        for (unsigned round = 0; round < 2; round++) { /* the second finds its blocks chained */
            struct machine m;
            open_machine(&m);
            m.c->host.ctx = &m;
            m.c->host.interrupt_ack = acknowledge;
            memset(m.ram + CODE, 0x90, 0x40);
            physmap_poke(m.pm, CODE, cases[n].code, sizeof iret);
            if (round) {
                machine_run(&m, 8);
                m.c->eip = CODE;
                m.c->reg[ESP].d = 0x6F00;
                m.c->eflags &= ~FLAG_IF;
            }
            vcpu_attend(m.c, EVENT_INTR);
            machine_run_to_handler(&m, 0x20);
            ck_assert_uint_eq(pushed_eip(&m), cases[n].taken_at);
            machine_destroy(&m);
        }
    }
}
END_TEST

START_TEST(stack_load_holds_off_nmi)
{
    struct machine m;
    open_machine(&m);
    m.c->reg[EAX].d = DATA0;
    PROGRAM(&m, CODE, 0x8E, 0xD0, 0x90, 0x90); /* mov ss, ax; nop; nop */
    machine_run(&m, 1);
    ck_assert_uint_eq(m.c->eip, CODE + 2);
    vcpu_attend(m.c, EVENT_NMI);
    machine_run_to_handler(&m, VEC_NMI);
    ck_assert_uint_eq(pushed_eip(&m), CODE + 3);
    machine_destroy(&m);
}
END_TEST

START_TEST(interrupted_repeat_resumes)
{
    struct machine m;
    open_machine(&m);
    m.c->reg[ECX].d = 0x2800;
    m.c->reg[EDI].d = 0x20000;
    PROGRAM(&m, CODE, 0xF3, 0xAA, 0xF4); /* rep stosb; hlt */
    machine_run(&m, 1);
    ck_assert_uint_gt(m.c->reg[ECX].d, 0);
    vcpu_attend(m.c, EVENT_NMI);
    machine_run_to_handler(&m, VEC_NMI);
    ck_assert_uint_eq(pushed_eip(&m), CODE);
    ck_assert(pushed_flags(&m) & FLAG_RF);
    machine_destroy(&m);
}
END_TEST

/* --- String port transfers -------------------------------------------------------------------- */

struct port_log {
    struct machine *m;
    unsigned count;
    uint64_t insns; /* vcpu_insns at the last transfer */
    unsigned nmi_at;
};

static uint32_t log_read(void *ctx, uint16_t port, unsigned size)
{
    struct port_log *log = ctx;
    (void)port;
    (void)size;
    log->insns = vcpu_insns(log->m->c);
    if (++log->count == log->nmi_at)
        vcpu_attend(log->m->c, EVENT_NMI);
    return log->count;
}

START_TEST(repeated_ins_is_interrupted_and_counted)
{
    struct machine m;
    open_machine(&m);
    struct port_log log = {.m = &m, .nmi_at = 3};
    m.c->host.ctx = &log;
    m.c->host.port_read = log_read;
    m.c->reg[ECX].d = 10;
    m.c->reg[EDI].d = 0x20000;
    PROGRAM(&m, CODE, 0x90, 0xF3, 0x6C, 0xF4); /* nop; rep insb; hlt */
    uint64_t start = vcpu_insns(m.c);
    machine_run_to_handler(&m, VEC_NMI);
    ck_assert_uint_eq(m.c->reg[ECX].d, 7);
    ck_assert_uint_eq(m.c->reg[EDI].d, 0x20003);
    ck_assert_uint_eq(pushed_eip(&m), CODE + 1);
    ck_assert(pushed_flags(&m) & FLAG_RF);
    ck_assert_uint_eq(log.insns - start, 3); /* the NOP and two iterations */
    PROGRAM(&m, 0x5021, 0xCF);
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(log.count, 10);
    ck_assert_uint_eq(m.ram[0x20009], 10);
    /* nop, ten iterations, two HLTs, IRET */
    ck_assert_uint_eq(vcpu_insns(m.c) - start, 14);
    machine_destroy(&m);
}
END_TEST

/* --- Where code comes from -------------------------------------------------------------------- */

static uint64_t array_read(void *ctx, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, (uint8_t *)ctx + (offset & 0xFF), size);
    return value;
}

static void array_write(void *ctx, uint64_t offset, uint64_t value, unsigned size)
{
    memcpy((uint8_t *)ctx + (offset & 0xFF), &value, size);
}

/* As a program that was copied into video memory of a planar mode does. */
START_TEST(code_runs_from_mmio)
{
    static const struct mmio_ops ops = {.read = array_read, .write = array_write};
    uint8_t device[0x110] = {
        0xB9, 3,    0,    0,    0,          /* 00 mov ecx, 3 */
        0x83, 0xC0, 0x01,                   /* 05 add eax, 1 (immediate at 07) */
        0xFE, 0x05, 0x07, 0x00, 0x0A, 0x00, /* 08 inc byte [A0007h]: changes itself */
        0xE2, 0xF5,                         /* 0E loop 05 */
        0xE9, 0xEB, 0x7F, 0xF6, 0xFF,       /* 10 jmp 8000h */
    };
    struct machine m;
    open_machine(&m);
    physmap_map_mmio(m.pm, MMIO, 0x1000, &ops, device);
    PROGRAM(&m, CODE, 0xF4);
    m.c->reg[EAX].d = 0;
    m.c->eip = MMIO;
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(m.c->eip, CODE + 1);
    ck_assert_uint_eq(m.c->reg[EAX].d, 1 + 2 + 3);
    machine_destroy(&m);
}
END_TEST

/* What the TLB remembers of a device goes with the map, and with the page tables. */
START_TEST(device_translations_go_stale)
{
    static const struct mmio_ops ops = {.read = array_read, .write = array_write};
    uint8_t device[0x110] = {0x11};
    struct machine m;
    open_machine(&m);
    /* mov al, [A0000h]; mov [A0001h], al; hlt */
    PROGRAM(&m, CODE, 0xA0, 0, 0, 0x0A, 0, 0xA2, 1, 0, 0x0A, 0, 0xF4);
    m.ram[MMIO] = 0x22;
    for (unsigned round = 0; round < 3; round++) {
        bool mapped = round != 1;
        if (mapped)
            physmap_map_mmio(m.pm, MMIO, 0x1000, &ops, device);
        else
            physmap_map_ram(m.pm, MMIO, 0x1000, MMIO);
        for (unsigned n = 0; n < 3; n++) {
            m.c->eip = CODE;
            ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
            ck_assert_uint_eq(m.c->reg[EAX].b.l, mapped ? 0x11 : 0x22);
        }
        ck_assert_uint_eq(device[1], 0x11);
        ck_assert_uint_eq(m.ram[MMIO + 1], round ? 0x22 : 0);
    }
    machine_destroy(&m);
}
END_TEST

/* An instruction that begins in RAM and ends in MMIO. */
START_TEST(code_crosses_from_ram_into_mmio)
{
    static const struct mmio_ops ops = {.read = array_read, .write = array_write};
    uint8_t device[0x110] = {0x78, 0x56, 0x34, 0xF4}; /* rest of mov eax, 345678xx; hlt */
    struct machine m;
    open_machine(&m);
    physmap_map_mmio(m.pm, MMIO, 0x1000, &ops, device);
    PROGRAM(&m, MMIO - 2, 0xB8, 0x12);
    for (unsigned round = 0; round < 2; round++) {
        device[2] = (uint8_t)(0x34 + round);
        m.c->eip = MMIO - 2;
        ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
        ck_assert_uint_eq(m.c->reg[EAX].d, 0x34567812 + (round << 24));
    }
    machine_destroy(&m);
}
END_TEST

START_TEST(dma_replaces_code)
{
    struct machine m;
    open_machine(&m);
    struct dma_domain *dma =
        dma_domain_create("test", m.pm, NULL, (struct dma_limits){0}, (struct dma_host){0});
    ck_assert_ptr_nonnull(dma);
    PROGRAM(&m, CODE, 0xB8, 1, 0, 0, 0, 0xF4); /* mov eax, 1; hlt */
    for (uint8_t value = 1; value < 5; value++) {
        if (value > 1)
            ck_assert_int_eq(dma_write(dma, CODE + 1, &value, 1), DMA_OK);
        m.c->eip = CODE;
        ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
        ck_assert_uint_eq(m.c->reg[EAX].d, value);
    }
    ck_assert_uint_eq(block_cache_counters(m.c->blocks).adapted, 3);
    dma_domain_destroy(dma);
    machine_destroy(&m);
}
END_TEST

/* A page that is cleared is data from then on: programs that get it write to it at full speed. Code
 * that changes bit by bit stays code, as it will run again. */
START_TEST(a_cleared_page_is_no_code)
{
    enum { PAGE = 0x9000 };
    struct machine m;
    open_machine(&m);
    for (unsigned round = 0; round < 3; round++) {
        PROGRAM(&m, PAGE, 0x90, 0xF4); /* nop; hlt */
        m.c->eip = PAGE;
        ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
        put(&m, PAGE + 1, 0x90, 1);
        put(&m, PAGE + 1, 0xF4, 1);
        ck_assert(physmap_page_state(m.pm, PAGE) & PAGE_HAS_CODE);
        PROGRAM(&m, CODE, 0xF3, 0xAB, 0xF4); /* rep stosd; hlt */
        m.c->eip = CODE;
        m.c->reg[EAX].d = ~round; /* no write changes nothing */
        m.c->reg[ECX].d = PAGE_SIZE / 4;
        m.c->reg[EDI].d = PAGE;
        ck_assert_int_eq(machine_run(&m, 10000), EXIT_HALT);
        ck_assert(!(physmap_page_state(m.pm, PAGE) & PAGE_HAS_CODE));
    }
    machine_destroy(&m);
}
END_TEST

/* Blocks that begin in the middle of others are kept for a while where their bytes change, not for
 * ever: a write would have more and more of them to look after. */
START_TEST(overlapping_blocks_do_not_pile_up)
{
    enum { ADDS = 16 };
    struct machine m;
    open_machine(&m);
    struct dma_domain *dma =
        dma_domain_create("test", m.pm, NULL, (struct dma_limits){0}, (struct dma_host){0});
    ck_assert_ptr_nonnull(dma);
    uint8_t code[5 * ADDS + 1] = {0};
    for (unsigned n = 0; n < ADDS; n++)
        code[5 * n] = 0x05; /* add eax, 0 */
    code[5 * ADDS] = 0xF4;
    memcpy(m.ram + CODE, code, sizeof code);
    for (unsigned n = 0; n < ADDS; n++) {
        m.c->eip = CODE + 5 * n;
        ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    }
    uint64_t before = block_cache_counters(m.c->blocks).adapted, most = 0;
    for (uint32_t value = 1; value <= 5000; value++) {
        ck_assert_int_eq(dma_write(dma, CODE + 5 * ADDS - 4, &value, 4), DMA_OK);
        uint64_t now = block_cache_counters(m.c->blocks).adapted;
        most = now - before > most ? now - before : most;
        if (value == 5000)
            ck_assert_uint_eq(now - before, 1);
        before = now;
    }
    ck_assert_uint_eq(most, ADDS);
    for (unsigned n = 0; n < ADDS; n++) {
        m.c->eip = CODE + 5 * n;
        m.c->reg[EAX].q = n;
        ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
        ck_assert_uint_eq(m.c->reg[EAX].d, 5000 + n);
    }
    dma_domain_destroy(dma);
    machine_destroy(&m);
}
END_TEST

/* The running block is overwritten by the DMA that its own OUT starts. */
static struct dma_domain *port_dma(struct machine *m)
{
    return dma_domain_create("test", m->pm, NULL, (struct dma_limits){0}, (struct dma_host){0});
}

static void start_dma(void *ctx, uint16_t port, uint32_t value, unsigned size)
{
    static const uint8_t code[] = {0xB0, 0x22}; /* mov al, 22h */
    (void)port;
    (void)value;
    (void)size;
    ck_assert_int_eq(dma_write(ctx, CODE + 2, code, sizeof code), DMA_OK);
}

START_TEST(dma_replaces_the_next_instruction)
{
    struct machine m;
    open_machine(&m);
    struct dma_domain *dma = port_dma(&m);
    m.c->host.ctx = dma;
    m.c->host.port_write = start_dma;
    PROGRAM(&m, CODE, 0xE6, 0x80, 0xB0, 0x11, 0xF4); /* out 80h, al; mov al, 11h; hlt */
    ck_assert_int_eq(machine_run(&m, 100), EXIT_HALT);
    ck_assert_uint_eq(m.c->reg[EAX].b.l, 0x22);
    dma_domain_destroy(dma);
    machine_destroy(&m);
}
END_TEST

/* A jump to the next instruction, 500,000 times: twice as many blocks as the cache's memory has
 * room for. Then once more: all that was thrown away is made anew. */
START_TEST(more_code_than_the_cache_holds)
{
    enum { AT = 0x100000, JUMPS = 500000 };
    struct machine m;
    open_machine(&m);
    for (uint32_t n = 0; n < JUMPS; n++)
        put(&m, AT + 2 * n, 0x00EB, 2);
    put(&m, AT + 2 * JUMPS, 0xF4, 1);
    for (unsigned round = 0; round < 2; round++) {
        m.c->eip = AT;
        uint64_t before = vcpu_insns(m.c);
        ck_assert_int_eq(machine_run(&m, 2 * JUMPS), EXIT_HALT);
        ck_assert_uint_eq(m.c->eip, AT + 2 * JUMPS + 1);
        ck_assert_uint_eq(vcpu_insns(m.c) - before, JUMPS + 1);
    }
    struct block_counters n = block_cache_counters(m.c->blocks);
    ck_assert_uint_ge(n.flushes, 2);
    ck_assert_uint_ge(n.built, 2 * JUMPS);
    /* After that, code that changes is still noticed. */
    put(&m, AT, 0x00EB40, 3); /* inc eax; jmp; the byte 00 that is left starts add [eax], cl... */
    put(&m, AT + 3, 0xF4, 1);
    m.c->reg[EAX].d = 7;
    m.c->eip = AT;
    ck_assert_int_eq(machine_run(&m, 10), EXIT_HALT);
    ck_assert_uint_eq(m.c->reg[EAX].d, 8);
    machine_destroy(&m);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {no_step_after_a_stack_load,
                            step_after_sti,
                            no_step_after_a_software_interrupt,
                            step_wakes_hlt,
                            step_through_a_repeated_string,
                            step_after_popf_is_one_late,
                            code_breakpoint_stops_before,
                            code_breakpoint_on_a_repeated_string,
                            stack_load_hides_a_code_breakpoint,
                            data_breakpoint_traps_after,
                            stack_load_delays_a_data_breakpoint,
                            nmi_ignores_if_and_blocks_itself,
                            nmi_before_intr,
                            masked_interrupt_lets_blocks_chain,
                            waiting_interrupt_is_taken_when_unmasked,
                            stack_load_holds_off_nmi,
                            interrupted_repeat_resumes,
                            repeated_ins_is_interrupted_and_counted,
                            code_runs_from_mmio,
                            device_translations_go_stale,
                            code_crosses_from_ram_into_mmio,
                            dma_replaces_code,
                            a_cleared_page_is_no_code,
                            overlapping_blocks_do_not_pile_up,
                            dma_replaces_the_next_instruction,
                            more_code_than_the_cache_holds};
    return run_tests("boundary", tests, ARRAY_LEN(tests));
}
