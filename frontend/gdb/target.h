/* frontend/gdb/target.h: what gdb is told about the machine: registers and memory, as XML. */
#ifndef UMBRA_FRONTEND_GDB_TARGET_H
#define UMBRA_FRONTEND_GDB_TARGET_H

#include "partition/registers.h"

/* The target description: the table of partition/registers.c. code16: the CPU runs 16-bit code now,
 * so gdb starts as i8086 and disassembles it rightly; everything else is the same in every mode, so
 * a mode change never changes the register packet. */
void gdb_target_xml(struct bytes *out, bool code16);

/* The linear address space: all of it may be mapped by the guest. */
void gdb_memory_map_xml(struct bytes *out);

#endif
