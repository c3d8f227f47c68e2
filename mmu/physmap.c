#include "mmu/physmap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Far more than a board has windows; mapping beyond it is a host bug, not a guest's choice: the
 * board maps a fixed set of ranges, each at one place at a time. */
#define MAX_REGIONS 256

#define STORE_FRESH 16384 /* bytes that the host's kernel is asked to store */

struct physmap {
    struct physmap_head head; /* first: physmap_head */
    struct log *log;
    int fd;
    uint64_t ram_size;
    uint64_t alloc_next;
    uint64_t *code_bits; /* one bit per machine byte; touched where code is only */
    bool a20;
    struct region regions[MAX_REGIONS]; /* sorted by base, no overlap */
    size_t region_count;
    size_t hint; /* index of the region found last */
    struct mmio_quick quick;
    struct region hole; /* what physmap_find returns between regions */
    struct physmap_listener *listeners;
};

static size_t code_bits_size(const struct physmap *pm)
{
    return pm->head.memory_size / 8 + PAGE_SIZE; /* who reads 8 bytes at the last byte's bit may */
}

struct physmap *physmap_create(uint64_t ram_size, uint64_t extra, struct log *log)
{
    struct physmap *pm = calloc(1, sizeof *pm);
    if (!pm)
        return NULL;
    pm->log = log;
    pm->ram_size = align_up(ram_size, PAGE_SIZE);
    pm->head.memory_size = pm->ram_size + align_up(extra, PAGE_SIZE);
    pm->alloc_next = pm->ram_size;
    pm->a20 = true;
    pm->head.memory = MAP_FAILED;
    pm->head.page_state = calloc(pm->head.memory_size >> PAGE_SHIFT, 1);
    pm->fd = memfd_create("umbra-machine-memory", MFD_CLOEXEC);
    if (!pm->head.page_state || pm->fd < 0 || ftruncate(pm->fd, (off_t)pm->head.memory_size) < 0)
        goto fail;
    pm->head.memory = mmap(NULL, pm->head.memory_size, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_NORESERVE, pm->fd, 0);
    void *bits = mmap(NULL, code_bits_size(pm), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pm->head.memory == MAP_FAILED || bits == MAP_FAILED)
        goto fail;
    madvise(bits, code_bits_size(pm), MADV_NOHUGEPAGE); /* code is sparse */
    pm->code_bits = bits;
    return pm;
fail:
    physmap_destroy(pm);
    return NULL;
}

void physmap_destroy(struct physmap *pm)
{
    if (!pm)
        return;
    while (pm->listeners) {
        struct physmap_listener *next = pm->listeners->next;
        free(pm->listeners);
        pm->listeners = next;
    }
    if (pm->head.memory != MAP_FAILED)
        munmap(pm->head.memory, pm->head.memory_size);
    if (pm->code_bits)
        munmap(pm->code_bits, code_bits_size(pm));
    if (pm->fd >= 0)
        close(pm->fd);
    free(pm->head.page_state);
    free(pm);
}

uint64_t physmap_ram_size(const struct physmap *pm)
{
    return pm->ram_size;
}

uint64_t physmap_machine_size(const struct physmap *pm)
{
    return pm->alloc_next;
}

uint64_t physmap_memory_size(const struct physmap *pm)
{
    return pm->head.memory_size;
}

int physmap_fd(const struct physmap *pm)
{
    return pm->fd;
}

uint64_t physmap_alloc(struct physmap *pm, uint64_t size)
{
    size = align_up(size, PAGE_SIZE);
    if (size > pm->head.memory_size - pm->alloc_next)
        return NO_BACKING;
    uint64_t offset = pm->alloc_next;
    pm->alloc_next += size;
    return offset;
}

static void find_largest(struct physmap *pm)
{
    pm->head.size = 0;
    for (size_t n = 0; n < pm->region_count && pm->a20; n++) {
        const struct region *r = &pm->regions[n];
        if (r->kind != REGION_RAM || r->size <= pm->head.size)
            continue;
        pm->head.base = r->base;
        pm->head.size = r->size;
        pm->head.offset = r->offset;
    }
}

static void tell_map_changed(struct physmap *pm, bool gate)
{
    find_largest(pm);
    for (struct physmap_listener *l = pm->listeners; l; l = l->next) {
        if (l->map_changed && (gate || !l->pages_moved))
            l->map_changed(l->ctx);
    }
}

