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
    uint64_t machine = physmap_machine(c->physmap, physmap_find(c->physmap, gpa), gpa);
    if (machine == NO_BACKING)
        return;
    c->monitor.offset = machine;
    memcpy(c->monitor.line, physmap_host(c->physmap, machine), MONITOR_LINE);
    c->monitor.armed = true;
}

bool monitor_was_written(const struct vcpu *c)
{
    return memcmp(c->monitor.line, physmap_host(c->physmap, c->monitor.offset), MONITOR_LINE) != 0;
}
