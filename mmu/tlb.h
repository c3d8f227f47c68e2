/* mmu/tlb.h: the soft TLB, a shadow map (gva -> machine) held in a table in memory.
 *
 * A lookup compares the page of the access's *last* byte with the tag found under its first byte's
 * page, so an access that crosses a page always misses. A hit gives the host address directly:
 *
 *      gva  |31           12|11     0|          host address = gva + entry.addend
 *           |  page         | offset |
 *              |  low bits index the table, the whole page is the tag
 *
 * There is one table for each (privilege view, kind of access), all of one size. They grow when
 * entries push out others between flushes as often as there are entries, and never shrink: a flush
 * costs what was filled, not the size. What was pushed out last waits among the victims, where the
 * slow path looks before it walks.
 *
 * What must not be accessed directly
 * (MMIO, pages to be marked dirty, pages with code) is never entered: those accesses miss and take
 * the slow path every time. TLB_NOTED spares that path the page walk: it holds pages with code that
 * may be written, by whoever tells the physmap of each write. TLB_BESIDE holds pages, with code or
 * not, that may be written without a word where no code lies (physmap_code_bits). TLB_DEVICE_READ
 * and TLB_DEVICE_WRITE are as TLB_NOTED for what is no memory: they hold guest physical addresses
 * in place of host ones. Global
 * pages (CR4.PGE) are kept on a CR3 write; a bitmap remembers which entries are of one. */
#ifndef UMBRA_MMU_TLB_H
#define UMBRA_MMU_TLB_H

#include "base/bits.h"

#define TLB_FIRST_BITS   10
#define TLB_MAX_BITS     14
#define TLB_ENTRIES      (1u << TLB_MAX_BITS) /* room in each table */
#define TLB_PAD          68 /* entries between tables: the host's caches put one page's apart */
#define TLB_VICTIMS      8u
#define TLB_WRITTEN_BITS 32768
#define TLB_NO_TAG       1u /* never equal to a page address */

enum tlb_kind {
    TLB_READ,
    TLB_WRITE,
    TLB_EXEC,
    TLB_NOTED,
    TLB_BESIDE,
    TLB_DEVICE_READ,
    TLB_DEVICE_WRITE,
    TLB_KINDS
};
enum tlb_view { TLB_SUPERVISOR, TLB_USER, TLB_VIEWS };

struct tlb_entry {
    uint32_t tag;      /* gva of the page, or TLB_NO_TAG */
    uint32_t negative; /* -(gva >> 12), or 1: what translated code adds the page number to */
    uint64_t addend;   /* host address - gva (as an integer) */
};

/* Which entries are filled is kept in a bitmap, so that a flush costs what was used since the last
 * one and not the size of the tables: guests that switch address spaces in a loop live on this. */
#define TLB_SLOTS  (TLB_VIEWS * TLB_KINDS * TLB_ENTRIES)
#define TLB_WORDS  (TLB_SLOTS / 64)
#define TLB_GROUPS (TLB_WORDS / 64)

#define TLB_FLUSHED       64         /* single pages flushed that are remembered */
#define TLB_FLUSHED_LARGE UINT32_MAX /* in place of one: more than that */

struct tlb_victim {
    uint64_t addend;
    uint8_t view, kind;
    bool global;
};

/* Counters of page-table walks for data. */
struct tlb_walks {
    uint64_t walks, faults; /* that found the page; that did not: the guest's page faults */
    uint64_t fresh;         /* of walks: A (or D) was clear, it is the guest's first access */
};

