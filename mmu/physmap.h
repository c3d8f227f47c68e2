/* mmu/physmap.h: gpa -> machine. The physical map of one partition.
 *
 * Machine memory is one memfd per partition: the guest's RAM first, then ROM images, then memory
 * that devices own (video RAM). The map is a sorted list of extents that never overlap:
 *
 *     gpa   0        A0000   C0000  E0000  100000        ram size              FEC00000   4 GiB
 *           | RAM    | MMIO  | ROM  | ROM  | RAM  ...    | hole ... VRAM ...   | MMIO ... ROM |
 *
 * A hole reads as all ones and ignores writes, as an ISA/PCI bus does with no device answering.
 * Page state (dirty, holds translated code) belongs to the *machine* page, so that all aliases of
 * a page share it. Blocks of code are keyed by machine offset for the same reason: a remap (PAM,
 * BAR, A20) makes nobody's blocks stale.
 *
 * Single-threaded: only the thread that runs the partition calls in here. Only mmu, cpu, translator
 * and partition may include this file; a device that does fails the layering test. */
#ifndef UMBRA_MMU_PHYSMAP_H
#define UMBRA_MMU_PHYSMAP_H

#include <assert.h>

#include "base/bits.h"
#include "base/log.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  UINT64_C(4096)
#define PAGE_MASK  (PAGE_SIZE - 1)
#define NO_BACKING UINT64_MAX
#define GPA_BITS   36 /* physical address width of the widest CPU model (PAE) */

enum region_kind {
    REGION_HOLE, /* nothing there */
    REGION_RAM,  /* reads and writes machine memory; the only kind that DMA reaches */
    REGION_ROM,  /* reads machine memory; writes are dropped, or go elsewhere (write_offset) */
    REGION_VRAM, /* reads and writes memory that a device owns; DMA is denied */
    REGION_MMIO, /* calls the device */
};

/* size is 1, 2, 4 or 8; offset + size lies within the region; the access is not split further.
 * offset counts from the base that the window was mapped at. */
struct mmio_ops {
    uint64_t (*read)(void *ctx, uint64_t offset, unsigned size);
    void (*write)(void *ctx, uint64_t offset, uint64_t value, unsigned size);
};

/* A part of an MMIO region that is reached without its ops: the device's own functions, which move
 * bytes to and from its memory and do no more. They ask for no time, change no map, raise no
 * interrupt, log nothing; so whoever accesses memory may call them with less ceremony. size is 1, 2
 * or 4, at any offset; the access lies within a page. */
struct mmio_quick {
    uint64_t base, size; /* gpa; size 0: there is none now */
    void *ctx;
    uint32_t (*read)(void *ctx, uint32_t offset, unsigned size);
    void (*write)(void *ctx, uint32_t offset, uint32_t value, unsigned size);
    uint64_t *reads, *writes; /* counters */
};

struct region {
    uint64_t base, size; /* gpa, bytes; whole pages */
    enum region_kind kind;
    uint64_t offset;       /* machine offset read from; NO_BACKING for MMIO and holes */
    uint64_t write_offset; /* ROM: machine offset that writes go to, or NO_BACKING */
    uint64_t mmio_offset;  /* MMIO: of the region's first byte in the window that was mapped */
    const struct mmio_ops *ops;
    void *ctx;
};

/* Whoever caches what the map says (TLBs, block caches) listens. Any callback may be NULL. */
struct physmap_listener {
    void *ctx;
    /* The map itself changed: drop every cached host pointer. */
    void (*map_changed)(void *ctx);
    /* Those who know by machine page what they cached are told by it, just before the change: these
     * pages go from where they are in the map. Who listens here is told of map_changed only for
     * the A20 gate. */
    void (*pages_moved)(void *ctx, uint64_t offset, uint64_t len);
    /* Writes to some of these machine pages (whole pages) must be noted from now on: drop cached
     * host pointers for writing to them, or ask page_state_writable again. */
    void (*pages_changed)(void *ctx, uint64_t offset, uint64_t len);
    /* Bytes in pages that hold translated code were, or are about to be, overwritten. */
    void (*code_written)(void *ctx, uint64_t offset, uint64_t len);
    /* Bytes in a traced page table were overwritten; they lie within one page. */
    void (*table_written)(void *ctx, uint64_t offset, uint64_t len);
    struct physmap_listener *next; /* owned by the physmap once added */
};

