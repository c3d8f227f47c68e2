/* translator/x86_64/signal.c: a fault that is not the guest's kills the process, in whatever thread
 * it comes, though the translator handles the signal: it is not lost, and does not come for ever.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "tests/translator/guest.h"

static void store_nowhere(void)
{
    *(volatile uint32_t *)(uintptr_t)0x1000 = 1;
}

static void *store_nowhere_elsewhere(void *unused)
{
    store_nowhere();
    return unused;
}

static void in_another_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, store_nowhere_elsewhere, NULL);
    pthread_join(thread, NULL);
}

/* A thread whose signals are handled on a stack of its own, just as large as the translator's. */
static void *with_a_stack(void *unused)
{
    const size_t size = 256 << 10;
    stack_t stack = {.ss_size = size};
    stack.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaltstack(&stack, NULL);
    store_nowhere();
    return unused;
}

static void on_another_stack(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, with_a_stack, NULL);
    pthread_join(thread, NULL);
}

static void sent_to_the_process(void)
{
    kill(getpid(), SIGSEGV);
}

static void raised_here(void)
{
    raise(SIGFPE);
}

static void (*const crashes[])(void) = {store_nowhere, in_another_thread, on_another_stack,
                                        sent_to_the_process, raised_here};

/* A child does it. */
static void crash(void (*how)(void))
{
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        close(STDERR_FILENO); /* a sanitizer says much */
        how();
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status != 0, "the process lives on");
}

/* In the vCPU's thread while it runs: on the translator's stack. */
static bool crash_at_unit(void *ctx, const struct unit_code *code)
{
    void (*const *how)(void) = ctx;
    (void)code;
    crash(*how);
    return true;
}

/* In the same thread between two runs. */
static void crash_behind(struct machine *m, const void *ctx)
{
    void (*const *how)(void) = ctx;
    (void)m;
    crash(*how);
}

START_TEST(faults_that_are_no_guest_s_end_the_process)
{
    void (*how)(void) = crashes[_i];
    struct guest g = {
        GUEST_CODE(0xB9, 0xE8, 0x03, 0, 0,    /* mov ecx, 1000 */
                   0x89, 0x0D, 0, 0, 0x02, 0, /* l: mov [20000h], ecx */
                   0x49,                      /* dec ecx */
                   0x75, 0xF7,                /* jnz l */
                   0xF4),                     /* hlt */
        .look = crash_behind,
        .ctx = &how,
        .emitted = crash_at_unit,
        .emitted_ctx = &how,
    };
    for (unsigned form = 0; form < GUEST_FORMS; form++)
        guest_run(&g, "translate", guest_forms[form]);
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    Suite *suite = suite_create("crash");
    TCase *tcase = tcase_create("crash");
    tcase_set_timeout(tcase, TEST_HANGS_SECONDS);
    tcase_add_loop_test(tcase, faults_that_are_no_guest_s_end_the_process, 0, ARRAY_LEN(crashes));
    suite_add_tcase(suite, tcase);
    return suite_status(suite);
}
