/* frontend/option_values.h: one option of the command line and its value. For options.c. */
#ifndef UMBRA_FRONTEND_OPTION_VALUES_H
#define UMBRA_FRONTEND_OPTION_VALUES_H

#include "frontend/options.h"

enum {
    OPT_FIRST = 256,
#define OPTION(name, letter, arg, help) OPT_##name,
#define GROUP(title)
#define ALIAS(name, of)
#include "frontend/options.def"
#undef OPTION
#undef GROUP
#undef ALIAS
    OPT_END
};

/* Prints a sentence about the command line; always false. */
bool option_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sets what option id (OPT_..) with arg says; false, having said why, when it cannot be. */
must_use bool option_set(struct options *o, int id, const char *arg);

#endif
