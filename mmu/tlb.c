/* mmu/tlb.c: filling and flushing the soft TLB (tlb.h has its layout and the lookup).
 *
 * Invariant: an entry whose tag is not TLB_NO_TAG has its bit in used, and used_words tells which
 * words of used are not zero. A set bit may stand over an entry that tlb_flush_page emptied. */
#include "mmu/tlb.h"

#include <assert.h>

static unsigned slot_number(const struct tlb *tlb, unsigned view, unsigned kind, uint64_t gva)
{
    return (view * TLB_KINDS + kind) * TLB_ENTRIES + (((uint32_t)gva & tlb->mask) >> 12);
}

static struct tlb_entry *slot(struct tlb *tlb, unsigned n)
{
    unsigned table = n / TLB_ENTRIES;
    return &tlb->entry[table / TLB_KINDS][table % TLB_KINDS][n % TLB_ENTRIES];
}

static void empty(struct tlb_entry *e)
{
    e->tag = TLB_NO_TAG;
    e->negative = 1;
}

/* Entries that each table has now. */
static unsigned entries(const struct tlb *tlb)
{
    return (tlb->mask >> 12) + 1;
}

/* Entries [from, to) of each table come into use. */
static void open_entries(struct tlb *tlb, unsigned from, unsigned to)
{
    for (unsigned table = 0; table < TLB_VIEWS * TLB_KINDS; table++) {
        for (unsigned n = from; n < to; n++)
            empty(slot(tlb, table * TLB_ENTRIES + n));
    }
    tlb->mask = (to - 1) << 12;
}

static void forget_victims(struct tlb *tlb)
{
    for (unsigned n = 0; n < TLB_VICTIMS; n++)
        tlb->victim_tag[n] = TLB_NO_TAG;
    tlb->any_victim = false;
}

void tlb_init(struct tlb *tlb)
{
    memset(tlb, 0, offsetof(struct tlb, entry));
    open_entries(tlb, 0, 1u << TLB_FIRST_BITS);
    forget_victims(tlb);
}

/* --- Filled slots ----------------------------------------------------------------------------- */

static void mark_used(struct tlb *tlb, unsigned n)
{
    if (tlb->used[n / 64] & BIT(n % 64))
        return;
    tlb->used[n / 64] |= BIT(n % 64);
    tlb->used_words[n / 64 / 64] |= BIT(n / 64 % 64);
    tlb->used_groups[n / 64 / 64 / 64] |= BIT(n / 64 / 64 % 64);
}

/* Empties the slots of one word of used that are in which. */
static void drop_slots(struct tlb *tlb, unsigned word, uint64_t which)
{
    tlb->used[word] &= ~which;
    for (; which; which &= which - 1)
        empty(slot(tlb, word * 64 + (unsigned)__builtin_ctzll(which)));
}

/* Empties the filled slots but those that keep has a bit for (keep may be NULL). */
static void drop_all_but(struct tlb *tlb, const uint64_t *keep)
{
    for (unsigned top = 0; top < ARRAY_LEN(tlb->used_groups); top++) {
        for (uint64_t groups = tlb->used_groups[top]; groups; groups &= groups - 1) {
            unsigned group = top * 64 + (unsigned)__builtin_ctzll(groups);
            for (uint64_t words = tlb->used_words[group]; words; words &= words - 1) {
                unsigned word = group * 64 + (unsigned)__builtin_ctzll(words);
                drop_slots(tlb, word, tlb->used[word] & ~(keep ? keep[word] : 0));
                if (!tlb->used[word])
                    tlb->used_words[group] &= ~(words & -words);
            }
            if (!tlb->used_words[group])
                tlb->used_groups[top] &= ~(groups & -groups);
        }
    }
}

/* --- Pages that may be written ---------------------------------------------------------------- */

static bool is_for_writing(unsigned kind)
{
    return kind == TLB_WRITE || kind == TLB_BESIDE;
}

static unsigned written_bit(uint64_t host)
{
    return (unsigned)((host >> 12) * UINT64_C(0x9E3779B97F4A7C15) >> 32) % TLB_WRITTEN_BITS;
}

/* Some entry, or victim, leads to the page at host for writing. */
static inline void note_written(struct tlb *tlb, uint64_t host)
{
    unsigned bit = written_bit(host);
    tlb->written[bit / 64] |= BIT(bit % 64);
}

static bool may_be_written(const struct tlb *tlb, uint64_t host, uint64_t len)
{
    for (uint64_t page = host >> 12; page <= (host + len - 1) >> 12; page++) {
        unsigned bit = written_bit(page << 12);
        if (tlb->written[bit / 64] & BIT(bit % 64))
            return true;
    }
    return false;
}

/* --- Filling ---------------------------------------------------------------------------------- */

