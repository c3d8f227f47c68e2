/* tests/cpu/vectors.c: cpu-vectors [--cpu MODEL] [-v] DIR
 *
 * Runs single-instruction tests captured from hardware (MOO files: state before, state after) and
 * compares registers, flags and the memory written. DIR holds the files, one for each opcode, and
 * metadata.json, which says what flags an opcode leaves undefined. Prints a line for each file with
 * failures, then the total; exit status 1 when a test failed, 77 when DIR holds no test.
 *
 * A MOO file is gzip of nested chunks: 4 letters, a 32-bit length, the payload:
 *     TEST { index, NAME, BYTS, INIT { REGS, RAM }, FINA { REGS, RAM }, EXCP } */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/span.h"
#include "cpu/flags.h"
#include "cpu/run.h"
#include "cpu/segment.h"

#define MEMORY    UINT64_C(0x200000)
#define MAX_RAM   512
#define MAX_INSNS 2000000

enum { AX, BX, CX, DX, CS, SS, DS, ES, SP, BP, SI, DI, IP, FLAGS, REGS };
static const char *const reg_names[REGS] = {"ax", "bx", "cx", "dx", "cs", "ss", "ds",
                                            "es", "sp", "bp", "si", "di", "ip", "flags"};

struct ram_byte {
    uint32_t address;
    uint8_t value;
};

struct state {
    uint16_t reg[REGS];
    unsigned ram_count;
    struct ram_byte ram[MAX_RAM];
};

struct test {
    char name[80];
    struct state before, after;
    bool has_exception;
    uint8_t vector;
};

struct run {
    struct vcpu *cpu;
    struct physmap *memory;
    unsigned passed, failed;
    char first[256]; /* the first failure */
    bool verbose;
};

/* What the 80286 does and Umbra does not (docs/caveats.md): files and how many of their tests show
 * it. More than that is a failure. All but the last are about operands that reach beyond offset
 * FFFFh, on the way to exception 13. */
static const struct known {
    const char *file;
    unsigned tests;
    const char *what;
} known[] = {
    {"6D", 28, "index and count registers have moved when a string instruction faults"},
    {"6F", 24, "the same"},
    {"A5", 72, "the same"},
    {"A7", 61, "the same"},
    {"AB", 27, "the same"},
    {"AD", 28, "the same"},
    {"AF", 20, "the same"},
    {"8F", 4, "SP has moved when POP's destination faults"},
    {"C7", 1, "an undefined /reg whose operand faults"},
    {"D8", 2, "an escape without a coprocessor checks its operand"},
    {"D4", 1, "AAM 0 changes PF before it faults"},
    {"F6.7", 1, "one quotient that does not fit is returned, not refused"},
};

/* --- Reading files ---------------------------------------------------------------------------- */

static struct span read_gzip(const char *path)
{
    struct span all = {NULL, 0};
    size_t room = 0;
    gzFile f = gzopen(path, "rb");
    if (!f)
        return all;
    for (int n = 1; n > 0; all.len += (size_t)(n > 0 ? n : 0)) {
        if (room - all.len < 65536)
            all.data = realloc(all.data, room = room * 2 + 65536);
        n = gzread(f, all.data + all.len, 65536);
    }
    gzclose(f);
    return all;
}

/* Takes the next chunk from *at; false at the end. */
static bool next_chunk(struct span *at, char name[5], struct span *payload)
{
    if (at->len < 8)
        return false;
    memcpy(name, at->data, 4);
    name[4] = 0;
    *payload = span_slice(*at, 8, load_le32(at->data + 4));
    *at = span_slice(*at, 8 + payload->len, SIZE_MAX);
    return true;
}

static void read_registers(struct span p, struct state *s)
{
    unsigned mask = p.len >= 2 ? load_le16(p.data) : 0;
    size_t at = 2;
    for (unsigned r = 0; r < REGS; r++) {
        if ((mask >> r & 1) && at + 2 <= p.len) {
            s->reg[r] = load_le16(p.data + at);
            at += 2;
        }
    }
}

static void read_ram(struct span p, struct state *s)
{
    unsigned count = p.len >= 4 ? load_le32(p.data) : 0;
    for (unsigned n = 0; n < count && n < MAX_RAM && 4 + (n + 1) * 5 <= p.len; n++) {
        s->ram[n] = (struct ram_byte){load_le32(p.data + 4 + n * 5), p.data[4 + n * 5 + 4]};
        s->ram_count = n + 1;
    }
}

static void read_state(struct span p, struct state *s)
{
    char name[5];
    for (struct span chunk; next_chunk(&p, name, &chunk);) {
        if (!strcmp(name, "REGS"))
            read_registers(chunk, s);
        else if (!strcmp(name, "RAM "))
            read_ram(chunk, s);
    }
}

