/* cpu/access.c: the slow paths of cpu/access.h: whatever the inline segment compare and TLB lookup
 * did not settle. Order of checks: segment (limit and rights), alignment, then each page touched;
 * only then does a byte move. */
#include "cpu/access.h"

#include "cpu/debug.h"
#include "cpu/exception.h"
#include "cpu/segment.h"
#include "cpu/shadow.h"
#include "cpu/stops.h"
#include "cpu/witness.h"

/* size bytes at p, little-endian; size 1, 2, 4 or 8: a copy of constant size is one host
 * instruction. */
static inline uint64_t host_load(const uint8_t *p, unsigned size)
{
    switch (size) {
    case 1:
        return *p;
    case 2:
        return load_le16(p);
    case 4:
        return load_le32(p);
    default:
        return load_le64(p);
    }
}

static inline void host_store(uint8_t *p, uint64_t value, unsigned size)
{
    switch (size) {
    case 1:
        *p = (uint8_t)value;
        break;
    case 2:
        store_le16(p, (uint16_t)value);
        break;
    case 4:
        store_le32(p, (uint32_t)value);
        break;
    default:
        store_le64(p, value);
    }
}

/* Where one page's part of an access lies. */
struct place {
    uint8_t *host; /* memory to use directly, or NULL: go through the physmap at gpa */
    uint64_t gpa;
    bool noted; /* each write at host must be told to the physmap: the page holds code */
};

/* What lies at the page of gva is no memory, or not for this kind of access: the next one need not
 * walk the page tables again. */
static uint8_t *enter_device(struct vcpu *c, uint32_t gva, enum tlb_view view, enum tlb_kind kind,
                             const struct walk_page *page)
{
    uint64_t start = page->gpa & ~UINT64_C(0xFFF);
    if (kind != TLB_EXEC)
        tlb_fill(&c->tlb, view, kind == TLB_WRITE ? TLB_DEVICE_WRITE : TLB_DEVICE_READ, gva,
                 (uint8_t *)(uintptr_t)start, page->global, page->large);
    return NULL;
}

/* Enters a translation into the TLB as far as the page may be accessed directly. Returns the host
 * address of gva, or NULL when each access must go through the physmap. */
static uint8_t *enter(struct vcpu *c, uint32_t gva, enum tlb_view view, enum tlb_kind kind,
                      const struct walk_page *page)
{
    uint64_t offset = physmap_plain(c->physmap, page->gpa);
    bool memory = true;
    if (unlikely(offset == NO_BACKING)) {
        const struct region *r = physmap_find(c->physmap, page->gpa);
        if (r->offset == NO_BACKING)
            return enter_device(c, gva, view, kind, page);
        memory = r->kind == REGION_RAM || r->kind == REGION_VRAM;
        offset = physmap_machine(c->physmap, r, page->gpa);
    }
    if (kind == TLB_WRITE) {
        if (!memory)
            return enter_device(c, gva, view, kind, page);
        uint8_t state = physmap_page_state(c->physmap, offset);
        if (state & PAGE_NOTED) {
            uint8_t *start = physmap_host(c->physmap, offset) - (gva & 0xFFF);
            tlb_fill(&c->tlb, view, TLB_NOTED, gva, start, page->global, page->large);
            return NULL;
        }
        if (!page_state_writable(state))
            physmap_wrote(c->physmap, offset, 1);
    }
    uint8_t *host = physmap_host(c->physmap, offset);
    if (kind != TLB_EXEC && shadow_page_watched(c, gva))
        return host;
    uint8_t *start = host - (gva & 0xFFF);
    tlb_fill(&c->tlb, view, kind, gva, start, page->global, page->large);
    if (!memory || kind == TLB_EXEC)
        return host;
    if (kind == TLB_WRITE)
        tlb_fill(&c->tlb, view, TLB_READ, gva, start, page->global, page->large);
    else if (page->dirty && page->writable &&
             page_state_writable(physmap_page_state(c->physmap, offset)))
        tlb_fill(&c->tlb, view, TLB_WRITE, gva, start, page->global, page->large);
    return host;
}

