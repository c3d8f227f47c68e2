/* partition/expr_names.c: the names that expressions know. One table: name, what it is, which. */
#include <strings.h>

#include "cpu/flags.h"
#include "cpu/run.h"
#include "partition/expr.h"
#include "partition/registers.h"

enum kind {
    NAME_GPR32,
    NAME_GPR16,
    NAME_GPR8, /* index 4..7: ah ch dh bh */
    NAME_EIP,
    NAME_PC,
    NAME_EFLAGS,
    NAME_FLAG, /* index: the bit */
    NAME_IOPL,
    NAME_SELECTOR, /* index: enum seg_reg; 6 LDTR, 7 TR */
    NAME_BASE,
    NAME_LIMIT,
    NAME_ATTR,
    NAME_DPL,
    NAME_TABLE_BASE, /* 0 GDTR, 1 IDTR */
    NAME_TABLE_LIMIT,
    NAME_CR,
    NAME_CR0_BIT,
    NAME_CR4_BIT,
    NAME_DR,
    NAME_EFER,
    NAME_CPL,
    NAME_INSNS,
    NAME_NOW,
    NAME_HIT, /* index: enum hit_part */
};

enum hit_part {
    HIT_VECTOR,
    HIT_ERROR,
    HIT_PORT,
    HIT_VALUE,
    HIT_SIZE,
    HIT_ADDRESS,
    HIT_WRITE,
    HIT_FROM,
    HIT_OLD,
    HIT_HITS,
};

struct name {
    const char *name;
    uint8_t kind, index;
};

#define SEGMENT(name, index)                                                  \
    {name, NAME_SELECTOR, index}, {name ".base", NAME_BASE, index},           \
        {name ".limit", NAME_LIMIT, index}, {name ".attr", NAME_ATTR, index}, \
    {                                                                         \
        name ".dpl", NAME_DPL, index                                          \
    }

