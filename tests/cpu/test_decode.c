/* tests/cpu/test_decode.c: the decoder against Capstone, an independent disassembler: every opcode
 * of both maps with every second byte, in 16 and 32-bit code, under each prefix and pair of
 * prefixes that matters. Length and name must be equal, and both must know it or none; each
 * encoding for which that is not so stands in capstone.txt, with who is right and why, and nothing
 * else does.
 *
 *     test-cpu-decode --disagreements    prints them, for capstone_list.py, which writes that file
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/decode.h"
#include "cpu/model.h"
#include "tests/check_main.h"

#ifdef UMBRA_HAVE_CAPSTONE
#include <capstone/capstone.h>
#endif

static struct decoder *decoder_for(enum cpu_model model)
{
    struct decoder *d = malloc(sizeof *d);
    decoder_init(d, model, cpu_model_info(model)->features);
    return d;
}

#ifdef UMBRA_HAVE_CAPSTONE

/* --- Against Capstone ------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint8_t bytes[2], len;
} prefixes[] = {{"-", {0}, 0},
                {"66", {0x66}, 1},
                {"67", {0x67}, 1},
                {"F3", {0xF3}, 1},
                {"F2", {0xF2}, 1},
                {"66+67", {0x66, 0x67}, 2},
                {"66+F3", {0x66, 0xF3}, 2},
                {"66+F2", {0x66, 0xF2}, 2},
                {"F0", {0xF0}, 1}};

#define OPCODES 0x200 /* 100h and up: behind 0F */

/* Prefixes are put in front on purpose, not met as opcodes. */
static bool is_prefix(unsigned opcode)
{
    return (opcode & ~0x18u) == 0x26 || (opcode >= 0x64 && opcode <= 0x67) || opcode == 0xF0 ||
           opcode == 0xF2 || opcode == 0xF3 || opcode == 0x0F;
}

/* One encoding and what both make of it. */
struct verdict {
    bool code32;
    unsigned prefix, opcode, modrm;
    bool compared;    /* both know it */
    const char *kind; /* "name", "length", "ours", "theirs" (only that one knows it); NULL: agree */
    char ours[20], theirs[CS_MNEMONIC_SIZE]; /* "-": not an instruction */
    uint8_t bytes[16];
};

static void judge(csh cs, const struct decoder *d, struct verdict *v)
{
    unsigned n = 0;
    memcpy(v->bytes, prefixes[v->prefix].bytes, 2);
    n += prefixes[v->prefix].len;
    if (v->opcode & 0x100)
        v->bytes[n++] = 0x0F;
    v->bytes[n++] = (uint8_t)v->opcode;
    v->bytes[n++] = (uint8_t)v->modrm;
    for (unsigned k = 0; n < sizeof v->bytes; k++)
        v->bytes[n++] = (uint8_t)(0x24 + k * 0x11);
    struct insn i;
    cs_insn *theirs;
    size_t count = cs_disasm(cs, v->bytes, 15, 0x1000, 1, &theirs);
    bool known = decode_insn(d, v->bytes, 15, v->code32, &i) == DECODE_OK;
    strcpy(v->ours, "-");
    strcpy(v->theirs, "-");
    if (known)
        insn_mnemonic(&i, v->ours);
    if (count) {
        const char *name = theirs->mnemonic, *space;
        while ((space = strchr(name, ' '))) /* "rep movsb", "lock add" */
            name = space + 1;
        snprintf(v->theirs, sizeof v->theirs, "%s", name);
    }
    v->compared = known && count;
    v->kind = known && !count                   ? "ours"
              : !known && count                 ? "theirs"
              : !known                          ? NULL
              : i.len != theirs->size           ? "length"
              : strcmp(v->ours, v->theirs) != 0 ? "name"
                                                : NULL;
    if (count)
        cs_free(theirs, count);
}

