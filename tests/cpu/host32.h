/* tests/cpu/host32.h: runs 32-bit and 16-bit user-mode code natively inside a 64-bit Linux process
 * and catches what it raises. For x86-64 Linux.
 *
 * The code runs in compatibility mode with segments of its own from the LDT, so that limits and
 * bases are exercised too:
 *
 *     CS       base HOST_CODE, limit FFFFh, execute-only; 32-bit or 16-bit code
 *     DS ES SS GS  base HOST_DATA, limit FFFFh, read/write, 32-bit stack
 *
 *     HOST_DATA  |0 1| rw   |2| read-only   |3 ..14| not there   |15| rw
 *     HOST_CODE  |0|        |1 ..15| not there
 *
 * FS is the C library's and stays untouched. In a flat run CS, DS, ES, SS and GS are Linux's own
 * 32-bit ones of base 0 and 4 GiB instead. The code ends with a far jump that host32_code puts
 * behind it, or with whatever it raises: INT3 included, which fills the rest of its page. x87, MMX
 * and SSE state go in and come out as an image of FXSAVE64, if the caller gives one. */
#ifndef UMBRA_TESTS_HOST32_H
#define UMBRA_TESTS_HOST32_H

#include <asm/ldt.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "cpu/flags.h"

#define HOST_DATA       0x20000000u
#define HOST_CODE       0x20100000u
#define HOST_LIMIT      0xFFFFu
#define HOST_DATA_PAGES 16
#define DATA_RW(page)   ((page) < 2 || (page) == 15)
#define DATA_RO(page)   ((page) == 2)

struct host32_state {
    uint32_t reg[8], eip, eflags;
    uint32_t vector, error, cr2; /* after a run; INT3 behind the code is vector 3 */
#define HOST_ENDLESS 32          /* vector: it jumped to itself and was stopped */
    uint8_t *fx;                 /* 512 bytes, aligned to 16; NULL: not asked for */
};

/* What kind of code it is; where offset 0 of the code and of the data then lies. */
enum host32_kind { HOST_16, HOST_32, HOST_FLAT };
#define HOST_CODE_AT(kind) ((kind) == HOST_FLAT ? HOST_CODE : 0)
#define HOST_DATA_AT(kind) ((kind) == HOST_FLAT ? HOST_DATA : 0)

#define LDT_SELECTOR(n) ((n)*8 + 7) /* LDT, RPL 3 */
#define STUB            0x20200000u /* a page in the low 4 GiB: the way out */
#define USER_CS32       0x23
#define USER_CS64       0x33
#define USER_SS         0x2B

/* Known to the assembly below. */
struct native_frame {
    uint64_t host_rsp, flags;
    uint32_t reg[8];
    uint64_t iret[5]; /* eip, cs, eflags, esp, ss */
    uint8_t *fx;
};
struct native_frame native_frame __attribute__((visibility("hidden")));
void native_enter(void);
void native_leave(void);
void native_abandon(void);

/* native_enter goes to the code; native_leave is where its far jump arrives, with its registers;
 * native_abandon is where a signal handler sends it, without. */
__asm__(".text\n"
        "native_enter:\n"
        "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "  mov %rsp, native_frame(%rip)\n"
        "  mov native_frame+88(%rip), %rax\n"
        "  test %rax, %rax\n"
        "  jz 1f\n"
        "  fxrstor64 (%rax)\n"
        "1: mov native_frame+80(%rip), %eax\n"
        "  mov %eax, %ds; mov %eax, %es; mov %eax, %gs\n"
        "  lea native_frame+48(%rip), %rsp\n"
        "  mov native_frame+16(%rip), %eax\n"
        "  mov native_frame+20(%rip), %ecx\n"
        "  mov native_frame+24(%rip), %edx\n"
        "  mov native_frame+28(%rip), %ebx\n"
        "  mov native_frame+36(%rip), %ebp\n"
        "  mov native_frame+40(%rip), %esi\n"
        "  mov native_frame+44(%rip), %edi\n"
        "  iretq\n"
        "native_leave:\n"
        "  mov %eax, native_frame+16(%rip)\n"
        "  mov %ecx, native_frame+20(%rip)\n"
        "  mov %edx, native_frame+24(%rip)\n"
        "  mov %ebx, native_frame+28(%rip)\n"
        "  mov %esp, native_frame+32(%rip)\n"
        "  mov %ebp, native_frame+36(%rip)\n"
        "  mov %esi, native_frame+40(%rip)\n"
        "  mov %edi, native_frame+44(%rip)\n"
        "  mov native_frame(%rip), %rsp\n"
        "  pushfq\n"
        "  popq native_frame+8(%rip)\n"
        "  mov native_frame+88(%rip), %rax\n"
        "  test %rax, %rax\n"
        "  jz native_abandon\n"
        "  fxsave64 (%rax)\n"
        "  fninit\n"
        "  ldmxcsr native_mxcsr(%rip)\n"
        "native_abandon:\n"
        "  mov native_frame(%rip), %rsp\n"
        "  cld\n"
        "  mov $0x2B, %eax\n"
        "  mov %eax, %ss\n"
        "  xor %eax, %eax\n"
        "  mov %eax, %ds; mov %eax, %es\n"
        "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "  ret\n"
        "native_mxcsr: .long 0x1F80\n");
