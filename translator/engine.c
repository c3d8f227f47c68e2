#include "translator/engine.h"

static const struct engine engines[] = {
    {"interp", interp_run},
};

const struct engine *engine_find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_LEN(engines); i++) {
        if (strcmp(engines[i].name, name) == 0)
            return &engines[i];
    }
    return NULL;
}

const struct engine *engine_at(unsigned index)
{
    return index < ARRAY_LEN(engines) ? &engines[index] : NULL;
}
