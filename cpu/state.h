/* cpu/state.h: the state of one vCPU, complete and explicit. No part of it is global.
 *
 * Invariants
 *  - reg[REG_NONE] is always 0, so that an address without a base or an index needs no branch.
 *  - EFLAGS's arithmetic bits are kept lazily (see cpu/flags.h): read them only through
 *    flags_get, write them only through flags_set.
 *  - eip is current only between blocks. Within a block an instruction's address is
 *    block_eip + insn->offset, wrapped to the code size: use vcpu_eip().
 *  - Whoever may raise an exception has set cur to its instruction first (memory accesses do so on
 *    their slow path), so the instruction that faults is always known. Nothing need be undone: a
 *    handler changes registers only after its last access that can fault.
 *  - Derived values (tlb_view, the segments' read_len and write_len, mode) are recomputed by the
 *    function that changes their source (cr0, cpl, eflags.vm, ...), never by their readers. */
#ifndef UMBRA_CPU_STATE_H
#define UMBRA_CPU_STATE_H

#include <setjmp.h>

#include "base/bits.h"
#include "base/fields.h"
#include "base/log.h"
#include "cpu/insn.h"
#include "cpu/softfloat/softfloat.h"
#include "mmu/physmap.h"
#include "mmu/tlb.h"
#include "mmu/walk.h"
#include "mmu/window.h"

enum cpu_model {
    CPU_8086,
    CPU_186,
    CPU_286,
    CPU_386,
    CPU_486,
    CPU_PENTIUM,
    CPU_P2,
    CPU_P3,
    CPU_P4,
    CPU_MODELS
};
const char *cpu_model_name(enum cpu_model model);
/* False when there is no model of that name. */
bool cpu_model_find(const char *name, enum cpu_model *out);

enum gpr { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI };
/* What a segment lets through without a look at its limit and rights. */
enum segment_class {
    SEGMENT_CHECK, /* nothing */
    SEGMENT_64K,   /* reads and writes up to FFFFh at least */
    SEGMENT_WIDE,  /* ... of 4 GiB */
    SEGMENT_FLAT,  /* the same with base 0 */
};

#define MONITOR_LINE 64 /* bytes that MONITOR watches */
enum seg_reg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT };

/* One general register and its parts: al/cl/dl/bl are b.l, ah/ch/dh/bh are b.h. */
union gpr_value {
    uint64_t q;
    uint32_t d;
    uint16_t w;
    struct {
        uint8_t l, h;
    } b;
};

/* A segment register with its descriptor cache. attr holds descriptor bits 40..55 as they stand in
 * the second dword's bits 8..23 (limit bits 16..19 masked out), shifted down to bit 0:
 *
 *     15 14  13 12   11..8   7  6 5  4  3..0
 *     G  D/B L  AVL  (0)     P  DPL  S  type                                  (SDM vol. 3, 3.4.5)
 */
struct segment {
    uint16_t selector;
    uint16_t attr;
    uint32_t limit; /* in bytes, granularity applied: the last valid offset (expand-up) */
    uint64_t base;
    uint64_t
        read_len; /* offset + size <= read_len: a read needs no further check; else slow path */
    uint64_t write_len; /* the same for writes; 0 for read-only, expand-down, null segments */
};
#define SEG_ATTR_TYPE  0x000F
#define SEG_ATTR_S     0x0010
#define SEG_ATTR_DPL   0x0060
#define SEG_ATTR_P     0x0080
#define SEG_ATTR_AVL   0x1000
#define SEG_ATTR_L     0x2000
#define SEG_ATTR_DB    0x4000
#define SEG_ATTR_G     0x8000
#define SEG_ATTR_CODE  0x0008 /* type bit 3 (with S): code */
#define SEG_ATTR_EXPDN 0x0004 /* data: expand-down; code: conforming */
#define SEG_ATTR_WR    0x0002 /* data: writable; code: readable */
#define SEG_ATTR_A     0x0001

struct descriptor_table {
    uint64_t base;
    uint32_t limit;
};

