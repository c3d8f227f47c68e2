/* cpu/model.h: what tells the CPU models apart: features, CPUID, register bits that exist.
 *
 * One table row for each model (model.c). Opcodes name the first model that has them in the opcode
 * table; all other differences are here or are tests of c->model with a comment. */
#ifndef UMBRA_CPU_MODEL_H
#define UMBRA_CPU_MODEL_H

#include "cpu/feature.h"
#include "cpu/state.h"

/* IA32_MISC_ENABLE, of the P4 (SDM vol. 4). */
#define MISC_ENABLE_MONITOR     UINT64_C(0x40000)
#define MISC_ENABLE_LIMIT_CPUID UINT64_C(0x400000) /* leaves above 3 are hidden: Windows NT 4 */

/* EFLAGS bits that the 286 has beyond the 8086's, and so on. */
#define FLAGS_286 (FLAGS_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT)

struct cpu_model_info {
    const char *name;
    const char *brand;      /* CPUID 80000002h..4h, or NULL */
    uint32_t signature;     /* EDX at reset; CPUID leaf 1 EAX */
    uint32_t max_leaf;      /* CPUID leaf 0 EAX; 0 with no CPUID */
    uint64_t features;      /* set of FEATURE_ bits */
    uint32_t eflags_mask;   /* bits that POPF and IRET can change, privilege apart */
    uint32_t eflags_ones;   /* bits that always read as one */
    uint32_t cr0_mask;      /* bits that exist */
    uint32_t cr4_mask;      /* others are #GP */
    uint64_t physical_mask; /* address lines with paging off */
    uint8_t phys_bits;      /* physical address width for PAE and PSE-36 */
    bool has_cpuid;
    bool has_nx;
};

const struct cpu_model_info *cpu_model_info(enum cpu_model model);

/* EFLAGS as the model shows it in memory: flags_get and the bits that are wired to one. */
uint32_t vcpu_flags_image(const struct vcpu *c);

struct cpuid_result {
    uint32_t eax, ebx, ecx, edx;
};
/* CPUID as the vCPU shows it: of its model, with the APIC bit only when the board has one. */
struct cpuid_result cpuid_leaf(const struct vcpu *c, uint32_t leaf, uint32_t subleaf);

#endif
