/* frontend/control/verbs_machine.c: devices, DMA, screen, keyboard, drives. */
#include <stdio.h>
#include <stdlib.h>

#include "frontend/control/verbs.h"
#include "frontend/display/png.h"
#include "partition/devices_view.h"

/* --- Host paths ------------------------------------------------------------------------------- */

static bool same(const char *option, const char *path)
{
    return option && strcmp(option, path) == 0;
}

/* Was the path named on the command line, as it is written here? */
static bool was_named(const struct options *o, const char *path)
{
    bool named = same(o->image, path) || same(o->screenshot, path);
    for (unsigned i = 0; i < PC_FLOPPIES; i++)
        named |= same(o->floppy[i], path);
    for (unsigned i = 0; i < PC_IDE_DRIVES; i++)
        named |= same(o->ide[i], path);
    for (unsigned i = 0; i < o->symbols_count; i++) { /* FILE[@OFFSET] */
        size_t len = strlen(path);
        named |= strncmp(o->symbols[i], path, len) == 0 &&
                 (!o->symbols[i][len] || o->symbols[i][len] == '@');
    }
    for (unsigned i = 0; i < o->allow_count; i++)
        named |= same(o->allow[i], path);
    return named;
}

bool may_open(struct command *k, const char *path)
{
    const struct options *o = k->control->config.options;
    if (k->client->trusted || (o && was_named(o, path)))
        return true;
    answer_fail(k->answer, "%.200s was not named at start-up (--allow FILE, --control-trusted)",
                path);
    return false;
}

/* --- Devices ---------------------------------------------------------------------------------- */

#define UNITS_MOST 4096 /* of an array that are told to programs */

static void json_value(void *ctx, const struct device_value *v)
{
    struct bytes *out = ctx;
    bool number = v->size == 1 || v->size == 2 || v->size == 4 || v->size == 8;
    if (!number) {
        json_put_hex(out, v->name, v->data, (size_t)v->size * v->count);
        return;
    }
    if (v->count == 1) {
        json_put_number(out, v->name, device_value_get(v, 0));
        return;
    }
    json_open(out, v->name, '[');
    for (uint32_t i = 0; i < v->count && i < UNITS_MOST; i++)
        json_put_number(out, NULL, device_value_get(v, i));
    json_close(out, ']');
}

static void put_device(struct command *k, const struct bus *b)
{
    struct bytes *data = &k->answer->data;
    device_text(b, partition_board(k->partition), &k->answer->text);
    json_put_string(data, "name", b->cls->name);
    json_put_string(data, "title", b->cls->title);
    json_open(data, "pins", '{');
    for (unsigned i = 0; i < b->cls->output_count; i++)
        json_put_bool(data, b->cls->outputs[i], b->output_levels >> i & 1);
    json_close(data, '}');
    json_open(data, "registers", '{');
    device_values(b, json_value, data);
    json_close(data, '}');
}

/* The n-th device of that name, from 1. */
static const struct bus *find_device(const struct board *b, const char *name, uint64_t n)
{
    for (unsigned i = 0; i < b->device_count; i++) {
        if (strcmp(b->device[i]->cls->name, name) == 0 && --n == 0)
            return b->device[i];
    }
    return NULL;
}

void verb_devices(struct command *k)
{
    struct board *b = partition_board(k->partition);
    struct answer *a = k->answer;
    if (k->count) {
        uint64_t n = 1;
        if (k->count > 1 && !take_value(k, k->word[1], &n))
            return;
        const struct bus *one = find_device(b, k->word[0], n);
        if (one)
            put_device(k, one);
        else
            answer_fail(a, "there is no such device '%.40s' ('devices' lists them)", k->word[0]);
        return;
    }
    devices_text(b, &a->text);
    json_open(&a->data, "devices", '[');
    for (unsigned i = 0; i < b->device_count; i++) {
        const struct device_class *cls = b->device[i]->cls;
        json_open(&a->data, NULL, '{');
        json_put_string(&a->data, "name", cls->name);
        json_put_string(&a->data, "title", cls->title);
        json_close(&a->data, '}');
    }
    json_close(&a->data, ']');
}

