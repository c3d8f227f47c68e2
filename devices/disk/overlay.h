/* devices/disk/overlay.h: sectors written in snapshot mode. They lie in an unnamed temporary file,
 * at the place they have on the medium (the file is sparse), and a two-level bitmap tells which are
 * there. Nobody else can see it, and it is gone with the process. */
#ifndef UMBRA_DEVICES_DISK_OVERLAY_H
#define UMBRA_DEVICES_DISK_OVERLAY_H

#include "base/span.h"

struct overlay;

/* For a medium of so many sectors. NULL, with errno set, when there is no room. */
struct overlay *overlay_create(uint64_t sectors);
void overlay_destroy(struct overlay *overlay);

/* Is sector lba in the overlay? *run is set to how many sectors from there on (1..max) share the
 * answer. max is at least 1 and within the medium. */
bool overlay_run(const struct overlay *overlay, uint64_t lba, uint64_t max, uint64_t *run);

/* Whole sectors within the medium. 0 or an errno. Only what overlay_run affirmed is read. */
must_use int overlay_read(struct overlay *overlay, uint64_t lba, struct span to);
must_use int overlay_write(struct overlay *overlay, uint64_t lba, struct span from);

#endif