/* Calls each for every encoding that is tried in 32-bit or 16-bit code. */
static void each_encoding(bool code32, void (*each)(void *ctx, const struct verdict *v), void *ctx)
{
    struct decoder *d = decoder_for(CPU_P4);
    csh cs;
    if (cs_open(CS_ARCH_X86, code32 ? CS_MODE_32 : CS_MODE_16, &cs) != CS_ERR_OK)
        abort();
    struct verdict v = {.code32 = code32};
    for (v.prefix = 0; v.prefix < ARRAY_LEN(prefixes); v.prefix++) {
        for (v.opcode = 0; v.opcode < OPCODES; v.opcode++) {
            for (v.modrm = 0; v.modrm < 256 && !is_prefix(v.opcode); v.modrm++) {
                judge(cs, d, &v);
                each(ctx, &v);
            }
        }
    }
    cs_close(&cs);
    free(d);
}

/* --- The list of disagreements: capstone.txt -------------------------------------------------- */

struct line {
    char ours[20], theirs[CS_MNEMONIC_SIZE];
};

/* Which line of the list covers an encoding; 0: none. */
struct list {
    struct line line[2000];
    unsigned lines;
    char reasons[400]; /* the names of those that are given */
    uint16_t at[2][ARRAY_LEN(prefixes)][OPCODES][256];
};

/* "call~far" */
static void tildes_to_spaces(char *s)
{
    while ((s = strchr(s, '~')))
        *s = ' ';
}

/* "01-03,07", or "*". */
static void parse_set(const char *text, bool set[256])
{
    memset(set, *text == '*', 256);
    for (char *end; *text && *text != '*'; text = *end ? end + 1 : end) {
        unsigned from = (unsigned)strtoul(text, &end, 16), to = from;
        if (*end == '-')
            to = (unsigned)strtoul(end + 1, &end, 16);
        ck_assert(from <= to && to < 256);
        memset(set + from, true, to - from + 1);
    }
}

static bool has_prefix(const char *set, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = set; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        if (!strncmp(p, name, len) && (!p[len] || p[len] == '/'))
            return true;
    return false;
}

static void add_line(struct list *l, const char *text)
{
    char why[20], mode[8], set[80], opcodes[200], modrms[800];
    ck_assert_uint_lt(++l->lines, ARRAY_LEN(l->line));
    struct line *n = &l->line[l->lines];
    int fields = sscanf(text, "%19s %7s %79s %199s %799s %19s %31s", why, mode, set, opcodes,
                        modrms, n->ours, n->theirs);
    ck_assert_msg(fields == 7 && strstr(l->reasons, why), "capstone.txt: %s", text);
    tildes_to_spaces(n->ours);
    bool in_opcodes[256], in_modrms[256];
    unsigned map = !strncmp(opcodes, "0F:", 3) ? 0x100 : 0;
    parse_set(strchr(opcodes, ':') + 1, in_opcodes);
    parse_set(modrms, in_modrms);
    for (unsigned m = 0; m < 2; m++)
        for (unsigned p = 0; p < ARRAY_LEN(prefixes); p++)
            for (unsigned k = 0; k < 256 * 256; k++) {
                if (!in_opcodes[k >> 8] || !in_modrms[k & 0xFF] ||
                    !has_prefix(set, prefixes[p].name) ||
                    (strcmp(mode, "both") != 0 && (atoi(mode) == 32) != m))
                    continue;
                uint16_t *at = &l->at[m][p][map | k >> 8][k & 0xFF];
                ck_assert_msg(!*at, "capstone.txt: listed twice: %s", text);
                *at = (uint16_t)l->lines;
            }
}

static struct list *load_list(void)
{
    struct list *l = calloc(1, sizeof *l);
    FILE *f = fopen(UMBRA_SOURCE_DIR "/tests/cpu/capstone.txt", "r");
    ck_assert_msg(l && f, "tests/cpu/capstone.txt");
    for (char text[1400]; fgets(text, sizeof text, f);) {
        if (*text == '!')
            strncat(strncat(l->reasons, text + 1, strcspn(text + 1, " ")), " ", 2);
        else if (*text != '#' && *text != '\n')
            add_line(l, text);
    }
    fclose(f);
    return l;
}

