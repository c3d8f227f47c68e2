/* Units that go with their code to another address (translator/unit_moves.h): a library of two
 * pages is mapped at another place in each round; its code says where it stands, by what its CALLs
 * push. The interpreter says what is right. */
#include "tests/translator/guest.h"

#define ROUNDS   200
#define ROOT     0x100000 /* page directories, each followed by two tables: for the first 4 MiB, */
#define ROOTS    3        /* and for the 4 MiB at HIGH */
#define HIGH     0x10000000
#define LIBRARY  0x110000
#define TAIL     0x114000 /* a page that begins with the rest of an instruction, and returns */
#define OTHER    0x112000 /* another page of code: adds 1000h to EDX and returns */
#define STACK_AT 0x120000
#define PLACE    0x200000 /* where the library is mapped first */

/* Calls within the page, to the other page and back from there; forward, backward, conditional. */
static const uint8_t first_page[] = {
    /* 00 */ 0xE8, 0x3B, 0,    0,    0,          /* call 40 */
    /* 05 */ 0x42,                               /* inc edx */
    /* 06 */ 0xF6, 0xC1, 0x01,                   /* test cl, 1 */
    /* 09 */ 0x0F, 0x84, 0xF1, 0x0F, 0,    0,    /* jz 1000 */
    /* 0F */ 0xE8, 0x0C, 0x10, 0,    0,          /* call 1020 */
    /* 14 */ 0xF6, 0xC1, 0x02,                   /* test cl, 2 */
    /* 17 */ 0x75, 0x01,                         /* jnz 1A */
    /* 19 */ 0xC3,                               /* ret */
    /* 1A */ 0x81, 0xC2, 0,    0,    0x01, 0x00, /* add edx, 10000h */
    /* 20 */ 0xC3,                               /* ret */
};
static const uint8_t where_am_i[] = {0x58, 0x50, 0x01, 0xC2, 0xC3}; /* pop eax / push eax /
                                                                       add edx, eax / ret */
static const uint8_t near_pair[] = {
    /* 60 */ 0xEB, 0x02,                   /* jmp 64 */
    /* 62 */ 0xF4, 0xF4,                   /* */
    /* 64 */ 0xE8, 0xD7, 0xFF, 0xFF, 0xFF, /* call 40 */
    /* 69 */ 0xC3,                         /* ret */
};
static const uint8_t second_page[] = {
    /* 1000 */ 0x83, 0xC2, 0x10,             /* add edx, 10h */
    /* 1003 */ 0xE9, 0x07, 0xF0, 0xFF, 0xFF, /* jmp 0F */
};
static const uint8_t to_the_end[] = {0xE9, 0x78, 0x0F, 0, 0}; /* 80: jmp FFD */
static const uint8_t crossing[] = {0x81, 0xC2, 0x34};         /* FFD: add edx, 1234h, with TAIL */
static const uint8_t tail_page[] = {0x12, 0, 0, 0xC3};
static const uint8_t other_page[] = {0x81, 0xC2, 0, 0x10, 0, 0, 0xC3};

/* What becomes of the library's old place. */
enum old_place { UNMAPPED, OTHER_CODE, STILL_THERE };

struct shown {
    uint64_t count, refuse_from; /* that one and all that follow */
    unsigned refuse_each;        /* or each so manieth; 0: none */
    const struct vcpu *vcpu;
    struct verdict {
        bool refused;
        uint32_t eip;
    } last[1000]; /* by id */
};

static bool show(void *ctx, const struct unit_code *code)
{
    struct shown *s = ctx;
    const struct translator *t = s->vcpu->translated.translator;
    const struct unit *u = t->units[code->id];
    for (unsigned n = 0; n < u->links; n++)
        ck_assert_ptr_null(u->link[n].to);
    s->count++;
    bool refuse = s->count >= s->refuse_from || (s->refuse_each && s->count % s->refuse_each == 0);
    ck_assert_uint_lt(code->id, ARRAY_LEN(s->last));
    s->last[code->id] = (struct verdict){.refused = refuse, .eip = code->eip};
    return !refuse;
}

/* None of what was refused is there still. */
static void look_for_refused(const struct machine *m, const struct shown *s)
{
    const struct translator *t = m->c->translated.translator;
    for (uint32_t id = 0; id < t->unit_count; id++)
        ck_assert(!t->units[id] || !s->last[id].refused);
}

