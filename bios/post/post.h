#ifndef UMBRA_BIOS_POST_H
#define UMBRA_BIOS_POST_H

/* POST's 32-bit half: flat addresses, no interrupts, no console. Its output is struct machine in
 * the services' data and the tables in memory. */
#include "../io.h"
#include "../layout.h"

/* The services know it as DS-relative; POST as a linear address. */
struct machine *the_machine(void);

void memory_find(struct machine *m);
void pci_init(struct machine *m);

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int v, size_t n);

#endif
