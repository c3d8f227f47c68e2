/* tests/translator/program_load.c: the world that a random program runs in, and putting it there.
 *
 *     0000   real-mode vectors           10000  the program (16 KiB)
 *     1000   256 entries of 16 bytes     20000  data (64 KiB), with holes when paged
 *     2000   handler, 2300 gate's RETF   30000  stack (16 KiB)
 *     2400   GDT, 2500 TSS, 2800 IDT     40000  NEXT (handlers.h)
 *     3000   INT 50h to 55h              50000  the program as it was at first
 *     3800   COUNTS, 3C00 LDT            100000 data again, when paged
 *     3D00   another TSS, 3F00 PLACE     110000 the program again, when paged, at one of four
 * places 5000   top of the ring 0 stack     120000 when paged: the page tables, there alone 6000
 * page tables of two spaces   400000 all again, when paged and the CPU has large pages E000   a
 * page table for 400000 */
#include "tests/translator/layout.h"

#include "cpu/debug.h"
#include "cpu/flags.h"
#include "tests/descriptors.h"
#include "tests/translator/handlers.h"

struct loader {
    const struct program *p;
    struct partition *machine;
    struct physmap *ram;
    uint16_t at[PROGRAM_ITEMS + 1]; /* offset of each item */
};

static void put(struct loader *l, uint32_t at, const void *data, size_t len)
{
    physmap_poke(l->ram, at, data, len);
}

static void put16(struct loader *l, uint32_t at, uint16_t v)
{
    put(l, at, &v, sizeof v);
}

static void put32(struct loader *l, uint32_t at, uint32_t v)
{
    put(l, at, &v, sizeof v);
}

static void put64(struct loader *l, uint32_t at, uint64_t v)
{
    put(l, at, &v, sizeof v);
}

/* --- The program ------------------------------------------------------------------------------ */

static void link_item(struct loader *l, const struct item *i, unsigned n, uint8_t out[16])
{
    memcpy(out, i->bytes, sizeof i->bytes);
    uint32_t target = l->at[i->target < l->p->count ? i->target : 0];
    uint32_t rel = target - (l->at[n] + i->len);
    switch (i->fix) {
    case FIX_REL8:
        out[i->len - 1] = (int32_t)rel == (int8_t)rel ? (uint8_t)rel : 0;
        break;
    case FIX_REL:
        if (l->p->code32)
            store_le32(out + i->len - 4, rel);
        else
            store_le16(out + i->len - 2, (uint16_t)rel);
        break;
    case FIX_ADDRESS:
        target += i->fix_plus;
        if (layout_is_flat(l->p->mode))
            target += AT_CODE;
        if (i->fix_size ? i->fix_size == 4 : l->p->code32)
            store_le32(out + i->fix_at, target);
        else
            store_le16(out + i->fix_at, (uint16_t)target);
        break;
    default:
        break;
    }
}

static void put_code(struct loader *l)
{
    uint16_t at = (uint16_t)l->p->start;
    for (unsigned n = 0; n < l->p->count; n++) {
        l->at[n] = at;
        if (!l->p->item[n].dropped)
            at += l->p->item[n].len;
    }
    l->at[l->p->count] = at;
    for (unsigned n = 0; n < l->p->count; n++) {
        uint8_t bytes[16];
        if (l->p->item[n].dropped)
            continue;
        link_item(l, &l->p->item[n], n, bytes);
        put(l, AT_CODE + l->at[n], bytes, l->p->item[n].len);
    }
    /* JMP to the start, 32-bit or 16-bit displacement. */
    uint8_t jump[5] = {0xE9};
    store_le32(jump + 1, l->p->start - at - (l->p->code32 ? 5 : 3));
    put(l, AT_CODE + at, jump, l->p->code32 ? 5 : 3);
    uint8_t all[CODE_SIZE];
    physmap_peek(l->ram, AT_CODE, all, sizeof all);
    put(l, AT_ORIGINAL, all, sizeof all);
    unsigned item = 0;
    for (unsigned offset = 0; offset < CODE_SIZE; offset++) {
        while (item < l->p->count && (l->p->item[item].dropped || l->at[item] <= offset))
            item++;
        put16(l, AT_NEXT + offset * 2, item < l->p->count ? l->at[item] : (uint16_t)l->p->start);
    }
}

