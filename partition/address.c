/* partition/address.c: see address.h. */
#include "partition/address.h"

#include "cpu/shadow.h"
#include "mmu/window.h"
#include "partition/tables.h"
#include "partition/text.h"

const char *region_kind_name(enum region_kind kind)
{
    static const char *const names[] = {[REGION_HOLE] = "hole",
                                        [REGION_RAM] = "RAM",
                                        [REGION_ROM] = "ROM",
                                        [REGION_VRAM] = "video RAM",
                                        [REGION_MMIO] = "MMIO"};
    return names[kind];
}

/* Whose MMIO window or video RAM holds gpa. */
static const char *device_at(const struct board *b, uint64_t gpa)
{
    for (unsigned n = 1; n < b->mmio_count; n++) {
        const struct decoded_range *r = &b->mmio[n];
        if (r->bus && r->mapped && gpa - r->base < r->size)
            return r->bus->cls->name;
    }
    for (unsigned n = 0; n < b->device_count; n++) {
        const struct bus *bus = b->device[n];
        if (bus->vram_shown && gpa - bus->vram_base < bus->vram_size)
            return bus->cls->name;
    }
    return NULL;
}

static void look_at_machine(struct partition *p, struct address_view *a)
{
    struct physmap *pm = partition_physmap(p);
    const struct region *r = physmap_find(pm, a->walk.gpa);
    a->a20 = physmap_a20(pm);
    a->gpa = physmap_gate(pm, a->walk.gpa);
    a->kind = r->kind;
    a->region_base = r->base;
    a->region_size = r->size;
    a->machine = physmap_machine(pm, r, a->walk.gpa);
    if (a->machine != NO_BACKING)
        a->page_state = physmap_page_state(pm, a->machine);
    if (a->kind == REGION_MMIO || a->kind == REGION_VRAM)
        a->device = device_at(partition_board(p), a->gpa);
}

static void look_at_shadow(struct vcpu *c, struct address_view *a)
{
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        for (unsigned kind = 0; kind < TLB_KINDS; kind++)
            a->tlb[view][kind] =
                tlb_slot(&c->tlb, view, kind, a->gva)->tag == align_down(a->gva, PAGE_SIZE);
    }
    uint64_t machine;
    a->windows = c->windows != NULL;
    a->window_mapped =
        c->windows && windows_lookup(c->windows, a->gva, &machine, &a->window_writable);
    a->watched = shadow_page_watched(c, a->gva);
}

static void explain(struct partition *p, uint32_t gva, struct address_view *a)
{
    struct vcpu *c = partition_vcpu(p);
    a->gva = gva;
    a->machine = NO_BACKING;
    walk_explain(c->physmap, &c->walk, gva, &a->walk);
    if (a->walk.verdict == WALK_MAPPED)
        look_at_machine(p, a);
    look_at_shadow(c, a);
}

void address_explain(struct partition *p, uint32_t gva, struct address_view *out)
{
    *out = (struct address_view){0};
    explain(p, gva, out);
}

static bool within(uint32_t offset, uint32_t limit, bool down, bool wide)
{
    return down ? offset > limit && (wide || offset <= 0xFFFF) : offset <= limit;
}

void address_explain_register(struct partition *p, enum seg_reg seg, uint32_t offset,
                              struct address_view *out)
{
    struct vcpu *c = partition_vcpu(p);
    const struct segment *s = &c->seg[seg];
    bool down = vcpu_is_protected(c) && !(s->attr & SEG_ATTR_CODE) && (s->attr & SEG_ATTR_EXPDN);
    *out = (struct address_view){
        .segmented = true,
        .segment_known = !vcpu_is_protected(c) || (s->attr & SEG_ATTR_P),
        .selector = s->selector,
        .offset = offset,
        .base = (uint32_t)s->base,
        .limit = s->limit,
        .within_limit = within(offset, s->limit, down, s->attr & SEG_ATTR_DB),
    };
    explain(p, out->base + offset, out);
}

