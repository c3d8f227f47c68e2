/* translator/unit.h: a unit of translated code.
 *
 * A unit is made from one or more blocks (cpu/block.h) of one page: the first, and what follows it
 * when its conditional branches are not taken. It is entered at its start only (and behind a CALL,
 * see returns.h) and left at any branch.
 *
 *     indirect entry   is R10 my token? if not: miss
 *     entry            poll: load from [counter - insns]; faults when the budget ends in this unit
 *     insn 0 ..        host code of each instruction, in order
 *                      branches jump straight to another unit's entry, or to an exit below
 *     cold part        slow paths and unlinked exits
 *
 * Units are found by where the guest's bytes lie, by key (what of the vCPU's mode was built into
 * the code) and by eip: unit_index.h. They go when one of their blocks does. */
#ifndef UMBRA_TRANSLATOR_UNIT_H
#define UMBRA_TRANSLATOR_UNIT_H

#include "cpu/block.h"

#define UNIT_MAX_BLOCKS 8
#define UNIT_MAX_INSNS  96
/* An instruction's refusals (cpu/insn.h) count what its accesses met: */
#define UNIT_SOFT_AFTER   3 /* the window does not serve it: the soft TLB does */
#define UNIT_BESIDE_AFTER 6 /* and it writes beside code: its host code looks where that is */
/* Its strays count windows in which it, the supervisor's, faulted at a page of the users': */
#define UNIT_STRAYS 8 /* the soft TLB serves it, too: each process has its own such pages */

/* Room for the links of a unit: the branch that ends each block, what follows the last; a spare. */
static inline unsigned unit_link_room(unsigned blocks)
{
    return blocks + 2;
}

/* What of the mode is built into a unit. For each segment register two bits: enum segment_class. */
#define KEY_CODE32       1u
#define KEY_STACK32      2u
#define KEY_USER         4u
#define KEY_WINDOW       8u  /* memory through the window; else the soft TLB */
#define KEY_FPU          16u /* x87, MMX and SSE instructions are native; else by handlers */
#define KEY_CODE_FLAT    32u /* CS: base 0, limit 4 GiB */
#define KEY_DF           64u
#define KEY_8086         128u       /* vcpu.code_8086: segment registers load as on the 8086 */
#define KEY_SMALL        (1u << 20) /* other 16-bit code in a segment of at most 64 KiB */
#define KEY_FAR          (KEY_8086 | KEY_SMALL)    /* one jump table leads to many code segments */
#define KEY_ONE_TABLE    (KEY_CODE_FLAT | KEY_FAR) /* no code segment has a jump table of its own */
#define KEY_FORM         (KEY_WINDOW | KEY_FPU) /* the translator's choice, not the guest's mode */
#define KEY_SEG_SHIFT(s) (8 + 2 * (s))

static inline enum segment_class key_segment(uint32_t key, unsigned seg)
{
    return (enum segment_class)(key >> KEY_SEG_SHIFT(seg) & 3);
}

static inline bool code_is_small(const struct vcpu *c)
{
    return !c->code32 && !c->code_8086 && c->seg[SEG_CS].limit <= 0xFFFF;
}

/* The key of the vCPU's present mode, without KEY_FORM. Small code goes from segment to segment, of
 * all sizes: there every access but to the stack looks at the limit (SEGMENT_CHECK, which is 0), so
 * that one unit serves for all. */
static inline uint32_t key_of(const struct vcpu *c)
{
    uint32_t key = (c->code32 ? KEY_CODE32 : 0) | (c->stack32 ? KEY_STACK32 : 0) |
                   (c->tlb_view == TLB_USER ? KEY_USER : 0) | (c->eflags & FLAG_DF ? KEY_DF : 0);
    const struct segment *cs = &c->seg[SEG_CS];
    if (c->code32 && cs->base == 0 && cs->limit == UINT32_MAX)
        key |= KEY_CODE_FLAT;
    uint32_t classes = c->segment_classes;
    if (c->code_8086) {
        key |= KEY_8086;
    } else if (code_is_small(c)) {
        key |= KEY_SMALL;
        classes &= 3u << 2 * SEG_SS;
    }
    return key | classes << KEY_SEG_SHIFT(0);
}

#define ACCESS_SIZE  31u /* mask; 0: there is none, or not one alone */
#define ACCESS_WRITE 32u /* it may be written */
#define ACCESS_STACK 64u /* at the top of the stack, not where ModRM says */
#define ACCESS_SSE   128u

/* One guest instruction of a unit. Kept small, as all of these: what units take of the host's
 * memory has to be zeroed, and found again in cold memory. */