#define FLAG_CF     UINT32_C(0x00000001)
#define FLAG_ONE    UINT32_C(0x00000002)
#define FLAG_PF     UINT32_C(0x00000004)
#define FLAG_AF     UINT32_C(0x00000010)
#define FLAG_ZF     UINT32_C(0x00000040)
#define FLAG_SF     UINT32_C(0x00000080)
#define FLAG_TF     UINT32_C(0x00000100)
#define FLAG_IF     UINT32_C(0x00000200)
#define FLAG_DF     UINT32_C(0x00000400)
#define FLAG_OF     UINT32_C(0x00000800)
#define FLAG_IOPL   UINT32_C(0x00003000)
#define FLAG_NT     UINT32_C(0x00004000)
#define FLAG_RF     UINT32_C(0x00010000)
#define FLAG_VM     UINT32_C(0x00020000)
#define FLAG_AC     UINT32_C(0x00040000)
#define FLAG_VIF    UINT32_C(0x00080000)
#define FLAG_VIP    UINT32_C(0x00100000)
#define FLAG_ID     UINT32_C(0x00200000)
#define FLAGS_ARITH (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

#define CR0_PE UINT32_C(0x00000001)
#define CR0_MP UINT32_C(0x00000002)
#define CR0_EM UINT32_C(0x00000004)
#define CR0_TS UINT32_C(0x00000008)
#define CR0_ET UINT32_C(0x00000010)
#define CR0_NE UINT32_C(0x00000020)
#define CR0_WP UINT32_C(0x00010000)
#define CR0_AM UINT32_C(0x00040000)
#define CR0_NW UINT32_C(0x20000000)
#define CR0_CD UINT32_C(0x40000000)
#define CR0_PG UINT32_C(0x80000000)

#define CR4_VME        UINT32_C(0x0001)
#define CR4_PVI        UINT32_C(0x0002)
#define CR4_TSD        UINT32_C(0x0004)
#define CR4_DE         UINT32_C(0x0008)
#define CR4_PSE        UINT32_C(0x0010)
#define CR4_PAE        UINT32_C(0x0020)
#define CR4_MCE        UINT32_C(0x0040)
#define CR4_PGE        UINT32_C(0x0080)
#define CR4_PCE        UINT32_C(0x0100)
#define CR4_OSFXSR     UINT32_C(0x0200)
#define CR4_OSXMMEXCPT UINT32_C(0x0400)

enum vector {
    VEC_DE = 0,
    VEC_DB = 1,
    VEC_NMI = 2,
    VEC_BP = 3,
    VEC_OF = 4,
    VEC_BR = 5,
    VEC_UD = 6,
    VEC_NM = 7,
    VEC_DF = 8,
    VEC_MP = 9, /* coprocessor segment overrun */
    VEC_TS = 10,
    VEC_NP = 11,
    VEC_SS = 12,
    VEC_GP = 13,
    VEC_PF = 14,
    VEC_MF = 16,
    VEC_AC = 17,
    VEC_MC = 18,
    VEC_XM = 19,
};

/* What asks for attention at the next instruction boundary. Set with vcpu_attend, from the
 * partition's thread only. */
enum vcpu_event {
    EVENT_INTR = 1,    /* the INTR line is high (level) */
    EVENT_NMI = 2,     /* an NMI edge is latched */
    EVENT_STOP = 4,    /* the partition wants the vCPU back */
    EVENT_INIT = 8,    /* the INIT/reset line */
    EVENT_BLOCKS = 32, /* the running block was dropped: leave it (self-modifying code) */
    EVENT_TRAP = 64,   /* a single-step or debug-register trap is due (see dr6_pending) */
    EVENT_STEP = 256,  /* the engine's own: return after one instruction */
    EVENT_DEBUG = 512, /* a debugger's step or watchpoint (cpu/stops.h) */
};

/* WAKE_EVENT: an event came since the engine looked last; what is masked (INTR with IF clear) stays
 * in events only. WAKE_ALONE: the engine runs one block, or one instruction, at a time. */
enum vcpu_wake { WAKE_EVENT = 1, WAKE_ALONE = 2 };

/* What STI, and MOV SS and POP SS, hold off for one instruction. A stack load also holds off debug
 * traps and the next instruction's breakpoint (SDM vol. 3, 6.8.3). */
enum inhibit { INHIBIT_NONE, INHIBIT_INTERRUPTS, INHIBIT_STACK };

/* What kind of code runs, as a set. */
enum vcpu_mode {
    MODE_PROTECTED = 1, /* CR0.PE */
    MODE_V86 = 2,
    MODE_CODE32 = 4, /* CS.D */
    MODE_PAGING = 8,
};

/* Why an engine's run came back. */
enum vcpu_exit {
    EXIT_BUDGET,   /* the budget is used up */
    EXIT_HALT,     /* HLT: wait for an interrupt */
    EXIT_STOP,     /* EVENT_STOP was set */
    EXIT_SHUTDOWN, /* triple fault */
    EXIT_RESET,    /* INIT/reset line */
    EXIT_DEBUG,    /* a debugger's stop: see vcpu.stops */
};