static uint64_t machine_offset(const struct vcpu *c, const uint8_t *host)
{
    return (uint64_t)(host - physmap_host(c->physmap, 0));
}

/* Asks the page tables. False: *error is #PF's. */
static bool walk_page_of(struct vcpu *c, uint32_t gva, enum tlb_view view, enum tlb_kind kind,
                         struct walk_page *page, uint32_t *error)
{
    unsigned access = (view == TLB_USER ? WALK_USER : 0) | (kind == TLB_WRITE ? WALK_WRITE : 0) |
                      (kind == TLB_EXEC ? WALK_FETCH : 0);
    struct tlb_walks *count = &c->tlb.walks[view];
    bool found = walk(c->physmap, &c->walk, gva, access, page, error);
    if (kind != TLB_EXEC) {
        count->walks += found;
        count->faults += !found;
        count->fresh += found && page->fresh;
    }
    return found;
}

/* Translates gva for one access within its page; raises #PF. */
static struct place place_of(struct vcpu *c, uint32_t gva, enum tlb_view view, enum tlb_kind kind)
{
    uint8_t *hit = tlb_lookup(&c->tlb, view, kind, gva, 1);
    if (hit ||
        (tlb_recall(&c->tlb, view, kind, gva) && (hit = tlb_lookup(&c->tlb, view, kind, gva, 1))))
        return (struct place){.host = hit};
    if (kind == TLB_WRITE) {
        hit = tlb_lookup(&c->tlb, view, TLB_NOTED, gva, 1);
        if (hit && (physmap_page_state(c->physmap, machine_offset(c, hit)) & PAGE_NOTED))
            return (struct place){.host = hit, .noted = true};
    }
    if (kind != TLB_EXEC) {
        hit = tlb_lookup(&c->tlb, view, kind == TLB_WRITE ? TLB_DEVICE_WRITE : TLB_DEVICE_READ, gva,
                         1);
        if (hit)
            return (struct place){.gpa = (uintptr_t)hit};
    }
    struct walk_page page;
    uint32_t error;
    if (!walk_page_of(c, gva, view, kind, &page, &error))
        cpu_raise_page_fault(c, gva, error);
    return (struct place){.host = enter(c, gva, view, kind, &page), .gpa = page.gpa};
}

enum access_answer access_enter(struct vcpu *c, uint32_t gva, bool write, uint32_t *error)
{
    enum tlb_kind kind = write ? TLB_WRITE : TLB_READ;
    struct walk_page page;
    if (tlb_recall(&c->tlb, c->tlb_view, kind, gva))
        return ACCESS_ENTERED;
    if (!walk_page_of(c, gva, c->tlb_view, kind, &page, error))
        return ACCESS_FAULTS;
    enter(c, gva, c->tlb_view, kind, &page);
    return tlb_lookup(&c->tlb, c->tlb_view, kind, gva, 1) ? ACCESS_ENTERED : ACCESS_SLOW;
}

static uint64_t place_read(struct vcpu *c, struct place p, unsigned size)
{
    if (!p.host)
        return physmap_read(c->physmap, p.gpa, size);
    return host_load(p.host, size);
}

/* What leaves memory as it was need not be told: programs write code anew as it is. True: it
 * changes. */
static bool store_noted(struct vcpu *c, uint8_t *p, uint64_t value, unsigned size)
{
    if (host_load(p, size) == (value & UINT64_MAX >> (64 - 8 * size)))
        return false;
    host_store(p, value, size);
    physmap_wrote(c->physmap, machine_offset(c, p), size);
    return true;
}

static void place_write(struct vcpu *c, struct place p, uint64_t value, unsigned size)
{
    if (!p.host) {
        physmap_write(c->physmap, p.gpa, value, size);
        return;
    }
    if (p.noted)
        store_noted(c, p.host, value, size);
    else
        host_store(p.host, value, size);
}