static void read_test(struct span p, struct test *t)
{
    memset(t, 0, sizeof *t);
    p = span_slice(p, 4, SIZE_MAX);
    char name[5];
    for (struct span chunk; next_chunk(&p, name, &chunk);) {
        if (!strcmp(name, "NAME") && chunk.len >= 4) {
            snprintf(t->name, sizeof t->name, "%.*s", (int)(chunk.len - 4), chunk.data + 4);
        } else if (!strcmp(name, "INIT")) {
            read_state(chunk, &t->before);
            memcpy(t->after.reg, t->before.reg, sizeof t->after.reg);
        } else if (!strcmp(name, "FINA")) {
            read_state(chunk, &t->after);
        } else if (!strcmp(name, "EXCP") && chunk.len >= 5) {
            t->has_exception = true;
            t->vector = chunk.data[0];
        }
    }
}

/* The object that follows "key" in json, or an empty span. */
static struct span json_object(struct span json, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    const uint8_t *at = memmem(json.data, json.len, quoted, strlen(quoted));
    const uint8_t *open = at ? memchr(at, '{', (size_t)(json.data + json.len - at)) : NULL;
    if (!open)
        return (struct span){json.data, 0};
    unsigned depth = 0;
    const uint8_t *end = open;
    do {
        depth += *end == '{';
        depth -= *end == '}';
    } while (++end < json.data + json.len && depth);
    return (struct span){(uint8_t *)open, (size_t)(end - open)};
}

/* The mask of defined flags for a file named OPCODE[.REG].MOO.gz. */
static uint16_t flags_mask(struct span metadata, const char *file)
{
    char opcode[16] = "", reg[4] = "";
    sscanf(file, "%15[0-9A-F].%1[0-7].", opcode, reg);
    struct span o = json_object(json_object(metadata, "opcodes"), opcode);
    if (reg[0])
        o = json_object(o, reg);
    const char *key = "\"flags-mask\":";
    const uint8_t *at = o.len ? memmem(o.data, o.len, key, strlen(key)) : NULL;
    return at ? (uint16_t)strtoul((const char *)at + strlen(key), NULL, 10) : 0xFFFF;
}

/* --- Running ---------------------------------------------------------------------------------- */

static const uint8_t gpr_of[REGS] = {
    [AX] = EAX, [BX] = EBX, [CX] = ECX, [DX] = EDX, [SP] = ESP, [BP] = EBP, [SI] = ESI, [DI] = EDI};
static const int seg_of[REGS] = {[CS] = SEG_CS, [SS] = SEG_SS, [DS] = SEG_DS, [ES] = SEG_ES};

static bool is_segment(unsigned r)
{
    return r >= CS && r <= ES;
}

static void load_state(struct run *run, const struct state *s)
{
    struct vcpu *c = run->cpu;
    vcpu_reset(c);
    for (unsigned r = 0; r < IP; r++) {
        if (is_segment(r))
            segment_load_real(c, (unsigned)seg_of[r], s->reg[r], false);
        else
            c->reg[gpr_of[r]].d = s->reg[r];
    }
    c->eip = s->reg[IP];
    flags_set(c, s->reg[FLAGS], 0x0FD5);
    for (unsigned n = 0; n < s->ram_count; n++)
        physmap_poke(run->memory, s->ram[n].address, &s->ram[n].value, 1);
}

static uint16_t actual(const struct vcpu *c, unsigned r)
{
    if (is_segment(r))
        return c->seg[seg_of[r]].selector;
    if (r == IP)
        return (uint16_t)c->eip;
    return r == FLAGS ? (uint16_t)flags_get(c) : c->reg[gpr_of[r]].w;
}

/* Describes the first difference in text; false when there is none. */
static bool differs(struct run *run, const struct test *t, uint16_t mask, char text[128])
{
    for (unsigned r = 0; r < REGS; r++) {
        uint16_t want = t->after.reg[r], is = actual(run->cpu, r);
        uint16_t care = r == FLAGS ? mask & 0x0FD5 : 0xFFFF;
        if ((want ^ is) & care) {
            snprintf(text, 128, "%s is %04X, should be %04X", reg_names[r], is & care, want & care);
            return true;
        }
    }
    /* An exception's frame is IP, CS, FLAGS (EXCP's own address is rounded down to a word). */
    uint32_t pushed_flags = t->after.reg[SS] * 16u + (uint16_t)(t->after.reg[SP] + 4);
    for (unsigned n = 0; n < t->after.ram_count; n++) {
        struct ram_byte want = t->after.ram[n];
        uint8_t is = 0, care = 0xFF;
        if (t->has_exception && want.address - pushed_flags < 2)
            care = (uint8_t)((mask & 0x0FD5) >> (8 * (want.address - pushed_flags)));
        physmap_peek(run->memory, want.address, &is, 1);
        if ((want.value ^ is) & care) {
            snprintf(text, 128, "byte %06X is %02X, should be %02X%s", want.address, is, want.value,
                     t->has_exception ? " (exception frame?)" : "");
            return true;
        }
    }
    return false;
}