/* --- Tables ----------------------------------------------------------------------------------- */

static void descriptor(struct loader *l, unsigned selector, uint32_t base, uint32_t limit,
                       unsigned access, unsigned flags)
{
    put64(l, AT_GDT + selector, SEGMENT(base, limit, access, flags));
}

/* EIP may be cut to 16 bits: it comes back to the program, or raises a fault that does. */
static bool has_short_frames(enum program_mode mode)
{
    return mode >= PROGRAM_USER;
}

/* The program's, as the mode has it. */
static void put_code_segment(struct loader *l, uint32_t at, unsigned access)
{
    enum program_mode mode = l->p->mode;
    if (mode <= PROGRAM_PAE)
        access &= 0x9F;
    put64(l, at,
          layout_is_flat(mode)     ? SEGMENT(0u, 0xFFFFFu, access, 0xC)
          : mode == PROGRAM_CODE16 ? SEGMENT(AT_CODE, 0xFFFFu, access, 0)
                                   : SEGMENT(AT_CODE, CODE_SIZE - 1u, access, 4));
}

static void put_descriptors(struct loader *l)
{
    descriptor(l, SEL_CODE0, 0, 0xFFFFF, 0x9B, 0xC);
    descriptor(l, SEL_DATA0, 0, 0xFFFFF, 0x93, 0xC);
    descriptor(l, SEL_CODE3, 0, 0xFFFFF, 0xFB, 0xC);
    descriptor(l, SEL_DATA3, 0, 0xFFFFF, 0xF3, 0xC);
    descriptor(l, SEL_TSS, AT_TSS, 0x2FF, 0x8B, 0);
    descriptor(l, SEL_CODE16, AT_CODE, 0xFFFF, 0xFB, 0);
    descriptor(l, SEL_BASED, AT_DATA, 0xFFFF, 0xF3, 4);
    descriptor(l, SEL_SMALL, AT_DATA, 0xFFF, 0xF3, 4);
    descriptor(l, SEL_DOWN, AT_DATA, 0x7FF, 0xF7, 4);
    descriptor(l, SEL_CODE_BASED, AT_CODE, CODE_SIZE - 1, 0xFB, 4);
    descriptor(l, SEL_READ_ONLY, AT_DATA, 0xFFFF, 0xF1, 4);
    descriptor(l, SEL_STACK, AT_STACK, STACK_SIZE - 1, 0xF3, 4);
    descriptor(l, SEL_STACK16, AT_STACK, 0xFFFF, 0xF3, 0);
    descriptor(l, SEL_CONFORMING, 0, 0xFFFFF, 0x9F, 0xC);
    descriptor(l, SEL_ABSENT, AT_DATA, 0xFFFF, 0x73, 4);
    put64(l, AT_GDT + SEL_GATE, CALL_GATE(SEL_CODE0, AT_GATE, 0xEC, 0));
    put64(l, AT_GDT + SEL_GATE_PARAMS, CALL_GATE(SEL_CODE0, AT_GATE_PARAMS, 0xEC, 2));
    if (has_short_frames(l->p->mode))
        put64(l, AT_GDT + SEL_GATE16, CALL_GATE(SEL_CODE0, AT_GATE16, 0xE4, 0));
    descriptor(l, SEL_TSS2, AT_TSS2, 0x67, 0xE9, 0);
    put64(l, AT_GDT + SEL_TASK_GATE, A_GATE(SEL_TSS2, 0, 0xE5));
    descriptor(l, SEL_LDT, AT_LDT, 0x1F, 0x82, 0);
    descriptor(l, SEL_CODE_DATA, AT_CODE, CODE_SIZE - 1, 0xF3, 4);
    descriptor(l, SEL_WRAP, 0xFFFF8000, 0xFFFFF, 0xF3, 0xC);
    descriptor(l, SEL_BIG, AT_DATA, 0xFF, 0xF3, 0xC);
    descriptor(l, SEL_FRESH, AT_DATA, 0xFFFF, 0xF2, 4);
    put_code_segment(l, AT_GDT + SEL_CODE_FRESH, 0xFA);
    descriptor(l, SEL_DOWN16, AT_DATA, 0x7FF, 0xF7, 0);
    descriptor(l, SEL_STACK_DOWN, AT_STACK, 0x7FF, 0xF7, 4);
    descriptor(l, SEL_STACK_DOWN16, AT_STACK, 0x7FF, 0xF7, 0);
    descriptor(l, SEL_STACK16_0, AT_STACK, 0xFFFFF, 0x93, 0);
    put_code_segment(l, AT_LDT + (SEL_LOCAL_CODE & 0xFFF8), 0xFB);
    put64(l, AT_LDT + (SEL_LOCAL_DATA & 0xFFF8), SEGMENT(AT_DATA, 0x8FFFu, 0xF3, 4));
    put64(l, AT_LDT + (SEL_LOCAL_STACK_DOWN & 0xFFF8), SEGMENT(0u, 0xFFFu, 0x97, 4));
    put64(l, AT_LDT + (SEL_LOCAL_STACK_DOWN16 & 0xFFF8), SEGMENT(0u, 0xFFFu, 0x97, 0));
}

