#include "frontend/control/request.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef UMBRA_HAVE_JANSSON
#include <jansson.h>

bool request_available(void)
{
    return true;
}

static bool fail(char *error, size_t error_len, const char *why)
{
    snprintf(error, error_len, "%s", why);
    return false;
}

/* Makes a copy that lives as long as the request. */
static const char *keep(struct request *r, const char *text, size_t len)
{
    char *copy = strndup(text, len);
    if (copy)
        r->texts[r->text_count++] = copy;
    return copy;
}

static bool add_word(struct request *r, const char *word)
{
    if (!word || r->count == CONTROL_WORDS)
        return false;
    r->word[r->count++] = word;
    return true;
}

/* "mem read" is two words. */
static bool take_verb(struct request *r, const char *verb)
{
    const char *space = strchr(verb, ' ');
    if (!space)
        return add_word(r, verb);
    return add_word(r, keep(r, verb, (size_t)(space - verb))) && add_word(r, space + 1);
}

static bool take_argument(struct request *r, const json_t *value)
{
    if (json_is_string(value))
        return add_word(r, json_string_value(value));
    if (!json_is_integer(value))
        return false;
    char text[32];
    int n = snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return r->count < CONTROL_WORDS && add_word(r, keep(r, text, (size_t)n));
}

static bool take_arguments(struct request *r, const json_t *args)
{
    for (size_t i = 0; i < json_array_size(args); i++) {
        if (!take_argument(r, json_array_get(args, i)))
            return false;
    }
    return true;
}

static bool take_request(struct request *r, const json_t *tree, char *error, size_t error_len)
{
    const json_t *verb = json_object_get(tree, "verb"), *args = json_object_get(tree, "args");
    const json_t *line = json_object_get(tree, "line"), *id = json_object_get(tree, "id");
    if (!json_is_object(tree))
        return fail(error, error_len, "a request is an object: {\"id\": 1, \"verb\": \"status\"}");
    if (json_is_string(id) || json_is_number(id))
        r->id = json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
    else if (id && !json_is_null(id))
        return fail(error, error_len, "id: a number or a string is wanted");
    if (json_is_string(line) && !verb && !args) {
        r->line = json_string_value(line);
        return true;
    }
    if (!json_is_string(verb) || line)
        return fail(error, error_len, "verb (with args), or line: one of them, a string");
    if (args && !json_is_array(args))
        return fail(error, error_len, "args: an array is wanted");
    if (!take_verb(r, json_string_value(verb)) || !take_arguments(r, args))
        return fail(error, error_len, "args: at most 250 strings and whole numbers");
    return true;
}

bool request_parse(struct request *r, const char *line, size_t len, char *error, size_t error_len)
{
    json_error_t why;
    memset(r, 0, sizeof *r);
    json_t *tree = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
    r->tree = tree;
    if (tree)
        return take_request(r, tree, error, error_len);
    snprintf(error, error_len, "not JSON: %.150s, at byte %d", why.text, why.position);
    return false;
}

void request_free(struct request *r)
{
    for (unsigned i = 0; i < r->text_count; i++)
        free(r->texts[i]);
    free(r->id);
    json_decref(r->tree);
}

#else /* no JSON library */

bool request_available(void)
{
    return false;
}

bool request_parse(struct request *r, const char *line, size_t len, char *error, size_t error_len)
{
    (void)line, (void)len;
    memset(r, 0, sizeof *r);
    snprintf(error, error_len, "this build has no JSON library");
    return false;
}

void request_free(struct request *r)
{
    (void)r;
}
#endif
