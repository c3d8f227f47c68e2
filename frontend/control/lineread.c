#include "frontend/control/lineread.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fields.h"

#ifdef UMBRA_HAVE_EDITLINE
#include <histedit.h>
#endif

#define LINE_MOST 65536

struct lineread {
    int fd;
    struct lineread_host host;
    const char *prompt;
    bool ended;
    struct bytes line; /* the one that was given last */
    uint8_t data[4096];
    size_t at, len; /* of data: not given yet */
#ifdef UMBRA_HAVE_EDITLINE
    EditLine *edit; /* NULL: plain lines */
    History *history;
#endif
};

/* Waits for the next byte. False: no more. woken_first, woken_last: around what the host prints. */
static bool next_byte(struct lineread *r, uint8_t *byte, void (*before)(struct lineread *),
                      void (*after)(struct lineread *))
{
    while (r->at == r->len) {
        struct pollfd fds[2] = {{.fd = r->host.wake, .events = POLLIN},
                                {.fd = r->fd, .events = POLLIN}};
        if (r->ended || (poll(fds, 2, -1) < 0 && errno != EINTR))
            return false;
        if (fds[0].revents) {
            if (before)
                before(r);
            r->ended = !r->host.woken(r->host.ctx);
            if (after && !r->ended)
                after(r);
        }
        if (!fds[1].revents || r->ended)
            continue;
        ssize_t n = read(r->fd, r->data, sizeof r->data);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return false;
        r->at = 0;
        r->len = (size_t)n;
    }
    *byte = r->data[r->at++];
    return true;
}

static const char *next_plain(struct lineread *r)
{
    uint8_t byte;
    r->line.len = 0;
    for (;;) {
        if (!next_byte(r, &byte, NULL, NULL)) {
            if (r->ended || !r->line.len)
                return NULL;
            break; /* a last line without its end */
        }
        if (byte == '\n')
            break;
        if (byte && r->line.len < LINE_MOST)
            bytes_append(&r->line, &byte, 1);
    }
    bytes_append(&r->line, "", 1);
    return (const char *)r->line.data;
}

/* --- Editing ---------------------------------------------------------------------------------- */

#ifdef UMBRA_HAVE_EDITLINE

static void clear_line(struct lineread *r)
{
    (void)r;
    fputs("\r\033[K", stdout);
    fflush(stdout);
}

static void show_again(struct lineread *r)
{
    fflush(stdout);
    el_set(r->edit, EL_REFRESH);
}

static struct lineread *reader_of(EditLine *edit)
{
    void *r = NULL;
    el_get(edit, EL_CLIENTDATA, &r);
    return r;
}

static char *prompt(EditLine *edit)
{
    return (char *)(uintptr_t)reader_of(edit)->prompt;
}

/* EL_GETCFN: 1 with a character, 0 at the end. The verbs are ASCII. A Ctrl-D typed while a verb
 * runs, in the terminal's line mode, arrives as NUL once that mode is left: libedit would take it
 * for the terminal's disabled keys, one of which is "insert the next key as it is". */
static int next_character(EditLine *edit, wchar_t *out)
{
    uint8_t byte;
    do {
        if (!next_byte(reader_of(edit), &byte, clear_line, show_again))
            return 0;
    } while (byte == 0 || byte >= 0x80);
    *out = byte;
    return 1;
}

struct candidates {
    char common[256]; /* what all begin with */
    unsigned count;
    struct bytes list;
};

static void add_candidate(void *ctx, const char *word)
{
    struct candidates *c = ctx;
    size_t n = 0;
    if (!c->count++)
        snprintf(c->common, sizeof c->common, "%s", word);
    while (c->common[n] && c->common[n] == word[n])
        n++;
    c->common[n] = 0;
    bytes_append(&c->list, word, strlen(word));
    bytes_append(&c->list, "  ", 2);
}

/* The key Tab. */
static unsigned char complete(EditLine *edit, int key)
{
    struct lineread *r = reader_of(edit);
    const LineInfo *info = el_line(edit);
    struct candidates c = {.count = 0};
    char line[512];
    (void)key;
    snprintf(line, sizeof line, "%.*s", (int)(info->cursor - info->buffer), info->buffer);
    r->host.complete(r->host.ctx, line, add_candidate, &c);
    const char *space = strrchr(line, ' ');
    size_t have = strlen(space ? space + 1 : line);
    unsigned char result = CC_ERROR;
    if (c.count && strlen(c.common) > have) {
        el_insertstr(edit, c.common + have);
        result = CC_REFRESH;
    }
    if (c.count == 1) {
        el_insertstr(edit, " ");
        result = CC_REFRESH;
    } else if (c.count > 1 && result == CC_ERROR) {
        printf("\n%.*s\n", (int)c.list.len, (const char *)c.list.data);
        fflush(stdout);
        result = CC_REDISPLAY;
    }
    bytes_free(&c.list);
    return result;
}

static void start_editing(struct lineread *r)
{
    HistEvent event;
    r->edit = el_init("umbra", stdin, stdout, stderr);
    r->history = history_init();
    if (!r->edit || !r->history)
        return;
    history(r->history, &event, H_SETSIZE, 1000);
    history(r->history, &event, H_SETUNIQUE, 1);
    el_set(r->edit, EL_CLIENTDATA, r);
    el_set(r->edit, EL_PROMPT, prompt);
    el_set(r->edit, EL_EDITOR, "emacs");
    el_set(r->edit, EL_HIST, history, r->history);
    el_set(r->edit, EL_GETCFN, next_character);
    el_set(r->edit, EL_ADDFN, "umbra-complete", "completes a verb", complete);
    el_set(r->edit, EL_BIND, "^I", "umbra-complete", NULL);
}

static const char *next_edited(struct lineread *r)
{
    HistEvent event;
    int len = 0;
    const char *line = el_gets(r->edit, &len);
    if (!line || len <= 0)
        return NULL;
    if (*line != '\n')
        history(r->history, &event, H_ENTER, line);
    r->line.len = 0;
    bytes_append(&r->line, line, strcspn(line, "\n"));
    bytes_append(&r->line, "", 1);
    return (const char *)r->line.data;
}

#endif

/* ---------------------------------------------------------------------------------------------- */

struct lineread *lineread_open(int fd, bool edit, const char *text, struct lineread_host host)
{
    struct lineread *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->fd = fd;
    r->host = host;
    r->prompt = edit ? text : NULL;
#ifdef UMBRA_HAVE_EDITLINE
    if (edit)
        start_editing(r);
#endif
    return r;
}

void lineread_close(struct lineread *r)
{
    if (!r)
        return;
#ifdef UMBRA_HAVE_EDITLINE
    if (r->edit)
        el_end(r->edit);
    if (r->history)
        history_end(r->history);
#endif
    bytes_free(&r->line);
    free(r);
}

const char *lineread_next(struct lineread *r)
{
#ifdef UMBRA_HAVE_EDITLINE
    if (r->edit && r->history)
        return next_edited(r);
#endif
    if (r->prompt) {
        fputs(r->prompt, stdout);
        fflush(stdout);
    }
    return next_plain(r);
}
