/* cpu/interp/simd.h: what the MMX and SSE handlers share (SDM vol. 1, chapters 9 to 12). */
#ifndef UMBRA_CPU_INTERP_SIMD_H
#define UMBRA_CPU_INTERP_SIMD_H

#include "cpu/feature.h"
#include "cpu/interp/handler.h"

#define MXCSR_DAZ 0x0040
#define MXCSR_FTZ 0x8000

/* The MXCSR bits that the model has; setting another is #GP. DAZ came with SSE2. */
static inline uint32_t mxcsr_mask(const struct vcpu *c)
{
    return c->features & FEATURE_SSE2 ? 0xFFFF : 0xFFBF;
}

#endif
