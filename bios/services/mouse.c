#include "services.h"
void mouse_init(void)
{
}
void mouse_int15(struct regs *r)
{
    r->ah = 0x86;
    set_carry(r, 1);
}
void apm_int15(struct regs *r)
{
    r->ah = 0x86;
    set_carry(r, 1);
}
u16 mouse_handler_off, mouse_handler_seg, mouse_packet[4];
void c_mouse_byte(struct regs *r);
void c_mouse_byte(struct regs *r)
{
    r->al = 0;
}
