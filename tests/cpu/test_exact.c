/* A run does not depend on how it is cut (cpu/run.h). One program, with everything that could make
 * it so: a timer armed by port and by MMIO in the middle of blocks, an interrupt line raised there,
 * repeated string instructions over pages and devices, faults, code that changes itself, and
 * translations that the guest changed without telling the TLB. It is run once an instruction at a
 * time, which gives the state at each count; then in slices of random sizes, after each of which
 * the state must be the one of that count. */
#include "tests/cpu/harness.h"

#define COUNT     6000u   /* instructions */
#define DIRECTORY 0x1B000 /* two page tables, of the same 4 MiB */
#define TABLE     0x1C000
#define TABLE2    0x1D000
#define MMIO      0x300000
#define HASHED    0x2E000 /* bytes of RAM that the program touches */

/* clang-format off */
static const uint8_t program[] = {
    0xFF, 0x05, 0x00, 0x90, 0x00, 0x00, /* 00 inc dword [0x9000] */
    0xB9, 0x28, 0x23, 0x00, 0x00, /* 06 mov ecx, 9000 */
    0xBE, 0x00, 0x00, 0x02, 0x00, /* 0B mov esi, 0x20000 */
    0xBF, 0x03, 0x50, 0x02, 0x00, /* 10 mov edi, 0x25003 */
    0xF3, 0xA4, /* 15 rep movsb */
    0xB9, 0x05, 0x00, 0x00, 0x00, /* 17 mov ecx, 5 */
    0xBF, 0x10, 0x00, 0x30, 0x00, /* 1C mov edi, 0x300010 */
    0xF3, 0xAB, /* 21 rep stosd */
    0xC6, 0x05, 0x00, 0x00, 0x30, 0x00, 0x01, /* 23 mov byte [0x300000], 1 */
    0x40, /* 2A inc eax */
    0x40, /* 2B inc eax */
    0x40, /* 2C inc eax */
    0x0F, 0x0B, /* 2D ud2 */
    0xFE, 0x05, 0x36, 0x80, 0x00, 0x00, /* 2F inc byte [smc+1] */
    0xB0, 0x00, /* 35 smc: mov al, 0 */
    0x01, 0x05, 0x04, 0x90, 0x00, 0x00, /* 37 add [0x9004], eax */
    0xB9, 0x58, 0x1B, 0x00, 0x00, /* 3D mov ecx, 7000 */
    0xBF, 0x00, 0x50, 0x02, 0x00, /* 42 mov edi, 0x25000 */
    0xB0, 0xEE, /* 47 mov al, 0xEE */
    0xF2, 0xAE, /* 49 repne scasb */
    0x01, 0x0D, 0x08, 0x90, 0x00, 0x00, /* 4B add [0x9008], ecx */
    0xB9, 0xB8, 0x0B, 0x00, 0x00, /* 51 mov ecx, 3000 */
    0xBE, 0x00, 0x00, 0x02, 0x00, /* 56 mov esi, 0x20000 */
    0xBF, 0x03, 0x50, 0x02, 0x00, /* 5B mov edi, 0x25003 */
    0xF3, 0x66, 0xA7, /* 60 repe cmpsw */
    0x81, 0x35, 0xC0, 0xC0, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, /* 63 xor dword [0x1C0C0], 0x10000 */
    0x83, 0x25, 0xC4, 0xC0, 0x01, 0x00, 0xDF, /* 6D and dword [0x1C0C4], ~0x20 */
    0x8B, 0x1D, 0x00, 0x00, 0x03, 0x00, /* 74 mov ebx, [0x30000] */
    0x01, 0x1D, 0x10, 0x90, 0x00, 0x00, /* 7A add [0x9010], ebx */
    0x8B, 0x1D, 0x00, 0x10, 0x03, 0x00, /* 80 mov ebx, [0x31000] */
    0xFF, 0x05, 0x00, 0x10, 0x03, 0x00, /* 86 inc dword [0x31000] */
    0x83, 0x25, 0xC8, 0xC0, 0x01, 0x00, 0xFE, /* 8C and dword [0x1C0C8], ~1 */
    0x0F, 0x01, 0x3D, 0x00, 0x20, 0x03, 0x00, /* 93 invlpg [0x32000] */
    0xFE, 0x05, 0xFF, 0x2F, 0x03, 0x00, /* 9A inc byte [0x32fff] */
    0xFD, /* A0 std */
    0xB9, 0x88, 0x13, 0x00, 0x00, /* A1 mov ecx, 5000 */
    0xBF, 0x00, 0x80, 0x02, 0x00, /* A6 mov edi, 0x28000 */
    0xF3, 0xAA, /* AB rep stosb */
    0xFC, /* AD cld */
    0xB9, 0x00, 0x10, 0x00, 0x00, /* AE mov ecx, 4096 */
    0xBE, 0x00, 0x00, 0x02, 0x00, /* B3 mov esi, 0x20000 */
    0xF3, 0xAC, /* B8 rep lodsb */
    0xB9, 0x28, 0x00, 0x00, 0x00, /* BA mov ecx, 40 */
    0x66, 0xBA, 0x10, 0x00, /* BF mov dx, 0x10 */
    0xBF, 0x00, 0xA0, 0x02, 0x00, /* C3 mov edi, 0x2A000 */
    0xF3, 0x6C, /* C8 rep insb */
    0xBE, 0x00, 0xA0, 0x02, 0x00, /* CA mov esi, 0x2A000 */
    0xB9, 0x03, 0x00, 0x00, 0x00, /* CF mov ecx, 3 */
    0xF3, 0x6E, /* D4 rep outsb */
    0xE6, 0x11, /* D6 out 0x11, al */
    0x40, /* D8 inc eax */
    0xBD, 0x80, 0x81, 0x40, 0x00, /* D9 mov ebp, 0x408180 */
    0xB9, 0x32, 0x00, 0x00, 0x00, /* DE mov ecx, 50 */
    0x90, /* E3 .l: nop */
    0xF6, 0xC1, 0x03, /* E4 test cl, 3 */
    0x75, 0x09, /* E7 jnz .m */
    0x80, 0x25, 0x20, 0xC0, 0x01, 0x00, 0xDF, /* E9 and byte [0x1C020], ~0x20 */
    0xFF, 0xD5, /* F0 call ebp */
    0xE2, 0xEF, /* F2 .m: loop .l */
    0xE9, 0x07, 0xFF, 0xFF, 0xFF, /* F4 jmp top */
};
static const uint8_t on_timer[] = {
    0x50, /* 100 push eax */
    0xFF, 0x05, 0x0C, 0x90, 0x00, 0x00, /* 101 inc dword [0x900C] */
    0xA1, 0x0C, 0x90, 0x00, 0x00, /* 107 mov eax, [0x900C] */
    0x6B, 0xC0, 0x4D, /* 10C imul eax, eax, 77 */
    0x25, 0xFF, 0x00, 0x00, 0x00, /* 10F and eax, 0xff */
    0xA3, 0x04, 0x00, 0x30, 0x00, /* 114 mov [0x300004], eax */
    0xFF, 0x05, 0x14, 0x90, 0x00, 0x00, /* 119 inc dword [0x9014] */
    0x58, /* 11F pop eax */
    0xCF, /* 120 iret */
};
static const uint8_t on_ud[] = {
    0x83, 0x04, 0x24, 0x02, /* 140 add dword [esp], 2 */
    0xCF, /* 144 iret */
};
static const uint8_t on_pf[] = {
    0x83, 0x0D, 0xC8, 0xC0, 0x01, 0x00, 0x01, /* 160 or dword [0x1C0C8], 1 */
    0x83, 0xC4, 0x04, /* 167 add esp, 4 */
    0xCF, /* 16A iret */
};
static const uint8_t in_alias[] = {
    0xFB, /* 180 f: sti */
    0x43, /* 181 inc ebx */
    0x4B, /* 182 dec ebx */
    0x90, /* 183 nop */
    0xC3, /* 184 ret */
};
/* clang-format on */
#define ON_TIMER (CODE + 0x100)
#define ON_UD    (CODE + 0x140)
#define ON_PF    (CODE + 0x160)
#define IN_ALIAS \
    (CODE + 0x180) /* called at an address 4 MiB above: another page, the same TLB entry */

