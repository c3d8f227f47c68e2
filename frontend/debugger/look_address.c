/* frontend/debugger/look_address.c: one address through all levels (partition/address.h), and what
 * is mapped where. */
#include "frontend/debugger/look.h"
#include "partition/address.h"

static void take_levels(const struct walk_story *walk, struct view_address *out)
{
    for (unsigned n = 0; n < walk->levels && n < 3; n++) {
        const struct walk_level *l = &walk->level[n];
        out->level[out->level_count++] = (struct view_level){.name = l->name,
                                                             .index = l->index,
                                                             .bytes = l->size,
                                                             .gpa = l->gpa,
                                                             .raw = l->value,
                                                             .reserved = l->reserved,
                                                             .frame = l->frame,
                                                             .leaf = l->leaf};
    }
}

void look_at_address(struct partition *p, const struct view_request *r, struct view_address *out)
{
    static const enum tlb_kind kinds[] = {TLB_READ, TLB_WRITE, TLB_EXEC};
    static const enum tlb_view views[] = {TLB_USER, TLB_SUPERVISOR};
    struct address_view a;
    bool segmented = r->address_segment >= 0 && r->address_segment < SEG_COUNT;
    if (segmented)
        address_explain_register(p, (enum seg_reg)r->address_segment, r->address_offset, &a);
    else
        address_explain(p, r->address_offset, &a);
    *out = (struct view_address){.segment = segmented ? r->address_segment : -1,
                                 .offset = r->address_offset,
                                 .linear = a.gva,
                                 .within_limit = !segmented || a.within_limit,
                                 .paging = a.walk.paging,
                                 .pae = partition_vcpu(p)->walk.pae,
                                 .mapped = !a.walk.paging || a.walk.verdict == WALK_MAPPED,
                                 .large = a.walk.page_size > PAGE_SIZE,
                                 .user = a.walk.user,
                                 .user_writable = a.walk.user_writable,
                                 .writable = a.walk.writable,
                                 .region = region_kind_name(a.kind),
                                 .device = a.device,
                                 .region_base = a.region_base,
                                 .region_size = a.region_size,
                                 .machine = a.machine,
                                 .gpa = a.gpa,
                                 .a20 = a.a20,
                                 .dirty = a.page_state & PAGE_DIRTY,
                                 .has_code = a.page_state & PAGE_HAS_CODE,
                                 .has_window = a.windows,
                                 .in_window = a.window_mapped,
                                 .window_writable = a.window_writable,
                                 .watched = a.watched};
    if (a.walk.paging)
        take_levels(&a.walk, out);
    for (unsigned v = 0; v < 2; v++) {
        for (unsigned k = 0; k < 3; k++)
            out->tlb[v][k] = a.tlb[views[v]][kinds[k]];
    }
    if (out->mapped && a.machine != NO_BACKING)
        out->byte_count =
            (unsigned)physmap_peek(partition_physmap(p), a.gpa, out->bytes, sizeof out->bytes);
}

void look_at_map(struct partition *p, struct view_map *out)
{
    struct mapped_range range;
    struct address_view at;
    const struct region *r;
    *out = (struct view_map){.scanned = true, .cr3 = (uint32_t)partition_vcpu(p)->cr3};
    for (size_t i = 0;
         out->region_count < VIEW_REGIONS && (r = physmap_region(partition_physmap(p), i)); i++) {
        if (r->kind == REGION_HOLE)
            continue;
        struct view_region *to = &out->region[out->region_count++];
        *to = (struct view_region){.base = r->base,
                                   .size = r->size,
                                   .machine = r->offset == NO_BACKING ? UINT64_MAX : r->offset,
                                   .kind = region_kind_name(r->kind)};
        if (r->kind == REGION_MMIO && !partition_vcpu(p)->walk.paging &&
            r->base <= UINT32_MAX) { /* then a linear address is a physical one */
            address_explain(p, (uint32_t)r->base, &at);
            to->device = at.device;
        }
    }
    if (!partition_vcpu(p)->walk.paging)
        return;
    for (uint64_t gva = 0; mapped_next(p, gva, &range); gva = (uint64_t)range.last + 1) {
        if (out->range_count == VIEW_RANGES) {
            out->more = true;
            return;
        }
        out->range[out->range_count++] =
            (struct view_range){.gva = range.first,
                                .gpa = range.gpa,
                                .size = (uint64_t)range.last - range.first + 1,
                                .user = range.user,
                                .writable = range.writable,
                                .large = range.large};
    }
}
