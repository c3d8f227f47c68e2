/* INT 15h: memory, A20, block move, waits, configuration; the mouse and APM have their own files.
 * Sources: IBM PS/2 and PC BIOS Interface Technical Reference; ACPI specification, chapter 15
 * (E820h). */
#include "services.h"

extern char config_table[];
void c_int15(struct regs *r);

static void fail(struct regs *r, u8 status)
{
    r->ah = status;
    set_carry(r, 1);
}

static void e820(struct regs *r)
{
    u32 i = r->ebx;
    if (r->edx != 0x534D4150 || i >= machine.map_count || r->ecx < sizeof(struct e820)) {
        fail(r, 0x86);
        return;
    }
    const u8 *from = (const u8 *)&machine.map[i];
    for (u32 b = 0; b < sizeof(struct e820); b++)
        poke8(r->es, (u16)(r->di + b), from[b]);
    r->ebx = i + 1 < machine.map_count ? i + 1 : 0;
    r->eax = 0x534D4150;
    r->ecx = sizeof(struct e820);
    set_carry(r, 0);
}

/* E801h: KiB from 1 to 16 MiB, and 64 KiB blocks above. The ACPI tables at the top are left out. */
static void e801(struct regs *r)
{
    u32 kb = machine.low_kb;
    r->ax = r->cx = (u16)(kb > 15360 ? 15360 : kb);
    r->bx = r->dx = (u16)(kb > 15360 ? (kb - 15360) / 64 : 0);
    set_carry(r, 0);
}

/* Is 1 MiB another byte than 0? Asked of the memory: V86 monitors and other programs move the gate
 * by ways of their own. The byte is vector 7Fh's, and HMA memory at the same place. */
static int a20_is_on(void)
{
    u8 low = peek8(0, 0x1FC), high = peek8(0xFFFF, 0x20C);
    poke8(0xFFFF, 0x20C, (u8)~low);
    int on = peek8(0, 0x1FC) == low;
    poke8(0xFFFF, 0x20C, on ? high : low);
    return on;
}

/* The line is on when port 92h or the keyboard controller asks for it: off takes both. */
static void a20_set(int on)
{
    u8 port = in8(0x92) & 0xFC;
    if (on) {
        out8(0x92, port | 2);
    } else {
        kbc_command(0xD1);
        kbc_write_data(0xDD);
        out8(0x92, port);
    }
}

static void a20(struct regs *r)
{
    switch (r->al) {
    case 0:
    case 1:
        a20_set(r->al);
        if (a20_is_on() != r->al) {
            fail(r, 0x86);
            return;
        }
        break;
    case 2:
        r->al = (u8)a20_is_on();
        r->cx = 0;
        break;
    case 3:
        r->bx = 3; /* through the 8042 and port 92h */
        break;
    default:
        fail(r, 0x86);
        return;
    }
    r->ah = 0;
    set_carry(r, 0);
}

/* 87h: the caller's descriptor table at ES:SI, with our code and stack put into slots 4 and 5. */
static void block_move(struct regs *r)
{
    u16 es = r->es, si = r->si;
    u32 linear = ((u32)es << 4) + si;
    if (r->cx > 0x8000) {
        fail(r, 2);
        return;
    }
    poke32(es, (u16)(si + 0x08), 0x0000002F | linear << 16);
    poke32(es, (u16)(si + 0x0C), 0x00009300 | (linear >> 16 & 0xFF) | (linear & 0xFF000000));
    poke32(es, (u16)(si + 0x20), 0x0000FFFF); /* code: F0000, 64 KiB */
    poke32(es, (u16)(si + 0x24), 0x00009B0F);
    poke32(es, (u16)(si + 0x28), 0xC000FFFF); /* stack and return data: EC000, 64 KiB */
    poke32(es, (u16)(si + 0x2C), 0x0000930E);
    u8 port = in8(0x92);
    out8(0x92, port | 2);
    if (r->cx)
        block_move_asm(linear, r->cx);
    out8(0x92, port);
    r->ah = 0;
    set_carry(r, 0);
}

/* 86h: wait CX:DX microseconds with interrupts on. */
static void wait_us(struct regs *r)
{
    u32 us = (u32)r->cx << 16 | r->dx;
    while (us) {
        u32 part = us > 1000000 ? 1000000 : us;
        struct deadline d = deadline_us(part);
        interrupts_on();
        while (!deadline_over(&d))
            ;
        interrupts_off();
        us -= part;
    }
    r->ah = 0;
    set_carry(r, 0);
}

/* 83h: set a bit in the caller's byte when the interval is over (int70 of entry.asm counts). */
static void event_wait(struct regs *r)
{
    if (r->al == 1) {
        set_bda8(BDA_WAIT_ACTIVE, 0);
        cmos_write(0x0B, cmos_read(0x0B) & 0xBF);
        set_carry(r, 0);
        return;
    }
    if (r->al || (bda8(BDA_WAIT_ACTIVE) & 1)) {
        fail(r, r->al ? 0x86 : 0);
        return;
    }
    set_bda16(BDA_WAIT_FLAG, r->bx);
    set_bda16(BDA_WAIT_FLAG + 2, r->es);
    set_bda32(BDA_WAIT_US, (u32)r->cx << 16 | r->dx);
    set_bda8(BDA_WAIT_ACTIVE, 1);
    out8(0xA1, in8(0xA1) & 0xFE);
    cmos_write(0x0B, cmos_read(0x0B) | 0x40);
    cmos_read(0x0C);
    set_carry(r, 0);
}

void c_int15(struct regs *r)
{
    switch (r->ah) {
    case 0x24:
        a20(r);
        break;
    case 0x4F: /* keyboard hook: the key stays as it is, CF as it was */
        break;
    case 0x52: /* media ejection is allowed */
    case 0x80:
    case 0x81:
    case 0x82:
    case 0x85:
    case 0x90:
    case 0x91:
        r->ah = 0;
        set_carry(r, 0);
        break;
    case 0x53:
        apm_int15(r);
        break;
    case 0x83:
        event_wait(r);
        break;
    case 0x86:
        wait_us(r);
        break;
    case 0x87:
        block_move(r);
        break;
    case 0x88: {
        u32 kb = machine.low_kb;
        r->ax = (u16)(kb > 0xFC00 ? 0xFC00 : kb); /* up to 64 MiB: larger values confuse DOS */
        set_carry(r, 0);
        break;
    }
    case 0xC0:
        r->es = ROM_SEG;
        r->bx = (u16)(uintptr_t)config_table;
        r->ah = 0;
        set_carry(r, 0);
        break;
    case 0xC1:
        r->es = bda16(BDA_EBDA);
        set_carry(r, 0);
        break;
    case 0xC2:
        mouse_int15(r);
        break;
    case 0xE8:
        if (r->al == 0x20)
            e820(r);
        else if (r->al == 0x01)
            e801(r);
        else
            fail(r, 0x86);
        break;
    default:
        fail(r, 0x86);
    }
}