struct guest {
    struct machine m;
    uint64_t deadline; /* of the timer, in instructions */
};

static void arm(struct guest *g, uint64_t insns)
{
    g->deadline = vcpu_insns(g->m.c) + insns;
    vcpu_limit_budget(g->m.c, insns);
}

static int acknowledge(void *ctx)
{
    struct guest *g = ctx;
    g->m.c->events &= ~(uint32_t)EVENT_INTR;
    return 0x20;
}

static uint32_t port_read(void *ctx, uint16_t port, unsigned size)
{
    struct guest *g = ctx;
    return (uint32_t)vcpu_insns(g->m.c) + port + size;
}

static void port_write(void *ctx, uint16_t port, uint32_t value, unsigned size)
{
    (void)size;
    arm(ctx, port == 0x11 ? 2 : 1 + value);
}

static uint64_t device_read(void *ctx, uint64_t offset, unsigned size)
{
    (void)ctx;
    return offset * size;
}

static void device_write(void *ctx, uint64_t offset, uint64_t value, unsigned size)
{
    struct guest *g = ctx;
    (void)size;
    if (offset == 0)
        vcpu_attend(g->m.c, EVENT_INTR);
    else if (offset == 4)
        arm(g, 1 + (value & 0xFF));
    else
        arm(g, 30 - (offset & 0xF));
}

