/* cpu/interp/string.c: MOVS STOS LODS CMPS SCAS, single and repeated.
 *
 * A repeated instruction works in rounds (cpu/run.h has the rule); after each the registers are up
 * to date, and when an event waits or the budget is used up the instruction is left and restarts
 * where it stood. Within a round, runs: as many elements as lie in the current page(s), inside the
 * segment limits and before a 16-bit index wraps go straight in host memory. What the TLB does not
 * hold (MMIO, the first touch of a page), downward copies to pages with code and elements that
 * cross a page go one by one; MOVS, STOS and LODS with memory that a device answers for quickly
 * (mmu/physmap.h) do so with what lies before and behind it looked up once. Upward runs into a page
 * with code are made aside first, and written and told to whoever holds that code at once: programs
 * are loaded and unpacked over others. */
#include "cpu/string.h"

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

/* How many elements of size bytes, at most n, lie in gva's page, the segment's len and, from offset
 * on, below the end of what the address size reaches. */
force_inline uint32_t elements_in_reach(const struct insn *i, uint32_t gva, uint32_t offset,
                                        uint64_t len, unsigned size, uint32_t n)
{
    uint64_t room = 0x1000 - (gva & 0xFFF);
    room = room < len - offset ? room : len - offset;
    if (i->asize != 4)
        room = room < 0x10000 - offset ? room : 0x10000 - offset;
    uint32_t elements = (uint32_t)(room / size);
    return elements < n ? elements : n;
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
    return elements_in_reach(i, gva, offset, len, size, n);
}

/* Where the elements of a run lie: in host memory, or in a quick device. */
struct stretch {
    uint8_t *host;
    uint64_t gpa;
};

/* The same as run_length when a quick device may answer, too. */
static uint32_t stretch_length(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t offset,
                               unsigned size, bool write, uint32_t n, struct stretch *out)
{
    *out = (struct stretch){0};
    uint32_t direct = run_length(c, i, seg, offset, size, write, n, &out->host);
    const struct segment *s = &c->seg[seg];
    uint64_t len = write ? s->write_len : s->read_len;
    if (direct || c->watching || c->data_breakpoints || offset + (uint64_t)size > len)
        return direct;
    const struct mmio_quick *q = physmap_quick(c->physmap);
    uint32_t gva = (uint32_t)s->base + offset;
    enum tlb_kind kind = write ? TLB_DEVICE_WRITE : TLB_DEVICE_READ;
    out->gpa = (uintptr_t)tlb_lookup(&c->tlb, c->tlb_view, kind, gva, size);
    if (!out->gpa || out->gpa - q->base >= q->size)
        return 0;
    return elements_in_reach(i, gva, offset, len, size, n);
}

/* Most elements that the next run may have: none downward. */
force_inline uint32_t run_limit(const struct vcpu *c, uint32_t left)
{
    return c->eflags & FLAG_DF ? 0 : left;
}

