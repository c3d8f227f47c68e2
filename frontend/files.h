/* frontend/files.h: reading files whole, and finding those that belong to this binary. */
#ifndef UMBRA_FRONTEND_FILES_H
#define UMBRA_FRONTEND_FILES_H

#include "base/fields.h"

/* Reads path into *out (at most limit bytes). False with a sentence in error. */
bool file_read(const char *path, size_t limit, struct bytes *out, char *error, size_t error_len);

/* The folder of this process's program, without a slash at its end; path_len is at least 1. */
void program_folder(char *path, size_t path_len);

/* The path of a firmware file: $UMBRA_FIRMWARE/NAME, bios/NAME beside the binary (a build tree), or
 * ../share/umbra/NAME (installed). False with a sentence in error when there is none. */
bool firmware_path(const char *name, char *path, size_t path_len, char *error, size_t error_len);

#endif
