/* frontend/verify_opcode.c: see verify_opcode.h. Written down from the processor manuals' opcode
 * maps and not taken from the translator, which is what is checked. */
#include "frontend/verify_opcode.h"

void opcode_split(const uint8_t *p, struct host_opcode *o)
{
    *o = (struct host_opcode){0};
    for (;; p++) {
        if (*p == 0xF3)
            o->rep = true;
        else if (*p != 0x65 && *p != 0x66 && *p != 0x67 && *p != 0xF0 && *p != 0xF2)
            break;
    }
    if (*p == 0xC4) {
        o->map = OPCODE_VEX;
        return;
    }
    if ((*p & 0xF0) == 0x40)
        o->w = *p++ & 8;
    if (*p == 0x0F) {
        o->map = OPCODE_0F;
        p++;
    }
    o->byte = p[0];
    o->modrm = p[1];
}

static bool byte_allowed(const struct host_opcode *o)
{
    unsigned b = o->byte, ext = o->modrm >> 3 & 7;
    bool memory = o->modrm < 0xC0;
    if (b < 0x40)
        return (b & 7) <= 5; /* ADD .. CMP */
    if ((b & 0xF0) == 0x70 || (b & 0xF0) == 0xB0)
        return true;            /* Jcc, MOV with a constant */
    if (b >= 0xD8 && b <= 0xDF) /* x87, but for images of its state */
        return !(memory && (b == 0xD9 || b == 0xDD) && (ext == 4 || ext == 6));
    switch (b) {
    case 0x69: /* IMUL */
    case 0x6B:
    case 0x80: /* ADD .. CMP with a constant */
    case 0x81:
    case 0x83:
    case 0x84: /* TEST, XCHG, MOV */
    case 0x85:
    case 0x86:
    case 0x87:
    case 0x88:
    case 0x89:
    case 0x8A:
    case 0x8B:
    case 0x8D: /* LEA */
    case 0x98: /* CBW, CWD, FWAIT, SAHF, LAHF */
    case 0x99:
    case 0x9B:
    case 0x9E:
    case 0x9F:
    case 0xA8: /* TEST */
    case 0xA9:
    case 0xC0: /* shifts */
    case 0xC1:
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
    case 0xC3: /* RET, LOOP, JECXZ, CALL, JMP */
    case 0xE2:
    case 0xE3:
    case 0xE8:
    case 0xE9:
    case 0xEB:
    case 0xF5: /* CMC, CLC, STC, TEST .. IDIV */
    case 0xF6:
    case 0xF7:
    case 0xF8:
    case 0xF9:
        return true;
    case 0xA4: /* MOVS, STOS */
    case 0xA5:
    case 0xAA:
    case 0xAB:
        return o->rep;
    case 0xC6: /* MOV */
    case 0xC7:
        return ext == 0;
    case 0xFE: /* INC, DEC; CALL and JMP through memory */
        return ext <= 1;
    case 0xFF:
        return ext <= 1 || ((ext == 2 || ext == 4) && memory);
    default:
        return false;
    }
}

static bool byte_allowed_0f(const struct host_opcode *o)
{
    unsigned b = o->byte, ext = o->modrm >> 3 & 7;
    if (b >= 0x78 && b <= 0x7B)
        return false; /* VMREAD, VMWRITE */
    if ((b >= 0x10 && b <= 0x17) || (b >= 0x28 && b <= 0x2F) || (b >= 0x40 && b <= 0x9F))
        return true; /* SSE, CMOVcc, MMX, Jcc, SETcc */
    if (b >= 0xBC && b <= 0xCF)
        return b != 0xC7 || ext == 1; /* BSF .. MOVSX, XADD, shuffles, CMPXCHG8B, BSWAP */
    if (b >= 0xD0)
        return b != 0xF7 && b != 0xFF; /* MMX and SSE, but MASKMOV */
    switch (b) {
    case 0xA3: /* BT .. BTC */
    case 0xAB:
    case 0xB3:
    case 0xBB:
    case 0xA4: /* SHLD, SHRD */
    case 0xA5:
    case 0xAC:
    case 0xAD:
    case 0xAF: /* IMUL */
    case 0xB0: /* CMPXCHG */
    case 0xB1:
    case 0xB6: /* MOVZX */
    case 0xB7:
        return true;
    case 0xBA:
        return ext >= 4;
    case 0xAE: /* LDMXCSR, STMXCSR */
        return (ext == 2 || ext == 3) && o->modrm < 0xC0;
    default:
        return false;
    }
}

