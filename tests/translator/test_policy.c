/* translator/policy: which address spaces get a window, by what they earn and cost. */
#include "translator/policy.h"

#include <stdlib.h>

#include "tests/check_main.h"

enum { ROOT = 0x100000, OTHER = 0x200000, CHARGE = 30000, LONG = 10000000 };

struct account {
    struct policy policy;
    struct tlb tlb;
    uint64_t insns;
};

static struct account *new_account(void)
{
    struct account *a = calloc(1, sizeof *a);
    ck_assert_ptr_nonnull(a);
    policy_init(&a->policy);
    return a;
}

static bool choose(struct account *a, uint64_t root, unsigned view)
{
    return policy_choose(&a->policy, root, view, a->insns, &a->tlb);
}

/* The space runs so many instructions and meets so many new pages; has it a window then? */
static bool run(struct account *a, uint64_t root, unsigned view, uint64_t insns, unsigned pages)
{
    for (unsigned n = 0; n < pages; n++) {
        if (choose(a, root, view))
            policy_charge(&a->policy, CHARGE);
        else
            a->tlb.walks[view].faults++; /* the guest's own: its kernel shows the page */
    }
    choose(a, root, view);
    a->insns += insns;
    return choose(a, root, view);
}

START_TEST(user_space_earns_its_window_and_kernel_has_one)
{
    struct account *a = new_account();
    ck_assert(!choose(a, ROOT, TLB_USER));
    ck_assert(choose(a, ROOT, TLB_SUPERVISOR));
    choose(a, ROOT, TLB_USER);
    a->insns += LONG;
    ck_assert(!choose(a, OTHER, TLB_USER)); /* that was not its work */
    ck_assert(choose(a, ROOT, TLB_USER));   /* kept meanwhile */
    free(a);
}
END_TEST

START_TEST(new_window_is_given_time)
{
    struct account *a = new_account();
    while (!run(a, ROOT, TLB_USER, LONG / 100, 0))
        ck_assert_uint_lt(a->insns, LONG);
    ck_assert(run(a, ROOT, TLB_USER, 0, 300)); /* it has to show its pages first */
    ck_assert(!run(a, ROOT, TLB_USER, 0, 300));
    free(a);
}
END_TEST

START_TEST(charge_is_made_once)
{
    struct account *a = new_account();
    choose(a, ROOT, TLB_SUPERVISOR);
    int64_t before = a->policy.kernel.credit;
    policy_charge(&a->policy, CHARGE);
    for (unsigned n = 1; n <= 3; n++) {
        a->insns += POLICY_STRETCH;
        choose(a, ROOT, TLB_SUPERVISOR);
        int64_t earned = a->policy.kernel.credit - (before - CHARGE);
        ck_assert_int_ge(earned, (int64_t)n * POLICY_STRETCH);
        ck_assert_int_lt(earned, (int64_t)n * POLICY_STRETCH * 8);
    }
    free(a);
}
END_TEST

/* Walks in a space that has its window are not spared by it; but some pass (fresh.h). */
START_TEST(what_passes_is_not_learned)
{
    for (unsigned lookups = 0; lookups < 2; lookups++) {
        struct account *a = new_account();
        a->policy.lookups = lookups;
        choose(a, ROOT, TLB_SUPERVISOR);
        a->tlb.flushes += 100;
        a->tlb.walks[TLB_SUPERVISOR].walks += 1000;
        a->insns += POLICY_STRETCH;
        ck_assert(choose(a, ROOT, TLB_SUPERVISOR));
        ck_assert_int_eq(a->policy.kernel.stray != 0, !lookups);
        free(a);
    }
}
END_TEST

START_TEST(short_lives_never_get_one)
{
    struct account *a = new_account();
    for (unsigned n = 0; n < 1000; n++) /* processes that get the same page for their root */
        ck_assert(!run(a, ROOT, TLB_USER, LONG / 10, 100));
    free(a);
}
END_TEST

START_TEST(storm_loses_it_and_each_time_more_is_to_be_earned)
{
    struct account *a = new_account();
    uint64_t earned[20];
    for (unsigned n = 0; n < ARRAY_LEN(earned); n++) {
        uint64_t from = a->insns;
        while (!run(a, ROOT, TLB_USER, LONG / 100, 0))
            ck_assert_uint_lt(a->insns, from + 10 * LONG);
        earned[n] = a->insns - from;
        ck_assert(!run(a, ROOT, TLB_USER, 0, 10000));
    }
    ck_assert_uint_gt(earned[1], earned[0]);
    ck_assert_uint_gt(earned[2], earned[1]);
    ck_assert_uint_eq(earned[19], earned[18]); /* but it can be */
    free(a);
}
END_TEST

