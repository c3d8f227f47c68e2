/* tests/cpu/test_host.c: the interpreter's integer instructions against the host CPU.
 *
 * For each row of cpu/opcodes_integer.def, encodings are generated (prefixes, ModRM, SIB,
 * displacement, immediate) and run from random states whose values lean on the edges, natively and
 * in the interpreter: registers, arithmetic flags and DF, EIP, memory, and what was raised with its
 * error code and address must be equal. Flags that the manual calls undefined are left out.
 *
 * UMBRA_HOST_CASES=n runs n states per encoding instead of STATES; UMBRA_HOST_ONLY=call only the
 * rows of that mnemonic. */
#include <stdio.h>
#include <stdlib.h>

#include "cpu/decode.h"
#include "cpu/flags.h"
#include "cpu/model.h"
#include "cpu/run.h"
#include "cpu/segment.h"
#include "cpu/undefined.h"
#include "mmu/physmap.h"
#include "tests/cpu/fpgen.h"

#if defined(__x86_64__) && defined(__linux__)

#include "tests/cpu/host32.h"

/* Of the test itself. */
static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "the test failed: %s\n", what);
    abort();
}

/* --- The interpreter -------------------------------------------------------------------------- */

/* Guest physical layout: the data segment's pages, the code page, tables, ring 0. */
enum {
    GPA_CODE = 0x10000,
    GPA_PD = 0x20000,
    GPA_PT_DATA = 0x21000,
    GPA_PT_CODE = 0x22000,
    GPA_PT_LOW = 0x23000,
    LOW = 0x30000, /* supervisor pages, linear = physical */
    GDT = LOW,
    IDT = LOW + 0x1000,
    TSS = LOW + 0x2000,
    HANDLERS = LOW + 0x3000,
    RING0_STACK = LOW + 0x5000,
    RAM_SIZE = 0x40000
};

static struct vcpu *guest;
static struct physmap *ram;
static struct segment user_segments[SEG_COUNT];

static void put32(uint32_t at, uint32_t value)
{
    physmap_poke(ram, at, &value, 4);
}

static void put_tables(void)
{
    put32(GPA_PD + (HOST_DATA >> 22) * 4, GPA_PT_DATA | 7);
    put32(GPA_PD, GPA_PT_LOW | 3);
    for (uint32_t page = 0; page < HOST_DATA_PAGES; page++) {
        uint32_t rights = DATA_RW(page) ? 7 : DATA_RO(page) ? 5 : 0;
        put32(GPA_PT_DATA + page * 4, rights ? page * 4096 | rights : 0);
    }
    put32(GPA_PT_DATA + (HOST_CODE >> 12 & 0x3FF) * 4, GPA_CODE | 5);
    for (uint32_t page = LOW >> 12; page < RAM_SIZE >> 12; page++)
        put32(GPA_PT_LOW + page * 4, page << 12 | 3);
    put32(GDT + 8, 0xFFFF);
    put32(GDT + 12, 0xCF9A00);
    put32(GDT + 16, 0xFFFF);
    put32(GDT + 20, 0xCF9200);
    for (uint32_t v = 0; v < 32; v++) { /* interrupt gates to HLTs; INT3 from ring 3 too */
        put32(IDT + v * 8, 8u << 16 | ((HANDLERS + v) & 0xFFFF));
        put32(IDT + v * 8 + 4, (HANDLERS & 0xFFFF0000) | (v == VEC_BP ? 0xEE00 : 0x8E00));
        physmap_poke(ram, HANDLERS + v, "\xF4", 1);
    }
    put32(TSS + 4, RING0_STACK);
    put32(TSS + 8, 0x10);
}

