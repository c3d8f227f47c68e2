#include "translator/code_cache.h"

#include <sys/mman.h>
#include <unistd.h>

/* Large pages: most host code runs a few times only, and stands far apart, so that the host's TLB
 * would not reach it. Memory of a memfd gets some when it is asked for by name. */
#define LARGE (UINT64_C(2) << 20)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

/* Maps all of fd, where large pages would fit. */
static void *map_aligned(int fd, size_t size, int prot)
{
    uint8_t *p =
        mmap(NULL, size + LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return p;
    uint8_t *aligned = (uint8_t *)(uintptr_t)align_up((uintptr_t)p, LARGE);
    size_t before = (size_t)(aligned - p);
    if (before)
        munmap(p, before);
    if (before < LARGE)
        munmap(aligned + size, LARGE - before);
    void *q = mmap(aligned, size, prot, MAP_SHARED | MAP_FIXED, fd, 0);
    if (q == MAP_FAILED)
        munmap(aligned, size);
    return q;
}

void code_cache_reach(struct code_cache *cache, size_t end)
{
    for (; cache->large < end && cache->large + LARGE <= cache->size; cache->large += LARGE) {
        uint8_t *at = cache->write + cache->large;
        *(volatile uint8_t *)at = *at; /* there has to be a page to make larger */
        if (madvise(at, LARGE, MADV_COLLAPSE) == 0) {
            at = (uint8_t *)(uintptr_t)cache->run + cache->large;
            (void)*(volatile uint8_t *)at;
            (void)madvise(at, LARGE, MADV_COLLAPSE);
        }
    }
}

bool code_cache_init(struct code_cache *cache, size_t size)
{
    *cache = (struct code_cache){.size = size};
    int fd = memfd_create("umbra-code", MFD_CLOEXEC);
    if (fd < 0)
        return false;
    void *write = MAP_FAILED, *run = MAP_FAILED;
    if (ftruncate(fd, (off_t)size) == 0) {
        write = map_aligned(fd, size, PROT_READ | PROT_WRITE);
        run = map_aligned(fd, size, PROT_READ | PROT_EXEC);
    }
    close(fd);
    if (write == MAP_FAILED || run == MAP_FAILED) {
        if (write != MAP_FAILED)
            munmap(write, size);
        if (run != MAP_FAILED)
            munmap(run, size);
        return false;
    }
    cache->write = write;
    cache->run = run;
    return true;
}

void code_cache_free(struct code_cache *cache)
{
    if (!cache->write)
        return;
    munmap(cache->write, cache->size);
    munmap((void *)(uintptr_t)cache->run, cache->size);
    *cache = (struct code_cache){0};
}