struct physmap;

/* What a struct physmap begins with, for the inline functions below and nobody else. */
struct physmap_head {
    uint8_t *memory; /* machine memory */
    uint64_t memory_size;
    uint8_t *page_state; /* one byte per machine page */
    /* The largest region of RAM; size 0: none, or the A20 gate is closed. */
    uint64_t base, size, offset;
};

static inline const struct physmap_head *physmap_head(const struct physmap *pm)
{
    return (const struct physmap_head *)(const void *)pm;
}

/* A map with ram_size bytes of RAM at machine offset 0, mapped nowhere yet, and room for extra
 * bytes of ROM and device memory. Sizes are rounded up to whole pages. NULL when the host cannot
 * give the memory (it is reserved lazily: touched pages cost, others do not). */
struct physmap *physmap_create(uint64_t ram_size, uint64_t extra, struct log *log);
void physmap_destroy(struct physmap *pm);

uint64_t physmap_ram_size(const struct physmap *pm);
/* Bytes of machine memory in use: RAM and all that physmap_alloc gave out since. */
uint64_t physmap_machine_size(const struct physmap *pm);
/* Bytes of machine memory that there can be: no machine offset is as large. */
uint64_t physmap_memory_size(const struct physmap *pm);
int physmap_fd(const struct physmap *pm);

/* Takes size bytes of the extra machine memory; returns its offset, or NO_BACKING when used up. */
uint64_t physmap_alloc(struct physmap *pm, uint64_t size);

/* The host address of machine offset. For trusted parts and for the owner of the memory. */
static inline uint8_t *physmap_host(const struct physmap *pm, uint64_t offset)
{
    assert(offset < physmap_head(pm)->memory_size);
    return physmap_head(pm)->memory + offset;
}

/* Put a region at [base, base + size), replacing what was there; whole pages. */
void physmap_map_ram(struct physmap *pm, uint64_t base, uint64_t size, uint64_t offset);
void physmap_map_rom(struct physmap *pm, uint64_t base, uint64_t size, uint64_t offset,
                     uint64_t write_offset);
void physmap_map_vram(struct physmap *pm, uint64_t base, uint64_t size, uint64_t offset);
void physmap_map_mmio(struct physmap *pm, uint64_t base, uint64_t size, const struct mmio_ops *ops,
                      void *ctx);
void physmap_unmap(struct physmap *pm, uint64_t base, uint64_t size);

/* The one range that is quick, if any; always the same address. Whoever fills it in keeps it within
 * an MMIO region, and takes it away before that goes. */
struct mmio_quick *physmap_quick(struct physmap *pm);

/* The A20 gate: off clears address bit 20 of every CPU access (IBM PC AT Technical Reference). */
void physmap_set_a20(struct physmap *pm, bool on);
bool physmap_a20(const struct physmap *pm);

/* Applies the A20 gate to a CPU's address. */
uint64_t physmap_gate(const struct physmap *pm, uint64_t gpa);

/* The region that holds gpa (after the A20 gate). Always returns one: a hole is a region too,
 * valid until the next call into the physmap. */
const struct region *physmap_find(struct physmap *pm, uint64_t gpa);

/* The same without the gate: for those who ask where things lie, not for what a CPU sees. */
const struct region *physmap_find_ungated(struct physmap *pm, uint64_t gpa);

/* The machine offset that a CPU reads at gpa, in r: what physmap_find says of it. NO_BACKING where
 * there is no memory. */
uint64_t physmap_machine(const struct physmap *pm, const struct region *r, uint64_t gpa);

/* The same for RAM, most of it, without asking the map; NO_BACKING: the map knows. */
static inline uint64_t physmap_plain(const struct physmap *pm, uint64_t gpa)
{
    const struct physmap_head *h = physmap_head(pm);
    return likely(gpa - h->base < h->size) ? gpa - h->base + h->offset : NO_BACKING;
}

void physmap_listen(struct physmap *pm, struct physmap_listener *listener);