/* Bytes of an access that lie in its first page. */
static unsigned first_part(uint32_t gva, unsigned size)
{
    unsigned left = 4096 - (gva & 0xFFF);
    return left < size ? left : size;
}

/* The n-th byte of an access that may cross into the page of p[1]. */
static struct place byte_place(const struct place p[2], unsigned n, unsigned first)
{
    struct place b = p[n >= first];
    unsigned at = n >= first ? n - first : n;
    return (struct place){.host = b.host ? b.host + at : NULL, .gpa = b.gpa + at, .noted = b.noted};
}

/* The host's address of a place, or NULL: a device's. One that is reached through the physmap may
 * be memory with code in its page. */
static uint8_t *memory_at(const struct vcpu *c, struct place p)
{
    if (p.host)
        return p.host;
    const struct region *r = physmap_find(c->physmap, p.gpa);
    if (r->kind != REGION_RAM && r->kind != REGION_VRAM)
        return NULL;
    return physmap_host(c->physmap, physmap_machine(c->physmap, r, p.gpa));
}

/* Whoever watches hears of an access, whose first bytes lie at p[0] and whose others at p[1]. */
static void tell_watcher(struct vcpu *c, uint32_t gva, const struct place p[2], unsigned first,
                         unsigned size, bool write)
{
    if (!c->witness) {
        stops_watched(c, gva, size, write);
        return;
    }
    witness_access(c->witness, memory_at(c, p[0]), first, write);
    if (first < size)
        witness_access(c->witness, memory_at(c, p[1]), size - first, write);
}

static uint64_t load_linear(struct vcpu *c, uint32_t gva, unsigned size, enum tlb_view view)
{
    unsigned first = first_part(gva, size);
    struct place p[2] = {place_of(c, gva, view, TLB_READ), {0}};
    if (first < size)
        p[1] = place_of(c, gva + first, view, TLB_READ);
    if (unlikely(c->watching))
        tell_watcher(c, gva, p, first, size, false);
    if (likely(first == size))
        return place_read(c, p[0], size);
    uint64_t value = 0;
    for (unsigned n = 0; n < size; n++)
        value |= place_read(c, byte_place(p, n, first), 1) << (8 * n);
    return value;
}

static void store_linear(struct vcpu *c, uint32_t gva, uint64_t value, unsigned size,
                         enum tlb_view view)
{
    unsigned first = first_part(gva, size);
    struct place p[2] = {place_of(c, gva, view, TLB_WRITE), {0}};
    if (first < size)
        p[1] = place_of(c, gva + first, view, TLB_WRITE);
    if (unlikely(c->watching))
        tell_watcher(c, gva, p, first, size, true);
    if (likely(first == size)) {
        place_write(c, p[0], value, size);
        return;
    }
    for (unsigned n = 0; n < size; n++)
        place_write(c, byte_place(p, n, first), value >> (8 * n) & 0xFF, 1);
}

/* --- With a segment ------------------------------------------------------------------------- */

/* The 286 in real mode has exception 13 for all segments (80286 Programmer's Reference, 5.2). */
_Noreturn static void raise_segment(struct vcpu *c, unsigned seg)
{
    bool stack_fault = seg == SEG_SS && (c->model > CPU_286 || !vcpu_is_real(c));
    cpu_raise_error(c, stack_fault ? VEC_SS : VEC_GP, 0);
}