static void guest_open(void)
{
    ram = physmap_create(RAM_SIZE, 0, NULL);
    must(ram != NULL, "memory");
    physmap_map_ram(ram, 0, RAM_SIZE, 0);
    guest = vcpu_create(CPU_P4, ram, NULL, (struct vcpu_host){0});
    must(guest != NULL, "memory");
    put_tables();
    struct vcpu *c = guest;
    c->cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_WP | CR0_ET;
    c->cr3 = GPA_PD;
    c->gdtr = (struct descriptor_table){.base = GDT, .limit = 0x17};
    c->idtr = (struct descriptor_table){.base = IDT, .limit = 0xFF};
    c->tr = (struct segment){.selector = 0x18, .attr = 0x8B, .limit = 0x67, .base = TSS};
    for (unsigned s = 0; s < SEG_COUNT; s++)
        c->seg[s] = (struct segment){.selector = s == SEG_CS ? LDT_SELECTOR(0) : LDT_SELECTOR(1),
                                     .attr = s == SEG_CS ? 0x40F9 : 0x40F3,
                                     .limit = HOST_LIMIT,
                                     .base = s == SEG_CS ? HOST_CODE : HOST_DATA};
    c->cpl = 3;
    vcpu_derive(c);
    memcpy(user_segments, c->seg, sizeof user_segments);
    memset(physmap_host(ram, GPA_CODE), 0xCC, 4096);
}

static void guest_code(uint32_t at, const uint8_t *code, size_t len)
{
    static uint32_t dirty;
    uint8_t *page = physmap_host(ram, GPA_CODE);
    for (uint32_t n = dirty; n < dirty + 16 && n < 4096; n++)
        page[n] = 0xCC;
    for (size_t n = 0; n < len && at + n < 4096; n++)
        page[at + n] = code[n];
    dirty = at;
    physmap_wrote(ram, GPA_CODE, 4096);
}

static void guest_run(struct host32_state *s, bool wide)
{
    struct vcpu *c = guest;
    memcpy(c->seg, user_segments, sizeof user_segments);
    if (!wide)
        c->seg[SEG_CS].attr &= (uint16_t)~SEG_ATTR_DB;
    c->code32 = wide;
    c->stack32 = 1;
    vcpu_set_cpl(c, 3);
    for (unsigned n = 0; n < 8; n++)
        c->reg[n].d = s->reg[n];
    c->eflags = FLAG_ONE | FLAG_IF | (s->eflags & FLAG_DF);
    flags_set_arith(c, s->eflags);
    c->eip = s->eip;
    c->halted = false;
    enum vcpu_exit why = interp_run(c, 1 << 20);
    must(why == EXIT_HALT, "the guest reaches a handler");
    s->vector = (uint32_t)c->eip - 1 - HANDLERS;
    must(s->vector < 32, "the guest reaches a handler");
    const uint8_t *frame = physmap_host(ram, c->reg[ESP].d);
    s->error = RING0_STACK - c->reg[ESP].d == 24 ? load_le32(frame) : 0;
    frame = physmap_host(ram, RING0_STACK - 20);
    s->eip = load_le32(frame);
    s->eflags = load_le32(frame + 8);
    for (unsigned n = 0; n < 8; n++)
        s->reg[n] = n == ESP ? load_le32(frame + 12) : c->reg[n].d;
    s->cr2 = c->cr2;
}

/* --- Generating ------------------------------------------------------------------------------- */

struct encoding {
    uint8_t bytes[24];
    uint32_t at; /* in the code segment */
    bool wide;   /* 32-bit code */
    struct insn insn;
    const struct opcode *row;
};

static struct decoder decoder;

static uint32_t pick(struct rng *r, uint32_t below)
{
    return (uint32_t)(rng_next(r) >> 32) % below;
}

/* An offset in the data segment where something may lie: mostly plain, often at an edge. */
static uint32_t gen_offset(struct rng *r)
{
    static const uint32_t edges[] = {0x1000, 0x1000, 0x2000, 0x2000, 0x3000, 0x10000, 0xF000, 0};
    uint32_t k = pick(r, 100);
    if (k < 70)
        return 0x40 + pick(r, 0x1F00);
    if (k < 90)
        return edges[pick(r, 8)] - 9 + pick(r, 12);
    if (k < 95)
        return 0x2000 + pick(r, 0x1000);
    if (k < 99)
        return 0xF040 + pick(r, 0xF00);
    return (uint32_t)rng_next(r);
}