struct unit_insn {
    const struct insn *insn; /* the block's: it stands until the next block_find when that goes */
    uint16_t at;             /* its eip less the unit's */
    uint16_t host, resume; /* its code, and where the unit goes on behind it: offsets from start */
    uint8_t into, rest;    /* instructions of its block before it, and behind it */
    int8_t esp_before, esp_behind; /* the guest's ESP less what host code has (x86_64/stack.c) */
    uint8_t access;                /* its one memory operand: ACCESS_SIZE of bytes, and more */
    uint8_t device;                /* enum device_form, and the ALU's operation */
    uint8_t fpu : 2;               /* enum fpu_level that holds from here on */
    bool x87 : 1;                  /* its handler looks at the x87 or MMX state */
    bool soft : 1;        /* its memory access goes through the soft TLB also in a window unit */
    bool beside : 1;      /* ... and writes beside code */
    uint8_t imm_size : 3; /* its host code ends with its immediate, of so many bytes; 0: not so */
};

/* A way out of a unit to a known eip. */
struct unit_link {
    struct unit *to;           /* or NULL */
    struct unit_link *next_in; /* of those that go to the same unit */
    uint32_t eip;
    uint32_t from;  /* the unit's id */
    uint16_t patch; /* displacement of the jump: offset from start */
    uint16_t exit;  /* unlinked: it goes here; the same */
    bool landing;   /* behind a CALL: see returns.h */
    bool around;    /* by way of the jump table, for good */
};

/* A place in host code that says where the unit stands: see backend_move. */
struct unit_fix {
    uint16_t at : 14, kind : 2; /* offset from start */
};
#define UNIT_FIX_REACH (1u << 14) /* places beyond cannot be named */

/* Room for the places: its own eip, what a CALL pushes, where that returns to; two for each jump to
 * another page. */
static inline unsigned unit_fix_room(unsigned links)
{
    return 3 + 2 * links;
}

/* A unit's membership in the list of a block's units. */
struct unit_part {
    struct unit *unit;
    struct block *block;
    struct unit_part *next, **at; /* of the same block; what points here */
};

struct unit {
    /* What finding it looks at, in one line of the host's cache. */
    struct unit *hash_next; /* of those in the same chain: see unit_index.c */
    const uint8_t *code;    /* the guest's bytes at its start, in host memory */
    uint32_t key;
    uint32_t eip;
    uint32_t gva;     /* linear address of the start */
    uint32_t limit;   /* of the code segment it is for: all that it leads to lies within, too */
    uint32_t segment; /* token of eip 0: see unit_token */
    const uint8_t *indirect, *entry; /* where they run */
    uint8_t insns, parts, links, link_room;
    uint16_t landing; /* where the CALL at its end returns to: offset from start; 0: nowhere */
    bool dead : 1;
    bool crosses : 1; /* its first block does, into another page */
    bool stays : 1;   /* it holds for this eip only: see unit_moves.h */
    uint8_t lent;     /* times a soft unit served where there is a window; see unit_for */
    uint32_t id;      /* index in the translator's table */
    /* The rest. */
    const uint8_t *start;    /* its first byte, where it runs */
    uint16_t size, hot_size; /* of its code in bytes; up to the cold part */
    uint16_t room;           /* bytes that it may take at start */
    uint16_t bytes;          /* of this allocation */
    uint16_t noted;          /* bit per jump table that may lead to it */
    uint16_t fixes;
    uint32_t address_index;     /* in the translator's list by address */
    uint64_t root, top;         /* the address space that it was made in: CR3's table, PDPTE */
    struct unit *newer, *older; /* ring of units of the same code and key: see unit_index.c */
    union {
        struct unit_link *linked_by;
        struct unit *next_dead;
    };
    struct unit_part *part;  /* parts of them, in this same allocation */
    struct unit_link *link;  /* links of them, the same; room for link_room while it is made */
    struct unit_fix *fix;    /* room for unit_fix_room(link_room), the same */
    struct unit_insn insn[]; /* insns of them */
};

/* Bytes of the guest's code, from its first instruction to the end of its last. */
static inline uint32_t unit_guest_bytes(const struct unit *u)
{
    const struct unit_insn *last = &u->insn[u->insns - 1];
    return last->at + (uint32_t)last->insn->len;
}

static inline uint32_t insn_eip(const struct unit *u, const struct unit_insn *ui)
{
    return u->eip + ui->at;
}

/* What a jump names its target by, its token: eip in the code segment that the jump table is for;
 * where one is for many (KEY_FAR), CS:IP in 8086 code, else the segment's number and IP
 * (code_segments.h). */
static inline uint32_t unit_token(const struct unit *u, uint32_t eip)
{
    return u->segment | eip;
}

#endif
