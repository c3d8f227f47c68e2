/* The shell, the tour, and the start of it all. */
#include "kernel.h"

void kernel_main(void);
void hardware_init(void);

struct command {
    const char *name, *help;
    void (*run)(const char *argument);
};

static void command_help(const char *argument);
static void command_tour(const char *argument);
static void command_clear(const char *argument);

static const struct command commands[] = {
    {"tour", "all of it, step by step", command_tour},
    {"mem", "the memory map", command_mem},
    {"page", "page ADDR: walk the page tables", command_page},
    {"tasks", "two programs in ring 3 under the timer", command_tasks},
    {"dma", "a rogue device: DMA where it must not go", command_dma},
    {"vga", "graphics, and back", command_vga},
    {"time", "three clocks compared", command_time},
    {"cpu", "the processor and its registers", command_cpu},
    {"ports", "PCI and the chips at fixed ports", command_ports},
    {"clear", "clear the screen", command_clear},
    {"reboot", "start again", command_reboot},
    {"off", "switch the machine off", command_off},
    {"help", "this list", command_help},
};
enum { COMMANDS = sizeof commands / sizeof commands[0], LINE = 64 };

static void command_help(const char *argument)
{
    (void)argument;
    for (unsigned i = 0; i < COMMANDS; i++) {
        say(YELLOW, "  %-8s", commands[i].name);
        print("%s\n", commands[i].help);
    }
}

static void command_clear(const char *argument)
{
    (void)argument;
    clear_screen();
}

/* One step of the tour; false when the visitor has had enough. */
static bool step(const char *title, const char *text, void (*run)(const char *), bool last)
{
    clear_screen();
    say(YELLOW, "%s\n", title);
    frame_line();
    if (*text)
        print("%s\n\n", text);
    run("");
    say(0x0B, last ? "\n[any key: the end] " : "\n[any key: on   Esc: leave] ");
    int key = key_wait();
    print("\n");
    return key != KEY_ESC && key != 'q';
}

static void command_tour(const char *argument)
{
    (void)argument;
    bool on = step("1. Memory",
                   "A guest sees physical memory that is none: Umbra keeps it in a file of\n"
                   "the host's memory, and the BIOS tells the guest this map of it.",
                   command_mem, false) &&
              step("2. Page tables",
                   "Every access goes through these tables; Umbra folds them and its own\n"
                   "map into shadow maps. Live, the tables of both tasks:",
                   command_page, false) &&
              step("3. Tasks", "", command_tasks, false) &&
              step("4. A rogue device",
                   "A device with DMA writes where it likes, unless something checks.", command_dma,
                   false) &&
              step("5. Time", "", command_time, false) &&
              step("6. The processor", "", command_cpu, false) &&
              step("7. Graphics", "", command_vga, true);
    clear_screen();
    print(on ? "That was the tour. Type help for the commands.\n"
             : "Type help for the commands.\n");
}

static void run_line(const char *line)
{
    while (*line == ' ')
        line++;
    if (!*line)
        return;
    unsigned len = 0;
    while (line[len] && line[len] != ' ')
        len++;
    const char *argument = line + len;
    while (*argument == ' ')
        argument++;
    for (unsigned i = 0; i < COMMANDS; i++) {
        const char *name = commands[i].name;
        if (memcmp(name, line, len) == 0 && !name[len]) {
            commands[i].run(argument);
            return;
        }
    }
    say(RED | BRIGHT, "%s", line);
    print(": no such command; help lists them\n");
}

static void read_line(char *line, const char *earlier)
{
    unsigned len = 0;
    for (;;) {
        int key = key_wait();
        if (key == '\n')
            break;
        if (key == '\b') {
            if (len) {
                len--;
                print("\b \b");
            }
        } else if (key == KEY_UP) {
            while (len) {
                len--;
                print("\b \b");
            }
            for (; earlier[len]; len++) {
                line[len] = earlier[len];
                print("%c", line[len]);
            }
        } else if (key >= ' ' && key < 127 && len < LINE - 1) {
            line[len++] = (char)key;
            print("%c", key);
        }
    }
    line[len] = 0;
    print("\n");
}

static void banner(void)
{
    static const char *const logo[] = {
        "  \xDB\xDB   \xDB\xDB  \xDB\xDB   \xDB\xDB  \xDB\xDB\xDB\xDB\xDB   \xDB\xDB\xDB\xDB\xDB   "
        " \xDB\xDB\xDB\xDB ",
        "  \xDB\xDB   \xDB\xDB  \xDB\xDB\xDB \xDB\xDB\xDB  \xDB\xDB  \xDB\xDB  \xDB\xDB  \xDB\xDB  "
        "\xDB\xDB  \xDB\xDB",
        "  \xDB\xDB   \xDB\xDB  \xDB\xDB \xDB \xDB\xDB  \xDB\xDB\xDB\xDB\xDB   "
        "\xDB\xDB\xDB\xDB\xDB   \xDB\xDB\xDB\xDB\xDB\xDB",
        "  \xDB\xDB   \xDB\xDB  \xDB\xDB   \xDB\xDB  \xDB\xDB  \xDB\xDB  \xDB\xDB  \xDB\xDB  "
        "\xDB\xDB  \xDB\xDB",
        "   \xDB\xDB\xDB\xDB\xDB   \xDB\xDB   \xDB\xDB  \xDB\xDB\xDB\xDB\xDB   \xDB\xDB  \xDB\xDB  "
        "\xDB\xDB  \xDB\xDB"};
    static const uint8_t colours[] = {CYAN | BRIGHT, CYAN | BRIGHT, CYAN, BLUE | BRIGHT, BLUE};
    print("\n");
    for (unsigned i = 0; i < 5; i++)
        say(colours[i], "%s\n", logo[i]);
    say(WHITE, "\n  A small operating system inside a PC made of software.\n\n");
    print("  It runs in 32-bit protected mode with paging. Two tasks in ring 3 are at work\n"
          "  already: see the last line of the screen. Type ");
    say(YELLOW, "tour");
    print(" to be shown around,\n  or ");
    say(YELLOW, "help");
    print(" for the commands.\n\n");
}

void shell(void)
{
    static char line[LINE], earlier[LINE];
    banner();
    print("umbra demo ready\n\n");
    for (;;) {
        say(GREEN | BRIGHT, "umbra");
        say(WHITE, "> ");
        read_line(line, earlier);
        if (*line)
            memcpy(earlier, line, LINE);
        run_line(line);
    }
}

void kernel_main(void)
{
    hardware_init();
    console_init();
    bar(0, 0, 0x1F, " Umbra demo");
    bar(0, 52, 0x1B, "32-bit \xFA paged \xFA two tasks");
    machine_init();
    paging_init();
    tasks_init();
    input_init();
    __asm__ volatile("sti");
    shell();
}