struct tally {
    const struct list *list;
    bool strict; /* the list was made with this Capstone */
    unsigned compared, agreed, name, length, only_ours, only_theirs, wrong;
};

/* Each disagreement stands in the list, by these names; and what stands there is one. */
static void check(void *ctx, const struct verdict *v)
{
    struct tally *t = ctx;
    const struct line *n = &t->list->line[t->list->at[v->code32][v->prefix][v->opcode][v->modrm]];
    bool listed = n != t->list->line;
    t->compared += v->compared;
    t->agreed += v->compared && !v->kind;
    if (v->kind)
        *(*v->kind == 'n'   ? &t->name
          : *v->kind == 'l' ? &t->length
          : *v->kind == 'o' ? &t->only_ours
                            : &t->only_theirs) += 1;
    bool right =
        v->kind ? listed && !strcmp(v->ours, n->ours) && !strcmp(v->theirs, n->theirs) : !listed;
    if (!t->strict) /* another Capstone may know more, or have been put right */
        right = !v->kind || listed || !v->compared;
    if (!right && t->wrong++ < 40)
        printf("%d-bit %s %03x %02x: %s, Capstone: %s; %s, listed as %s, %s\n", v->code32 ? 32 : 16,
               prefixes[v->prefix].name, v->opcode, v->modrm, v->ours, v->theirs,
               v->kind ? v->kind : "agreed", n->ours, n->theirs);
}

START_TEST(matches_capstone)
{
    int major, minor;
    cs_version(&major, &minor);
    struct list *list = load_list();
    struct tally t = {.list = list, .strict = major == 4};
    each_encoding(_i & 1, check, &t);
    printf("%s code, Capstone %d.%d: %u encodings known to both, %u agree, %u differ in name, %u "
           "in length; "
           "only Umbra knows %u, only Capstone %u; %u lines in the list\n",
           _i & 1 ? "32-bit" : "16-bit", major, minor, t.compared, t.agreed, t.name, t.length,
           t.only_ours, t.only_theirs, list->lines);
    free(list);
    ck_assert_uint_gt(t.agreed, 100000);
    ck_assert_msg(t.wrong == 0, "%u are not as tests/cpu/capstone.txt has them", t.wrong);
}
END_TEST

static void print_disagreement(void *ctx, const struct verdict *v)
{
    (void)ctx;
    if (v->kind)
        printf("%d|%s|%03x|%02x|%s|%s|%s\n", v->code32 ? 32 : 16, prefixes[v->prefix].name,
               v->opcode, v->modrm, v->kind, v->ours, v->theirs);
}
#endif

