/* translator/returns.c: see returns.h.
 *
 *     | guard | RETURNS_DEEP | `empty` |       for each jump table
 *     low                    ^ bottom
 */
#include "translator/returns.h"

#include <sys/mman.h>

#define RETURNS_DEEP  (UINT64_C(64) << 10) /* some 8000 calls */
#define RETURNS_BYTES (PAGE_SIZE + RETURNS_DEEP)

static uint8_t *guard(const struct translator *t, unsigned n)
{
    return t->returns + n * RETURNS_BYTES;
}

bool returns_init(struct translator *t)
{
    void *p = mmap(NULL, JUMP_TABLES * RETURNS_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    madvise(p, JUMP_TABLES * RETURNS_BYTES, MADV_NOHUGEPAGE);
    t->returns = p;
    for (unsigned n = 0; n < JUMP_TABLES; n++) {
        if (mprotect(guard(t, n), PAGE_SIZE, PROT_NONE) != 0)
            return false;
    }
    return true;
}

void returns_free(struct translator *t)
{
    if (t->returns)
        munmap(t->returns, JUMP_TABLES * RETURNS_BYTES);
}

static uint64_t bottom(const struct translator *t, unsigned n)
{
    return (uint64_t)(uintptr_t)guard(t, n + 1) - sizeof(uint64_t);
}

void returns_choose(struct translator *t, unsigned n)
{
    t->returns_sp[t->returns_of] = t->vcpu->translated.return_sp;
    t->returns_of = n;
    t->vcpu->translated.return_sp = t->returns_sp[n];
}

void returns_empty(struct translator *t, unsigned n)
{
    const uint8_t *empty = t->stubs.empty;
    memcpy((void *)(uintptr_t)bottom(t, n), &empty, sizeof empty);
    t->returns_sp[n] = bottom(t, n);
    if (n == t->returns_of)
        t->vcpu->translated.return_sp = bottom(t, n);
}

void returns_empty_all(struct translator *t)
{
    for (unsigned n = 0; n < JUMP_TABLES; n++)
        if (t->table_key[n] != UINT32_MAX)
            returns_empty(t, n);
}

bool returns_are_full(const struct translator *t, uint64_t address)
{
    return address - (uint64_t)(uintptr_t)guard(t, t->returns_of) < PAGE_SIZE;
}

uint64_t returns_restart(struct translator *t)
{
    t->counters.returns_full++;
    returns_empty(t, t->returns_of);
    return t->vcpu->translated.return_sp;
}

void returns_push(struct translator *t, const struct unit *u)
{
    uint64_t landing = (uint64_t)(uintptr_t)(u->start + u->landing);
    if (returns_are_full(t, t->vcpu->translated.return_sp - sizeof landing))
        (void)returns_restart(t);
    t->vcpu->translated.return_sp -= sizeof landing;
    memcpy((void *)(uintptr_t)t->vcpu->translated.return_sp, &landing, sizeof landing);
}
