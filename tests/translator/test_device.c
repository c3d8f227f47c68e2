/* Instructions whose operand is a device's (translator/narrow_device.c, cpu/interp/string.c): each
 * form that there is, in small random loops on the interpreter and on the translator in both forms
 * of shadow map. The device remembers what was read last and mixes it into what is written, as a
 * VGA's latches do, so each access counts, and their order. It is there once with quick functions,
 * once without: nobody may see a difference. */
#include "tests/cpu/harness.h"
#include "translator/narrow.h"

#define DEVICE   0x200000u /* two pages */
#define DATA     0x100000u
#define SAVED    0x180000u /* a stack that gets the flags */
#define ROUNDS   12
#define PROGRAMS 500

struct latched {
    uint8_t byte[0x2000], latch;
    uint64_t reads, writes;
};

static uint32_t latched_read(void *ctx, uint32_t offset, unsigned size)
{
    struct latched *d = ctx;
    uint32_t value = 0;
    for (unsigned n = 0; n < size; n++) {
        d->latch = d->byte[offset + n];
        value |= (uint32_t)d->latch << 8 * n;
    }
    /* Bits beyond those asked for mean nothing. */
    return size < 4 ? value | UINT32_MAX << 8 * size : value;
}

static void latched_write(void *ctx, uint32_t offset, uint32_t value, unsigned size)
{
    struct latched *d = ctx;
    for (unsigned n = 0; n < size; n++)
        d->byte[offset + n] = (uint8_t)(value >> 8 * n) ^ d->latch;
}

static uint64_t slow_read(void *ctx, uint64_t offset, unsigned size)
{
    ((struct latched *)ctx)->reads++;
    return latched_read(ctx, (uint32_t)offset, size);
}

static void slow_write(void *ctx, uint64_t offset, uint64_t value, unsigned size)
{
    latched_write(ctx, (uint32_t)offset, (uint32_t)value, size);
}

static const struct mmio_ops slow_ops = {slow_read, slow_write};

/* --- Programs --------------------------------------------------------------------------------- */

static uint64_t seed;

static uint32_t below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

struct program {
    uint8_t code[256];
    unsigned len;
    uint32_t reg[8];
};

static void byte(struct program *p, unsigned value)
{
    ck_assert_uint_lt(p->len, sizeof p->code);
    p->code[p->len++] = (uint8_t)value;
}

static void dword(struct program *p, uint32_t value)
{
    for (unsigned n = 0; n < 4; n++)
        byte(p, value >> 8 * n);
}

/* ModRM with [EBX + disp8], which is the device, or sometimes a page crossing of it. */
static void operand(struct program *p, unsigned reg)
{
    byte(p, 0x43 | reg << 3);
    byte(p, below(64));
}