/* How a vCPU reaches the world beyond memory; set by the partition. */
struct vcpu_host {
    void *ctx;
    uint32_t (*port_read)(void *ctx, uint16_t port, unsigned size); /* size 1, 2, 4 */
    void (*port_write)(void *ctx, uint16_t port, uint32_t value, unsigned size);
    int (*interrupt_ack)(void *ctx);     /* INTA cycle: the vector, or -1 for none */
    uint64_t (*tsc)(void *ctx);          /* time stamp counter, from virtual time */
    void (*ferr)(void *ctx, bool level); /* FERR#: IRQ 13 */
    bool (*msr_read)(void *ctx, uint32_t msr, uint64_t *value); /* those of devices: APIC base */
    bool (*msr_write)(void *ctx, uint32_t msr, uint64_t value);
    bool has_apic; /* the board gave it a local APIC: CPUID says so */
};

struct x87 {
    struct f80 reg[8];        /* by physical number */
    uint16_t control, status; /* status without TOP; it stands in top */
    uint8_t top;
    uint8_t tag_empty; /* bit n: physical register n is empty; full tags are computed */
    uint16_t last_opcode, last_cs, last_ds;
    uint32_t last_ip, last_dp;
    bool pointers_hidden; /* for comparing engines: the five above are stored as zeros */
};

/* What FNSTENV, FNSAVE and FXSAVE store: the last five members of *f, or zeros. */
struct x87_pointers {
    uint16_t opcode, cs, ds;
    uint32_t ip, dp;
};
static inline struct x87_pointers x87_pointers(const struct x87 *f)
{
    if (f->pointers_hidden)
        return (struct x87_pointers){0};
    return (struct x87_pointers){f->last_opcode & 0x7FF, f->last_cs, f->last_ds, f->last_ip,
                                 f->last_dp};
}

union xmm {
    uint8_t b[16];
    uint16_t w[8];
    uint32_t d[4];
    uint64_t q[2];
    float f[4];
    double lf[2];
};

struct block;
struct block_cache;
struct stops;
struct history;

/* What was raised in turn the last time that something was delivered, until it went through or the
 * vCPU shut down: for those who explain a triple fault. */
#define FAULT_CHAIN 10
#define FAULT_FIRST 0x100 /* nothing was being delivered */
struct fault_chain {
    uint64_t insns;
    unsigned count;
    struct {
        uint8_t vector;
        bool has_error;
        uint16_t during; /* the vector that was being delivered, or FAULT_FIRST */
        uint32_t error, cr2;
    } fault[FAULT_CHAIN];
};

struct translator;

/* What translated code keeps beside the registers (translator/). It stands in the vCPU because that
 * is what translated code has a pointer to. */
struct translated {
    struct translator *translator; /* NULL: the engine is not the translator */
    uint64_t counter;              /* host address that counts instructions down */
    const uint8_t **jumps;         /* jump table in use: host code by token */
    uint32_t token;                /* of where host code goes on: unit_token */
    uint32_t page_mask;            /* PEXT mask: gva -> page number */
    uint64_t code_bits;            /* + host address / 8: where its bit of physmap_code_bits is */
    uint64_t byte_mask;            /* PEXT mask: host address / 8 */
    uint32_t bit_mask;             /* PEXT mask: its bit there */
    uint32_t low_bits[5];          /* PEXT masks: the bits of 1, 2, 4, 8 and 10 bytes */
    bool straight;                 /* a handler went on to the instruction behind its own */
    uint32_t spill;                /* a value kept over a second access */
    uint32_t x87_linear;           /* of the last x87 operand that went through the soft TLB */
    uint32_t x87_base;             /* of the last x87 operand's segment, where it is not flat */
    uint64_t window;               /* host address of the window in use */
    uint64_t return_sp, c_sp;      /* host stack pointers: translator/returns.h; of C */
    uint32_t flags;                /* host flags: OF in bit 0, LAHF's byte in bits 15..8 */
    uint64_t fpu_guard;            /* host address: see translator/fpu.h */
    uint32_t mxcsr_none;           /* PEXT mask: MXCSR bits that the guest's CPU lacks */
    uint32_t mxcsr_c;              /* MXCSR for C code */
    uint8_t xmm_live;              /* host code holds the guest's XMM registers and MXCSR */
};