static inline uint32_t quick_read(const struct mmio_quick *q, uint64_t gpa, unsigned size)
{
    ++*q->reads;
    return q->read(q->ctx, (uint32_t)(gpa - q->base), size) & UINT32_MAX >> (32 - 8 * size);
}

static inline void quick_write(const struct mmio_quick *q, uint64_t gpa, uint32_t value,
                               unsigned size)
{
    ++*q->writes;
    q->write(q->ctx, (uint32_t)(gpa - q->base), value, size);
}

/* --- Page state, by machine offset ------------------------------------------------------- */

enum page_state {
    PAGE_DIRTY_DISPLAY = 1, /* written since the display last looked */
    PAGE_DIRTY_SNAPSHOT = 2,
    PAGE_HAS_CODE = 4, /* translated: writes must go through physmap_wrote */
    PAGE_TRACED = 8,   /* a page table that a shadow map follows: the same */
};
#define PAGE_DIRTY (PAGE_DIRTY_DISPLAY | PAGE_DIRTY_SNAPSHOT)
#define PAGE_NOTED (PAGE_HAS_CODE | PAGE_TRACED)

static inline uint8_t physmap_page_state(const struct physmap *pm, uint64_t offset)
{
    return physmap_head(pm)->page_state[offset >> PAGE_SHIFT];
}

/* May a TLB hold a host pointer for writing to this page? Only when it is dirty already (nothing
 * to note) and each single write need not be known. */
static inline bool page_state_writable(uint8_t state)
{
    return (state & (PAGE_DIRTY | PAGE_NOTED)) == PAGE_DIRTY;
}

/* The same for who writes none of the bytes that are code (TLB_BESIDE). */
static inline bool page_state_writable_beside(uint8_t state)
{
    return (state & (PAGE_DIRTY | PAGE_TRACED)) == PAGE_DIRTY;
}

/* Marks the page as holding code: from now on physmap_wrote reports writes to it. */
void physmap_code_mark(struct physmap *pm, uint64_t offset);
void physmap_code_unmark(struct physmap *pm, uint64_t offset);

/* A bit for each byte of machine memory, lowest first: it belongs to code that someone translated.
 * Theirs to keep, in pages that they marked; all zero elsewhere. 8 readable bytes follow. */
uint64_t *physmap_code_bits(const struct physmap *pm);

/* The page is a table that a shadow map follows, or no more: physmap_wrote reports writes to it. */
void physmap_table_mark(struct physmap *pm, uint64_t offset);
void physmap_table_unmark(struct physmap *pm, uint64_t offset);

/* Call after writing [offset, offset + len) through a host pointer on a slow path: sets the dirty
 * bits and tells the block caches and shadow maps. (Just before writing does for pages that are
 * not PAGE_NOTED.) */
void physmap_wrote(struct physmap *pm, uint64_t offset, uint64_t len);

/* Writes len bytes at offset, and says so. Much at once into memory that was never written goes by
 * the host's kernel, which then need not give each page by a fault of its own, and cleared. */
void physmap_store(struct physmap *pm, uint64_t offset, const void *buf, size_t len);

/* Clears which (a set of PAGE_DIRTY bits) in the pages of [offset, offset + len) and sets bit i of
 * bitmap (may be NULL) when page i had it. Returns true if any had. */
bool physmap_take_dirty(struct physmap *pm, uint64_t offset, uint64_t len, uint8_t which,
                        uint8_t *bitmap);

/* --- Access on slow paths ---------------------------------------------------------------- */

/* One CPU access that stays within a page; gpa as the page tables gave it (the gate is applied
 * here). Reaches devices. size 1, 2, 4 or 8. */
uint64_t physmap_read(struct physmap *pm, uint64_t gpa, unsigned size);
void physmap_write(struct physmap *pm, uint64_t gpa, uint64_t value, unsigned size);

/* For debuggers and loaders: no side effect on devices (MMIO and holes read as FFh), ROM can be
 * written. Returns the bytes that lay in memory. */
size_t physmap_peek(struct physmap *pm, uint64_t gpa, void *buf, size_t len);
size_t physmap_poke(struct physmap *pm, uint64_t gpa, const void *buf, size_t len);

/* The extents in ascending order, for the debugger and the docs; index from 0, NULL at the end. */
const struct region *physmap_region(const struct physmap *pm, size_t index);

#endif
