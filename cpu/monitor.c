/* cpu/monitor.c: see monitor.h. */
#include "cpu/monitor.h"

#include "cpu/access.h"

void monitor_arm(struct vcpu *c, uint32_t gva)
{
    uint64_t gpa;
    c->monitor.armed = false;
    gva &= ~(uint32_t)(MONITOR_LINE - 1);
    if (!linear_peek(c, gva, &gpa))
        return;
    const struct region *r = physmap_find(c->physmap, gpa);
    if (r->offset == NO_BACKING)
        return;
    c->monitor.offset = r->offset + (physmap_gate(c->physmap, gpa) - r->base);
    memcpy(c->monitor.line, physmap_host(c->physmap, c->monitor.offset), MONITOR_LINE);
    c->monitor.armed = true;
}

bool monitor_was_written(const struct vcpu *c)
{
    return memcmp(c->monitor.line, physmap_host(c->physmap, c->monitor.offset), MONITOR_LINE) != 0;
}