_Static_assert(offsetof(struct native_frame, reg) == 16 &&
                   offsetof(struct native_frame, iret) == 48 &&
                   offsetof(struct native_frame, fx) == 88,
               "the assembly knows them");

static struct host32_state *running;
static uint8_t *code_page;
static uint32_t code_end; /* offset behind the instruction */

static uint64_t runs, runs_at_tick;

/* Who handles what the code did not raise: a translator under test. Zeros: nobody. */
static struct sigaction other_handler[32];

/* The FPU's state out of a signal's frame; what is left there is what C wants. */
static void take_fpu(fpregset_t f, uint8_t *fx)
{
    memcpy(fx, f, 416);
    f->cwd = 0x37F;
    f->swd = f->ftw = 0;
    f->mxcsr = 0x1F80;
}

/* Each second of processor time: is it still the same run? */
static bool is_endless(const greg_t *g)
{
    bool same = runs == runs_at_tick;
    runs_at_tick = runs;
    return running && same && (g[REG_CSGSFS] & 0xFFFF) != USER_CS64;
}

static void caught(int sig, siginfo_t *info, void *context)
{
    static const int order[8] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX,
                                 REG_RSP, REG_RBP, REG_RSI, REG_RDI};
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct host32_state *s = running;
    if (sig == SIGVTALRM && !is_endless(g))
        return;
    if (!s) { /* not from the code */
        if (other_handler[sig].sa_sigaction)
            other_handler[sig].sa_sigaction(sig, info, context);
        else
            signal(sig, SIG_DFL); /* a bug of the test */
        return;
    }
    if (s->fx)
        take_fpu(((ucontext_t *)context)->uc_mcontext.fpregs, s->fx);
    for (unsigned n = 0; n < 8; n++)
        s->reg[n] = (uint32_t)g[order[n]];
    s->eip = (uint32_t)g[REG_RIP];
    s->eflags = (uint32_t)g[REG_EFL];
    s->vector = sig == SIGVTALRM ? HOST_ENDLESS : (uint32_t)g[REG_TRAPNO];
    s->error = (uint32_t)g[REG_ERR];
    s->cr2 = (uint32_t)g[REG_CR2];
    running = NULL;
    g[REG_RIP] = (greg_t)(uintptr_t)native_abandon;
    g[REG_RSP] = (greg_t)native_frame.host_rsp;
    g[REG_EFL] &= ~(greg_t)FLAG_DF;
    g[REG_CSGSFS] = (greg_t)((uint64_t)USER_SS << 48 | USER_CS64);
}

/* Calls handlers that were installed after host32_open for what is not raised by the code. */
static void host32_share_signals(void)
{
    static const int shared[] = {SIGSEGV, SIGBUS, SIGFPE};
    struct sigaction ours;
    sigaction(SIGTRAP, NULL, &ours);
    for (unsigned n = 0; n < ARRAY_LEN(shared); n++) {
        sigaction(shared[n], &ours, &other_handler[shared[n]]);
        if (other_handler[shared[n]].sa_sigaction == caught)
            other_handler[shared[n]].sa_sigaction = NULL;
    }
}

static bool ldt_segment(unsigned n, uint32_t base, unsigned contents, bool exec_only, bool wide)
{
    struct user_desc d = {.entry_number = n,
                          .base_addr = base,
                          .limit = HOST_LIMIT,
                          .seg_32bit = wide,
                          .contents = contents,
                          .read_exec_only = exec_only,
                          .useable = 1};
    return syscall(SYS_modify_ldt, 1, &d, sizeof d) == 0;
}

