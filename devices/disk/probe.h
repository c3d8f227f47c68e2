/* devices/disk/probe.h: what kind of medium is it? Works on bytes only, so that it can be tested
 * and fuzzed without files. */
#ifndef UMBRA_DEVICES_DISK_PROBE_H
#define UMBRA_DEVICES_DISK_PROBE_H

#include "devices/disk/image.h"

/* What a probe may look at. sector0 is the file's first 512 bytes (fewer when it is shorter),
 * volume the 2048 bytes at 8000h and boot_record those at 8800h (len 0 when beyond the end). */
struct disk_probe {
    uint64_t file_size;
    struct span sector0, volume, boot_record;
};

/* Fills *info. Returns NULL, or a text (static) that says what looks wrong: the image is used all
 * the same. */
const char *disk_probe(const struct disk_probe *probe, struct disk_info *info);

#endif