/* What gates lead to, and what returns from there. */
static void put_stubs(struct loader *l)
{
    put(l, AT_GATE, "\xCB", 1);
    put(l, AT_GATE16, "\x66\xCB", 2);
    put(l, AT_GATE_PARAMS, "\xCA\x08", 3);
    put(l, AT_IRET, "\xCF", 1);
    put(l, AT_IRET16, "\x66\xCF", 2);
    put(l, AT_TASK, "\xCF\xEB\xFD", 3);
    put(l, AT_SYSEXIT, "\x0F\x35", 2);
    put(l, AT_RETURNS, "\xCF", 1);
    put(l, AT_RETURNS + 8, "\x66\xCF", 2);
    put(l, AT_RETURNS + 16, "\xCA\x02", 3);
    put(l, AT_STUBS, stub_page, sizeof stub_page);
    put(l, AT_STUBS + 0x100, stub_space, sizeof stub_space);
    put(l, AT_STUBS + 0x180, stub_move, sizeof stub_move);
    put(l, AT_STUBS + 0x240, stub_reload, sizeof stub_reload);
    put(l, AT_STUBS + 0x280, stub_entry, sizeof stub_entry);
    put(l, AT_STUBS + 0x300, stub_large, sizeof stub_large);
    for (unsigned n = 0; n < 2; n++) {
        put16(l, AT_TABLE_POINTERS + 8 * n, n ? 0x97 : 0xFF);
        put32(l, AT_TABLE_POINTERS + 8 * n + 2, AT_GDT);
    }
    put16(l, AT_TABLE_POINTERS + 16, 0x7FF);
    put32(l, AT_TABLE_POINTERS + 18, AT_IDT);
}

/* Ports that V86 and user programs may use: 40-43, 61, 80. */
static void put_tss(struct loader *l)
{
    uint8_t ports[0x100];
    memset(ports, 0xFF, sizeof ports);
    ports[0x40 / 8] = 0xF0;
    ports[0x61 / 8] &= (uint8_t) ~(1 << 1);
    ports[0x80 / 8] &= (uint8_t)~1;
    put(l, AT_TSS + 0x88, ports, sizeof ports);
    static const uint16_t stacks[] = {SEL_DATA0, SEL_LOCAL_STACK_DOWN, SEL_LOCAL_STACK_DOWN16,
                                      SEL_STACK16_0};
    uint16_t ss = stacks[l->p->inner_stack % ARRAY_LEN(stacks)];
    put32(l, AT_TSS + 4, ss == SEL_STACK16_0 ? 0xABCD3FF0 : AT_RING0_STACK);
    put32(l, AT_TSS + 8, ss);
    put32(l, AT_TSS + 0x1C, AT_PAGE_ROOT);
    put32(l, AT_TSS + 0x64, 0x88 << 16);
    memset(ports, 0x5A, 32);
    ports[0x40 / 8] = 0;
    put(l, AT_TSS + 0x68, ports, 32); /* which INTs CR4.VME leaves in V86 mode */
}