static struct guest *power_on(void)
{
    static const struct mmio_ops ops = {device_read, device_write};
    struct guest *g = calloc(1, sizeof *g);
    struct machine *m = &g->m;
    machine_start(m, CPU_P4);
    physmap_map_mmio(m->pm, MMIO, 0x1000, &ops, g);
    physmap_poke(m->pm, CODE, program, sizeof program);
    physmap_poke(m->pm, ON_TIMER, on_timer, sizeof on_timer);
    physmap_poke(m->pm, ON_UD, on_ud, sizeof on_ud);
    physmap_poke(m->pm, ON_PF, on_pf, sizeof on_pf);
    physmap_poke(m->pm, IN_ALIAS, in_alias, sizeof in_alias);
    put_gate(m, IDT + 8 * 0x20, CODE0, ON_TIMER, 0x8E, 0);
    put_gate(m, IDT + 8 * VEC_UD, CODE0, ON_UD, 0x8E, 0);
    put_gate(m, IDT + 8 * VEC_PF, CODE0, ON_PF, 0x8E, 0);
    put(m, DIRECTORY, TABLE | 3, 4);
    put(m, DIRECTORY + 4, TABLE2 | 3, 4);
    for (uint32_t n = 0; n < 1024; n++) {
        put(m, TABLE + 4 * n, n << 12 | 3, 4);
        put(m, TABLE2 + 4 * n, n << 12 | 3, 4);
    }
    for (uint32_t n = 0; n < 0x5000; n += 4)
        put(m, 0x20000 + n, n * 2654435761u, 4);
    struct vcpu *c = m->c;
    c->host = (struct vcpu_host){
        .ctx = g, .interrupt_ack = acknowledge, .port_read = port_read, .port_write = port_write};
    c->cr3 = DIRECTORY;
    MUST_NOT_FAULT(m, control_write_cr0(c, c->cr0 | CR0_PG));
    c->cur = NULL;
    c->eflags |= FLAG_IF;
    g->deadline = 100;
    return g;
}

static void power_off(struct guest *g)
{
    machine_destroy(&g->m);
    free(g);
}

/* Runs exactly insns instructions: the timer's deadlines end runs, as a partition's do. */
static void run(struct guest *g, uint64_t insns)
{
    struct vcpu *c = g->m.c;
    for (uint64_t end = c->insns + insns; c->insns < end;) {
        if (c->insns >= g->deadline) {
            g->deadline = UINT64_MAX;
            vcpu_attend(c, EVENT_INTR);
        }
        uint64_t to = end < g->deadline ? end : g->deadline;
        ck_assert_int_eq(interp_run(c, to - c->insns), EXIT_BUDGET);
        ck_assert_uint_le(c->insns, to);
    }
}

static uint64_t hash(uint64_t h, const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t n = 0; n + 8 <= len; n += 8) {
        h = (h ^ load_le64(p + n)) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 29;
    }
    for (size_t n = len & ~(size_t)7; n < len; n++)
        h = (h ^ p[n]) * UINT64_C(0x100000001B3);
    return h;
}

