/* translator/x86_64/signal.c: faults of host code.
 *
 * A unit's host code faults on purpose: a poll when the budget is over, an access to a page that
 * the window does not show, a division that the guest would see fault, too. The handler changes
 * where the interrupted code goes on, nothing else; by emit.h's rule the registers are the guest's
 * at the start of the instruction.
 *
 * No global tells the handler whose code it was: each translator has a signal stack of its own with
 * a header, and the kernel says on which stack a signal is handled. */
#include "translator/x86_64/emit.h"

#include <cpuid.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "translator/faults.h"
#include "translator/narrow.h"
#include "translator/returns.h"

#define STACK_BYTES (256u << 10)
#define MAGIC       UINT64_C(0x756D627261206678)

struct fault_stack {
    uint64_t magic;
    struct translator *t;
    struct sigaction old_segv, old_fpe, old_bus;
    stack_t old_stack;
};

bool backend_available(const char **why)
{
    unsigned a, b, c, d;
    *why = "the host CPU lacks BMI2";
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_BMI2))
        return false;
    *why = "the host CPU lacks LAHF in 64-bit mode";
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LAHF_LM);
}

#define HWCAP2_FSGSBASE 2 /* <asm/hwcap2.h>: the kernel lets user code set FS and GS bases */

bool backend_has_windows(void)
{
    return getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
}

/* With shadow stacks (CET) a RET leads where the host's own stack of returns says. RDSSP leaves its
 * register alone where there are none. */
bool backend_has_returns(void)
{
    uint64_t shadow = 0;
    __asm__ volatile("rdsspq %0" : "+r"(shadow));
    return !shadow;
}

/* AMD's take one operation for it, Intel's seven. */
bool backend_loops_fast(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0, &a, &b, &c, &d) && b == signature_AMD_ebx;
}

uint64_t backend_cycles(void)
{
    return __builtin_ia32_rdtsc();
}

void backend_set_window(uint8_t *base)
{
    __asm__ volatile("wrgsbase %0" : : "r"(base));
}

static struct fault_stack *header_of(const ucontext_t *u)
{
    struct fault_stack *f = u->uc_stack.ss_sp;
    bool ours = f && !(u->uc_stack.ss_flags & SS_DISABLE) && u->uc_stack.ss_size == STACK_BYTES &&
                f->magic == MAGIC;
    return ours ? f : NULL;
}

static unsigned insn_at(const struct unit *u, uint32_t offset)
{
    unsigned n = 0;
    while (n + 1u < u->insns && u->insn[n + 1].host <= offset)
        n++;
    return n;
}

/* Where the code that faulted at pc goes on; r11 becomes *site, and *esp is added to r8, unless
 * that is pc. NULL: it is none of ours. */
static const uint8_t *resolve(struct translator *t, const uint8_t *pc, uint64_t address, bool segv,
                              bool write, uint32_t *site, int *esp)
{
    struct unit *u = translator_unit_at(t, pc);
    if (!u)
        return NULL;
    uint32_t offset = (uint32_t)(pc - u->start);
    *site = u->id << SITE_SHIFT;
    if (offset < u->insn[0].host) {
        t->counters.polls++;
        return t->stubs.poll;
    }
    if (offset >= u->hot_size)
        return NULL;
    unsigned n = insn_at(u, offset);
    *site |= n;
    *esp = u->insn[n].esp_before;
    if (segv && fpu_is_guard(t, address))
        return t->stubs.fpu;
    write |= plain_loads_first(u->insn[n].insn);
    if (segv && translator_fault(t, u, n, address, write))
        return pc;
    if (!segv && narrow_divides(u->insn[n].insn))
        translator_note_fault(t, u, n); /* see translator_help */
    return t->stubs.help;
}

static void on_fault(int signal_number, siginfo_t *info, void *context);

/* By kill and its like: no instruction has faulted, whatever runs. */
static bool is_sent(const siginfo_t *info)
{
    return info->si_code <= 0;
}

/* No fault of a guest's: the process is to die of it, with a core that shows where, whatever the
 * thread. What was there before the handler (the default, or a sanitizer's) takes over, and the
 * instruction that faulted runs and faults again. A thread without our stack (f is NULL) comes here
 * on its own; no global says what was there before, so the default it is. A stack that has
 * overflowed cannot take the signal at all, and the kernel kills. A vCPU that faults on purpose
 * meanwhile dies a moment earlier: of the same signal, and the core has all threads. */
static void not_ours(int signal_number, const siginfo_t *info, const struct fault_stack *f)
{
    const struct sigaction *old = NULL;
    if (f)
        old = signal_number == SIGSEGV  ? &f->old_segv
              : signal_number == SIGFPE ? &f->old_fpe
                                        : &f->old_bus;
    struct sigaction standard = {.sa_handler = SIG_DFL};
    if (!old || ((old->sa_flags & SA_SIGINFO) && old->sa_sigaction == on_fault))
        old = &standard;
    sigaction(signal_number, old, NULL);
    if (is_sent(info))
        raise(signal_number); /* it would not come again */
}

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    struct fault_stack *f = header_of(u);
    greg_t *reg = u->uc_mcontext.gregs;
    const uint8_t *pc = (const uint8_t *)(uintptr_t)reg[REG_RIP];
    if (f && !is_sent(info) && code_cache_holds(&f->t->code, pc)) {
        if (returns_are_full(f->t, (uint64_t)(uintptr_t)info->si_addr)) {
            reg[REG_RSP] = (greg_t)returns_restart(f->t);
            return;
        }
        uint32_t site;
        int esp = 0;
        bool write = reg[REG_ERR] & 2;
        const uint8_t *to = resolve(f->t, pc, (uint64_t)(uintptr_t)info->si_addr,
                                    signal_number == SIGSEGV, write, &site, &esp);
        if (to) {
            if (to != pc) {
                reg[REG_R11] = site;
                reg[REG_R8] = (uint32_t)reg[REG_R8] + (uint32_t)esp;
            } else {
                reg[REG_R14] = (greg_t)translator_hasten(f->t, (uint64_t)reg[REG_R14]);
            }
            reg[REG_RIP] = (greg_t)(uintptr_t)to;
            return;
        }
    }
    not_ours(signal_number, info, f);
}

bool backend_faults_begin(struct translator *t)
{
    struct fault_stack *f = t->fault_stack;
    if (!f) {
        f = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (f == MAP_FAILED)
            return false;
        t->fault_stack = f;
        *f = (struct fault_stack){.magic = MAGIC, .t = t};
        struct sigaction action = {.sa_sigaction = on_fault,
                                   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
        sigaction(SIGSEGV, &action, &f->old_segv);
        sigaction(SIGFPE, &action, &f->old_fpe);
        sigaction(SIGBUS, &action, &f->old_bus);
    }
    stack_t stack = {.ss_sp = f, .ss_size = STACK_BYTES};
    return sigaltstack(&stack, &f->old_stack) == 0;
}

void backend_faults_end(struct translator *t)
{
    struct fault_stack *f = t->fault_stack;
    sigaltstack(&f->old_stack, NULL);
}

void backend_faults_free(struct translator *t)
{
    if (t->fault_stack)
        munmap(t->fault_stack, STACK_BYTES);
}
