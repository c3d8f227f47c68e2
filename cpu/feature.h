/* cpu/feature.h: the instruction-set extensions that a CPU model may have: vcpu.features is a set
 * of these. Bits 0..31 stand as in CPUID leaf 1 EDX, bits 32..63 as in its ECX, so that CPUID
 * reports the set as it is (SDM vol. 2, CPUID). */
#ifndef UMBRA_CPU_FEATURE_H
#define UMBRA_CPU_FEATURE_H

#include "base/bits.h"

#define FEATURE_FPU     BIT(0)
#define FEATURE_VME     BIT(1)
#define FEATURE_DE      BIT(2)
#define FEATURE_PSE     BIT(3)
#define FEATURE_TSC     BIT(4)
#define FEATURE_MSR     BIT(5)
#define FEATURE_PAE     BIT(6)
#define FEATURE_MCE     BIT(7)
#define FEATURE_CX8     BIT(8)
#define FEATURE_APIC    BIT(9)
#define FEATURE_SEP     BIT(11)
#define FEATURE_MTRR    BIT(12)
#define FEATURE_PGE     BIT(13)
#define FEATURE_MCA     BIT(14)
#define FEATURE_CMOV    BIT(15)
#define FEATURE_PAT     BIT(16)
#define FEATURE_PSE36   BIT(17)
#define FEATURE_CLFSH   BIT(19)
#define FEATURE_MMX     BIT(23)
#define FEATURE_FXSR    BIT(24)
#define FEATURE_SSE     BIT(25)
#define FEATURE_SSE2    BIT(26)
#define FEATURE_SSE3    BIT(32)
#define FEATURE_MONITOR BIT(35)

/* The MXCSR bits that a model with these features has; setting another is #GP. DAZ came with SSE2.
 */
static inline uint32_t mxcsr_mask(uint64_t features)
{
    return features & FEATURE_SSE2 ? 0xFFFF : 0xFFBF;
}

#endif
