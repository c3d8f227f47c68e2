#include "frontend/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "frontend/keys.h"
#include "partition/partition.h"

enum {
    OPT_FIRST = 256,
#define OPTION(name, letter, arg, help) OPT_##name,
#define GROUP(title)
#define ALIAS(name, of)
#include "frontend/options.def"
#undef OPTION
#undef GROUP
#undef ALIAS
    OPT_END
};

struct option_row {
    const char *name; /* NULL: a group's title in help */
    char letter;
    const char *arg, *help;
};

static const struct option_row rows[] = {
#define OPTION(name, letter, arg, help) {#name, letter, arg, help},
#define GROUP(title)                    {NULL, 0, NULL, title},
#define ALIAS(name, of)
#include "frontend/options.def"
#undef OPTION
#undef GROUP
#undef ALIAS
};

/* Option names as typed: underscores of the C identifiers become dashes. */
static void dashed(const char *name, char out[32])
{
    unsigned i = 0;
    for (; name[i] && i < 31; i++)
        out[i] = name[i] == '_' ? '-' : name[i];
    out[i] = 0;
}

static void print_help(void)
{
    printf(
        "umbra " UMBRA_VERSION ": an x86 PC, emulated\n\n"
        "  umbra run [options] [IMAGE]   boot a disk, floppy or CD image (its kind is found from\n"
        "                                its content), --kernel, or the built-in guest\n"
        "  umbra debug [options] [IMAGE] the same, stopped at the first instruction, with the\n"
        "                                debugger\n"
        "  umbra img COMMAND ...         create, inspect, convert and check disk images\n"
        "\nOne dash works too: -m 64 -hda x.img -cdrom y.iso -boot d -serial stdio -display "
        "none\n");
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i].name) {
            printf("\n%s\n", rows[i].help);
            continue;
        }
        char name[32], left[64];
        dashed(rows[i].name, name);
        char letter[5] = {0};
        if (rows[i].letter)
            snprintf(letter, sizeof letter, "-%c, ", rows[i].letter);
        snprintf(left, sizeof left, "  %s--%s%s%s", letter, name, rows[i].arg ? " " : "",
                 rows[i].arg ? rows[i].arg : "");
        printf("%-26s %s\n", left, rows[i].help);
    }
    printf("\nExit status: 0 fine, 1 could not start or --verify found fault, 2 usage, 3 timed out "
           "(or\n"
           "ended without the --until text), 4 the guest triple-faulted or was killed, 5 "
           "--lockstep found a "
           "difference.\n");
}

/* Edits that turn a into b: insertions, deletions, substitutions (Levenshtein). */
static unsigned edit_distance(const char *a, const char *b)
{
    unsigned row[64];
    size_t la = strlen(a), lb = strlen(b);
    if (lb >= ARRAY_LEN(row))
        return 1000;
    for (size_t j = 0; j <= lb; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned above = row[j];
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[lb];
}

const char *nearest_word(const char *word, const char *const *candidates)
{
    const char *best = NULL;
    unsigned best_distance = (unsigned)strlen(word) / 2 + 1;
    for (; *candidates; candidates++) {
        unsigned d = edit_distance(word, *candidates);
        if (d < best_distance) {
            best_distance = d;
            best = *candidates;
        }
    }
    return best;
}

bool parse_size(const char *text, uint64_t *bytes)
{
    if (*text < '0' || *text > '9')
        return false;
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    unsigned shift = 20;
    switch (*end) {
    case 'k':
    case 'K':
        shift = 10;
        break;
    case 'g':
    case 'G':
        shift = 30;
        break;
    case 't':
    case 'T':
        shift = 40;
        break;
    case 'm':
    case 'M':
    case 0:
        break;
    default:
        return false;
    }
    if (*end && end[1] && strcmp(end + 1, "B") != 0 && strcmp(end + 1, "iB") != 0)
        return false;
    if (errno || n > UINT64_MAX >> shift)
        return false;
    *bytes = (uint64_t)n << shift;
    return true;
}

static bool usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "umbra: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    return false;
}