/* What lies in [base, end) is about to go. */
static void tell_pages_moved(struct physmap *pm, uint64_t base, uint64_t end)
{
    for (size_t i = 0; i < pm->region_count && pm->regions[i].base < end; i++) {
        const struct region *r = &pm->regions[i];
        uint64_t from = r->base > base ? r->base : base;
        uint64_t to = r->base + r->size < end ? r->base + r->size : end;
        if (r->offset == NO_BACKING || from >= to)
            continue;
        for (struct physmap_listener *l = pm->listeners; l; l = l->next) {
            if (l->pages_moved)
                l->pages_moved(l->ctx, r->offset + (from - r->base), to - from);
        }
    }
}

static void tell_pages_changed(struct physmap *pm, uint64_t first, uint64_t last)
{
    for (struct physmap_listener *l = pm->listeners; l; l = l->next) {
        if (l->pages_changed)
            l->pages_changed(l->ctx, first << PAGE_SHIFT, (last - first + 1) << PAGE_SHIFT);
    }
}

static void region_insert(struct physmap *pm, size_t at, struct region region)
{
    assert(pm->region_count < MAX_REGIONS);
    memmove(&pm->regions[at + 1], &pm->regions[at],
            (pm->region_count - at) * sizeof pm->regions[0]);
    pm->regions[at] = region;
    pm->region_count++;
}

static void region_remove(struct physmap *pm, size_t at)
{
    pm->region_count--;
    memmove(&pm->regions[at], &pm->regions[at + 1],
            (pm->region_count - at) * sizeof pm->regions[0]);
}

/* The part of r from gpa from on. */
static struct region region_tail(struct region r, uint64_t from)
{
    uint64_t cut = from - r.base;
    r.base += cut;
    r.size -= cut;
    if (r.offset != NO_BACKING)
        r.offset += cut;
    if (r.write_offset != NO_BACKING)
        r.write_offset += cut;
    r.mmio_offset += cut;
    return r;
}

/* Frees [base, end). What sticks out of it on either side stays, with its offsets: a device is told
 * how far into its own window an access lies, whatever covers the window's beginning. */
static void carve(struct physmap *pm, uint64_t base, uint64_t end)
{
    for (size_t i = 0; i < pm->region_count; i++) {
        struct region *r = &pm->regions[i];
        uint64_t r_end = r->base + r->size;
        if (r_end <= base)
            continue;
        if (r->base >= end)
            break;
        if (r->base >= base && r_end <= end) {
            region_remove(pm, i--);
        } else if (r->base >= base) {
            *r = region_tail(*r, end);
        } else if (r_end <= end) {
            r->size = base - r->base;
        } else {
            struct region tail = region_tail(*r, end);
            r->size = base - r->base;
            region_insert(pm, i + 1, tail);
        }
    }
    pm->hint = 0;
}

static void map_region(struct physmap *pm, struct region region)
{
    assert(!(region.base & PAGE_MASK) && !(region.size & PAGE_MASK) && region.size);
    tell_pages_moved(pm, region.base, region.base + region.size);
    carve(pm, region.base, region.base + region.size);
    size_t at = 0;
    while (at < pm->region_count && pm->regions[at].base < region.base)
        at++;
    region_insert(pm, at, region);
    tell_map_changed(pm, false);
}

void physmap_map_ram(struct physmap *pm, uint64_t base, uint64_t size, uint64_t offset)
{
    assert(offset + size <= pm->ram_size);
    map_region(pm, (struct region){.base = base,
                                   .size = size,
                                   .kind = REGION_RAM,
                                   .offset = offset,
                                   .write_offset = offset});
}

void physmap_map_rom(struct physmap *pm, uint64_t base, uint64_t size, uint64_t offset,
                     uint64_t write_offset)
{
    assert(offset + size <= pm->head.memory_size);
    map_region(pm, (struct region){.base = base,
                                   .size = size,
                                   .kind = REGION_ROM,
                                   .offset = offset,
                                   .write_offset = write_offset});
}

void physmap_map_vram(struct physmap *pm, uint64_t base, uint64_t size, uint64_t offset)
{
    assert(offset >= pm->ram_size && offset + size <= pm->head.memory_size);
    map_region(pm, (struct region){.base = base,
                                   .size = size,
                                   .kind = REGION_VRAM,
                                   .offset = offset,
                                   .write_offset = offset});
}

void physmap_map_mmio(struct physmap *pm, uint64_t base, uint64_t size, const struct mmio_ops *ops,
                      void *ctx)
{
    map_region(pm, (struct region){.base = base,
                                   .size = size,
                                   .kind = REGION_MMIO,
                                   .offset = NO_BACKING,
                                   .write_offset = NO_BACKING,
                                   .ops = ops,
                                   .ctx = ctx});
}

