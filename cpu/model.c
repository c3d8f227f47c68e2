/* cpu/model.c: the table of CPU models and CPUID (SDM vol. 2, CPUID; AP-485). */
#include "cpu/model.h"

#include "cpu/flags.h"

#define FLAGS_386 (FLAGS_286 | FLAG_RF | FLAG_VM)
#define FLAGS_486 (FLAGS_386 | FLAG_AC | FLAG_ID)
#define FLAGS_P5  (FLAGS_486 | FLAG_VIF | FLAG_VIP)

#define CR0_286 (CR0_PE | CR0_MP | CR0_EM | CR0_TS)
#define CR0_386 (CR0_286 | CR0_ET | CR0_PG)
#define CR0_486 (CR0_386 | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD)

#define CR4_P5 (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_MCE)
#define CR4_P6 (CR4_P5 | CR4_PAE | CR4_PGE | CR4_PCE)
#define CR4_P2 (CR4_P6 | CR4_OSFXSR)
#define CR4_P3 (CR4_P2 | CR4_OSXMMEXCPT)

#define FEATURES_P5                                                                     \
    (FEATURE_FPU | FEATURE_VME | FEATURE_DE | FEATURE_PSE | FEATURE_TSC | FEATURE_MSR | \
     FEATURE_MCE | FEATURE_CX8)
#define FEATURES_P2                                                                       \
    (FEATURES_P5 | FEATURE_PAE | FEATURE_SEP | FEATURE_MTRR | FEATURE_PGE | FEATURE_MCA | \
     FEATURE_CMOV | FEATURE_PAT | FEATURE_PSE36 | FEATURE_MMX | FEATURE_FXSR)
#define FEATURES_P3 (FEATURES_P2 | FEATURE_SSE)
#define FEATURES_P4 (FEATURES_P3 | FEATURE_SSE2 | FEATURE_CLFSH | FEATURE_SSE3 | FEATURE_MONITOR)

/* The 8086 and 80186 have no CR0; their ones in FLAGS 15..12 are how software tells them from a
 * 286, whose bits 15..12 are zero in real mode. A 386 or older without CPUID may still come with
 * an x87 (FEATURE_FPU): boards had a socket for it. */
static const struct cpu_model_info models[CPU_MODELS] = {
    [CPU_8086] = {.name = "8086",
                  .features = FEATURE_FPU,
                  .eflags_mask = FLAGS_ARITH | FLAG_TF | FLAG_IF | FLAG_DF,
                  .eflags_ones = 0xF002,
                  .physical_mask = 0xFFFFF},
    [CPU_186] = {.name = "186",
                 .features = FEATURE_FPU,
                 .eflags_mask = FLAGS_ARITH | FLAG_TF | FLAG_IF | FLAG_DF,
                 .eflags_ones = 0xF002,
                 .physical_mask = 0xFFFFF},
    [CPU_286] = {.name = "286",
                 .features = FEATURE_FPU,
                 .eflags_mask = FLAGS_286,
                 .eflags_ones = FLAG_ONE,
                 .cr0_mask = CR0_286,
                 .physical_mask = 0xFFFFFF},
    [CPU_386] = {.name = "386",
                 .signature = 0x308,
                 .features = FEATURE_FPU,
                 .eflags_mask = FLAGS_386,
                 .eflags_ones = FLAG_ONE,
                 .cr0_mask = CR0_386,
                 .physical_mask = UINT32_MAX,
                 .phys_bits = 32},
    [CPU_486] = {.name = "486",
                 .signature = 0x435,
                 .max_leaf = 1,
                 .features = FEATURE_FPU,
                 .eflags_mask = FLAGS_486,
                 .eflags_ones = FLAG_ONE,
                 .cr0_mask = CR0_486,
                 .physical_mask = UINT32_MAX,
                 .phys_bits = 32,
                 .has_cpuid = true},
    [CPU_PENTIUM] = {.name = "pentium",
                     .signature = 0x52C,
                     .max_leaf = 1,
                     .features = FEATURES_P5,
                     .eflags_mask = FLAGS_P5,
                     .eflags_ones = FLAG_ONE,
                     .cr0_mask = CR0_486,
                     .cr4_mask = CR4_P5,
                     .physical_mask = UINT32_MAX,
                     .phys_bits = 32,
                     .has_cpuid = true},
    [CPU_P2] = {.name = "p2",
                .signature = 0x652,
                .max_leaf = 2,
                .features = FEATURES_P2,
                .eflags_mask = FLAGS_P5,
                .eflags_ones = FLAG_ONE,
                .cr0_mask = CR0_486,
                .cr4_mask = CR4_P2,
                .physical_mask = UINT32_MAX,
                .phys_bits = 36,
                .has_cpuid = true},
    [CPU_P3] = {.name = "p3",
                .signature = 0x68A,
                .max_leaf = 2,
                .features = FEATURES_P3,
                .eflags_mask = FLAGS_P5,
                .eflags_ones = FLAG_ONE,
                .cr0_mask = CR0_486,
                .cr4_mask = CR4_P3,
                .physical_mask = UINT32_MAX,
                .phys_bits = 36,
                .has_cpuid = true},
    [CPU_P4] = {.name = "p4",
                .brand = "Umbra virtual CPU, Pentium 4 class",
                .signature = 0xF41,
                .max_leaf = 5,
                .features = FEATURES_P4,
                .eflags_mask = FLAGS_P5,
                .eflags_ones = FLAG_ONE,
                .cr0_mask = CR0_486,
                .cr4_mask = CR4_P3,
                .physical_mask = UINT32_MAX,
                .phys_bits = 36,
                .has_cpuid = true,
                .has_nx = true},
};