static bool parse_port(const char *text, const char *option, uint16_t *port)
{
    char *end;
    unsigned long v = strtoul(text, &end, 0);
    if (end == text || (*end && *end != ':') || v == 0 || v > 0xFFFF)
        return usage("%s: '%s' is not a port number (1..0xFFFF)", option, text);
    *port = (uint16_t)v;
    return true;
}

static bool set_memory(struct options *o, const char *arg)
{
    if (!parse_size(arg, &o->memory))
        return usage("-m: '%s' is not a size; write for example 64, 512M or 1G", arg);
    if (o->memory < UINT64_C(1) << 20 || o->memory > PARTITION_MEMORY_MAX)
        return usage("-m: %s is outside what the machine takes: 1M to %lluM", arg,
                     (unsigned long long)(PARTITION_MEMORY_MAX >> 20));
    return true;
}

static bool set_cpu(struct options *o, const char *arg)
{
    if (cpu_model_find(arg, &o->cpu))
        return true;
    fprintf(stderr, "umbra: --cpu: there is no model '%s'; there are", arg);
    for (unsigned i = 0; i < CPU_MODELS; i++)
        fprintf(stderr, " %s", cpu_model_name(i));
    fprintf(stderr, "\n");
    return false;
}

static bool set_choice(const char *option, const char *arg, const char *const *choices)
{
    for (unsigned i = 0; choices[i]; i++) {
        if (strcmp(arg, choices[i]) == 0)
            return true;
    }
    fprintf(stderr, "umbra: --%s: '%s' is not one of", option, arg);
    for (unsigned i = 0; choices[i]; i++)
        fprintf(stderr, " %s", choices[i]);
    fprintf(stderr, "\n");
    return false;
}

static bool set_drive(const char **slot, bool *is_cd, bool cd, const char *option, const char *arg)
{
    if (*slot)
        return usage("%s: this drive has an image already (%s)", option, *slot);
    *slot = arg;
    if (is_cd)
        *is_cd = cd;
    return true;
}

static bool set_boot(struct options *o, const char *arg)
{
    const char *letters = strncmp(arg, "order=", 6) == 0 ? arg + 6 : arg;
    if (!*letters || strspn(letters, "acdn") != strlen(letters) || strlen(letters) > 4)
        return usage("--boot: '%s': letters are a (floppy), c (hard disk), d (CD)", arg);
    o->boot = letters;
    return true;
}

static bool check_where(const char *option, const char *arg)
{
    if (strcmp(arg, "stdio") == 0 || strcmp(arg, "null") == 0 || strcmp(arg, "none") == 0)
        return true;
    if (strncmp(arg, "file:", 5) == 0 && arg[5])
        return true;
    if (strncmp(arg, "tcp:", 4) == 0 && strrchr(arg + 4, ':') && strrchr(arg + 4, ':')[1])
        return true;
    return usage("--%s: '%s' is not stdio, file:PATH, tcp:HOST:PORT or null", option, arg);
}

static bool set_serial(struct options *o, const char *arg)
{
    if (!check_where("serial", arg))
        return false;
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        if (!o->serial[i]) {
            o->serial[i] = arg;
            return true;
        }
    }
    return usage("--serial: the machine has only %d serial ports", PC_SERIAL_PORTS);
}

static bool set_debugcon(struct options *o, const char *arg)
{
    const char *colon = strchr(arg, ':');
    if (!colon || !colon[1])
        return usage("--debugcon: '%s' is not PORT:FILE", arg);
    if (o->debugcon_count == PC_DEBUG_PORTS - 2)
        return usage("--debugcon: at most %d ports", PC_DEBUG_PORTS - 2);
    if (!parse_port(arg, "--debugcon", &o->debugcon[o->debugcon_count].port))
        return false;
    o->debugcon[o->debugcon_count++].path = colon + 1;
    return true;
}

