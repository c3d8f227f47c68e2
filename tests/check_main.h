/* tests/check_main.h: the main function of a Check program with one list of tests:
 *     CHECK_MAIN("pit", mode_2_is_periodic, latch_holds_the_count)
 * and main's status for a suite put together otherwise: suite_status(suite). */
#ifndef UMBRA_TESTS_CHECK_MAIN_H
#define UMBRA_TESTS_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

/* What one test of a suite may take, in seconds of the host: more is a hang. The slowest take four
 * minutes with sanitizers, on a host with six times as much to do as it has processors; ctest's own
 * limit (tests/CMakeLists.txt) is a little longer. */
#define TEST_HANGS_SECONDS 2000

/* Runs the suite, which is freed. */
static inline int suite_status(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define CHECK_MAIN(suite_name, ...)                                 \
    int main(void)                                                  \
    {                                                               \
        const TTest *const tests[] = {__VA_ARGS__};                 \
        Suite *suite = suite_create(suite_name);                    \
        TCase *tc = tcase_create(suite_name);                       \
        tcase_set_timeout(tc, TEST_HANGS_SECONDS);                  \
        suite_add_tcase(suite, tc);                                 \
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) \
            tcase_add_test(tc, tests[i]);                           \
        return suite_status(suite);                                 \
    }

#endif
