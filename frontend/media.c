#include "frontend/media.h"

#include <stdio.h>
#include <sys/random.h>

#include "frontend/files.h"

struct opener {
    struct media *m;
    const struct options *o;
    struct pc_config *pc;
    struct log *log;
    char *error;
    size_t error_len;
};

static struct disk_image *open_image(struct opener *k, const char *path, enum disk_mode mode)
{
    struct disk_image *image = disk_image_open(path, mode, k->log, k->error, k->error_len);
    if (image)
        k->m->images[k->m->image_count++] = image;
    return image;
}

static enum disk_mode mode_of(const struct options *o, bool cd)
{
    return cd ? DISK_READ_ONLY : o->snapshot ? DISK_SNAPSHOT : DISK_READ_WRITE;
}

static bool open_floppy(struct opener *k, unsigned unit, const char *path, enum disk_mode mode)
{
    struct disk_image *image = open_image(k, path, mode);
    if (!image)
        return false;
    const struct disk_info *info = disk_image_info(image);
    if (!disk_image_as_floppy(image)) {
        snprintf(k->error, k->error_len,
                 "%s: %llu bytes is no floppy size (160K to 2.88M); is it a %s image? "
                 "Give it to --hda or --cdrom",
                 path, (unsigned long long)info->file_size,
                 info->kind == DISK_CD ? "CD" : "hard disk");
        return false;
    }
    k->pc->floppy[unit] = k->m->in_floppy[unit] = image;
    return true;
}

static bool open_ide(struct opener *k, unsigned unit, const char *path, bool cd)
{
    struct disk_image *image = open_image(k, path, mode_of(k->o, cd));
    if (!image)
        return false;
    k->pc->ide[unit] = (struct ide_unit){cd ? IDE_CDROM : IDE_DISK, image};
    k->m->in_ide[unit] = image;
    return true;
}

/* IMAGE without an option: the content says where it goes. */
static bool open_by_kind(struct opener *k, const char *path)
{
    struct disk_info info;
    if (!disk_image_kind(path, &info, k->error, k->error_len))
        return false;
    if (info.text) {
        snprintf(k->error, k->error_len,
                 "%s is a text file, not a disk image (--hda takes it all the same)", path);
        return false;
    }
    if (!info.boot_signature && info.kind != DISK_CD)
        log_msg(k->log, LOG_WARN, "%s: looks not bootable (no 55AAh at the end of sector 0)", path);
    /* A boot sector alone is a floppy; what is longer might have been meant for a hard disk, and
     * then waits for one in vain. */
    if (info.kind == DISK_FLOPPY && info.file_size < info.medium_size &&
        info.file_size > DISK_SECTOR)
        log_msg(k->log, LOG_INFO, "%s is taken for a floppy: for a small hard disk say --hda",
                path);
    if (info.kind == DISK_FLOPPY && !k->pc->floppy[0])
        return open_floppy(k, 0, path, mode_of(k->o, false));
    unsigned unit = info.kind == DISK_CD ? 2 : 0;
    if (info.kind == DISK_FLOPPY || k->pc->ide[unit].kind != IDE_NONE) {
        snprintf(k->error, k->error_len, "%s: the drive it would go into is taken", path);
        return false;
    }
    return open_ide(k, unit, path, info.kind == DISK_CD);
}

static bool open_drives(struct opener *k)
{
    const struct options *o = k->o;
    for (unsigned i = 0; i < PC_FLOPPIES; i++) {
        if (o->floppy[i] && !open_floppy(k, i, o->floppy[i], mode_of(o, false)))
            return false;
    }
    for (unsigned i = 0; i < PC_IDE_DRIVES; i++) {
        if (o->ide[i] && !open_ide(k, i, o->ide[i], o->ide_cd[i]))
            return false;
    }
    if (o->image && !open_by_kind(k, o->image))
        return false;
    if (k->pc->ide[2].kind == IDE_NONE)
        k->pc->ide[2].kind = IDE_CDROM; /* an empty drive: a disc can be put in later */
    if (!k->m->image_count && !o->kernel) {
        char path[4096];
        k->m->is_demo = true;
        return firmware_path("demo.img", path, sizeof path, k->error, k->error_len) &&
               open_floppy(k, 0, path, DISK_SNAPSHOT);
    }
    return true;
}

/* A ROM from path, or when that is NULL from Umbra's own firmware called name. */
static bool open_rom(struct opener *k, const char *path, const char *name, size_t limit,
                     struct bytes *rom, struct pc_rom *out)
{
    char own[4096];
    if (!path) {
        if (!firmware_path(name, own, sizeof own, k->error, k->error_len))
            return false;
        path = own;
    }
    if (!file_read(path, limit, rom, k->error, k->error_len))
        return false;
    *out = (struct pc_rom){rom->data, rom->len};
    return true;
}

