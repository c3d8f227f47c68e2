/* INT 14h (serial) and INT 17h (parallel). Sources: IBM PS/2 and PC BIOS Interface Technical
 * Reference; 16550 and parallel port register layouts. */
#include "services.h"

void c_int14(struct regs *r);
void c_int17(struct regs *r);

static u16 divisor_of(u8 code)
{
    static const u16 divisors[] = {1047, 768, 384, 192, 96, 48, 24, 12, 6, 3, 2, 1};
    return code < ARRAY_LEN(divisors) ? divisors[code] : 12;
}

void serial_set_line(u16 port, u16 divisor, u8 lcr)
{
    out8((u16)(port + 3), 0x80 | lcr);
    out8(port, (u8)divisor);
    out8((u16)(port + 1), (u8)(divisor >> 8));
    out8((u16)(port + 3), lcr);
    out8((u16)(port + 1), 0);
}

/* Waits until (port & mask) == want; the BDA's time-out counts in half seconds here. */
static int wait_port(u16 port, u8 mask, u8 want, u8 timeout)
{
    struct deadline d = deadline_us((timeout ? timeout : 1) * 100000u);
    while ((in8(port) & mask) != want)
        if (deadline_over(&d))
            return 0;
    return 1;
}

void c_int14(struct regs *r)
{
    u16 port = r->dx < 4 ? bda16((u16)(BDA_COM + r->dx * 2)) : 0;
    if (!port) {
        r->ah = 0x80;
        return;
    }
    u8 timeout = bda8((u16)(BDA_COM_TIMEOUT + r->dx));
    u16 lsr = (u16)(port + 5), msr = (u16)(port + 6), mcr = (u16)(port + 4);
    switch (r->ah) {
    case 0x00:
        serial_set_line(port, divisor_of(r->al >> 5), r->al & 0x1F);
        break;
    case 0x01:
        out8(mcr, (in8(mcr) & 0x10) | 0x03);
        if (!wait_port(lsr, 0x20, 0x20, timeout)) {
            r->ah = in8(lsr) | 0x80;
            return;
        }
        out8(port, r->al);
        r->ah = in8(lsr) & 0x7F;
        return;
    case 0x02:
        out8(mcr, (in8(mcr) & 0x10) | 0x01);
        if (!wait_port(lsr, 0x01, 0x01, timeout)) {
            r->ah = in8(lsr) | 0x80;
            return;
        }
        r->ah = in8(lsr) & 0x1E;
        r->al = in8(port);
        return;
    case 0x03:
        break;
    case 0x04: /* extended: AL break, BH parity, BL stop, CH length, CL speed */
        serial_set_line(port, divisor_of(r->cl),
                        (u8)((r->ch & 3) | (r->bl & 1) << 2 |
                             (r->bh == 1   ? 0x08
                              : r->bh == 2 ? 0x18
                              : r->bh == 3 ? 0x28
                              : r->bh == 4 ? 0x38
                                           : 0) |
                             (r->al & 1) << 6));
        break;
    case 0x05:
        if (r->al == 1)
            out8(mcr, r->bl & 0x1F);
        r->bl = in8(mcr);
        break;
    default:
        r->ah = 0x80;
        return;
    }
    r->ah = in8(lsr);
    r->al = in8(msr);
}

void c_int17(struct regs *r)
{
    u16 port = r->dx < 3 ? bda16((u16)(BDA_LPT + r->dx * 2)) : 0;
    if (!port || r->ah > 2) {
        r->ah = 1;
        return;
    }
    u16 status = (u16)(port + 1), control = (u16)(port + 2);
    u8 late = 0;
    if (r->ah == 0) {
        if (!wait_port(status, 0x80, 0x80, bda8((u16)(BDA_LPT_TIMEOUT + r->dx)))) {
            late = 1;
        } else {
            out8(port, r->al);
            u8 c = in8(control);
            out8(control, c | 1);
            delay_us(2);
            out8(control, c & 0xFE);
        }
    } else if (r->ah == 1) {
        out8(control, 0x08);
        delay_us(50);
        out8(control, 0x0C);
    }
    r->ah = (u8)(((in8(status) ^ 0x48) & 0xF8) | late);
}
