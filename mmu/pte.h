/* mmu/pte.h: the bits of page-table entries (SDM vol. 3, 4.3 and 4.4), for those who read them. */
#ifndef UMBRA_MMU_PTE_H
#define UMBRA_MMU_PTE_H

#include "mmu/walk.h"

#define PTE_P   UINT64_C(0x001)
#define PTE_W   UINT64_C(0x002)
#define PTE_U   UINT64_C(0x004)
#define PTE_PWT UINT64_C(0x008)
#define PTE_PCD UINT64_C(0x010)
#define PTE_A   UINT64_C(0x020)
#define PTE_D   UINT64_C(0x040)
#define PTE_PS  UINT64_C(0x080) /* of a PDE: a large page */
#define PTE_G   UINT64_C(0x100)
#define PTE_XD  BIT(63)

/* Bits of a present PDPTE that must be zero. */
static inline uint64_t pdpte_reserved(unsigned phys_bits)
{
    return UINT64_C(0x1E6) | ~(BIT(phys_bits) - 1);
}

/* Bits of a PAE entry that must be zero. */
static inline uint64_t pae_reserved(const struct walk_mode *m)
{
    uint64_t reserved = ~(BIT(m->phys_bits) - 1) & ~PTE_XD;
    return m->nxe ? reserved : reserved | PTE_XD;
}
#define PAE_LARGE_RESERVED UINT64_C(0x1FE000) /* of a PDE for 2 MiB, besides */

/* Bits of a 4 MiB PDE that must be zero: 21, and those of 20..13 that name no address line. */
static inline uint64_t pse_reserved(const struct walk_mode *m)
{
    unsigned high = m->pse36 && m->phys_bits > 32 ? m->phys_bits - 32u : 0;
    high = high > 8 ? 8 : high;
    return (BIT(22) - 1) & ~(BIT(13 + high) - 1);
}

#endif
