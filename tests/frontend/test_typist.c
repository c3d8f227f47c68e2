/* {until TEXT}: what the typist waits for on the screen and in serial output. */
#include "tests/check_main.h"

#include "frontend/typist.h"

static struct typist typist;
static struct partition *partition;

static void write_serial(unsigned port, const char *text)
{
    typist_stream(&typist, port, (const uint8_t *)text, strlen(text));
}

/* Has the typist got past its first `steps` steps? No key is ever taken by this guest, which does
 * not run, so keys stand still. */
static size_t reached(const struct text_screen *screen)
{
    for (unsigned n = 0; n < 10; n++)
        typist_tick(&typist, partition, screen);
    return typist.next;
}

static void begin(const char *script)
{
    static uint8_t rom[65536];
    struct partition_config config = {
        .memory = 1 << 20, .cpu = CPU_486, .clock = CLOCK_INSNS, .pc.bios = {rom, sizeof rom}};
    char error[256];
    typist_free(&typist);
    partition_destroy(partition);
    partition = partition_create(&config, error, sizeof error);
    ck_assert_msg(partition != NULL, "%s", error);
    ck_assert_msg(typist_add(&typist, script, error, sizeof error), "%s", error);
}

static void end(void)
{
    typist_free(&typist);
    partition_destroy(partition);
    partition = NULL;
}

START_TEST(waits_for_serial_output)
{
    begin("{until login:}{until Password:}");
    ck_assert_uint_eq(reached(NULL), 0);
    write_serial(0, "Debian lo");
    ck_assert_uint_eq(reached(NULL), 0);
    write_serial(1, "gin:"); /* another port's */
    ck_assert_uint_eq(reached(NULL), 0);
    write_serial(0, "gin: ");
    ck_assert_uint_eq(reached(NULL), 1);
    write_serial(1, "Password:");
    ck_assert_uint_eq(reached(NULL), 2);
    end();
}
END_TEST

START_TEST(output_counts_once_and_may_come_early)
{
    begin("{until $}{until $}{until $}");
    write_serial(0, "$$");
    ck_assert_uint_eq(reached(NULL), 2); /* both were there before the first tick, a third not */
    write_serial(0, "$");
    ck_assert_uint_eq(reached(NULL), 3);
    end();
}
END_TEST

START_TEST(looks_at_the_screen)
{
    static struct text_screen screen = {.columns = 80, .rows = 25};
    begin("{until C:\\\\>}{until ready}");
    ck_assert_uint_eq(reached(&screen), 0);
    for (unsigned i = 0; i < 4; i++)
        screen.cells[24][i].character = (uint8_t) "C:\\>"[i];
    end();
    begin("{until C:}{until ready}");
    ck_assert_uint_eq(reached(&screen), 1);
    for (unsigned i = 0; i < 5; i++)
        screen.cells[3][70 + i].character = (uint8_t) "ready"[i];
    ck_assert_uint_eq(reached(&screen), 2);
    ck_assert(typist_is_done(&typist));
    end();
}
END_TEST

START_TEST(a_script_may_follow_another)
{
    char error[256];
    begin("{until a}");
    write_serial(0, "a");
    ck_assert_uint_eq(reached(NULL), 1);
    ck_assert(typist_add(&typist, "{until b}", error, sizeof error));
    ck_assert(typist_waits_for_text(&typist));
    ck_assert(typist_add(&typist, "{until c}", error, sizeof error));
    write_serial(0, "abc");
    ck_assert_uint_eq(reached(NULL), 2);
    end();
}
END_TEST

CHECK_MAIN("typist", waits_for_serial_output, output_counts_once_and_may_come_early,
           looks_at_the_screen, a_script_may_follow_another)
