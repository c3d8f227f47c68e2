/* tests/cpu/test_host.c: the interpreter's integer instructions against the host CPU.
 *
 * For each row of cpu/opcodes_integer.def, encodings are generated (prefixes, ModRM, SIB,
 * displacement, immediate) and run from random states whose values lean on the edges, natively and
 * in the interpreter: registers, arithmetic flags and DF, EIP, memory, and what was raised with its
 * error code and address must be equal. Flags that the manual calls undefined are left out.
 *
 * On the interpreter first, then a tenth of it on the translator; hostguest.h names what can be
 * chosen. */
#include "cpu/undefined.h"

#if defined(__x86_64__) && defined(__linux__)

#include "tests/cpu/hostgen.h"
#include "tests/cpu/hostguest.h"

/* --- Generating ------------------------------------------------------------------------------- */

static void gen_state(struct rng *r, const struct encoding *e, struct host32_state *s)
{
    const struct insn *i = &e->insn;
    const struct opcode *row = e->row;
    *s = (struct host32_state){.eip = e->at};
    for (unsigned n = 0; n < 8; n++)
        s->reg[n] = gen_value(r);
    s->eflags = (uint32_t)rng_next(r) & (FLAGS_ARITH | (pick(r, 4) ? 0 : FLAG_DF));
    s->reg[ESP] = pick(r, 4) ? 0x100 + 4 * pick(r, 0x700) : gen_offset(r);
    if (pick(r, 2)) /* quotients that fit */
        s->reg[EDX] = pick(r, 2) ? pick(r, 64) : 0u - (s->reg[EAX] >> 31);
    if (has_operand(row, OPND_Xb, OPND_Yv)) {
        s->reg[ESI] = gen_offset(r);
        s->reg[EDI] = gen_offset(r);
        s->reg[ECX] = pick(r, 16) ? pick(r, 24) : gen_value(r);
    }
    if (!strncmp(row->mnemonic, "bt", 2) && pick(r, 4))
        s->reg[i->reg] = pick(r, 0x800) - 0x400;
    if (!strncmp(row->mnemonic, "loop", 4) && pick(r, 2))
        s->reg[ECX] = pick(r, 3);
    if (!strcmp(row->mnemonic, "xlatb"))
        s->reg[EBX] = gen_offset(r);
    if (!strcmp(row->mnemonic, "enter") || !strcmp(row->mnemonic, "leave"))
        s->reg[EBP] = gen_offset(r);
    if (row->form & 1 && insn_is_mem(i))
        aim(e, s, gen_offset(r) & (i->prefixes & PREFIX_LOCK ? ~7u : ~0u));
    else if ((row->attrs & ENDS) && (row->form & 1) && pick(r, 4))
        s->reg[i->rm] = 0x80 + pick(r, 0x400); /* indirect jumps and calls: to an INT3 */
}

/* Near returns and jumps through memory find a good target half of the time. Never one within the
 * instruction itself: what follows it is not the same in both worlds (host32_code's way out). False
 * when that cannot be helped. */
static bool put_target(struct rng *r, const struct encoding *e, const struct host32_state *s)
{
    const struct insn *i = &e->insn;
    if (!(e->row->attrs & ENDS) || has_operand(e->row, OPND_Jb, OPND_Jv))
        return true;
    uint32_t at = s->reg[ESP];
    if (e->row->form & 1) {
        if (!insn_is_mem(i))
            return true;
        at = operand_offset(e, s);
    }
    uint32_t last = at + i->osize - 1;
    if (last < at || last > HOST_LIMIT)
        return true;
    bool writable = DATA_RW(at >> 12) && DATA_RW(last >> 12);
    if (!writable && !DATA_RO(at >> 12) && !DATA_RO(last >> 12))
        return true;
    bool into_itself = load_le16(physmap_host(ram, at)) - e->at < 24;
    if (!writable)
        return !into_itself;
    if (!into_itself && pick(r, 2))
        return true;
    uint32_t target = 0x80 + pick(r, 0x400);
    memcpy((uint8_t *)(uintptr_t)(HOST_DATA + at), &target, i->osize);
    memcpy(physmap_host(ram, at), &target, i->osize);
    return true;
}