const struct cpu_model_info *cpu_model_info(enum cpu_model model)
{
    return &models[model];
}

const char *cpu_model_name(enum cpu_model model)
{
    return models[model].name;
}

bool cpu_model_find(const char *name, enum cpu_model *out)
{
    for (unsigned m = 0; m < CPU_MODELS; m++) {
        if (strcmp(models[m].name, name) == 0) {
            *out = (enum cpu_model)m;
            return true;
        }
    }
    return false;
}

uint32_t vcpu_flags_image(const struct vcpu *c)
{
    return flags_get(c) | models[c->model].eflags_ones;
}

static struct cpuid_result leaf_features(const struct vcpu *c, const struct cpu_model_info *m)
{
    uint64_t features = c->features;
    if (!(c->misc_enable & MISC_ENABLE_MONITOR))
        features &= ~FEATURE_MONITOR;
    if (c->host.has_apic && c->model >= CPU_PENTIUM)
        features |= FEATURE_APIC;
    /* EBX: brand index 0, CLFLUSH line size in units of 8, one logical CPU, APIC id 0. */
    return (struct cpuid_result){.eax = m->signature,
                                 .ebx = features & FEATURE_CLFSH ? 8u << 8 : 0,
                                 .ecx = (uint32_t)(features >> 32),
                                 .edx = (uint32_t)features};
}

static struct cpuid_result leaf_extended(const struct cpu_model_info *m, uint32_t leaf)
{
    struct cpuid_result r = {0};
    char text[48] = {0};
    switch (leaf) {
    case 0x80000000:
        r.eax = 0x80000008;
        break;
    case 0x80000001:
        r.edx = m->has_nx ? 1u << 20 : 0;
        break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
        memcpy(text, m->brand, strlen(m->brand));
        memcpy(&r, text + (leaf - 0x80000002) * 16, sizeof r);
        break;
    case 0x80000006: /* second-level cache: 64-byte lines, 8-way, 1024 KiB */
        r.ecx = 1024u << 16 | 6u << 12 | 64;
        break;
    case 0x80000008:
        r.eax = 32u << 8 | m->phys_bits;
        break;
    default:
        break;
    }
    return r;
}

/* Deterministic cache parameters, the same as leaf 2 has: 16 KiB of data and 1 MiB, both 8-way with
 * 64-byte lines. */
static struct cpuid_result leaf_cache(uint32_t subleaf)
{
    switch (subleaf) {
    case 0:
        return (struct cpuid_result){0x121, 7 << 22 | 63, 31, 0};
    case 1:
        return (struct cpuid_result){0x143, 7 << 22 | 63, 2047, 0};
    default:
        return (struct cpuid_result){0};
    }
}

struct cpuid_result cpuid_leaf(const struct vcpu *c, uint32_t leaf, uint32_t subleaf)
{
    const struct cpu_model_info *m = cpu_model_info(c->model);
    if (m->brand && leaf >= 0x80000000 && leaf <= 0x80000008)
        return leaf_extended(m, leaf);
    uint32_t max_leaf = m->max_leaf;
    if ((c->misc_enable & MISC_ENABLE_LIMIT_CPUID) && max_leaf > 3)
        max_leaf = 3;
    if (leaf > max_leaf) /* beyond: the highest basic leaf's data (SDM vol. 2, CPUID) */
        leaf = max_leaf;
    switch (leaf) {
    case 0: /* "GenuineIntel" */
        return (struct cpuid_result){max_leaf, 0x756E6547, 0x6C65746E, 0x49656E69};
    case 1:
        return leaf_features(c, m);
    case 3: /* no serial number */
        return (struct cpuid_result){0};
    case 4:
        return leaf_cache(subleaf);
    case 5: /* MONITOR's smallest and largest line */
        return (struct cpuid_result){.eax = MONITOR_LINE, .ebx = MONITOR_LINE};
    default: /* 2, cache descriptors: TLBs of 4 KiB and 4 MiB pages, L1 16 (12) KiB, L2 (AP-485) */
        return c->model == CPU_P4 ? (struct cpuid_result){0x605B5001, 0, 0, 0x007C7040}
                                  : (struct cpuid_result){0x03020101, 0, 0, 0x0C040843};
    }
}