static uint32_t root(unsigned space)
{
    return ROOT + space * 0x3000;
}

/* Where the page table entry of a linear address is kept. */
static uint32_t entry_at(unsigned space, uint32_t gva)
{
    return root(space) + (gva < HIGH ? 0x1000 : 0x2000) + (gva >> 12 & 0x3FF) * 4;
}

static void prepare(struct machine *m)
{
    for (unsigned space = 0; space < ROOTS; space++) {
        put(m, root(space), (root(space) + 0x1000) | 3, 4);
        put(m, root(space) + (HIGH >> 22) * 4, (root(space) + 0x2000) | 3, 4);
        for (uint32_t gva = 0; gva < PLACE; gva += 0x1000)
            put(m, entry_at(space, gva), gva | 3, 4);
    }
    physmap_poke(m->pm, LIBRARY, first_page, sizeof first_page);
    physmap_poke(m->pm, LIBRARY + 0x40, where_am_i, sizeof where_am_i);
    physmap_poke(m->pm, LIBRARY + 0x60, near_pair, sizeof near_pair);
    physmap_poke(m->pm, LIBRARY + 0x80, to_the_end, sizeof to_the_end);
    physmap_poke(m->pm, LIBRARY + 0xFFD, crossing, sizeof crossing);
    physmap_poke(m->pm, TAIL, tail_page, sizeof tail_page);
    physmap_poke(m->pm, LIBRARY + 0x1000, second_page, sizeof second_page);
    physmap_poke(m->pm, LIBRARY + 0x1020, where_am_i, sizeof where_am_i);
    physmap_poke(m->pm, OTHER, other_page, sizeof other_page);
}

/* EBP: the library. EDI: the entries of its place. ESI: what the old place's entry becomes. */
static const uint8_t program[] = {
    0x0F,
    0x22,
    0xDB, /* mov cr3, ebx */
    0x0F,
    0x20,
    0xC0, /* mov eax, cr0 */
    0x0D,
    0,
    0,
    0,
    0x80, /* or eax, 80000000h */
    0x0F,
    0x22,
    0xC0, /* mov cr0, eax */
    /* 14: */
    0xC7,
    0x07,
    0x03,
    0,
    0x11,
    0, /* mov [edi], LIBRARY | 3 */
    0xC7,
    0x47,
    0x04,
    0x03,
    0x10,
    0x11, /* mov [edi + 4], LIBRARY + 1000h | 3 */
    0,    /* */
    0x0F,
    0x22,
    0xDB, /* mov cr3, ebx */
    0xFF,
    0xD5, /* call ebp */
    0xFF,
    0xD5, /* call ebp */
    0x85,
    0xF6, /* test esi, esi */
    0x78,
    0x0E, /* js 52: it stays */
    0x89,
    0x37, /* mov [edi], esi */
    0x89,
    0x77,
    0x04, /* mov [edi + 4], esi */
    0x0F,
    0x22,
    0xDB, /* mov cr3, ebx */
    0x85,
    0xF6, /* test esi, esi */
    0x74,
    0x02, /* jz 52 */
    0xFF,
    0xD5, /* call ebp */
    /* 52: */
    0x83,
    0xC7,
    0x08, /* add edi, 8 */
    0x81,
    0xC5,
    0,
    0x20,
    0,
    0,    /* add ebp, 2000h */
    0x49, /* dec ecx */
    0x75,
    0xCE, /* jnz 14 */
    0xF4,
};

/* A test of the program. */
struct trial {
    enum old_place old;
    unsigned rounds;
    struct shown *shown;
    struct rooms *rooms;
};

static void prepare_trial(struct machine *m, const void *ctx)
{
    const struct trial *trial = ctx;
    struct vcpu *c = m->c;
    if (trial->shown)
        trial->shown->vcpu = c;
    prepare(m);
    c->reg[ESP].d = STACK_AT;
    c->reg[ECX].d = trial->rounds;
    c->reg[EBX].d = ROOT;
    c->reg[EBP].d = PLACE;
    c->reg[ESI].d = trial->old == UNMAPPED ? 0 : trial->old == OTHER_CODE ? OTHER | 3 : UINT32_MAX;
    c->reg[EDI].d = ROOT + 0x1000 + (PLACE >> 12) * 4;
}

