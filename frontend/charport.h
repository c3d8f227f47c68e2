/* frontend/charport.h: where a serial or parallel port leads on the host: stdio, file:PATH,
 * tcp:HOST:PORT or null. Output is written unchanged, line by line, and what is no whole line as
 * soon as charport_flush is called: the guest sends bytes one by one, and a system call for each,
 * with the switch to whoever reads it, takes longer than all that the guest does for it. Input is
 * read by a thread of its own and posted to the partition. */
#ifndef UMBRA_FRONTEND_CHARPORT_H
#define UMBRA_FRONTEND_CHARPORT_H

#include <pthread.h>
#include <termios.h>

#include "devices/chardev.h"
#include "frontend/messages.h"
#include "partition/partition.h"

struct charport {
    int in, out;       /* descriptors, -1 for none */
    bool owned;        /* close them */
    bool raw;          /* stdin was put into raw mode: saved holds what it was */
    bool failed;       /* an output error was reported */
    uint8_t held[128]; /* output held back */
    size_t held_count;
    struct termios saved;
    unsigned number; /* COM port */
    struct partition *partition;
    struct log *log;
    struct messages *messages; /* hold output while a display has the terminal; or NULL */
    int wake[2];               /* pipe: closing it ends the reader */
    pthread_t reader;
    bool reading;
    /* Sees all output as well: --until. May be NULL. */
    void (*tap)(void *ctx, const uint8_t *data, size_t len);
    void *tap_ctx;
};

/* A port that leads nowhere. Before any other call. */
void charport_init(struct charport *port);

/* Opens where ("stderr" too; NULL is null). False with a sentence in error. */
bool charport_open(struct charport *port, const char *where, struct log *log, char *error,
                   size_t error_len);

/* What to give to the device. */
struct char_backend charport_backend(struct charport *port);

/* Writes what is held back. The partition's thread, as the device's calls are. */
void charport_flush(struct charport *port);

/* Starts posting input to the partition as serial port number. */
void charport_start(struct charport *port, struct partition *p, unsigned number);

/* Ends the reader: no more input is posted. */
void charport_stop(struct charport *port);

/* Ends the reader, flushes, restores the terminal, closes. */
void charport_close(struct charport *port);

#endif
