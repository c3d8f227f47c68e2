/* partition/expr: values, precedence, memory, names, and errors with their columns. */
#include "partition/expr.h"

#include "tests/partition/stopped.h"

static bool find_symbol(void *ctx, const char *name, uint64_t *value)
{
    (void)ctx;
    if (strcmp(name, "start_kernel") == 0)
        *value = 0xC0100000;
    else if (strcmp(name, "eax") == 0)
        *value = 0x1234;
    else
        return false;
    return true;
}

static const struct expr_symbols symbols = {.find = find_symbol};

static struct partition *machine(void)
{
    struct partition *p = make(CLOCK_INSNS);
    static const uint8_t memory[] = {0x78, 0x56, 0x34, 0x92, 0xFF, 0xFF, 0xFF, 0xFF};
    put(p, 0x5000, memory, sizeof memory);
    set(p, "cs", 0);
    set(p, "ip", 0x1003);
    set(p, "ds", 0x400);
    set(p, "eax", 0x11223344);
    set(p, "esi", 0x1000);
    set(p, "ecx", 0);
    set(p, "eflags", 0x246);
    return p;
}

static int64_t value_of(struct partition *p, const char *text)
{
    struct expr_scope scope = {.vcpu = partition_vcpu(p)};
    struct expr_error error;
    int64_t value = 0;
    ck_assert_msg(expr_value(text, &symbols, &scope, &value, &error), "%s: column %u: %s", text,
                  error.column, error.text);
    return value;
}

START_TEST(values)
{
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"31", 31},
        {"0x1F", 31},
        {"1Fh", 31},
        {"0b101", 5},
        {"'A'", 65},
        {"1 + 2 * 3", 7},
        {"(1 + 2) * 3", 9},
        {"10 - 3 - 2", 5},
        {"1 << 4 | 1", 17},
        {"6 & 3 == 3", 0}, /* as in C: == binds tighter */
        {"-1 < 0", 1},
        {"~0", -1},
        {"!5 + !0", 1},
        {"7 / 2 + 7 % 4", 6},
        {"-7 / 2", -3},
        {"1 ? 2 : 3", 2},
        {"0 ? 2 : 0 ? 3 : 4", 4},
        {"0 && 1 / 0", 0}, /* not looked at */
        {"2 || 1 / 0", 1},
        {"3 && 4", 1},
        {"0 || 0", 0},
        {"eax", 0x11223344},
        {"EAX", 0x11223344},
        {"$ax", 0x3344},
        {"al", 0x44},
        {"ah", 0x33},
        {"@eax", 0x1234},
        {"start_kernel + 4", 0xC0100004},
        {"ecx - 1 < 0", 1},
        {"eip", 0x1003},
        {"pc", 0x1003},
        {"ds", 0x400},
        {"ds.base", 0x4000},
        {"ds.limit", 0xFFFF},
        {"zf && if && !cf", 1},
        {"pf", 1},
        {"iopl", 0},
        {"cr0.pe", 0},
        {"cpl", 0},
        {"[0x5000]", 0x92345678},
        {"byte [0x5000]", 0x78},
        {"word[0x5000]", 0x5678},
        {"sdword [0x5000]", (int64_t)0xFFFFFFFF92345678},
        {"sbyte [5007h]", -1},
        {"qword [0x5000]", (int64_t)0xFFFFFFFF92345678},
        {"word [ds:esi]", 0x5678},
        {"word [ds:esi+2]", 0x9234},
        {"word [400h:1000h]", 0x5678},
        {"phys byte [0x5001]", 0x56},
        {"byte phys [0x5001]", 0x56},
        {"[0x5000 + [0x5008]]", 0x92345678},
        {"byte [esi ? 0x5001 : 0] == 0x56", 1},
    };
    struct partition *p = machine();
    for (size_t n = 0; n < ARRAY_LEN(cases); n++)
        ck_assert_msg(value_of(p, cases[n].text) == cases[n].value, "%s is %lld", cases[n].text,
                      (long long)value_of(p, cases[n].text));
    partition_destroy(p);
}
END_TEST

START_TEST(errors_name_their_column)
{
    static const struct {
        const char *text;
        unsigned column;
        const char *part;
    } cases[] = {
        {"", 1, "expected a value"},
        {"1 +", 4, "expected a value"},
        {"1 2", 3, "expected an operator"},
        {"(1 + 2", 1, "no ')'"},
        {"[ds:esi", 1, "no ']'"},
        {"eax == 12F", 10, "no number"},
        {"eax == nosuch", 8, "nosuch"},
        {"byte 5", 1, "memory is written"},
        {"phys [ds:0]", 9, "no segment"},
        {"1 = 2", 3, "expected an operator"},
        {"0x10000000000000000", 1, "too large"},
        {"'AB'", 1, "character"},
        {"1 ? 2", 3, "no ':'"},
    };
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        struct expr_error error;
        ck_assert_ptr_null(expr_parse(cases[n].text, &symbols, &error));
        ck_assert_msg(error.column == cases[n].column && strstr(error.text, cases[n].part),
                      "'%s': column %u: %s", cases[n].text, error.column, error.text);
    }
}
END_TEST

START_TEST(what_has_no_value_says_so)
{
    static const struct {
        const char *text;
        unsigned column;
    } cases[] = {{"1 + 5 / ecx", 7}, {"2 % ecx", 3}, {"vector == 3", 1}};
    struct partition *p = machine();
    struct expr_scope scope = {.vcpu = partition_vcpu(p)};
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        struct expr_error error;
        int64_t value;
        ck_assert(!expr_value(cases[n].text, &symbols, &scope, &value, &error));
        ck_assert_uint_eq(error.column, cases[n].column);
    }
    partition_destroy(p);
}
END_TEST

/* Nothing that is typed crashes, recurses without bound or is read beyond its end. */
START_TEST(any_text_is_taken)
{
    static const char alphabet[] = "0123456789abcxhe []():?+-*/%&|^~!<>='@$._sdwordbyteax";
    struct partition *p = machine();
    struct expr_scope scope = {.vcpu = partition_vcpu(p)};
    struct expr_error error;
    int64_t value;
    uint32_t seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        char text[64];
        unsigned len = round % 63;
        for (unsigned n = 0; n < len; n++) {
            seed = seed * 1664525 + 1013904223;
            text[n] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        text[len] = 0;
        bool good = expr_value(text, &symbols, &scope, &value, &error);
        ck_assert(good || (error.column >= 1 && error.column <= len + 1 && error.text[0]));
    }
    char deep[4096];
    memset(deep, '(', sizeof deep);
    deep[sizeof deep - 1] = 0;
    ck_assert(!expr_value(deep, NULL, &scope, &value, &error));
    memset(deep, '-', sizeof deep - 1);
    ck_assert(!expr_value(deep, NULL, &scope, &value, &error));
    for (size_t n = 0; n + 2 < sizeof deep; n += 2)
        memcpy(deep + n, "1+", 2);
    deep[sizeof deep - 2] = 0;
    ck_assert(!expr_value(deep, NULL, &scope, &value, &error));
    partition_destroy(p);
}
END_TEST

CHECK_MAIN("partition/expr", values, errors_name_their_column, what_has_no_value_says_so,
           any_text_is_taken)