/* The tables have become too small for what the guest uses: no flush as the guest means it. */
static void grow(struct tlb *tlb)
{
    unsigned now = entries(tlb);
    tlb->pushed_out = 0;
    if (now == TLB_ENTRIES)
        return;
    drop_all_but(tlb, NULL);
    open_entries(tlb, now, 2 * now);
    tlb->grown++;
}

static inline void put(struct tlb *tlb, struct tlb_entry *e, unsigned n, uint32_t tag,
                       uint64_t addend, bool global)
{
    *e = (struct tlb_entry){tag, -(tag >> 12), addend};
    mark_used(tlb, n);
    if (is_for_writing(n / TLB_ENTRIES % TLB_KINDS))
        note_written(tlb, tag + addend);
    if (((tlb->global[n / 64] >> n % 64) & 1) != global)
        tlb->global[n / 64] ^= BIT(n % 64);
}

/* The entry of slot n makes room for another page's. */
static void push_out(struct tlb *tlb, unsigned n)
{
    unsigned table = n / TLB_ENTRIES;
    tlb->pushed_out++;
    if (table % TLB_KINDS > TLB_EXEC)
        return;
    const struct tlb_entry *e = slot(tlb, n);
    unsigned v = tlb->next_victim++ % TLB_VICTIMS;
    tlb->victim_tag[v] = e->tag;
    tlb->victim[v] = (struct tlb_victim){.addend = e->addend,
                                         .view = (uint8_t)(table / TLB_KINDS),
                                         .kind = (uint8_t)(table % TLB_KINDS),
                                         .global = tlb->global[n / 64] & BIT(n % 64)};
    tlb->any_victim = true;
}

/* Which victim holds the page for this view and kind; TLB_VICTIMS: none. */
static unsigned victim_of(const struct tlb *tlb, enum tlb_view view, enum tlb_kind kind,
                          uint64_t gva)
{
    uint32_t tag = (uint32_t)gva & 0xFFFFF000;
    for (unsigned v = 0; tlb->any_victim && v < TLB_VICTIMS; v++) {
        if (tlb->victim_tag[v] == tag && tlb->victim[v].view == view && tlb->victim[v].kind == kind)
            return v;
    }
    return TLB_VICTIMS;
}

void tlb_fill(struct tlb *tlb, enum tlb_view view, enum tlb_kind kind, uint64_t gva, uint8_t *host,
              bool global, bool large)
{
    if (tlb->pushed_out > entries(tlb))
        grow(tlb);
    unsigned n = slot_number(tlb, view, kind, gva);
    struct tlb_entry *e = tlb_slot(tlb, view, kind, gva);
    uint64_t page = gva & ~UINT64_C(0xFFF);
    if (e->tag != TLB_NO_TAG && e->tag != (uint32_t)page)
        push_out(tlb, n);
    if (tlb->any_victim) {
        unsigned older = victim_of(tlb, view, kind, gva);
        if (older < TLB_VICTIMS)
            tlb->victim_tag[older] = TLB_NO_TAG;
    }
    put(tlb, e, n, (uint32_t)page, (uint64_t)(uintptr_t)host - page, global);
    if (large) {
        tlb->large[(uint32_t)gva >> 28] |= BIT((gva >> 22) & 63);
        tlb->any_large = true;
    }
    tlb->fills++;
}

bool tlb_recall(struct tlb *tlb, enum tlb_view view, enum tlb_kind kind, uint64_t gva)
{
    unsigned v = victim_of(tlb, view, kind, gva);
    if (v == TLB_VICTIMS)
        return false;
    struct tlb_victim found = tlb->victim[v];
    uint32_t tag = tlb->victim_tag[v];
    tlb->victim_tag[v] = TLB_NO_TAG;
    unsigned n = slot_number(tlb, view, kind, gva);
    if (slot(tlb, n)->tag != TLB_NO_TAG)
        push_out(tlb, n);
    put(tlb, slot(tlb, n), n, tag, found.addend, found.global);
    tlb->recalled++;
    return true;
}

void tlb_fill_also(struct tlb *tlb, enum tlb_view view, enum tlb_kind kind, uint64_t gva,
                   enum tlb_kind from)
{
    unsigned n = slot_number(tlb, view, from, gva);
    uint64_t page = gva & ~UINT64_C(0xFFF);
    uint8_t *host = (uint8_t *)(uintptr_t)(page + slot(tlb, n)->addend);
    tlb_fill(tlb, view, kind, gva, host, tlb->global[n / 64] >> n % 64 & 1, false);
}

/* --- Flushing --------------------------------------------------------------------------------- */

void tlb_flush_all(struct tlb *tlb)
{
    tlb->flushes++;
    tlb->all_flushes++;
    tlb->pushed_out = 0;
    drop_all_but(tlb, NULL);
    if (tlb->any_victim)
        forget_victims(tlb);
    if (tlb->any_large)
        memset(tlb->large, 0, sizeof tlb->large);
    tlb->any_large = false;
}