static uint8_t *map_low(uint32_t at, size_t len, int prot)
{
    void *p = mmap((void *)(uintptr_t)at, len, prot,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p == MAP_FAILED || p != (void *)(uintptr_t)at)
        return NULL;
    mlock(p, len); /* present, or error codes of page faults would vary */
    memset(p, 0, len);
    return p;
}

static bool map_all(void)
{
    const int rw = PROT_READ | PROT_WRITE;
    for (unsigned page = 0; page < HOST_DATA_PAGES; page++) {
        uint32_t at = HOST_DATA + page * 4096;
        if ((DATA_RW(page) || DATA_RO(page)) && !map_low(at, 4096, rw))
            return false;
    }
    code_page = map_low(HOST_CODE, 4096, rw | PROT_EXEC);
    uint8_t *stub = map_low(STUB, 4096, rw | PROT_EXEC);
    if (!code_page || !stub)
        return false;
    memset(code_page, 0xCC, 4096);
    memcpy(stub, "\xFF\x25\x00\x00\x00\x00", 6); /* jmp [rip] */
    store_le64(stub + 6, (uintptr_t)native_leave);
    mprotect(stub, 4096, PROT_READ | PROT_EXEC);
    return true;
}

/* False with *why when the host cannot do it. Once per process. */
static bool host32_open(const char **why)
{
    static uint8_t signal_stack[1 << 16];
    stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    struct sigaction action = {.sa_sigaction = caught,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGVTALRM};
    *why = "no memory at fixed low addresses";
    if (!map_all())
        return false;
    *why = "no LDT segments (modify_ldt)";
    if (!ldt_segment(0, HOST_CODE, MODIFY_LDT_CONTENTS_CODE, true, true) ||
        !ldt_segment(1, HOST_DATA, MODIFY_LDT_CONTENTS_DATA, false, true) ||
        !ldt_segment(2, HOST_CODE, MODIFY_LDT_CONTENTS_CODE, true, false))
        return false;
    sigaltstack(&stack, NULL);
    for (unsigned n = 0; n < ARRAY_LEN(signals); n++)
        sigaction(signals[n], &action, NULL);
    struct itimerval second = {{1, 0}, {1, 0}};
    setitimer(ITIMER_VIRTUAL, &second, NULL);
    return true;
}

/* jmp far USER_CS64:STUB. Where the page has no room for it the INT3 that stands there does. */
static void put_way_out(uint32_t at, bool wide)
{
    uint8_t jump[8] = {0x66, 0xEA};
    store_le32(jump + 2, STUB);
    store_le16(jump + 6, USER_CS64);
    if (at + sizeof jump <= 4096)
        memcpy(code_page + at, jump + wide, sizeof jump - wide);
}

/* Puts code of len bytes at HOST_CODE + at, and the way out behind it: wide for 32-bit code. */
static void host32_code(uint32_t at, const uint8_t *code, size_t len, bool wide)
{
    static uint32_t dirty;
    for (uint32_t n = dirty; n < dirty + 32 && n < 4096; n++)
        code_page[n] = 0xCC;
    dirty = at;
    code_end = at + (uint32_t)len;
    for (size_t n = 0; n < len && at + n < 4096; n++)
        code_page[at + n] = code[n];
    put_way_out(code_end, wide);
}

/* Runs from *s, which then holds the state after. */
static void host32_run(struct host32_state *s, enum host32_kind kind)
{
    static const uint16_t code[] = {
        [HOST_16] = LDT_SELECTOR(2), [HOST_32] = LDT_SELECTOR(0), [HOST_FLAT] = USER_CS32};
    struct native_frame *f = &native_frame;
    memcpy(f->reg, s->reg, sizeof f->reg);
    f->iret[0] = s->eip;
    f->iret[1] = code[kind];
    f->iret[2] = s->eflags | FLAG_IF | FLAG_ONE;
    f->iret[3] = s->reg[ESP];
    f->iret[4] = kind == HOST_FLAT ? USER_SS : LDT_SELECTOR(1);
    f->fx = s->fx;
    runs++;
    running = s;
    native_enter();
    if (!running)
        return; /* caught has filled s */
    running = NULL;
    memcpy(s->reg, f->reg, sizeof f->reg);
    s->eflags = (uint32_t)f->flags;
    s->eip = HOST_CODE_AT(kind) + code_end + 1;
    s->vector = VEC_BP;
    s->error = s->cr2 = 0;
}

#endif