/* How many new pages the space shows in its window before that goes. */
static unsigned storm(struct account *a, uint64_t root, unsigned view)
{
    unsigned pages = 0;
    while (run(a, root, view, 0, 1))
        ck_assert_uint_lt(++pages, 100000);
    return pages;
}

START_TEST(what_a_storm_takes_is_bounded_whatever_was_earned_before)
{
    struct account *a = new_account();
    ck_assert(run(a, ROOT, TLB_USER, LONG, 0));
    unsigned after_little = storm(a, ROOT, TLB_USER);
    run(a, OTHER, TLB_USER, LONG, 0);
    for (unsigned n = 0; n < 1000; n++)
        ck_assert(run(a, OTHER, TLB_USER, LONG, 0));
    unsigned after_much = storm(a, OTHER, TLB_USER);
    ck_assert_uint_le(after_much, 2 * after_little);
    ck_assert_uint_gt(after_much, 100);
    ck_assert(choose(a, ROOT, TLB_SUPERVISOR)); /* a kernel has more time */
    for (unsigned n = 0; n < 1000; n++)
        ck_assert(run(a, ROOT, TLB_SUPERVISOR, LONG, 0));
    ck_assert_uint_gt(storm(a, ROOT, TLB_SUPERVISOR), 2 * after_much);
    free(a);
}
END_TEST

START_TEST(windows_that_were_worth_while_are_had_again_soon)
{
    struct account *a = new_account();
    uint64_t earned[10];
    for (unsigned n = 0; n < 3; n++) { /* three that were not */
        while (!run(a, ROOT, TLB_USER, LONG / 100, 0))
            ck_assert_uint_lt(a->insns, 10 * LONG);
        run(a, ROOT, TLB_USER, 0, 10000);
    }
    for (unsigned n = 0; n < ARRAY_LEN(earned); n++) {
        uint64_t from = a->insns;
        while (!run(a, ROOT, TLB_USER, LONG / 100, 0))
            ck_assert_uint_lt(a->insns, from + 10 * LONG);
        earned[n] = a->insns - from;
        run(a, ROOT, TLB_USER, 4 * LONG, 0);
        run(a, ROOT, TLB_USER, 0, 10000); /* the storm goes on in the soft TLB */
    }
    ck_assert_uint_lt(earned[1], earned[0]);
    ck_assert_uint_lt(earned[2], earned[1]);
    ck_assert_uint_eq(earned[9], earned[8]);
    free(a);
}
END_TEST

START_TEST(who_lost_windows_has_less_time_to_show_pages)
{
    struct account *a = new_account();
    unsigned pages[5];
    for (unsigned n = 0; n < ARRAY_LEN(pages); n++) {
        while (!run(a, ROOT, TLB_USER, LONG / 1000, 0))
            ck_assert_uint_lt(a->insns, 100 * LONG);
        pages[n] = storm(a, ROOT, TLB_USER);
    }
    ck_assert_uint_lt(pages[1], pages[0]);
    ck_assert_uint_lt(pages[2], pages[1]);
    ck_assert_uint_gt(pages[4], 50); /* but some */
    free(a);
}
END_TEST

START_TEST(first_accesses_speak_against_it_and_repeated_walks_for_it)
{
    struct account *a = new_account();
    choose(a, ROOT, TLB_USER);
    a->tlb.walks[TLB_USER].walks += 100000;
    a->tlb.walks[TLB_USER].fresh += 100000;
    ck_assert(!run(a, ROOT, TLB_USER, LONG / 5, 0));
    ck_assert(!run(a, OTHER, TLB_USER, LONG / 10, 0));
    a->tlb.walks[TLB_USER].walks += 100000;
    ck_assert(run(a, OTHER, TLB_USER, LONG / 10, 0));
    free(a);
}
END_TEST

START_TEST(kernel_is_the_same_under_every_root)
{
    struct account *a = new_account();
    ck_assert(!run(a, ROOT, TLB_SUPERVISOR, POLICY_STRETCH, 10000));
    ck_assert(!choose(a, OTHER, TLB_SUPERVISOR));
    ck_assert(run(a, OTHER, TLB_SUPERVISOR, LONG, 0));
    ck_assert(choose(a, ROOT, TLB_SUPERVISOR));
    free(a);
}
END_TEST

/* The user space calls the kernel so many times, with so much work in each. */
static void calls(struct account *a, unsigned count, unsigned user, unsigned kernel)
{
    for (unsigned n = 0; n < count; n++) {
        choose(a, ROOT, TLB_USER);
        a->insns += user;
        choose(a, ROOT, TLB_SUPERVISOR);
        a->insns += kernel;
    }
}

