/* devices/apic/lapic.h: the local APIC (SDM vol. 3, chapter 11), xAPIC mode, at FEE00000h.
 *
 *   INTR of the 8259s -> LINT0 (ExtINT at reset: virtual wire) \
 *   NMI               -> LINT1                                  > IRR -> priority -> output "INTR"
 *   I/O APIC messages, own timer, self IPIs                    /
 *
 * While disabled (APIC base MSR) it is transparent: "INTR" follows the 8259s and INTA goes there.
 */
#ifndef UMBRA_DEVICES_APIC_LAPIC_H
#define UMBRA_DEVICES_APIC_LAPIC_H

#include "devices/device.h"

/* No config. Inputs "LINT0", "LINT1"; outputs "INTR", "NMI", "INIT". */
extern const struct device_class lapic_class;

/* MSR 1Bh, APIC base. Writing returns false for reserved bits (the CPU raises #GP). */
bool lapic_msr_read(const void *state, uint64_t *value);
bool lapic_msr_write(void *state, uint64_t value);

#endif