/* --- DMA -------------------------------------------------------------------------------------- */

#define CHECKS_MOST 256

static void json_check(struct bytes *out, const struct dma_check *c)
{
    json_open(out, NULL, '{');
    json_put_string(out, "device", c->device);
    json_put_number(out, "time_ns", c->time_ns);
    json_put_string(out, "direction", c->direction == DMA_READ ? "read" : "write");
    json_put_number(out, "address", c->gpa);
    json_put_number(out, "length", c->len);
    json_put_bool(out, "denied", c->reason != DMA_REASON_NONE);
    json_put_string(out, "reason", dma_reason_name(c->reason));
    json_close(out, '}');
}

/* dma log [COUNT|denied] */
void verb_dma_log(struct command *k)
{
    struct dma_check check[CHECKS_MOST];
    uint64_t count = 32;
    bool denied = k->count && strcmp(k->word[0], "denied") == 0;
    if (denied)
        count = CHECKS_MOST;
    else if (k->count && !take_value(k, k->word[0], &count))
        return;
    if (!count || count > CHECKS_MOST) {
        answer_fail(k->answer, "1 to %d, or denied", CHECKS_MOST);
        return;
    }
    size_t got = dma_recent(partition_board(k->partition), denied, check, (size_t)count);
    json_open(&k->answer->data, "checks", '[');
    for (size_t n = 0; n < got; n++) {
        dma_check_text(&check[n], &k->answer->text);
        answer_text(k->answer, "\n");
        json_check(&k->answer->data, &check[n]);
    }
    json_close(&k->answer->data, ']');
    if (!got)
        answer_text(k->answer, "nothing yet\n");
}

void verb_dma(struct command *k)
{
    struct board *b = partition_board(k->partition);
    struct bytes *data = &k->answer->data;
    dma_domains_text(b, &k->answer->text);
    json_open(data, "domains", '[');
    for (unsigned i = 0; i < b->device_count; i++) {
        const struct dma_domain *domain = b->device[i]->dma;
        struct dma_counters n = domain ? dma_domain_counters(domain) : (struct dma_counters){0};
        if (!n.reads && !n.writes && !n.denials)
            continue;
        json_open(data, NULL, '{');
        json_put_string(data, "device", dma_domain_name(domain));
        json_put_number(data, "reads", n.reads);
        json_put_number(data, "bytes_read", n.bytes_read);
        json_put_number(data, "writes", n.writes);
        json_put_number(data, "bytes_written", n.bytes_written);
        json_put_number(data, "denials", n.denials);
        json_close(data, '}');
    }
    json_close(data, ']');
}

/* --- Screen and keyboard ---------------------------------------------------------------------- */

void verb_screen(struct command *k)
{
    void *vga = partition_pc(k->partition)->vga->state;
    struct text_screen *screen = calloc(1, sizeof *screen);
    struct answer *a = k->answer;
    char row[TEXT_ROW_BYTES];
    if (!screen) {
        answer_fail(a, "out of memory");
        return;
    }
    vga_text_screen(vga, screen);
    json_put_number(&a->data, "columns", screen->columns);
    json_put_number(&a->data, "rows", screen->rows);
    json_open(&a->data, "text", '[');
    for (unsigned y = 0; screen->columns && y < screen->rows; y++) {
        size_t len = text_row_utf8(screen, y, row);
        bytes_append(&a->text, row, len);
        answer_text(a, "\n");
        json_put_bytes(&a->data, NULL, row, len);
    }
    json_close(&a->data, ']');
    if (!screen->columns)
        answer_text(a, "a graphics mode is shown ('screenshot' takes it)\n");
    free(screen);
}

/* The whole picture, apart from what the window keeps of it. */
static bool take_picture(struct command *k, struct surface *picture)
{
    void *vga = partition_pc(k->partition)->vga->state;
    vga_render_all(vga);
    vga_render(vga, picture);
    vga_render_all(vga); /* the window has still to see what was taken here */
    if (picture->pixels && picture->width && picture->height)
        return true;
    answer_fail(k->answer, "there is no picture");
    return false;
}

