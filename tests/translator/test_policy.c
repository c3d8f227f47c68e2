/* translator/policy: which address spaces get a window, by what they earn and cost. */
#include "translator/policy.h"

#include <stdlib.h>

#include "tests/check_main.h"

enum { ROOT = 0x100000, FAULT = 30000, LONG = 10000000 };

struct account {
    struct policy policy;
    struct tlb tlb;
    uint64_t insns;
};

static struct account *new_account(void)
{
    struct account *a = calloc(1, sizeof *a);
    ck_assert_ptr_nonnull(a);
    return a;
}

/* The space at root runs insns instructions, with faults of its window; what it has then. */
static bool run(struct account *a, uint64_t root, uint64_t insns, unsigned faults)
{
    bool window = policy_choose(&a->policy, root, TLB_USER, a->insns, &a->tlb);
    for (unsigned n = 0; n < faults; n++) {
        if (window)
            policy_charge(&a->policy, FAULT);
        else
            a->tlb.walks++, a->tlb.fresh++;
    }
    a->insns += insns;
    return policy_choose(&a->policy, root, TLB_USER, a->insns, &a->tlb);
}

START_TEST(new_space_begins_in_its_window)
{
    struct account *a = new_account();
    ck_assert(policy_choose(&a->policy, ROOT, TLB_USER, 0, &a->tlb));
    ck_assert(run(a, ROOT, LONG, 20));
    free(a);
}
END_TEST

START_TEST(storm_of_faults_loses_it_and_a_long_run_earns_it_back)
{
    struct account *a = new_account();
    ck_assert(!run(a, ROOT, 1000, 1000));
    ck_assert(!run(a, ROOT, 1000, 1000)); /* fresh pages keep it in the soft TLB */
    ck_assert(run(a, ROOT, LONG, 0));
    free(a);
}
END_TEST

START_TEST(spaces_after_some_that_lost_theirs_begin_without)
{
    struct account *a = new_account();
    uint64_t root = ROOT;
    for (unsigned n = 0; n < 4; n++, root += 4096)
        ck_assert(!run(a, root, 1000, 1000));
    ck_assert(!policy_choose(&a->policy, root, TLB_USER, a->insns, &a->tlb));
    ck_assert(
        policy_choose(&a->policy, root, TLB_SUPERVISOR, a->insns, &a->tlb)); /* not its view */
    for (unsigned n = 0; n < 16; n++, root += 4096)
        ck_assert(run(a, root, LONG, 0)); /* these earn theirs: the next one is trusted again */
    ck_assert(policy_choose(&a->policy, root, TLB_USER, a->insns, &a->tlb));
    free(a);
}
END_TEST

START_TEST(one_long_charge_is_not_the_guests)
{
    struct account *a = new_account();
    ck_assert(policy_choose(&a->policy, ROOT, TLB_USER, 0, &a->tlb));
    policy_charge(&a->policy, UINT64_C(1) << 40); /* the host did something else meanwhile */
    ck_assert(policy_choose(&a->policy, ROOT, TLB_USER, 1000, &a->tlb));
    free(a);
}
END_TEST

CHECK_MAIN("policy", new_space_begins_in_its_window,
           storm_of_faults_loses_it_and_a_long_run_earns_it_back,
           spaces_after_some_that_lost_theirs_begin_without, one_long_charge_is_not_the_guests)
