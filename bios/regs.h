#ifndef UMBRA_BIOS_REGS_H
#define UMBRA_BIOS_REGS_H

#include "types.h"

/* A caller's registers, as into_c of entry.asm lays them on our stack and takes them back. Writing
   to flags, DS or ES changes what the caller gets; SS, ESP, CS and IP are for reading.
   FS and GS are never touched: programs keep 4 GiB limits (and other bases) in them ("unreal
   mode"). */
#define REG32(whole, half, low, high) \
    union {                           \
        u32 whole;                    \
        u16 half;                     \
        struct {                      \
            u8 low, high;             \
        };                            \
    }

struct regs {
    union {
        u32 edi;
        u16 di;
    };
    union {
        u32 esi;
        u16 si;
    };
    union {
        u32 ebp;
        u16 bp;
    };
    REG32(ebx, bx, bl, bh);
    REG32(edx, dx, dl, dh);
    REG32(ecx, cx, cl, ch);
    REG32(eax, ax, al, ah);
    u32 esp;
    u16 ss, es, ds, ip, cs, flags;
};

_Static_assert(sizeof(struct regs) == 44, "layout.inc knows this size");

enum { FLAG_CF = 1, FLAG_ZF = 0x40, FLAG_IF = 0x200 };

static inline void set_carry(struct regs *r, int on)
{
    r->flags = (u16)((r->flags & ~FLAG_CF) | (on ? FLAG_CF : 0));
}

#endif