static bool set_type(struct options *o, const char *arg)
{
    char error[512];
    struct key_steps steps = {0};
    if (!keys_from_script(&steps, arg, error, sizeof error))
        return usage("--type: %s", error);
    keys_free(&steps);
    o->type = arg;
    return true;
}

static bool set_gdb(struct options *o, const char *arg)
{
    const char *colon = strrchr(arg, ':');
    if (!colon || !colon[1])
        return usage("--gdb: '%s' is not HOST:PORT or unix:PATH", arg);
    o->gdb = arg;
    return true;
}

static bool set_control(struct options *o, const char *arg)
{
    if (strncmp(arg, "unix:", 5) != 0 || !arg[5])
        return usage("--control: '%s' is not unix:PATH", arg);
    o->control = arg;
    return true;
}

static bool add_symbols(struct options *o, const char *arg)
{
    if (o->symbols_count == OPTIONS_SYMBOLS)
        return usage("--symbols: at most %d files", OPTIONS_SYMBOLS);
    o->symbols[o->symbols_count++] = arg;
    return true;
}

static bool add_allowed(struct options *o, const char *arg)
{
    if (o->allow_count == OPTIONS_ALLOW)
        return usage("--allow: at most %d files", OPTIONS_ALLOW);
    o->allow[o->allow_count++] = arg;
    return true;
}

static bool set_timeout(struct options *o, const char *arg)
{
    char *end;
    o->timeout = strtod(arg, &end);
    if (end == arg || *end || !isfinite(o->timeout) || o->timeout <= 0)
        return usage("--timeout: '%s' is not a number of seconds above 0", arg);
    return true;
}

static bool set_lockstep(struct options *o, const char *arg)
{
    char *end;
    o->lockstep = strtoull(arg, &end, 10);
    if (end == arg || *end || *arg == '-' || o->lockstep < 1 || o->lockstep > 10000000)
        return usage("--lockstep: '%s' is not a number of instructions (1 to 10000000)", arg);
    return true;
}

static bool set_code_cache(struct options *o, const char *arg)
{
    if (!parse_size(arg, &o->tuning.code_cache))
        return usage("--code-cache: '%s' is not a size; write for example 32M", arg);
    if (o->tuning.code_cache < CODE_CACHE_MIN || o->tuning.code_cache > CODE_CACHE_MAX)
        return usage("--code-cache: %s is outside what the translator takes: 1M to 1024M", arg);
    return true;
}

static bool set_engine(struct options *o, const char *arg)
{
    o->engine = engine_find(arg);
    if (o->engine)
        return true;
    fprintf(stderr, "umbra: --engine: this build has no engine '%s'; it has", arg);
    for (unsigned i = 0; engine_at(i); i++)
        fprintf(stderr, " %s", engine_at(i)->name);
    fprintf(stderr, "\n");
    return false;
}