static void instruction(struct program *p)
{
    unsigned sized = below(2), kind = below(16);
    bool word = sized && below(2);
    unsigned reg = below(2) ? EAX : EDX, high = sized ? 0 : below(2) * 4;
    if (word && kind < 14)
        byte(p, 0x66);
    unsigned imm = !sized ? 1 : word ? 2 : 4;
    uint32_t value = below(3) ? below(UINT32_MAX) : below(2) ? 0xFF : 0x80;
    switch (kind) {
    case 0:
    case 1: /* the ALU, from and to registers */
        byte(p, below(8) << 3 | below(2) << 1 | sized);
        operand(p, reg + high);
        break;
    case 2: /* with a constant */
        byte(p, 0x80 | sized);
        operand(p, below(8));
        for (unsigned n = 0; n < imm; n++)
            byte(p, value >> 8 * n);
        break;
    case 3:
        byte(p, 0x83);
        operand(p, below(8));
        byte(p, value);
        break;
    case 4: /* TEST, XCHG */
        byte(p, (below(2) ? 0x84 : 0x86) | sized);
        operand(p, reg + high);
        break;
    case 5: /* TEST with a constant */
        byte(p, 0xF6 | sized);
        operand(p, 0);
        for (unsigned n = 0; n < imm; n++)
            byte(p, value >> 8 * n);
        break;
    case 6: /* NOT, NEG */
        byte(p, 0xF6 | sized);
        operand(p, 2 + below(2));
        break;
    case 7: /* INC, DEC */
        byte(p, 0xFE | sized);
        operand(p, below(2));
        break;
    case 8:
    case 9: /* MOV */
        byte(p, (below(2) ? 0x88 : 0x8A) | sized);
        operand(p, reg + high);
        break;
    case 10:
        byte(p, 0xC6 | sized);
        operand(p, 0);
        for (unsigned n = 0; n < imm; n++)
            byte(p, value >> 8 * n);
        break;
    case 11: /* MOVZX, MOVSX */
        byte(p, 0x0F);
        byte(p, (below(2) ? 0xB6 : 0xBE) | sized);
        operand(p, reg);
        break;
    case 12: /* to and from an address */
        byte(p, 0xA0 | below(2) << 1 | sized);
        dword(p, DEVICE + 0x800 + below(16));
        break;
    case 13: /* a segment register; a shift and a multiplication, which nobody has a form for */
        byte(p, below(2) ? 0x8C : below(2) ? 0xD1 : 0xF7);
        operand(p, 4);
        break;
    default: /* MOVS, STOS, LODS, SCAS, some repeated, some downward, between memory and device */
        if (below(4) == 0) {
            byte(p, 0xFD);
        }
        if (below(3) == 0) {
            byte(p, 0x51); /* PUSH ECX; the count; ...; POP ECX */
            byte(p, 0xB9);
            dword(p, below(5) ? below(40) : 0x1100 + below(9));
            if (word)
                byte(p, 0x66);
            byte(p, 0xF3);
            byte(p, (const uint8_t[]){0xA4, 0xAA, 0xAC, 0xAE}[below(4)] | sized);
            byte(p, 0x59);
        } else {
            if (word)
                byte(p, 0x66);
            byte(p, (const uint8_t[]){0xA4, 0xAA, 0xAC}[below(3)] | sized);
        }
        byte(p, 0xFC);
        break;
    }
}

/* ROUNDS times: some instructions, the flags behind each pushed, ESI and EDI set anew at times. */
static void make_program(struct program *p)
{
    *p = (struct program){0};
    for (unsigned n = 0; n < 8; n++)
        p->reg[n] = below(UINT32_MAX);
    uint32_t near_end = below(4) == 0 ? 0xFD0 : 0x400;
    p->reg[EBX] = DEVICE + near_end;
    p->reg[ECX] = ROUNDS;
    p->reg[ESP] = SAVED;
    unsigned count = 1 + below(5), pointers = below(4);
    for (unsigned n = 0; n < count; n++) {
        byte(p, 0xBE); /* MOV ESI, EDI */
        dword(p, (pointers & 1 ? DEVICE : DATA) + below(0x400));
        byte(p, 0xBF);
        dword(p, (pointers & 2 ? DEVICE : DATA) + below(0x400));
        if (below(2)) { /* SUB EDX, constant: flags that only host code has */
            byte(p, 0x81);
            byte(p, 0xEA);
            dword(p, below(UINT32_MAX));
        }
        instruction(p);
        byte(p, 0x9C); /* PUSHF */
    }
    byte(p, 0x49); /* DEC ECX, JNZ start, HLT */
    byte(p, 0x0F);
    byte(p, 0x85);
    dword(p, -(p->len + 4));
    byte(p, 0xF4);
}

/* --- Running them ----------------------------------------------------------------------------- */

struct outcome {
    uint32_t reg[8], flags;
    uint64_t insns, accesses; /* quick ones */
    struct latched device;
    uint8_t stack[ROUNDS * 8 * 4], data[0x2800];
};

/* What the device has at its beginning. */
static struct device_code {
    uint8_t code[16];
    unsigned bytes;
} in_device;