struct tlb {
    uint32_t mask;       /* bits of gva that number an entry; also what PEXT takes */
    uint32_t pushed_out; /* entries since the last flush */
    uint64_t used_groups[(TLB_GROUPS + 63) / 64]; /* bit per word of used_words: not zero */
    uint64_t used_words[TLB_GROUPS];              /* bit per word of used: not zero */
    uint64_t used[TLB_WORDS];                     /* bit per slot: filled */
    uint64_t global[TLB_WORDS];                   /* bit per slot: of a global page */
    uint64_t large[16]; /* bit per 4 MiB of gva: has pages of a large one */
    bool any_large;
    uint64_t written[TLB_WRITTEN_BITS / 64]; /* bit per hash of a host page: see tlb_protect */
    uint32_t victim_tag[TLB_VICTIMS];        /* TLB_NO_TAG: none */
    struct tlb_victim victim[TLB_VICTIMS];
    unsigned next_victim;
    bool any_victim;
    uint64_t recalled, grown; /* counters: victims that were asked for again; times it grew */
    uint64_t fills, flushes, page_flushes; /* counters for --stats */
    uint64_t all_flushes;                  /* of flushes: global pages, too */
    uint32_t flushed[TLB_FLUSHED]; /* pages (gva >> 12) flushed last: by page_flushes before it */
    struct tlb_walks walks[TLB_VIEWS];
    struct tlb_entry entry[TLB_VIEWS][TLB_KINDS][TLB_ENTRIES + TLB_PAD]; /* used up to mask */
};

/* From one table to the next. */
#define TLB_TABLE_BYTES (sizeof(((struct tlb *)0)->entry[0][0]))

/* Empty, counters at zero. */
void tlb_init(struct tlb *tlb);

static inline struct tlb_entry *tlb_slot(struct tlb *tlb, enum tlb_view view, enum tlb_kind kind,
                                         uint64_t gva)
{
    return &tlb->entry[view][kind][((uint32_t)gva & tlb->mask) >> 12];
}

/* The host address of size bytes at gva, or NULL on a miss. */
static inline uint8_t *tlb_lookup(struct tlb *tlb, enum tlb_view view, enum tlb_kind kind,
                                  uint64_t gva, unsigned size)
{
    const struct tlb_entry *e = tlb_slot(tlb, view, kind, gva);
    if (likely((((uint32_t)gva + size - 1) & ~UINT32_C(0xFFF)) == e->tag))
        return (uint8_t *)(uintptr_t)(gva + e->addend);
    return NULL;
}

/* Is the page of gva known, and global? */
static inline bool tlb_is_global(const struct tlb *tlb, enum tlb_view view, enum tlb_kind kind,
                                 uint64_t gva)
{
    unsigned index = ((uint32_t)gva & tlb->mask) >> 12;
    unsigned n = (view * TLB_KINDS + kind) * TLB_ENTRIES + index;
    return tlb->entry[view][kind][index].tag == (gva & ~UINT64_C(0xFFF)) &&
           (tlb->global[n / 64] & BIT(n % 64));
}

/* Enters the page of gva, which lies at host (the page's first byte). large: it is a piece of a
 * 2 or 4 MiB page, so a flush of any address of that page must find it. */
void tlb_fill(struct tlb *tlb, enum tlb_view view, enum tlb_kind kind, uint64_t gva, uint8_t *host,
              bool global, bool large);
/* Looks for what was pushed out lately, and puts it back: tlb_lookup for one byte then finds it. */
bool tlb_recall(struct tlb *tlb, enum tlb_view view, enum tlb_kind kind, uint64_t gva);
/* Enters the page of gva as another kind, too: it is entered as from. */
void tlb_fill_also(struct tlb *tlb, enum tlb_view view, enum tlb_kind kind, uint64_t gva,
                   enum tlb_kind from);
void tlb_flush_all(struct tlb *tlb);
void tlb_flush_non_global(struct tlb *tlb);         /* MOV CR3 with CR4.PGE set */
void tlb_flush_page(struct tlb *tlb, uint64_t gva); /* INVLPG: global ones too */
/* Empties the entries for writing to host memory [host, host + len), whole pages: such writes must
 * be noted from now on. No flush as the guest means it: translations stay known. */
void tlb_protect(struct tlb *tlb, const uint8_t *host, uint64_t len);

#endif
