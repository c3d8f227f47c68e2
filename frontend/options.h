/* frontend/options.h: the command line of `umbra run` (frontend/options.def, `umbra --help`),
 * parsed and checked. */
#ifndef UMBRA_FRONTEND_OPTIONS_H
#define UMBRA_FRONTEND_OPTIONS_H

#include "cpu/state.h"
#include "partition/clock.h"
#include "partition/pc.h"
#include "translator/engine.h"

enum {
    EXIT_FINE = 0,
    EXIT_NOT_STARTED = 1,
    EXIT_USAGE = 2,
    EXIT_TIMED_OUT = 3,
    EXIT_KILLED = 4,
    EXIT_DIFFERENT = 5
};

#define OPTIONS_SYMBOLS 16
#define OPTIONS_ALLOW   64

struct options {
    uint64_t memory;
    enum cpu_model cpu;
    const struct engine *engine;
    struct engine_tuning tuning;
    enum clock_mode clock;
    const char *bios, *vga_bios;
    bool no_apic;
    const char *floppy[PC_FLOPPIES];
    const char *ide[PC_IDE_DRIVES];
    bool ide_cd[PC_IDE_DRIVES];
    const char *image; /* given without an option: its kind is found from its content */
    const char *boot;
    bool snapshot;
    const char *kernel, *initrd, *append;
    const char *display; /* NULL: choose */
    bool fullscreen;
    const char *serial[PC_SERIAL_PORTS];
    const char *parallel;
    struct {
        uint16_t port;
        const char *path;
    } debugcon[PC_DEBUG_PORTS];
    unsigned debugcon_count;
    const char *gdb; /* where gdb may attach, or NULL */
    bool debug;      /* umbra debug: stopped, and a debugger is open */
    bool stopped;
    bool console;
    const char *console_script;
    const char *control; /* where programs may steer it, or NULL */
    bool control_trusted;
    const char *allow[OPTIONS_ALLOW]; /* host files that untrusted ones may name */
    unsigned allow_count;
    const char *symbols[OPTIONS_SYMBOLS]; /* FILE[@OFFSET] */
    unsigned symbols_count;
    bool history;      /* of blocks */
    uint64_t lockstep; /* most instructions between two comparisons; 0: not in lockstep */
    bool verify;       /* host code is checked */
    const char *type, *until;
    double timeout; /* seconds, 0: none */
    const char *screenshot;
    bool stats;
    uint16_t debug_exit; /* port, 0: none */
    bool no_reboot;
    bool verbose;
};

/* Parses argv[1..] of `umbra run`, or with debug of `umbra debug`. True: run with *o. False: stop
 * with *status (help and version were printed to stdout, an error to stderr). */
bool options_parse(struct options *o, int argc, char **argv, bool debug, int *status);

/* What of them has stdin and stdout, in words; NULL: nothing. */
const char *options_use_stdio(const struct options *o);

/* "64", "64M", "1G", "512k" in bytes; false when it is no such size or does not fit 64 bits. */
bool parse_size(const char *text, uint64_t *bytes);

/* The candidate (NULL-terminated list) most like word, or NULL when none is. */
const char *nearest_word(const char *word, const char *const *candidates);

#endif