/* A task that returns at once. */
static void put_other_tss(struct loader *l)
{
    put32(l, AT_TSS2 + 0x1C, AT_PAGE_ROOT + SPACE_SIZE);
    put32(l, AT_TSS2 + 0x20, AT_TASK);
    put32(l, AT_TSS2 + 0x24, FLAG_ONE);
    put32(l, AT_TSS2 + 0x38, AT_TASK_STACK);
    put32(l, AT_TSS2 + 0x48, SEL_DATA0);
    put32(l, AT_TSS2 + 0x4C, SEL_CODE0);
    put32(l, AT_TSS2 + 0x50, SEL_DATA0);
    put32(l, AT_TSS2 + 0x54, SEL_DATA0);
    put32(l, AT_TSS2 + 0x64, 0xFFFFu << 16);
}

static void gate(struct loader *l, unsigned vector, uint16_t selector, uint32_t offset,
                 unsigned access)
{
    put64(l, AT_IDT + vector * 8, A_GATE(selector, offset, access));
}

/* 40h to 4Bh: gates of every kind, whose handlers return at once. 50h to 55h: handlers.h. */
static void put_other_gates(struct loader *l)
{
    enum program_mode mode = l->p->mode;
    bool brief = has_short_frames(mode);
    gate(l, 0x40, SEL_CODE0, AT_IRET, 0xEF);
    gate(l, 0x41, SEL_CODE0, AT_IRET, 0xEE);
    gate(l, 0x42, SEL_CODE0, brief ? AT_IRET16 : AT_IRET, brief ? 0xE6 : 0xEE);
    gate(l, 0x43, SEL_CODE0, brief ? AT_IRET16 : AT_IRET, brief ? 0xE7 : 0xEF);
    gate(l, 0x44, SEL_TSS2, 0, 0xE5);
    gate(l, 0x45, SEL_CODE0, AT_IRET, 0x6E);
    gate(l, 0x46, SEL_CODE0, AT_IRET, 0x8E);
    if (mode == PROGRAM_USER) { /* of the same level */
        gate(l, 0x47, SEL_CODE3, AT_RETURNS, 0xEE);
        gate(l, 0x48, SEL_CODE3, AT_RETURNS, 0xEF);
    } else if (mode == PROGRAM_CODE16) {
        gate(l, 0x47, SEL_CODE16, 0x3F00, 0xE6);
        gate(l, 0x48, SEL_CODE16, 0x3F08, 0xEF);
    } else {
        gate(l, 0x47, SEL_CODE_BASED, 0x3F00, 0xEF);
        gate(l, 0x48, SEL_CODE_BASED, 0x3F08, 0xE6);
    }
    gate(l, 0x49, SEL_CONFORMING, AT_RETURNS, 0xEE);
    gate(l, 0x4A, 0, AT_IRET, 0xEE);
    gate(l, 0x4B, SEL_DATA0, AT_IRET, 0xEE);
    for (unsigned n = 0; n < 2; n++)
        gate(l, 0x50 + n, SEL_CODE0, AT_STUBS + n * 0x100, 0xEE);
    gate(l, 0x52, SEL_CODE0, AT_STUBS + 0x180, 0xEE);
    gate(l, 0x53, SEL_CODE0, AT_STUBS + 0x240, 0xEE);
    gate(l, 0x54, SEL_CODE0, AT_STUBS + 0x280, 0xEE);
    gate(l, 0x55, SEL_CODE0, AT_STUBS + 0x300, 0xEE);
}

