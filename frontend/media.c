#include "frontend/media.h"

#include <stdio.h>

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
    k->pc->floppy[unit] = image;
    return true;
}

static bool open_ide(struct opener *k, unsigned unit, const char *path, bool cd)
{
    struct disk_image *image = open_image(k, path, mode_of(k->o, cd));
    if (!image)
        return false;
    k->pc->ide[unit] = (struct ide_unit){cd ? IDE_CDROM : IDE_DISK, image};
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
    pc->kernel = m->kernel =
        kernel_image_load(o->kernel, o->initrd, text, o->memory, error, error_len);
    return m->kernel != NULL;
}

/* The old image leaves the table and is closed; the new one takes its place. */
static void replace_image(struct media *m, struct disk_image *old, struct disk_image *new)
{
    for (unsigned i = 0; i < m->image_count; i++) {
        if (m->images[i] == old) {
            m->images[i] = new;
            disk_image_close(old);
            return;
        }
    }
    if (m->image_count < MEDIA_IMAGES)
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
    replace_image(m, old, new);
    log_msg(log, LOG_INFO, "%s is in the %s drive now", path, cd ? "CD" : "floppy");
}

bool media_close(struct media *m, struct log *log)
{
    bool ok = true;
    for (unsigned i = 0; i < m->image_count; i++) {
        if (!disk_image_is_read_only(m->images[i])) {
            enum disk_status status = disk_image_flush(m->images[i]);
            if (status != DISK_OK) {
                log_msg(log, LOG_ERROR, "%s: not all of it could be written: %s",
                        disk_image_path(m->images[i]), disk_status_text(status));
                ok = false;
            }
        }
        disk_image_close(m->images[i]);
    }
    bytes_free(&m->bios);
    bytes_free(&m->vga_bios);
    bytes_free(&m->boot_rom);
    loader_plan_free(m->kernel);
    *m = (struct media){0};
    return ok;
}