static void run_test(struct run *run, const struct test *t, uint16_t mask)
{
    char text[128];
    load_state(run, &t->before);
    enum vcpu_exit why = interp_run(run->cpu, MAX_INSNS);
    bool failed = true;
    if (why != EXIT_HALT)
        snprintf(text, sizeof text, "did not reach HLT (exit %d at %04X:%04X)", why,
                 run->cpu->seg[SEG_CS].selector, (unsigned)run->cpu->eip);
    else
        failed = differs(run, t, mask, text);
    run->passed += !failed;
    run->failed += failed;
    if (failed && (run->verbose || !run->first[0]))
        snprintf(run->first, sizeof run->first, "%s: %s", t->name, text);
    if (failed && run->verbose)
        printf("    %s\n", run->first);
}

static void run_file(struct run *run, const char *path, uint16_t mask)
{
    struct span file = read_gzip(path), at = file, chunk;
    static const char *const wanted = "TEST";
    char name[5];
    while (next_chunk(&at, name, &chunk)) {
        if (strcmp(name, wanted) != 0)
            continue;
        struct test t;
        read_test(chunk, &t);
        run_test(run, &t, mask);
    }
    free(file.data);
}

static int is_test_file(const struct dirent *d)
{
    return strstr(d->d_name, ".MOO") != NULL;
}

static uint32_t port_read(void *ctx, uint16_t port, unsigned size)
{
    (void)ctx;
    (void)port;
    return UINT32_MAX >> (32 - 8 * size);
}

static void port_write(void *ctx, uint16_t port, uint32_t value, unsigned size)
{
    (void)ctx;
    (void)port;
    (void)value;
    (void)size;
}

static unsigned known_failures(enum cpu_model model, const char *file)
{
    for (unsigned n = 0; model == CPU_286 && n < ARRAY_LEN(known); n++) {
        size_t len = strlen(known[n].file);
        if (!strncmp(file, known[n].file, len) && !strncmp(file + len, ".MOO", 4))
            return known[n].tests;
    }
    return 0;
}

/* Runs every file of dir; the number of unexpected failures, or -1 when there are no files. */
static long run_directory(struct run *run, const char *dir)
{
    struct dirent **files;
    int count = scandir(dir, &files, is_test_file, alphasort);
    if (count <= 0)
        return -1;
    char path[4096];
    snprintf(path, sizeof path, "%s/metadata.json", dir);
    struct span metadata = read_gzip(path);
    unsigned long passed = 0, failed = 0, expected = 0;
    for (int n = 0; n < count; n++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[n]->d_name);
        run->passed = run->failed = 0;
        run->first[0] = 0;
        run_file(run, path, flags_mask(metadata, files[n]->d_name));
        unsigned tolerated = known_failures(run->cpu->model, files[n]->d_name);
        tolerated = tolerated < run->failed ? tolerated : run->failed;
        if (run->failed)
            printf("%-14s %4u passed %4u failed (%u known)  %s\n", files[n]->d_name, run->passed,
                   run->failed, tolerated, run->first);
        passed += run->passed;
        failed += run->failed - tolerated;
        expected += tolerated;
        free(files[n]);
    }
    free(files);
    free(metadata.data);
    printf("%d files, %lu passed, %lu failed, %lu known deviations\n", count, passed, failed,
           expected);
    return (long)failed;
}

int main(int argc, char **argv)
{
    enum cpu_model model = CPU_286;
    struct run run = {0};
    const char *dir = NULL;
    for (int n = 1; n < argc; n++) {
        if (!strcmp(argv[n], "-v")) {
            run.verbose = true;
        } else if (!strcmp(argv[n], "--cpu") && n + 1 < argc) {
            if (!cpu_model_find(argv[++n], &model)) {
                fprintf(stderr, "cpu-vectors: no CPU model '%s'\n", argv[n]);
                return 2;
            }
        } else {
            dir = argv[n];
        }
    }
    if (!dir) {
        fprintf(stderr, "usage: cpu-vectors [--cpu MODEL] [-v] DIR\n");
        return 2;
    }
    run.memory = physmap_create(MEMORY, 0, NULL);
    physmap_map_ram(run.memory, 0, MEMORY, 0);
    run.cpu = vcpu_create(model, run.memory, NULL,
                          (struct vcpu_host){.port_read = port_read, .port_write = port_write});
    long failed = run_directory(&run, dir);
    vcpu_destroy(run.cpu);
    physmap_destroy(run.memory);
    if (failed < 0) {
        printf("SKIP: no test vectors in %s\n", dir);
        return 77;
    }
    return failed > 0;
}
