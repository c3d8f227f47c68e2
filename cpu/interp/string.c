/* cpu/interp/string.c: MOVS STOS LODS CMPS SCAS, single and repeated.
 *
 * A repeated instruction works in rounds (cpu/run.h has the rule); after each the registers are up
 * to date, and when an event waits or the budget is used up the instruction is left and restarts
 * where it stood. Within a round, runs: as many elements as lie in the current page(s), inside the
 * segment limits and before a 16-bit index wraps go straight in host memory. What the TLB does not
 * hold (MMIO, code pages, the first touch of a page), downward copies and elements that cross a
 * page go one by one. */
#include "cpu/interp/chain.h"

/* Index registers, by address size. */
force_inline uint32_t index_of(const struct vcpu *c, const struct insn *i, unsigned reg)
{
    return i->asize == 4 ? c->reg[reg].d : c->reg[reg].w;
}

force_inline void index_move(struct vcpu *c, const struct insn *i, unsigned reg, uint32_t delta)
{
    if (i->asize == 4)
        c->reg[reg].d += delta;
    else
        c->reg[reg].w = (uint16_t)(c->reg[reg].w + delta);
}

force_inline uint32_t step_of(const struct vcpu *c, unsigned size)
{
    return c->eflags & FLAG_DF ? -size : size;
}

/* How many elements of size bytes from offset on can be reached through one host pointer, at most
 * n; *host is set when it is not 0. */
force_inline uint32_t run_length(struct vcpu *c, const struct insn *i, unsigned seg,
                                 uint32_t offset, unsigned size, bool write, uint32_t n,
                                 uint8_t **host)
{
    const struct segment *s = &c->seg[seg];
    uint64_t len = write ? s->write_len : s->read_len;
    if (offset + (uint64_t)size > len)
        return 0;
    uint32_t gva = (uint32_t)s->base + offset;
    uint8_t *p = tlb_lookup(&c->tlb, c->tlb_view, write ? TLB_WRITE : TLB_READ, gva, size);
    if (!p)
        return 0;
    *host = p;
    uint64_t room = 0x1000 - (gva & 0xFFF);
    room = room < len - offset ? room : len - offset;
    if (i->asize != 4)
        room = room < 0x10000 - offset ? room : 0x10000 - offset;
    uint32_t elements = (uint32_t)(room / size);
    return elements < n ? elements : n;
}

/* Most elements that the next run may have: none downward. */
force_inline uint32_t run_limit(const struct vcpu *c, uint32_t left)
{
    return c->eflags & FLAG_DF ? 0 : left;
}

/* Between two rounds: may the instruction go on? If not it has been left. */
force_inline bool round_goes_on(struct vcpu *c, const struct insn *i)
{
    c->insns++;
    uint64_t room = c->insns_end - c->insns; /* from the block's first instruction on */
    if (unlikely(c->wake || room <= (uint64_t)(i - c->block->insns))) {
        chain_leave(c, i);
        leave_repeated(c);
        return false;
    }
    if (unlikely(room < c->block->count))
        block_cut(c, room);
    return true;
}

/* Does elements of one round, at least one and at most left; returns how many. */
typedef uint32_t string_run(struct vcpu *c, const struct insn *i, unsigned size, uint32_t left);

/* All elements, or as many as may be: false when the instruction has been left. compares: ZF ends
 * it, too. */
force_inline bool repeat(struct vcpu *c, const struct insn *i, unsigned size, string_run *run,
                         bool compares)
{
    bool until_equal = i->prefixes & PREFIX_REPNE;
    for (uint32_t count; (count = index_of(c, i, ECX)) != 0;) {
        for (uint32_t left = round_length(c, count); left;) {
            uint32_t n = run(c, i, size, left);
            index_move(c, i, ECX, -n);
            if (compares && flag_zf(c) == until_equal)
                return true;
            left = round_rest(c, left - n);
        }
        if (index_of(c, i, ECX) != 0 && !round_goes_on(c, i))
            return false;
    }
    return true;
}

force_inline uint64_t load_size(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t offset,
                                unsigned size)
{
    return size == 1   ? load8(c, i, seg, offset)
           : size == 2 ? load16(c, i, seg, offset)
                       : load32(c, i, seg, offset);
}

