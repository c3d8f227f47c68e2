/* tests/cpu/test_hostfp.c: x87, MMX and SSE to SSE3 instructions against the host CPU, in 32-bit
 * and 16-bit code, with and without segment limits.
 *
 * For each row of cpu/opcodes_x87.def and cpu/opcodes_simd.def encodings are generated (prefixes,
 * ModRM, SIB, displacement, immediate), sometimes with a second instruction behind that would wait
 * for an x87 exception, and run from random states: all masks, flags, precision and rounding
 * controls, DAZ and FTZ, a pending exception now and then, operands at page ends. All registers,
 * status, tags, flags, memory and what was raised, #MF and #XM too, must be equal; where an x87
 * exception is pending the last instruction's pointers and opcode as well (some hosts keep them
 * only then). On the interpreter first, then on the translator (hostguest.h). */
#if defined(__x86_64__) && defined(__linux__)

#include "tests/cpu/fpcompare.h"
#include "tests/cpu/hostgen.h"
#include "tests/cpu/hostguest.h"

#define STATES 40 /* per encoding */

#define MXCSR_MM 0x20000u /* AMD's: no alignment check. A Pentium 4 has none */

enum { SW_ES = 0x80, SW_C1 = 0x200, SW_C2 = 0x400, SW_QUOTIENT = 0x4700 };

static const uint8_t *opcode_bytes(const struct encoding *e)
{
    const uint8_t *p = e->bytes;
    while (*p == 0x66 || *p == 0x67 || *p == 0xF0 || *p == 0xF2 || *p == 0xF3 || *p == 0x26 ||
           *p == 0x2E || *p == 0x36 || *p == 0x3E || *p == 0x65)
        p++;
    return p;
}

static bool is_named(const struct encoding *e, const char *const *names)
{
    for (; *names; names++)
        if (!strcmp(e->row->mnemonic, *names))
            return true;
    return false;
}

/* What they leave differs for a reason below, so nothing may use it. */
static const char *const alone[] = {"rcpps", "rcpss", "rsqrtps", "rsqrtss", "cvtpi2ps", NULL};
static const char *const approximations[] = {"rcpps", "rcpss", "rsqrtps", "rsqrtss", NULL};

/* --- Generating ------------------------------------------------------------------------------- */

static void gen_x87(struct rng *r, unsigned masked, uint8_t *fx)
{
    static const uint16_t precision[] = {0x300, 0x300, 0x200, 0};
    unsigned masks = masked | (pick(r, 2) ? 0x3F : pick(r, 0x40));
    store_le16(fx, (uint16_t)(0x40 | masks | precision[pick(r, 4)] | pick(r, 4) << 10));
    unsigned status = (unsigned)rng_next(r) & 0x7F7F;
    if (pick(r, 8))
        status &= 0x7F40 | masks; /* nothing pending */
    if (status & ~masks & 0x3F)
        status |= 0x8080;
    store_le16(fx + 2, (uint16_t)status);
    fx[4] = pick(r, 4) ? 0xFF : (uint8_t)rng_next(r);
    if (pick(r, 2)) /* make room for pushes */
        fx[4] &= (uint8_t) ~(1u << (((status >> 11) - 1) & 7));
    for (unsigned n = 0; n < 8; n++) {
        struct f80 x = gen_f80(r);
        store_le64(fx + 32 + 16 * n, x.sig);
        store_le16(fx + 40 + 16 * n, x.se);
    }
}

static void gen_sse(struct rng *r, uint8_t *fx)
{
    uint32_t mxcsr = 0x1F80;
    if (pick(r, 2)) /* half of the time as programs have it */
        mxcsr |= (uint32_t)rng_next(r) & 0xE07F;
    if (pick(r, 3) == 0)
        mxcsr &= (uint32_t)rng_next(r) | ~0x1F80u;
    store_le32(fx + 24, mxcsr);
    for (unsigned n = 0; n < 8; n++)
        gen_vector(r, fx + 160 + 16 * n);
    unsigned to = pick(r, 16), from = pick(r, 8);
    if (to < 8) /* equal operands, for comparisons */
        memmove(fx + 160 + 16 * to, fx + 160 + 16 * from, 16);
}