static void put_handlers(struct loader *l)
{
    bool real = l->p->mode == PROGRAM_REAL;
    put(l, AT_HANDLER, real ? handler16 : handler32, real ? sizeof handler16 : sizeof handler32);
    for (unsigned v = 0; v < 256; v++) {
        bool has_error = v == 8 || (v >= 10 && v <= 14) || v == 17;
        uint32_t at = AT_ENTRIES + v * 16;
        uint8_t code[16];
        unsigned n = 0;
        if (real) { /* PUSH v; JMP */
            code[n++] = 0x68;
            store_le16(code + n, (uint16_t)v);
            code[n + 2] = 0xE9;
            store_le16(code + n + 3, (uint16_t)(AT_HANDLER - (at + n + 5)));
            n += 5;
            put32(l, v * 4, at);
        } else {
            if (!has_error) {
                code[n++] = 0x6A;
                code[n++] = 0;
            }
            code[n++] = 0x68;
            store_le32(code + n, v);
            code[n + 4] = 0xE9;
            store_le32(code + n + 5, AT_HANDLER - (at + n + 9));
            n += 9;
        }
        put(l, at, code, n);
        /* Software may call the breakpoint's, overflow's, and those from 30h on. */
        unsigned dpl = v == 3 || v == 4 || v >= 0x30 ? 3 : 0;
        put64(l, AT_IDT + v * 8, A_GATE(SEL_CODE0, at, 0x8E | dpl << 5));
    }
    put_other_gates(l);
    for (unsigned v = 0x40; v < 0x48 && l->p->mode >= PROGRAM_REAL; v++) /* V86 mode may, too */
        put32(l, v * 4, (uint32_t)AT_CODE << 12 | (v % 4 == 3 ? 0x3F10 : 0x3F00));
}

/* --- Paging ----------------------------------------------------------------------------------- */

static bool is_paged(enum program_mode mode)
{
    return mode != PROGRAM_FLAT && mode != PROGRAM_REAL;
}

#define FIRST_TABLE (AT_PAGE_ROOT >> 12)
#define TABLES      ((2 * SPACE_SIZE >> 12) + 1) /* and AT_LARGE_TABLE */

/* What is the same in both spaces and never changes. Accessed and dirty already: whether a CPU that
 * has a global entry still sets these bits in another space's table is its own affair. */
static bool is_global(uint32_t page)
{
    return (page >= 1 && page <= 5) || (page >= AT_CODE >> 12 && page < (AT_CODE >> 12) + 4) ||
           (page >= AT_STACK >> 12 && page < (AT_STACK >> 12) + 4);
}

/* The entry for a linear page below 4 MiB. Pages 2C, 2D, 2E of the data are a hole, read-only, and
 * the supervisor's. */
static uint32_t page_entry(const struct program *p, uint32_t page, unsigned space)
{
    uint32_t to = page, rights = page < AT_CODE >> 12 || page >= AT_NEXT >> 12 ? 3 : 7;
    uint32_t data = page - (ALIAS_DATA >> 12), code = page - (ALIAS_CODE >> 12);
    if (page - FIRST_TABLE < TABLES)
        return 0; /* what changes without a flush may be seen or not: nothing to compare */
    if (page - (ALIAS_TABLES >> 12) < TABLES)
        to = FIRST_TABLE + (page - (ALIAS_TABLES >> 12));
    if (page == 0 && p->mode == PROGRAM_V86)
        rights = 7; /* the vectors of real mode */
    if (page == 0x2C)
        return 0x2C000 | 6;
    if (page == 0x2D)
        rights = 5;
    if (page == 0x2E)
        rights = 3;
    if (page >= 0xA0 && page < 0xC0)
        rights = 7;
    if (data < 16) {
        to = 0x20 + ((page * 5 + space) & 0xB); /* none of 2C..2F */
        rights = 7;
    }
    if (code < 4 * CODE_PLACES) {
        to = (AT_CODE >> 12) + (page & 3);
        rights = code / 4 == space ? 7 : 6;
    }
    return to << 12 | rights | (is_global(page) ? 0x160 : 0);
}

