/* translator/x86_64/emit.c: a unit, from its first byte to its last. */
#include <assert.h>

#include "translator/x86_64/emit.h"

#include "translator/jumps.h"
#include "translator/narrow.h"

static uint32_t site(const struct emit *e, unsigned n)
{
    return e->u->id << SITE_SHIFT | n;
}

/* Instruction n is run by a function in C. */
static void call_c(struct emit *e, unsigned n)
{
    narrow_function *narrow = narrow_for(e->u->insn[n].insn);
    asm_mov_imm32(&e->code, R11, site(e, n));
    if (narrow)
        asm_mov_imm64(&e->code, R10, (uint64_t)(uintptr_t)narrow);
    asm_jmp(&e->code, narrow ? e->t->stubs.narrow : e->t->stubs.help);
}

void emit_help(struct emit *e)
{
    call_c(e, e->n);
}

/* The instructions of the block that begins here are counted. */
static void emit_count(struct emit *e)
{
    asm_lea64(&e->code, COUNTER, place_mem(COUNTER, -(int32_t)(e->u->insn[e->n].rest + 1)));
}

/* The jump table's slot for the token in r10. */
struct place emit_jump_slot(struct code *c)
{
    asm_rorx32(c, R11, R10, JUMP_BITS);
    asm_lea32(c, R11, place_indexed(R11, R10, 0, 0));
    asm_movzx16(c, R11, R11);
    asm_load64(c, R9, FIELD_OF(translated.jumps));
    return place_indexed(R9, R11, 3, 0);
}

void emit_indirect(struct emit *e)
{
    asm_jmp_place(&e->code, emit_jump_slot(&e->code));
}

/* --- What says where the unit stands ---------------------------------------------------------- */

enum {
    FIX_EIP,   /* 32 bits: an eip */
    FIX_MINUS, /* a number less an eip */
    FIX_SLOT,  /* the displacement in the jump table of the eip before it in the list */
};

/* The last four bytes are such a place. */
static void note_fix(struct emit *e, unsigned kind)
{
    struct unit *u = e->u;
    size_t at = (size_t)(asm_here(&e->code) - u->start) - 4;
    if (at >= UNIT_FIX_REACH)
        u->stays = true;
    if (u->stays)
        return;
    assert(u->fixes < unit_fix_room(u->link_room));
    u->fix[u->fixes++] = (struct unit_fix){.at = at & (UNIT_FIX_REACH - 1), .kind = kind & 3};
}

/* The instruction just put ends with displacement disp, which is such a place. */
static void note_displacement(struct emit *e, unsigned kind, int32_t disp)
{
    if (disp >= -128 && disp <= 127) /* it has one byte */
        e->u->stays = true;
    else
        note_fix(e, kind);
}

void emit_note_eip(struct emit *e)
{
    note_fix(e, FIX_EIP);
}

void backend_move(struct translator *t, const struct unit *u, uint32_t by)
{
    uint8_t *code = (uint8_t *)(uintptr_t)u->start - code_cache_delta(&t->code);
    uint32_t eip = 0, value;
    for (unsigned n = 0; n < u->fixes; n++) {
        uint8_t *field = code + u->fix[n].at;
        memcpy(&value, field, sizeof value);
        if (u->fix[n].kind == FIX_EIP)
            value = eip = value + by;
        else if (u->fix[n].kind == FIX_MINUS)
            value -= by;
        else
            value = jump_slot(eip) * 8;
        memcpy(field, &value, sizeof value);
    }
}

/* --- Links ------------------------------------------------------------------------------------ */

static bool same_page(const struct unit *u, uint32_t eip)
{
    uint32_t gva = u->gva - u->eip + eip;
    return !((gva ^ u->gva) >> PAGE_SHIFT);
}

/* Of a byte as it is written: its offset from the unit's start. */
static uint16_t offset_of(const struct emit *e, const uint8_t *at)
{
    return (uint16_t)(at + e->code.run_delta - e->u->start);
}

static struct unit_link *new_link(struct emit *e, uint32_t eip, uint8_t *patch)
{
    assert(e->u->links < e->u->link_room);
    struct unit_link *link = &e->u->link[e->u->links++];
    *link = (struct unit_link){.eip = eip, .from = e->u->id, .patch = offset_of(e, patch)};
    return link;
}