/* Umbra's own firmware is 80386 code. */
static bool firmware_fits_cpu(struct opener *k)
{
    const struct options *o = k->o;
    if (o->cpu >= CPU_386 || (o->bios && o->vga_bios))
        return true;
    snprintf(k->error, k->error_len,
             "--cpu %s: Umbra's own %s is 80386 code; give one of that machine's time with %s, or "
             "--cpu 386",
             cpu_model_name(o->cpu), o->bios ? "video BIOS" : "BIOS",
             o->bios ? "--vga-bios" : "--bios and --vga-bios");
    return false;
}

static bool open_roms(struct opener *k)
{
    const struct options *o = k->o;
    if (!firmware_fits_cpu(k))
        return false;
    if (!open_rom(k, o->bios, "bios.bin", 256 << 10, &k->m->bios, &k->pc->bios))
        return false;
    if (k->pc->bios.len < 64 << 10 || k->pc->bios.len % 4096) {
        snprintf(k->error, k->error_len, "%s: %zu bytes is no BIOS: 64 KiB to 256 KiB expected",
                 o->bios ? o->bios : "bios.bin", k->pc->bios.len);
        return false;
    }
    if (!open_rom(k, o->vga_bios, "vgabios.bin", 64 << 10, &k->m->vga_bios, &k->pc->vga_bios))
        return false;
    return !o->kernel ||
           open_rom(k, NULL, "loader.bin", 64 << 10, &k->m->boot_rom, &k->pc->boot_rom);
}

bool media_open(struct media *m, const struct options *o, struct pc_config *pc, struct log *log,
                char *error, size_t error_len)
{
    *m = (struct media){0};
    struct opener k = {m, o, pc, log, error, error_len};
    if (!open_roms(&k) || !open_drives(&k))
        return false;
    pc->boot = o->boot;
    if (!o->kernel)
        return true;
    const char *text = o->append ? o->append : "";
    uint8_t random[32];
    bool repeatable = o->clock == CLOCK_INSNS || o->lockstep; /* no seed: a run like any other */
    bool seeded = !repeatable && getrandom(random, sizeof random, 0) == sizeof random;
    struct span seed = {random, seeded ? sizeof random : 0};
    pc->kernel = m->kernel =
        kernel_image_load(o->kernel, o->initrd, text, seed, o->memory, error, error_len);
    return m->kernel != NULL;
}

/* Flushes what can be written to. False when not all of it could (the log says why). */
static bool flush_image(struct disk_image *image, struct log *log)
{
    enum disk_status status = disk_image_is_read_only(image) ? DISK_OK : disk_image_flush(image);
    if (status != DISK_OK)
        log_msg(log, LOG_ERROR, "%s: not all of it could be written: %s", disk_image_path(image),
                disk_status_text(status));
    return status == DISK_OK;
}

/* The old image (may be NULL) leaves the table and is closed; the new one (may be NULL) takes its
 * place. */
static void replace_image(struct media *m, struct disk_image *old, struct disk_image *new,
                          struct log *log)
{
    unsigned i = 0;
    while (i < m->image_count && m->images[i] != old)
        i++;
    if (old && i < m->image_count) {
        flush_image(old, log);
        disk_image_close(old);
        m->images[i] = m->images[--m->image_count];
    }
    if (new && m->image_count < MEDIA_IMAGES)
        m->images[m->image_count++] = new;
}

void media_insert(struct media *m, struct pc *pc, const char *path, const struct options *o,
                  struct log *log)
{
    char error[512];
    struct disk_info info;
    if (!disk_image_kind(path, &info, error, sizeof error)) {
        log_msg(log, LOG_ERROR, "%s", error);
        return;
    }
    if (info.kind == DISK_HARD) {
        log_msg(log, LOG_ERROR, "%s: a hard disk cannot be changed while the machine runs", path);
        return;
    }
    bool cd = info.kind == DISK_CD;
    struct disk_image *new = disk_image_open(path, mode_of(o, cd), log, error, sizeof error);
    if (!new) {
        log_msg(log, LOG_ERROR, "%s", error);
        return;
    }
    struct disk_image *old =
        cd ? ide_change_disc(pc->ide->state, 2, new) : fdc_change_disk(pc->fdc->state, 0, new);
    if (old == new) {
        log_msg(log, LOG_ERROR, "%s: there is no %s drive for it", path, cd ? "CD" : "floppy");
        disk_image_close(new);
        return;
    }
    *(cd ? &m->in_ide[2] : &m->in_floppy[0]) = new;
    replace_image(m, old, new, log);
    log_msg(log, LOG_INFO, "%s is in the %s drive now", path, cd ? "CD" : "floppy");
}