static bool set_option(struct options *o, int id, const char *arg)
{
    static const char *const shadows[] = {"auto", "window", "soft", NULL};
    static const char *const syncs[] = {"flush", "traced", NULL};
    static const char *const clocks[] = {"host", "insns", NULL};
    static const char *const displays[] = {"sdl", "term", "none", NULL};
    switch (id) {
    case OPT_memory:
        return set_memory(o, arg);
    case OPT_cpu:
        return set_cpu(o, arg);
    case OPT_engine:
        return set_engine(o, arg);
    case OPT_shadow:
        o->tuning.shadow = strcmp(arg, "window") == 0 ? SHADOW_WINDOW
                           : strcmp(arg, "soft") == 0 ? SHADOW_SOFT
                                                      : SHADOW_AUTO;
        return set_choice("shadow", arg, shadows);
    case OPT_clock:
        o->clock = strcmp(arg, "insns") == 0 ? CLOCK_INSNS : CLOCK_HOST;
        return set_choice("clock", arg, clocks);
    case OPT_bios:
        o->bios = arg;
        return true;
    case OPT_vga_bios:
        o->vga_bios = arg;
        return true;
    case OPT_shadow_sync:
        o->tuning.traced = strcmp(arg, "traced") == 0;
        return set_choice("shadow-sync", arg, syncs);
    case OPT_code_cache:
        return set_code_cache(o, arg);
    case OPT_no_apic:
        return o->no_apic = true;
    case OPT_fda:
    case OPT_fdb:
        return set_drive(&o->floppy[id - OPT_fda], NULL, false, "--fda/--fdb", arg);
    case OPT_hda:
    case OPT_hdb:
    case OPT_hdc:
    case OPT_hdd:
        return set_drive(&o->ide[id - OPT_hda], &o->ide_cd[id - OPT_hda], false, "--hda..--hdd",
                         arg);
    case OPT_cdrom:
        return set_drive(&o->ide[2], &o->ide_cd[2], true, "--cdrom", arg);
    case OPT_boot:
        return set_boot(o, arg);
    case OPT_snapshot:
        return o->snapshot = true;
    case OPT_kernel:
        o->kernel = arg;
        return true;
    case OPT_initrd:
        o->initrd = arg;
        return true;
    case OPT_append:
        o->append = arg;
        return true;
    case OPT_display:
        o->display = arg;
        return set_choice("display", arg, displays);
    case OPT_fullscreen:
        return o->fullscreen = true;
    case OPT_serial:
        return set_serial(o, arg);
    case OPT_parallel:
        o->parallel = arg;
        return check_where("parallel", arg);
    case OPT_debugcon:
        return set_debugcon(o, arg);
    case OPT_gdb:
        return set_gdb(o, arg);
    case OPT_gdb_1234:
        return set_gdb(o, "localhost:1234");
    case OPT_stopped:
        return o->stopped = true;
    case OPT_console:
        return o->console = true;
    case OPT_console_script:
        o->console_script = arg;
        return true;
    case OPT_control:
        return set_control(o, arg);
    case OPT_control_trusted:
        return o->control_trusted = true;
    case OPT_symbols:
        return add_symbols(o, arg);
    case OPT_history:
        o->history = true;
        return true;
    case OPT_allow:
        return add_allowed(o, arg);
    case OPT_lockstep:
        return set_lockstep(o, arg);
    case OPT_verify:
        return o->verify = true;
    case OPT_type:
        return set_type(o, arg);
    case OPT_until:
        o->until = arg;
        return *arg ? true : usage("--until: the text is empty");
    case OPT_timeout:
        return set_timeout(o, arg);
    case OPT_screenshot:
        o->screenshot = arg;
        return true;
    case OPT_stats:
        return o->stats = true;
    case OPT_debug_exit:
        return parse_port(arg, "--debug-exit", &o->debug_exit);
    case OPT_no_reboot:
        return o->no_reboot = true;
    case OPT_verbose:
        return o->verbose = true;
    }
    return false;
}

/* getopt's tables, made from the rows. */
struct getopt_tables {
    struct option longs[OPT_END - OPT_FIRST + 4];
    char names[OPT_END - OPT_FIRST][32];
    char shorts[32];
};

static void make_tables(struct getopt_tables *t)
{
    unsigned n = 0, s = 0;
    t->shorts[s++] = ':';
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const struct option_row *r = &rows[i];
        if (!r->name)
            continue;
        dashed(r->name, t->names[n]);
        int id = OPT_FIRST + 1 + (int)n;
        t->longs[n] =
            (struct option){t->names[n], r->arg ? required_argument : no_argument, NULL, id};
        if (r->letter) {
            t->shorts[s++] = r->letter;
            if (r->arg)
                t->shorts[s++] = ':';
        }
        n++;
    }
