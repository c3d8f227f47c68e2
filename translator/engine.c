#include "translator/engine.h"

#ifdef UMBRA_HAS_BACKEND
#include "translator/translator.h"

static bool translate_attach(struct vcpu *c, const struct engine_tuning *tuning)
{
    return translator_create(c, tuning) != NULL;
}

static void translate_detach(struct vcpu *c)
{
    translator_destroy(c->translated.translator);
}
#endif

static const struct engine engines[] = {
#ifdef UMBRA_HAS_BACKEND
    {"translate", translate_run, translate_attach, translate_detach},
#endif
    {"interp", interp_run, NULL, NULL},
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
