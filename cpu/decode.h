/* cpu/decode.h: guest bytes -> struct insn, and the opcode table as data.
 *
 * A struct decoder is the opcode table (cpu/opcodes.def) indexed for one CPU model: it is constant
 * once made, and belongs to the vCPU's block cache. */
#ifndef UMBRA_CPU_DECODE_H
#define UMBRA_CPU_DECODE_H

#include "cpu/feature.h"
#include "cpu/insn.h"
#include "cpu/state.h"

enum opcode_map { MAP_1B, MAP_0F, MAP_0F38, MAP_0F3A, OPCODE_MAPS };

enum opcode_row {
    OPROW_INVALID, /* no such instruction: #UD */
#define ROW(id, ...) OPROW_##id,
#include "cpu/opcodes.def"
#undef ROW
    OPCODE_ROWS
};

/* Operand forms: Intel's letters (SDM vol. 2, A.2.1, A.2.2). b byte, w word, d doubleword, q
 * quadword, v word or doubleword by operand size, dq 16 bytes; others say so. */
enum operand {
    OPND_NONE,
    /* ModRM.rm: register or memory */
    OPND_Eb,
    OPND_Ew,
    OPND_Ed,
    OPND_Ev,
    /* ModRM.rm: memory only (the row's form says so) */
    OPND_M, /* address only, or of a size of its own: LEA, FXSAVE, x87 environments */
    OPND_Mb,
    OPND_Mw,
    OPND_Md,
    OPND_Mq,
    OPND_Mdq,
    OPND_Mt, /* 80 bits */
    OPND_Ma, /* two of operand size: BOUND */
    OPND_Mp, /* far pointer */
    OPND_Ms, /* descriptor-table register image, 6 bytes */
    /* ModRM.rm: register only */
    OPND_Rd,
    OPND_Rv,
    /* ModRM.reg */
    OPND_Gb,
    OPND_Gw,
    OPND_Gd,
    OPND_Gv,
    OPND_Sw, /* segment register */
    OPND_Cd, /* control register */
    OPND_Dd, /* debug register */
    OPND_Td, /* test register */
    /* register in the opcode's low 3 bits */
    OPND_Zb,
    OPND_Zv,
    /* immediates; Ibs is sign-extended to operand size */
    OPND_Ib,
    OPND_Ibs,
    OPND_Iw,
    OPND_Iv,
    OPND_Ib2, /* ENTER's level: a byte after another immediate (insn.disp) */
    OPND_Jb,
    OPND_Jv,
    OPND_Ap, /* far pointer: offset in imm, selector in disp */
    OPND_Ob, /* memory at an absolute offset */
    OPND_Ov,
    /* string operands */
    OPND_Xb,
    OPND_Xv,
    OPND_Yb,
    OPND_Yv,
    /* fixed */
    OPND_AL,
    OPND_AX,
    OPND_eAX, /* AX or EAX by operand size */
    OPND_CL,
    OPND_DX,
    OPND_One,
    OPND_Three,
    OPND_ES,
    OPND_CS,
    OPND_SS,
    OPND_DS,
    OPND_FS,
    OPND_GS,
    /* x87 */
    OPND_ST0,
    OPND_STi, /* ModRM.rm */
    /* MMX: P = ModRM.reg, Q = ModRM.rm or memory, N = ModRM.rm register only */
    OPND_Pd,
    OPND_Pq,
    OPND_Qd,
    OPND_Qq,
    OPND_Nq,
    /* SSE: V = ModRM.reg, W = ModRM.rm or memory, U = ModRM.rm register only; the size is that of a
     * memory operand */
    OPND_Vd,
    OPND_Vq,
    OPND_Vdq,
    OPND_Ww,
    OPND_Wd,
    OPND_Wq,
    OPND_Wdq,
    OPND_Udq,
    OPND_FORMS
};

/* insn.form is packed: bit 0 has ModRM, bit 1 +r, bits 2-3 mod (1 memory, 2 register), bit 4 ext
 * given, bits 5-7 ext, bit 8 rm given, bits 9-11 rm. */