uint32_t segment_linear(struct vcpu *c, unsigned seg, uint32_t offset, unsigned size, bool write)
{
    const struct segment *s = &c->seg[seg];
    uint64_t last = (uint64_t)offset + size - 1;
    uint64_t from = 0, to = s->limit;
    if (vcpu_is_protected(c)) {
        if (!(s->attr & SEG_ATTR_P))
            cpu_raise_error(c, VEC_GP, 0);
        bool code = s->attr & SEG_ATTR_CODE;
        if (code ? write || !(s->attr & SEG_ATTR_WR) : write && !(s->attr & SEG_ATTR_WR))
            cpu_raise_error(c, VEC_GP, 0);
        if (!code && (s->attr & SEG_ATTR_EXPDN)) {
            from = (uint64_t)s->limit + 1;
            to = s->attr & SEG_ATTR_DB ? UINT32_MAX : 0xFFFF;
        }
    }
    if (to == UINT32_MAX && from == 0)
        to = UINT64_MAX; /* a flat segment wraps at 4 GiB without a fault, as a P6 does */
    if (offset < from || last > to)
        raise_segment(c, seg);
    uint32_t gva = (uint32_t)s->base + offset;
    if (unlikely(c->align_check) && (gva & (size - 1)))
        cpu_raise_error(c, VEC_AC, 0);
    return gva;
}

/* The 8086 wraps a word at offset FFFFh to offset 0 of its segment; the 80186 goes on to the byte
 * beyond the segment (80C186 data sheet, differences from the 8086). Later ones fault. */
static bool wraps_at_64k(const struct vcpu *c, uint32_t offset, unsigned size)
{
    return c->model <= CPU_186 && offset + size > 0x10000;
}

static uint32_t wrapped_byte(const struct vcpu *c, unsigned seg, uint32_t offset)
{
    return (uint32_t)c->seg[seg].base + (c->model == CPU_8086 ? offset & 0xFFFF : offset);
}

uint64_t access_load_slow(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t offset,
                          unsigned size)
{
    c->cur = i;
    if (unlikely(wraps_at_64k(c, offset, size))) {
        uint64_t value = 0;
        for (unsigned n = 0; n < size; n++)
            value |= load_linear(c, wrapped_byte(c, seg, offset + n), 1, TLB_SUPERVISOR) << (8 * n);
        return value;
    }
    uint32_t gva = segment_linear(c, seg, offset, size, false);
    uint64_t value = load_linear(c, gva, size, c->tlb_view);
    if (unlikely(c->data_breakpoints))
        debug_data_access(c, gva, size, false);
    return value;
}

/* Programs that keep data beside their code live on this. */
uint8_t *access_noted(struct vcpu *c, unsigned seg, uint32_t offset, unsigned size)
{
    const struct segment *s = &c->seg[seg];
    if ((uint64_t)offset + size > s->write_len || c->data_breakpoints || c->watching)
        return NULL;
    uint8_t *p = tlb_lookup(&c->tlb, c->tlb_view, TLB_NOTED, (uint32_t)s->base + offset, size);
    if (!p || !(physmap_page_state(c->physmap, machine_offset(c, p)) & PAGE_NOTED))
        return NULL;
    return p;
}

/* Is the page of machine offset at one with code, and the size bytes there none of it? */
static bool is_beside_code(const struct vcpu *c, uint64_t at, unsigned size)
{
    uint64_t bits;
    memcpy(&bits, (const uint8_t *)physmap_code_bits(c->physmap) + at / 8, sizeof bits);
    return !(bits >> at % 8 & (UINT64_MAX >> (64 - size))) &&
           (physmap_page_state(c->physmap, at) & PAGE_HAS_CODE);
}

enum store_noted access_store_noted(struct vcpu *c, unsigned seg, uint32_t offset, uint64_t value,
                                    unsigned size)
{
    uint8_t *noted = access_noted(c, seg, offset, size);
    if (!noted)
        return STORE_NOT_NOTED;
    uint64_t at = machine_offset(c, noted);
    bool beside = is_beside_code(c, at, size);
    if (!store_noted(c, noted, value, size))
        return physmap_page_state(c->physmap, at) & PAGE_HAS_CODE ? STORE_BESIDE : STORE_CODE;
    return beside ? STORE_BESIDE : STORE_CODE;
}