static void run(const struct program *p, const char *name, enum shadow_form shadow, bool quick,
                struct outcome *out)
{
    const struct engine *engine = engine_find(name);
    const struct engine_tuning tuning = {.shadow = shadow, .eager = true};
    struct machine m;
    memset(out, 0, sizeof *out);
    machine_start(&m, CPU_P4);
    struct vcpu *c = m.c;
    struct latched *d = &out->device;
    for (unsigned n = 0; n < sizeof d->byte; n++)
        d->byte[n] = m.ram[DATA + n] = (uint8_t)(n * 37 + (n >> 8));
    memcpy(d->byte, in_device.code, in_device.bytes);
    physmap_map_mmio(m.pm, DEVICE, sizeof d->byte, &slow_ops, d);
    if (quick)
        *physmap_quick(m.pm) = (struct mmio_quick){
            DEVICE, sizeof d->byte, d, latched_read, latched_write, &d->reads, &d->writes};
    physmap_poke(m.pm, CODE, p->code, p->len);
    ck_assert(!engine->attach || engine->attach(c, &tuning));
    MUST_NOT_FAULT(&m, control_write_cr0(c, CR0_PE));
    for (unsigned n = 0; n < 8; n++)
        c->reg[n].d = p->reg[n];
    c->eip = CODE;
    ck_assert_int_eq(engine->run(c, 1000000), EXIT_HALT);
    for (unsigned n = 0; n < 8; n++)
        out->reg[n] = c->reg[n].d;
    out->flags = flags_get(c);
    out->insns = vcpu_insns(c);
    memcpy(out->stack, m.ram + SAVED - sizeof out->stack, sizeof out->stack);
    memcpy(out->data, m.ram + DATA, sizeof out->data);
    out->accesses = d->reads + d->writes;
    d->reads = d->writes = 0;
    if (engine->detach)
        engine->detach(c);
    machine_destroy(&m);
}

static void compare(const struct outcome *want, const struct outcome *is, unsigned number,
                    const char *how)
{
    for (unsigned n = 0; n < 8; n++)
        ck_assert_msg(is->reg[n] == want->reg[n], "program %u, %s: register %u is %08x, not %08x",
                      number, how, n, is->reg[n], want->reg[n]);
    ck_assert_msg(is->flags == want->flags, "program %u, %s: flags", number, how);
    ck_assert_msg(is->insns == want->insns, "program %u, %s: instructions", number, how);
    ck_assert_msg(!memcmp(is->stack, want->stack, sizeof is->stack), "program %u, %s: pushed flags",
                  number, how);
    ck_assert_msg(!memcmp(is->data, want->data, sizeof is->data), "program %u, %s: memory", number,
                  how);
    ck_assert_msg(!memcmp(&is->device, &want->device, sizeof is->device),
                  "program %u, %s: the device's memory or latch", number, how);
}

START_TEST(all_forms_are_as_the_handlers_have_them)
{
    static struct outcome want, is;
    struct program p;
    uint64_t accesses = 0;
    seed = 7;
    for (unsigned n = 0; n < PROGRAMS; n++) {
        make_program(&p);
        run(&p, "interp", SHADOW_AUTO, false, &want);
        run(&p, "interp", SHADOW_AUTO, true, &is);
        compare(&want, &is, n, "interpreter, quick");
        if (!engine_find("translate"))
            continue;
        run(&p, "translate", SHADOW_SOFT, true, &is);
        compare(&want, &is, n, "soft, quick");
        accesses += is.accesses;
        run(&p, "translate", SHADOW_WINDOW, true, &is);
        compare(&want, &is, n, "window, quick");
        run(&p, "translate", SHADOW_SOFT, false, &is);
        compare(&want, &is, n, "soft");
    }
    ck_assert(!engine_find("translate") || accesses > PROGRAMS * ROUNDS);
}
END_TEST

/* jmp to the device, where the bytes of this stand: a loop, twice around. Each round fetches it
 * anew, once: a device may count. */
START_TEST(code_in_a_device_is_fetched_once)
{
    static struct outcome want, is;
    static const uint8_t jump[] = {0xE9, 0xFB, 0xFF, 0xFF, 0xFF}; /* jmp, from its end */
    struct program p = {.reg = {[ECX] = 40, [ESP] = SAVED, [EBX] = DEVICE}};
    if (!engine_find("translate"))
        return;
    memcpy(p.code, jump, sizeof jump);
    store_le32(p.code + 1, DEVICE - (CODE + sizeof jump));
    p.len = sizeof jump;
    in_device =
        (struct device_code){{0x42, 0x49, 0x75, 0xFC, 0xF4}, 5}; /* inc edx / dec ecx / jnz / hlt */
    run(&p, "interp", SHADOW_AUTO, false, &want);
    ck_assert_uint_eq(want.reg[EDX], 40);
    run(&p, "translate", SHADOW_SOFT, false, &is);
    compare(&want, &is, 0, "soft");
    ck_assert_uint_eq(is.accesses, want.accesses);
    run(&p, "translate", SHADOW_WINDOW, false, &is);
    compare(&want, &is, 0, "window");
    ck_assert_uint_eq(is.accesses, want.accesses);
    in_device.bytes = 0;
}
END_TEST

CHECK_MAIN("device", all_forms_are_as_the_handlers_have_them, code_in_a_device_is_fetched_once)
