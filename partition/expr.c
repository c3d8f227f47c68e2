/* partition/expr.c: expressions run: the stack machine of expr_program.h. */
#include "partition/expr.h"

#include <stdarg.h>
#include <stdio.h>

#include "cpu/access.h"
#include "partition/expr_program.h"
#include "partition/tables.h"

struct machine {
    const struct expr_scope *scope;
    struct expr_error *error;
    unsigned depth;
    int64_t stack[OPS_MAX];
};

__attribute__((format(printf, 3, 4))) static bool wrong(struct machine *m, const struct step *s,
                                                        const char *format, ...)
{
    m->error->column = s->column;
    va_list args;
    va_start(args, format);
    vsnprintf(m->error->text, sizeof m->error->text, format, args);
    va_end(args);
    return false;
}

static int64_t widen(uint64_t v, unsigned arg)
{
    unsigned bits = (arg & 0xFF) * 8;
    if (bits == 64)
        return (int64_t)v;
    v &= BIT(bits) - 1;
    return arg & SIGNED && v >> (bits - 1) ? (int64_t)(v | ~(BIT(bits) - 1)) : (int64_t)v;
}

static bool load_linear(struct machine *m, const struct step *s, int64_t *value)
{
    struct vcpu *c = m->scope->vcpu;
    uint8_t raw[8] = {0};
    uint32_t at = (uint32_t)*value;
    for (unsigned n = 0; n < (s->arg & 0xFFu); n++) {
        uint64_t gpa;
        if (!linear_peek(c, at + n, &gpa))
            return wrong(m, s, "no page is mapped at %08X", at + n);
        physmap_peek(c->physmap, gpa, raw + n, 1);
    }
    *value = widen(load_le64(raw), s->arg);
    return true;
}

static void load_physical(struct machine *m, const struct step *s, int64_t *value)
{
    uint8_t raw[8] = {0};
    physmap_peek(m->scope->vcpu->physmap, (uint64_t)*value, raw, s->arg & 0xFFu);
    *value = widen(load_le64(raw), s->arg);
}

static bool divide(struct machine *m, const struct step *s, int64_t a, int64_t b, int64_t *out)
{
    if (b == 0)
        return wrong(m, s, "division by zero");
    if (b == -1)
        *out = s->arg == BIN_DIV ? (int64_t) - (uint64_t)a : 0;
    else
        *out = s->arg == BIN_DIV ? a / b : a % b;
    return true;
}

static bool binary(struct machine *m, const struct step *s, int64_t a, int64_t b, int64_t *out)
{
    uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
    switch ((enum binary)s->arg) {
    case BIN_OR:
        *out = a | b;
        break;
    case BIN_XOR:
        *out = a ^ b;
        break;
    case BIN_AND:
        *out = a & b;
        break;
    case BIN_EQ:
        *out = a == b;
        break;
    case BIN_NE:
        *out = a != b;
        break;
    case BIN_LE:
        *out = a <= b;
        break;
    case BIN_GE:
        *out = a >= b;
        break;
    case BIN_LT:
        *out = a < b;
        break;
    case BIN_GT:
        *out = a > b;
        break;
    case BIN_SHL:
        *out = ub < 64 ? (int64_t)(ua << ub) : 0;
        break;
    case BIN_SHR:
        *out = ub < 64 ? (int64_t)(ua >> ub) : 0;
        break;
    case BIN_ADD:
        *out = (int64_t)(ua + ub);
        break;
    case BIN_SUB:
        *out = (int64_t)(ua - ub);
        break;
    case BIN_MUL:
        *out = (int64_t)(ua * ub);
        break;
    case BIN_DIV:
    case BIN_MOD:
        return divide(m, s, a, b, out);
    case BIN_OROR:
    case BIN_ANDAND:
        break; /* are jumps */
    }
    return true;
}

/* Takes one step; *next is the number of the one to come. */
static bool run_step(struct machine *m, const struct step *s, unsigned *next)
{
    struct vcpu *c = m->scope->vcpu;
    int64_t *top = &m->stack[m->depth ? m->depth - 1 : 0];
    switch ((enum op)s->op) {
    case OP_NUMBER:
        m->stack[m->depth++] = s->value;
        return true;
    case OP_NAME:
        if (!expr_name_value(s->arg, m->scope, &m->stack[m->depth++]))
            return wrong(m, s, "'%s' means nothing here", expr_name(s->arg));
        return true;
    case OP_SEGBASE:
        m->stack[m->depth++] = (int64_t)c->seg[s->arg].base;
        return true;
    case OP_SELBASE: {
        uint32_t base;
        if (!selector_base(c, (uint16_t)*top, &base))
            return wrong(m, s, "there is no segment %04X", (unsigned)(uint16_t)*top);
        *top = base;
        return true;
    }
    case OP_ADDRESS:
        m->depth--;
        m->stack[m->depth - 1] = (uint32_t)((uint64_t)m->stack[m->depth - 1] + (uint64_t)*top);
        return true;
    case OP_LINEAR:
        return load_linear(m, s, top);
    case OP_PHYSICAL:
        load_physical(m, s, top);
        return true;
    case OP_NEG:
        *top = (int64_t) - (uint64_t)*top;
        return true;
    case OP_NOT:
        *top = !*top;
        return true;
    case OP_INV:
        *top = ~*top;
        return true;
    case OP_BINARY:
        m->depth--;
        return binary(m, s, m->stack[m->depth - 1], *top, &m->stack[m->depth - 1]);
    case OP_JUMP:
        *next = s->arg;
        return true;
    case OP_JUMP_ZERO:
        m->depth--;
        if (!*top)
            *next = s->arg;
        return true;
    case OP_AND_SHORT:
    case OP_OR_SHORT:
        if (!*top == (s->op == OP_AND_SHORT)) {
            *top = !!*top;
            *next = s->arg;
        } else {
            m->depth--;
        }
        return true;
    case OP_BOOL:
        *top = !!*top;
        return true;
    }
    return true;
}

bool expr_eval(const struct expr *e, const struct expr_scope *scope, int64_t *out,
               struct expr_error *error)
{
    struct machine m; /* the stack is left as it is */
    m.scope = scope;
    m.error = error;
    m.depth = 0;
    for (unsigned n = 0; n < e->count;) {
        unsigned next = n + 1;
        if (!run_step(&m, &e->step[n], &next))
            return false;
        n = next;
    }
    *out = m.stack[0];
    return true;
}

bool expr_value(const char *text, const struct expr_symbols *symbols,
                const struct expr_scope *scope, int64_t *out, struct expr_error *error)
{
    struct expr *e = expr_parse(text, symbols, error);
    bool good = e && expr_eval(e, scope, out, error);
    expr_free(e);
    return good;
}