/* The slot of a target in another page, whatever is mapped there now. */
static struct place far_away(struct emit *e, uint32_t token)
{
    asm_mov_imm32(&e->code, R10, token);
    note_fix(e, FIX_EIP);
    asm_load64(&e->code, R9, FIELD_OF(translated.jumps));
    return place_mem(R9, (int32_t)(jump_slot(token) * 8));
}

void emit_far_jump(struct emit *e, uint32_t token)
{
    struct place slot = far_away(e, token);
    asm_jmp_place(&e->code, slot);
    note_displacement(e, FIX_SLOT, slot.disp);
}

static void jump_far_away(struct emit *e, uint32_t eip)
{
    emit_far_jump(e, unit_token(e->u, eip));
}

static void call_far_away(struct emit *e, uint32_t token)
{
    struct place slot = far_away(e, token);
    asm_call_place(&e->code, slot);
    note_displacement(e, FIX_SLOT, slot.disp);
}

void emit_token(struct emit *e)
{
    if (e->u->key & KEY_FAR)
        asm_lea32(&e->code, R10, place_mem(R10, (int32_t)unit_token(e->u, 0)));
}

void emit_link_jump(struct emit *e, uint32_t eip)
{
    if (eip == e->u->eip)
        asm_jmp(&e->code, e->u->entry);
    else if (same_page(e->u, eip))
        new_link(e, eip, asm_jmp(&e->code, NULL));
    else
        jump_far_away(e, eip);
}

void emit_link_jcc(struct emit *e, unsigned cc, uint32_t eip)
{
    if (eip == e->u->eip) {
        asm_jcc(&e->code, cc, e->u->entry);
        return;
    }
    if (same_page(e->u, eip)) {
        new_link(e, eip, asm_jcc(&e->code, cc, NULL));
        return;
    }
    uint8_t *over = e->code.at + 1; /* the other condition, rel8 */
    asm_8(&e->code, 0x70 | (cc ^ 1));
    asm_8(&e->code, 0);
    jump_far_away(e, eip);
    asm_land8(&e->code, over);
}

/* --- Is it me? --------------------------------------------------------------------------------
 *
 * Who comes by way of the jump table or of a RET has the token that it means in r10. Comparing it
 * must touch no flag: LOOP jumps when two numbers differ by anything but one, JECXZ when they are
 * equal, which makes one more taken branch of every call. */

/* ECX is r10 less token, plus `plus`. */
static void compare(struct emit *e, uint32_t token, uint32_t plus)
{
    int32_t disp = (int32_t)(plus - token);
    asm_lea32(&e->code, RCX, place_mem(R10, disp));
    note_displacement(e, FIX_MINUS, disp);
}

/* Jumps if r10 is not token, with ECX put aside in r12; else ECX is as before. Returns where the
 * jump's displacement is, for asm_land8. */
static uint8_t *emit_unless(struct emit *e, uint32_t token)
{
    asm_mov32(&e->code, R12, RCX);
    compare(e, token, 1);
    uint8_t *other = asm_loop(&e->code);
    asm_mov32(&e->code, RCX, R12);
    return other;
}

/* Where that jump goes. */
static void emit_other(struct emit *e, const uint8_t *stub)
{
    asm_mov32(&e->code, RCX, R12);
    asm_jmp(&e->code, stub);
}

/* Goes on if r10 is token, else to the stub. */
static void emit_expect(struct emit *e, uint32_t token, const uint8_t *stub)
{
    asm_mov32(&e->code, R12, RCX);
    compare(e, token, 0);
    uint8_t *mine = asm_jecxz(&e->code);
    emit_other(e, stub);
    asm_land8(&e->code, mine);
    asm_mov32(&e->code, RCX, R12);
}

/* --- Returns ---------------------------------------------------------------------------------- */

static void go_on_behind(struct emit *e, uint32_t next)
{
    if (same_page(e->u, next))
        new_link(e, next, asm_jmp(&e->code, NULL))->landing = true;
    else
        jump_far_away(e, next);
}

/* Behind a host CALL: a guest RET to the token in r10 came here. It is right to guess that it is
 * next.
 */
static void emit_landing(struct emit *e, uint32_t next)
{
    e->u->landing = (uint16_t)(e->code.at + e->code.run_delta - e->u->start);
    if (!e->t->loop_is_fast) {
        emit_expect(e, unit_token(e->u, next), e->t->stubs.again);
        go_on_behind(e, next);
        return;
    }
    uint8_t *other = emit_unless(e, unit_token(e->u, next));
    go_on_behind(e, next);
    asm_land8(&e->code, other);
    emit_other(e, e->t->stubs.again);
}