static const struct name names[] = {
    {"eax", NAME_GPR32, EAX},
    {"ecx", NAME_GPR32, ECX},
    {"edx", NAME_GPR32, EDX},
    {"ebx", NAME_GPR32, EBX},
    {"esp", NAME_GPR32, ESP},
    {"ebp", NAME_GPR32, EBP},
    {"esi", NAME_GPR32, ESI},
    {"edi", NAME_GPR32, EDI},
    {"ax", NAME_GPR16, EAX},
    {"cx", NAME_GPR16, ECX},
    {"dx", NAME_GPR16, EDX},
    {"bx", NAME_GPR16, EBX},
    {"sp", NAME_GPR16, ESP},
    {"bp", NAME_GPR16, EBP},
    {"si", NAME_GPR16, ESI},
    {"di", NAME_GPR16, EDI},
    {"al", NAME_GPR8, EAX},
    {"cl", NAME_GPR8, ECX},
    {"dl", NAME_GPR8, EDX},
    {"bl", NAME_GPR8, EBX},
    {"ah", NAME_GPR8, 4 + EAX},
    {"ch", NAME_GPR8, 4 + ECX},
    {"dh", NAME_GPR8, 4 + EDX},
    {"bh", NAME_GPR8, 4 + EBX},
    {"eip", NAME_EIP, 0},
    {"ip", NAME_EIP, 0},
    {"pc", NAME_PC, 0},
    {"eflags", NAME_EFLAGS, 0},
    {"flags", NAME_EFLAGS, 0},
    {"cf", NAME_FLAG, 0},
    {"pf", NAME_FLAG, 2},
    {"af", NAME_FLAG, 4},
    {"zf", NAME_FLAG, 6},
    {"sf", NAME_FLAG, 7},
    {"tf", NAME_FLAG, 8},
    {"if", NAME_FLAG, 9},
    {"df", NAME_FLAG, 10},
    {"of", NAME_FLAG, 11},
    {"iopl", NAME_IOPL, 0},
    {"nt", NAME_FLAG, 14},
    {"rf", NAME_FLAG, 16},
    {"vm", NAME_FLAG, 17},
    {"ac", NAME_FLAG, 18},
    {"vif", NAME_FLAG, 19},
    {"vip", NAME_FLAG, 20},
    {"id", NAME_FLAG, 21},
    SEGMENT("es", SEG_ES),
    SEGMENT("cs", SEG_CS),
    SEGMENT("ss", SEG_SS),
    SEGMENT("ds", SEG_DS),
    SEGMENT("fs", SEG_FS),
    SEGMENT("gs", SEG_GS),
    SEGMENT("ldtr", 6),
    SEGMENT("tr", 7),
    {"gdtr.base", NAME_TABLE_BASE, 0},
    {"gdtr.limit", NAME_TABLE_LIMIT, 0},
    {"idtr.base", NAME_TABLE_BASE, 1},
    {"idtr.limit", NAME_TABLE_LIMIT, 1},
    {"cr0", NAME_CR, 0},
    {"cr2", NAME_CR, 2},
    {"cr3", NAME_CR, 3},
    {"cr4", NAME_CR, 4},
    {"cr0.pe", NAME_CR0_BIT, 0},
    {"cr0.mp", NAME_CR0_BIT, 1},
    {"cr0.em", NAME_CR0_BIT, 2},
    {"cr0.ts", NAME_CR0_BIT, 3},
    {"cr0.ne", NAME_CR0_BIT, 5},
    {"cr0.wp", NAME_CR0_BIT, 16},
    {"cr0.am", NAME_CR0_BIT, 18},
    {"cr0.nw", NAME_CR0_BIT, 29},
    {"cr0.cd", NAME_CR0_BIT, 30},
    {"cr0.pg", NAME_CR0_BIT, 31},
    {"cr4.vme", NAME_CR4_BIT, 0},
    {"cr4.pvi", NAME_CR4_BIT, 1},
    {"cr4.tsd", NAME_CR4_BIT, 2},
    {"cr4.de", NAME_CR4_BIT, 3},
    {"cr4.pse", NAME_CR4_BIT, 4},
    {"cr4.pae", NAME_CR4_BIT, 5},
    {"cr4.pge", NAME_CR4_BIT, 7},
    {"cr4.osfxsr", NAME_CR4_BIT, 9},
    {"dr0", NAME_DR, 0},
    {"dr1", NAME_DR, 1},
    {"dr2", NAME_DR, 2},
    {"dr3", NAME_DR, 3},
    {"dr6", NAME_DR, 6},
    {"dr7", NAME_DR, 7},
    {"efer", NAME_EFER, 0},
    {"cpl", NAME_CPL, 0},
    {"insns", NAME_INSNS, 0},
    {"now", NAME_NOW, 0},
    {"vector", NAME_HIT, HIT_VECTOR},
    {"error", NAME_HIT, HIT_ERROR},
    {"port", NAME_HIT, HIT_PORT},
    {"value", NAME_HIT, HIT_VALUE},
    {"size", NAME_HIT, HIT_SIZE},
    {"address", NAME_HIT, HIT_ADDRESS},
    {"write", NAME_HIT, HIT_WRITE},
    {"from", NAME_HIT, HIT_FROM},
    {"old", NAME_HIT, HIT_OLD},
    {"hits", NAME_HIT, HIT_HITS},
};

int expr_name_find(const char *name, size_t len)
{
    for (unsigned n = 0; n < ARRAY_LEN(names); n++) {
        if (strncasecmp(names[n].name, name, len) == 0 && !names[n].name[len])
            return (int)n;
    }
    return -1;
}

const char *expr_name(unsigned n)
{
    return n < ARRAY_LEN(names) ? names[n].name : NULL;
}

int expr_name_segment(unsigned n)
{
    return names[n].kind == NAME_SELECTOR && names[n].index < SEG_COUNT ? names[n].index : -1;
}

static const struct segment *segment_at(const struct vcpu *c, unsigned index)
{
    return index < SEG_COUNT ? &c->seg[index] : index == 6 ? &c->ldtr : &c->tr;
}