/* The memory at LARGE in pages of 4 KiB, none of them global. */
static void put_large_table(struct loader *l)
{
    bool pae = l->p->mode == PROGRAM_PAE;
    for (uint32_t page = 0; page < (pae ? 512 : 1024); page++) {
        static const uint8_t rights[] = {7, 7, 7, 5, 3, 0x67, 6, 0x27};
        uint32_t entry = page << 12 | rights[page * 7 / 5 % ARRAY_LEN(rights)];
        if (pae)
            put64(l, AT_LARGE_TABLE + page * 8, entry);
        else
            put32(l, AT_LARGE_TABLE + page * 4, entry);
    }
}

static void put_page_tables(struct loader *l, unsigned space)
{
    bool pae = l->p->mode == PROGRAM_PAE;
    uint32_t more = space * SPACE_SIZE;
    for (uint32_t page = 0; page < 1024; page++) {
        put32(l, AT_PAGE_TABLES + more + page * (pae ? 8 : 4), page_entry(l->p, page, space));
        if (pae)
            put32(l, AT_PAGE_TABLES + more + page * 8 + 4, 0);
    }
    if (!pae) {
        put32(l, AT_PAGE_ROOT + more, (AT_PAGE_TABLES + more) | 0x27);
        put32(l, AT_PAGE_ROOT + more + 4, 0x87);
        return;
    }
    put32(l, AT_PAGE_ROOT + more, (AT_PAGE_DIRECTORY + more) | 1);
    put32(l, AT_PAGE_DIRECTORY + more, (AT_PAGE_TABLES + more) | 0x27);
    put32(l, AT_PAGE_DIRECTORY + more + 8, (AT_PAGE_TABLES + more + 0x1000) | 0x27);
    put32(l, AT_PAGE_DIRECTORY + more + 16, 0x87);
}

/* --- The vCPU --------------------------------------------------------------------------------- */

static struct segment cached(struct loader *l, uint16_t selector)
{
    uint32_t low, high;
    physmap_peek(l->ram, AT_GDT + (selector & 0xFFF8), &low, 4);
    physmap_peek(l->ram, AT_GDT + (selector & 0xFFF8) + 4, &high, 4);
    struct segment s = {.selector = selector,
                        .attr = (uint16_t)(high >> 8 & 0xF0FF),
                        .limit = (high & 0xF0000) | (low & 0xFFFF),
                        .base = (high & 0xFF000000) | (high & 0xFF) << 16 | low >> 16};
    if (s.attr & SEG_ATTR_G)
        s.limit = s.limit << 12 | 0xFFF;
    return s;
}

static struct segment real_segment(uint32_t base, bool v86)
{
    return (struct segment){.selector = (uint16_t)(base >> 4),
                            .attr = v86 ? 0xF3 : 0x93,
                            .limit = 0xFFFF,
                            .base = base};
}

struct selectors {
    uint16_t cs, ss, ds;
    uint32_t esp;
};

static struct selectors selectors_of(enum program_mode mode)
{
    uint32_t top = STACK_SIZE / 2;
    switch (mode) {
    case PROGRAM_FLAT:
    case PROGRAM_PAGED:
    case PROGRAM_PAE:
        return (struct selectors){SEL_CODE0, SEL_DATA0, SEL_DATA0, AT_STACK + top};
    case PROGRAM_USER:
        return (struct selectors){SEL_CODE3 | 3, SEL_DATA3 | 3, SEL_DATA3 | 3, AT_STACK + top};
    case PROGRAM_BASED:
        return (struct selectors){SEL_CODE_BASED | 3, SEL_STACK | 3, SEL_BASED | 3, top};
    case PROGRAM_CODE16:
        return (struct selectors){SEL_CODE16 | 3, SEL_STACK16 | 3, SEL_BASED | 3, top};
    default:
        return (struct selectors){AT_CODE >> 4, AT_STACK >> 4, AT_DATA >> 4, top};
    }
}