void emit_link_call(struct emit *e, uint32_t eip, uint32_t next)
{
    if (!e->t->predicts_returns || eip == next) { /* it asks where it is */
        emit_link_jump(e, eip);
        return;
    }
    if (eip == e->u->eip)
        asm_call(&e->code, e->u->entry);
    else if (same_page(e->u, eip))
        new_link(e, eip, asm_call(&e->code, NULL));
    else
        call_far_away(e, unit_token(e->u, eip));
    emit_landing(e, next);
}

void emit_far_call(struct emit *e, uint32_t token, uint32_t next)
{
    if (!e->t->predicts_returns) {
        emit_far_jump(e, token);
        return;
    }
    call_far_away(e, token);
    emit_landing(e, next);
}

void emit_indirect_call(struct emit *e, uint32_t next)
{
    if (!e->t->predicts_returns) {
        emit_indirect(e);
        return;
    }
    asm_call_place(&e->code, emit_jump_slot(&e->code));
    emit_landing(e, next);
}

void emit_return(struct emit *e)
{
    if (e->t->predicts_returns)
        asm_ret(&e->code);
    else
        emit_indirect(e);
}

/* --- Start and end ---------------------------------------------------------------------------- */

/* With LOOP the way to the stub stands first. */
static void emit_entries(struct emit *e)
{
    struct unit *u = e->u;
    u->start = u->indirect = asm_here(&e->code);
    if (e->t->loop_is_fast) {
        uint8_t *stands = e->code.at;
        emit_other(e, e->t->stubs.miss);
        u->indirect = asm_here(&e->code);
        asm_land8_at(emit_unless(e, unit_token(u, u->eip)), stands);
    } else {
        emit_expect(e, unit_token(u, u->eip), e->t->stubs.miss);
    }
    u->entry = asm_here(&e->code);
    /* The poll: below the strip when fewer instructions than these are left. */
    asm_load32(&e->code, R11, place_mem(COUNTER, -(int32_t)u->insns));
}

/* Where every instruction becomes host code. */
static void emit_insn(struct emit *e)
{
    enum lowering how = lowering_of(e->u, e->i);
    switch (how) {
    case LOWER_HELP:
        if (!emit_fpu(e))
            emit_help(e);
        break;
    case LOWER_LEAVE:
        if (e->i->op == OPROW_sti ? !emit_sti(e) : !emit_8086(e))
            emit_help(e);
        break;
    case LOWER_OWN:
        emit_own(e);
        break;
    case LOWER_BRANCH:
        emit_branch(e);
        break;
    case LOWER_STRING:
        emit_string(e);
        break;
    default:
        emit_plain(e, how);
        break;
    }
}

bool backend_resumes(const struct insn *i)
{
    switch (i->op) {
    case OPROW_popf:
    case OPROW_sti:
    case OPROW_mov_s2_ew:
    case OPROW_pop_ss:
    case OPROW_lss:
    case OPROW_mov_cd_rd:
    case OPROW_lmsw:
    case OPROW_invlpg:
    case OPROW_in_al_ib:
    case OPROW_in_eax_ib:
    case OPROW_in_al_dx:
    case OPROW_in_eax_dx:
    case OPROW_out_ib_al:
    case OPROW_out_ib_eax:
    case OPROW_out_dx_al:
    case OPROW_out_dx_eax:
        return true;
    default:
        return false;
    }
}

bool backend_goes_on(const struct insn *i)
{
    unsigned op = i->op;
    return !(opcode_row(op)->attrs & ENDS) || backend_resumes(i) || op == OPROW_jcxz ||
           op == OPROW_loop || op == OPROW_loope || op == OPROW_loopne || insn_is_jcc(i);
}

/* Slow paths, then the exits of links: out of the way of what runs. */
static void emit_cold(struct emit *e)
{
    struct unit *u = e->u;
    for (unsigned k = 0; k < e->slow_count; k++) {
        const struct slow_path *s = &e->slow[k];
        asm_patch(&e->code, s->patch, asm_here(&e->code));
        if (s->restore_ecx)
            asm_mov32(&e->code, RCX, R12);
        call_c(e, s->insn);
    }
    for (unsigned k = 0; k < u->links; k++) {
        u->link[k].exit = offset_of(e, e->code.at);
        asm_patch(&e->code, e->code.at - u->link[k].exit + u->link[k].patch, asm_here(&e->code));
        asm_mov_imm32(&e->code, R11, site(e, k));
        asm_jmp(&e->code, e->t->stubs.link);
    }
}

