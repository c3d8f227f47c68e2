/* partition/expr_parse.c: the parser of expressions, by precedence climbing. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "partition/expr_program.h"

#define DEPTH_MAX 48 /* of the parser's recursion */
#define NAME_MAX  128

/* Longer spellings before those that begin them. */
static const struct {
    char text[3];
    uint8_t binary, precedence;
} operators[] = {
    {"||", BIN_OROR, 1}, {"&&", BIN_ANDAND, 2}, {"==", BIN_EQ, 6}, {"!=", BIN_NE, 6},
    {"<<", BIN_SHL, 8},  {">>", BIN_SHR, 8},    {"<=", BIN_LE, 7}, {">=", BIN_GE, 7},
    {"|", BIN_OR, 3},    {"^", BIN_XOR, 4},     {"&", BIN_AND, 5}, {"<", BIN_LT, 7},
    {">", BIN_GT, 7},    {"+", BIN_ADD, 9},     {"-", BIN_SUB, 9}, {"*", BIN_MUL, 10},
    {"/", BIN_DIV, 10},  {"%", BIN_MOD, 10},
};

struct parser {
    const char *start, *at;
    const struct expr_symbols *symbols;
    struct expr_error *error;
    unsigned depth, count;
    bool failed;
    struct step step[OPS_MAX];
};

static void parse_expression(struct parser *p);

static unsigned column(const struct parser *p, const char *at)
{
    return (unsigned)(at - p->start) + 1;
}

__attribute__((format(printf, 3, 4))) static void fail(struct parser *p, const char *at,
                                                       const char *format, ...)
{
    if (p->failed)
        return;
    p->failed = true;
    p->error->column = column(p, at);
    va_list args;
    va_start(args, format);
    vsnprintf(p->error->text, sizeof p->error->text, format, args);
    va_end(args);
}

static unsigned emit(struct parser *p, enum op op, unsigned arg, int64_t value, const char *at)
{
    if (p->count == OPS_MAX) {
        fail(p, at, "the expression is too long");
        return 0;
    }
    p->step[p->count] = (struct step){(uint8_t)op, (uint16_t)arg, (uint16_t)column(p, at), value};
    return p->count++;
}

static void skip_space(struct parser *p)
{
    while (isspace((unsigned char)*p->at))
        p->at++;
}