static void set_segments(struct loader *l, struct vcpu *c, struct selectors s)
{
    bool v86 = l->p->mode == PROGRAM_V86;
    for (unsigned n = 0; n < SEG_COUNT; n++) {
        uint16_t selector = n == SEG_CS ? s.cs : n == SEG_SS ? s.ss : s.ds;
        c->seg[n] = v86 || l->p->mode == PROGRAM_REAL ? real_segment(selector * 16u, v86)
                                                      : cached(l, selector);
    }
    c->code32 = c->seg[SEG_CS].attr & SEG_ATTR_DB ? 1 : 0;
    c->stack32 = c->seg[SEG_SS].attr & SEG_ATTR_DB ? 1 : 0;
    c->cpl = v86 ? 3 : l->p->mode == PROGRAM_REAL ? 0 : s.cs & 3;
}

static void set_vcpu(struct loader *l)
{
    const struct program *p = l->p;
    struct vcpu *c = partition_vcpu(l->machine);
    struct selectors s = selectors_of(p->mode);
    for (unsigned n = 0; n < 8; n++)
        c->reg[n].q = p->reg[n];
    c->reg[ESP].q = s.esp;
    c->eip = (layout_is_flat(p->mode) ? AT_CODE : 0) + p->start;
    c->cr0 = CR0_ET | CR0_NE | CR0_MP;
    c->cr0 |= p->mode == PROGRAM_REAL ? 0 : CR0_PE;
    c->cr0 |= is_paged(p->mode) ? CR0_PG : 0;
    c->cr0 |= p->write_protect ? CR0_WP : 0;
    c->cr0 |= p->align_check ? CR0_AM : 0;
    c->cr3 = AT_PAGE_ROOT;
    c->cr4 = p->cr4 | CR4_OSFXSR | CR4_OSXMMEXCPT | (p->mode == PROGRAM_PAE ? CR4_PAE : 0);
    c->pdpte[0] = AT_PAGE_DIRECTORY | 1;
    c->gdtr = (struct descriptor_table){.base = AT_GDT, .limit = 0xFF};
    c->idtr = (struct descriptor_table){.base = p->mode == PROGRAM_REAL ? 0 : AT_IDT,
                                        .limit = p->mode == PROGRAM_REAL ? 0x3FF : 0x7FF};
    if (p->mode != PROGRAM_REAL)
        c->tr = cached(l, SEL_TSS), c->ldtr = cached(l, SEL_LDT);
    set_segments(l, c, s);
    for (unsigned n = 0; p->unreal && n < SEG_COUNT; n++) {
        if (n != SEG_CS && n != SEG_SS)
            c->seg[n].limit = UINT32_MAX;
    }
    c->eflags = FLAG_ONE | FLAG_IF | p->eflags | (p->mode == PROGRAM_V86 ? FLAG_VM : 0);
    c->x87.control = 0x37F;
    c->x87.tag_empty = 0xFF;
    put32(l, AT_PLACE + 0, layout_is_flat(p->mode) ? AT_CODE : 0);
    put32(l, AT_PLACE + 4, s.cs);
    put32(l, AT_PLACE + 8, s.esp);
    put32(l, AT_PLACE + 12, s.ss);
    put32(l, AT_PLACE + 16, s.ds);
    put32(l, AT_PLACE + 20, 0x1F80);
    put32(l, AT_PLACE + 24, p->mode == PROGRAM_PAE ? 8 : 4);
    put32(l, AT_PLACE + 28, c->model > CPU_386);
    put32(l, AT_PLACE + 68,
          ALIAS_TABLES + (p->mode == PROGRAM_PAE ? AT_PAGE_DIRECTORY - AT_PAGE_ROOT + 16u : 4u));
    c->sysenter_cs = SEL_CODE0;
    c->sysenter_eip = AT_SYSEXIT;
    c->sysenter_esp = AT_RING0_STACK;
    vcpu_state_loaded(c);
}