/* Where the next unit begins, so that its entry stands at the start of what the host fetches at
 * once: most units run for a few cycles only. */
static size_t unit_place(size_t used)
{
    const size_t before_entry = 23, fetched = 32;
    return ((used + before_entry + fetched - 1) & ~(fetched - 1)) - before_entry;
}

/* What waits of ESP is little: see stack_may_wait. */
static int8_t esp_now(const struct emit *e)
{
    assert(e->esp >= INT8_MIN && e->esp <= INT8_MAX);
    return (int8_t)e->esp;
}

/* Emits u for host address run, writing it at start. */
static void emit_unit(struct translator *t, struct unit *u, uint8_t *start, const uint8_t *run)
{
    struct emit e; /* slow is large, and filled as it is used */
    e.code = (struct code){.at = start, .run_delta = run - start};
    e.t = t;
    e.u = u;
    e.slow_count = 0;
    e.fpu = 0;
    e.esp = 0;
    emit_entries(&e);
    for (unsigned n = 0; n < u->insns; n++) {
        e.n = n;
        e.i = u->insn[n].insn;
        if (u->insn[n].into == 0)
            emit_count(&e);
        if (e.esp && !stack_may_wait(&e))
            settle_stack(&e);
        u->insn[n].host = (uint16_t)(e.code.at - start);
        u->insn[n].esp_before = esp_now(&e);
        emit_insn(&e);
        u->insn[n].resume = (uint16_t)(e.code.at - start);
        u->insn[n].esp_behind = esp_now(&e);
        u->insn[n].fpu = e.fpu;
        if (n + 1u < u->insns || !backend_goes_on(e.i))
            continue;
        settle_stack(&e);
        emit_link_jump(&e, eip_behind(u, &u->insn[n]));
    }
    u->hot_size = (uint16_t)(e.code.at - start);
    emit_cold(&e);
    assert(e.code.at - start < BACKEND_UNIT_ROOM && BACKEND_UNIT_ROOM <= UINT16_MAX + 1);
    u->size = (uint16_t)(e.code.at - start);
}

/* Emits u, if it fits, to u->start, where u->room bytes are free. */
static bool emit_to_room(struct translator *t, struct unit *u)
{
    uint8_t *to = (uint8_t *)(uintptr_t)u->start - code_cache_delta(&t->code);
    emit_unit(t, u, t->scratch, u->start);
    if (u->size > u->room) {
        u->links = 0;
        u->landing = 0;
        u->fixes = 0;
        return false;
    }
    memcpy(to, t->scratch, u->size);
    return true;
}

void backend_emit(struct translator *t, struct unit *u)
{
    if (u->room && emit_to_room(t, u))
        return;
    uint8_t *start = t->code.write + t->code.used;
    emit_unit(t, u, start, start + code_cache_delta(&t->code));
    u->room = u->size;
    t->code.used = unit_place(t->code.used + u->size);
}

const uint8_t *backend_emit_jump(struct translator *t, uint32_t token)
{
    struct unit nobody = {.stays = true};
    struct emit e = {.t = t, .u = &nobody};
    uint8_t *start = t->code.write + t->code.used;
    e.code = (struct code){.at = start, .run_delta = code_cache_delta(&t->code)};
    emit_far_jump(&e, token);
    t->code.used = unit_place(t->code.used + (size_t)(e.code.at - start));
    return start + e.code.run_delta;
}

void backend_put_immediate(struct translator *t, const struct unit *u, unsigned n)
{
    const struct unit_insn *ui = &u->insn[n];
    uint32_t imm = ui->insn->imm;
    memcpy((uint8_t *)(uintptr_t)u->start - code_cache_delta(&t->code) + ui->resume - ui->imm_size,
           &imm, ui->imm_size);
}

void backend_patch(struct translator *t, const struct unit *u, const struct unit_link *link,
                   const uint8_t *to)
{
    struct code c = {.run_delta = code_cache_delta(&t->code)};
    asm_patch(&c, (uint8_t *)(uintptr_t)u->start - c.run_delta + link->patch, to);
}
