/* translator/code_cache.h: memory for host code, never writable and executable at one address.
 *
 * One memfd is mapped twice: written through one mapping, run through the other. Space is given out
 * in order; when it is used up the owner drops everything and starts over. */
#ifndef UMBRA_TRANSLATOR_CODE_CACHE_H
#define UMBRA_TRANSLATOR_CODE_CACHE_H

#include "base/bits.h"

struct code_cache {
    uint8_t *write;     /* PROT_READ | PROT_WRITE */
    const uint8_t *run; /* PROT_READ | PROT_EXEC */
    size_t size, used;
    size_t large; /* so far large pages were asked for */
    size_t keep;  /* bytes at the start that are never dropped: the stubs */
};

/* size bytes, whole pages. False: the host cannot give them. */
must_use bool code_cache_init(struct code_cache *cache, size_t size);
/* The first `end` bytes are to be used soon: in large pages, if the host has some. */
void code_cache_reach(struct code_cache *cache, size_t end);
void code_cache_free(struct code_cache *cache);

static inline bool code_cache_holds(const struct code_cache *cache, const void *run_address)
{
    return (uintptr_t)run_address - (uintptr_t)cache->run < cache->size;
}

static inline intptr_t code_cache_delta(const struct code_cache *cache)
{
    return (intptr_t)cache->run - (intptr_t)cache->write;
}

#endif
