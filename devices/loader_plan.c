/* The plan's own functions, apart from the device: they need no bus. */
#include <stdlib.h>

#include "devices/loader.h"

void loader_plan_free(struct loader_plan *plan)
{
    if (!plan)
        return;
    for (unsigned i = 0; i < plan->segment_count; i++)
        free(plan->segment[i].bytes);
    for (struct loader_source *s = plan->sources, *next; s; s = next) {
        next = s->next;
        s->destroy(s);
    }
    free(plan);
}
