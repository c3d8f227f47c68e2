#ifndef UMBRA_BIOS_POST_H
#define UMBRA_BIOS_POST_H

/* POST's 32-bit half: flat addresses, no interrupts, no console. Its output is struct machine in
 * the services' data and the tables in memory. */
#include "../io.h"
#include "../layout.h"

/* The services know it as DS-relative; POST as a linear address. */
struct machine *the_machine(void);

#define LAPIC  0xFEE00000u
#define IOAPIC 0xFEC00000u

void memory_find(struct machine *m);
void pci_init(struct machine *m);
int pci_is_present(u16 bdf);

/* Room for tables below 1 MiB. table_space aligns to 16 bytes, table_bytes does not; both give
 * zeroed memory and stop POST (code FCh on port 80h) when there is no more. */
struct tables {
    u32 next;
};
void *table_space(struct tables *t, u32 bytes);
void *table_bytes(struct tables *t, u32 bytes);
u32 table_end(const struct tables *t);
/* What makes the sum of all bytes 0, when the checksum byte itself is 0. */
u8 checksum(const void *p, u32 bytes);
/* Writes a signature for which guests search memory, the ROM too. There it must not stand, or some
 * take the constant for the table (memtest86 4.3.7 does): its first byte is given inverted. */
void sign(void *to, const char *first_inverted, u32 bytes);

int has_apic(const struct machine *m);
u8 lapic_id(void);
u8 lapic_version(void);
u8 ioapic_id(void);
u8 ioapic_version(void);

void tables_build(const struct machine *m);
void smbios_build(const struct machine *m, struct tables *t);
void mp_build(const struct machine *m, struct tables *t);
void acpi_build(const struct machine *m, struct tables *t);

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int v, size_t n);

#endif