static int64_t gpr8(const struct vcpu *c, unsigned index)
{
    return index < 4 ? c->reg[index].b.l : c->reg[index - 4].b.h;
}

static int64_t control(const struct vcpu *c, unsigned n)
{
    return n == 0 ? c->cr0 : n == 2 ? c->cr2 : n == 3 ? (int64_t)c->cr3 : c->cr4;
}

/* Each kind of stop has the parts that make sense for it. */
static bool hit_value(enum hit_part part, const struct expr_scope *scope, int64_t *out)
{
    const struct stop_hit *h = scope->hit;
    if (!h)
        return false;
    const struct stop_event *e = &h->event;
    bool event = h->reason == STOP_EVENT, watch = h->reason == STOP_WATCHPOINT;
    switch (part) {
    case HIT_VECTOR:
        *out = e->vector;
        return event;
    case HIT_ERROR:
        *out = e->error;
        return event;
    case HIT_PORT:
        *out = e->port;
        return event;
    case HIT_VALUE:
        *out = e->value;
        return event;
    case HIT_SIZE:
        *out = watch ? h->size : e->size;
        return event || watch;
    case HIT_ADDRESS:
        *out = h->address;
        return true;
    case HIT_WRITE:
        *out = watch ? h->write : e->write;
        return event || watch;
    case HIT_FROM:
        *out = e->from;
        return event;
    case HIT_OLD:
        *out = e->old;
        return event;
    case HIT_HITS:
        *out = (int64_t)scope->hits;
        return true;
    }
    return false;
}

bool expr_name_value(unsigned n, const struct expr_scope *scope, int64_t *out)
{
    struct vcpu *c = scope->vcpu;
    unsigned index = names[n].index;
    switch ((enum kind)names[n].kind) {
    case NAME_GPR32:
        *out = c->reg[index].d;
        break;
    case NAME_GPR16:
        *out = c->reg[index].w;
        break;
    case NAME_GPR8:
        *out = gpr8(c, index);
        break;
    case NAME_EIP:
        *out = vcpu_eip(c);
        break;
    case NAME_PC:
        *out = vcpu_pc(c);
        break;
    case NAME_EFLAGS:
        *out = flags_get(c);
        break;
    case NAME_FLAG:
        *out = flags_get(c) >> index & 1;
        break;
    case NAME_IOPL:
        *out = bits(c->eflags, 13, 12);
        break;
    case NAME_SELECTOR:
        *out = segment_at(c, index)->selector;
        break;
    case NAME_BASE:
        *out = (int64_t)segment_at(c, index)->base;
        break;
    case NAME_LIMIT:
        *out = segment_at(c, index)->limit;
        break;
    case NAME_ATTR:
        *out = segment_at(c, index)->attr;
        break;
    case NAME_DPL:
        *out = bits(segment_at(c, index)->attr, 6, 5);
        break;
    case NAME_TABLE_BASE:
        *out = (int64_t)(index ? c->idtr.base : c->gdtr.base);
        break;
    case NAME_TABLE_LIMIT:
        *out = index ? c->idtr.limit : c->gdtr.limit;
        break;
    case NAME_CR:
        *out = control(c, index);
        break;
    case NAME_CR0_BIT:
        *out = c->cr0 >> index & 1;
        break;
    case NAME_CR4_BIT:
        *out = c->cr4 >> index & 1;
        break;
    case NAME_DR:
        *out = (int64_t)c->dr[index];
        break;
    case NAME_EFER:
        *out = (int64_t)c->efer;
        break;
    case NAME_CPL:
        *out = c->cpl;
        break;
    case NAME_INSNS:
        *out = (int64_t)vcpu_insns(c);
        break;
    case NAME_NOW:
        *out = c->host.tsc ? (int64_t)c->host.tsc(c->host.ctx) : 0;
        break;
    case NAME_HIT:
        return hit_value((enum hit_part)index, scope, out);
    }
    return true;
}