START_TEST(of_two_windows_with_many_crossings_the_one_that_earns_less_goes)
{
    struct account *a = new_account();
    ck_assert(run(a, ROOT, TLB_USER, LONG, 0));
    calls(a, 100000, 1000, 1000);
    ck_assert(choose(a, ROOT, TLB_USER));
    ck_assert(choose(a, ROOT, TLB_SUPERVISOR));
    calls(a, 1000000, 4, 300);
    ck_assert(!choose(a, ROOT, TLB_USER));
    ck_assert(choose(a, ROOT, TLB_SUPERVISOR));
    calls(a, 100000, 1000, 10);
    ck_assert(choose(a, ROOT, TLB_USER));
    calls(a, 1000000, 1000, 10);
    ck_assert(choose(a, ROOT, TLB_USER));
    ck_assert(!choose(a, ROOT, TLB_SUPERVISOR));
    free(a);
}
END_TEST

/* Each side has what it ran, whatever runs when the accounts are settled. */
START_TEST(each_side_earns_by_its_own_instructions)
{
    struct account *a = new_account();
    struct space *kernel = &a->policy.kernel;
    calls(a, 1, 1, 1);
    kernel->credit = 0;
    a->policy.of[TLB_USER]->credit = 0;
    enum { USER = 7001, KERNEL = 3001, CALLS = 60 };
    uint64_t from = a->insns;
    calls(a, CALLS, USER, KERNEL);
    choose(a, ROOT, TLB_USER);
    a->insns += 1;
    a->policy.wait = 0; /* settled once more, while the user runs */
    choose(a, ROOT, TLB_USER);
    ck_assert_uint_gt(a->insns - from, 10 * POLICY_STRETCH);
    int64_t user = a->policy.of[TLB_USER]->credit;
    ck_assert_int_ge(user, (int64_t)CALLS * (2 * USER - 10)); /* but for visits */
    ck_assert_int_le(user, (int64_t)CALLS * 2 * USER + 100);
    ck_assert_int_ge(kernel->credit, (int64_t)CALLS * 3 * KERNEL);
    ck_assert_int_le(kernel->credit, (int64_t)CALLS * 3 * KERNEL + 100);
    free(a);
}
END_TEST

START_TEST(calls_that_do_little_change_nothing)
{
    struct account *a = new_account();
    calls(a, 10000000, 5, 4);
    ck_assert_uint_eq(a->policy.to_window + a->policy.to_soft, 0);
    calls(a, 10000000, 20, 10);
    uint64_t changes = a->policy.to_window + a->policy.to_soft;
    ck_assert_uint_le(changes, 2);
    calls(a, 10000000, 20, 10);
    ck_assert_uint_eq(a->policy.to_window + a->policy.to_soft, changes);
    free(a);
}
END_TEST

START_TEST(loss_is_due_at_once)
{
    struct account *a = new_account();
    unsigned charges = 0;
    for (; !policy_is_due(&a->policy, a->insns); charges++)
        policy_charge(&a->policy, CHARGE);
    ck_assert_uint_eq(charges, a->policy.kernel.credit / CHARGE + 1);
    ck_assert(!choose(a, ROOT, TLB_SUPERVISOR));
    ck_assert(!policy_is_due(&a->policy, a->insns));
    free(a);
}
END_TEST

/* A window is brought up to date many times, one of which an interrupt of the host's delayed. */
START_TEST(one_slow_entry_is_not_taken_for_all)
{
    struct account *a = new_account();
    for (unsigned n = 0; n < 100000; n++) {
        choose(a, ROOT, TLB_SUPERVISOR);
        if (policy_is_first_entry(&a->policy))
            policy_entry_took(&a->policy, n == 50000 ? 10000000 : 300);
        a->insns += 300;
    }
    ck_assert(choose(a, ROOT, TLB_SUPERVISOR));
    ck_assert_uint_eq(a->policy.to_soft, 0);
    for (unsigned n = 0; n < 100000; n++) {
        choose(a, ROOT, TLB_SUPERVISOR);
        if (policy_is_first_entry(&a->policy))
            policy_entry_took(&a->policy, 30000);
        a->insns += 300;
    }
    ck_assert(!choose(a, ROOT, TLB_SUPERVISOR));
    free(a);
}
END_TEST

/* What a space's window took after each load of CR3 is held against another one, for a time. */
START_TEST(cost_of_entries_is_remembered_in_the_soft_tlb)
{
    struct account *a = new_account();
    struct space *s = &a->policy.kernel;
    a->policy.window[TLB_SUPERVISOR] = s->window = false;
    s->credit = 0;
    s->entry_took = 300000;
    unsigned flushes = 0;
    for (; !choose(a, ROOT, TLB_SUPERVISOR); flushes++) {
        ck_assert_uint_lt(flushes, 10000);
        a->tlb.flushes++;
        a->insns += POLICY_STRETCH;
    }
    ck_assert_uint_gt(flushes, 200); /* 60 without */
    free(a);
}
END_TEST