static uint32_t gen_value(struct rng *r)
{
    static const uint32_t edges[] = {0,          1,          2,          0x7F,      0x80,
                                     0xFF,       0x7FFF,     0x8000,     0xFFFF,    0x10000,
                                     0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE};
    uint32_t k = pick(r, 8);
    if (k < 2)
        return edges[pick(r, ARRAY_LEN(edges))];
    if (k < 3) /* one for each width at once: edges in bytes */
        return (uint32_t)pick(r, 3) * 0x7F80FF01u ^ pick(r, 0x10000);
    return (uint32_t)(k < 6 ? gen_bits(r) : rng_next(r));
}

static bool has_operand(const struct opcode *row, unsigned first, unsigned last)
{
    for (unsigned n = 0; n < 3; n++)
        if (row->operands[n] >= first && row->operands[n] <= last)
            return true;
    return false;
}

static unsigned gen_prefixes(struct rng *r, const struct opcode *row, uint8_t *out)
{
    static const uint8_t segments[] = {0x26, 0x2E, 0x36, 0x3E, 0x65};
    unsigned n = 0;
    if (pick(r, 3) == 0)
        out[n++] = 0x66;
    if (pick(r, 5) == 0)
        out[n++] = 0x67;
    if (pick(r, 10) == 0)
        out[n++] = segments[pick(r, 5)];
    if (row->prefix == PFX_F3)
        out[n++] = 0xF3;
    if (row->attrs & STRING && pick(r, 2))
        out[n++] = pick(r, 2) ? 0xF3 : 0xF2;
    if (pick(r, row->attrs & LOCKABLE ? 8 : 64) == 0)
        out[n++] = 0xF0;
    return n;
}

/* ModRM, SIB and displacement behind *n; any that the row allows. A displacement that stands alone
 * is an offset in the segment. */
static unsigned gen_modrm(struct rng *r, const struct opcode *row, bool addr16, uint8_t *out)
{
    unsigned form = row->form, reg = pick(r, 8), mod = pick(r, 4), rm = pick(r, 8), n = 0;
    if (form & 1 << 4)
        reg = form >> 5 & 7;
    unsigned kind = form >> 2 & 3;
    mod = kind == 2 ? 3 : kind == 1 ? pick(r, 3) : mod;
    out[n++] = (uint8_t)(mod << 6 | reg << 3 | rm);
    if (mod == 3)
        return n;
    uint32_t disp = gen_value(r);
    if (addr16) {
        if (mod == 0 && rm == 6)
            disp = gen_offset(r);
        unsigned bytes = mod == 1 ? 1 : mod == 2 || rm == 6 ? 2 : 0;
        store_le16(out + n, (uint16_t)disp);
        return n + bytes;
    }
    unsigned base = rm;
    if (rm == 4) {
        out[n] = (uint8_t)rng_next(r);
        base = out[n++] & 7;
        if (mod == 0 && base == 5)
            disp = gen_offset(r) & 0x1FFF;
    } else if (mod == 0 && rm == 5) {
        disp = gen_offset(r);
    }
    unsigned bytes = mod == 1 ? 1 : mod == 2 || base == 5 ? 4 : 0;
    store_le32(out + n, disp);
    return n + bytes;
}