static struct outcome compare(const struct trial *trial, bool cold, enum shadow_form shadow)
{
    const struct guest g = {.code = program,
                            .bytes = sizeof program,
                            .prepare = prepare_trial,
                            .ctx = trial,
                            .cold = cold,
                            .emitted = trial->shown ? show : NULL,
                            .emitted_ctx = trial->shown};
    return guest_compare_form(&g, shadow);
}

static void look_at_trial(struct machine *m, const void *ctx)
{
    const struct trial *trial = ctx;
    look_for_refused(m, trial->shown);
}

static void compare_and_look(const struct trial *trial, enum shadow_form shadow)
{
    const struct guest g = {.code = program,
                            .bytes = sizeof program,
                            .prepare = prepare_trial,
                            .ctx = trial,
                            .emitted = show,
                            .emitted_ctx = trial->shown,
                            .look = look_at_trial};
    ck_assert_uint_gt(guest_compare_form(&g, shadow).counters.moved, 0);
}

START_TEST(units_move_with_what_they_lead_to)
{
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        for (enum old_place old = UNMAPPED; old <= OTHER_CODE; old++) {
            const struct trial trial = {.old = old, .rounds = ROUNDS};
            struct outcome o = compare(&trial, false, guest_forms[n]);
            ck_assert_uint_gt(o.counters.moved, ROUNDS * 4);
            ck_assert_uint_lt(o.counters.missed, ROUNDS * 5);
            /* That other code is entered at a new place each time, and stays at the old ones. */
            ck_assert_uint_lt(o.counters.units, 60 + (old == OTHER_CODE ? ROUNDS : 0));
        }
    }
}
END_TEST

START_TEST(code_that_is_still_there_keeps_its_units)
{
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        const struct trial trial = {.old = STILL_THERE, .rounds = 20};
        struct outcome o = compare(&trial, false, guest_forms[n]);
        ck_assert_uint_eq(o.counters.moved, 0);
        ck_assert_uint_gt(o.counters.units, 20 * 4);
    }
}
END_TEST

START_TEST(what_is_not_hot_moves_too)
{
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        const struct trial trial = {.old = UNMAPPED, .rounds = ROUNDS};
        ck_assert_uint_gt(compare(&trial, true, guest_forms[n]).counters.moved, ROUNDS * 4);
    }
}
END_TEST

START_TEST(the_checker_sees_units_that_moved)
{
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct shown all = {.refuse_from = UINT64_MAX};
        const struct trial trial = {.old = UNMAPPED, .rounds = ROUNDS, .shown = &all};
        struct outcome o = compare(&trial, false, guest_forms[n]);
        ck_assert_uint_gt(o.counters.moved, 0);
        ck_assert_uint_eq(all.count, o.counters.units + o.counters.moved);
    }
}
END_TEST

/* Where units were made. */
struct rooms {
    const struct vcpu *vcpu;
    const uint8_t *start[4000];
    unsigned count, again; /* units in the room of another one */
};

static bool returns_are_forgotten(const struct translator *t)
{
    uint64_t at = t->vcpu->translated.return_sp;
    return *(const uint8_t *const *)(uintptr_t)at == t->stubs.empty;
}

static bool show_room(void *ctx, const struct unit_code *code)
{
    struct rooms *r = ctx;
    bool again = false;
    for (unsigned n = 0; n < r->count; n++)
        again |= r->start[n] == code->start;
    if (again) {
        r->again++;
        ck_assert(returns_are_forgotten(r->vcpu->translated.translator));
    } else {
        ck_assert_uint_lt(r->count, ARRAY_LEN(r->start));
        r->start[r->count++] = code->start;
    }
    return true;
}

static void prepare_limited(struct machine *m, const void *ctx)
{
    const struct trial *trial = ctx;
    prepare_trial(m, trial);
    trial->rooms->vcpu = m->c;
    m->c->seg[SEG_CS].limit = 0xFFEFFFFF; /* units of such code stay */
    vcpu_state_loaded(m->c);
}

/* Host code of units whose code is gone is written over: nobody returns into it. */
START_TEST(returns_into_host_code_that_goes_are_forgotten)
{
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct rooms rooms = {0};
        const struct trial trial = {.old = UNMAPPED, .rounds = ROUNDS, .rooms = &rooms};
        const struct guest g = {.code = program,
                                .bytes = sizeof program,
                                .prepare = prepare_limited,
                                .ctx = &trial,
                                .emitted = show_room,
                                .emitted_ctx = &rooms};
        struct outcome o = guest_compare_form(&g, guest_forms[n]);
        ck_assert_uint_eq(o.counters.moved, 0);
        ck_assert_uint_gt(rooms.again, ROUNDS);
    }
}
END_TEST

