/* mmu/walk.c: see walk.h. A and D are set only once the whole walk has succeeded, through
 * physmap_wrote, so dirty pages and translated code in page-table pages stay right. */
#include "mmu/walk.h"
#include "mmu/pte.h"

/* One table entry as it was read. Entries outside memory (MMIO, a hole) have no host. */
struct entry {
    uint64_t value;
    uint64_t gpa, offset;
    uint8_t *host;
};

static struct entry entry_read(struct physmap *pm, const struct walk_mode *m, uint64_t gpa,
                               unsigned size)
{
    struct entry e = {.gpa = gpa, .offset = physmap_plain(pm, gpa)};
    if (unlikely(e.offset == NO_BACKING)) {
        const struct region *r = physmap_find(pm, gpa);
        if (r->kind != REGION_RAM && r->kind != REGION_VRAM) {
            if (!m || !m->memory_only)
                e.value = physmap_read(pm, gpa, size);
            return e;
        }
        e.offset = physmap_machine(pm, r, gpa);
    }
    e.host = physmap_host(pm, e.offset);
    e.value = size == 8 ? load_le64(e.host) : load_le32(e.host);
    return e;
}

/* A, D and the rest of the low byte: writing that byte alone serves both entry sizes. */
static void entry_set(struct physmap *pm, struct entry *e, uint64_t bits)
{
    if ((e->value & bits) == bits)
        return;
    e->value |= bits;
    if (!e->host) {
        physmap_write(pm, e->gpa, e->value & 0xFF, 1);
        return;
    }
    *e->host = (uint8_t)e->value;
    if (unlikely(!page_state_writable(physmap_page_state(pm, e->offset))))
        physmap_wrote(pm, e->offset, 1);
}

static bool fail(uint32_t *error, const struct walk_mode *m, unsigned access, unsigned why)
{
    *error = why | (access & (WALK_WRITE | WALK_USER));
    if ((access & WALK_FETCH) && m->nxe && m->pae)
        *error |= WALK_FETCH;
    return false;
}

/* The leaf's rights (and of all levels) against the access; then A, D and the result. */
static bool finish(struct physmap *pm, const struct walk_mode *m, unsigned access,
                   struct entry *dir, struct entry *leaf, struct walk_page *page, uint32_t *error)
{
    uint64_t all = dir->value & leaf->value;
    bool user = access & WALK_USER;
    page->writable = user ? (all & PTE_W) && (all & PTE_U) : (all & PTE_W) || !m->wp;
    page->executable = !((dir->value | leaf->value) & PTE_XD) || !m->pae;
    page->global = m->pge && (leaf->value & PTE_G);
    page->large = dir == leaf;
    page->fresh = false;
    if (!(access & WALK_PEEK)) {
        if ((user && !(all & PTE_U)) || ((access & WALK_WRITE) && !page->writable) ||
            ((access & WALK_FETCH) && !page->executable))
            return fail(error, m, access, WALK_PRESENT);
        if ((access & WALK_SEEN) && !(all & PTE_A))
            return false;
        if (dir != leaf)
            entry_set(pm, dir, PTE_A);
        uint64_t bits = access & WALK_WRITE ? PTE_A | PTE_D : PTE_A;
        page->fresh = (leaf->value & bits) != bits;
        entry_set(pm, leaf, bits);
    }
    page->dirty = leaf->value & PTE_D;
    page->entry[0] = dir->host;
    page->entry[1] = leaf->host;
    page->value[0] = dir->value;
    page->value[1] = leaf->value;
    return true;
}

static bool walk_32(struct physmap *pm, const struct walk_mode *m, uint32_t gva, unsigned access,
                    struct walk_page *page, uint32_t *error)
{
    struct entry pde = entry_read(pm, m, m->root + (gva >> 22) * 4, 4);
    if (!(pde.value & PTE_P))
        return fail(error, m, access, 0);
    if ((pde.value & PTE_PS) && m->pse) {
        if (pde.value & pse_reserved(m))
            return fail(error, m, access, WALK_PRESENT | WALK_RESERVED);
        page->gpa = (pde.value & 0xFFC00000) | (gva & 0x3FFFFF) | bits(pde.value, 20, 13) << 32;
        return finish(pm, m, access, &pde, &pde, page, error);
    }
    struct entry pte = entry_read(pm, m, (pde.value & 0xFFFFF000) + ((gva >> 12) & 0x3FF) * 4, 4);
    if (!(pte.value & PTE_P))
        return fail(error, m, access, 0);
    page->gpa = (pte.value & 0xFFFFF000) | (gva & 0xFFF);
    return finish(pm, m, access, &pde, &pte, page, error);
}

static bool walk_pae(struct physmap *pm, const struct walk_mode *m, uint32_t gva, unsigned access,
                     struct walk_page *page, uint32_t *error)
{
    const uint64_t frame = BIT(m->phys_bits) - PAGE_SIZE;
    const uint64_t reserved = pae_reserved(m);
    uint64_t pdpte = m->pdpte[gva >> 30];
    if (!(pdpte & PTE_P))
        return fail(error, m, access, 0);
    struct entry pde = entry_read(pm, m, (pdpte & frame) + ((gva >> 21) & 0x1FF) * 8, 8);
    if (!(pde.value & PTE_P))
        return fail(error, m, access, 0);
    if (pde.value & (reserved | (pde.value & PTE_PS ? PAE_LARGE_RESERVED : 0)))
        return fail(error, m, access, WALK_PRESENT | WALK_RESERVED);
    if (pde.value & PTE_PS) {
        page->gpa = (pde.value & frame & ~UINT64_C(0x1FFFFF)) | (gva & 0x1FFFFF);
        return finish(pm, m, access, &pde, &pde, page, error);
    }
    struct entry pte = entry_read(pm, m, (pde.value & frame) + ((gva >> 12) & 0x1FF) * 8, 8);
    if (!(pte.value & PTE_P))
        return fail(error, m, access, 0);
    if (pte.value & reserved)
        return fail(error, m, access, WALK_PRESENT | WALK_RESERVED);
    page->gpa = (pte.value & frame) | (gva & 0xFFF);
    return finish(pm, m, access, &pde, &pte, page, error);
}

bool walk(struct physmap *pm, const struct walk_mode *m, uint32_t gva, unsigned access,
          struct walk_page *page, uint32_t *error)
{
    if (m->paging)
        return m->pae ? walk_pae(pm, m, gva, access, page, error)
                      : walk_32(pm, m, gva, access, page, error);
    *page = (struct walk_page){
        .gpa = gva & m->linear_mask, .writable = true, .dirty = true, .executable = true};
    return true;
}

bool walk_load_pdptes(struct physmap *pm, uint64_t gpa, unsigned phys_bits, uint64_t pdpte[4])
{
    uint64_t reserved = pdpte_reserved(phys_bits);
    uint64_t loaded[4];
    for (unsigned n = 0; n < 4; n++) {
        loaded[n] = entry_read(pm, NULL, (gpa & 0xFFFFFFE0) + n * 8, 8).value;
        if ((loaded[n] & PTE_P) && (loaded[n] & reserved))
            return false;
    }
    memcpy(pdpte, loaded, sizeof loaded);
    return true;
}