static uint64_t state(struct guest *g)
{
    struct bytes saved = {0};
    vcpu_state_flush(g->m.c);
    fields_save(vcpu_fields, g->m.c, &saved);
    uint64_t h = hash(hash(1, saved.data, saved.len), g->m.ram, HASHED);
    bytes_free(&saved);
    return hash(h, &g->deadline, sizeof g->deadline);
}

/* The state after each number of instructions, from COUNT runs of one each. */
static uint64_t *reference(void)
{
    uint64_t *states = calloc(COUNT + 1, sizeof *states);
    struct guest *g = power_on();
    for (unsigned n = 0; n <= COUNT; n++) {
        states[n] = state(g);
        run(g, 1);
        ck_assert_uint_eq(g->m.c->insns, n + 1);
    }
    /* It did what it is for. */
    ck_assert_uint_gt(g->m.c->faults[VEC_UD], 8);
    ck_assert_uint_gt(g->m.c->faults[VEC_PF], 8);
    ck_assert_uint_gt(g->m.c->interrupts, 50);
    ck_assert_uint_le(get32(&g->m, 0x900C) - get32(&g->m, 0x9014), 1);
    power_off(g);
    return states;
}

/* Slices of 1 to most instructions. */
START_TEST(any_slices_lead_to_the_same_states)
{
    static const uint32_t most[] = {3, 10, 40, 200, 2000, COUNT};
    uint64_t *states = reference();
    uint32_t seed = 12345;
    for (unsigned round = 0; round < 2 * ARRAY_LEN(most); round++) {
        struct guest *g = power_on();
        for (uint64_t at = 0, slice; at < COUNT; at += slice) {
            seed = seed * 1664525 + 1013904223;
            slice = 1 + (seed >> 8) % most[round / 2];
            if (slice > COUNT - at)
                slice = COUNT - at;
            run(g, slice);
            ck_assert_uint_eq(g->m.c->insns, at + slice);
            ck_assert_msg(state(g) == states[at + slice], "slices of up to %u: differs at %u",
                          most[round / 2], (unsigned)(at + slice));
        }
        power_off(g);
    }
    free(states);
}
END_TEST

/* A round of at most REP_ROUND elements is one instruction, whatever the TLB holds; one of INS or
 * OUTS is one element. */
START_TEST(rounds_of_repeated_instructions_are_counted)
{
    static const struct {
        uint32_t count;
        uint64_t insns;
    } cases[] = {{0, 1},    {1, 1},    {4095, 1}, {4096, 1},
                 {4097, 2}, {8192, 2}, {8193, 3}, {100000, 25}};
    static const uint8_t codes[] = {0xA4, 0xAA, 0xAC, 0xA6, 0xAE, 0x6C, 0x6E};
    for (unsigned n = 0; n < ARRAY_LEN(cases) * ARRAY_LEN(codes) * 2; n++) {
        struct machine m;
        machine_start(&m, CPU_P4);
        put(&m, CODE, 0x90, 1);
        put(&m, CODE + 1, 0xF3 | codes[n % ARRAY_LEN(codes)] << 8, 2); /* nop; rep ...; hlt */
        put(&m, CODE + 3, 0xF4, 1);
        struct vcpu *c = m.c;
        unsigned k = n / ARRAY_LEN(codes) / 2;
        bool down = n / ARRAY_LEN(codes) & 1;
        c->reg[ECX].d = cases[k].count;
        c->reg[ESI].d = 0x140FFD;
        c->reg[EDI].d = 0x180001;
        if (codes[n % ARRAY_LEN(codes)] == 0xAE)
            c->reg[EAX].d = 0;
        c->eflags |= down ? FLAG_DF : 0;
        ck_assert_int_eq(machine_run(&m, 1000000), EXIT_HALT);
        ck_assert_uint_eq(c->reg[ECX].d, 0);
        bool port = (codes[n % ARRAY_LEN(codes)] & 0xFC) == 0x6C;
        uint64_t rounds = port && cases[k].count ? cases[k].count : cases[k].insns;
        ck_assert_uint_eq(c->insns, rounds + 2);
        machine_destroy(&m);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {any_slices_lead_to_the_same_states,
                                  rounds_of_repeated_instructions_are_counted};
    return run_tests("exact", tests, ARRAY_LEN(tests));
}
