/* frontend/debugger/look_address.c: one address through all levels, and what is mapped where. Reads
 * the guest's tables as they stand, without setting accessed bits. */
#include "cpu/shadow.h"
#include "frontend/debugger/look.h"
#include "mmu/window.h"

#define ENTRY_P  1u
#define ENTRY_W  2u
#define ENTRY_U  4u
#define ENTRY_PS 0x80u
#define GPA_MASK UINT64_C(0x000FFFFFFFFFF000)

static const char *region_name(enum region_kind kind)
{
    static const char *const names[] = {[REGION_HOLE] = "hole",
                                        [REGION_RAM] = "RAM",
                                        [REGION_ROM] = "ROM",
                                        [REGION_VRAM] = "video RAM",
                                        [REGION_MMIO] = "MMIO"};
    return (size_t)kind < ARRAY_LEN(names) ? names[kind] : "?";
}

/* The name of the device that answers at gpa, or NULL. */
static const char *device_at(struct partition *p, uint64_t gpa)
{
    const struct board *b = partition_board(p);
    for (unsigned i = 1; i < b->mmio_count; i++) {
        const struct decoded_range *r = &b->mmio[i];
        if (r->mapped && gpa - r->base < r->size)
            return r->bus->cls->name;
    }
    return NULL;
}

/* --- Page tables ------------------------------------------------------------------------------ */

static uint64_t read_entry(struct partition *p, uint64_t gpa, unsigned bytes, bool *readable)
{
    uint8_t raw[8] = {0};
    *readable = physmap_peek(partition_physmap(p), gpa, raw, bytes) == bytes;
    return *readable ? load_le64(raw) : 0;
}

/* The levels that lead to gva, as far as they are present. True: the page is mapped; *gpa. */
static bool walk_levels(struct partition *p, uint32_t gva, struct view_level *level,
                        unsigned *count, uint64_t *gpa, uint64_t *page)
{
    const struct walk_mode *m = &partition_vcpu(p)->walk;
    uint64_t table = m->root, frame = m->pae ? GPA_MASK : 0xFFFFF000u;
    unsigned bytes = m->pae ? 8 : 4, shift = m->pae ? 21 : 22;
    *count = 0;
    if (m->pae) {
        struct view_level *l = &level[(*count)++];
        *l = (struct view_level){"PDPTE", gva >> 30, 8, m->root, m->pdpte[gva >> 30], true};
        table = l->raw & GPA_MASK;
        if (!(l->raw & ENTRY_P))
            return false;
    }
    for (;; shift = 12) {
        struct view_level *l = &level[(*count)++];
        unsigned index = gva >> shift & (m->pae ? 511 : 1023);
        *l = (struct view_level){
            .name = shift == 12 ? "PTE" : "PDE", .index = index, .bytes = bytes, .table = table};
        l->raw = read_entry(p, table + (uint64_t)index * bytes, bytes, &l->readable);
        if (!(l->raw & ENTRY_P))
            return false;
        bool large = shift != 12 && l->raw & ENTRY_PS && (m->pae || m->pse);
        if (shift != 12 && !large) {
            table = l->raw & frame;
            continue;
        }
        *page = UINT64_C(1) << shift;
        *gpa = (l->raw & frame & ~(*page - 1)) | (gva & (*page - 1));
        if (large && !m->pae && m->pse36)
            *gpa |= (l->raw >> 13 & 15) << 32;
        return true;
    }
}

static void take_rights(struct view_address *out)
{
    out->user = out->writable = true;
    for (unsigned n = 0; n < out->level_count; n++) {
        if (out->level[n].bytes == 8 && n == 0)
            continue; /* a PDPTE has no rights */
        out->user &= (out->level[n].raw & ENTRY_U) != 0;
        out->writable &= (out->level[n].raw & ENTRY_W) != 0;
    }
}

/* --- One address ------------------------------------------------------------------------------ */

static void take_shadow(struct vcpu *c, struct view_address *out)
{
    static const enum tlb_kind kinds[] = {TLB_READ, TLB_WRITE, TLB_EXEC};
    static const enum tlb_view views[] = {TLB_USER, TLB_SUPERVISOR};
    uint64_t machine;
    for (unsigned v = 0; v < 2; v++) {
        for (unsigned k = 0; k < 3; k++)
            out->tlb[v][k] = tlb_lookup(&c->tlb, views[v], kinds[k], out->linear, 1) != NULL;
    }
    out->has_window = c->windows != NULL;
    out->in_window =
        c->windows && windows_lookup(c->windows, out->linear, &machine, &out->window_writable);
}