/* A new operand in memory, in both worlds, if it can be written. */
static void put_operand(struct rng *r, const struct encoding *e, const struct host32_state *s)
{
    uint8_t value[16];
    uint32_t at = operand_offset(e, s) - HOST_DATA_AT(e->kind);
    gen_vector(r, value);
    if (e->row->operands[0] == OPND_M || !strcmp(e->row->mnemonic, "ldmxcsr"))
        value[2] &= (uint8_t) ~(MXCSR_MM >> 16);
    if (at > HOST_LIMIT - 15 || !DATA_RW(at >> 12) || !DATA_RW((at + 15) >> 12))
        return;
    memcpy((uint8_t *)(uintptr_t)(HOST_DATA + at), value, 16);
    memcpy(physmap_host(ram, at), value, 16);
}

static void gen_state(struct rng *r, const struct encoding *e, struct host32_state *s, uint8_t *fx)
{
    uint32_t data = HOST_DATA_AT(e->kind);
    *s = (struct host32_state){.eip = HOST_CODE_AT(e->kind) + e->at, .fx = fx};
    memset(fx, 0, 512);
    /* of the transcendental the last place decides which of these are raised */
    gen_x87(r, is_transcendental(opcode_bytes(e)) ? FP_PE | FP_UE : 0, fx);
    gen_sse(r, fx);
    for (unsigned n = 0; n < 8; n++)
        s->reg[n] = gen_value(r);
    s->reg[ESP] = data + 0x100 + 4 * pick(r, 0x700);
    s->reg[EDI] = data + gen_offset(r); /* MASKMOVQ */
    s->eflags = (uint32_t)rng_next(r) & FLAGS_ARITH;
    if (!(e->row->form & 1) || !insn_is_mem(&e->insn))
        return;
    uint32_t at = gen_offset(r);
    if (pick(r, 6))
        at &= ~15u;
    aim(e, s, data + at);
    put_operand(r, e, s);
}

/* Often behind the instruction: something that waits for it, or does not. */
static void put_second(struct rng *r, struct encoding *e)
{
    static const struct {
        uint8_t len, bytes[3];
    } seconds[] = {{1, {0x9B}},             /* FWAIT */
                   {2, {0xD9, 0xE8}},       /* FLD1 */
                   {2, {0xD8, 0xC1}},       /* FADD ST0,ST1 */
                   {2, {0xDD, 0xD9}},       /* FSTP ST1 */
                   {2, {0xDF, 0xE0}},       /* FNSTSW AX */
                   {2, {0xDB, 0xE2}},       /* FNCLEX */
                   {2, {0xDB, 0xE3}},       /* FNINIT */
                   {2, {0x0F, 0x77}},       /* EMMS */
                   {3, {0x0F, 0x6F, 0xC1}}, /* MOVQ MM0,MM1 */
                   {3, {0x0F, 0x58, 0xC1}}, /* ADDPS XMM0,XMM1 */
                   {3, {0x0F, 0x28, 0xC1}}};
    unsigned n = pick(r, 2 * ARRAY_LEN(seconds));
    if (n >= ARRAY_LEN(seconds))
        return;
    memcpy(e->bytes + e->len, seconds[n].bytes, seconds[n].len);
    e->len += seconds[n].len;
}

static bool gen_row(struct rng *r, unsigned op, struct encoding *e)
{
    if (!gen_encoding(r, op, (enum host32_kind)pick(r, 3), e))
        return false;
    if (!is_transcendental(opcode_bytes(e)) && !is_named(e, alone))
        put_second(r, e);
    return e->at + e->len < 0x1000;
}

/* --- Comparing -------------------------------------------------------------------------------- */

/* --- What may differ -------------------------------------------------------------------------- */

/* A value in the guest's memory; 0 where there is none. */
static uint32_t guest_u32(uint32_t at)
{
    bool there = at <= HOST_LIMIT - 3 && (DATA_RW(at >> 12) || DATA_RO(at >> 12)) &&
                 (DATA_RW((at + 3) >> 12) || DATA_RO((at + 3) >> 12));
    return there ? load_le32(physmap_host(ram, at)) : 0;
}