/* 64-bit operands: MOV, LEA, NOT. */
static bool may_be_wide(const struct host_opcode *o)
{
    return o->map == OPCODE_1B &&
           (o->byte == 0x89 || o->byte == 0x8B || o->byte == 0x8D || (o->byte & 0xF8) == 0xB8 ||
            (o->byte == 0xF7 && (o->modrm & 0xF8) == 0xD0));
}

bool opcode_jumps(const struct host_opcode *o)
{
    if (o->map == OPCODE_0F)
        return (o->byte & 0xF0) == 0x80;
    return o->map == OPCODE_1B &&
           ((o->byte & 0xF0) == 0x70 || o->byte == 0xE2 || o->byte == 0xE3 || o->byte == 0xE9 ||
            o->byte == 0xEB || (o->byte == 0xFF && (o->modrm & 0x38) == 0x20) || opcode_calls(o) ||
            opcode_returns(o));
}

bool opcode_calls(const struct host_opcode *o)
{
    return o->map == OPCODE_1B &&
           (o->byte == 0xE8 || (o->byte == 0xFF && (o->modrm & 0x38) == 0x10));
}

bool opcode_returns(const struct host_opcode *o)
{
    return o->map == OPCODE_1B && o->byte == 0xC3;
}

bool opcode_allowed(const struct host_opcode *o)
{
    if (o->map == OPCODE_VEX || (o->w && !may_be_wide(o)))
        return false;
    return o->map == OPCODE_0F ? byte_allowed_0f(o) : byte_allowed(o);
}

static bool byte_writes(const struct host_opcode *o)
{
    static const uint8_t x87_stores[8] = {
        [1] = 1 << 2 | 1 << 3 | 1 << 7, /* by escape, a set of ModRM.reg: FST, FSTP, FNSTCW */
        [3] = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 7,
        [5] = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 7,
        [7] = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 7,
    };
    unsigned b = o->byte, ext = o->modrm >> 3 & 7;
    if (b < 0x40)
        return (b & 7) <= 1 && b < 0x38; /* all but CMP */
    if (b >= 0xD8 && b <= 0xDF)
        return x87_stores[b & 7] >> ext & 1;
    switch (b) {
    case 0x80:
    case 0x81:
    case 0x83:
        return ext != 7; /* CMP */
    case 0xF6:
    case 0xF7:
        return ext == 2 || ext == 3; /* NOT, NEG */
    case 0x69:
    case 0x6B:
    case 0x84:
    case 0x85:
    case 0x8A:
    case 0x8B:
        return false; /* IMUL, TEST, MOV to a register */
    case 0xFF:
        return ext <= 1; /* not CALL, JMP */
    default:
        return true;
    }
}

static bool byte_writes_0f(const struct host_opcode *o)
{
    unsigned b = o->byte, ext = o->modrm >> 3 & 7;
    if ((b & 0xF0) == 0x90)
        return true; /* SETcc */
    switch (b) {
    case 0x11: /* MOVUPS, MOVLPS, MOVHPS, MOVAPS, MOVNTPS */
    case 0x13:
    case 0x17:
    case 0x29:
    case 0x2B:
    case 0x7F: /* MOVQ */
    case 0xA4: /* SHLD, SHRD */
    case 0xA5:
    case 0xAB: /* BTS, BTR, BTC, CMPXCHG */
    case 0xAC:
    case 0xAD:
    case 0xB0:
    case 0xB1:
    case 0xB3:
    case 0xBB:
    case 0xC0: /* XADD, MOVNTI, CMPXCHG8B */
    case 0xC1:
    case 0xC3:
    case 0xC7:
    case 0xD6: /* MOVQ, MOVNTQ */
    case 0xE7:
        return true;
    case 0x7E: /* MOVD; with F3 a load */
        return !o->rep;
    case 0xAE:
        return ext == 3; /* STMXCSR */
    case 0xBA:
        return ext > 4; /* all but BT */
    default:
        return false;
    }
}

bool opcode_writes(const struct host_opcode *o)
{
    if (o->map == OPCODE_VEX)
        return false;
    return o->map == OPCODE_0F ? byte_writes_0f(o) : byte_writes(o);
}