void address_explain_selector(struct partition *p, uint16_t selector, uint32_t offset,
                              struct address_view *out)
{
    struct vcpu *c = partition_vcpu(p);
    struct table_entry e = {.limit = 0xFFFF};
    *out = (struct address_view){.segmented = true, .selector = selector, .offset = offset};
    out->segment_known = selector_base(c, selector, &out->base);
    if (vcpu_is_protected(c) && out->segment_known && !table_entry_by_selector(c, selector, &e))
        e = (struct table_entry){0};
    out->limit = e.limit;
    out->within_limit =
        out->segment_known && within(offset, e.limit, e.kind == ENTRY_DATA && e.direction, e.wide);
    explain(p, out->base + offset, out);
}

/* --- Text ------------------------------------------------------------------------------------- */

static void put_bits(uint64_t value, bool leaf, struct bytes *out)
{
    text_put(out, "%s%s%s%s%s%s%s%s%s", value & PTE_P ? "P" : "-", value & PTE_W ? " W" : " -",
             value & PTE_U ? " U" : " -", value & PTE_A ? " A" : " -",
             leaf && (value & PTE_D) ? " D" : "", leaf && (value & PTE_G) ? " G" : "",
             value & PTE_PCD ? " PCD" : "", value & PTE_PWT ? " PWT" : "",
             value & PTE_XD ? " XD" : "");
}

void walk_text(const struct walk_story *s, unsigned indent, struct bytes *out)
{
    if (!s->paging) {
        text_put(out, "%*spaging is off\n", (int)indent, "");
        return;
    }
    for (unsigned n = 0; n < s->levels; n++) {
        const struct walk_level *l = &s->level[n];
        text_put(out, "%*s%-5s [%03X] ", (int)indent, "", l->name, l->index);
        if (l->gpa == IN_REGISTER)
            text_put(out, "in the CPU  ");
        else
            text_put(out, "at %08llX ", (unsigned long long)l->gpa);
        text_put(out, "= %0*llX  ", (int)l->size * 2, (unsigned long long)l->value);
        put_bits(l->value, l->leaf, out);
        if (!(l->value & PTE_P))
            text_put(out, "  NOT PRESENT");
        else if (l->reserved)
            text_put(out, "  RESERVED BITS %llX ARE SET", (unsigned long long)l->reserved);
        else
            text_put(out, "  -> %s %08llX", l->leaf ? "page" : "table",
                     (unsigned long long)l->frame);
        if (l->leaf && s->page_size > PAGE_SIZE)
            text_put(out, " (%llu MiB)", (unsigned long long)(s->page_size >> 20));
        text_put(out, "\n");
    }
}

static void put_rights(const struct walk_story *s, struct bytes *out)
{
    text_put(out, "rights     kernel r%s%s, user %s%s%s%s\n", s->writable ? "w" : "-",
             s->executable ? "x" : "-", s->user ? "r" : "-", s->user_writable ? "w" : "-",
             s->user && s->executable ? "x" : "-", s->global ? ", global" : "");
}

static void put_shadow(const struct address_view *a, struct bytes *out)
{
    static const char *const kinds[TLB_KINDS] = {"read",   "write",       "exec",        "noted",
                                                 "beside", "device-read", "device-write"};
    bool any = false;
    text_put(out, "soft TLB  ");
    for (unsigned view = 0; view < TLB_VIEWS; view++) {
        for (unsigned kind = 0; kind < TLB_KINDS; kind++) {
            if (!a->tlb[view][kind])
                continue;
            text_put(out, " %s-%s", view == TLB_USER ? "user" : "kernel", kinds[kind]);
            any = true;
        }
    }
    text_put(out, "%s\n", any ? "" : " nothing");
    if (a->windows)
        text_put(out, "window     %s\n",
                 !a->window_mapped    ? "not mapped"
                 : a->window_writable ? "mapped, writable"
                                      : "mapped, read-only");
    if (a->watched)
        text_put(out, "watched    a watchpoint keeps this page on the slow path\n");
}