struct vcpu {
    /* --- hot: touched by nearly every instruction --- */
    union gpr_value reg[17]; /* 0..7 eax.., 8..15 for long mode, 16 REG_NONE */
    uint64_t eip;            /* see the invariants above */
    uint64_t block_eip;      /* eip of the running block's first instruction */
    const struct insn *cur;  /* the instruction that may raise */
    /* lazy flags: see cpu/flags.h */
    uint32_t flag_result, flag_aux;
    uint32_t eflags;  /* all bits but the arithmetic ones: those that stand here mean nothing */
    uint32_t events;  /* set of enum vcpu_event */
    uint8_t wake;     /* set of enum vcpu_wake: when not 0, no block is chained */
    uint8_t tlb_view; /* enum tlb_view: user when CPL is 3 */
    uint8_t cpl;      /* 0..3; 3 in V86 mode, 0 in real mode */
    uint8_t code32;   /* CS.D: 1 for 32-bit code */
    uint8_t stack32;  /* SS.B: 1 when ESP is used, 0 for SP */
    bool code_8086;   /* real or V86 mode, and CS is as these load it: 64 KiB at selector << 4 */
    uint16_t
        segment_classes; /* enum segment_class of register s in bits 2s, 2s+1: segment_update */
    /* chaining of blocks: kept by the engine, see cpu/block.h */
    struct block *block;     /* the block being run, or NULL */
    struct block *link_from; /* wants its successor in link_slot filled in, or NULL */
    uint8_t link_slot;
    struct block **jump_cache; /* blocks by linear address */
    struct {
        struct insn *at; /* the running block is left before this instruction, or NULL */
        insn_handler *run;
    } cut;
    struct {
        struct block *block; /* was left, or not entered, for an event or the budget; or NULL */
        uint64_t key;        /* jump-cache key of the instruction that is next */
        unsigned first;      /* its index in block */
    } resume;
    uint64_t code_key;     /* mode and generation part of a jump-cache key */
    uint64_t code_len;     /* CS limit + 1, at most 10000h for 16-bit code */
    uint64_t insns;        /* retired up to the start of the running block; a fault counts as one */
    uint64_t insns_end;    /* run returns EXIT_BUDGET when insns gets there */
    uint64_t string_bytes; /* about as many were moved by repeated instructions: vcpu_work */
    struct translated translated;
    struct stops *stops; /* a debugger's, or NULL: none are set (cpu/stops.h keeps it) */
    bool stepping;       /* by a debugger: one instruction at a time */
    bool watching;       /* a debugger's watchpoints are set, or there is a witness */
    bool history_blocks; /* blocks entered are recorded: cpu/history.h */
    bool interpret;      /* the engine is to use interp_run: what a debugger asked for needs it */
    struct witness *witness; /* hears of each access, or NULL: cpu/witness.h */
    uint32_t stop_on; /* set of enum stop_event_kind that a debugger waits for (cpu/stops.h) */
    uint32_t mode;    /* set of enum vcpu_mode, derived: kept by vcpu_note_mode */
    struct segment seg[SEG_COUNT];
    struct tlb tlb;

    /* --- system state --- */
    struct segment ldtr, tr;
    struct descriptor_table gdtr, idtr;
    uint32_t cr0, cr2, cr4;
    uint64_t cr3;
    uint64_t pdpte[4]; /* PAE: loaded at MOV CR3 (SDM vol. 3, 4.4.1) */
    uint64_t dr[8];
    uint32_t dr6_pending; /* DR6 bits of the trap due at the next boundary */
    uint64_t efer;
    uint32_t sysenter_cs;
    uint64_t sysenter_esp, sysenter_eip;
    uint64_t pat, mtrr_def_type, mtrr_phys[16], mtrr_fixed[11];
    int64_t tsc_offset; /* guest TSC = host.tsc + tsc_offset */
    uint64_t microcode_rev, misc_enable, debugctl, mcg_status;
    bool halted;
    bool frozen; /* the x87 waits for its error to be seen to: on the way to run_land_fault only */
    bool ignne;  /* the IGNNE# pin is asserted: x87 errors are ignored */
    struct {
        bool armed;      /* by MONITOR */
        bool waiting;    /* halted by MWAIT */
        uint64_t offset; /* machine offset of the line */
        uint8_t line[MONITOR_LINE];
    } monitor;        /* cpu/monitor.h */
    bool nmi_blocked; /* until IRET */
    uint8_t inhibit;  /* enum inhibit: what is held off until the next instruction has run */
    bool shutdown;
    struct x87 x87;
    union xmm xmm[8];
    uint32_t mxcsr;

