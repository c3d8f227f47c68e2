/* mmu/explain.c: see explain.h. */
#include "mmu/explain.h"

/* Reads the entry; false, the verdict set, when the walk ends here. */
static bool take(struct physmap *pm, struct walk_story *s, struct walk_level level)
{
    uint8_t raw[8] = {0};
    if (level.gpa != IN_REGISTER) {
        physmap_peek(pm, level.gpa, raw, level.size);
        level.value = load_le64(raw);
    }
    s->level[s->levels++] = level;
    s->verdict = level.value & PTE_P ? WALK_MAPPED : WALK_NOT_PRESENT;
    return s->verdict == WALK_MAPPED;
}

static struct walk_level *last(struct walk_story *s)
{
    return &s->level[s->levels - 1];
}

static bool reserved_fail(struct walk_story *s, uint64_t reserved)
{
    last(s)->reserved = last(s)->value & reserved;
    if (last(s)->reserved)
        s->verdict = WALK_BAD_RESERVED;
    return last(s)->reserved != 0;
}

/* The rights are those that the directory and the leaf give together. */
static void finish(struct walk_story *s, const struct walk_mode *m, uint32_t gva,
                   uint64_t page_size, uint64_t frame)
{
    const struct walk_level *leaf = last(s);
    uint64_t all = leaf->value, any = leaf->value;
    for (unsigned n = 0; n < s->levels; n++) {
        if (s->level[n].gpa == IN_REGISTER) /* a PDPTE has no rights */
            continue;
        all &= s->level[n].value;
        any |= s->level[n].value;
    }
    last(s)->leaf = true;
    last(s)->frame = frame;
    s->page_size = page_size;
    s->gpa = frame | (gva & (page_size - 1));
    s->user = all & PTE_U;
    s->user_writable = s->user && (all & PTE_W);
    s->writable = (all & PTE_W) || !m->wp;
    s->executable = !m->pae || !(any & PTE_XD);
    s->global = m->pge && (leaf->value & PTE_G);
    s->accessed = leaf->value & PTE_A;
    s->dirty = leaf->value & PTE_D;
}

static void explain_32(struct physmap *pm, const struct walk_mode *m, uint32_t gva,
                       struct walk_story *s)
{
    uint32_t index = gva >> 22;
    if (!take(pm, s,
              (struct walk_level){
                  .name = "PDE", .index = index, .size = 4, .gpa = m->root + index * 4}))
        return;
    uint64_t pde = last(s)->value;
    if ((pde & PTE_PS) && m->pse) {
        if (!reserved_fail(s, pse_reserved(m)))
            finish(s, m, gva, UINT64_C(1) << 22, (pde & 0xFFC00000) | bits(pde, 20, 13) << 32);
        return;
    }
    last(s)->frame = pde & 0xFFFFF000;
    index = gva >> 12 & 0x3FF;
    if (take(pm, s,
             (struct walk_level){
                 .name = "PTE", .index = index, .size = 4, .gpa = (pde & 0xFFFFF000) + index * 4}))
        finish(s, m, gva, PAGE_SIZE, last(s)->value & 0xFFFFF000);
}

static void explain_pae(struct physmap *pm, const struct walk_mode *m, uint32_t gva,
                        struct walk_story *s)
{
    const uint64_t frame = BIT(m->phys_bits) - PAGE_SIZE;
    uint32_t index = gva >> 30;
    if (!take(pm, s,
              (struct walk_level){.name = "PDPTE",
                                  .index = index,
                                  .size = 8,
                                  .gpa = IN_REGISTER,
                                  .value = m->pdpte[index]}))
        return;
    uint64_t table = last(s)->frame = last(s)->value & frame;
    index = gva >> 21 & 0x1FF;
    if (!take(pm, s,
              (struct walk_level){
                  .name = "PDE", .index = index, .size = 8, .gpa = table + index * 8}))
        return;
    uint64_t pde = last(s)->value;
    if (reserved_fail(s, pae_reserved(m) | (pde & PTE_PS ? PAE_LARGE_RESERVED : 0)))
        return;
    if (pde & PTE_PS) {
        finish(s, m, gva, UINT64_C(1) << 21, pde & frame & ~UINT64_C(0x1FFFFF));
        return;
    }
    table = last(s)->frame = pde & frame;
    index = gva >> 12 & 0x1FF;
    if (take(pm, s,
             (struct walk_level){
                 .name = "PTE", .index = index, .size = 8, .gpa = table + index * 8}) &&
        !reserved_fail(s, pae_reserved(m)))
        finish(s, m, gva, PAGE_SIZE, last(s)->value & frame);
}

void walk_explain(struct physmap *pm, const struct walk_mode *m, uint32_t gva,
                  struct walk_story *out)
{
    *out = (struct walk_story){.paging = m->paging, .root = m->root};
    if (!m->paging) {
        out->gpa = gva & m->linear_mask;
        out->page_size = PAGE_SIZE;
        out->user = out->user_writable = out->writable = out->executable = true;
        out->accessed = out->dirty = true;
    } else if (m->pae) {
        explain_pae(pm, m, gva, out);
    } else {
        explain_32(pm, m, gva, out);
    }
}
