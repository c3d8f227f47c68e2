/* frontend/control/verbs_machine.c: the machine around the CPU. */
#include <stdio.h>

#include "frontend/control/verbs.h"

void verb_stats(struct command *k)
{
    struct bytes json = {0};
    partition_stats(k->partition, &json);
    bytes_append(&k->answer->text, json.data, json.len);
    answer_text(k->answer, "\n");
    for (size_t i = 0; i < json.len; i++) { /* one line */
        if (json.data[i] == '\n')
            json.data[i] = ' ';
    }
    json_put_raw(&k->answer->data, "stats", json.data, json.len);
    bytes_free(&json);
}
