/* cpu/debug.c: see debug.h. */
#include "cpu/debug.h"

#include "cpu/shadow.h"

enum dr_kind { DR_EXEC, DR_WRITE, DR_IO, DR_ACCESS };

static enum dr_kind dr_kind(const struct vcpu *c, unsigned n)
{
    return (enum dr_kind)bits(c->dr[7], 17 + 4 * n, 16 + 4 * n);
}

/* Bytes covered: LEN 0, 1, 3 are 1, 2, 4; 2 is 8 on a CPU with it (SDM vol. 3, 17.2.4). */
static unsigned dr_length(const struct vcpu *c, unsigned n)
{
    static const uint8_t length[4] = {1, 2, 8, 4};
    return length[bits(c->dr[7], 19 + 4 * n, 18 + 4 * n)];
}

static bool dr_enabled(const struct vcpu *c, unsigned n)
{
    return c->dr[7] & (UINT64_C(3) << (2 * n));
}

/* Does [at, at + size) meet the naturally aligned range of breakpoint n? */
static bool dr_overlaps(const struct vcpu *c, unsigned n, uint32_t at, unsigned size)
{
    unsigned length = dr_length(c, n);
    uint32_t base = (uint32_t)c->dr[n] & ~(length - 1);
    return (uint64_t)base < (uint64_t)at + size && (uint64_t)at < (uint64_t)base + length;
}

void debug_update(struct vcpu *c)
{
    uint8_t had_data = c->data_breakpoints;
    c->code_breakpoints = c->data_breakpoints = c->io_breakpoints = 0;
    for (unsigned n = 0; n < 4; n++) {
        if (!dr_enabled(c, n))
            continue;
        uint8_t bit = (uint8_t)(1 << n);
        switch (dr_kind(c, n)) {
        case DR_EXEC:
            c->code_breakpoints |= bit;
            break;
        case DR_WRITE:
        case DR_ACCESS:
            c->data_breakpoints |= bit;
            break;
        case DR_IO: /* without CR4.DE this encoding is undefined: it never matches */
            if (c->cr4 & CR4_DE)
                c->io_breakpoints |= bit;
            break;
        }
    }
    if (had_data || c->data_breakpoints)
        shadow_watches_changed(c);
}

void debug_set(struct vcpu *c, unsigned n, uint32_t value)
{
    if (n == 6)
        value = (value & 0xE00F) | DR6_ONES;
    else if (n == 7)
        value = (value & 0xFFFF23FF) | DR7_ONES;
    c->dr[n] = value;
    debug_update(c);
}

bool debug_page_watched(const struct vcpu *c, uint32_t gva)
{
    for (unsigned n = 0; n < 4; n++) {
        if ((c->data_breakpoints >> n & 1) && dr_overlaps(c, n, gva & ~UINT32_C(0xFFF), 4096))
            return true;
    }
    return false;
}

void debug_data_access(struct vcpu *c, uint32_t gva, unsigned size, bool write)
{
    for (unsigned n = 0; n < 4; n++) {
        if (!(c->data_breakpoints >> n & 1) || (!write && dr_kind(c, n) == DR_WRITE) ||
            !dr_overlaps(c, n, gva, size))
            continue;
        c->dr6_pending |= UINT32_C(1) << n;
        vcpu_attend(c, EVENT_TRAP);
    }
}

void debug_io_access(struct vcpu *c, uint16_t port, unsigned size)
{
    for (unsigned n = 0; n < 4; n++) {
        if (!(c->io_breakpoints >> n & 1) || !dr_overlaps(c, n, port, size))
            continue;
        c->dr6_pending |= UINT32_C(1) << n;
        vcpu_attend(c, EVENT_TRAP);
    }
}

uint32_t debug_code_match(const struct vcpu *c, uint32_t gva)
{
    uint32_t hits = 0;
    for (unsigned n = 0; n < 4; n++) {
        if ((c->code_breakpoints >> n & 1) && (uint32_t)c->dr[n] == gva)
            hits |= UINT32_C(1) << n;
    }
    return hits;
}
