/* What a C compiler expects to find, and two helpers. */
#include "kernel.h"

void *memset(void *to, int value, size_t len)
{
    uint8_t *t = to;
    while (len--) {
        *t++ = (uint8_t)value;
        __asm__ volatile("" : : : "memory"); /* or it becomes a call of itself */
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t len)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    while (len--) {
        *t++ = *f++;
        __asm__ volatile("" : : : "memory");
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a, *y = b;
    for (size_t i = 0; i < len; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}

bool same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

uint32_t parse_hex(const char *text, bool *good)
{
    uint32_t value = 0;
    unsigned digits = 0;
    if (text[0] == '0' && (text[1] | 32) == 'x')
        text += 2;
    for (; *text && *text != ' '; text++, digits++) {
        char c = *text | 32;
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint32_t)(c - 'a' + 10);
        else
            digits = 99;
    }
    *good = digits >= 1 && digits <= 8;
    return value;
}