force_inline void store_size(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t offset,
                             uint32_t v, unsigned size)
{
    if (size == 1)
        store8(c, i, seg, offset, (uint8_t)v);
    else if (size == 2)
        store16(c, i, seg, offset, (uint16_t)v);
    else
        store32(c, i, seg, offset, v);
}

force_inline uint32_t host_load(const uint8_t *p, unsigned size)
{
    return size == 1 ? *p : size == 2 ? load_le16(p) : load_le32(p);
}

force_inline uint32_t accumulator(const struct vcpu *c, unsigned size)
{
    return size == 1 ? c->reg[EAX].b.l : size == 2 ? c->reg[EAX].w : c->reg[EAX].d;
}

/* --- MOVS ------------------------------------------------------------------------------------- */

force_inline void movs_one(struct vcpu *c, const struct insn *i, unsigned size)
{
    uint32_t v = (uint32_t)load_size(c, i, i->seg, index_of(c, i, ESI), size);
    store_size(c, i, SEG_ES, index_of(c, i, EDI), v, size);
    uint32_t step = step_of(c, size);
    index_move(c, i, ESI, step);
    index_move(c, i, EDI, step);
}

/* Element by element, as the processor does: an overlap upward repeats the elements between. */
force_inline void copy_up(uint8_t *to, const uint8_t *from, size_t bytes, unsigned size)
{
    if ((uintptr_t)to - (uintptr_t)from >= bytes) {
        memmove(to, from, bytes);
        return;
    }
    for (size_t at = 0; at < bytes; at += size) {
        uint8_t element[4];
        memcpy(element, from + at, size);
        memcpy(to + at, element, size);
    }
}

force_inline uint32_t movs_run(struct vcpu *c, const struct insn *i, unsigned size, uint32_t left)
{
    uint8_t *from, *to;
    uint32_t n =
        run_length(c, i, i->seg, index_of(c, i, ESI), size, false, run_limit(c, left), &from);
    if (n)
        n = run_length(c, i, SEG_ES, index_of(c, i, EDI), size, true, n, &to);
    if (!n) {
        movs_one(c, i, size);
        return 1;
    }
    copy_up(to, from, (size_t)n * size, size);
    index_move(c, i, ESI, n * size);
    index_move(c, i, EDI, n * size);
    return n;
}

/* --- STOS ------------------------------------------------------------------------------------- */

force_inline void stos_one(struct vcpu *c, const struct insn *i, unsigned size)
{
    store_size(c, i, SEG_ES, index_of(c, i, EDI), accumulator(c, size), size);
    index_move(c, i, EDI, step_of(c, size));
}

static void fill(uint8_t *to, uint32_t v, size_t bytes, unsigned size)
{
    if (size == 1) {
        memset(to, (int)v, bytes);
        return;
    }
    uint64_t pattern = size == 2 ? v * UINT64_C(0x0001000100010001) : v * UINT64_C(0x100000001);
    size_t at = 0;
    for (; at + 8 <= bytes; at += 8)
        store_le64(to + at, pattern);
    memcpy(to + at, &pattern, bytes - at);
}

force_inline uint32_t stos_run(struct vcpu *c, const struct insn *i, unsigned size, uint32_t left)
{
    uint8_t *to;
    uint32_t n = run_length(c, i, SEG_ES, index_of(c, i, EDI), size, true, run_limit(c, left), &to);
    if (!n) {
        stos_one(c, i, size);
        return 1;
    }
    fill(to, accumulator(c, size), (size_t)n * size, size);
    index_move(c, i, EDI, n * size);
    return n;
}

/* --- LODS ------------------------------------------------------------------------------------- */

force_inline void lods_one(struct vcpu *c, const struct insn *i, unsigned size)
{
    uint32_t v = (uint32_t)load_size(c, i, i->seg, index_of(c, i, ESI), size);
    if (size == 1)
        c->reg[EAX].b.l = (uint8_t)v;
    else if (size == 2)
        c->reg[EAX].w = (uint16_t)v;
    else
        c->reg[EAX].d = v;
    index_move(c, i, ESI, step_of(c, size));
}

