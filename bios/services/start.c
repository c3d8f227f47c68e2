/* The 16-bit half of POST: vectors, BIOS data area, legacy chips, video, then what is attached. */
#include "services.h"

struct machine machine;

/* Entry points in assembly: their symbols are offsets in ROM_SEG. */
extern char int02[], int08[], int09[], int0e[], int70[], int71[], int74[], int75[], int76[];
extern char iret_stub[], irq_master[], irq_slave[], floppy_params[];
extern char int18[];

static void set_vector(u32 n, const char *stub)
{
    poke32(0, (u16)(n * 4), (u32)ROM_SEG << 16 | (u16)(uintptr_t)stub);
}

void ivt_init(void)
{
    /* Offsets in ROM_SEG that the PC fixed; programs compare with them. */
    static const struct {
        u8 vector;
        u16 offset;
    } fixed[] = {{0x05, 0xFF54}, {0x08, 0xFEA5}, {0x09, 0xE987}, {0x0E, 0xEF57}, {0x10, 0xF065},
                 {0x11, 0xF84D}, {0x12, 0xF841}, {0x13, 0xE3FE}, {0x14, 0xE739}, {0x15, 0xF859},
                 {0x16, 0xE82E}, {0x17, 0xEFD2}, {0x19, 0xE6F2}, {0x1A, 0xFE6E}, {0x1E, 0xEFC7},
                 {0x40, 0xEC59}, {0x02, 0xE2C3}};
    for (u32 n = 0; n < 0x78; n++)
        set_vector(n, iret_stub);
    for (u32 n = 0x78; n < 0x100; n++)
        poke32(0, (u16)(n * 4), 0);
    for (u32 n = 0x60; n < 0x68; n++) /* for users; 0 says free */
        poke32(0, (u16)(n * 4), 0);
    for (u32 n = 0x08; n < 0x10; n++)
        set_vector(n, irq_master);
    for (u32 n = 0x70; n < 0x78; n++)
        set_vector(n, irq_slave);
    for (u32 i = 0; i < ARRAY_LEN(fixed); i++)
        poke32(0, (u16)(fixed[i].vector * 4), (u32)ROM_SEG << 16 | fixed[i].offset);
    set_vector(0x18, int18);
    set_vector(0x70, int70);
    set_vector(0x71, int71);
    set_vector(0x74, int74);
    set_vector(0x75, int75);
    set_vector(0x76, int76);
    set_vector(0x77, int76);
    poke32(0, 0x1D * 4, 0); /* video parameters, fonts and disk tables: none yet */
    poke32(0, 0x1F * 4, 0);
    poke32(0, 0x41 * 4, 0);
    poke32(0, 0x46 * 4, 0);
}

/* COM and LPT ports that answer, into the BIOS data area and the equipment word. The serial ports
 * are left at 9600 baud, 8N1: a 16550 comes out of reset with 5 data bits, and small programs write
 * to it as they find it. */
static void find_ports(void)
{
    static const u16 com[] = {0x3F8, 0x2F8, 0x3E8, 0x2E8}, lpt[] = {0x378, 0x278};
    u32 coms = 0, lpts = 0;
    for (u32 i = 0; i < ARRAY_LEN(com); i++) {
        out8((u16)(com[i] + 1), 2);
        if (in8((u16)(com[i] + 1)) != 2 || (in8((u16)(com[i] + 2)) & 0x30))
            continue;
        serial_set_line(com[i], 12, 3);
        set_bda16((u16)(BDA_COM + coms * 2), com[i]);
        set_bda8((u16)(BDA_COM_TIMEOUT + coms++), 10);
    }
    for (u32 i = 0; i < ARRAY_LEN(lpt); i++) {
        out8(lpt[i], 0xAA);
        if (in8(lpt[i]) != 0xAA)
            continue;
        set_bda16((u16)(BDA_LPT + lpts * 2), lpt[i]);
        set_bda8((u16)(BDA_LPT_TIMEOUT + lpts++), 20);
    }
    set_bda16(BDA_EQUIPMENT, (u16)(bda16(BDA_EQUIPMENT) | coms << 9 | lpts << 14));
}

