#include "services.h"
struct drive drives[DRIVE_MAX];
u8 hard_disk[DRIVE_MAX], hard_disk_count, cd_drive[DRIVE_MAX], cd_count;
u8 disk_buffer[2048];
struct cd_emulation cd_emulation;
const char *cd_boot(u32 n, struct farptr *entry)
{
    (void)n;
    (void)entry;
    return "none";
}
void ata_init(void)
{
}
void c_int13(struct regs *r);
void c_int13(struct regs *r)
{
    if (r->dl < 0x80)
        floppy_int13(r);
    else {
        r->ah = 1;
        set_carry(r, 1);
    }
}
