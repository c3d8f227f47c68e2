/* devices/bus.h: all that a device can ask of its machine. Each device instance has its own
 * struct bus, so the machine always knows who is asking. Implemented by partition/ (the board) and,
 * for unit tests, by tests/devices/testbus. */
#ifndef UMBRA_DEVICES_BUS_H
#define UMBRA_DEVICES_BUS_H

#include "devices/device.h"

struct bus;

/* Drives output pin to level. Setting the level it already has does nothing. */
void bus_irq(struct bus *bus, unsigned pin, bool level);

/* Virtual time in ns since the partition was powered on. Never goes back. */
uint64_t bus_now(struct bus *bus);

/* Called by a read of a register: what the guest was given changes by time alone, or when a timer
 * of the device's fires. Who reads such a thing over and over waits (partition/pace.h). */
void bus_polled(struct bus *bus);

/* Wall-clock time of the guest in ns since 1970-01-01 UTC: for the RTC. Derived from virtual time.
 */
uint64_t bus_wall_clock(struct bus *bus);

/* Calls timer(id) once virtual time reaches deadline_ns (at once, but not from within this call,
 * when it is past). Replaces an earlier deadline of the same id. */
void bus_timer(struct bus *bus, unsigned id, uint64_t deadline_ns);
void bus_timer_cancel(struct bus *bus, unsigned id);

/* The device's own DMA domain (mmu/dma.h) decides. False: denied, nothing was moved; report a bus
 * error to the guest. */
must_use bool bus_dma_read(struct bus *bus, uint64_t gpa, void *buf, size_t len);
must_use bool bus_dma_write(struct bus *bus, uint64_t gpa, const void *buf, size_t len);

/* Move, enable or disable one of the device's port or MMIO ranges (index into its descriptor):
 * PCI BARs. */
void bus_port_map(struct bus *bus, unsigned range, uint16_t base, bool enabled);
void bus_mmio_map(struct bus *bus, unsigned range, uint64_t base, bool enabled);

/* Accesses to [offset, offset + size) of the range may go straight to these functions, which touch
 * nothing but the device's own state and memory: they call nothing of the bus. One device can have
 * one such part; size 0 takes it away. Whole pages. */
void bus_mmio_quick(struct bus *bus, unsigned range, uint64_t offset, uint64_t size,
                    quick_read_fn *read, quick_write_fn *write);

/* Memory that the device owns (video RAM): size bytes, and spare bytes behind them, zeroed, for
 * init only. NULL when there is no more. The guest sees the first size bytes where bus_vram_map
 * puts them; which pages the guest wrote is told by bus_vram_dirty: sets bit n of bitmap for page n
 * (of 4 KiB) and clears the page's mark; true if any. The device tells by bus_vram_wrote that it
 * wrote itself where the guest may have code. Offsets of spare bytes go on from size. */
uint8_t *bus_vram(struct bus *bus, size_t size, size_t spare);
void bus_vram_map(struct bus *bus, uint64_t base, bool enabled);
/* Puts an MMIO range of the device's in place of the video RAM's first size bytes where
 * bus_vram_map shows them: what they hold is elsewhere for now. size 0 takes it away. Whole pages.
 */
void bus_vram_cover(struct bus *bus, unsigned range, uint64_t size);
/* Also maps [offset, offset+size) of the video RAM or the spare bytes at base (the legacy window at
 * A0000h, where memory is linear), in place of MMIO range. enabled false gives the MMIO range back.
 * Whole pages. */
void bus_vram_window(struct bus *bus, unsigned range, uint64_t base, uint64_t offset, uint64_t size,
                     bool enabled);
bool bus_vram_dirty(struct bus *bus, size_t offset, size_t len, uint8_t *bitmap);
void bus_vram_wrote(struct bus *bus, size_t offset, size_t len);

/* --- For the chips that are part of the machine's fabric --- */

/* 8237: moves data between the DMA client wired to channel and transfer->buf. Returns bytes moved.
 */
size_t bus_dack(struct bus *bus, unsigned channel, struct dack *transfer);

/* LAPIC in virtual wire mode: the PIC's INTA cycle. */
int bus_interrupt_ack(struct bus *bus);

/* I/O APIC and LAPIC: a message to the LAPICs; an EOI to the I/O APICs. */
bool bus_apic_message(struct bus *bus, const struct apic_message *message);
void bus_apic_eoi(struct bus *bus, uint8_t vector);

/* PCI host bridge: a configuration cycle. No device there: reads give all ones. */
uint32_t bus_pci_read(struct bus *bus, unsigned pci_bus, unsigned devfn, unsigned reg,
                      unsigned size);
void bus_pci_write(struct bus *bus, unsigned pci_bus, unsigned devfn, unsigned reg, uint32_t value,
                   unsigned size);

/* PCI host bridge's PAM registers (82441FX, 3.2.13): what answers reads and writes of the 16 KiB
 * (or 64 KiB for the last) segment n: 0..11 are C0000 + n * 4000h, 12 is F0000-FFFFF. */
void bus_pam(struct bus *bus, unsigned segment, bool read_ram, bool write_ram);

/* The machine's log. Use log_once(bus_log(bus), guest-chosen key, ...) for what is not implemented.
 */
struct log *bus_log(struct bus *bus);

/* A request to the machine from a chip: power off (ACPI S5), suspend, reset by chip command. */
enum machine_request { MACHINE_POWER_OFF, MACHINE_RESET };
void bus_machine(struct bus *bus, enum machine_request request);

/* The debug-exit port: the guest asks to end the run with a status made from value. */
void bus_debug_exit(struct bus *bus, uint32_t value);

/* For log messages only: linear address of the guest instruction being executed, 0 if none. */
uint64_t bus_guest_pc(struct bus *bus);

#endif