static bool take(struct parser *p, char c)
{
    skip_space(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

static void expect(struct parser *p, char c, const char *opened)
{
    if (take(p, c))
        return;
    if (*p->at)
        fail(p, p->at, "expected '%c' before '%.20s'", c, p->at);
    else
        fail(p, opened, "this has no '%c'", c);
}

static bool is_name_start(char c)
{
    return isalpha((unsigned char)c) || c == '_' || c == '@' || c == '$';
}

static size_t name_length(const char *at)
{
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || (at[n] && strchr("_.@$", at[n])))
        n++;
    return n;
}

/* 0x1F, 0b11, 1Fh, 31: all digits and letters that follow belong to it. */
static void parse_number(struct parser *p)
{
    const char *from = p->at, *digits = from;
    size_t len = 0;
    while (isalnum((unsigned char)from[len]))
        len++;
    p->at = from + len;
    int base = 10;
    size_t n = len;
    if (len > 2 && from[0] == '0' && tolower((unsigned char)from[1]) == 'x') {
        base = 16, digits += 2, n -= 2;
    } else if (tolower((unsigned char)from[len - 1]) == 'h') {
        base = 16, n -= 1;
    } else if (len > 2 && from[0] == '0' && tolower((unsigned char)from[1]) == 'b') {
        base = 2, digits += 2, n -= 2;
    }
    uint64_t v = 0;
    for (size_t k = 0; k < n; k++) {
        char c = (char)tolower((unsigned char)digits[k]);
        unsigned digit = (unsigned)(isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10);
        if (digit >= (unsigned)base) {
            fail(p, digits + k, "'%.*s' is no number%s", (int)(len < 40 ? len : 40), from,
                 base == 10 ? " (write 0x1F or 1Fh for hexadecimal)" : "");
            return;
        }
        if (v > (UINT64_MAX - digit) / (unsigned)base) {
            fail(p, from, "the number is too large");
            return;
        }
        v = v * (unsigned)base + digit;
    }
    emit(p, OP_NUMBER, 0, (int64_t)v, from);
}

static void parse_character(struct parser *p)
{
    const char *from = p->at++;
    int64_t v = (uint8_t)*p->at;
    if (!*p->at || p->at[1] != '\'') {
        fail(p, from, "a character is written 'A'");
        return;
    }
    p->at += 2;
    emit(p, OP_NUMBER, 0, v, from);
}

static void parse_symbol(struct parser *p, const char *from, size_t len)
{
    char name[NAME_MAX];
    uint64_t value;
    if (len >= sizeof name) {
        fail(p, from, "the name is too long");
        return;
    }
    memcpy(name, from, len);
    name[len] = 0;
    if (p->symbols && p->symbols->find && p->symbols->find(p->symbols->ctx, name, &value))
        emit(p, OP_NUMBER, 0, (int64_t)value, from);
    else
        fail(p, from, "there is no register or symbol '%.60s'", name);
}

/* The bracket is open. */
static void parse_memory(struct parser *p, const char *from, unsigned size, bool physical)
{
    skip_space(p);
    size_t len = is_name_start(*p->at) ? name_length(p->at) : 0;
    int name = len ? expr_name_find(p->at, len) : -1,
        seg = name >= 0 ? expr_name_segment((unsigned)name) : -1;
    const char *behind = p->at + len;
    while (isspace((unsigned char)*behind))
        behind++;
    bool segmented = seg >= 0 && *behind == ':';
    if (segmented) {
        emit(p, OP_SEGBASE, (unsigned)seg, 0, p->at);
        p->at = behind;
    } else {
        parse_expression(p);
    }
    skip_space(p);
    const char *colon = p->at;
    if (!p->failed && take(p, ':')) {
        if (physical)
            fail(p, colon, "a physical address has no segment");
        if (!segmented)
            emit(p, OP_SELBASE, 0, 0, from);
        parse_expression(p);
        emit(p, OP_ADDRESS, 0, 0, from);
    }
    if (!p->failed)
        expect(p, ']', from);
    emit(p, physical ? OP_PHYSICAL : OP_LINEAR, size, 0, from);
}

/* byte, word ..., phys: bytes | SIGNED, 0 for phys; -1: none of these. */
static int size_word(const char *name, size_t len)
{
    static const struct {
        const char *name;
        int size;
    } words[] = {{"byte", 1},           {"word", 2},           {"dword", 4},           {"qword", 8},
                 {"sbyte", 1 | SIGNED}, {"sword", 2 | SIGNED}, {"sdword", 4 | SIGNED}, {"phys", 0}};
    for (size_t n = 0; n < ARRAY_LEN(words); n++) {
        if (strlen(words[n].name) == len && strncasecmp(words[n].name, name, len) == 0)
            return words[n].size;
    }
    return -1;
}

/* "byte phys [": any order. */
static void parse_sized(struct parser *p, const char *from)
{
    int size = 4, word;
    bool physical = false;
    for (;;) {
        skip_space(p);
        size_t len = name_length(p->at);
        if (!len || (word = size_word(p->at, len)) < 0)
            break;
        if (word)
            size = word;
        else
            physical = true;
        p->at += len;
    }
    const char *bracket = p->at;
    if (take(p, '['))
        parse_memory(p, bracket, (unsigned)size, physical);
    else
        fail(p, from, "memory is written 'byte [ADDRESS]'");
}

static void parse_name(struct parser *p)
{
    const char *from = p->at;
    size_t len = name_length(from);
    if (size_word(from, len) >= 0) {
        parse_sized(p, from);
        return;
    }
    p->at += len;
    if (*from == '@') {
        parse_symbol(p, from + 1, len - 1);
        return;
    }
    int name = *from == '$' ? expr_name_find(from + 1, len - 1) : expr_name_find(from, len);
    if (name >= 0)
        emit(p, OP_NAME, (unsigned)name, 0, from);
    else
        parse_symbol(p, from, len);
}

static void parse_unary(struct parser *p)
{
    skip_space(p);
    const char *from = p->at;
    if (p->failed)
        return;
    if (++p->depth > DEPTH_MAX) {
        fail(p, from, "the expression is nested too deeply");
    } else if (isdigit((unsigned char)*from)) {
        parse_number(p);
    } else if (*from == '\'') {
        parse_character(p);
    } else if (take(p, '(')) {
        parse_expression(p);
        if (!p->failed)
            expect(p, ')', from);
    } else if (take(p, '[')) {
        parse_memory(p, from, 4, false);
    } else if (*from && strchr("-+!~", *from)) {
        p->at++;
        parse_unary(p);
        if (*from != '+')
            emit(p, *from == '-' ? OP_NEG : *from == '!' ? OP_NOT : OP_INV, 0, 0, from);
    } else if (is_name_start(*from)) {
        parse_name(p);
    } else if (*from) {
        fail(p, from, "expected a value before '%.20s'", from);
    } else {
        fail(p, from, "expected a value at the end");
    }
    p->depth--;
}

/* The operator at the cursor, or -1. */
static int operator_here(struct parser *p)
{
    skip_space(p);
    for (unsigned n = 0; n < ARRAY_LEN(operators); n++) {
        if (strncmp(p->at, operators[n].text, strlen(operators[n].text)) == 0)
            return (int)n;
    }
    return -1;
}

static void parse_binary(struct parser *p, unsigned least)
{
    parse_unary(p);
    int n;
    while (!p->failed && (n = operator_here(p)) >= 0 && operators[n].precedence >= least) {
        const char *from = p->at;
        unsigned binary = operators[n].binary, jump = 0;
        p->at += strlen(operators[n].text);
        if (binary == BIN_OROR || binary == BIN_ANDAND)
            jump = emit(p, binary == BIN_OROR ? OP_OR_SHORT : OP_AND_SHORT, 0, 0, from);
        parse_binary(p, operators[n].precedence + 1u);
        if (binary == BIN_OROR || binary == BIN_ANDAND) {
            emit(p, OP_BOOL, 0, 0, from);
            p->step[jump].arg = (uint16_t)p->count;
        } else {
            emit(p, OP_BINARY, binary, 0, from);
        }
    }
}

static void parse_expression(struct parser *p)
{
    if (++p->depth > DEPTH_MAX) {
        fail(p, p->at, "the expression is nested too deeply");
        return;
    }
    parse_binary(p, 1);
    skip_space(p);
    const char *from = p->at;
    if (!p->failed && take(p, '?')) {
        unsigned to_else = emit(p, OP_JUMP_ZERO, 0, 0, from);
        parse_expression(p);
        if (!p->failed)
            expect(p, ':', from);
        unsigned to_end = emit(p, OP_JUMP, 0, 0, from);
        p->step[to_else].arg = (uint16_t)p->count;
        parse_expression(p);
        p->step[to_end].arg = (uint16_t)p->count;
    }
    p->depth--;
}

struct expr *expr_parse(const char *text, const struct expr_symbols *symbols,
                        struct expr_error *error)
{
    struct parser p = {.start = text, .at = text, .symbols = symbols, .error = error};
    *error = (struct expr_error){0};
    parse_expression(&p);
    skip_space(&p);
    if (!p.failed && *p.at)
        fail(&p, p.at, "expected an operator before '%.20s'", p.at);
    if (p.failed)
        return NULL;
    struct expr *e = malloc(sizeof *e + p.count * sizeof e->step[0]);
    if (!e) {
        fail(&p, text, "out of memory");
        return NULL;
    }
    e->count = p.count;
    memcpy(e->step, p.step, p.count * sizeof e->step[0]);
    return e;
}

void expr_free(struct expr *e)
{
    free(e);
}