void access_copy_noted(struct vcpu *c, uint8_t *to, const uint8_t *from, size_t bytes)
{
    size_t first = 0, end = bytes;
    while (first + 8 <= bytes && load_le64(to + first) == load_le64(from + first))
        first += 8;
    while (first < bytes && to[first] == from[first])
        first++;
    while (end >= first + 8 && load_le64(to + end - 8) == load_le64(from + end - 8))
        end -= 8;
    while (end > first && to[end - 1] == from[end - 1])
        end--;
    if (first == end)
        return;
    memcpy(to + first, from + first, end - first);
    physmap_wrote(c->physmap, machine_offset(c, to + first), end - first);
}

bool access_is_beside_code(struct vcpu *c, uint32_t gva, unsigned size)
{
    const uint8_t *p = tlb_lookup(&c->tlb, c->tlb_view, TLB_NOTED, gva, size);
    return p && is_beside_code(c, machine_offset(c, p), size);
}

void access_enter_beside(struct vcpu *c, uint32_t gva)
{
    if (tlb_lookup(&c->tlb, c->tlb_view, TLB_BESIDE, gva, 1))
        return;
    enum tlb_kind from = TLB_WRITE;
    const uint8_t *p = tlb_lookup(&c->tlb, c->tlb_view, TLB_WRITE, gva, 1);
    if (!p) {
        from = TLB_NOTED;
        p = tlb_lookup(&c->tlb, c->tlb_view, TLB_NOTED, gva, 1);
    }
    if (!p || shadow_page_watched(c, gva))
        return;
    if (page_state_writable_beside(physmap_page_state(c->physmap, machine_offset(c, p))))
        tlb_fill_also(&c->tlb, c->tlb_view, TLB_BESIDE, gva, from);
}

void access_store_slow(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t offset,
                       uint64_t value, unsigned size)
{
    c->cur = i;
    if (access_store_noted(c, seg, offset, value, size))
        return;
    if (unlikely(wraps_at_64k(c, offset, size))) {
        for (unsigned n = 0; n < size; n++)
            store_linear(c, wrapped_byte(c, seg, offset + n), value >> (8 * n) & 0xFF, 1,
                         TLB_SUPERVISOR);
        return;
    }
    uint32_t gva = segment_linear(c, seg, offset, size, true);
    store_linear(c, gva, value, size, c->tlb_view);
    if (unlikely(c->data_breakpoints))
        debug_data_access(c, gva, size, true);
}

void access_touch(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t offset)
{
    const struct segment *s = &c->seg[seg];
    bool execute_only = vcpu_is_protected(c) && (s->attr & SEG_ATTR_P) &&
                        (s->attr & (SEG_ATTR_CODE | SEG_ATTR_WR)) == SEG_ATTR_CODE;
    if (!execute_only) {
        (void)load8(c, i, seg, offset);
        return;
    }
    c->cur = i;
    if (offset > s->limit)
        raise_segment(c, seg);
    (void)place_of(c, (uint32_t)s->base + offset, c->tlb_view, TLB_READ);
}

uint8_t *access_prepare_rmw(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t offset,
                            unsigned size)
{
    const struct segment *s = &c->seg[seg];
    if (likely((uint64_t)offset + size <= s->write_len)) {
        uint8_t *p = tlb_lookup(&c->tlb, c->tlb_view, TLB_WRITE, (uint32_t)s->base + offset, size);
        if (likely(p != NULL))
            return p;
    }
    c->cur = i;
    if (access_noted(c, seg, offset, size))
        return NULL;
    if (unlikely(wraps_at_64k(c, offset, size)))
        return NULL;
    uint32_t gva = segment_linear(c, seg, offset, size, true);
    struct place p = place_of(c, gva, c->tlb_view, TLB_WRITE);
    unsigned first = first_part(gva, size);
    if (first < size) {
        place_of(c, gva + first, c->tlb_view, TLB_WRITE);
        return NULL;
    }
    return c->data_breakpoints || c->watching || p.noted ? NULL : p.host;
}

/* --- By linear address ---------------------------------------------------------------------- */