/* The same as run_length for writing to a page with code. */
static uint32_t noted_length(struct vcpu *c, const struct insn *i, uint32_t offset, unsigned size,
                             uint32_t n, uint8_t **host)
{
    *host = n ? access_noted(c, SEG_ES, offset, size) : NULL;
    if (!*host)
        return 0;
    if (c->block) /* what is written may be the block that runs: it is left behind i */
        c->cur = i;
    const struct segment *s = &c->seg[SEG_ES];
    return elements_in_reach(i, (uint32_t)s->base + offset, offset, s->write_len, size, n);
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

/* Does at most left elements straight in host memory; returns how many, 0 when even the first needs
 * more. */
typedef uint32_t string_direct(struct vcpu *c, const struct insn *i, unsigned size, uint32_t left);
/* The same with a quick device at one end at least. */
typedef uint32_t string_quick(struct vcpu *c, const struct insn *i, unsigned size, uint32_t left);
/* Does one element. */
typedef void string_one(struct vcpu *c, const struct insn *i, unsigned size);

/* All elements, or as many as may be: false when the instruction has been left. compares: ZF ends
 * it, too. */
force_inline bool repeat(struct vcpu *c, const struct insn *i, unsigned size, string_direct *direct,
                         string_quick *quick, string_one *one, bool compares)
{
    bool until_equal = i->prefixes & PREFIX_REPNE;
    for (uint32_t count; (count = index_of(c, i, ECX)) != 0;) {
        for (uint32_t left = round_length(c, count); left;) {
            uint32_t n = direct(c, i, size, left);
            if (!n && quick)
                n = quick(c, i, size, run_limit(c, left));
            if (!n) {
                one(c, i, size);
                n = 1;
            }
            index_move(c, i, ECX, -n);
            c->string_bytes += n * size;
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

force_inline uint32_t stretch_load(const struct mmio_quick *q, const struct stretch *from,
                                   uint32_t at, unsigned size)
{
    return from->host ? host_load(from->host + at, size) : quick_read(q, from->gpa + at, size);
}

force_inline void stretch_store(const struct mmio_quick *q, const struct stretch *to, uint32_t at,
                                uint32_t value, unsigned size)
{
    if (to->host)
        memcpy(to->host + at, &value, size);
    else
        quick_write(q, to->gpa + at, value, size);
}

force_inline uint32_t accumulator(const struct vcpu *c, unsigned size)
{
    return size == 1 ? c->reg[EAX].b.l : size == 2 ? c->reg[EAX].w : c->reg[EAX].d;
}

force_inline void set_accumulator(struct vcpu *c, unsigned size, uint32_t v)
{
    if (size == 1)
        c->reg[EAX].b.l = (uint8_t)v;
    else if (size == 2)
        c->reg[EAX].w = (uint16_t)v;
    else
        c->reg[EAX].d = v;
}

/* The same downward, for an element that is known to be reached: from it down to the start of the
 * page, or of the segment. */
force_inline uint32_t run_length_down(const struct vcpu *c, unsigned seg, uint32_t offset,
                                      unsigned size, uint32_t n)
{
    uint32_t room = ((uint32_t)c->seg[seg].base + offset) & 0xFFF;
    uint32_t elements = (room < offset ? room : offset) / size + 1;
    return elements < n ? elements : n;
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

/* The same downward, to and from the highest element on. */
force_inline void copy_down(uint8_t *to, const uint8_t *from, size_t bytes, unsigned size)
{
    uint8_t *lowest = to + size - bytes;
    const uint8_t *lowest_from = from + size - bytes;
    if ((uintptr_t)lowest_from - (uintptr_t)lowest >= bytes) {
        memmove(lowest, lowest_from, bytes);
        return;
    }
    for (size_t at = 0; at < bytes; at += size) {
        uint8_t element[4];
        memcpy(element, from - at, size);
        memcpy(to - at, element, size);
    }
}

force_inline uint32_t movs_down(struct vcpu *c, const struct insn *i, unsigned size, uint32_t left)
{
    uint32_t esi = index_of(c, i, ESI), edi = index_of(c, i, EDI);
    uint8_t *from, *to;
    if (!run_length(c, i, i->seg, esi, size, false, 1, &from) ||
        !run_length(c, i, SEG_ES, edi, size, true, 1, &to))
        return 0;
    uint32_t n = run_length_down(c, i->seg, esi, size, left);
    n = run_length_down(c, SEG_ES, edi, size, n);
    copy_down(to, from, (size_t)n * size, size);
    index_move(c, i, ESI, -(n * size));
    index_move(c, i, EDI, -(n * size));
    return n;
}

/* n elements that can be read at from, to a page with code. */
static uint32_t movs_noted(struct vcpu *c, const struct insn *i, unsigned size, uint32_t n,
                           const uint8_t *from)
{
    uint8_t *to, made[PAGE_SIZE];
    n = noted_length(c, i, index_of(c, i, EDI), size, n, &to);
    if (!n)
        return 0;
    size_t bytes = (size_t)n * size, apart = (uintptr_t)to - (uintptr_t)from, at = bytes;
    if (apart && apart < bytes) { /* the rest is what was written before, further down */
        if (apart % size)
            return 0;
        at = apart;
    }
    memcpy(made, from, at);
    for (; at < bytes; at++)
        made[at] = made[at - apart];
    access_copy_noted(c, to, made, bytes);
    index_move(c, i, ESI, n * size);
    index_move(c, i, EDI, n * size);
    return n;
}

force_inline uint32_t movs_direct(struct vcpu *c, const struct insn *i, unsigned size,
                                  uint32_t left)
{
    uint8_t *from, *to;
    if (c->eflags & FLAG_DF)
        return movs_down(c, i, size, left);
    uint32_t n = run_length(c, i, i->seg, index_of(c, i, ESI), size, false, left, &from);
    if (!n)
        return 0;
    uint32_t readable = n;
    n = run_length(c, i, SEG_ES, index_of(c, i, EDI), size, true, n, &to);
    if (unlikely(!n))
        return movs_noted(c, i, size, readable, from);
    copy_up(to, from, (size_t)n * size, size);
    index_move(c, i, ESI, n * size);
    index_move(c, i, EDI, n * size);
    return n;
}

static uint32_t movs_quick(struct vcpu *c, const struct insn *i, unsigned size, uint32_t left)
{
    const struct mmio_quick *q = physmap_quick(c->physmap);
    struct stretch from, to;
    uint32_t n = stretch_length(c, i, i->seg, index_of(c, i, ESI), size, false, left, &from);
    if (n)
        n = stretch_length(c, i, SEG_ES, index_of(c, i, EDI), size, true, n, &to);
    for (uint32_t at = 0; at < n * size; at += size)
        stretch_store(q, &to, at, stretch_load(q, &from, at, size), size);
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
    uint8_t many[64];
    for (size_t at = 0; at < sizeof many; at += 8)
        store_le64(many + at, pattern);
    size_t at = 0;
    for (; at + sizeof many <= bytes; at += sizeof many)
        memcpy(to + at, many, sizeof many);
    memcpy(to + at, many, bytes - at);
}

static uint32_t stos_noted(struct vcpu *c, const struct insn *i, unsigned size, uint32_t n)
{
    uint8_t *to, made[PAGE_SIZE];
    n = noted_length(c, i, index_of(c, i, EDI), size, n, &to);
    if (!n)
        return 0;
    fill(made, accumulator(c, size), (size_t)n * size, size);
    access_copy_noted(c, to, made, (size_t)n * size);
    index_move(c, i, EDI, n * size);
    return n;
}

force_inline uint32_t stos_direct(struct vcpu *c, const struct insn *i, unsigned size,
                                  uint32_t left)
{
    uint8_t *to;
    uint32_t n = run_length(c, i, SEG_ES, index_of(c, i, EDI), size, true, run_limit(c, left), &to);
    if (unlikely(!n))
        return stos_noted(c, i, size, run_limit(c, left));
    fill(to, accumulator(c, size), (size_t)n * size, size);
    index_move(c, i, EDI, n * size);
    return n;
}

static uint32_t stos_quick(struct vcpu *c, const struct insn *i, unsigned size, uint32_t left)
{
    const struct mmio_quick *q = physmap_quick(c->physmap);
    struct stretch to;
    uint32_t n = stretch_length(c, i, SEG_ES, index_of(c, i, EDI), size, true, left, &to);
    for (uint32_t at = 0; at < n * size; at += size)
        stretch_store(q, &to, at, accumulator(c, size), size);
    index_move(c, i, EDI, n * size);
    return n;
}

/* --- LODS ------------------------------------------------------------------------------------- */

force_inline void lods_one(struct vcpu *c, const struct insn *i, unsigned size)
{
    set_accumulator(c, size, (uint32_t)load_size(c, i, i->seg, index_of(c, i, ESI), size));
    index_move(c, i, ESI, step_of(c, size));
}

/* Only the last element counts. */
force_inline uint32_t lods_direct(struct vcpu *c, const struct insn *i, unsigned size,
                                  uint32_t left)
{
    uint8_t *from;
    uint32_t n =
        run_length(c, i, i->seg, index_of(c, i, ESI), size, false, run_limit(c, left), &from);
    if (!n)
        return 0;
    set_accumulator(c, size, host_load(from + (size_t)(n - 1) * size, size));
    index_move(c, i, ESI, n * size);
    return n;
}

/* Each is read: latches are loaded. */
static uint32_t lods_quick(struct vcpu *c, const struct insn *i, unsigned size, uint32_t left)
{
    const struct mmio_quick *q = physmap_quick(c->physmap);
    struct stretch from;
    uint32_t n = stretch_length(c, i, i->seg, index_of(c, i, ESI), size, false, left, &from);
    for (uint32_t at = 0; at < n * size; at += size)
        set_accumulator(c, size, stretch_load(q, &from, at, size));
    index_move(c, i, ESI, n * size);
    return n;
}

/* What compares stops at the first element that decides, one by one. */
static string_quick *const cmps_quick = NULL;
static string_quick *const scas_quick = NULL;

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

/* Which of n elements, from 0 on, is the first that is equal to its fellow, or is not? n: none. */
force_inline uint32_t find_pair(const uint8_t *a, const uint8_t *b, uint32_t n, unsigned size,
                                bool equal)
{
    uint32_t k = 0;
    if (!equal) {
        while ((k + 1) * size + 7 < n * size && load_le64(a + k * size) == load_le64(b + k * size))
            k += 8 / size;
    }
    while (k < n && (host_load(a + k * size, size) == host_load(b + k * size, size)) != equal)
        k++;
    return k;
}

force_inline uint32_t cmps_direct(struct vcpu *c, const struct insn *i, unsigned size,
                                  uint32_t left)
{
    bool until_equal = i->prefixes & PREFIX_REPNE;
    uint8_t *a, *b;
    uint32_t n = run_length(c, i, i->seg, index_of(c, i, ESI), size, false, run_limit(c, left), &a);
    if (n)
        n = run_length(c, i, SEG_ES, index_of(c, i, EDI), size, false, n, &b);
    if (!n)
        return 0;
    uint32_t k = find_pair(a, b, n - 1, size, until_equal);
    n = k + 1;
    index_move(c, i, ESI, n * size);
    index_move(c, i, EDI, n * size);
    compare(c, size, host_load(a + k * size, size), host_load(b + k * size, size));
    return n;
}

force_inline uint32_t scas_direct(struct vcpu *c, const struct insn *i, unsigned size,
                                  uint32_t left)
{
    bool until_equal = i->prefixes & PREFIX_REPNE;
    uint8_t *p;
    uint32_t n = run_length(c, i, SEG_ES, index_of(c, i, EDI), size, false, run_limit(c, left), &p);
    if (!n)
        return 0;
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

/* --- Whole rounds without a handler ---------------------------------------------------------- */

enum { COMPARES, READS, WRITES }; /* READS and WRITES as a set */

/* May the round of bytes from offset on be accessed straight in host memory? Elements of size bytes
 * must not cross pages for that. */
force_inline bool all_direct(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t offset,
                             unsigned size, uint32_t bytes, bool write)
{
    uint8_t *host;
    if (((uint32_t)c->seg[seg].base + offset) & (size - 1))
        return false;
    while (bytes) {
        uint32_t n = run_length(c, i, seg, offset, 1, write, bytes, &host);
        if (!n)
            return false;
        offset += n;
        bytes -= n;
    }
    return true;
}

/* The registers that an element moves. */
struct string_state {
    uint32_t esi, edi, ecx, flag_result, flag_aux;
};

static struct string_state save(const struct vcpu *c)
{
    return (struct string_state){c->reg[ESI].d, c->reg[EDI].d, c->reg[ECX].d, c->flag_result,
                                 c->flag_aux};
}

static void restore(struct vcpu *c, const struct string_state *s)
{
    c->reg[ESI].d = s->esi;
    c->reg[EDI].d = s->edi;
    c->reg[ECX].d = s->ecx;
    c->flag_result = s->flag_result;
    c->flag_aux = s->flag_aux;
}

/* A round cut short by what is not direct must be the last one, to be counted as one; or is undone,
 * which comparisons can be. */
force_inline enum string_round round_direct(struct vcpu *c, const struct insn *i, unsigned size,
                                            string_direct *direct, unsigned how)
{
    bool compares = how == COMPARES;
    bool until_equal = i->prefixes & PREFIX_REPNE;
    uint32_t count = index_of(c, i, ECX), left = count < REP_ROUND ? count : REP_ROUND;
    struct string_state before = save(c);
    if (count > REP_ROUND && (c->eflags & FLAG_DF))
        return STRING_SLOW;
    if (count > REP_ROUND) {
        if ((how & READS) &&
            !all_direct(c, i, i->seg, index_of(c, i, ESI), size, left * size, false))
            return STRING_SLOW;
        if ((how & WRITES) &&
            !all_direct(c, i, SEG_ES, index_of(c, i, EDI), size, left * size, true))
            return STRING_SLOW;
    }
    while (left) {
        uint32_t n = direct(c, i, size, left);
        if (!n) {
            if (compares)
                restore(c, &before);
            return STRING_SLOW;
        }
        index_move(c, i, ECX, -n);
        c->string_bytes += n * size;
        if (compares && flag_zf(c) == until_equal)
            return STRING_DONE;
        left -= n;
    }
    return count > REP_ROUND ? STRING_MORE : STRING_DONE;
}

#define STRING_HANDLER(name, bits, how)                                                            \
    static                                                                                         \
        __attribute__((noinline)) bool name##_repeat##bits(struct vcpu *c, const struct insn *i)   \
    {                                                                                              \
        return repeat(c, i, bits / 8, name##_direct, name##_quick, name##_one, (how) == COMPARES); \
    }                                                                                              \
    HANDLER_LAST(name##bits)                                                                       \
    {                                                                                              \
        if (!(i->prefixes & (PREFIX_REP | PREFIX_REPNE)))                                          \
            name##_one(c, i, bits / 8);                                                            \
        else if (!name##_repeat##bits(c, i))                                                       \
            return;                                                                                \
        NEXT(c, i);                                                                                \
    }                                                                                              \
    static enum string_round name##_round##bits(struct vcpu *c, const struct insn *i)              \
    {                                                                                              \
        return round_direct(c, i, bits / 8, name##_direct, how);                                   \
    }
#define STRING_HANDLERS(name, how) \
    STRING_HANDLER(name, 8, how)   \
    STRING_HANDLER(name, 16, how)  \
    STRING_HANDLER(name, 32, how)
STRING_HANDLERS(movs, READS | WRITES)
STRING_HANDLERS(stos, WRITES)
STRING_HANDLERS(lods, READS)
STRING_HANDLERS(cmps, COMPARES)
STRING_HANDLERS(scas, COMPARES)

string_rounds *string_rounds_of(const struct insn *i)
{
#define ROUNDS(name)          \
    case OPROW_##name##b:     \
        return name##_round8; \
    case OPROW_##name##v:     \
        return i->osize == 2 ? name##_round16 : name##_round32
    if (!(i->prefixes & (PREFIX_REP | PREFIX_REPNE)))
        return NULL;
    switch (i->op) {
        ROUNDS(movs);
        ROUNDS(stos);
        ROUNDS(lods);
        ROUNDS(cmps);
        ROUNDS(scas);
    default:
        return NULL;
    }
#undef ROUNDS
}
