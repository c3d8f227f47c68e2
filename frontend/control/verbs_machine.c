/* frontend/control/verbs_machine.c: devices, DMA, screen, keyboard, drives. */
#include <stdio.h>
#include <stdlib.h>

#include "frontend/control/verbs.h"
#include "frontend/display/png.h"

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

static uint64_t unit_value(const uint8_t *at, uint32_t size)
{
    uint64_t value = 0;
    memcpy(&value, at, size <= 8 ? size : 0);
    return value;
}

#define UNITS_MOST 32 /* of an array that are shown as text */

/* One field: a number, a row of numbers, or the same of a table below it. */
static void put_field(struct answer *a, const struct field *f, const uint8_t *object,
                      const char *prefix);

static void put_fields(struct answer *a, const struct field *table, const uint8_t *object,
                       const char *prefix)
{
    for (const struct field *f = table; f->name; f++)
        put_field(a, f, object, prefix);
}

static void put_structs(struct answer *a, const struct field *f, const uint8_t *unit,
                        const char *prefix)
{
    char name[128];
    json_open(&a->data, f->name, '[');
    for (uint32_t i = 0; i < f->count; i++) {
        json_open(&a->data, NULL, '{');
        if (f->count > 1)
            snprintf(name, sizeof name, "%s%s[%u].", prefix, f->name, i);
        else
            snprintf(name, sizeof name, "%s%s.", prefix, f->name);
        put_fields(a, f->sub, unit + (size_t)i * f->size, name);
        json_close(&a->data, '}');
    }
    json_close(&a->data, ']');
}

static void put_field(struct answer *a, const struct field *f, const uint8_t *object,
                      const char *prefix)
{
    const uint8_t *unit = object + f->offset;
    if (f->sub) {
        put_structs(a, f, unit, prefix);
        return;
    }
    char name[128];
    snprintf(name, sizeof name, "%s%s", prefix, f->name);
    answer_text(a, "  %-32s", name);
    if (f->count > 1)
        json_open(&a->data, f->name, '[');
    for (uint32_t i = 0; i < f->count && i < 4096; i++) {
        uint64_t value = unit_value(unit + (size_t)i * f->size, f->size);
        if (i < UNITS_MOST)
            answer_text(a, " %0*llx", f->is_bool ? 1 : (int)f->size * 2, (unsigned long long)value);
        json_put_number(&a->data, f->count > 1 ? NULL : f->name, value);
    }
    if (f->count > 1)
        json_close(&a->data, ']');
    answer_text(a, "%s  ; %s\n", f->count > UNITS_MOST ? " ..." : "", f->doc);
}

static void put_device(struct command *k, const struct bus *b)
{
    struct answer *a = k->answer;
    answer_text(a, "%s: %s\n", b->cls->name, b->cls->title);
    json_put_string(&a->data, "name", b->cls->name);
    json_put_string(&a->data, "title", b->cls->title);
    json_open(&a->data, "pins", '[');
    for (unsigned i = 0; i < b->cls->output_count; i++) {
        bool high = b->output_levels >> i & 1;
        answer_text(a, "  pin %-28s %u\n", b->cls->outputs[i], high);
        json_open(&a->data, NULL, '{');
        json_put_string(&a->data, "name", b->cls->outputs[i]);
        json_put_bool(&a->data, "high", high);
        json_close(&a->data, '}');
    }
    json_close(&a->data, ']');
    json_open(&a->data, "fields", '{');
    if (b->cls->fields)
        put_fields(a, b->cls->fields, b->state, "");
    json_close(&a->data, '}');
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
    json_open(&a->data, "devices", '[');
    for (unsigned i = 0; i < b->device_count; i++) {
        const struct device_class *cls = b->device[i]->cls;
        answer_text(a, "%-12s %s\n", cls->name, cls->title);
        json_open(&a->data, NULL, '{');
        json_put_string(&a->data, "name", cls->name);
        json_put_string(&a->data, "title", cls->title);
        json_close(&a->data, '}');
    }
    json_close(&a->data, ']');
}

/* --- DMA -------------------------------------------------------------------------------------- */

static void put_denials(struct answer *a, const struct dma_domain *domain)
{
    struct dma_denial n;
    json_open(&a->data, "denials_log", '[');
    for (unsigned i = 0; dma_domain_denial(domain, i, &n); i++) {
        const char *direction = n.direction == DMA_READ ? "read" : "write";
        answer_text(a, "  denied at %llu ns: %s of %llu bytes at %09llx: %s\n",
                    (unsigned long long)n.time_ns, direction, (unsigned long long)n.len,
                    (unsigned long long)n.gpa, dma_reason_name(n.reason));
        json_open(&a->data, NULL, '{');
        json_put_number(&a->data, "time_ns", n.time_ns);
        json_put_string(&a->data, "direction", direction);
        json_put_number(&a->data, "address", n.gpa);
        json_put_number(&a->data, "length", n.len);
        json_put_string(&a->data, "reason", dma_reason_name(n.reason));
        json_close(&a->data, '}');
    }
    json_close(&a->data, ']');
}

void verb_dma(struct command *k)
{
    struct board *b = partition_board(k->partition);
    struct answer *a = k->answer;
    json_open(&a->data, "domains", '[');
    for (unsigned i = 0; i < b->device_count; i++) {
        const struct dma_domain *domain = b->device[i]->dma;
        struct dma_counters n = domain ? dma_domain_counters(domain) : (struct dma_counters){0};
        if (!n.reads && !n.writes && !n.denials)
            continue;
        answer_text(a, "%-12s %llu reads (%llu bytes), %llu writes (%llu bytes), %llu denied\n",
                    dma_domain_name(domain), (unsigned long long)n.reads,
                    (unsigned long long)n.bytes_read, (unsigned long long)n.writes,
                    (unsigned long long)n.bytes_written, (unsigned long long)n.denials);
        json_open(&a->data, NULL, '{');
        json_put_string(&a->data, "device", dma_domain_name(domain));
        json_put_number(&a->data, "reads", n.reads);
        json_put_number(&a->data, "bytes_read", n.bytes_read);
        json_put_number(&a->data, "writes", n.writes);
        json_put_number(&a->data, "bytes_written", n.bytes_written);
        json_put_number(&a->data, "denials", n.denials);
        put_denials(a, domain);
        json_close(&a->data, '}');
    }
    json_close(&a->data, ']');
    if (!a->text.len)
        answer_text(a, "no device has used DMA yet\n");
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
