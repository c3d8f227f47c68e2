/* cpu/interp/system_msr.c: RDMSR and WRMSR (SDM vol. 4). What the model does not have is #GP, as on
 * hardware, and logged once: an operating system that asks is worth knowing about. */
#include "cpu/control.h"
#include "cpu/interp/system.h"
#include "cpu/shadow.h"

enum msr {
    MSR_P5_MC_ADDR = 0x00,
    MSR_P5_MC_TYPE = 0x01,
    MSR_TSC = 0x10,
    MSR_PLATFORM_ID = 0x17,
    MSR_APIC_BASE = 0x1B,
    MSR_EBL_CR_POWERON = 0x2A,
    MSR_BIOS_UPDT_TRIG = 0x79,
    MSR_BIOS_SIGN_ID = 0x8B,
    MSR_PERFCTR0 = 0xC1,
    MSR_PERFCTR1 = 0xC2,
    MSR_MTRR_CAP = 0xFE,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175,
    MSR_SYSENTER_EIP = 0x176,
    MSR_MCG_CAP = 0x179,
    MSR_MCG_STATUS = 0x17A,
    MSR_EVNTSEL0 = 0x186,
    MSR_EVNTSEL1 = 0x187,
    MSR_MISC_ENABLE = 0x1A0,
    MSR_DEBUGCTL = 0x1D9,
    MSR_MTRR_PHYS = 0x200, /* ..20Fh: base and mask of eight */
    MSR_MTRR_FIX64K = 0x250,
    MSR_MTRR_FIX16K = 0x258, /* 2 */
    MSR_MTRR_FIX4K = 0x268,  /* 8 */
    MSR_PAT = 0x277,
    MSR_MTRR_DEF_TYPE = 0x2FF,
    MSR_EFER = 0xC0000080,
};
#define EFER_NXE UINT64_C(0x800)

/* The MTRR of that number, or NULL. */
static uint64_t *mtrr(struct vcpu *c, uint32_t n)
{
    if (!(c->features & FEATURE_MTRR))
        return NULL;
    if (n >= MSR_MTRR_PHYS && n < MSR_MTRR_PHYS + ARRAY_LEN(c->mtrr_phys))
        return &c->mtrr_phys[n - MSR_MTRR_PHYS];
    if (n == MSR_MTRR_FIX64K)
        return &c->mtrr_fixed[0];
    if (n >= MSR_MTRR_FIX16K && n < MSR_MTRR_FIX16K + 2)
        return &c->mtrr_fixed[1 + n - MSR_MTRR_FIX16K];
    if (n >= MSR_MTRR_FIX4K && n < MSR_MTRR_FIX4K + 8)
        return &c->mtrr_fixed[3 + n - MSR_MTRR_FIX4K];
    return n == MSR_MTRR_DEF_TYPE ? &c->mtrr_def_type : NULL;
}

/* MSRs that are plain storage in the vCPU; NULL when n is not one, or not of this model. */
static uint64_t *stored(struct vcpu *c, uint32_t n)
{
    switch (n) {
    case MSR_SYSENTER_ESP:
        return c->features & FEATURE_SEP ? &c->sysenter_esp : NULL;
    case MSR_SYSENTER_EIP:
        return c->features & FEATURE_SEP ? &c->sysenter_eip : NULL;
    case MSR_PAT:
        return c->features & FEATURE_PAT ? &c->pat : NULL;
    case MSR_MISC_ENABLE:
        return c->model == CPU_P4 ? &c->misc_enable : NULL;
    case MSR_DEBUGCTL:
        return c->model >= CPU_P2 ? &c->debugctl : NULL;
    case MSR_MCG_STATUS:
        return c->features & FEATURE_MCA ? &c->mcg_status : NULL;
    case MSR_BIOS_SIGN_ID:
        return c->model >= CPU_P2 ? &c->microcode_rev : NULL;
    default:
        return mtrr(c, n);
    }
}

