/* frontend/img.h: umbra img create|info|convert|check: raw disk images on the host. */
#ifndef UMBRA_FRONTEND_IMG_H
#define UMBRA_FRONTEND_IMG_H

#include "base/bits.h"

/* argv[0] is "img". Returns the exit status: 0 fine, 1 it failed (the message says why), 2 usage.
 */
int img_main(int argc, char **argv);

/* A size as people write it: bytes, or with K, M, G or T (powers of 1024); 160K to 2.88M as
 * floppies are sold. False when it is none, or is above 8E. */
bool img_parse_size(const char *text, uint64_t *bytes);

#endif
