/* partition/text.c: see text.h. */
#include "partition/text.h"

#include <stdarg.h>
#include <stdio.h>

#include "cpu/state.h"

void text_put(struct bytes *out, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    bytes_append(out, line, len);
}

static const struct {
    const char *mnemonic, *title;
} vectors[20] = {
    {"#DE", "divide error"},
    {"#DB", "debug exception"},
    {"NMI", "non-maskable interrupt"},
    {"#BP", "breakpoint"},
    {"#OF", "overflow"},
    {"#BR", "bound range exceeded"},
    {"#UD", "invalid opcode"},
    {"#NM", "no coprocessor"},
    {"#DF", "double fault"},
    {"#MP", "coprocessor segment overrun"},
    {"#TS", "invalid TSS"},
    {"#NP", "segment not present"},
    {"#SS", "stack fault"},
    {"#GP", "general protection"},
    {"#PF", "page fault"},
    {NULL, NULL},
    {"#MF", "x87 error"},
    {"#AC", "alignment check"},
    {"#MC", "machine check"},
    {"#XM", "SIMD floating point"},
};

const char *vector_mnemonic(unsigned vector)
{
    return vector < ARRAY_LEN(vectors) ? vectors[vector].mnemonic : NULL;
}

const char *vector_title(unsigned vector)
{
    return vector < ARRAY_LEN(vectors) ? vectors[vector].title : NULL;
}

const char *mode_text(unsigned mode)
{
    bool code32 = mode & MODE_CODE32, paging = mode & MODE_PAGING;
    if (!(mode & MODE_PROTECTED))
        return code32 ? "real mode with 32-bit code" : "real mode";
    if (mode & MODE_V86)
        return paging ? "virtual-8086 mode with paging" : "virtual-8086 mode";
    if (code32)
        return paging ? "32-bit protected mode with paging" : "32-bit protected mode";
    return paging ? "16-bit protected mode with paging" : "16-bit protected mode";
}