/* The 8259s at vectors 20h and 28h, all but the timer masked; the timer in mode 2. */
static void set_timer(struct loader *l)
{
    static const uint16_t setup[][2] = {{0x20, 0x11}, {0x21, 0x20}, {0x21, 0x04}, {0x21, 0x01},
                                        {0xA0, 0x11}, {0xA1, 0x28}, {0xA1, 0x02}, {0xA1, 0x01},
                                        {0x21, 0xFE}, {0xA1, 0xFF}, {0x43, 0x34}};
    struct board *b = partition_board(l->machine);
    for (unsigned n = 0; n < ARRAY_LEN(setup); n++)
        board_port_write(b, setup[n][0], setup[n][1], 1);
    if (!l->p->timer)
        return;
    board_port_write(b, 0x40, l->p->timer & 0xFF, 1);
    board_port_write(b, 0x40, l->p->timer >> 8, 1);
}

/* Video memory as programs set it: text, CGA, planes in each write mode, chain-4. */
static void set_video(struct loader *l)
{
    static const struct {
        uint8_t map_mask, memory, enable_set_reset, rotate, mode, misc, bit_mask;
    } states[PROGRAM_VIDEO_STATES] = {
        {0},
        {0x3, 0x2, 0x0, 0x00, 0x10, 0x0E, 0xFF}, /* text */
        {0x3, 0x2, 0x0, 0x00, 0x10, 0x0E, 0xFF},
        {0x1, 0x6, 0x0, 0x00, 0x00, 0x0D, 0xFF}, /* CGA, two colours */
        {0xF, 0x6, 0x0, 0x00, 0x00, 0x05, 0xFF}, /* planes: what the CPU writes */
        {0xF, 0x6, 0x0, 0x00, 0x00, 0x01, 0x3C}, /* ... and what the latches have */
        {0xA, 0x6, 0x3, 0x10, 0x00, 0x05, 0xFF}, /* OR, set/reset */
        {0xF, 0x6, 0x0, 0x00, 0x01, 0x05, 0xFF}, /* the latches alone */
        {0xF, 0x6, 0x0, 0x18, 0x02, 0x05, 0xF0}, /* a colour, XOR */
        {0xF, 0x6, 0x0, 0x0B, 0x0B, 0x05, 0x7E}, /* mask by data; read mode 1 */
        {0xF, 0xE, 0x0, 0x00, 0x40, 0x05, 0xFF}, /* chain-4 */
        {0x7, 0xE, 0x0, 0x08, 0x40, 0x05, 0x0F}, /* the same by way of the latches */
    };
    struct board *b = partition_board(l->machine);
    unsigned n = l->p->video;
    const uint8_t gc[9] = {
        5,   states[n].enable_set_reset, 3, states[n].rotate, 0, states[n].mode, states[n].misc,
        0xF, states[n].bit_mask};
    if (!n)
        return;
    board_port_write(b, 0x3C2, 0x67, 1);
    board_port_write(b, 0x3C4, (uint32_t)states[n].map_mask << 8 | 2, 2);
    board_port_write(b, 0x3C4, (uint32_t)states[n].memory << 8 | 4, 2);
    for (unsigned r = 0; r < ARRAY_LEN(gc); r++)
        board_port_write(b, 0x3CE, (uint32_t)gc[r] << 8 | r, 2);
}

void program_load(const struct program *p, struct partition *machine)
{
    struct loader l = {.p = p, .machine = machine, .ram = partition_physmap(machine)};
    for (uint32_t n = 0; n < 0x10000; n += 4) /* data that is neither all zero nor the same */
        put32(&l, AT_DATA + n, n * 0x9E3779B9u ^ n << 7);
    put_descriptors(&l);
    put_tss(&l);
    put_other_tss(&l);
    put_stubs(&l);
    put_handlers(&l);
    put_page_tables(&l, 0);
    put_page_tables(&l, 1);
    put_large_table(&l);
    /* The gate is open when either says so. From here on it is port 92h, until the other does. */
    board_port_write(partition_board(machine), 0x92, 2, 1);
    board_port_write(partition_board(machine), 0x64, 0xDD, 1);
    put_code(&l);
    set_vcpu(&l);
    set_timer(&l);
    set_video(&l);
}
