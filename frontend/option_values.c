/* frontend/option_values.c: what each option's value means, and what is wrong with it. */
#include "frontend/option_values.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "frontend/keys.h"
#include "partition/partition.h"

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

bool option_usage(const char *format, ...)
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
        return option_usage("%s: '%s' is not a port number (1..0xFFFF)", option, text);
    *port = (uint16_t)v;
    return true;
}

static bool set_memory(struct options *o, const char *arg)
{
    if (!parse_size(arg, &o->memory))
        return option_usage("-m: '%s' is not a size; write for example 64, 512M or 1G", arg);
    if (o->memory < UINT64_C(1) << 20 || o->memory > PARTITION_MEMORY_MAX)
        return option_usage("-m: %s is outside what the machine takes: 1M to %lluM", arg,
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
        return option_usage("%s: this drive has an image already (%s)", option, *slot);
    *slot = arg;
    if (is_cd)
        *is_cd = cd;
    return true;
}

static bool set_boot(struct options *o, const char *arg)
{
    const char *letters = strncmp(arg, "order=", 6) == 0 ? arg + 6 : arg;
    if (!*letters || strspn(letters, "acdn") != strlen(letters) || strlen(letters) > 4)
        return option_usage("--boot: '%s': letters are a (floppy), c (hard disk), d (CD)", arg);
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
    return option_usage("--%s: '%s' is not stdio, file:PATH, tcp:HOST:PORT or null", option, arg);
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
    return option_usage("--serial: the machine has only %d serial ports", PC_SERIAL_PORTS);
}

static bool set_debugcon(struct options *o, const char *arg)
{
    const char *colon = strchr(arg, ':');
    if (!colon || !colon[1])
        return option_usage("--debugcon: '%s' is not PORT:FILE", arg);
    if (o->debugcon_count == PC_DEBUG_PORTS - 2)
        return option_usage("--debugcon: at most %d ports", PC_DEBUG_PORTS - 2);
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
        return option_usage("--type: %s", error);
    keys_free(&steps);
    o->type = arg;
    return true;
}

static bool set_gdb(struct options *o, const char *arg)
{
    const char *colon = strrchr(arg, ':');
    if (!colon || !colon[1])
        return option_usage("--gdb: '%s' is not HOST:PORT or unix:PATH", arg);
    o->gdb = arg;
    return true;
}

static bool set_control(struct options *o, const char *arg)
{
    if (strncmp(arg, "unix:", 5) != 0 || !arg[5])
        return option_usage("--control: '%s' is not unix:PATH", arg);
    o->control = arg;
    return true;
}

static bool add_symbols(struct options *o, const char *arg)
{
    if (o->symbols_count == OPTIONS_SYMBOLS)
        return option_usage("--symbols: at most %d files", OPTIONS_SYMBOLS);
    o->symbols[o->symbols_count++] = arg;
    return true;
}

static bool add_allowed(struct options *o, const char *arg)
{
    if (o->allow_count == OPTIONS_ALLOW)
        return option_usage("--allow: at most %d files", OPTIONS_ALLOW);
    o->allow[o->allow_count++] = arg;
    return true;
}

static bool set_timeout(struct options *o, const char *arg)
{
    char *end;
    o->timeout = strtod(arg, &end);
    if (end == arg || *end || !isfinite(o->timeout) || o->timeout <= 0)
        return option_usage("--timeout: '%s' is not a number of seconds above 0", arg);
    return true;
}

static bool set_lockstep(struct options *o, const char *arg)
{
    char *end;
    o->lockstep = strtoull(arg, &end, 10);
    if (end == arg || *end || *arg == '-' || o->lockstep < 1 || o->lockstep > 10000000)
        return option_usage("--lockstep: '%s' is not a number of instructions (1 to 10000000)",
                            arg);
    return true;
}

static bool set_code_cache(struct options *o, const char *arg)
{
    if (!parse_size(arg, &o->tuning.code_cache))
        return option_usage("--code-cache: '%s' is not a size; write for example 32M", arg);
    if (o->tuning.code_cache < CODE_CACHE_MIN || o->tuning.code_cache > CODE_CACHE_MAX)
        return option_usage("--code-cache: %s is outside what the translator takes: 1M to 1024M",
                            arg);
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

bool option_set(struct options *o, int id, const char *arg)
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
        return *arg ? true : option_usage("--until: the text is empty");
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