void bda_init(void)
{
    for (u16 i = 0; i < 0x100; i++)
        set_bda8(i, 0);
    set_bda16(BDA_EBDA, EBDA_SEG);
    set_bda16(BDA_BASE_KB, BASE_KB);
    for (u16 i = 0; i < EBDA_KB * 1024; i++)
        poke8(EBDA_SEG, i, 0);
    poke8(EBDA_SEG, 0, EBDA_KB);
    /* coprocessor, PS/2 mouse, 80 x 25 colour */
    set_bda16(BDA_EQUIPMENT, 0x0026);
}

static void chips_init(void)
{
    /* 8259: edge-triggered, vectors 08h and 70h; timer, keyboard, diskette and cascade enabled */
    out8(0x20, 0x11);
    out8(0xA0, 0x11);
    out8(0x21, 0x08);
    out8(0xA1, 0x70);
    out8(0x21, 0x04);
    out8(0xA1, 0x02);
    out8(0x21, 0x01);
    out8(0xA1, 0x01);
    out8(0x21, 0xB8);
    out8(0xA1, 0x8F); /* mouse, coprocessor?, disks are enabled when found */
    /* 8254: 18.2 Hz, refresh, speaker */
    out8(0x43, 0x34);
    out8(0x40, 0);
    out8(0x40, 0);
    out8(0x43, 0x54);
    out8(0x41, 0x12);
    /* 8237: both cleared, channel 4 cascades */
    out8(0x0D, 0);
    out8(0xDA, 0);
    out8(0xD6, 0xC0);
    out8(0xD4, 0x00);
    out8(0x08, 0);
    out8(0xD0, 0);
}

static void banner(void)
{
    put_color(0x0B);
    put("\nUmbra BIOS");
    put_color(0x07);
    put(" " UMBRA_VERSION "\n\n");
    put("CPU     ");
    if (machine.cpu_name[0]) {
        put_n(machine.cpu_name, 12);
        put(" family ");
        put_dec(machine.cpu_signature >> 8 & 15);
        put(" model ");
        put_dec(machine.cpu_signature >> 4 & 15);
    } else {
        put("80386 or 80486, no CPUID");
    }
    put("\nMemory  ");
    put_dec(BASE_KB + EBDA_KB);
    put(" KiB + ");
    put_dec(machine.low_kb);
    put(" KiB");
    if (machine.above_4g_mb) {
        put(" + ");
        put_dec(machine.above_4g_mb);
        put(" MiB above 4 GiB");
    }
    put("\n");
}

static void list_drives(void)
{
    static const char *const floppies[] = {"", "360 KB", "1.2 MB", "720 KB", "1.44 MB", "2.88 MB"};
    for (u32 i = 0; i < 2; i++) {
        u8 type = i ? cmos_read(0x10) & 15 : cmos_read(0x10) >> 4;
        if (!type || type >= ARRAY_LEN(floppies))
            continue;
        put(i ? "Floppy  B: " : "Floppy  A: ");
        put(floppies[type]);
        put("\n");
    }
    for (u32 i = 0; i < DRIVE_MAX; i++) {
        const struct drive *d = &drives[i];
        if (!d->kind)
            continue;
        put(d->kind == DRIVE_ATA ? "Disk    " : "CD-ROM  ");
        put(d->model);
        if (d->kind == DRIVE_ATA) {
            put("  ");
            put_dec((u32)(d->sectors >> 11));
            put(" MiB");
        }
        put("\n");
    }
}

void services_start(void)
{
    ivt_init();
    bda_init();
    chips_init();
    find_ports();
    time_init();
    interrupts_on();
    option_roms_video();
    banner();
    keyboard_init();
    mouse_init();
    floppy_init();
    ata_init();
    list_drives();
    option_roms_rest();
    disable_shadow_writes();
    struct regs r = {0};
    call_int16(&r, 0x19);
    for (;;)
        wait_for_interrupt();
}