void verb_screenshot(struct command *k)
{
    struct answer *a = k->answer;
    struct surface picture = {0};
    struct bytes png = {0};
    char error[512];
    if (k->count && !may_open(k, k->word[0]))
        return;
    if (!take_picture(k, &picture)) {
        surface_free(&picture);
        return;
    }
    json_put_number(&a->data, "width", picture.width);
    json_put_number(&a->data, "height", picture.height);
    answer_text(a, "%u x %u pixels\n", picture.width, picture.height);
    if (k->count) {
        if (!png_write(k->word[0], &picture, error, sizeof error))
            answer_fail(a, "%s", error);
    } else if (png_encode(&picture, &png)) {
        json_put_base64(&a->data, "png", png.data, png.len);
    } else {
        answer_fail(a, "out of memory");
    }
    bytes_free(&png);
    surface_free(&picture);
}

void verb_type(struct command *k)
{
    const struct control_config *c = &k->control->config;
    char text[CONTROL_LINE], error[512];
    if (!join_words(k, 0, text, sizeof text))
        return;
    if (!c->type)
        answer_fail(k->answer, "nobody types here");
    else if (!c->type(c->ctx, text, error, sizeof error))
        answer_fail(k->answer, "%s", error);
}

/* --- Drives ----------------------------------------------------------------------------------- */

static bool has_media(struct command *k)
{
    if (k->control->config.media)
        return true;
    answer_fail(k->answer, "no drives can be changed here");
    return false;
}

void verb_drive_list(struct command *k)
{
    struct answer *a = k->answer;
    struct media_drive d;
    if (!has_media(k))
        return;
    json_open(&a->data, "drives", '[');
    for (unsigned n = 0;
         media_drive_at(k->control->config.media, partition_pc(k->partition), n, &d); n++) {
        answer_text(a, "%-4s %-7s %s%s%s\n", d.name, d.kind, d.path ? d.path : "(empty)",
                    d.read_only ? ", read-only" : "", d.locked ? ", locked" : "");
        json_open(&a->data, NULL, '{');
        json_put_string(&a->data, "name", d.name);
        json_put_string(&a->data, "kind", d.kind);
        if (d.path) {
            json_put_string(&a->data, "path", d.path);
            json_put_number(&a->data, "bytes", d.bytes);
        }
        json_put_bool(&a->data, "removable", d.removable);
        json_put_bool(&a->data, "read_only", d.read_only);
        json_put_bool(&a->data, "locked", d.locked);
        json_close(&a->data, '}');
    }
    json_close(&a->data, ']');
}

static void change_drive(struct command *k, const char *path, const char *force)
{
    const struct control_config *c = &k->control->config;
    char error[512];
    struct bytes text = {0}, data = {0};
    if (!has_media(k))
        return;
    if (force && strcmp(force, "force") != 0) {
        answer_fail(k->answer, "'%.40s': only force may stand here", force);
        return;
    }
    if (!media_change(c->media, partition_pc(k->partition), k->word[0], path, force != NULL,
                      c->options, c->log, error, sizeof error)) {
        answer_fail(k->answer, "%s", error);
        return;
    }
    text_put(&text, "%s: %s\n", k->word[0], path ? path : "empty");
    json_put_string(&data, "drive", k->word[0]);
    if (path)
        json_put_string(&data, "path", path);
    control_event(k->control, "drive", &text, &data);
    bytes_free(&text);
    bytes_free(&data);
}

void verb_drive_change(struct command *k)
{
    if (may_open(k, k->word[1]))
        change_drive(k, k->word[1], k->count > 2 ? k->word[2] : NULL);
}

void verb_drive_eject(struct command *k)
{
    change_drive(k, NULL, k->count > 1 ? k->word[1] : NULL);
}

/* --- Counters --------------------------------------------------------------------------------- */

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