    /* --- derived: vcpu_derive and debug_update recompute them --- */
    struct walk_mode walk;
    bool align_check;         /* CR0.AM, EFLAGS.AC and CPL 3: misaligned data is #AC */
    uint8_t code_breakpoints; /* DR7: sets of bit n for DRn, those that are enabled */
    uint8_t data_breakpoints;
    uint8_t io_breakpoints;

    /* --- what is being raised --- */
    struct {
        uint8_t vector;
        bool has_error;
        uint32_t error;
    } fault;
    uint8_t fault_ext; /* EXT bit for error codes: an event from outside is being delivered */
    jmp_buf *unwind;   /* where a raised exception lands */

    /* --- surroundings --- */
    enum cpu_model model;
    uint64_t features; /* set of FEATURE_ bits (cpu/feature.h), from the model */
    struct physmap *physmap;
    struct log *log;
    struct vcpu_host host;
    struct windows *windows;           /* the other form of shadow map, or NULL: cpu/shadow.h */
    struct physmap_listener *listener; /* flushes the TLB when the map changes */
    struct block_cache *blocks;
    struct history *history;
    struct fault_chain fault_chain;
    uint64_t faults[32]; /* counters, by vector */
    uint64_t interrupts;
};

/* A vCPU in its reset state. NULL when out of memory. The physmap and log must outlive it. */
struct vcpu *vcpu_create(enum cpu_model model, struct physmap *physmap, struct log *log,
                         struct vcpu_host host);
void vcpu_destroy(struct vcpu *c);

/* The state after RESET# (SDM vol. 3, 9.1.1): CS:IP F000:FFF0 with base FFFF0000. */
void vcpu_reset(struct vcpu *c);

/* Persistent members, for save, load and the debugger. Call vcpu_state_flush before saving (it
 * folds lazy state in) and vcpu_state_loaded after loading (it recomputes what is derived). */
extern const struct field vcpu_fields[];
void vcpu_state_flush(struct vcpu *c);
void vcpu_state_loaded(struct vcpu *c);

/* Recomputes all that is derived from CR0, CR4, EFER, CPL, EFLAGS and the segment registers. */
void vcpu_derive_mode(struct vcpu *c);
/* The same, and flushes what was cached under the old mode. For rare changes: reset, loading. */
void vcpu_derive(struct vcpu *c);

/* Has the running block left after its current instruction when c->wake is set, else where the
 * budget is used up (cpu/block_stops.c). vcpu_attend calls it. */
void block_leave(struct vcpu *c);

/* Halts: the next interrupt wakes it. monitor: a write to the armed line does so, too. */
static inline void vcpu_halt(struct vcpu *c, bool monitor)
{
    c->halted = true;
    c->monitor.waiting = monitor;
}

static inline void vcpu_attend(struct vcpu *c, uint32_t events)
{
    c->events |= events;
    c->wake |= WAKE_EVENT;
    if (c->block)
        block_leave(c);
}

/* Address (offset in CS) of the instruction being executed. */
static inline uint32_t vcpu_eip(const struct vcpu *c)
{
    if (!c->cur)
        return (uint32_t)c->eip;
    uint32_t eip = (uint32_t)c->block_eip + c->cur->offset;
    return c->code32 ? eip : eip & 0xFFFF;
}

/* The present mode is another one: history and debugger hear of it. */
void vcpu_mode_changed(struct vcpu *c, uint32_t mode);

/* After anything that may have changed the mode (enum vcpu_mode). */
static inline void vcpu_note_mode(struct vcpu *c)
{
    uint32_t mode = c->code32 ? MODE_CODE32 : 0;
    if (c->cr0 & CR0_PE)
        mode |= MODE_PROTECTED | (c->eflags & FLAG_VM ? MODE_V86 : 0) |
                (c->cr0 & CR0_PG ? MODE_PAGING : 0);
    if (unlikely(mode != c->mode))
        vcpu_mode_changed(c, mode);
}

/* Linear address of the instruction being executed; what log_once is keyed by. */
static inline uint32_t vcpu_pc(const struct vcpu *c)
{
    return (uint32_t)c->seg[SEG_CS].base + vcpu_eip(c);
}

static inline bool vcpu_is_real(const struct vcpu *c)
{
    return !(c->cr0 & CR0_PE);
}

static inline bool vcpu_is_v86(const struct vcpu *c)
{
    return c->eflags & FLAG_VM;
}

static inline bool vcpu_is_protected(const struct vcpu *c)
{
    return (c->cr0 & CR0_PE) && !(c->eflags & FLAG_VM);
}

#endif