/* --- By name ---------------------------------------------------------------------------------- */

static const char drive_names[PC_FLOPPIES + PC_IDE_DRIVES][4] = {"fda", "fdb", "hda",
                                                                 "hdb", "hdc", "hdd"};

/* Is there such a drive? A is always there, B when it had an image at power-on. */
static bool has_drive(const struct pc *pc, unsigned n)
{
    return n == 0 || (n < PC_FLOPPIES ? pc->config.floppy[n] != NULL
                                      : pc->config.ide[n - PC_FLOPPIES].kind != IDE_NONE);
}

bool media_drive_at(const struct media *m, const struct pc *pc, unsigned index,
                    struct media_drive *out)
{
    unsigned n = 0;
    for (; n < ARRAY_LEN(drive_names); n++) {
        if (has_drive(pc, n) && index-- == 0)
            break;
    }
    if (n == ARRAY_LEN(drive_names))
        return false;
    bool floppy = n < PC_FLOPPIES;
    unsigned unit = floppy ? n : n - PC_FLOPPIES;
    bool cd = !floppy && pc->config.ide[unit].kind == IDE_CDROM;
    const struct disk_image *image = floppy ? m->in_floppy[unit] : m->in_ide[unit];
    *out = (struct media_drive){.kind = floppy ? "floppy"
                                        : cd   ? "CD"
                                               : "disk",
                                .path = image ? disk_image_path(image) : NULL,
                                .removable = floppy || cd,
                                .locked = cd && ide_disc_is_locked(pc->ide->state, unit),
                                .read_only = image && disk_image_is_read_only(image),
                                .bytes = image ? disk_image_sectors(image) * 512 : 0,
                                .unit = unit};
    memcpy(out->name, drive_names[n], sizeof out->name);
    return true;
}

static bool find_drive(const struct media *m, const struct pc *pc, const char *name,
                       struct media_drive *out)
{
    if (strcmp(name, "cdrom") == 0)
        name = "hdc";
    for (unsigned n = 0; media_drive_at(m, pc, n, out); n++) {
        if (strcmp(out->name, name) == 0)
            return true;
    }
    return false;
}

static struct disk_image *open_for(const struct media_drive *drive, const char *path,
                                   const struct options *o, struct log *log, char *error,
                                   size_t error_len)
{
    bool cd = strcmp(drive->kind, "CD") == 0;
    struct disk_image *image = disk_image_open(path, mode_of(o, cd), log, error, error_len);
    if (image && !cd && !disk_image_as_floppy(image)) {
        snprintf(error, error_len, "%s: that is no floppy's size", path);
        disk_image_close(image);
        return NULL;
    }
    return image;
}

bool media_change(struct media *m, struct pc *pc, const char *name, const char *path, bool force,
                  const struct options *o, struct log *log, char *error, size_t error_len)
{
    struct media_drive drive;
    struct disk_image *new = NULL, *old;
    const char *why = NULL;
    if (!find_drive(m, pc, name, &drive))
        why = "there is no drive %.20s ('drive list' shows those there are)";
    else if (!drive.removable)
        why = "%.20s is a hard disk: it cannot be changed while the machine runs";
    else if (drive.locked && !force)
        why = "%.20s is locked by the guest (force takes the disc out all the same)";
    if (why) {
        snprintf(error, error_len, why, name);
        return false;
    }
    if (path && !(new = open_for(&drive, path, o, log, error, error_len)))
        return false;
    bool floppy = strcmp(drive.kind, "floppy") == 0;
    old = floppy ? fdc_change_disk(pc->fdc->state, drive.unit, new)
                 : ide_change_disc(pc->ide->state, drive.unit, new);
    *(floppy ? &m->in_floppy[drive.unit] : &m->in_ide[drive.unit]) = new;
    replace_image(m, old, new, log);
    return true;
}

bool media_close(struct media *m, struct log *log)
{
    bool ok = true;
    for (unsigned i = 0; i < m->image_count; i++) {
        ok &= flush_image(m->images[i], log);
        disk_image_close(m->images[i]);
    }
    bytes_free(&m->bios);
    bytes_free(&m->vga_bios);
    bytes_free(&m->boot_rom);
    loader_plan_free(m->kernel);
    *m = (struct media){0};
    return ok;
}