/* Relative branches go to INT3s beside the instruction; absolute addresses into the segment. */
static void patch_immediate(struct rng *r, struct encoding *e)
{
    uint8_t *end = e->bytes + e->insn.len;
    if (has_operand(e->row, OPND_Jb, OPND_Jb)) {
        end[-1] = (uint8_t)(pick(r, 2) ? 40 + pick(r, 80) : -40u - pick(r, 80));
    } else if (has_operand(e->row, OPND_Jv, OPND_Jv)) {
        uint32_t to = pick(r, 4) ? 0x80 + pick(r, 0x400) : gen_value(r);
        uint32_t rel = to - (e->at + e->insn.len);
        if (e->insn.osize == 2)
            store_le16(end - 2, (uint16_t)rel);
        else
            store_le32(end - 4, rel);
    } else if (has_operand(e->row, OPND_Ob, OPND_Ov)) {
        if (e->insn.asize == 2)
            store_le16(end - 2, (uint16_t)gen_offset(r));
        else
            store_le32(end - 4, gen_offset(r));
    } else if (has_operand(e->row, OPND_Ib2, OPND_Ib2) && pick(r, 4)) { /* ENTER */
        store_le16(end - 3, (uint16_t)pick(r, 0x100));
        end[-1] = (uint8_t)pick(r, 6);
    }
}

/* False when the bytes turn out to be another row. */
static bool gen_encoding(struct rng *r, unsigned op, struct encoding *e)
{
    e->row = opcode_row(op);
    e->wide = pick(r, 4) != 0;
    unsigned n = gen_prefixes(r, e->row, e->bytes);
    bool addr16 = (memchr(e->bytes, 0x67, n) != NULL) == e->wide;
    if (e->row->map == MAP_0F)
        e->bytes[n++] = 0x0F;
    bool plus_r = (e->row->form & 3) == PLUS_R;
    e->bytes[n++] = (uint8_t)(e->row->opcode + (plus_r ? pick(r, 8) : 0));
    if (e->row->form & 1)
        n += gen_modrm(r, e->row, addr16, e->bytes + n);
    for (unsigned k = 0; n + k < sizeof e->bytes; k++)
        e->bytes[n + k] = (uint8_t)gen_value(r);
    bool at_page_end = pick(r, 30) == 0 && strcmp(e->row->mnemonic, "ud1"); /* on AMD: no ModRM */
    e->at = !at_page_end ? 0x813 + pick(r, 64) : 0xFF4 + pick(r, 12);
    enum decode_status status = decode_insn(&decoder, e->bytes, sizeof e->bytes, e->wide, &e->insn);
    if (status == DECODE_OK && e->insn.op == op) {
        patch_immediate(r, e);
        status = decode_insn(&decoder, e->bytes, sizeof e->bytes, e->wide, &e->insn);
    }
    return status != DECODE_MORE && e->insn.op == op;
}

/* Sets the address registers so that the memory operand lies at an offset of our choice. */
static void aim(struct rng *r, const struct encoding *e, struct host32_state *s)
{
    const struct insn *i = &e->insn;
    uint32_t target = gen_offset(r);
    if (i->prefixes & PREFIX_LOCK)
        target &= ~7u; /* a locked access across cache lines is slow, or trapped by the kernel */
    uint32_t mask = i->asize == 2 ? 0xFFFF : UINT32_MAX;
    unsigned reg = i->base != REG_NONE ? i->base : i->index;
    if (reg == REG_NONE)
        return;
    uint32_t rest = i->disp;
    unsigned scale = 0;
    if (i->base == REG_NONE)
        scale = i->scale;
    else if (i->index != REG_NONE)
        rest += s->reg[i->index] << i->scale;
    uint32_t value = (target - rest) >> scale;
    s->reg[reg] = (s->reg[reg] & ~mask) | (value & mask);
}

