/* mmu/walk.h: the page walker: gva -> gpa through the guest's own tables (SDM vol. 3, chapter 4).
 *
 *   32-bit   |31  PDE 22|21  PTE 12|11  offset 0|      CR4.PAE = 0, entries of 4 bytes
 *   4 MiB    |31  PDE 22|21         offset     0|      CR4.PSE and PDE.PS; PSE-36: PDE bits 16..13
 *                                                      are gpa bits 35..32
 *   PAE      |31 30|29 PDE 21|20 PTE 12|11 off 0|      entries of 8 bytes; the four PDPTEs are
 *   2 MiB    |31 30|29 PDE 21|20      offset   0|      registers, loaded at MOV CR3
 *
 *   entry    XD 63 | page frame | AVL 11..9 | G 8 | PS 7 | D 6 | A 5 | PCD 4 | PWT 3 | U 2 | W 1 |
 *            P 0
 *
 * The walker knows nothing of TLBs or exceptions: it says what the tables say, and sets A and D. */
#ifndef UMBRA_MMU_WALK_H
#define UMBRA_MMU_WALK_H

#include "mmu/physmap.h"

/* Error code bits of #PF; as the wanted access, WRITE, USER and FETCH are used. */
enum walk_bits {
    WALK_PRESENT = 1, /* the fault is one of rights, not of absence */
    WALK_WRITE = 2,
    WALK_USER = 4,
    WALK_RESERVED = 8, /* a reserved bit was set */
    WALK_FETCH = 16,
    WALK_SEEN = 0x80,  /* only if A is set everywhere already: else it fails, and sets nothing */
    WALK_PEEK = 0x100, /* not the guest's access: no rights checked, A and D left alone */
};

/* The paging mode: CR0, CR3, CR4 and EFER in the walker's terms. */
struct walk_mode {
    uint64_t root;        /* gpa of the page directory (32-bit mode) */
    uint64_t pdpte[4];    /* PAE */
    uint64_t linear_mask; /* paging off: address lines that the CPU model has */
    uint8_t phys_bits;    /* width of a gpa in PAE entries and PSE-36 */
    bool paging, pae, pse, pse36, pge, wp, nxe;
    bool memory_only; /* tables that lie elsewhere are not read: what they say is not present */
};

/* A translation. The rights are those of the asking privilege (user or supervisor). */
struct walk_page {
    uint64_t gpa;  /* of the byte asked for */
    bool writable; /* without a fault, by this privilege */
    bool dirty;    /* D was set already, or is by this access */
    bool fresh;    /* this access set A or D of the page */
    bool executable;
    bool global;
    bool large; /* a piece of a 2 or 4 MiB page */
    /* The entries that say so, directory and leaf (the same one when large): where they lie in host
     * memory, and their value. NULL: not in memory. With paging off neither is set. */
    const uint8_t *entry[2];
    uint64_t value[2];
};

/* Translates gva for access, a set of WALK_WRITE, WALK_USER, WALK_FETCH, WALK_SEEN. True: *page is
 * filled, A (and D on a write) are set. False: *error is the #PF error code. */
must_use bool walk(struct physmap *pm, const struct walk_mode *mode, uint32_t gva, unsigned access,
                   struct walk_page *page, uint32_t *error);

/* Loads the four PDPTEs from the table at gpa (bits 31..5) into pdpte. False when a present one
 * has a reserved bit set: #GP (SDM vol. 3, 4.4.1); pdpte is then unchanged. */
must_use bool walk_load_pdptes(struct physmap *pm, uint64_t gpa, unsigned phys_bits,
                               uint64_t pdpte[4]);

#endif
