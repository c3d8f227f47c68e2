/* partition/table_entry.h: one entry of a descriptor table, decoded (partition/tables.h). Plain
 * data, for C and C++: the debugger's window shows it as it is. */
#ifndef UMBRA_PARTITION_TABLE_ENTRY_H
#define UMBRA_PARTITION_TABLE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

enum table_kind { TABLE_GDT, TABLE_LDT, TABLE_IDT };

enum entry_kind {
    ENTRY_EMPTY, /* all zero */
    ENTRY_CODE,
    ENTRY_DATA,
    ENTRY_LDT,
    ENTRY_TSS,
    ENTRY_CALL_GATE,
    ENTRY_INTERRUPT_GATE,
    ENTRY_TRAP_GATE,
    ENTRY_TASK_GATE,
    ENTRY_RESERVED, /* a system type that does not exist */
    ENTRY_VECTOR,   /* real mode's vector table: selector:offset */
};

struct table_entry {
    enum table_kind table;
    unsigned index;
    uint32_t address; /* linear, of the entry */
    bool readable;    /* it lies in a mapped page; if not, nothing below is known */
    uint64_t raw;
    enum entry_kind kind;
    bool present;
    uint8_t dpl;
    bool wide; /* D/B of a segment; a 32-bit gate or TSS */
    /* Segments, LDT, TSS. */
    uint32_t base, limit; /* linear; last valid offset, granularity applied */
    bool granular, accessed;
    bool writable;  /* code: readable */
    bool direction; /* data: expand-down; code: conforming */
    bool busy;      /* TSS */
    /* Gates and vectors. */
    uint16_t selector;
    uint32_t offset;
    uint8_t params;
};

#endif