#define OPTION(name, letter, arg, help)
#define GROUP(title)
#define ALIAS(alias, of) t->longs[n++] = (struct option){alias, required_argument, NULL, OPT_##of};
#include "frontend/options.def"
#undef OPTION
#undef GROUP
#undef ALIAS
    t->longs[n] = (struct option){0};
    t->shorts[s] = 0;
}

static int id_of_letter(int letter)
{
    int id = OPT_FIRST + 1;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].name && rows[i].letter == letter)
            return id;
        id += rows[i].name != NULL;
    }
    return letter;
}

static void report_unknown(const struct getopt_tables *t, const char *word)
{
    const char *names[OPT_END - OPT_FIRST + 4];
    unsigned n = 0;
    for (; t->longs[n].name; n++)
        names[n] = t->longs[n].name;
    names[n] = NULL;
    char plain[64];
    snprintf(plain, sizeof plain, "%s", word + strspn(word, "-"));
    plain[strcspn(plain, "=")] = 0;
    const char *near = nearest_word(plain, names);
    if (near)
        usage("unknown option %s; did you mean --%s? (umbra --help lists all)", word, near);
    else
        usage("unknown option %s (umbra --help lists all)", word);
}

static bool check_combination(const struct options *o)
{
    if (o->initrd && !o->kernel)
        return usage("--initrd goes with --kernel");
    if (o->append && !o->kernel)
        return usage("--append goes with --kernel");
    if (o->stopped && !o->gdb && !o->console && !o->console_script && !o->control && !o->debug)
        return usage("-S goes with --gdb, -s, --console or --control: somebody must let the guest "
                     "go");
    if ((o->control_trusted || o->allow_count) && !o->control && !o->gdb)
        return usage("--control-trusted and --allow go with --control or --gdb");
    if (o->lockstep && o->verify)
        return usage("--lockstep does not go with --verify: use one after the other");
    if (o->lockstep && (o->gdb || o->control || o->console || o->screenshot))
        return usage("--lockstep runs two machines: it goes with no debugger and no --screenshot");
    unsigned stdio = 0;
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++)
        stdio += o->serial[i] && strcmp(o->serial[i], "stdio") == 0;
    if (stdio > 1)
        return usage("--serial: only one port can be on stdio");
    if (stdio && o->display && strcmp(o->display, "term") == 0)
        return usage("--serial stdio and --display term both want the terminal");
    return true;
}

bool options_parse(struct options *o, int argc, char **argv, bool debug, int *status)
{
    *o = (struct options){.memory = UINT64_C(256) << 20,
                          .cpu = CPU_P4,
                          .engine = engine_at(0),
                          .debug = debug,
                          .stopped = debug};
    struct getopt_tables t;
    make_tables(&t);
    *status = EXIT_USAGE;
    opterr = 0;
    optind = 1;
    for (;;) {
        int at = optind;
        int id = getopt_long_only(argc, argv, t.shorts, t.longs, NULL);
        if (id == -1)
            break;
        if (id == '?') {
            report_unknown(&t, argv[at < argc ? at : argc - 1]);
            return false;
        }
        if (id == ':')
            return usage("option %s needs a value", argv[optind - 1]);
        const char *word = argv[at < argc ? at : argc - 1];
        if (id < OPT_FIRST && !optarg && word[0] == '-' && word[1] != '-' && word[2]) {
            report_unknown(&t, word); /* -hdx is not -h -d -x */
            return false;
        }
        id = id < OPT_FIRST ? id_of_letter(id) : id;
        if (id == OPT_help || id == OPT_version) {
            *status = EXIT_FINE;
            if (id == OPT_help)
                print_help();
            else
                printf("umbra " UMBRA_VERSION "\n");
            return false;
        }
        if (!set_option(o, id, optarg))
            return false;
    }
    if (optind < argc)
        o->image = argv[optind++];
    if (optind < argc)
        return usage("one image at a time: what about '%s'? (--fda, --hda, --cdrom add drives)",
                     argv[optind]);
    return check_combination(o);
}