static void gen_state(struct rng *r, const struct encoding *e, struct host32_state *s)
{
    const struct insn *i = &e->insn;
    const struct opcode *row = e->row;
    *s = (struct host32_state){.eip = e->at};
    for (unsigned n = 0; n < 8; n++)
        s->reg[n] = gen_value(r);
    s->eflags = (uint32_t)rng_next(r) & (FLAGS_ARITH | (pick(r, 4) ? 0 : FLAG_DF));
    s->reg[ESP] = pick(r, 4) ? 0x100 + 4 * pick(r, 0x700) : gen_offset(r);
    if (pick(r, 2)) /* quotients that fit */
        s->reg[EDX] = pick(r, 2) ? pick(r, 64) : 0u - (s->reg[EAX] >> 31);
    if (has_operand(row, OPND_Xb, OPND_Yv)) {
        s->reg[ESI] = gen_offset(r);
        s->reg[EDI] = gen_offset(r);
        s->reg[ECX] = pick(r, 16) ? pick(r, 24) : gen_value(r);
    }
    if (!strncmp(row->mnemonic, "bt", 2) && pick(r, 4))
        s->reg[i->reg] = pick(r, 0x800) - 0x400;
    if (!strncmp(row->mnemonic, "loop", 4) && pick(r, 2))
        s->reg[ECX] = pick(r, 3);
    if (!strcmp(row->mnemonic, "xlatb"))
        s->reg[EBX] = gen_offset(r);
    if (!strcmp(row->mnemonic, "enter") || !strcmp(row->mnemonic, "leave"))
        s->reg[EBP] = gen_offset(r);
    if (row->form & 1 && insn_is_mem(i))
        aim(r, e, s);
    else if ((row->attrs & ENDS) && (row->form & 1) && pick(r, 4))
        s->reg[i->rm] = 0x80 + pick(r, 0x400); /* indirect jumps and calls: to an INT3 */
}

/* Near returns and jumps through memory find a good target half of the time. Never one within the
 * instruction itself: what follows it is not the same in both worlds (host32_code's way out). False
 * when that cannot be helped. */
static bool put_target(struct rng *r, const struct encoding *e, const struct host32_state *s)
{
    const struct insn *i = &e->insn;
    if (!(e->row->attrs & ENDS) || has_operand(e->row, OPND_Jb, OPND_Jv))
        return true;
    uint32_t at = s->reg[ESP];
    if (e->row->form & 1) {
        if (!insn_is_mem(i))
            return true;
        at = (i->base == REG_NONE ? 0 : s->reg[i->base]) + i->disp +
             (i->index == REG_NONE ? 0 : s->reg[i->index] << i->scale);
        at &= i->asize == 2 ? 0xFFFF : UINT32_MAX;
    }
    uint32_t last = at + i->osize - 1;
    if (last < at || last > HOST_LIMIT)
        return true;
    bool writable = DATA_RW(at >> 12) && DATA_RW(last >> 12);
    if (!writable && !DATA_RO(at >> 12) && !DATA_RO(last >> 12))
        return true;
    bool into_itself = load_le16(physmap_host(ram, at)) - e->at < 24;
    if (!writable)
        return !into_itself;
    if (!into_itself && pick(r, 2))
        return true;
    uint32_t target = 0x80 + pick(r, 0x400);
    memcpy((uint8_t *)(uintptr_t)(HOST_DATA + at), &target, i->osize);
    memcpy(physmap_host(ram, at), &target, i->osize);
    return true;
}

/* --- Comparing -------------------------------------------------------------------------------- */

static bool pushes_error(unsigned vector)
{
    return vector == VEC_GP || vector == VEC_SS || vector == VEC_PF;
}

