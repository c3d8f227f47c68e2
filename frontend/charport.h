/* frontend/charport.h: where a serial or parallel port leads on the host: stdio, file:PATH,
 * tcp:HOST:PORT or null. Output is written at once, unbuffered and unchanged. Input is read by a
 * thread of its own and posted to the partition. */
#ifndef UMBRA_FRONTEND_CHARPORT_H
#define UMBRA_FRONTEND_CHARPORT_H

#include <pthread.h>
#include <termios.h>

#include "devices/chardev.h"
#include "partition/partition.h"

struct charport {
    int in, out; /* descriptors, -1 for none */
    bool owned;  /* close them */
    bool raw;    /* stdin was put into raw mode: saved holds what it was */
    bool failed; /* an output error was reported */
    struct termios saved;
    unsigned number; /* COM port */
    struct partition *partition;
    struct log *log;
    int wake[2]; /* pipe: closing it ends the reader */
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

/* Starts posting input to the partition as serial port number. */
void charport_start(struct charport *port, struct partition *p, unsigned number);

/* Ends the reader: no more input is posted. */
void charport_stop(struct charport *port);

/* Ends the reader, restores the terminal, closes. */
void charport_close(struct charport *port);

#endif
