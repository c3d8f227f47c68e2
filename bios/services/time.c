/* Time: short delays from the ACPI power-management timer, and INT 1Ah (clock and alarm).
 * The timer needs no interrupt and no set-up that a guest could disturb. */
#include "services.h"

/* The PM timer counts 24 bits at 3.579545 MHz (ACPI specification, section 4.8.3.3). */
static u32 timer_now(void)
{
    return machine.pm_base ? in32((u16)(machine.pm_base + 8)) & 0xFFFFFF : 0;
}

struct deadline deadline_us(u32 us)
{
    if (!machine.pm_base)
        return (struct deadline){us, 0}; /* one port read takes about 1 us on the ISA bus */
    return (struct deadline){us * 3 + us / 2 + us / 12, timer_now()};
}

int deadline_over(struct deadline *d)
{
    u32 passed = 1;
    if (machine.pm_base) {
        u32 now = timer_now();
        passed = (now - d->last) & 0xFFFFFF;
        d->last = now;
    } else {
        in8(0x61);
    }
    d->left = d->left > passed ? d->left - passed : 0;
    return d->left == 0;
}

void delay_us(u32 us)
{
    struct deadline d = deadline_us(us);
    while (!deadline_over(&d))
        ;
}

static u8 from_bcd(u8 v)
{
    return (u8)((v >> 4) * 10 + (v & 15));
}

/* Waits for the end of an update (register A bit 7), at most 3 ms. */
static int rtc_stable(void)
{
    struct deadline d = deadline_us(3000);
    while (cmos_read(0x0A) & 0x80)
        if (deadline_over(&d))
            return 0;
    return 1;
}

/* The tick count of the time of day: 18.2065 a second, 1,573,040 (1800B0h) a day. */
void time_init(void)
{
    cmos_write(0x0A, 0x26);
    cmos_write(0x0B, (u8)((cmos_read(0x0B) & 0x01) | 0x02)); /* 24 hours, BCD, no interrupts */
    cmos_read(0x0C);
    cmos_read(0x0D);
    rtc_stable();
    u32 s = from_bcd(cmos_read(0));
    u32 m = from_bcd(cmos_read(2));
    u32 h = from_bcd(cmos_read(4));
    u32 seconds = s + 60 * (m + 60 * h);
    if (seconds >= 86400)
        seconds = 0;
    /* 1193182 / 65536 = 18 + 13534 / 65536 */
    set_bda32(BDA_TICKS, seconds * 18 + seconds / 5 + seconds * 13 / 2000);
    set_bda8(BDA_MIDNIGHT, 0);
}

static void set_alarm(struct regs *r, int on)
{
    u8 b = cmos_read(0x0B);
    if (on) {
        if (b & 0x20) {
            set_carry(r, 1); /* one is set already */
            return;
        }
        cmos_write(1, r->dh);
        cmos_write(3, r->cl);
        cmos_write(5, r->ch);
        out8(0xA1, in8(0xA1) & 0xFE);
        cmos_write(0x0B, (u8)((b & 0x7F) | 0x20));
    } else {
        cmos_write(0x0B, (u8)(b & 0x57));
    }
    set_carry(r, 0);
}

/* All functions but 00h, which int1a of entry.asm answers. */
void c_int1a(struct regs *r);
void c_int1a(struct regs *r)
{
    if (r->ah >= 2 && r->ah <= 5 && !rtc_stable()) {
        set_carry(r, 1);
        return;
    }
    switch (r->ah) {
    case 0x01:
        set_bda16(BDA_TICKS, r->dx);
        set_bda16(BDA_TICKS + 2, r->cx);
        set_bda8(BDA_MIDNIGHT, 0);
        break;
    case 0x02:
        r->dh = cmos_read(0);
        r->cl = cmos_read(2);
        r->ch = cmos_read(4);
        r->dl = cmos_read(0x0B) & 1;
        break;
    case 0x03:
        cmos_write(0x0B, (u8)(cmos_read(0x0B) | 0x80));
        cmos_write(0, r->dh);
        cmos_write(2, r->cl);
        cmos_write(4, r->ch);
        cmos_write(0x0B, (u8)((cmos_read(0x0B) & 0x7E) | 0x02 | (r->dl & 1)));
        break;
    case 0x04:
        r->dl = cmos_read(7);
        r->dh = cmos_read(8);
        r->cl = cmos_read(9);
        r->ch = cmos_read(0x32);
        break;
    case 0x05:
        cmos_write(0x0B, (u8)(cmos_read(0x0B) | 0x80));
        cmos_write(7, r->dl);
        cmos_write(8, r->dh);
        cmos_write(9, r->cl);
        cmos_write(0x32, r->ch);
        cmos_write(0x0B, (u8)(cmos_read(0x0B) & 0x7F));
        break;
    case 0x06:
        set_alarm(r, 1);
        return;
    case 0x07:
        set_alarm(r, 0);
        return;
    default:
        set_carry(r, 1);
        return;
    }
    r->ah = 0;
    set_carry(r, 0);
}