enum opcode_form {
    NO_MODRM = 0,
    PLUS_R = 2,
    MODRM = 1,
    MODRM_MEM = 1 | 1 << 2,
    MODRM_REG = 1 | 2 << 2,
};
#define EXT(n)       (MODRM | 1 << 4 | (n) << 5)
#define EXT_MEM(n)   (MODRM_MEM | 1 << 4 | (n) << 5)
#define EXT_REG(n)   (MODRM_REG | 1 << 4 | (n) << 5)
#define EXT_RM(n, r) (MODRM_REG | 1 << 4 | (n) << 5 | 1 << 8 | (r) << 9)

enum opcode_prefix { PFX_ANY, PFX_NONE, PFX_66, PFX_F3, PFX_F2 };
enum opcode_attr { ENDS = 1, LOCKABLE = 2, STRING = 4 };

/* Sets of arithmetic flags, for the columns reads and writes. */
#define F_C      FLAG_CF
#define F_Z      FLAG_ZF
#define F_O      FLAG_OF
#define F_S      FLAG_SF
#define F_P      FLAG_PF
#define F_A      FLAG_AF
#define F_CZ     (FLAG_CF | FLAG_ZF)
#define F_SO     (FLAG_SF | FLAG_OF)
#define F_SZO    (FLAG_SF | FLAG_ZF | FLAG_OF)
#define F_AC     (FLAG_AF | FLAG_CF)
#define F_OC     (FLAG_OF | FLAG_CF)
#define F_ZPC    (FLAG_ZF | FLAG_PF | FLAG_CF)
#define F_SZAPC  (FLAGS_ARITH & ~FLAG_OF)
#define F_OSZAP  (FLAGS_ARITH & ~FLAG_CF)
#define F_OSZAPC FLAGS_ARITH

/* One row of the table, as data. */
struct opcode {
    const char *mnemonic;
    uint8_t map, opcode, prefix, attrs;
    uint16_t form;
    uint8_t operands[3];
    uint8_t first_model, last_model;
    uint16_t reads, writes;
    uint64_t feature;
    insn_handler *handler[4]; /* memory or no ModRM: 16, 32-bit operand size; register: 16, 32 */
};

/* The row's data; row is below OPCODE_ROWS. */
const struct opcode *opcode_row(unsigned row);

/* Intel's name of a decoded instruction, without prefixes: of "cbw|cwde" the one meant. */
void insn_mnemonic(const struct insn *i, char out[20]);

/* What follows ModRM and displacement. */
enum immediate {
    IMM_NONE,
    IMM_BYTE,        /* zero-extended */
    IMM_BYTE_SIGNED, /* sign-extended */
    IMM_WORD,
    IMM_OSIZE,     /* by operand size, sign-extended */
    IMM_WORD_BYTE, /* ENTER */
    IMM_FAR,       /* offset by operand size, then selector */
    IMM_MOFFS,     /* an absolute address, by address size */
};

struct decoder {
    enum cpu_model model;
    uint64_t features;
    uint16_t nodes;
    uint16_t first[OPCODE_MAPS][256]; /* chains of rows, in the table's order; 0 ends */
    uint16_t link[OPCODE_ROWS * 8];   /* per node of a chain: the next */
    uint16_t row[OPCODE_ROWS * 8];    /* per node: the row */
    uint8_t immediate[OPCODE_ROWS];   /* per row: enum immediate */
};

/* What an instruction that cannot be executed runs: they raise #UD and #GP(0). */
insn_handler op_undefined, op_too_long;

/* Indexes the table for a model with a set of features. */
void decoder_init(struct decoder *d, enum cpu_model model, uint64_t features);

enum decode_status {
    DECODE_OK,
    DECODE_INVALID,  /* #UD: *out is filled, run raises it */
    DECODE_TOO_LONG, /* above 15 bytes (the model's limit): #GP(0), likewise */
    DECODE_MORE,     /* avail ends within the instruction: *out is not meaningful */
};

/* Decodes the instruction at bytes; at most avail of them are read. code32 is CS.D. All of *out is
 * set but offset. */
must_use enum decode_status decode_insn(const struct decoder *d, const uint8_t *bytes, size_t avail,
                                        bool code32, struct insn *out);
/* Bytes of i, which stand at bytes, changed from byte `from` of it on. True: they are of its
 * immediate, and i has the new one. False: it must be decoded anew. */
bool decode_immediate(const struct decoder *d, const uint8_t *bytes, unsigned from, struct insn *i);

#endif