START_TEST(time_with_paging_off_counts_for_nobody)
{
    struct account *a = new_account();
    int64_t before = a->policy.kernel.credit;
    for (unsigned n = 0; n < 100; n++) {
        a->insns += LONG;
        policy_charge(&a->policy, CHARGE);
        policy_skip(&a->policy, a->insns);
    }
    choose(a, ROOT, TLB_SUPERVISOR);
    a->insns += POLICY_STRETCH;
    choose(a, ROOT, TLB_SUPERVISOR);
    ck_assert_int_lt(a->policy.kernel.credit, before + POLICY_STRETCH * 8);
    ck_assert_int_gt(a->policy.kernel.credit, before);
    free(a);
}
END_TEST

/* The kernel loads CR3 so many times: in the soft TLB that brings walks about, in the window
 * cycles. Returns how often its form changed. */
static uint64_t loads_of_cr3(struct account *a, unsigned count, unsigned walks, unsigned cycles)
{
    uint64_t before = a->policy.to_window + a->policy.to_soft;
    for (unsigned n = 0; n < count; n++) {
        a->tlb.flushes++;
        if (choose(a, ROOT, TLB_SUPERVISOR))
            policy_charge(&a->policy, cycles);
        else
            a->tlb.walks[TLB_SUPERVISOR].walks += walks;
        a->insns += 100;
    }
    return a->policy.to_window + a->policy.to_soft - before;
}

START_TEST(what_flushes_cost_the_soft_tlb_is_learned_there)
{
    struct account *a = new_account();
    loads_of_cr3(a, 100000, 10, 2500);
    ck_assert(choose(a, ROOT, TLB_SUPERVISOR));
    ck_assert_uint_eq(loads_of_cr3(a, 1000000, 10, 2500), 0);
    ck_assert_uint_gt(loads_of_cr3(a, 10000, 10, 25000), 0);
    ck_assert(!choose(a, ROOT, TLB_SUPERVISOR));
    free(a);
}
END_TEST

/* Where the kernel's accesses to its users' pages look in the soft TLB anyway, a window spares no
 * walks, and no walks speak for one. */
START_TEST(walks_that_a_window_does_not_spare_do_not_count)
{
    struct account *a = new_account();
    for (unsigned n = 0; n < 20000; n++) {
        a->tlb.flushes++;
        a->tlb.walks[TLB_SUPERVISOR].walks += 10;
        if (choose(a, ROOT, TLB_SUPERVISOR) && policy_is_first_entry(&a->policy))
            policy_entry_took(&a->policy, 1000);
        a->insns += 100;
    }
    ck_assert(!choose(a, ROOT, TLB_SUPERVISOR));
    free(a);
}
END_TEST

START_TEST(one_long_charge_is_not_the_guests)
{
    struct account *a = new_account();
    ck_assert(choose(a, ROOT, TLB_SUPERVISOR));
    policy_charge(&a->policy, UINT64_C(1) << 40); /* the host did something else meanwhile */
    ck_assert(choose(a, ROOT, TLB_SUPERVISOR));
    free(a);
}
END_TEST

START_TEST(count_that_goes_back_earns_nothing)
{
    struct account *a = new_account();
    a->insns = UINT64_C(1) << 50;
    ck_assert(run(a, ROOT, TLB_SUPERVISOR, 1000, 0));
    a->insns = 0; /* an earlier state of the machine */
    ck_assert(choose(a, ROOT, TLB_SUPERVISOR));
    ck_assert_int_le(a->policy.kernel.credit, LONG);
    ck_assert(!run(a, ROOT, TLB_SUPERVISOR, 1000, 10000));
    free(a);
}
END_TEST

CHECK_MAIN("policy", user_space_earns_its_window_and_kernel_has_one, new_window_is_given_time,
           charge_is_made_once, what_passes_is_not_learned, short_lives_never_get_one,
           storm_loses_it_and_each_time_more_is_to_be_earned,
           what_a_storm_takes_is_bounded_whatever_was_earned_before,
           windows_that_were_worth_while_are_had_again_soon,
           who_lost_windows_has_less_time_to_show_pages,
           first_accesses_speak_against_it_and_repeated_walks_for_it,
           kernel_is_the_same_under_every_root,
           of_two_windows_with_many_crossings_the_one_that_earns_less_goes,
           each_side_earns_by_its_own_instructions, calls_that_do_little_change_nothing,
           loss_is_due_at_once, one_slow_entry_is_not_taken_for_all,
           cost_of_entries_is_remembered_in_the_soft_tlb, time_with_paging_off_counts_for_nobody,
           what_flushes_cost_the_soft_tlb_is_learned_there,
           walks_that_a_window_does_not_spare_do_not_count, one_long_charge_is_not_the_guests,
           count_that_goes_back_earns_nothing)
