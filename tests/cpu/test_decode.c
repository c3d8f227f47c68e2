/* tests/cpu/test_decode.c: the decoder against Capstone, an independent disassembler: every opcode
 * of both maps with every ModRM byte, in 16 and 32-bit code, under each prefix. Where both know an
 * instruction it must have the same length and name. (Capstone also knows what came after our
 * newest model, so what only it knows is not compared.) */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/decode.h"
#include "cpu/model.h"

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

/* Two names of one thing. */
static const char *const aliases[][2] = {
    {"pusha", "pushaw"},
    {"popa", "popaw"},
    {"pushad", "pushal"},
    {"popad", "popal"},
    {"salc", "setalc"},
    {"call far", "lcall"},
    {"jmp far", "ljmp"},
    {"fstp", "fstpnce"},
    {"pause", "nop"},
    {"fneni", "feni8087_nop"},
    {"fndisi", "fdisi8087_nop"},
    {"fnsetpm", "fsetpm"},
    {"nop", "endbr32"},
    {"nop", "endbr64"},
    {"bsf", "tzcnt"},
    {"bsr", "lzcnt"},
    {"int1", "icebp"},
    {"wait", "fwait"},
    {"xlatb", "xlat"},
    {"fcompi", "fcomip"},
    {"fucompi", "fucomip"},
    {"fcom2", "fcom"},
    {"sal", "shl"},
    {"retf", "ret far"},
    {"cbw", "cwde"}, /* Capstone 4 names these wrongly */
    {"cwd", "cdq"},
};

static bool same_name(const char *a, const char *b)
{
    if (!strcmp(a, b))
        return true;
    for (unsigned n = 0; n < ARRAY_LEN(aliases); n++) {
        if ((!strcmp(a, aliases[n][0]) && !strcmp(b, aliases[n][1])) ||
            (!strcmp(b, aliases[n][0]) && !strcmp(a, aliases[n][1])))
            return true;
    }
    return false;
}

struct tally {
    unsigned compared, wrong;
    unsigned only_ours, only_theirs; /* those that just one of the two knows */
};

/* Capstone ignores the mandatory prefixes of SSE in 16-bit code. */
static bool name_counts(const uint8_t *bytes, bool code32)
{
    return code32 || bytes[1] != 0x0F;
}

static void compare(struct tally *t, csh cs, const struct decoder *d, const uint8_t *bytes,
                    size_t len, bool code32)
{
    struct insn i;
    cs_insn *theirs;
    size_t count = cs_disasm(cs, bytes, len, 0x1000, 1, &theirs);
    bool known = decode_insn(d, bytes, len, code32, &i) == DECODE_OK;
    t->only_ours += known && !count;
    t->only_theirs += !known && count;
    if (known && count) {
        char ours[20];
        const char *name = theirs->mnemonic, *space;
        insn_mnemonic(&i, ours);
        while ((space = strchr(name, ' '))) /* "rep movsb", "lock add" */
            name = space + 1;
        t->compared++;
        if (i.len != theirs->size || (name_counts(bytes, code32) && !same_name(ours, name))) {
            if (t->wrong++ < 40)
                printf("%s %02x %02x %02x %02x: %s, %u bytes; Capstone: %s %s, %u bytes\n",
                       code32 ? "32-bit" : "16-bit", bytes[0], bytes[1], bytes[2], bytes[3], ours,
                       i.len, theirs->mnemonic, theirs->op_str, theirs->size);
        }
    }
    if (count)
        cs_free(theirs, count);
}

/* Prefixes are put in front on purpose, not met as opcodes; Capstone decodes UD1 without ModRM. */
static bool is_left_out(unsigned opcode)
{
    return (opcode & ~0x18u) == 0x26 || (opcode >= 0x64 && opcode <= 0x67) || opcode == 0xF0 ||
           opcode == 0xF2 || opcode == 0xF3 || opcode == 0x0F || opcode == 0x1B9;
}

START_TEST(matches_capstone)
{
    bool code32 = _i & 1;
    static const uint8_t prefixes[] = {0, 0x66, 0x67, 0xF3, 0xF2};
    struct decoder *d = decoder_for(CPU_P4);
    struct tally t = {0};
    csh cs;
    ck_assert_int_eq(cs_open(CS_ARCH_X86, code32 ? CS_MODE_32 : CS_MODE_16, &cs), CS_ERR_OK);
    for (unsigned p = 0; p < ARRAY_LEN(prefixes); p++) {
        for (unsigned opcode = 0; opcode < 0x200; opcode++) {
            for (unsigned modrm = 0; modrm < 256 && !is_left_out(opcode); modrm++) {
                uint8_t bytes[16] = {0};
                unsigned n = 0;
                if (prefixes[p])
                    bytes[n++] = prefixes[p];
                if (opcode & 0x100)
                    bytes[n++] = 0x0F;
                bytes[n++] = (uint8_t)opcode;
                bytes[n++] = (uint8_t)modrm;
                for (unsigned k = 0; n < sizeof bytes; k++)
                    bytes[n++] = (uint8_t)(0x24 + k * 0x11);
                compare(&t, cs, d, bytes, 15, code32);
            }
        }
    }
    cs_close(&cs);
    free(d);
    printf("%s code: %u encodings compared, %u differ; only Umbra knows %u, only Capstone %u\n",
           code32 ? "32-bit" : "16-bit", t.compared, t.wrong, t.only_ours, t.only_theirs);
    ck_assert_uint_gt(t.compared, 100000);
    ck_assert_msg(t.wrong == 0, "%u of %u differ", t.wrong, t.compared);
}
END_TEST
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

int main(void)
{
    TCase *t = tcase_create("decode");
    tcase_set_timeout(t, 120);
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
    Suite *s = suite_create("decode");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
