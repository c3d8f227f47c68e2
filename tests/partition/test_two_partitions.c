/* Two partitions in one process, side by side: each takes the course that it takes alone, whether
 * they share one thread in turns or run on two threads. The guest is the demo system under Umbra's
 * own BIOS; the clock counts instructions, so that a run has but one course, however it is cut. A
 * snapshot taken in the middle and loaded into another partition goes on as the one that was saved.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "tests/check_main.h"
#include "tests/partition/machine.h"

#define SLICE_NS UINT64_C(2000000)
#define SLICES   300 /* 0.6 s of virtual time: POST, boot, and the demo's first screens */

struct file {
    uint8_t *data;
    size_t len;
};

static struct file file_read(const char *path)
{
    struct file f = {0};
    struct stat st;
    FILE *in = fopen(path, "rb");
    if (!in)
        return f;
    if (fstat(fileno(in), &st) == 0 && (f.data = malloc((size_t)st.st_size + 1)) != NULL)
        f.len = fread(f.data, 1, (size_t)st.st_size, in);
    fclose(in);
    return f;
}

/* What the two machines differ in. */
enum { FIRST, SECOND, KINDS };

static struct machine *power_on(unsigned kind)
{
    struct file bios = file_read(UMBRA_BUILD_DIR "/bios/bios.bin");
    struct file demo = file_read(UMBRA_BUILD_DIR "/bios/demo.img");
    struct machine_options o = {.memory = kind == FIRST ? 8u << 20 : 16u << 20,
                                .cpu = kind == FIRST ? CPU_PENTIUM : CPU_P2,
                                .bios = {bios.data, bios.len},
                                .floppy = demo.data,
                                .floppy_len = demo.len};
    struct machine *m = machine_new(&o);
    free(bios.data);
    free(demo.data);
    ck_assert(m != NULL);
    return m;
}

static void run_to(struct machine *m, uint64_t until_ns)
{
    enum partition_end end = partition_run(m->p, until_ns, NULL, NULL);
    ck_assert_int_eq(end, PARTITION_RUNNING);
}

/* A key now and then, at the same virtual time in every run. */
static void input(struct machine *m, unsigned n)
{
    if (n % 25 == 20) {
        struct partition_event e = {.kind = PARTITION_KEY, .key = 0x23, .down = n % 50 == 20};
        ck_assert(partition_post(m->p, e));
    }
}

static void run_slice(struct machine *m, unsigned n)
{
    input(m, n);
    run_to(m, (n + 1) * SLICE_NS);
}

static uint64_t finish(struct machine *m)
{
    uint64_t hash = partition_state_hash(m->p);
    ck_assert_uint_gt(partition_vcpu(m->p)->insns, 1000000);
    machine_end(m);
    return hash;
}

static uint64_t run_alone(unsigned kind)
{
    struct machine *m = power_on(kind);
    for (unsigned n = 0; n < SLICES; n++)
        run_slice(m, n);
    return finish(m);
}

START_TEST(in_turns_on_one_thread)
{
    uint64_t alone[KINDS] = {run_alone(FIRST), run_alone(SECOND)};
    struct machine *m[KINDS] = {power_on(FIRST), power_on(SECOND)};
    for (unsigned n = 0; n < SLICES; n++) {
        run_slice(m[FIRST], n);
        run_slice(m[SECOND], n);
    }
    ck_assert_uint_ne(alone[FIRST], alone[SECOND]);
    ck_assert_uint_eq(finish(m[FIRST]), alone[FIRST]);
    ck_assert_uint_eq(finish(m[SECOND]), alone[SECOND]);
}
END_TEST