/* MXCSR with AMD's MM bit is valid on an AMD host only. */
static bool has_mm(const struct encoding *e, uint32_t at)
{
    uint32_t offset = !strcmp(e->row->mnemonic, "ldmxcsr") ? 0 : 24;
    bool loads = !offset || !strcmp(e->row->mnemonic, "fxrstor");
    return loads && guest_u32(at + offset) & MXCSR_MM;
}

/* Images of the state: their size, and in them the last instruction's pointers, which hosts do not
 * always keep, and reserved bytes. */
static const struct image {
    const char *mnemonic;
    bool stores;
    uint16_t size[2]; /* 16, 32-bit operand size */
    struct {
        uint16_t from, to;
    } open[2][3];
} images[] = {
    {"fldenv", false, {14, 28}, {{{0}}}},
    {"frstor", false, {94, 108}, {{{0}}}},
    {"fxrstor", false, {512, 512}, {{{0}}}},
    {"fnstenv", true, {14, 28}, {{{6, 14}}, {{12, 28}}}},
    {"fnsave", true, {94, 108}, {{{6, 14}}, {{12, 28}}}},
    {"fxsave",
     true,
     {512, 512},
     {{{6, 24}, {28, 32}, {288, 512}}, {{6, 24}, {28, 32}, {288, 512}}}},
};

static const struct image *image_of(const struct encoding *e)
{
    for (unsigned n = 0; n < ARRAY_LEN(images); n++)
        if (!strcmp(e->row->mnemonic, images[n].mnemonic))
            return &images[n];
    return NULL;
}

/* What is longer than eight bytes is moved in parts, and AMD's chips cut the address of each to 16
 * bits; Umbra refuses what passes the end of a segment of 64 KiB. What passes 4 GiB in a flat
 * segment is refused by AMD's chips, not by a P6. */
static bool passes_the_end(const struct encoding *e, const struct host32_state *before)
{
    const struct image *m = image_of(e);
    unsigned size = m ? m->size[e->insn.osize == 4] : 16;
    uint32_t at = operand_offset(e, before);
    return e->insn.asize == 2 ? at + size > 0x10000 : e->kind == HOST_FLAT && at + size < at;
}

/* Cases that say nothing: the manual leaves the result open, or chips of two makers differ. */
static bool is_open(const struct encoding *e, const struct host32_state s[3])
{
    static const char *const masked[] = {"maskmovq", "maskmovdqu", NULL};
    const struct host32_state *host = &s[1], *mine = &s[2];
    const uint8_t *code = opcode_bytes(e);
    if (is_transcendental(code))
        return !is_defined(code[1], s[0].fx);
    if (!strncmp(e->row->mnemonic, "fprem", 5)) /* how far a step gets */
        return load_le16(host->fx + 2) & SW_C2;
    if (is_named(e, masked)) /* which of the bytes under the mask are looked at for faults */
        return pushes_error(host->vector) || pushes_error(mine->vector);
    if (!insn_is_mem(&e->insn))
        return false;
    if (!strcmp(e->row->mnemonic, "cvtpi2ps")) /* from memory: Intel's wait for x87 errors */
        return mine->vector == VEC_MF && mine->eip == s[0].eip;
    return passes_the_end(e, &s[0]) || has_mm(e, operand_offset(e, &s[0]) - HOST_DATA_AT(e->kind));
}

/* A fault of the guest's that the host cannot have: AddressSanitizer's shadow lies there. */
static bool is_foreign(const struct host32_state *mine)
{
#ifdef __SANITIZE_ADDRESS__
    return mine->vector == VEC_PF && mine->cr2 >= 0x7FFF7000;
#else
    (void)mine;
    return false;
#endif
}

/* The move to MMX state: CVTPI2PS from memory makes it on Intel's chips, not on AMD's; and where a
 * conversion from or to MMX raises #XM it came before that on AMD's. */