/* insn fields of one of each addressing form. */
START_TEST(addressing_forms)
{
    static const struct {
        uint8_t bytes[8];
        uint8_t len, code32, base, index, scale, seg;
        uint32_t disp;
    } cases[] = {
        {{0x8B, 0x00}, 2, 1, EAX, REG_NONE, 0, SEG_DS, 0},
        {{0x8B, 0x45, 0xFC}, 3, 1, EBP, REG_NONE, 0, SEG_SS, 0xFFFFFFFC},
        {{0x8B, 0x04, 0x24}, 3, 1, ESP, REG_NONE, 0, SEG_SS, 0},
        {{0x8B, 0x44, 0x8D, 0x10}, 4, 1, EBP, ECX, 2, SEG_SS, 0x10},
        {{0x8B, 0x04, 0x4D, 1, 2, 3, 4}, 7, 1, REG_NONE, ECX, 1, SEG_DS, 0x04030201},
        {{0x8B, 0x05, 1, 2, 3, 4}, 6, 1, REG_NONE, REG_NONE, 0, SEG_DS, 0x04030201},
        {{0x64, 0x8B, 0x45, 0x00}, 4, 1, EBP, REG_NONE, 0, SEG_FS, 0},
        {{0x8B, 0x00}, 2, 0, EBX, ESI, 0, SEG_DS, 0},
        {{0x8B, 0x46, 0xFE}, 3, 0, EBP, REG_NONE, 0, SEG_SS, 0xFFFFFFFE},
        {{0x8B, 0x0E, 0x34, 0x12}, 4, 0, REG_NONE, REG_NONE, 0, SEG_DS, 0x1234},
        {{0x26, 0x8B, 0x03}, 3, 0, EBP, EDI, 0, SEG_ES, 0},
        {{0x67, 0x8B, 0x04, 0x58}, 4, 0, EAX, EBX, 1, SEG_DS, 0},
        {{0xA1, 1, 2, 3, 4}, 5, 1, REG_NONE, REG_NONE, 0, SEG_DS, 0x04030201},
    };
    struct decoder *d = decoder_for(CPU_P4);
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        struct insn i;
        ck_assert_int_eq(decode_insn(d, cases[n].bytes, 8, cases[n].code32, &i), DECODE_OK);
        ck_assert_uint_eq(i.len, cases[n].len);
        ck_assert_uint_eq(i.base, cases[n].base);
        ck_assert_uint_eq(i.index, cases[n].index);
        ck_assert_uint_eq(i.scale, cases[n].scale);
        ck_assert_uint_eq(i.seg, cases[n].seg);
        ck_assert_uint_eq(i.disp, cases[n].disp);
    }
    free(d);
}
END_TEST

static enum decode_status status_of(enum cpu_model model, const char *bytes, size_t len)
{
    struct decoder *d = decoder_for(model);
    struct insn i;
    enum decode_status s = decode_insn(d, (const uint8_t *)bytes, len, false, &i);
    free(d);
    return s;
}

START_TEST(models_differ)
{
    ck_assert_int_eq(status_of(CPU_186, "\x60\x90", 2), DECODE_OK);      /* PUSHA */
    ck_assert_int_eq(status_of(CPU_8086, "\x60\x00", 2), DECODE_OK);     /* JO on the 8086 */
    ck_assert_int_eq(status_of(CPU_286, "\x66\x90", 2), DECODE_INVALID); /* no 66 prefix */
    ck_assert_int_eq(status_of(CPU_386, "\x66\x90", 2), DECODE_OK);
    ck_assert_int_eq(status_of(CPU_386, "\x0F\xC8", 2), DECODE_INVALID); /* BSWAP */
    ck_assert_int_eq(status_of(CPU_486, "\x0F\xC8", 2), DECODE_OK);
    ck_assert_int_eq(status_of(CPU_PENTIUM, "\x0F\x44\xC0", 3), DECODE_INVALID); /* CMOVZ */
    ck_assert_int_eq(status_of(CPU_P2, "\x0F\x44\xC0", 3), DECODE_OK);
}
END_TEST

START_TEST(lock_is_checked)
{
    ck_assert_int_eq(status_of(CPU_P4, "\xF0\x01\x07", 3), DECODE_OK);      /* ADD [BX],AX */
    ck_assert_int_eq(status_of(CPU_P4, "\xF0\x01\xC0", 3), DECODE_INVALID); /* ADD AX,AX */
    ck_assert_int_eq(status_of(CPU_P4, "\xF0\x8B\x07", 3), DECODE_INVALID); /* MOV */
    ck_assert_int_eq(status_of(CPU_P4, "\xF0\x39\x07", 3), DECODE_INVALID); /* CMP */
    ck_assert_int_eq(status_of(CPU_286, "\xF0\x8B\x07", 3), DECODE_OK);
}
END_TEST