/* Those that read as zero and ignore writes: nothing stands behind them. */
static bool is_inert(const struct vcpu *c, uint32_t n)
{
    switch (n) {
    case MSR_P5_MC_ADDR:
    case MSR_P5_MC_TYPE:
        return true;
    case MSR_PLATFORM_ID:
    case MSR_EBL_CR_POWERON:
    case MSR_BIOS_UPDT_TRIG:
    case MSR_MCG_CAP:
        return c->model >= CPU_P2;
    case MSR_PERFCTR0:
    case MSR_PERFCTR1:
    case MSR_EVNTSEL0:
    case MSR_EVNTSEL1:
        return c->model == CPU_P2 || c->model == CPU_P3;
    default:
        return false;
    }
}

static bool msr_read(struct vcpu *c, uint32_t n, uint64_t *value)
{
    const uint64_t *at = stored(c, n);
    *value = 0;
    if (at)
        *value = *at;
    else if (n == MSR_TSC)
        *value = vcpu_tsc(c);
    else if (n == MSR_SYSENTER_CS && (c->features & FEATURE_SEP))
        *value = c->sysenter_cs;
    else if (n == MSR_MTRR_CAP && (c->features & FEATURE_MTRR))
        *value = 0x508; /* WC, fixed ranges, eight variable ones */
    else if (n == MSR_EFER && cpu_model_info(c->model)->has_nx)
        *value = c->efer;
    else if (!is_inert(c, n))
        return c->host.msr_read && c->host.msr_read(c->host.ctx, n, value);
    return true;
}

/* Memory types are 0, 1, 4, 5, 6; PAT also has 7. */
static bool pat_is_valid(uint64_t pat)
{
    for (unsigned n = 0; n < 8; n++) {
        unsigned type = pat >> (8 * n) & 0xFF;
        if (type > 7 || type == 2 || type == 3)
            return false;
    }
    return true;
}

static bool write_efer(struct vcpu *c, uint64_t value)
{
    if (!cpu_model_info(c->model)->has_nx || (value & ~EFER_NXE))
        return false;
    c->efer = value;
    vcpu_update_paging(c);
    shadow_flush_all(c);
    return true;
}

static bool msr_write(struct vcpu *c, uint32_t n, uint64_t value)
{
    uint64_t *at = stored(c, n);
    if (n == MSR_PAT && !pat_is_valid(value))
        return false;
    if (n == MSR_BIOS_SIGN_ID) /* software writes 0 before it asks with CPUID */
        return at != NULL;
    if (at)
        *at = value;
    else if (n == MSR_TSC)
        c->tsc_offset += (int64_t)(value - vcpu_tsc(c));
    else if (n == MSR_SYSENTER_CS && (c->features & FEATURE_SEP))
        c->sysenter_cs = (uint32_t)value;
    else if (n == MSR_EFER)
        return write_efer(c, value);
    else if (!is_inert(c, n))
        return c->host.msr_write && c->host.msr_write(c->host.ctx, n, value);
    return true;
}

HANDLER_OUTLINE(rdmsr)
{
    require_cpl0(c, i);
    uint64_t value;
    if (!msr_read(c, c->reg[ECX].d, &value)) {
        log_once(c->log, c->reg[ECX].d, "RDMSR of %Xh, which the CPU does not have, at %08X: #GP",
                 c->reg[ECX].d, vcpu_pc(c));
        cpu_raise_error(c, VEC_GP, 0);
    }
    c->reg[EAX].d = (uint32_t)value;
    c->reg[EDX].d = (uint32_t)(value >> 32);
}

HANDLER_LAST(wrmsr)
{
    require_cpl0(c, i);
    uint64_t value = (uint64_t)c->reg[EDX].d << 32 | c->reg[EAX].d;
    if (!msr_write(c, c->reg[ECX].d, value)) {
        log_once(c->log, c->reg[ECX].d, "WRMSR of %Xh, which the CPU does not take, at %08X: #GP",
                 c->reg[ECX].d, vcpu_pc(c));
        cpu_raise_error(c, VEC_GP, 0);
    }
    c->eip = next_eip(c, i);
}
