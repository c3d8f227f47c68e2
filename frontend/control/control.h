/* frontend/control/control.h: the verbs that steer a running machine, for people and programs: one
 * table (verbs.def) behind the console, the control socket and gdb's "monitor".
 *
 * One struct control per machine. A client of it (console, one connection, gdb) is a struct
 * control_client, which says what it may do. Verbs run on the partition's thread, guest running or
 * stopped. Events (stopped, resumed, ...) are told to whoever listens, on that thread too.
 *
 * Paths of the host. A client that is not trusted reaches only the files that were named on the
 * command line: disk images, --allow, --screenshot (docs/control.md). */
#ifndef UMBRA_FRONTEND_CONTROL_CONTROL_H
#define UMBRA_FRONTEND_CONTROL_CONTROL_H

#include "frontend/control/answer.h"
#include "frontend/media.h"
#include "partition/partition.h"

struct control;

struct control_config {
    struct partition *partition;
    struct media *media;           /* NULL: no drive can be changed */
    const struct options *options; /* may be NULL, as media */
    struct log *log;
    void *ctx;
    /* The emulator shall end. kill: as by a signal. */
    void (*quit)(void *ctx, bool kill);
    /* Types a script of --type; false with a sentence in error. */
    bool (*type)(void *ctx, const char *script, char *error, size_t error_len);
};

/* NULL when out of memory. */
struct control *control_create(const struct control_config *config);
void control_destroy(struct control *c);

struct control_client {
    struct control *control;
    bool trusted;       /* may name any path of the host */
    bool may_not_run;   /* gdb: whoever steers the guest by other means must not be surprised */
    uint32_t next_code; /* where "disas" and "mem read" go on */
    uint64_t next_memory;
    bool memory_physical;
    uint32_t code_pc; /* where the guest stood at the last disas */
};

/* Runs one line, or a verb and its arguments already apart (a name of two words is two of them).
 * The partition's thread. */
void control_run_line(struct control_client *client, const char *line, struct answer *answer);
void control_run_words(struct control_client *client, unsigned count, const char *const *words,
                       struct answer *answer);

/* The same from any other thread. False, *answer untouched: the partition has ended. */
bool control_call_line(struct control_client *client, const char *line, struct answer *answer);
bool control_call_words(struct control_client *client, unsigned count, const char *const *words,
                        struct answer *answer);

/* Does this line let the guest go on? (The console then waits for the next stop.) */
bool control_line_resumes(const char *line);

/* How the last word of line could go on: calls found for each whole word,
 * on the partition's thread while the caller waits. Any thread but that one. */
void control_complete(struct control *c, const char *line,
                      void (*found)(void *ctx, const char *word), void *ctx);

/* --- Events */

struct control_listener {
    /* name: "stopped" and the like; text: a line for people; data: members of a JSON object. */
    void (*event)(void *ctx, const char *name, const struct bytes *text, const struct bytes *data);
    void *ctx;
    struct control_listener *next; /* owned by control once added */
};

/* The partition's thread. While anybody listens, a triple fault stops the guest first. */
void control_listen(struct control *c, struct control_listener *listener);
void control_unlisten(struct control *c, struct control_listener *listener);

/* About 60 times a second, on the partition's thread: looks what is new. */
void control_tick(struct control *c);

/* Tells all that the run has ended. After the partition's thread. */
void control_ended(struct control *c, const char *why, int status);

/* Where and why the guest stands, or that it runs: into text and data. The partition's thread. */
void control_describe(struct control *c, struct answer *answer);

#endif
