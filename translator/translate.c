/* translator/translate.c: the engine "translate": the loop around host code, and what host code
 * calls. */
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/big.h"
#include "cpu/access.h"
#include "cpu/exception.h"
#include "cpu/run.h"
#include "cpu/shadow.h"
#include "cpu/stops.h"
#include "translator/faults.h"
#include "translator/flow.h"
#include "translator/jumps.h"
#include "translator/narrow.h"
#include "translator/returns.h"
#include "translator/unit_index.h"
#include "translator/unit_links.h"
#include "translator/unit_moves.h"
#include "translator/units.h"

#define SIGNAL_CYCLES 9000 /* a signal and the return from it: 3 us */

insn_handler op_unit_return;

/* Behind the one instruction of translator.one. */
void op_unit_return(struct vcpu *c, const struct insn *i)
{
    (void)i;
    c->translated.straight = true;
}

/* --- Life ------------------------------------------------------------------------------------ */

static bool map_strip(struct translator *t)
{
    uint8_t *p = mmap(NULL, PAGE_SIZE + BUDGET_STRIP, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    t->strip = p + PAGE_SIZE;
    return mprotect(t->strip, BUDGET_STRIP, PROT_READ) == 0;
}

static bool allocate(struct translator *t, uint64_t code_bytes)
{
    t->units = big_alloc(UNITS_MAX * sizeof t->units[0]);
    t->by_code = big_alloc(UNIT_CHAINS * sizeof t->by_code[0]);
    t->youngest = big_alloc(UNIT_RINGS * sizeof t->youngest[0]);
    t->free_ids = calloc(UNITS_MAX, sizeof t->free_ids[0]);
    t->by_address = calloc(UNITS_MAX, sizeof t->by_address[0]);
    t->by_code_page = calloc((code_bytes >> PAGE_SHIFT) + 2, sizeof t->by_code_page[0]);
    t->helped_rows = calloc(OPCODE_ROWS, sizeof t->helped_rows[0]);
    t->scratch = malloc(BACKEND_UNIT_ROOM);
    if (!t->units || !t->by_code || !t->youngest || !t->free_ids || !t->by_address ||
        !t->by_code_page || !t->helped_rows || !t->scratch)
        return false;
    if (!jumps_init(t) || !returns_init(t))
        return false;
    return map_strip(t) && code_cache_init(&t->code, align_up(code_bytes, PAGE_SIZE));
}

struct translator *translator_create(struct vcpu *c, const struct engine_tuning *tuning)
{
    const char *why;
    if (!backend_available(&why)) {
        log_msg(c->log, LOG_WARN, "no translation: %s; use --engine interp", why);
        return NULL;
    }
    struct translator *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->vcpu = c;
    t->quick = physmap_quick(c->physmap);
    t->shadow = tuning->shadow;
    t->eager = tuning->eager;
    policy_init(&t->policy);
    fresh_init(&t->fresh);
    t->emitted = tuning->emitted;
    t->emitted_ctx = tuning->emitted_ctx;
    t->fault_site = NO_SITE;
    for (unsigned way = 0; way < WAYS; way++)
        t->way[way].mode = NO_MODE;
    if (t->shadow != SHADOW_SOFT && !(backend_has_windows() && shadow_open_windows(c))) {
        if (t->shadow == SHADOW_WINDOW)
            log_msg(c->log, LOG_WARN, "this host has no windows: the soft TLB serves");
        t->shadow = SHADOW_SOFT;
    }
    if (t->shadow != SHADOW_SOFT)
        t->ready = windows_ready(c->windows);
    if (c->windows && tuning->traced)
        shadow_trace(c, true);
    if (!allocate(t, tuning->code_cache ? tuning->code_cache : CODE_CACHE_SIZE)) {
        translator_destroy(t);
        return NULL;
    }
    c->translated =
        (struct translated){.translator = t,
                            .page_mask = 0xFFFFF000,
                            .code_bits = (uint64_t)(uintptr_t)physmap_code_bits(c->physmap) -
                                         (uint64_t)(uintptr_t)physmap_host(c->physmap, 0) / 8,
                            .byte_mask = ~UINT64_C(7),
                            .bit_mask = 7,
                            .low_bits = {1, 3, 15, 0xFF, 0x3FF}};
    fpu_init(t, tuning->exact_fpu);
    t->predicts_returns = backend_has_returns();
    t->loop_is_fast = backend_loops_fast();
    backend_emit_stubs(t);
    returns_empty(t, 0);
    units_listen(t);
    t->one.block.insns[1] =
        (struct insn){.run = op_unit_return, .base = REG_NONE, .index = REG_NONE};
    t->one.block.count = 1;
    t->one.block.jump_key = JUMP_KEY_NONE;
    return t;
}

void translator_destroy(struct translator *t)
{
    if (!t)
        return;
    if (t->vcpu->translated.translator == t) {
        units_drop_all(t);
        units_free_dead(t);
        block_cache_listen(t->vcpu->blocks, (struct block_listener){0});
        t->vcpu->translated.translator = NULL;
    }
    backend_faults_free(t);
    if (t->strip)
        munmap(t->strip - PAGE_SIZE, PAGE_SIZE + BUDGET_STRIP);
    code_cache_free(&t->code);
    jumps_free(t);
    returns_free(t);
    unit_memory_empty(&t->memory);
    big_free(t->units, UNITS_MAX * sizeof t->units[0]);
    big_free(t->by_code, UNIT_CHAINS * sizeof t->by_code[0]);
    big_free(t->youngest, UNIT_RINGS * sizeof t->youngest[0]);
    free(t->free_ids);
    free(t->by_address);
    free(t->by_code_page);
    free(t->scratch);
    free(t->helped_rows);
    free(t);
}

/* --- Called from host code -------------------------------------------------------------------- */

const uint8_t *translator_poll(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    struct unit *u = site_unit(t, site);
    take_flags(c);
    c->insns = retired(t, 0);
    c->eip = u->eip;
    return NULL;
}

const uint8_t *translator_miss(struct vcpu *c, uint32_t unused, uint32_t token)
{
    (void)unused;
    struct translator *t = c->translated.translator;
    take_flags(c);
    c->insns = retired(t, 0);
    c->eip = c->code_8086 || code_is_small(c) ? token & 0xFFFF : token;
    t->counters.missed++;
    return translator_go_on(t);
}

const uint8_t *translator_link(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    struct unit *from = site_unit(t, site);
    struct unit_link *link = &from->link[site_index(site)];
    take_flags(c);
    c->insns = retired(t, 0);
    c->eip = link->eip;
    uint64_t epoch = t->epoch, dropped = t->counters.units_dropped;
    const uint8_t *to = translator_go_on(t);
    if (to && epoch == t->epoch && dropped == t->counters.units_dropped) {
        struct unit *u = t->gone_to;
        bool lent = (u->key ^ t->form) & KEY_WINDOW;
        if (!lent && u->key == from->key && !((u->gva ^ from->gva) >> PAGE_SHIFT))
            unit_connect(t, link, u);
    }
    return to;
}

/* Runs i, which stands at eip, by its handler; eip and insns are current then. True: the next
 * instruction is the one behind it. */
static bool run_one(struct translator *t, const struct insn *i, uint32_t eip)
{
    struct vcpu *c = t->vcpu;
    t->helped_rows[i->op]++;
    t->counters.helped++;
    t->one.block.insns[0] = *i;
    t->one.block.insns[0].offset = 0;
    t->one.block.insns[1].offset = i->len;
    t->one.block.bytes = i->len;
    c->block = &t->one.block;
    c->block_eip = eip;
    c->link_from = NULL;
    c->wake |= WAKE_ALONE;
    c->translated.straight = false;
    t->one.block.insns[0].run(c, t->one.block.insns);
    c->wake &= (uint8_t)~WAKE_ALONE;
    if (c->block) /* else it was counted where the handler left it */
        c->insns++;
    if (c->translated.straight)
        c->eip = c->code32 ? (uint32_t)(eip + i->len) : (eip + i->len) & 0xFFFF;
    c->cur = NULL;
    c->block = NULL;
    c->link_from = NULL;
    return c->translated.straight;
}

/* Instruction n of u as its block has it; *block is that. */
static struct insn *insn_in_block(const struct unit *u, unsigned n, struct block **block)
{
    unsigned part = 0, first = u->parts ? u->part[0].block->count : 0;
    while (n >= first && part + 1u < u->parts)
        first += u->part[++part].block->count;
    *block = u->part[part].block;
    return &(*block)->insns[u->insn[n].into];
}

/* An access that the window refused went well in the handler: a device, or a page with code. When
 * that goes on, the instruction's unit is made anew with the soft TLB for it. */
static void note_refusal(struct translator *t, struct unit *u, unsigned n)
{
    struct block *b;
    struct insn *i = insn_in_block(u, n, &b);
    i->refusals += i->refusals < UNIT_BESIDE_AFTER;
    if (i->refusals == UNIT_SOFT_AFTER || i->refusals == UNIT_BESIDE_AFTER) {
        t->counters.soft_sites++;
        units_drop_with(t, b);
    }
}

void translator_wrote_beside(struct translator *t, struct unit *u, unsigned n, uint32_t gva)
{
    if (u->dead)
        return;
    if (u->insn[n].beside)
        access_enter_beside(t->vcpu, gva);
    else
        note_refusal(t, u, n);
}

/* Where i is about to write: returns the bytes, 0 when it does not, or not in a simple way. */
static unsigned written_by(const struct vcpu *c, const struct insn *i, uint32_t *gva)
{
    unsigned element = backend_string_writes(i);
    if (element) {
        *gva = (uint32_t)c->seg[SEG_ES].base + (i->asize == 4 ? c->reg[EDI].d : c->reg[EDI].w);
        return element;
    }
    unsigned size = backend_writes_memory(i);
    if (!size)
        size = backend_fpu_writes_memory(i);
    if (size)
        *gva = (uint32_t)c->seg[i->seg].base + insn_ea(c, i);
    return size;
}

const uint8_t *translator_help(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    struct unit *u = site_unit(t, site);
    if (unlikely(!u)) /* it went by the walk of the fault that led here: its number is free still */
        u = t->fault_unit;
    return translator_help_unit(c, u, site_index(site));
}

const uint8_t *translator_help_unit(struct vcpu *c, struct unit *u, unsigned n)
{
    struct translator *t = c->translated.translator;
    const struct unit_insn *ui = &u->insn[n];
    uint32_t site = u->id << SITE_SHIFT | n;
    take_flags(c);
    c->insns = retired(t, ui->rest + 1u);
    bool faulted = t->fault_site == site, x87 = ui->x87;
    t->fault_site = NO_SITE;
    if (x87 && fpu_take(t)) { /* its interrupt comes before this instruction */
        c->eip = insn_eip(u, ui);
        return translator_go_on(t);
    }
    bool looked = ui->soft || !(u->key & KEY_WINDOW);
    uint32_t gva;
    unsigned wrote = looked ? written_by(c, ui->insn, &gva) : 0;
    if (faulted && narrow_divides(ui->insn)) { /* it may raise: there is no afterwards */
        note_refusal(t, u, n);
        faulted = false;
    }
    bool straight = run_one(t, ui->insn, insn_eip(u, ui));
    if (u->landing && n + 1u == u->insns)
        returns_push(t, u);
    straight |= backend_resumes(ui->insn) && c->eip == eip_behind(u, ui);
    if (faulted && !u->dead)
        note_refusal(t, u, n);
    if (wrote && access_is_beside_code(c, gva, wrote))
        translator_wrote_beside(t, u, n, gva);
    else if (wrote && ui->beside)
        access_enter_beside(c, gva); /* it writes elsewhere, too */
    if (x87 && !(u->key & KEY_FPU))
        fpu_note_helped(t);
    if (!straight || backend_must_leave(ui->insn))
        return translator_go_on(t);
    return translator_behind(t, u, n, FLAGS_IN_VCPU);
}

const uint8_t *translator_fpu(struct vcpu *c, uint32_t site)
{
    struct translator *t = c->translated.translator;
    struct unit *u = site_unit(t, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    t->counters.fpu_guards++;
    fpu_want(t);
    return t->fpu.level >= ui->fpu ? u->start + ui->host : translator_help(c, site);
}

/* Did an instruction meet pages of the users' in a window that was bound since it did so before?
 * What it touches first of a process's pages counts once. (Places of other instructions may be
 * shared: then fewer count.) */
static bool is_new_to(struct translator *t, const struct insn *i)
{
    uint64_t h = (uint64_t)(uintptr_t)i * UINT64_C(0x9E3779B97F4A7C15);
    uint64_t *seen = &t->stray_binding[h >> 58], binding = windows_binding(t->vcpu->windows);
    bool is_new = binding > *seen;
    if (is_new)
        *seen = binding;
    return is_new;
}

/* The kernel copies from and to its users at a few places. A window shows each process's pages
 * after a fault of some microseconds; a lookup in the soft TLB costs some nanoseconds more each
 * time. True: the instruction is to have that. */
static bool strays_often(struct translator *t, struct unit *u, unsigned n,
                         enum window_answer answer)
{
    struct block *b;
    struct insn *i = insn_in_block(u, n, &b);
    if (answer == WINDOW_STRAY && !is_new_to(t, i))
        return false;
    if (i->refusals >= UNIT_SOFT_AFTER || i->strays++ < UNIT_STRAYS)
        return false;
    i->strays = 0;
    i->refusals = UNIT_SOFT_AFTER - 1; /* its handler runs now, which makes it one more */
    return true;
}

/* The window showed instruction n of u one page, or the guest has none there. When its units go for
 * it, u is dead: its handler runs now. */
static void met_single_page(struct translator *t, struct unit *u, unsigned n, uint64_t now)
{
    struct block *b;
    struct insn *i = insn_in_block(u, n, &b);
    if (fresh_met(t, b, i, now))
        units_drop_with(t, b);
}

void translator_note_fault(struct translator *t, struct unit *u, unsigned n)
{
    t->fault_site = u->id << SITE_SHIFT | n;
    t->fault_unit = u;
}

/* The walk may write to the page tables, and they may be code of u: then the handler runs the
 * instruction as it was, and what follows is looked up anew. */
bool translator_fault(struct translator *t, struct unit *u, unsigned n, uint64_t address,
                      bool write)
{
    t->counters.faults++;
    uint64_t gva = address - (uint64_t)(uintptr_t)t->window;
    bool retry = false;
    if ((u->key & KEY_WINDOW) && gva < WINDOW_SIZE) {
        struct windows *w = t->vcpu->windows;
        uint64_t before = backend_cycles(), singles = windows_singles(w);
        enum window_answer answer = windows_fault(w, (uint32_t)gva, write);
        bool strayed =
            answer != WINDOW_RETRY && answer != WINDOW_REFUSED && strays_often(t, u, n, answer);
        retry = answer != WINDOW_REFUSED && !strayed;
        if (!strayed && windows_singles(w) != singles && !u->dead)
            met_single_page(t, u, n, before);
        if (t->shadow == SHADOW_AUTO)
            policy_charge(&t->policy, backend_cycles() - before + SIGNAL_CYCLES);
    }
    if (retry && likely(!u->dead))
        return true;
    t->counters.refused++;
    translator_note_fault(t, u, n);
    return false;
}

/* --- The engine ------------------------------------------------------------------------------- */

/* Blocks that are interpreted before the engine looks closer. */
#define COLD_BLOCKS 32

/* What runs next, if it is cold, too, with nothing else to look at; or NULL. */
static struct block *next_cold(const struct translator *t)
{
    struct vcpu *c = t->vcpu;
    if (t->eager || c->events || engine_is_wanted(c) || c->stops || c->resume.block ||
        c->history_blocks || c->insns >= c->insns_end)
        return NULL;
    block_refresh(c);
    struct block *b = block_find_cold(c);
    if (!b->live)
        return b; /* it was read from a device, perhaps: not again */
    uint32_t key = key_of(c) | t->form;
    bool cold = !b->stops && !unit_at(t, b, key) && !unit_at(t, b, key & ~KEY_WINDOW) &&
                !(b->translated && unit_to_move(t, physmap_host(c->physmap, b->offset), key)) &&
                block_is_cold(b);
    return cold ? b : NULL;
}

/* Does any handler of b's look at the x87 state? If not, it stays in the host over them. */
static bool uses_x87(const struct block *b)
{
    for (unsigned n = 0; n < b->count; n++) {
        if (backend_uses_x87(&b->insns[n]))
            return true;
    }
    return false;
}

/* What has no unit, or does not fit the budget: its block in the interpreter, or one instruction.
 */
static void run_in_interpreter(struct translator *t)
{
    struct vcpu *c = t->vcpu;
    unsigned blocks = 0;
    struct block *b = NULL;
    if (!c->resume.block && !c->history_blocks) {
        block_refresh(c);
        b = block_find(c, 0);
    }
    do {
        t->counters.single++;
        if (!b || uses_x87(b))
            (void)fpu_take(t);
        c->wake |= WAKE_ALONE;
        if (b)
            run_found(c, b);
        else
            run_plain(c);
        c->wake &= (uint8_t)~WAKE_ALONE;
        c->link_from = NULL;
    } while (++blocks < COLD_BLOCKS && (b = next_cold(t)));
}

static void run_translated(struct translator *t)
{
    struct vcpu *c = t->vcpu;
    c->inhibit = 0;
    c->eflags &= ~FLAG_RF;
    /* With a stop somewhere its block is asked for: units from before it end there. */
    const uint8_t *host = t->cold    ? NULL
                          : c->stops ? translator_go_on(t)
                                     : translator_transfer(t, FLAGS_IN_VCPU);
    t->cold = false;
    if (!host) {
        run_in_interpreter(t);
        return;
    }
    t->counters.entries++;
    t->stubs.enter(c, host);
}

enum vcpu_exit translate_run(struct vcpu *c, uint64_t insns)
{
    struct translator *t = c->translated.translator;
    enum vcpu_exit why = EXIT_BUDGET;
    jmp_buf landing;
    c->insns_end = c->insns + insns;
    if (c->insns_end < c->insns)
        c->insns_end = UINT64_MAX;
    if (c->interpret || !backend_faults_begin(t))
        return interp_run(c, insns);
    fresh_look(t);
    t->window = NULL; /* another translator may have used GS */
    c->unwind = &landing;
    if (setjmp(landing)) {
        c->wake &= (uint8_t)~WAKE_ALONE;
        t->fault_site = NO_SITE;
        run_land_fault(c);
    }
    for (;;) {
        if (unlikely(c->events || c->wake || c->halted || c->shutdown) && run_attend(c, &why))
            break;
        if (c->insns >= c->insns_end) {
            why = EXIT_BUDGET;
            break;
        }
        if (unlikely(c->stops != NULL)) {
            (void)fpu_take(t);
            if (stops_before(c)) {
                why = EXIT_DEBUG;
                break;
            }
        }
        if (unlikely(run_must_be_single(c))) {
            (void)fpu_take(t);
            run_single(c);
        } else {
            run_translated(t);
        }
    }
    fpu_leave(t);
    backend_faults_end(t);
    return why;
}