/* --- Comparing -------------------------------------------------------------------------------- */

/* Did a jump lead behind the instruction, where the host has more than INT3s? */
static bool in_way_out(const struct encoding *e, const struct host32_state *guest)
{
    uint32_t end = e->at + e->insn.len;
    return guest->vector == VEC_BP && guest->eip - 1 > end && guest->eip - 1 < end + 8;
}

/* Where two accesses of one instruction fault the manual does not say which comes first: processors
 * differ. A host may also have done part of a long one, which Umbra never does: POPA may have
 * loaded registers, PUSHA and ENTER may have written below ESP. */
static bool same_but_for_order(const struct encoding *e, const struct host32_state *a,
                               const struct host32_state *b)
{
    static const struct {
        const char *mnemonic;
        bool same_fault;
    } table[] = {{"cmpsb", false},     {"cmpsw|cmpsd", false}, {"call", false},
                 {"popa|popad", true}, {"pusha|pushad", true}, {"enter", true}};
    if (a->eip != e->at || b->eip != e->at || !pushes_error(a->vector) || !pushes_error(b->vector))
        return false;
    for (unsigned n = 0; n < ARRAY_LEN(table); n++) {
        if (!strcmp(e->row->mnemonic, table[n].mnemonic))
            return !table[n].same_fault ||
                   (a->vector == b->vector && (a->vector != VEC_PF || a->cr2 == b->cr2));
    }
    return false;
}

/* One encoding from many states; stops at its first difference. */
static void compare_encoding(struct rng *r, const struct encoding *e, unsigned states,
                             struct totals *t)
{
    host32_code(e->at, e->bytes, e->insn.len, e->kind != HOST_16);
    guest_code(e->at, e->bytes, e->insn.len);
    t->encodings++;
    for (unsigned n = 0; n < states; n++) {
        struct host32_state s[3]; /* before, host, umbra */
        gen_state(r, e, &s[0]);
        struct flag_effect effect = insn_flag_effect(&e->insn, s[0].reg[ECX]);
        uint32_t undefined = effect.undefined;
        if (effect.result_undefined) {
            t->skipped++;
            continue;
        }
        if (!put_target(r, e, &s[0])) {
            t->skipped++;
            continue;
        }
        s[1] = s[2] = s[0];
        host32_run(&s[1], e->kind);
        if (s[1].vector == HOST_ENDLESS) {
            t->skipped++;
            copy_memory(false);
            continue;
        }
        guest_run(&s[2], e->kind);
        t->cases++;
        t->raised[s[1].vector & 31]++;
        if (in_way_out(e, &s[2]) || same_but_for_order(e, &s[1], &s[2])) {
            t->skipped++;
            copy_memory(false);
            continue;
        }
        if (s[1].eip == e->at) /* a fault: as before */
            undefined = s[1].vector == VEC_DE ? F_OSZAPC : 0;
        const char *what = difference(&s[1], &s[2], (FLAGS_ARITH | FLAG_DF) & ~undefined);
        if (!what && !same_memory())
            what = "memory";
        if (what) {
            report(t, e, what, s);
            copy_memory(false);
            return;
        }
    }
}

static const uint16_t rows[] = {
#define ROW(id, ...) OPROW_##id,
#include "cpu/opcodes_integer.def"
#undef ROW
};

#define STATES 40 /* per encoding */

static bool gen_row(struct rng *r, unsigned op, struct encoding *e)
{
    return gen_encoding(r, op, pick(r, 4) ? HOST_32 : HOST_16, e);
}

static void fill(struct rng *r, uint8_t *page)
{
    for (unsigned n = 0; n < 1024; n++)
        store_le32(page + n * 4, gen_value(r));
}

int main(void)
{
    return compare_on_engines(
        &(struct comparison){rows, ARRAY_LEN(rows), STATES, fill, gen_row, compare_encoding});
}

#else

int main(void)
{
    printf("SKIP: the host is not x86-64 Linux\n");
    return 77;
}

#endif
