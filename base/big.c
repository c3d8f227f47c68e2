#include "base/big.h"

#include <sys/mman.h>

#include "base/bits.h"

#define LARGE (UINT64_C(2) << 20)

/* The mapping is made larger by one large page, and what is not aligned given back. */
void *big_alloc(size_t bytes)
{
    size_t size = (size_t)align_up(bytes, LARGE);
    uint8_t *p = mmap(NULL, size + LARGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    uint8_t *aligned = (uint8_t *)(uintptr_t)align_up((uintptr_t)p, LARGE);
    if (aligned != p)
        munmap(p, (size_t)(aligned - p));
    munmap(aligned + size, LARGE - (size_t)(aligned - p));
#ifdef MADV_HUGEPAGE
    (void)madvise(aligned, size, MADV_HUGEPAGE);
#endif
    return aligned;
}

void big_free(void *p, size_t bytes)
{
    if (p)
        munmap(p, (size_t)align_up(bytes, LARGE));
}