static void allow_for_mmx_state(const struct encoding *e, const struct host32_state *host,
                                const struct host32_state *mine)
{
    static const char *const to_mmx[] = {"cvtps2pi",  "cvttps2pi", "cvtpd2pi",
                                         "cvttpd2pi", "cvtpi2ps",  NULL};
    bool from_memory = !strcmp(e->row->mnemonic, "cvtpi2ps") && insn_is_mem(&e->insn);
    if (!from_memory && !(is_named(e, to_mmx) && host->vector == VEC_XM && host->eip == mine->eip))
        return;
    memcpy(mine->fx + 2, host->fx + 2, 3);
    for (unsigned n = 0; n < 8; n++)
        memcpy(mine->fx + 32 + 16 * n, host->fx + 32 + 16 * n, 10);
}

/* A page fault's address: which byte of an image is looked at first is the chip's choice. The
 * pointers: the host's are taken over. */
static void allow_for_image(const struct encoding *e, const struct host32_state s[3])
{
    const struct image *m = image_of(e);
    struct host32_state *mine = (struct host32_state *)&s[2];
    if (!m)
        return;
    unsigned wide = e->insn.osize == 4;
    uint32_t offset = operand_offset(e, &s[0]) - HOST_DATA_AT(e->kind);
    uint32_t size = m->size[wide];
    if (s[1].vector == VEC_PF && mine->vector == VEC_PF && s[1].cr2 - HOST_DATA - offset < size &&
        mine->cr2 - HOST_DATA - offset < size) {
        mine->cr2 = s[1].cr2;
        mine->error = s[1].error;
    }
    if (!m->stores || offset > HOST_LIMIT + 1 - size || !DATA_RW(offset >> 12) ||
        !DATA_RW((offset + size - 1) >> 12))
        return;
    for (unsigned n = 0; n < ARRAY_LEN(m->open[wide]); n++)
        memcpy(physmap_host(ram, offset + m->open[wide][n].from),
               (uint8_t *)(uintptr_t)(HOST_DATA + offset + m->open[wide][n].from),
               m->open[wide][n].to - m->open[wide][n].from);
}

/* Bits of the status word that chips leave differently. */
static uint16_t ignored_status(const struct encoding *e, const struct host32_state *host)
{
    if (is_transcendental(opcode_bytes(e)))
        return SW_C1 | FP_PE | FP_UE;
    if (!strncmp(e->row->mnemonic, "fprem", 5) && (load_le16(host->fx + 40) & 0x7FFF) == 0x7FFF)
        return SW_QUOTIENT; /* of an invalid operation */
    return 0;
}

static bool is_close(uint32_t x, uint32_t y)
{
    float a, b;
    memcpy(&a, &x, 4);
    memcpy(&b, &y, 4);
    double difference = (double)a - b, most = b * 0x1p-11;
    if (x << 1 <= 0x01000000 && y << 1 <= 0x01000000) /* tiny ones may be flushed or not */
        return (x ^ y) >> 31 == 0;
    return (difference < 0 ? -difference : difference) <= (most < 0 ? -most : most);
}

/* Takes over results of the host that are close enough, as far as the instruction's kind allows. */
static void allow_for_approximations(const struct encoding *e, const struct host32_state *host,
                                     const struct host32_state *mine)
{
    if (is_transcendental(opcode_bytes(e))) {
        for (unsigned n = 0; n < 2; n++)
            if (ulps(host->fx + 32 + 16 * n, mine->fx + 32 + 16 * n) <= 1)
                memcpy(mine->fx + 32 + 16 * n, host->fx + 32 + 16 * n, 10);
    } else if (is_named(e, approximations)) {
        for (unsigned at = 160; at < 288; at += 4)
            if (is_close(load_le32(mine->fx + at), load_le32(host->fx + at)))
                memcpy(mine->fx + at, host->fx + at, 4);
    }
}