void tlb_flush_non_global(struct tlb *tlb)
{
    tlb->flushes++;
    tlb->pushed_out = 0;
    drop_all_but(tlb, tlb->global);
    bool any = false;
    for (unsigned v = 0; tlb->any_victim && v < TLB_VICTIMS; v++) {
        if (tlb->victim[v].global)
            any |= tlb->victim_tag[v] != TLB_NO_TAG;
        else
            tlb->victim_tag[v] = TLB_NO_TAG;
    }
    tlb->any_victim = any;
}

/* Empties the victims whose page has, in the bits of mask, those of gva. */
static void flush_victims(struct tlb *tlb, uint64_t gva, uint32_t mask)
{
    for (unsigned v = 0; tlb->any_victim && v < TLB_VICTIMS; v++) {
        if (!((tlb->victim_tag[v] ^ (uint32_t)gva) & mask))
            tlb->victim_tag[v] = TLB_NO_TAG;
    }
}

/* Empties every entry within the 4 MiB around gva: a large page is entered piece by piece. The
 * pieces stand side by side in each table, however large it is. */
static void flush_large(struct tlb *tlb, uint64_t gva)
{
    flush_victims(tlb, gva, 0xFFC00000);
    unsigned pieces = 1u << TLB_FIRST_BITS;
    unsigned first = ((uint32_t)gva & tlb->mask) >> 12 & ~(pieces - 1);
    for (unsigned table = 0; table < TLB_VIEWS * TLB_KINDS; table++) {
        unsigned word = (table * TLB_ENTRIES + first) / 64, end = word + pieces / 64;
        for (; word < end; word++) {
            uint64_t which = 0;
            for (uint64_t used = tlb->used[word]; used; used &= used - 1) {
                unsigned n = word * 64 + (unsigned)__builtin_ctzll(used);
                if (slot(tlb, n)->tag >> 22 == gva >> 22)
                    which |= used & -used;
            }
            drop_slots(tlb, word, which);
        }
    }
    tlb->large[(uint32_t)gva >> 28] &= ~BIT((gva >> 22) & 63); /* none is left */
}

static_assert(1u << TLB_FIRST_BITS == (4u << 20) / 4096, "4 MiB are the smallest table");

void tlb_flush_page(struct tlb *tlb, uint64_t gva)
{
    uint32_t *noted = &tlb->flushed[tlb->page_flushes++ % TLB_FLUSHED];
    *noted = (uint32_t)gva >> 12;
    if (tlb->any_large && (tlb->large[(uint32_t)gva >> 28] & BIT((gva >> 22) & 63))) {
        *noted = TLB_FLUSHED_LARGE;
        flush_large(tlb, gva);
        return;
    }
    flush_victims(tlb, gva, 0xFFFFF000);
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        for (unsigned kind = 0; kind < TLB_KINDS; kind++) {
            struct tlb_entry *e = tlb_slot(tlb, view, kind, gva);
            if (e->tag == (gva & ~UINT64_C(0xFFF)))
                empty(e);
        }
    }
}

static void protect(struct tlb *tlb, unsigned first, const uint8_t *host, uint64_t len)
{
    for (unsigned word = first / 64; word < (first + entries(tlb)) / 64; word++) {
        uint64_t which = 0;
        for (uint64_t used = tlb->used[word]; used; used &= used - 1) {
            const struct tlb_entry *e = slot(tlb, word * 64 + (unsigned)__builtin_ctzll(used));
            if (e->tag + e->addend - (uintptr_t)host < len)
                which |= used & -used;
            else
                note_written(tlb, e->tag + e->addend);
        }
        drop_slots(tlb, word, which);
    }
}

/* Most pages that come to hold code are written by nobody now. That shows in `written`, which may
 * have bits of entries that went, too: what looks at all entries anyway makes it anew. */
void tlb_protect(struct tlb *tlb, const uint8_t *host, uint64_t len)
{
    if (!len || !may_be_written(tlb, (uintptr_t)host, len))
        return;
    memset(tlb->written, 0, sizeof tlb->written);
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        protect(tlb, slot_number(tlb, view, TLB_WRITE, 0), host, len);
        protect(tlb, slot_number(tlb, view, TLB_BESIDE, 0), host, len);
    }
    for (unsigned v = 0; tlb->any_victim && v < TLB_VICTIMS; v++) {
        if (tlb->victim[v].kind != TLB_WRITE || tlb->victim_tag[v] == TLB_NO_TAG)
            continue;
        uint64_t at = tlb->victim_tag[v] + tlb->victim[v].addend;
        if (at - (uintptr_t)host < len)
            tlb->victim_tag[v] = TLB_NO_TAG;
        else
            note_written(tlb, at);
    }
}