/* The first thing that differs, or NULL. */
static const char *difference(const struct host32_state *a, const struct host32_state *b,
                              uint32_t flags)
{
    static const char *const names[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    if (a->vector != b->vector)
        return "vector";
    if (a->eip != b->eip)
        return "eip";
    if (pushes_error(a->vector) && (a->error ^ b->error) & ~16u) /* 16: fetch, only with NX */
        return "error code";
    if (a->vector == VEC_PF && a->cr2 != b->cr2)
        return "cr2";
    for (unsigned n = 0; n < 8; n++)
        if (a->reg[n] != b->reg[n])
            return names[n];
    return (a->eflags ^ b->eflags) & flags ? "flags" : NULL;
}

/* Did a jump lead behind the instruction, where the host has more than INT3s? */
static bool in_way_out(const struct encoding *e, const struct host32_state *guest)
{
    uint32_t end = e->at + e->insn.len;
    return guest->vector == VEC_BP && guest->eip - 1 > end && guest->eip - 1 < end + 8;
}

/* Where two accesses of one instruction fault the manual does not say which comes first: processors
 * differ. A host may also have done part of a long one, which Umbra never does: POPA may have
 * loaded registers, PUSHA and ENTER may have written below ESP. */
static bool same_but_for_order(const struct encoding *e, const struct host32_state *a,
                               const struct host32_state *b)
{
    static const struct {
        const char *mnemonic;
        bool same_fault;
    } table[] = {{"cmpsb", false},     {"cmpsw|cmpsd", false}, {"call", false},
                 {"popa|popad", true}, {"pusha|pushad", true}, {"enter", true}};
    if (a->eip != e->at || b->eip != e->at || !pushes_error(a->vector) || !pushes_error(b->vector))
        return false;
    for (unsigned n = 0; n < ARRAY_LEN(table); n++) {
        if (!strcmp(e->row->mnemonic, table[n].mnemonic))
            return !table[n].same_fault ||
                   (a->vector == b->vector && (a->vector != VEC_PF || a->cr2 == b->cr2));
    }
    return false;
}

static bool same_memory(void)
{
    for (unsigned page = 0; page < HOST_DATA_PAGES; page++) {
        if (DATA_RW(page) && memcmp((uint8_t *)(uintptr_t)(HOST_DATA + page * 4096),
                                    physmap_host(ram, page * 4096), 4096))
            return false;
    }
    return true;
}

static void copy_memory(bool all)
{
    for (unsigned page = 0; page < HOST_DATA_PAGES; page++) {
        if (DATA_RW(page) || (all && DATA_RO(page)))
            memcpy((uint8_t *)(uintptr_t)(HOST_DATA + page * 4096), physmap_host(ram, page * 4096),
                   4096);
    }
}

static void print_state(const char *who, const struct host32_state *s)
{
    fprintf(stderr, "  %-6s", who);
    for (unsigned n = 0; n < 8; n++)
        fprintf(stderr, " %08x", s->reg[n]);
    fprintf(stderr, " eip %04x flags %03x vector %u error %x cr2 %08x\n", s->eip,
            s->eflags & (FLAGS_ARITH | FLAG_DF), s->vector, s->error, s->cr2);
}

struct totals {
    uint64_t cases, skipped, raised[32];
    unsigned encodings, failed;
    unsigned failed_of_row, row; /* only the first of each row are printed */
};

static void report(struct totals *t, const struct encoding *e, const char *what,
                   const struct host32_state s[3])
{
    char name[20];
    insn_mnemonic(&e->insn, name);
    t->failed++;
    if (t->row != e->insn.op)
        t->failed_of_row = 0;
    t->row = e->insn.op;
    if (t->failed_of_row++ >= 2)
        return;
    fprintf(stderr, "%s differs: %s, %d-bit code:", what, name, e->wide ? 32 : 16);
    for (unsigned n = 0; n < e->insn.len; n++)
        fprintf(stderr, " %02x", e->bytes[n]);
    fprintf(stderr,
            "\n         eax      ecx      edx      ebx      esp      ebp      esi      edi\n");
    print_state("before", &s[0]);
    print_state("host", &s[1]);
    print_state("umbra", &s[2]);
}

/* One encoding from many states; stops at its first difference. */
static void compare_encoding(struct rng *r, const struct encoding *e, unsigned states,
                             struct totals *t)
{
    host32_code(e->at, e->bytes, e->insn.len, e->wide);
    guest_code(e->at, e->bytes, e->insn.len);
    t->encodings++;
    for (unsigned n = 0; n < states; n++) {
        struct host32_state s[3]; /* before, host, umbra */
        gen_state(r, e, &s[0]);
        struct flag_effect effect = insn_flag_effect(&e->insn, s[0].reg[ECX]);
        uint32_t undefined = effect.undefined;
        if (effect.result_undefined) {
            t->skipped++;
            continue;
        }
        if (!put_target(r, e, &s[0])) {
            t->skipped++;
            continue;
        }
        s[1] = s[2] = s[0];
        host32_run(&s[1], e->wide);
        if (s[1].vector == HOST_ENDLESS) {
            t->skipped++;
            copy_memory(false);
            continue;
        }
        guest_run(&s[2], e->wide);
        t->cases++;
        t->raised[s[1].vector & 31]++;
        if (in_way_out(e, &s[2]) || same_but_for_order(e, &s[1], &s[2])) {
            t->skipped++;
            copy_memory(false);
            continue;
        }
        if (s[1].eip == e->at) /* a fault: as before */
            undefined = s[1].vector == VEC_DE ? F_OSZAPC : 0;
        const char *what = difference(&s[1], &s[2], (FLAGS_ARITH | FLAG_DF) & ~undefined);
        if (!what && !same_memory())
            what = "memory";
        if (what) {
            report(t, e, what, s);
            copy_memory(false);
            return;
        }
    }
}

static const uint16_t rows[] = {
#define ROW(id, ...) OPROW_##id,
#include "cpu/opcodes_integer.def"
#undef ROW
};

#define ENCODINGS 100 /* per row */
#define STATES    40  /* per encoding */

static bool comparable(const struct opcode *row)
{
    return row->last_model == CPU_P4 && row->first_model <= CPU_P4;
}

static int compare_all(void)
{
    const char *cases = getenv("UMBRA_HOST_CASES");
    const char *only = getenv("UMBRA_HOST_ONLY");
    unsigned states = cases ? (unsigned)strtoul(cases, NULL, 0) : STATES;
    struct totals t = {0};
    struct rng r = {1};
    guest_open();
    decoder_init(&decoder, CPU_P4, guest->features);
    for (unsigned page = 0; page < 3; page++) /* with edge values to load */
        for (unsigned n = 0; n < 1024; n++)
            store_le32(physmap_host(ram, page * 4096 + n * 4), gen_value(&r));
    copy_memory(true);
    mprotect((void *)(uintptr_t)(HOST_DATA + 0x2000), 4096, PROT_READ);
    for (unsigned k = 0; k < ARRAY_LEN(rows); k++) {
        if (!comparable(opcode_row(rows[k])) ||
            (only && strcmp(only, opcode_row(rows[k])->mnemonic) != 0))
            continue;
        unsigned made = 0;
        for (unsigned tries = 0; made < ENCODINGS && tries < 4 * ENCODINGS; tries++) {
            struct encoding e;
            if (!gen_encoding(&r, rows[k], &e))
                continue;
            compare_encoding(&r, &e, states, &t);
            made++;
        }
        if (!made) {
            fprintf(stderr, "no encoding found of %s\n", opcode_row(rows[k])->mnemonic);
            t.failed++;
        }
    }
    printf("%llu cases of %u encodings of %u rows, %llu skipped, %u encodings differ; raised:",
           (unsigned long long)t.cases, t.encodings, (unsigned)ARRAY_LEN(rows),
           (unsigned long long)t.skipped, t.failed);
    for (unsigned v = 0; v < 32; v++)
        if (t.raised[v])
            printf(" %u:%llu", v, (unsigned long long)t.raised[v]);
    printf("\n");
    return t.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(void)
{
    const char *why;
    if (!host32_open(&why)) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    return compare_all();
}

#else

int main(void)
{
    printf("SKIP: the host is not x86-64 Linux\n");
    return 77;
}

#endif
