/* INT 15h 53xxh: APM 1.2 for real mode, and the addresses of the protected-mode entries (apm.inc).
 * There is no battery and one power state worth having: off. */
#include "services.h"

extern char apm16_entry[], apm32_entry[];

enum {
    APM_CONNECTED = 0x02,
    APM_NOT_CONNECTED = 0x03,
    APM_UNKNOWN_DEVICE = 0x09,
    APM_BAD_VALUE = 0x0A,
    APM_NO_EVENT = 0x80,
    APM_UNSUPPORTED = 0x0C
};

static u8 connected;

/* Soft off: SLP_EN with sleep type 0 (PIIX4 datasheet, PMCNTRL). */
static void power_off(void)
{
    if (machine.pm_base)
        out16((u16)(machine.pm_base + 4), 0x2000);
}

static u8 connect(struct regs *r, u8 how)
{
    if (connected)
        return APM_CONNECTED;
    connected = how;
    if (how == 2) {
        r->ax = ROM_SEG;
        r->bx = (u16)(uintptr_t)apm16_entry;
        r->cx = DATA_SEG;
        r->si = 0xFFFF;
        r->di = 0xFFFF;
    } else if (how == 3) {
        r->ax = ROM_SEG;
        r->ebx = (u16)(uintptr_t)apm32_entry;
        r->cx = ROM_SEG;
        r->dx = DATA_SEG;
        r->esi = 0xFFFFFFFF;
        r->di = 0xFFFF;
    }
    return 0;
}

static u8 set_state(const struct regs *r)
{
    if (r->bx != 1)
        return APM_UNKNOWN_DEVICE;
    switch (r->cx) {
    case 1: /* standby and suspend: wait for an interrupt, which ends them */
    case 2:
        wait_for_interrupt();
        return 0;
    case 3:
        power_off();
        return APM_BAD_VALUE; /* we are still here */
    default:
        return APM_BAD_VALUE;
    }
}

void apm_int15(struct regs *r)
{
    u8 status = 0;
    switch (r->al) {
    case 0x00:
        r->ax = 0x0102;
        r->bx = 0x504D;
        r->cx = 3; /* 16-bit and 32-bit protected-mode interfaces */
        set_carry(r, 0);
        return;
    case 0x01:
    case 0x02:
    case 0x03:
        status = connect(r, r->al);
        if (!status) {
            set_carry(r, 0);
            return;
        }
        break;
    case 0x04:
        status = connected ? 0 : APM_NOT_CONNECTED;
        connected = 0;
        break;
    case 0x05:
        wait_for_interrupt();
        break;
    case 0x06:
    case 0x08:
    case 0x0D:
    case 0x0F:
        break;
    case 0x07:
        status = set_state(r);
        break;
    case 0x0A: /* on mains, no battery */
        r->bx = 0x01FF;
        r->cx = 0x80FF;
        r->dx = 0xFFFF;
        r->si = 0;
        break;
    case 0x0B:
        status = APM_NO_EVENT;
        break;
    case 0x0C:
        r->cx = 0;
        break;
    case 0x0E:
        r->ax = 0x0102;
        set_carry(r, 0);
        return;
    case 0x10:
        r->bl = 0;
        r->cx = 0;
        break;
    default:
        status = APM_UNSUPPORTED;
    }
    if (status)
        r->ah = status;
    else
        r->ah = 0;
    set_carry(r, status != 0);
}
