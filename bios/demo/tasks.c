/* Tasks: the shell in the kernel, and two in ring 3, each with its own address space, all under
 * the timer. A task is where its registers were saved (a frame on its kernel stack), and a CR3. */
#include "kernel.h"

enum { SHELL, USER_TASKS = 2, TASKS };

struct task {
    struct frame *frame;
    uint32_t stack_top; /* of its kernel stack */
    uint32_t directory;
    uint32_t *data; /* its data page: counter, burst, busy flag, reach flag */
    uint32_t wake;  /* asleep until this tick */
    uint32_t switches, runs;
    bool alive;
};

static struct task tasks[TASKS];
static unsigned current;
extern const uint8_t user_code[], user_code_end[];

enum { COUNTER, BURST, BUSY, REACH };

static void make_task(struct task *t, uint32_t burst)
{
    t->directory = user_directory();
    uint32_t code = page_alloc(), data = page_alloc(), stack = page_alloc();
    memcpy((void *)code, user_code, (size_t)(user_code_end - user_code));
    map_user(t->directory, USER_CODE, code, false);
    map_user(t->directory, USER_DATA, data, true);
    map_user(t->directory, USER_TOP - 4096, stack, true);
    t->data = (uint32_t *)data;
    t->data[BURST] = burst;
    t->stack_top = page_alloc() + 4096;
    t->frame = (struct frame *)(t->stack_top - sizeof(struct frame));
    *t->frame = (struct frame){.gs = 0x23,
                               .fs = 0x23,
                               .es = 0x23,
                               .ds = 0x23,
                               .eip = USER_CODE,
                               .cs = 0x1B,
                               .eflags = 0x202,
                               .esp = USER_TOP,
                               .ss = 0x23};
    t->alive = true;
}

void tasks_init(void)
{
    tasks[SHELL].directory = read_cr3();
    tasks[SHELL].alive = true;
    make_task(&tasks[1], 20000);
    make_task(&tasks[2], 7000);
}

static bool runnable(const struct task *t)
{
    return t->alive && (int32_t)(ticks - t->wake) >= 0;
}

/* Round robin. The shell is always runnable: it halts the CPU when it has nothing to do. */
struct frame *schedule(struct frame *f)
{
    struct task *before = &tasks[current];
    before->frame = f;
    do {
        current = (current + 1) % TASKS;
    } while (current != SHELL && !runnable(&tasks[current]));
    struct task *t = &tasks[current];
    t->runs++;
    if (t != before) {
        t->switches++;
        if (current != SHELL)
            set_kernel_stack(t->stack_top);
        load_cr3(t->directory);
    }
    return t->frame;
}

struct frame *system_call(struct frame *f)
{
    if (f->eax == 0 && current != SHELL)
        tasks[current].wake = ticks + (f->ebx < 1000 ? f->ebx : 1000);
    return schedule(f);
}

/* A fault in ring 3: said, and the task goes on behind the instruction of its that we know. */
struct frame *task_fault(struct frame *f, uint32_t address)
{
    enum { STORE_LENGTH = 10 }; /* mov dword [imm32], imm32 */
    struct task *t = &tasks[current];
    say(RED | BRIGHT, "\n Task %c", 'A' + (int)current - 1);
    print(" faulted: vector %u, error %x (%s %s), address %x, at %x\n", f->vector, f->error,
          f->error & 1 ? "protection," : "no page,", f->error & 2 ? "write" : "read", address,
          f->eip);
    if (f->vector == 14 && address == 0x10000) {
        f->eip += STORE_LENGTH;
        return f;
    }
    t->alive = false;
    return schedule(f);
}

struct task_info task_info(unsigned user)
{
    const struct task *t = &tasks[1 + user];
    return (struct task_info){t->directory, t->data[COUNTER], t->switches, t->runs, t->alive};
}

void tasks_status(void)
{
    static const char wheel[] = "|/-\\";
    unsigned seconds = ticks / HZ;
    bar(24, 0, 0x30, " %c task A %-10u  %c task B %-10u \xB3 up %02u:%02u \xB3 %u switches ",
        wheel[tasks[1].runs & 3], tasks[1].data ? tasks[1].data[COUNTER] : 0,
        wheel[tasks[2].runs & 3], tasks[2].data ? tasks[2].data[COUNTER] : 0, seconds / 60,
        seconds % 60, tasks[1].switches + tasks[2].switches);
}

static void busy(bool on)
{
    for (unsigned i = 1; i < TASKS; i++)
        tasks[i].data[BUSY] = on;
}

static void gauge(uint32_t value, uint32_t most, unsigned colour)
{
    unsigned len = most >= 40 ? value / (most / 40) : 0;
    colour_set(colour);
    for (unsigned i = 0; i < 42; i++)
        put_char(i < len ? '\xDB' : '\xFA');
    colour_set(GREY);
}

void command_tasks(const char *argument)
{
    (void)argument;
    print("Two programs in ring 3 count, each in its own address space. Mostly they sleep;\n"
          "now for one second they do not, and only the timer takes the CPU from them.\n\n");
    struct task_info before[USER_TASKS];
    for (unsigned i = 0; i < USER_TASKS; i++)
        before[i] = task_info(i);
    uint32_t start = ticks;
    busy(true);
    wait_ticks(HZ);
    busy(false);
    uint32_t passed = ticks - start;
    uint32_t most = 1;
    for (unsigned i = 0; i < USER_TASKS; i++)
        if (task_info(i).counter - before[i].counter > most)
            most = task_info(i).counter - before[i].counter;
    for (unsigned i = 0; i < USER_TASKS; i++) {
        struct task_info now = task_info(i);
        uint32_t counted = now.counter - before[i].counter;
        say(WHITE, " task %c ", 'A' + (int)i);
        gauge(counted, most, i ? CYAN | BRIGHT : GREEN | BRIGHT);
        print(" %u in %u slices\n", counted, now.runs - before[i].runs);
    }
    print("\n%u timer ticks passed. CR3 was %08x, %08x and %08x in turn.\n", passed,
          tasks[0].directory, tasks[1].directory, tasks[2].directory);
    print("Now task A reaches for the kernel's memory at 00010000:\n");
    tasks[1].data[REACH] = 1;
    wait_ticks(HZ / 5);
    print("The kernel saw the page fault, stepped over the instruction, and A goes on.\n");
}
