/* INT 19h: the boot menu and the boot devices in order. CMOS 3Dh and 38h give the order in the
 * convention of QEMU and Bochs: three nibbles (3Dh low, 3Dh high, 38h high), each 1 floppy, 2 hard
 * disk, 3 CD-ROM, 4 option ROM (network); 38h bit 0: a floppy needs no signature. */
#include "services.h"

enum boot_kind { BOOT_NONE, BOOT_FLOPPY, BOOT_DISK, BOOT_CD, BOOT_ROM };

struct entry {
    u8 kind, number;
};
enum { ENTRY_MAX = 12 };

static u32 list_devices(struct entry *list)
{
    u32 n = 0;
    for (u8 i = 0; i < 2; i++)
        if (i ? cmos_read(0x10) & 15 : cmos_read(0x10) >> 4)
            list[n++] = (struct entry){BOOT_FLOPPY, i};
    for (u8 i = 0; i < hard_disk_count; i++)
        list[n++] = (struct entry){BOOT_DISK, i};
    for (u8 i = 0; i < cd_count; i++)
        list[n++] = (struct entry){BOOT_CD, i};
    for (u8 i = 0; i < bev_count && n < ENTRY_MAX; i++)
        list[n++] = (struct entry){BOOT_ROM, i};
    return n;
}

static void put_name(const struct entry *e)
{
    switch (e->kind) {
    case BOOT_FLOPPY:
        put("Floppy ");
        put_char((char)('A' + e->number));
        break;
    case BOOT_DISK:
        put("Hard disk ");
        put_dec(e->number);
        put("  ");
        put(drives[hard_disk[e->number]].model);
        break;
    case BOOT_CD:
        put("CD-ROM ");
        put_dec(e->number);
        put("  ");
        put(drives[cd_drive[e->number]].model);
        break;
    default:
        put(bevs[e->number].name);
    }
}

/* Reads sector 1 of a BIOS drive to 0000:7C00. */
static const char *load_sector(u8 dl)
{
    struct regs r = {0};
    for (u32 try = 0; try < 3; try++) {
        r = (struct regs){0};
        r.dl = dl;
        call_int16(&r, 0x13);
        r = (struct regs){0};
        r.ax = 0x0201;
        r.bx = 0x7C00;
        r.cx = 1;
        r.dl = dl;
        call_int16(&r, 0x13);
        if (!(r.flags & FLAG_CF))
            return 0;
        if (r.ah == DISK_TIMEOUT || r.ah == DISK_NO_MEDIA)
            return "no disk in the drive";
    }
    return "cannot be read";
}

/* Diskettes of the first years have no signature. Like the AT's BIOS: no program begins with a byte
 * below 6, nor with ten words that are all the same. */
static int looks_like_code(void)
{
    u32 same = 1;
    while (same < 10 && peek16(0, (u16)(0x7C00 + same * 2)) == peek16(0, 0x7C00))
        same++;
    return peek8(0, 0x7C00) >= 6 && same < 10;
}

static const char *boot_floppy(u8 n)
{
    const char *error = load_sector(n);
    if (error)
        return error;
    if (peek16(0, 0x7DFE) != 0xAA55 && (!(cmos_read(0x38) & 1) || !looks_like_code()))
        return "no boot sector on the diskette";
    boot_jump(n, 0x7C00);
}

static const char *boot_disk(u8 n)
{
    const char *error = load_sector((u8)(0x80 + n));
    if (error)
        return error;
    if (peek16(0, 0x7DFE) != 0xAA55)
        return "not bootable (no 55AAh signature)";
    boot_jump(0x80u + n, 0x7C00);
}

static const char *boot_cd(u8 n)
{
    struct farptr entry;
    const char *error = cd_boot(n, &entry);
    if (error)
        return error;
    boot_jump(cd_emulation.drive, (u32)entry.seg << 16 | entry.off);
}

static const char *boot_rom(u8 n)
{
    struct regs r = {0};
    call_far_low(&r, (u32)bevs[n].seg << 16 | bevs[n].off);
    return "came back without booting";
}

static void boot_one(const struct entry *e)
{
    const char *error = 0;
    put("Booting from ");
    put_name(e);
    put("\n");
    switch (e->kind) {
    case BOOT_FLOPPY:
        error = boot_floppy(e->number);
        break;
    case BOOT_DISK:
        error = boot_disk(e->number);
        break;
    case BOOT_CD:
        error = boot_cd(e->number);
        break;
    default:
        error = boot_rom(e->number);
    }
    put("  ");
    put(error);
    put("\n");
}