START_TEST(one_of_those_that_move_together_is_refused)
{
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        for (unsigned each = 2; each < 12; each++) {
            struct shown some = {.refuse_from = UINT64_MAX, .refuse_each = each};
            const struct trial trial = {.old = UNMAPPED, .rounds = 40, .shown = &some};
            compare_and_look(&trial, guest_forms[n]);
        }
    }
}
END_TEST

START_TEST(what_the_checker_refuses_does_not_run)
{
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct shown some = {.refuse_from = 40};
        const struct trial trial = {.old = UNMAPPED, .rounds = ROUNDS, .shown = &some};
        compare(&trial, false, guest_forms[n]);
        ck_assert_uint_ge(some.count, 40);
    }
}
END_TEST

/* --- Several address spaces ------------------------------------------------------------------- */

/* A program without branches of its own. */
struct script {
    uint8_t code[4096];
    size_t bytes;
};

static void append(struct script *s, const uint8_t *bytes, size_t count)
{
    memcpy(s->code + s->bytes, bytes, count);
    s->bytes += count;
}

static void append32(struct script *s, uint32_t value)
{
    append(s, (const uint8_t *)&value, sizeof value);
}

static void start(struct script *s)
{
    s->bytes = 0;
    append(s, program, 14); /* paging, with the first space */
}

static void finish(struct script *s)
{
    append(s, (const uint8_t[]){0xF4}, 1);
}

/* mov dword [entry], page | 3 */
static void map(struct script *s, unsigned space, uint32_t gva, uint32_t page)
{
    append(s, (const uint8_t[]){0xC7, 0x05}, 2);
    append32(s, entry_at(space, gva));
    append32(s, page ? page | 3 : 0);
}

/* mov eax, root / mov cr3, eax / mov eax, gva / call eax */
static void call(struct script *s, unsigned space, uint32_t gva)
{
    append(s, (const uint8_t[]){0xB8}, 1);
    append32(s, root(space));
    append(s, (const uint8_t[]){0x0F, 0x22, 0xD8, 0xB8}, 4);
    append32(s, gva);
    append(s, (const uint8_t[]){0xFF, 0xD0}, 2);
}

static void prepare_script(struct machine *m, const void *ctx)
{
    (void)ctx;
    prepare(m);
    m->c->reg[ESP].d = STACK_AT;
    m->c->reg[EBX].d = ROOT;
}

/* How many units move, in each form of shadow map. */
static void check_moves(const struct script *s, uint64_t least, uint64_t most)
{
    const struct guest g = {.code = s->code, .bytes = s->bytes, .prepare = prepare_script};
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        uint64_t moved = guest_compare_form(&g, guest_forms[n]).counters.moved;
        ck_assert_uint_ge(moved, least);
        ck_assert_uint_le(moved, most);
    }
}

#define WHERE      0x40 /* in the library: the function that adds where it was called from */
#define PAIR       0x60 /* two units of which the second calls that */
#define SECOND     0x64
#define TO_THE_END 0x80 /* goes to an instruction in two pages */
#define LOW_AT     0x201000
#define LOW_SLOT   0x10200000 /* has the same slot in a jump table (jump_slot) */

START_TEST(no_other_space_finds_it_at_the_new_place)
{
    struct script s;
    start(&s);
    map(&s, 0, LOW_AT, LIBRARY);
    map(&s, 1, LOW_AT, LIBRARY);
    map(&s, 1, LOW_SLOT, OTHER);
    map(&s, 2, LOW_SLOT, LIBRARY);
    call(&s, 0, LOW_AT + WHERE);
    call(&s, 1, LOW_AT + WHERE); /* its jump table has it now */
    map(&s, 0, LOW_AT, 0);
    call(&s, 2, LOW_SLOT + WHERE); /* it moves */
    map(&s, 1, LOW_SLOT + 0x1000, LIBRARY);
    append(&s, (const uint8_t[]){0xC7, 0x05}, 2); /* OTHER + WHERE: ret */
    append32(&s, OTHER + WHERE);
    append32(&s, 0xC3C3C3C3);
    call(&s, 1, LOW_SLOT + WHERE); /* other code */
    call(&s, 1, LOW_AT + WHERE);
    finish(&s);
    check_moves(&s, 1, 10);
}
END_TEST

