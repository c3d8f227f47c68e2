/* partition/tables.h: the guest's descriptor tables, decoded: GDT, LDT, IDT, TSS (SDM vol.
 * 3, 3.4.5, 5.8, 6.11, 7.2). Read without side effects, as they stand in memory now, under the
 * current page tables: not what the CPU holds in its hidden registers. The partition's thread only.
 */
#ifndef UMBRA_PARTITION_TABLES_H
#define UMBRA_PARTITION_TABLES_H

#include "cpu/state.h"
#include "partition/table_entry.h"

/* Reads guest memory by linear address, with no side effect at all; MMIO reads as FFh. Returns the
 * bytes up to the first page that is not mapped. */
size_t peek_linear(struct vcpu *c, uint32_t gva, void *buf, size_t len);

const char *entry_kind_name(enum entry_kind kind);

/* How many entries the table has by its limit; 0 for an LDT that is not loaded. */
unsigned table_entries(const struct vcpu *c, enum table_kind table);
/* False beyond the table's limit. */
bool table_entry(struct vcpu *c, enum table_kind table, unsigned index, struct table_entry *out);
/* The entry that a selector names; false for a null one or beyond the limit. */
bool table_entry_by_selector(struct vcpu *c, uint16_t selector, struct table_entry *out);
/* One line, no line end: "0008 code 32-bit dpl 0 base 00000000 limit FFFFFFFF readable". */
void table_entry_text(const struct table_entry *e, struct bytes *out);

/* Where the segment of a selector begins, in the present mode. False: there is no such segment. */
bool selector_base(struct vcpu *c, uint16_t selector, uint32_t *base);

struct tss_view {
    bool wide; /* 386's: 32-bit registers */
    uint32_t base, limit;
    bool readable; /* all of what follows could be read */
    uint16_t link, ldt, iomap;
    uint32_t esp[3], cr3, eip, eflags, reg[8]; /* reg in enum gpr order */
    uint16_t ss[3], seg[SEG_COUNT];            /* seg in enum seg_reg order */
    bool trap;
};

/* The TSS at base. */
void tss_read(struct vcpu *c, uint32_t base, uint32_t limit, bool wide, struct tss_view *out);
/* The one that TR names. False when it has none (real mode). */
bool tss_current(struct vcpu *c, struct tss_view *out);
/* Several lines. */
void tss_text(const struct tss_view *t, struct bytes *out);

#endif