/* The first thing of the FPU that differs, or NULL. */
static const char *fpu_difference(const struct encoding *e, const struct host32_state *host,
                                  const struct host32_state *mine)
{
    const uint8_t *a = host->fx, *b = mine->fx;
    allow_for_approximations(e, host, mine);
    if (load_le16(a) != load_le16(b))
        return "control word";
    if ((load_le16(a + 2) ^ load_le16(b + 2)) & ~ignored_status(e, host))
        return "status word";
    if (a[4] != b[4])
        return "tags";
    if (load_le32(a + 24) != load_le32(b + 24))
        return "mxcsr";
    if (load_le16(a + 2) & SW_ES &&
        (load_le16(a + 6) != load_le16(b + 6) || load_le32(a + 8) != load_le32(b + 8)))
        return "last instruction";
    if (load_le16(a + 2) & SW_ES && load_le32(a + 16) != load_le32(b + 16))
        return "last operand";
    for (unsigned n = 0; n < 8; n++) {
        if (memcmp(a + 32 + 16 * n, b + 32 + 16 * n, 10))
            return "x87 register";
        if (memcmp(a + 160 + 16 * n, b + 160 + 16 * n, 16))
            return "xmm register";
    }
    return NULL;
}

static void print_fpu(const char *who, const uint8_t *fx)
{
    fprintf(stderr,
            "  %-6s cw %04x sw %04x valid %02x mxcsr %05x; last opcode %03x ip %08x dp %08x\n", who,
            load_le16(fx), load_le16(fx + 2), fx[4], load_le32(fx + 24), load_le16(fx + 6),
            load_le32(fx + 8), load_le32(fx + 16));
    for (unsigned n = 0; n < 8; n++)
        fprintf(stderr, "     st%u %04x:%016llx  xmm%u %016llx %016llx\n", n,
                load_le16(fx + 40 + 16 * n), (unsigned long long)load_le64(fx + 32 + 16 * n), n,
                (unsigned long long)load_le64(fx + 168 + 16 * n),
                (unsigned long long)load_le64(fx + 160 + 16 * n));
}

/* One encoding from many states; stops at its first difference. */
static void compare_encoding(struct rng *r, const struct encoding *e, unsigned states,
                             struct totals *t)
{
    host32_code(e->at, e->bytes, e->len, e->kind != HOST_16);
    guest_code(e->at, e->bytes, e->len);
    t->encodings++;
    for (unsigned n = 0; n < states; n++) {
        _Alignas(64) uint8_t fx[3][512];
        struct host32_state s[3]; /* before, host, umbra */
        gen_state(r, e, &s[0], fx[0]);
        s[1] = s[2] = s[0];
        for (unsigned k = 1; k < 3; k++) {
            s[k].fx = fx[k];
            memcpy(fx[k], fx[0], sizeof fx[k]);
        }
        guest_run(&s[2], e->kind);
        if (is_foreign(&s[2])) {
            t->skipped++;
            copy_memory(false);
            continue;
        }
        host32_run(&s[1], e->kind);
        t->cases++;
        t->raised[s[1].vector & 31]++;
        if (is_open(e, s)) {
            t->skipped++;
            copy_memory(false);
            continue;
        }
        allow_for_image(e, s);
        allow_for_mmx_state(e, &s[1], &s[2]);
        const char *what = difference(&s[1], &s[2], FLAGS_ARITH);
        if (!what)
            what = fpu_difference(e, &s[1], &s[2]);
        if (!what && !same_memory())
            what = "memory";
        if (what) {
            if (report(t, e, what, s)) {
                print_fpu("before", fx[0]);
                print_fpu("host", fx[1]);
                print_fpu("umbra", fx[2]);
            }
            copy_memory(false);
            return;
        }
    }
}

/* --- Rows ------------------------------------------------------------------------------------- */

static const uint16_t rows[] = {
#define ROW(id, ...) OPROW_##id,
#include "cpu/opcodes_x87.def"

#include "cpu/opcodes_simd.def"
#undef ROW
};

static void fill(struct rng *r, uint8_t *page)
{
    for (unsigned n = 0; n < 4096; n += 16)
        gen_vector(r, page + n);
}

int main(void)
{
    return compare_on_engines(
        &(struct comparison){rows, ARRAY_LEN(rows), STATES, fill, gen_row, compare_encoding});
}

#else

#include <stdio.h>

int main(void)
{
    printf("SKIP: the host is not x86-64 Linux\n");
    return 77;
}

#endif