static void put_machine(const struct address_view *a, struct bytes *out)
{
    text_put(out, "physical   %08llX", (unsigned long long)a->walk.gpa);
    if (a->gpa != a->walk.gpa)
        text_put(out, ", %08llX behind the closed A20 gate", (unsigned long long)a->gpa);
    text_put(out, "  %s %08llX..%08llX", region_kind_name(a->kind),
             (unsigned long long)a->region_base,
             (unsigned long long)(a->region_base + a->region_size - 1));
    text_put(out, "%s%s\n", a->device ? " of " : "", a->device ? a->device : "");
    if (a->machine == NO_BACKING)
        return;
    text_put(out, "machine    %08llX%s%s\n", (unsigned long long)a->machine,
             a->page_state & PAGE_HAS_CODE ? ", holds code" : "",
             a->page_state & PAGE_DIRTY ? ", written" : "");
}

void address_text(const struct address_view *a, struct bytes *out)
{
    if (a->segmented && !a->segment_known) {
        text_put(out, "segment    %04X names no segment\n", a->selector);
        return;
    }
    if (a->segmented)
        text_put(out, "segment    %04X:%08X  base %08X limit %08X%s\n", a->selector, a->offset,
                 a->base, a->limit, a->within_limit ? "" : "  BEYOND THE LIMIT");
    text_put(out, "linear     %08X\n", a->gva);
    if (a->walk.paging)
        text_put(out, "tables     root %08llX\n", (unsigned long long)a->walk.root);
    walk_text(&a->walk, 11, out);
    if (a->walk.verdict == WALK_MAPPED) {
        put_rights(&a->walk, out);
        put_machine(a, out);
    }
    put_shadow(a, out);
}

/* --- What is mapped --------------------------------------------------------------------------- */

static bool same_rights(const struct mapped_range *r, const struct walk_story *s)
{
    return r->user == s->user && r->user_writable == s->user_writable &&
           r->writable == s->writable && r->executable == s->executable && r->global == s->global &&
           r->large == (s->page_size > PAGE_SIZE);
}

/* Addresses that a walk which ended at this level speaks for. */
static uint64_t span_of(const struct walk_story *s)
{
    const char *name = s->level[s->levels - 1].name;
    bool pae = s->level[0].size == 8;
    if (s->verdict == WALK_MAPPED)
        return s->page_size;
    return strcmp(name, "PTE") == 0   ? PAGE_SIZE
           : strcmp(name, "PDE") == 0 ? (pae ? UINT64_C(1) << 21 : UINT64_C(1) << 22)
                                      : UINT64_C(1) << 30;
}

bool mapped_next(struct partition *p, uint64_t gva, struct mapped_range *out)
{
    struct vcpu *c = partition_vcpu(p);
    const uint64_t end = UINT64_C(1) << 32;
    bool open = false;
    uint64_t at = align_down(gva, PAGE_SIZE);
    while (at < end) {
        struct walk_story s;
        walk_explain(c->physmap, &c->walk, (uint32_t)at, &s);
        if (!s.paging) {
            *out = (struct mapped_range){(uint32_t)at, UINT32_MAX, at,    true, true,
                                         true,         true,       false, false};
            return true;
        }
        uint64_t span = span_of(&s), next = align_down(at, span) + span;
        if (s.verdict == WALK_MAPPED) {
            if (open && (out->gpa + (at - out->first) != s.gpa || !same_rights(out, &s)))
                return true;
            if (!open)
                *out = (struct mapped_range){.first = (uint32_t)at,
                                             .gpa = s.gpa,
                                             .user = s.user,
                                             .user_writable = s.user_writable,
                                             .writable = s.writable,
                                             .executable = s.executable,
                                             .global = s.global,
                                             .large = s.page_size > PAGE_SIZE};
            open = true;
            out->last = (uint32_t)(next - 1);
        } else if (open) {
            return true;
        }
        at = next;
    }
    return open;
}