struct mmio_quick *physmap_quick(struct physmap *pm)
{
    return &pm->quick;
}

void physmap_unmap(struct physmap *pm, uint64_t base, uint64_t size)
{
    tell_pages_moved(pm, base, base + size);
    carve(pm, base, base + size);
    tell_map_changed(pm, false);
}

void physmap_set_a20(struct physmap *pm, bool on)
{
    if (pm->a20 == on)
        return;
    pm->a20 = on;
    tell_map_changed(pm, true);
}

bool physmap_a20(const struct physmap *pm)
{
    return pm->a20;
}

uint64_t physmap_gate(const struct physmap *pm, uint64_t gpa)
{
    return pm->a20 ? gpa : gpa & ~BIT(20);
}

const struct region *physmap_find(struct physmap *pm, uint64_t gpa)
{
    return physmap_find_ungated(pm, physmap_gate(pm, gpa));
}

const struct region *physmap_find_ungated(struct physmap *pm, uint64_t gpa)
{
    if (pm->hint < pm->region_count) {
        const struct region *r = &pm->regions[pm->hint];
        if (gpa - r->base < r->size)
            return r;
    }
    size_t lo = 0, hi = pm->region_count; /* first region whose base lies above gpa */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (pm->regions[mid].base <= gpa)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo > 0 && gpa - pm->regions[lo - 1].base < pm->regions[lo - 1].size) {
        pm->hint = lo - 1;
        return &pm->regions[lo - 1];
    }
    uint64_t base = lo ? pm->regions[lo - 1].base + pm->regions[lo - 1].size : 0;
    uint64_t end = lo < pm->region_count ? pm->regions[lo].base : BIT(GPA_BITS + 1);
    pm->hole = (struct region){.base = base,
                               .size = end - base,
                               .kind = REGION_HOLE,
                               .offset = NO_BACKING,
                               .write_offset = NO_BACKING};
    return &pm->hole;
}

uint64_t physmap_machine(const struct physmap *pm, const struct region *r, uint64_t gpa)
{
    return r->offset == NO_BACKING ? NO_BACKING : r->offset + (physmap_gate(pm, gpa) - r->base);
}

void physmap_listen(struct physmap *pm, struct physmap_listener *listener)
{
    listener->next = pm->listeners;
    pm->listeners = listener;
}

uint64_t *physmap_code_bits(const struct physmap *pm)
{
    return pm->code_bits;
}

static void mark(struct physmap *pm, uint64_t offset, uint8_t bit)
{
    uint8_t *state = &pm->head.page_state[offset >> PAGE_SHIFT];
    bool news = !(*state & bit) && page_state_writable_beside(*state);
    *state |= bit;
    if (news)
        tell_pages_changed(pm, offset >> PAGE_SHIFT, offset >> PAGE_SHIFT);
}

static void unmark(struct physmap *pm, uint64_t offset, uint8_t bit)
{
    pm->head.page_state[offset >> PAGE_SHIFT] &= (uint8_t)~bit;
}

void physmap_code_mark(struct physmap *pm, uint64_t offset)
{
    mark(pm, offset, PAGE_HAS_CODE);
}

void physmap_code_unmark(struct physmap *pm, uint64_t offset)
{
    unmark(pm, offset, PAGE_HAS_CODE);
}

void physmap_table_mark(struct physmap *pm, uint64_t offset)
{
    mark(pm, offset, PAGE_TRACED);
}

void physmap_table_unmark(struct physmap *pm, uint64_t offset)
{
    unmark(pm, offset, PAGE_TRACED);
}

void physmap_wrote(struct physmap *pm, uint64_t offset, uint64_t len)
{
    if (!len)
        return;
    for (uint64_t page = offset >> PAGE_SHIFT; page <= (offset + len - 1) >> PAGE_SHIFT; page++) {
        pm->head.page_state[page] |= PAGE_DIRTY;
        uint8_t state = pm->head.page_state[page];
        if (likely(!(state & PAGE_NOTED)))
            continue;
        uint64_t from = page << PAGE_SHIFT, to = from + PAGE_SIZE;
        from = from < offset ? offset : from;
        to = to > offset + len ? offset + len : to;
        for (struct physmap_listener *l = pm->listeners; l; l = l->next) {
            if (l->code_written && (state & PAGE_HAS_CODE))
                l->code_written(l->ctx, from, to - from);
            if (l->table_written && (state & PAGE_TRACED))
                l->table_written(l->ctx, from, to - from);
        }
    }
}