static void take_machine(struct partition *p, struct view_address *out)
{
    struct physmap *pm = partition_physmap(p);
    out->gated = physmap_gate(pm, out->gpa);
    const struct region *r = physmap_find_ungated(pm, out->gated);
    out->region = region_name(r->kind);
    out->region_base = r->base;
    out->region_size = r->size;
    out->machine = r->offset == NO_BACKING ? UINT64_MAX : r->offset + (out->gated - r->base);
    out->device = r->kind == REGION_MMIO ? device_at(p, out->gated) : NULL;
    if (out->machine != UINT64_MAX) {
        uint8_t state = physmap_page_state(pm, out->machine);
        out->dirty = state & PAGE_DIRTY;
        out->has_code = state & PAGE_HAS_CODE;
        out->byte_count = (unsigned)physmap_peek(pm, out->gated, out->bytes, sizeof out->bytes);
    }
}

void look_at_address(struct partition *p, const struct view_request *r, struct view_address *out)
{
    struct vcpu *c = partition_vcpu(p);
    uint64_t page;
    *out = (struct view_address){.segment = r->address_segment,
                                 .offset = r->address_offset,
                                 .linear = r->address_offset,
                                 .within_limit = true,
                                 .machine = UINT64_MAX,
                                 .paging = c->walk.paging,
                                 .pae = c->walk.pae,
                                 .user = true,
                                 .writable = true};
    if (r->address_segment >= 0 && r->address_segment < SEG_COUNT) {
        const struct segment *s = &c->seg[r->address_segment];
        bool down = (s->attr & (SEG_ATTR_S | SEG_ATTR_CODE | SEG_ATTR_EXPDN)) ==
                    (SEG_ATTR_S | SEG_ATTR_EXPDN);
        out->linear = (uint32_t)(s->base + r->address_offset);
        out->within_limit = down != (r->address_offset <= s->limit);
    }
    if (!out->paging) {
        out->mapped = true;
        out->gpa = out->linear & c->walk.linear_mask;
    } else {
        out->mapped = walk_levels(p, out->linear, out->level, &out->level_count, &out->gpa, &page);
        out->large = out->mapped && page != PAGE_SIZE;
        take_rights(out);
    }
    if (out->mapped)
        take_machine(p, out);
    take_shadow(c, out);
}

/* --- What is mapped --------------------------------------------------------------------------- */

static void add_range(struct view_map *out, uint64_t gva, uint64_t gpa, uint64_t size, bool user,
                      bool writable, bool large)
{
    struct view_range *last = out->range_count ? &out->range[out->range_count - 1] : NULL;
    if (last && last->gva + last->size == gva && last->gpa + last->size == gpa &&
        last->user == user && last->writable == writable && last->large == large) {
        last->size += size;
        return;
    }
    if (out->range_count == VIEW_RANGES) {
        out->more = true;
        return;
    }
    out->range[out->range_count++] = (struct view_range){gva, gpa, size, user, writable, large};
}

static void scan_tables(struct partition *p, struct view_map *out)
{
    bool pae = partition_vcpu(p)->walk.pae;
    for (uint64_t gva = 0; gva < UINT64_C(1) << 32 && !out->more;) {
        struct view_level level[3];
        unsigned count;
        uint64_t gpa, page;
        if (walk_levels(p, (uint32_t)gva, level, &count, &gpa, &page)) {
            bool user = true, writable = true;
            for (unsigned n = pae; n < count; n++) {
                user &= (level[n].raw & ENTRY_U) != 0;
                writable &= (level[n].raw & ENTRY_W) != 0;
            }
            add_range(out, gva, gpa, page, user, writable, page != PAGE_SIZE);
            gva += page;
        } else {
            bool leaf = strcmp(level[count - 1].name, "PTE") == 0;
            uint64_t step = leaf ? PAGE_SIZE
                            : strcmp(level[count - 1].name, "PDE") == 0
                                ? (pae ? 1u << 21 : 1u << 22)
                                : 1u << 30;
            gva = (gva & ~(step - 1)) + step;
        }
    }
}

void look_at_map(struct partition *p, struct view_map *out)
{
    const struct region *r;
    *out = (struct view_map){.scanned = true, .cr3 = (uint32_t)partition_vcpu(p)->cr3};
    for (size_t i = 0;
         out->region_count < VIEW_REGIONS && (r = physmap_region(partition_physmap(p), i)); i++) {
        if (r->kind == REGION_HOLE)
            continue;
        out->region[out->region_count++] =
            (struct view_region){.base = r->base,
                                 .size = r->size,
                                 .machine = r->offset == NO_BACKING ? UINT64_MAX : r->offset,
                                 .kind = region_name(r->kind),
                                 .device = r->kind == REGION_MMIO ? device_at(p, r->base) : NULL};
    }
    if (partition_vcpu(p)->walk.paging)
        scan_tables(p, out);
}
