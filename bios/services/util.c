/* Memory between segments, and the two functions that a freestanding compiler may call. */
#include "services.h"

void copy_out(u16 seg, u16 off, const void *from, u32 bytes)
{
    u32 di = off, si = (u32)(uintptr_t)from;
    __asm__ volatile("pushw %%es\n\tmovw %w3, %%es\n\tcld\n\trep movsb\n\tpopw %%es"
                     : "+D"(di), "+S"(si), "+c"(bytes)
                     : "r"(seg)
                     : "memory");
}

void copy_in(void *to, u16 seg, u16 off, u32 bytes)
{
    u32 di = (u32)(uintptr_t)to, si = off;
    __asm__ volatile("pushw %%ds\n\tmovw %w3, %%ds\n\tcld\n\trep movsb\n\tpopw %%ds"
                     : "+D"(di), "+S"(si), "+c"(bytes)
                     : "r"(seg)
                     : "memory");
}

void *memcpy(void *to, const void *from, size_t n)
{
    void *d = to;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
    return to;
}

void *memset(void *to, int v, size_t n)
{
    void *d = to;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(v) : "memory");
    return to;
}