void physmap_store(struct physmap *pm, uint64_t offset, const void *buf, size_t len)
{
    bool fresh = len >= STORE_FRESH && !(pm->head.page_state[offset >> PAGE_SHIFT] & PAGE_DIRTY);
    if (!fresh || pwrite(pm->fd, buf, len, (off_t)offset) != (ssize_t)len)
        memcpy(physmap_host(pm, offset), buf, len);
    physmap_wrote(pm, offset, len);
}

bool physmap_take_dirty(struct physmap *pm, uint64_t offset, uint64_t len, uint8_t which,
                        uint8_t *bitmap)
{
    bool any = false;
    uint64_t from = UINT64_MAX, to = 0; /* that may have been written without a note */
    uint64_t first = offset >> PAGE_SHIFT;
    uint64_t pages = len ? ((offset + len - 1) >> PAGE_SHIFT) - first + 1 : 0;
    for (uint64_t i = 0; i < pages; i++) {
        uint8_t *state = &pm->head.page_state[first + i];
        if (!(*state & which))
            continue;
        if (page_state_writable_beside(*state)) {
            from = from < first + i ? from : first + i;
            to = first + i;
        }
        *state &= (uint8_t)~which;
        any = true;
        if (bitmap)
            bitmap[i / 8] |= (uint8_t)BIT(i % 8);
    }
    if (from <= to)
        tell_pages_changed(pm, from, to);
    return any;
}

uint64_t physmap_read(struct physmap *pm, uint64_t gpa, unsigned size)
{
    gpa = physmap_gate(pm, gpa);
    if (gpa - pm->quick.base < pm->quick.size && size <= 4)
        return quick_read(&pm->quick, gpa, size);
    const struct region *r = physmap_find(pm, gpa);
    uint64_t value = UINT64_MAX;
    if (r->kind == REGION_MMIO)
        value = r->ops->read(r->ctx, r->mmio_offset + (gpa - r->base), size);
    else if (r->offset != NO_BACKING)
        memcpy(&value, pm->head.memory + r->offset + (gpa - r->base), size);
    return value & UINT64_MAX >> (64 - 8 * size);
}

void physmap_write(struct physmap *pm, uint64_t gpa, uint64_t value, unsigned size)
{
    gpa = physmap_gate(pm, gpa);
    if (gpa - pm->quick.base < pm->quick.size && size <= 4) {
        quick_write(&pm->quick, gpa, (uint32_t)value, size);
        return;
    }
    const struct region *r = physmap_find(pm, gpa);
    if (r->kind == REGION_MMIO) {
        r->ops->write(r->ctx, r->mmio_offset + (gpa - r->base), value, size);
    } else if (r->write_offset != NO_BACKING) {
        uint64_t offset = r->write_offset + (gpa - r->base);
        memcpy(pm->head.memory + offset, &value, size);
        physmap_wrote(pm, offset, size);
    }
}

size_t physmap_peek(struct physmap *pm, uint64_t gpa, void *buf, size_t len)
{
    size_t found = 0;
    for (size_t done = 0; done < len;) {
        const struct region *r = physmap_find(pm, gpa + done);
        uint64_t at = physmap_machine(pm, r, gpa + done);
        uint64_t run = PAGE_SIZE - ((gpa + done) & PAGE_MASK);
        run = run > len - done ? len - done : run;
        if (at != NO_BACKING) {
            memcpy((uint8_t *)buf + done, pm->head.memory + at, run);
            found += run;
        } else {
            memset((uint8_t *)buf + done, 0xFF, run);
        }
        done += run;
    }
    return found;
}

size_t physmap_poke(struct physmap *pm, uint64_t gpa, const void *buf, size_t len)
{
    size_t found = 0;
    for (size_t done = 0; done < len;) {
        const struct region *r = physmap_find(pm, gpa + done);
        uint64_t at = physmap_machine(pm, r, gpa + done);
        uint64_t run = PAGE_SIZE - ((gpa + done) & PAGE_MASK);
        run = run > len - done ? len - done : run;
        if (at != NO_BACKING) {
            memcpy(pm->head.memory + at, (const uint8_t *)buf + done, run);
            physmap_wrote(pm, at, run);
            found += run;
        }
        done += run;
    }
    return found;
}

const struct region *physmap_region(const struct physmap *pm, size_t index)
{
    return index < pm->region_count ? &pm->regions[index] : NULL;
}