START_TEST(length_is_limited)
{
    static const char prefixes[] =
        "\x26\x26\x26\x26\x26\x26\x26\x26\x26\x26\x26\x26\x26\x26\x26\x26";
    ck_assert_int_eq(status_of(CPU_P4, prefixes, 16), DECODE_TOO_LONG);
    ck_assert_int_eq(status_of(CPU_P4, prefixes, 14), DECODE_MORE);
    ck_assert_int_eq(status_of(CPU_286, prefixes, 10), DECODE_TOO_LONG);
    char fits[16];
    memset(fits, 0x26, 14);
    fits[14] = (char)0x90;
    ck_assert_int_eq(status_of(CPU_P4, fits, 15), DECODE_OK);
}
END_TEST

/* Any bytes at any avail: never reads beyond, always one of the four answers. */
START_TEST(random_bytes)
{
    struct decoder *d = decoder_for((enum cpu_model)_i);
    uint32_t x = 12345;
    for (unsigned n = 0; n < 200000; n++) {
        size_t len = n % 17;
        uint8_t *bytes = malloc(len ? len : 1); /* exact, so that a sanitizer sees an overrun */
        for (size_t k = 0; k < len; k++) {
            x ^= x << 13, x ^= x >> 17, x ^= x << 5;
            bytes[k] = (uint8_t)x;
        }
        struct insn i;
        enum decode_status s = decode_insn(d, bytes, len, n & 1, &i);
        if (s != DECODE_MORE) {
            ck_assert_uint_le(i.len, len);
            ck_assert_uint_ge(i.len, 1);
            ck_assert_ptr_nonnull((void *)(uintptr_t)i.run);
        } else {
            ck_assert_uint_lt(len, 15);
        }
        free(bytes);
    }
    free(d);
}
END_TEST

/* An immediate that is taken anew is what decoding it all gives; a change before it is refused. */
START_TEST(immediates_are_taken_anew)
{
    struct decoder *d = decoder_for(CPU_P4);
    uint32_t x = 777;
    unsigned taken = 0;
    for (unsigned n = 0; n < 300000; n++) {
        uint8_t bytes[16];
        for (unsigned k = 0; k < sizeof bytes; k++) {
            x ^= x << 13, x ^= x >> 17, x ^= x << 5;
            bytes[k] = (uint8_t)x;
        }
        struct insn i, anew;
        if (decode_insn(d, bytes, sizeof bytes, n & 1, &i) == DECODE_MORE)
            continue;
        unsigned from = x >> 8 & 15;
        if (from >= i.len)
            continue;
        for (unsigned k = from; k < i.len; k++)
            bytes[k] ^= (uint8_t)(x >> 16 | 1);
        struct insn before = i;
        if (!decode_immediate(d, bytes, from, &i)) {
            ck_assert_mem_eq(&i, &before, sizeof i);
            continue;
        }
        ck_assert_int_eq(decode_insn(d, bytes, sizeof bytes, n & 1, &anew), DECODE_OK);
        ck_assert_mem_eq(&i, &anew, sizeof i);
        taken++;
    }
    ck_assert_uint_gt(taken, 1000);
    free(d);
}
END_TEST

int main(int argc, char **argv)
{
#ifdef UMBRA_HAVE_CAPSTONE
    if (argc > 1 && !strcmp(argv[1], "--disagreements")) {
        each_encoding(false, print_disagreement, NULL);
        each_encoding(true, print_disagreement, NULL);
        return EXIT_SUCCESS;
    }
#else
    (void)argc, (void)argv;
#endif
    TCase *t = tcase_create("decode");
    tcase_set_timeout(t, TEST_HANGS_SECONDS);
#ifdef UMBRA_HAVE_CAPSTONE
    tcase_add_loop_test(t, matches_capstone, 0, 2);
#else
    printf("SKIP of the comparison: built without Capstone\n");
#endif
    tcase_add_test(t, addressing_forms);
    tcase_add_test(t, models_differ);
    tcase_add_test(t, lock_is_checked);
    tcase_add_test(t, length_is_limited);
    tcase_add_loop_test(t, random_bytes, 0, CPU_MODELS);
    tcase_add_test(t, immediates_are_taken_anew);
    Suite *s = suite_create("decode");
    suite_add_tcase(s, t);
    return suite_status(s);
}
