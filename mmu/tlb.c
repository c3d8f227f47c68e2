/* mmu/tlb.c: filling and flushing the soft TLB (tlb.h has its layout and the lookup).
 *
 * Invariant: an entry whose tag is not TLB_NO_TAG has its bit in used, and used_words tells which
 * words of used are not zero. A set bit may stand over an entry that tlb_flush_page emptied. */
#include "mmu/tlb.h"

static unsigned slot_number(enum tlb_view view, enum tlb_kind kind, uint64_t gva)
{
    return (view * TLB_KINDS + kind) * TLB_ENTRIES + ((gva >> 12) & (TLB_ENTRIES - 1));
}

static struct tlb_entry *slot(struct tlb *tlb, unsigned n)
{
    return &tlb->entry[0][0][0] + n;
}

static void empty(struct tlb_entry *e)
{
    e->tag = TLB_NO_TAG;
    e->negative = 1;
}

void tlb_init(struct tlb *tlb)
{
    memset(tlb, 0, sizeof *tlb);
    for (unsigned n = 0; n < TLB_SLOTS; n++)
        empty(slot(tlb, n));
}

void tlb_fill(struct tlb *tlb, enum tlb_view view, enum tlb_kind kind, uint64_t gva, uint8_t *host,
              bool global, bool large)
{
    unsigned n = slot_number(view, kind, gva);
    uint64_t page = gva & ~UINT64_C(0xFFF), bit = BIT(n % 64);
    *slot(tlb, n) = (struct tlb_entry){(uint32_t)page, -(uint32_t)(page >> 12),
                                       (uint64_t)(uintptr_t)host - page};
    tlb->used[n / 64] |= bit;
    tlb->used_words[n / 64 / 64] |= BIT(n / 64 % 64);
    if (global)
        tlb->global[n / 64] |= bit;
    else
        tlb->global[n / 64] &= ~bit;
    if (large) {
        tlb->large[(uint32_t)gva >> 28] |= BIT((gva >> 22) & 63);
        tlb->any_large = true;
    }
    tlb->fills++;
}

/* Empties the slots of one word of used that are in which. */
static void drop_slots(struct tlb *tlb, unsigned word, uint64_t which)
{
    tlb->used[word] &= ~which;
    for (; which; which &= which - 1)
        empty(slot(tlb, word * 64 + (unsigned)__builtin_ctzll(which)));
}

void tlb_flush_all(struct tlb *tlb)
{
    tlb->flushes++;
    tlb->all_flushes++;
    for (unsigned group = 0; group < ARRAY_LEN(tlb->used_words); group++) {
        for (uint64_t words = tlb->used_words[group]; words; words &= words - 1) {
            unsigned word = group * 64 + (unsigned)__builtin_ctzll(words);
            drop_slots(tlb, word, tlb->used[word]);
        }
        tlb->used_words[group] = 0;
    }
    if (tlb->any_large)
        memset(tlb->large, 0, sizeof tlb->large);
    tlb->any_large = false;
}

void tlb_flush_non_global(struct tlb *tlb)
{
    tlb->flushes++;
    for (unsigned group = 0; group < ARRAY_LEN(tlb->used_words); group++) {
        for (uint64_t words = tlb->used_words[group]; words; words &= words - 1) {
            unsigned word = group * 64 + (unsigned)__builtin_ctzll(words);
            drop_slots(tlb, word, tlb->used[word] & ~tlb->global[word]);
            if (!tlb->used[word])
                tlb->used_words[group] &= ~(words & -words);
        }
    }
}

/* Empties every entry within the 4 MiB around gva: a large page is entered piece by piece. */
static void flush_large(struct tlb *tlb, uint64_t gva)
{
    for (unsigned word = 0; word < TLB_WORDS; word++) {
        uint64_t which = 0;
        for (uint64_t used = tlb->used[word]; used; used &= used - 1) {
            unsigned n = word * 64 + (unsigned)__builtin_ctzll(used);
            if (slot(tlb, n)->tag >> 22 == gva >> 22)
                which |= used & -used;
        }
        drop_slots(tlb, word, which);
    }
}

void tlb_flush_page(struct tlb *tlb, uint64_t gva)
{
    uint32_t *noted = &tlb->flushed[tlb->page_flushes++ % TLB_FLUSHED];
    *noted = (uint32_t)gva >> 12;
    if (tlb->any_large && (tlb->large[(uint32_t)gva >> 28] & BIT((gva >> 22) & 63))) {
        *noted = TLB_FLUSHED_LARGE;
        flush_large(tlb, gva);
        return;
    }
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        for (unsigned kind = 0; kind < TLB_KINDS; kind++) {
            struct tlb_entry *e = tlb_slot(tlb, view, kind, gva);
            if (e->tag == (gva & ~UINT64_C(0xFFF)))
                empty(e);
        }
    }
}

void tlb_protect(struct tlb *tlb, const uint8_t *host, uint64_t len)
{
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        unsigned first = slot_number(view, TLB_WRITE, 0) / 64;
        for (unsigned word = first; word < first + TLB_ENTRIES / 64; word++) {
            uint64_t which = 0;
            for (uint64_t used = tlb->used[word]; used; used &= used - 1) {
                const struct tlb_entry *e = slot(tlb, word * 64 + (unsigned)__builtin_ctzll(used));
                if (e->tag + e->addend - (uintptr_t)host < len)
                    which |= used & -used;
            }
            drop_slots(tlb, word, which);
        }
    }
}