/* However a run is cut into slices, it takes the same course. */
START_TEST(cut_into_other_slices)
{
    struct machine *m = power_on(FIRST);
    uint32_t seed = 1;
    for (unsigned n = 0; n < SLICES; n++) {
        input(m, n);
        for (uint64_t at = n * SLICE_NS; at < (n + 1) * SLICE_NS;) {
            run_to(m, at);
            seed = seed * 1664525 + 1013904223;
            at += 1 + (seed >> 8) % (n % 7 ? SLICE_NS : 1000);
        }
        run_to(m, (n + 1) * SLICE_NS);
    }
    ck_assert_uint_eq(finish(m), run_alone(FIRST));
}
END_TEST

static void *thread_main(void *ctx)
{
    uint64_t *hash = ctx;
    *hash = run_alone((unsigned)*hash);
    return NULL;
}

START_TEST(at_once_on_two_threads)
{
    uint64_t together[KINDS] = {FIRST, SECOND};
    pthread_t thread[KINDS];
    for (unsigned i = 0; i < KINDS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, thread_main, &together[i]), 0);
    for (unsigned i = 0; i < KINDS; i++)
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
    ck_assert_uint_eq(together[FIRST], run_alone(FIRST));
    ck_assert_uint_eq(together[SECOND], run_alone(SECOND));
}
END_TEST

/* At several points of the boot: during POST, while the floppy is read, in the demo. */
START_TEST(a_snapshot_goes_on_elsewhere)
{
    static const unsigned at[] = {3, 40, 120, 250};
    for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
        struct machine *from = power_on(FIRST), *to = power_on(FIRST);
        for (unsigned n = 0; n < at[i]; n++)
            run_slice(from, n);
        for (unsigned n = 0; n < 7; n++) /* the other one is somewhere else */
            run_slice(to, n);
        struct bytes state = {0};
        partition_save(from->p, &state);
        ck_assert(!partition_load(to->p, state.data, state.len - 1));
        ck_assert(partition_load(to->p, state.data, state.len));
        bytes_free(&state);
        ck_assert_uint_eq(partition_state_hash(to->p), partition_state_hash(from->p));
        for (unsigned n = at[i]; n < at[i] + 50; n++) {
            run_slice(from, n);
            run_slice(to, n);
            if (partition_state_hash(to->p) != partition_state_hash(from->p)) {
                machine_show_difference(from->p, to->p);
                ck_abort_msg("snapshot at slice %u: the courses part in slice %u", at[i], n);
            }
        }
        machine_end(from);
        machine_end(to);
    }
}
END_TEST

START_TEST(a_snapshot_of_another_machine_is_refused)
{
    struct machine *from = power_on(FIRST), *to = power_on(SECOND);
    struct bytes state = {0};
    partition_save(from->p, &state);
    ck_assert(!partition_load(to->p, state.data, state.len));
    for (size_t len = 0; len < state.len; len += 1 + state.len / 97)
        ck_assert(!partition_load(to->p, state.data, len));
    bytes_free(&state);
    machine_end(from);
    machine_end(to);
}
END_TEST

static int run_suite(void)
{
    Suite *suite = suite_create("two partitions");
    TCase *tc = tcase_create("two partitions");
    tcase_set_timeout(tc, TEST_HANGS_SECONDS);
    tcase_add_test(tc, in_turns_on_one_thread);
    tcase_add_test(tc, cut_into_other_slices);
    tcase_add_test(tc, at_once_on_two_threads);
    tcase_add_test(tc, a_snapshot_goes_on_elsewhere);
    tcase_add_test(tc, a_snapshot_of_another_machine_is_refused);
    suite_add_tcase(suite, tc);
    return suite_status(suite);
}

int main(void)
{
    struct file bios = file_read(UMBRA_BUILD_DIR "/bios/bios.bin");
    struct file demo = file_read(UMBRA_BUILD_DIR "/bios/demo.img");
    bool there = bios.len && demo.len;
    free(bios.data);
    free(demo.data);
    if (!there) {
        printf("SKIP: no bios.bin or demo.img in " UMBRA_BUILD_DIR "/bios\n");
        return 77;
    }
    return run_suite();
}
