/* frontend/debugger/view_machine.h: what the panels about the whole machine show; part of view.h.
 */
#ifndef UMBRA_FRONTEND_DEBUGGER_VIEW_MACHINE_H
#define UMBRA_FRONTEND_DEBUGGER_VIEW_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "partition/table_entry.h"

/* --- Counters, for plots: all count up ------------------------------------------------------- */

struct view_counters {
    uint64_t insns, interrupts, faults[32], tlb_fills, tlb_flushes, tlb_page_flushes;
    uint64_t port_reads, port_writes, dma_bytes, dma_denials;
    uint64_t blocks_built, blocks_dropped, code_writes;
    uint64_t window_faults, window_maps, window_unmaps, window_mappings; /* the host's MMU */
    uint64_t units, unit_entries, unit_helped, unit_polls, unit_missed;  /* translated code */
    uint64_t slept_ns, host_ns;
    bool has_windows, has_translator;
};

/* --- GDT, LDT, IDT, TSS ----------------------------------------------------------------------- */

enum view_table { VIEW_GDT, VIEW_LDT_TABLE, VIEW_IDT, VIEW_TSS, VIEW_TABLES };

struct view_entry {
    struct table_entry e;
    const char *kind; /* its name */
    bool is_gate;     /* target is known */
    uint32_t target;  /* gates: linear address they lead to */
};

#define VIEW_ENTRIES 256
struct view_tables {
    uint8_t table;
    unsigned entries; /* the whole table has */
    unsigned first, count;
    struct view_entry entry[VIEW_ENTRIES];
    char tss[1024]; /* VIEW_TSS: lines of text, or why there is none */
};

/* --- History ---------------------------------------------------------------------------------- */

enum view_history_kind {
    VIEW_HISTORY_INTERRUPT,
    VIEW_HISTORY_EXCEPTION,
    VIEW_HISTORY_SOFTWARE,
    VIEW_HISTORY_MODE,
    VIEW_HISTORY_RESET,
    VIEW_HISTORY_BLOCK,
};

struct view_event {
    uint64_t insns;
    uint32_t from_eip, to_eip, detail, cr2;
    uint16_t from_cs, to_cs;
    uint8_t kind, vector, mode;
};

#define VIEW_EVENTS 256
struct view_history {
    uint64_t delivered[3][256]; /* so far: interrupts, exceptions, INT n; by vector */
    unsigned count;
    struct view_event event[VIEW_EVENTS]; /* the latest first */
    const char *vector_name[32];          /* "#PF"; NULL: none */
    const char *vector_title[32];
};

/* --- Devices ---------------------------------------------------------------------------------- */

struct view_device {
    const char *name, *title;
    uint64_t port_reads, port_writes, mmio_reads, mmio_writes;
};

/* A field, or up to 8 units of an array. */
struct view_field {
    char name[64]; /* "channel[1].count" */
    const char *doc;
    int index; /* of the row's first unit in a long array; -1: none */
    uint8_t size, count;
    bool is_bool;
    uint64_t value[8];
};

#define VIEW_DEVICES 40
#define VIEW_FIELDS  512
struct view_devices {
    unsigned count, shown; /* shown: the device that field is of */
    struct view_device device[VIEW_DEVICES];
    unsigned field_count;
    bool more; /* fields were left out */
    struct view_field field[VIEW_FIELDS];
    unsigned pin_count;
    struct {
        const char *name;
        bool high;
    } pin[64];
};

/* --- DMA -------------------------------------------------------------------------------------- */

struct view_domain {
    const char *name, *policy;
    bool restricted; /* to what it was granted */
    uint64_t reads, writes, bytes_read, bytes_written, denials;
};

struct view_check {
    uint64_t time_ns, gpa, len;
    const char *device, *reason;
    bool write, denied, done;
};

#define VIEW_CHECKS 256
struct view_dma {
    unsigned domain_count;
    struct view_domain domain[VIEW_DEVICES];
    unsigned check_count;
    struct view_check check[VIEW_CHECKS]; /* the latest first */
};

/* --- An address through all levels ------------------------------------------------------------ */

struct view_level {
    const char *name; /* "PDE" */
    unsigned index, bytes;
    uint64_t gpa, raw; /* of the entry, UINT64_MAX: in a register; the entry */
    uint64_t reserved; /* bits set that must not be */
    uint64_t frame;    /* gpa that it points to */
    bool leaf;
};

struct view_address {
    int segment; /* -1: linear */
    uint32_t offset, linear;
    bool within_limit;
    bool paging, pae, mapped, large, a20;
    unsigned level_count;
    struct view_level level[3];
    bool user, user_writable, writable;         /* user may read, write; the kernel may write */
    uint64_t gpa;                               /* behind the A20 gate */
    const char *region;                         /* "RAM" */
    const char *device;                         /* who answers, or NULL */
    uint64_t region_base, region_size, machine; /* machine: UINT64_MAX for none */
    bool dirty, has_code;
    bool tlb[2][3]; /* user, supervisor; read, write, fetch: held in the soft TLB now */
    bool has_window, in_window, window_writable;
    bool watched; /* a watchpoint keeps the page out of the shadow */
    uint8_t bytes[16];
    unsigned byte_count;
};

/* What the page tables map, neighbours joined. */
struct view_range {
    uint64_t gva, gpa, size;
    bool user, writable, large;
};
struct view_region {
    uint64_t base, size, machine;
    const char *kind, *device;
};
#define VIEW_RANGES  512
#define VIEW_REGIONS 64
struct view_map {
    bool scanned, more;
    uint32_t cr3;
    unsigned range_count, region_count;
    struct view_range range[VIEW_RANGES];
    struct view_region region[VIEW_REGIONS];
};

/* --- Translation ------------------------------------------------------------------------------ */

struct view_unit_insn {
    uint32_t address;
    uint8_t length;
    uint16_t reads, writes, live; /* arithmetic flags; live: wanted by what follows */
    uint32_t host, host_end;      /* offsets in the unit's host code */
    bool soft;                    /* its memory access takes the soft TLB */
    uint8_t bytes[15];
};

#define VIEW_UNIT_INSNS 96
#define VIEW_HOST_BYTES 16384
struct view_translation {
    const char *engine;
    bool found;     /* there is a unit (translated), else the block that would be run */
    uint32_t at;    /* linear address asked for */
    uint32_t start; /* linear, of the first instruction */
    bool code32;
    unsigned count;
    struct view_unit_insn insn[VIEW_UNIT_INSNS];
    uint32_t host_len, hot_len, entry; /* bytes; entry: offset */
    uint64_t host_address;
    uint8_t host[VIEW_HOST_BYTES];
    unsigned link_count;
    struct {
        uint32_t eip;
        bool linked;
    } link[18];
};

#endif
