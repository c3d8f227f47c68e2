#include "translator/code_cache.h"

#include <sys/mman.h>
#include <unistd.h>

bool code_cache_init(struct code_cache *cache, size_t size)
{
    *cache = (struct code_cache){.size = size};
    int fd = memfd_create("umbra-code", MFD_CLOEXEC);
    if (fd < 0)
        return false;
    void *write = MAP_FAILED, *run = MAP_FAILED;
    if (ftruncate(fd, (off_t)size) == 0) {
        write = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        run = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
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