force_inline uint32_t lods_run(struct vcpu *c, const struct insn *i, unsigned size, uint32_t left)
{
    (void)left;
    lods_one(c, i, size);
    return 1;
}

/* --- CMPS, SCAS: the repeat also ends by ZF --------------------------------------------------- */

force_inline void compare(struct vcpu *c, unsigned size, uint32_t a, uint32_t b)
{
    flags_sub(c, size * 8, a, b, a - b);
}

force_inline void cmps_one(struct vcpu *c, const struct insn *i, unsigned size)
{
    uint32_t a = (uint32_t)load_size(c, i, i->seg, index_of(c, i, ESI), size);
    uint32_t b = (uint32_t)load_size(c, i, SEG_ES, index_of(c, i, EDI), size);
    uint32_t step = step_of(c, size);
    index_move(c, i, ESI, step);
    index_move(c, i, EDI, step);
    compare(c, size, a, b);
}

force_inline void scas_one(struct vcpu *c, const struct insn *i, unsigned size)
{
    uint32_t b = (uint32_t)load_size(c, i, SEG_ES, index_of(c, i, EDI), size);
    index_move(c, i, EDI, step_of(c, size));
    compare(c, size, accumulator(c, size), b);
}

force_inline uint32_t cmps_run(struct vcpu *c, const struct insn *i, unsigned size, uint32_t left)
{
    bool until_equal = i->prefixes & PREFIX_REPNE;
    uint8_t *a, *b;
    uint32_t n = run_length(c, i, i->seg, index_of(c, i, ESI), size, false, run_limit(c, left), &a);
    if (n)
        n = run_length(c, i, SEG_ES, index_of(c, i, EDI), size, false, n, &b);
    if (!n) {
        cmps_one(c, i, size);
        return 1;
    }
    uint32_t k = 0;
    while (k + 1 < n && (memcmp(a + k * size, b + k * size, size) == 0) != until_equal)
        k++;
    n = k + 1;
    index_move(c, i, ESI, n * size);
    index_move(c, i, EDI, n * size);
    compare(c, size, host_load(a + k * size, size), host_load(b + k * size, size));
    return n;
}

force_inline uint32_t scas_run(struct vcpu *c, const struct insn *i, unsigned size, uint32_t left)
{
    bool until_equal = i->prefixes & PREFIX_REPNE;
    uint8_t *p;
    uint32_t n = run_length(c, i, SEG_ES, index_of(c, i, EDI), size, false, run_limit(c, left), &p);
    if (!n) {
        scas_one(c, i, size);
        return 1;
    }
    uint32_t k = 0, a = accumulator(c, size);
    if (size == 1 && until_equal) {
        const uint8_t *hit = memchr(p, (int)a, n);
        k = hit ? (uint32_t)(hit - p) : n - 1;
    } else {
        while (k + 1 < n && (host_load(p + k * size, size) == a) != until_equal)
            k++;
    }
    n = k + 1;
    index_move(c, i, EDI, n * size);
    compare(c, size, a, host_load(p + k * size, size));
    return n;
}

#define STRING_HANDLER(name, bits, compares)                                                     \
    static                                                                                       \
        __attribute__((noinline)) bool name##_repeat##bits(struct vcpu *c, const struct insn *i) \
    {                                                                                            \
        return repeat(c, i, bits / 8, name##_run, compares);                                     \
    }                                                                                            \
    HANDLER_LAST(name##bits)                                                                     \
    {                                                                                            \
        if (!(i->prefixes & (PREFIX_REP | PREFIX_REPNE)))                                        \
            name##_one(c, i, bits / 8);                                                          \
        else if (!name##_repeat##bits(c, i))                                                     \
            return;                                                                              \
        NEXT(c, i);                                                                              \
    }
#define STRING_HANDLERS(name, compares) \
    STRING_HANDLER(name, 8, compares)   \
    STRING_HANDLER(name, 16, compares)  \
    STRING_HANDLER(name, 32, compares)
STRING_HANDLERS(movs, false)
STRING_HANDLERS(stos, false)
STRING_HANDLERS(lods, false)
STRING_HANDLERS(cmps, true)
STRING_HANDLERS(scas, true)
