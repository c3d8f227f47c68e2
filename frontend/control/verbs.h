/* frontend/control/verbs.h: between the table of verbs and the functions behind it. All on the
 * partition's thread. */
#ifndef UMBRA_FRONTEND_CONTROL_VERBS_H
#define UMBRA_FRONTEND_CONTROL_VERBS_H

#include "frontend/control/control.h"
#include "partition/registers.h"

#define CONTROL_WORDS 256 /* most words of a command */
#define CONTROL_LINE  8192

enum verb_flags {
    VERB_RESUMES = 1, /* the guest runs after it */
};

/* A call of a verb. word: its arguments, without its name. */
struct command {
    struct control_client *client;
    struct control *control;
    struct partition *partition;
    struct debug *debug;
    struct vcpu *vcpu;
    struct answer *answer;
    unsigned count;
    const char *const *word;
};

typedef void verb_fn(struct command *k);

#define VERB(id, name, args, flags, least, most, help) verb_fn verb_##id;
#define GROUP(title)
#define ALIAS(name, id)
#include "frontend/control/verbs.def"
#undef VERB
#undef GROUP
#undef ALIAS

struct control {
    struct control_config config;
    struct control_listener *listeners;
    struct debug_listener stops;
    uint64_t steps_left;                /* of "step COUNT", the one under way included */
    uint64_t resets, denials;           /* as told last */
    uint64_t denied[BOARD_MAX_DEVICES]; /* by device, as told last */
};

/* Tells all listeners. */
void control_event(struct control *c, const char *name, const struct bytes *text,
                   const struct bytes *data);

/* --- What arguments are (value.c). False: answer_fail was called. */

/* An expression (partition/expr.h). */
bool take_value(struct command *k, const char *text, uint64_t *value);

struct place {
    bool physical;
    uint64_t address; /* linear (32 bits) or physical */
    bool segmented;   /* it was written as SEG:OFFSET */
    bool no_base;     /* and there is no such segment now */
    uint32_t len;     /* of a range, FIRST..LAST: bytes; else 0 */
    int segment;      /* enum seg_reg when a segment register was named, else -1 */
    uint16_t selector;
    uint32_t offset;
};
/* EXPRESSION, SEGMENT:OFFSET (plain digits are hexadecimal there), phys:EXPRESSION or
 * FILE.EXT:LINE. take_memory refuses a segment that is not there. */
bool take_place(struct command *k, const char *text, struct place *place);
bool take_memory(struct command *k, const char *text, struct place *place);
/* Symbol and source line of a linear address, into text (a line, after before) and data. False when
 * neither is known. */
bool put_source(const struct debug *d, struct answer *a, uint64_t address, const char *before);

/* FILE:LINE, where source lines are known. */
bool take_source_line(struct command *k, const char *text, uint64_t *address);
/* "name+1F" of a linear address; false, name untouched, when there is none. */
bool symbol_name(struct command *k, uint32_t address, char *name, size_t size);

struct stop_place stop_place_of(const struct place *place);

/* May the client name this path of the host? */
bool may_open(struct command *k, const char *path);

/* All words from number first on, joined by blanks, into text. False: too long. */
bool join_words(struct command *k, unsigned first, char *text, size_t size);

#endif