uint64_t linear_load_as(struct vcpu *c, uint64_t gva, unsigned size, bool user)
{
    enum tlb_view view = user ? TLB_USER : TLB_SUPERVISOR;
    const uint8_t *p = tlb_lookup(&c->tlb, view, TLB_READ, (uint32_t)gva, size);
    if (unlikely(!p))
        return load_linear(c, (uint32_t)gva, size, view);
    return host_load(p, size);
}

void linear_store_as(struct vcpu *c, uint64_t gva, uint64_t value, unsigned size, bool user)
{
    enum tlb_view view = user ? TLB_USER : TLB_SUPERVISOR;
    uint8_t *p = tlb_lookup(&c->tlb, view, TLB_WRITE, (uint32_t)gva, size);
    if (likely(p != NULL))
        host_store(p, value, size);
    else
        store_linear(c, (uint32_t)gva, value, size, view);
}

uint64_t linear_load(struct vcpu *c, uint64_t gva, unsigned size)
{
    return linear_load_as(c, gva, size, false);
}

void linear_store(struct vcpu *c, uint64_t gva, uint64_t value, unsigned size)
{
    linear_store_as(c, gva, value, size, false);
}

void linear_check_store(struct vcpu *c, uint64_t gva, unsigned size, bool user)
{
    enum tlb_view view = user ? TLB_USER : TLB_SUPERVISOR;
    unsigned first = first_part((uint32_t)gva, size);
    place_of(c, (uint32_t)gva, view, TLB_WRITE);
    if (first < size)
        place_of(c, (uint32_t)gva + first, view, TLB_WRITE);
}

bool access_code_page(struct vcpu *c, uint64_t gva, const uint8_t **host, uint64_t *offset)
{
    struct place p = place_of(c, (uint32_t)gva, c->tlb_view, TLB_EXEC); /* CR2 is exact */
    *host = NULL;
    if (!p.host)
        return false;
    *host = p.host - (gva & PAGE_MASK);
    *offset = machine_offset(c, *host);
    return true;
}

struct code_seen access_code_seen(struct vcpu *c, uint32_t gva)
{
    unsigned access = WALK_FETCH | WALK_SEEN | (c->tlb_view == TLB_USER ? WALK_USER : 0);
    struct walk_page page = {0};
    uint32_t error;
    gva = (uint32_t)align_down(gva, PAGE_SIZE);
    if (!walk(c->physmap, &c->walk, gva, access, &page, &error))
        return (struct code_seen){0};
    uint64_t offset = physmap_machine(c->physmap, physmap_find(c->physmap, page.gpa), page.gpa);
    if (offset == NO_BACKING)
        return (struct code_seen){0};
    return (struct code_seen){.host = physmap_host(c->physmap, offset),
                              .entry = {page.entry[0], page.entry[1]},
                              .value = {page.value[0], page.value[1]},
                              .top = c->walk.pdpte[gva >> 30]};
}

bool access_code_stands(const struct vcpu *c, uint32_t gva, const struct code_seen *s)
{
    if (!s->entry[0] || !s->entry[1] || (c->walk.pae && c->walk.pdpte[gva >> 30] != s->top))
        return false;
    uint64_t directory, leaf;
    if (c->walk.pae) {
        directory = load_le64(s->entry[0]);
        leaf = load_le64(s->entry[1]);
    } else {
        directory = load_le32(s->entry[0]);
        leaf = load_le32(s->entry[1]);
    }
    return directory == s->value[0] && leaf == s->value[1];
}

uint8_t access_fetch(struct vcpu *c, uint64_t gva)
{
    return (uint8_t)place_read(c, place_of(c, (uint32_t)gva, c->tlb_view, TLB_EXEC), 1);
}

bool linear_peek(struct vcpu *c, uint64_t gva, uint64_t *gpa)
{
    struct walk_mode look = c->walk;
    struct walk_page page;
    uint32_t error;
    look.memory_only = true; /* reading a device is not looking */
    if (!walk(c->physmap, &look, (uint32_t)gva, WALK_PEEK, &page, &error))
        return false;
    *gpa = page.gpa;
    return true;
}
