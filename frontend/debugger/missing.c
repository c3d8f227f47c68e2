/* frontend/debugger/missing.c: a build without the debugger's window. */
#include <stdio.h>

#include "frontend/debugger/debugger.h"

#define MISSING                                                            \
    "this build has no debugger window: when it was made, these were not " \
    "there: " UMBRA_DEBUGGER_MISSING

const char *debugger_hindrance(void)
{
    return MISSING;
}

struct debugger *debugger_open(const struct debugger_config *config, char *error, size_t error_len)
{
    (void)config;
    snprintf(error, error_len,
             MISSING ". In its place: umbra debug --console (docs/control.md), or gdb: "
                     "umbra run -S --gdb localhost:1234 (docs/gdb.md)");
    return NULL;
}

bool debugger_frame(struct debugger *d)
{
    (void)d;
    return false;
}

void debugger_raise(struct debugger *d)
{
    (void)d;
}

void debugger_close(struct debugger *d)
{
    (void)d;
}