START_TEST(what_stays_behind_does_not_lead_to_it)
{
    struct script s;
    start(&s);
    map(&s, 0, PLACE, LIBRARY);
    map(&s, 1, PLACE, LIBRARY);
    map(&s, 2, HIGH, LIBRARY);
    for (unsigned n = 0; n < 3; n++)
        call(&s, 0, PLACE + PAIR); /* its first leads to its second by a link */
    map(&s, 0, PLACE, 0);
    call(&s, 2, HIGH + SECOND); /* moves, its first does not */
    for (unsigned n = 0; n < 3; n++)
        call(&s, 1, PLACE + PAIR);
    finish(&s);
    check_moves(&s, 1, 10);
}
END_TEST

START_TEST(it_does_not_lead_to_what_stays_behind)
{
    struct script s;
    start(&s);
    map(&s, 0, PLACE, LIBRARY);
    map(&s, 1, PLACE, LIBRARY);
    map(&s, 2, HIGH, LIBRARY);
    call(&s, 1, PLACE + SECOND); /* is of a space that goes on */
    for (unsigned n = 0; n < 3; n++)
        call(&s, 0, PLACE + PAIR);
    map(&s, 0, PLACE, 0);
    for (unsigned n = 0; n < 3; n++)
        call(&s, 2, HIGH + PAIR);
    finish(&s);
    check_moves(&s, 1, 1);
}
END_TEST

/* An instruction in two pages is asked for anew each time, by its address; that moves, too. */
START_TEST(what_leads_to_two_pages_leads_there_from_its_new_place)
{
    struct script s;
    start(&s);
    map(&s, 0, PLACE, LIBRARY);
    map(&s, 0, PLACE + 0x1000, TAIL);
    map(&s, 2, HIGH, LIBRARY);
    map(&s, 2, HIGH + 0x1000, TAIL);
    map(&s, 2, PLACE, OTHER); /* at FFD stands nothing good */
    for (unsigned n = 0; n < 3; n++)
        call(&s, 0, PLACE + TO_THE_END);
    map(&s, 0, PLACE, 0);
    for (unsigned n = 0; n < 3; n++)
        call(&s, 2, HIGH + TO_THE_END);
    finish(&s);
    check_moves(&s, 1, 1);
}
END_TEST

START_TEST(one_that_is_gone_is_found_among_others)
{
    struct script s;
    start(&s);
    map(&s, 0, PLACE, LIBRARY);
    map(&s, 1, PLACE + 0x2000, LIBRARY);
    map(&s, 2, PLACE + 0x4000, LIBRARY);
    call(&s, 0, PLACE + WHERE); /* the oldest */
    call(&s, 1, PLACE + 0x2000 + WHERE);
    map(&s, 1, PLACE + 0x2000, 0);
    call(&s, 2, PLACE + 0x4000 + WHERE);
    finish(&s);
    check_moves(&s, 1, 1);
}
END_TEST

START_TEST(two_that_live_do_not_take_it_in_turn)
{
    struct script s;
    start(&s);
    map(&s, 0, PLACE, LIBRARY);
    map(&s, 1, PLACE + 0x2000, LIBRARY);
    map(&s, 2, PLACE + 0x4000, LIBRARY);
    call(&s, 0, PLACE + WHERE);
    map(&s, 0, PLACE, 0);
    for (unsigned n = 0; n < 20; n++) {
        call(&s, 1, PLACE + 0x2000 + WHERE);
        call(&s, 2, PLACE + 0x4000 + WHERE);
    }
    finish(&s);
    check_moves(&s, 1, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {units_move_with_what_they_lead_to,
                                  code_that_is_still_there_keeps_its_units,
                                  what_is_not_hot_moves_too,
                                  the_checker_sees_units_that_moved,
                                  returns_into_host_code_that_goes_are_forgotten,
                                  one_of_those_that_move_together_is_refused,
                                  what_the_checker_refuses_does_not_run,
                                  what_leads_to_two_pages_leads_there_from_its_new_place,
                                  no_other_space_finds_it_at_the_new_place,
                                  what_stays_behind_does_not_lead_to_it,
                                  it_does_not_lead_to_what_stays_behind,
                                  one_that_is_gone_is_found_among_others,
                                  two_that_live_do_not_take_it_in_turn};
    return run_translator_tests("moves", tests, ARRAY_LEN(tests));
}
