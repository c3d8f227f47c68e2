/* translator/returns.c: see returns.h.
 *
 *     | room for signal frames | a budget of calls | RETURNS_DEEP | `empty` |
 *     low                                                         ^ bottom
 *
 * The kernel may put the frame of a signal below rsp, wherever that is. */
#include "translator/returns.h"

#include <sys/mman.h>

#define RETURNS_DEEP  (UINT64_C(1) << 18) /* bytes in use that are too many */
#define SIGNAL_ROOM   (UINT64_C(1) << 18)
#define RETURNS_BYTES (SIGNAL_ROOM + 8 * BUDGET_STRIP + RETURNS_DEEP + PAGE_SIZE)

bool returns_init(struct translator *t)
{
    void *p = mmap(NULL, JUMP_TABLES * RETURNS_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    madvise(p, JUMP_TABLES * RETURNS_BYTES, MADV_NOHUGEPAGE);
    t->returns = p;
    return true;
}

void returns_free(struct translator *t)
{
    if (t->returns)
        munmap(t->returns, JUMP_TABLES * RETURNS_BYTES);
}

static uint64_t bottom(const struct translator *t, unsigned n)
{
    return (uint64_t)(uintptr_t)t->returns + (n + 1) * RETURNS_BYTES - sizeof(uint64_t);
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

void returns_review(struct translator *t)
{
    if (bottom(t, t->returns_of) - t->vcpu->translated.return_sp > RETURNS_DEEP)
        returns_empty(t, t->returns_of);
}

void returns_push(struct translator *t, const struct unit *u)
{
    uint64_t landing = (uint64_t)(uintptr_t)(u->start + u->landing);
    t->vcpu->translated.return_sp -= sizeof landing;
    memcpy((void *)(uintptr_t)t->vcpu->translated.return_sp, &landing, sizeof landing);
}
