/* INT 15h C2xxh: the PS/2 mouse. IRQ 12 collects a packet (c_mouse_byte) and int74 of entry.asm
 * passes it to the handler on the interrupted stack. Source: IBM PS/2 and PC BIOS Interface
 * Technical Reference, INT 15h AH = C2h. */
#include "services.h"

enum {
    MOUSE_RESET = 0xFF,
    MOUSE_ENABLE = 0xF4,
    MOUSE_DISABLE = 0xF5,
    MOUSE_RATE = 0xF3,
    MOUSE_STATUS = 0xE9,
    MOUSE_RESOLUTION = 0xE8,
    MOUSE_ID = 0xF2,
    MOUSE_1TO1 = 0xE6,
    MOUSE_2TO1 = 0xE7
};
enum { ERR_FUNCTION = 1, ERR_INPUT = 2, ERR_INTERFACE = 3, ERR_RESEND = 4, ERR_NO_HANDLER = 5 };

u16 mouse_handler_off, mouse_handler_seg; /* a far pointer, as int74 calls it */
u16 mouse_packet[4];                      /* status, X, Y, Z: as they are pushed */
static u8 bytes[8], got, size = 3, enabled;

void c_mouse_byte(struct regs *r);

/* AL: a byte from the mouse; AL = 1 back when a packet is complete and somebody wants it. */
void c_mouse_byte(struct regs *r)
{
    bytes[got++] = r->al;
    r->al = 0;
    if (got < size)
        return;
    got = 0;
    if (!enabled || !(mouse_handler_off | mouse_handler_seg))
        return;
    mouse_packet[0] = bytes[0];
    mouse_packet[1] = size > 1 ? bytes[1] : 0;
    mouse_packet[2] = size > 2 ? bytes[2] : 0;
    mouse_packet[3] = size > 3 ? bytes[3] : 0;
    if (size == 1) { /* status and X share nothing: one word of one byte */
        mouse_packet[1] = mouse_packet[2] = 0;
    }
    r->al = 1;
}

/* A byte from the auxiliary port, or -1; keyboard bytes in between are dropped. */
static int aux_read(u32 us)
{
    struct deadline d = deadline_us(us);
    while (!deadline_over(&d)) {
        u8 st = in8(0x64);
        if (!(st & 1))
            continue;
        u8 v = in8(0x60);
        if (st & 0x20)
            return v;
    }
    return -1;
}

static int aux_send(u8 v)
{
    for (u32 try = 0; try < 3; try++) {
        kbc_command(0xD4);
        kbc_write_data(v);
        int answer = aux_read(100000);
        if (answer == 0xFA)
            return 0;
        if (answer != 0xFE)
            return ERR_INTERFACE;
    }
    return ERR_RESEND;
}

static void command_byte(u8 set, u8 clear)
{
    kbc_command(0x20);
    int v = kbc_read();
    if (v < 0)
        return;
    kbc_command(0x60);
    kbc_write_data((u8)((v & ~clear) | set));
}

static u8 enable(int on)
{
    if (!on) {
        enabled = 0;
        return (u8)aux_send(MOUSE_DISABLE);
    }
    if (!(mouse_handler_off | mouse_handler_seg))
        return ERR_NO_HANDLER;
    got = 0;
    enabled = 1;
    out8(0xA1, in8(0xA1) & 0xEF);
    return (u8)aux_send(MOUSE_ENABLE);
}

static u8 reset(struct regs *r)
{
    enabled = 0;
    got = 0;
    u8 status = (u8)aux_send(MOUSE_RESET);
    if (status)
        return status;
    int bat = aux_read(1000000), id = aux_read(100000);
    if (bat != 0xAA)
        return ERR_INTERFACE;
    r->bl = 0xAA;
    r->bh = (u8)id;
    return 0;
}

static u8 set_rate(u8 code)
{
    static const u8 rates[] = {10, 20, 40, 60, 80, 100, 200};
    if (code >= sizeof rates)
        return ERR_INPUT;
    u8 status = (u8)aux_send(MOUSE_RATE);
    return status ? status : (u8)aux_send(rates[code]);
}

static u8 set_resolution(u8 code)
{
    if (code > 3)
        return ERR_INPUT;
    u8 status = (u8)aux_send(MOUSE_RESOLUTION);
    return status ? status : (u8)aux_send(code);
}

static u8 extended(struct regs *r)
{
    u8 status;
    switch (r->bh) {
    case 0:
        status = (u8)aux_send(MOUSE_STATUS);
        if (!status) {
            r->bl = (u8)aux_read(100000);
            r->cl = (u8)aux_read(100000);
            r->dl = (u8)aux_read(100000);
        }
        return status;
    case 1:
        return (u8)aux_send(MOUSE_1TO1);
    case 2:
        return (u8)aux_send(MOUSE_2TO1);
    default:
        return ERR_INPUT;
    }
}

static u8 function(struct regs *r)
{
    u8 status;
    switch (r->al) {
    case 0x00:
        return r->bh > 1 ? ERR_INPUT : enable(r->bh);
    case 0x01:
        return reset(r);
    case 0x02:
        return set_rate(r->bh);
    case 0x03:
        return set_resolution(r->bh);
    case 0x04:
        status = (u8)aux_send(MOUSE_ID);
        if (!status)
            r->bh = (u8)aux_read(100000);
        return status;
    case 0x05: {
        if (r->bh < 1 || r->bh > 8)
            return ERR_INPUT;
        u8 want = r->bh;
        struct regs scratch;
        status = reset(&scratch);
        size = want;
        return status;
    }
    case 0x06:
        return extended(r);
    case 0x07:
        mouse_handler_off = r->bx;
        mouse_handler_seg = r->es;
        return 0;
    default:
        return ERR_FUNCTION;
    }
}

void mouse_int15(struct regs *r)
{
    int touches = r->al != 7;
    if (touches) { /* the keyboard keeps quiet, and the mouse's answers stay away from IRQ 12 */
        kbc_command(0xAD);
        kbc_command(0xA8);
        command_byte(0, 0x22);
    }
    u8 status = function(r);
    if (touches) {
        command_byte(0x02, 0x20);
        kbc_command(0xAE);
    }
    r->ah = status;
    set_carry(r, status != 0);
}

/* Is there a mouse? Without one, the equipment word says so. */
void mouse_init(void)
{
    kbc_command(0xAD);
    kbc_command(0xA8);
    if (aux_send(MOUSE_DISABLE))
        set_bda16(BDA_EQUIPMENT, bda16(BDA_EQUIPMENT) & (u16)~4);
    kbc_command(0xAE);
}
