/* frontend/options.c: the command line: options.def as tables for getopt and for --help. */
#include "frontend/option_values.h"

#include <getopt.h>
#include <stdio.h>

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
        option_usage("unknown option %s; did you mean --%s? (umbra --help lists all)", word, near);
    else
        option_usage("unknown option %s (umbra --help lists all)", word);
}

static bool is_stdio(const char *where)
{
    return where && strcmp(where, "stdio") == 0;
}

const char *options_use_stdio(const struct options *o)
{
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        if (is_stdio(o->serial[i]))
            return "--serial stdio";
    }
    for (unsigned i = 0; i < o->debugcon_count; i++) {
        if (is_stdio(o->debugcon[i].path))
            return "--debugcon on stdio";
    }
    return is_stdio(o->parallel) ? "--parallel stdio" : NULL;
}

static bool check_combination(const struct options *o)
{
    if (o->initrd && !o->kernel)
        return option_usage("--initrd goes with --kernel");
    if (o->append && !o->kernel)
        return option_usage("--append goes with --kernel");
    if (o->stopped && !o->gdb && !o->console && !o->console_script && !o->control && !o->debug)
        return option_usage(
            "-S goes with --gdb, -s, --console or --control: somebody must let the guest "
            "go");
    if ((o->control_trusted || o->allow_count) && !o->control && !o->gdb)
        return option_usage("--control-trusted and --allow go with --control or --gdb");
    if (o->lockstep && o->verify)
        return option_usage("--lockstep does not go with --verify: use one after the other");
    if (o->lockstep && (o->gdb || o->control || o->console || o->screenshot))
        return option_usage(
            "--lockstep runs two machines: it goes with no debugger and no --screenshot");
    unsigned serials = 0;
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++)
        serials += is_stdio(o->serial[i]);
    if (serials > 1)
        return option_usage("--serial: only one port can be on stdio");
    const char *stdio = options_use_stdio(o);
    if (stdio && o->display && strcmp(o->display, "term") == 0)
        return option_usage("%s and --display term both want the terminal", stdio);
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
            return option_usage("option %s needs a value", argv[optind - 1]);
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
        if (!option_set(o, id, optarg))
            return false;
    }
    if (optind < argc)
        o->image = argv[optind++];
    if (optind < argc)
        return option_usage(
            "one image at a time: what about '%s'? (--fda, --hda, --cdrom add drives)",
            argv[optind]);
    return check_combination(o);
}