static void boot_menu(const struct entry *list, u32 n)
{
    put("\nBoot from\n\n");
    for (u32 i = 0; i < n; i++) {
        put("  ");
        put_dec((i + 1) % 10);
        put("  ");
        put_name(&list[i]);
        put("\n");
    }
    put("\n  Esc  the usual order\n");
    for (;;) {
        struct regs r = {0};
        call_int16(&r, 0x16);
        if (r.al == 27)
            return;
        u32 choice = r.al == '0' ? 9 : (u32)(r.al - '1');
        if (choice < n) {
            put("\n");
            boot_one(&list[choice]);
        }
    }
}

/* CMOS 3Fh (Umbra's own, like all bytes from 38h free for the BIOS): how many 55 ms ticks to wait
 * for the menu key; 0 is the default of 5 (0.27 s), FFh does not wait. */
static int menu_key(void)
{
    u32 ticks = cmos_read(0x3F);
    ticks = ticks == 0 ? 5 : ticks == 0xFF ? 0 : ticks;
    u32 start = bda32(BDA_TICKS);
    put_color(0x08);
    put("\nF12 boot menu\n\n");
    put_color(0x07);
    for (;;) {
        u16 key = keyboard_poll();
        if (key == 0x8600 || early_f12)
            return 1;
        if (key == 0x011B) /* Esc: no need to wait */
            return 0;
        if (bda32(BDA_TICKS) - start >= ticks)
            return 0;
        wait_for_interrupt();
    }
}

/* Entries tried since INT 19h, a bit each: INT 18h goes on behind them. */
static u32 boot_tried;

/* One way per class in the order of CMOS, then INT 18h's message. With no order there: A, C, CD. */
static void boot_in_order(const struct entry *list, u32 n)
{
    u16 order = (u16)(cmos_read(0x3D) | (cmos_read(0x38) & 0xF0) << 4);
    u32 absent = 0;
    if (!order)
        order = 0x321;
    for (; order; order >>= 4) {
        u8 kind = order & 15;
        int tried = 0;
        for (u32 i = 0; i < n; i++) {
            if (list[i].kind != kind)
                continue;
            tried = 1;
            if (boot_tried & 1u << i)
                continue;
            boot_tried |= 1u << i;
            boot_one(&list[i]);
        }
        if (!tried && kind >= BOOT_FLOPPY && kind <= BOOT_ROM)
            absent |= 1u << kind;
    }
    for (u32 i = 0; i < n; i++) /* a boot ROM of the board, as for --kernel, needs no order */
        if (list[i].kind == BOOT_ROM && !(boot_tried & 1u << i)) {
            boot_tried |= 1u << i;
            boot_one(&list[i]);
        }
    static const char *const none[] = {"No floppy drive\n", "No hard disk\n", "No CD-ROM drive\n",
                                       "No network boot ROM\n"};
    for (u32 kind = BOOT_FLOPPY; kind <= BOOT_ROM; kind++)
        if (absent & 1u << kind)
            put(none[kind - 1]);
}

/* What is left of the order; then the user has the word. Does not return. */
static void __attribute__((noreturn)) boot_rest(const struct entry *list, u32 n)
{
    boot_in_order(list, n);
    put_color(0x0C);
    put("\nNo bootable device.");
    put_color(0x07);
    put(" Press a key to try again.\n");
    for (;;) {
        struct regs r = {0};
        call_int16(&r, 0x16);
        boot_tried = 0;
        boot_in_order(list, n);
        put("\nNo bootable device. Press a key to try again.\n");
    }
}

/* INT 19h. */
void c_boot(void)
{
    struct entry list[ENTRY_MAX];
    u32 n = list_devices(list);
    interrupts_on();
    boot_tried = 0;
    if (menu_key())
        boot_menu(list, n);
    boot_rest(list, n);
}

/* INT 18h: what was booted gives up; the next device of the order gets its turn (BIOS Boot
 * Specification 1.01, 6.7). */
void c_boot_next(void)
{
    struct entry list[ENTRY_MAX];
    u32 n = list_devices(list);
    interrupts_on();
    put("\nBoot failed, trying the next device.\n");
    boot_rest(list, n);
}
