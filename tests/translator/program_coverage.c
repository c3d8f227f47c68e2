/* tests/translator/program_coverage.c: see coverage.h. */
#include "tests/translator/coverage.h"

#include "cpu/block_cache.h"
#include "cpu/decode.h"

static void note_block(struct coverage *cov, enum program_mode mode, const struct block *b)
{
    for (unsigned n = 0; n < b->count; n++)
        cov->row[mode][b->insns[n].op][insn_is_mem(&b->insns[n])] = true;
}

void coverage_of_reference(struct coverage *cov, enum program_mode mode, const struct vcpu *c)
{
    const struct block_cache *cache = c->blocks;
    for (unsigned n = 0; n < ARRAY_LEN(cache->pages); n++) {
        for (const struct code_page *p = cache->pages[n]; p; p = p->next) {
            for (unsigned line = 0; line < LINES; line++) {
                for (const struct block *b = p->blocks[line]; b; b = b->page_next[0])
                    note_block(cov, mode, b);
            }
        }
    }
    for (unsigned n = 0; n < ARRAY_LEN(c->faults); n++)
        cov->fault[mode][n] += c->faults[n];
}

#define COUNTERS(X)  \
    X(units)         \
    X(units_dropped) \
    X(moved)         \
    X(lent)          \
    X(helped)        \
    X(linked)        \
    X(missed)        \
    X(polls)         \
    X(faults) X(refused) X(soft_sites) X(fresh_sites) X(single) X(returns_full) X(fpu_guards)

void coverage_of_tested(struct coverage *cov, const struct translator *t)
{
#define ADD(name) cov->did.name += t->counters.name;
    COUNTERS(ADD)
#undef ADD
}

/* Rows that no mode ran. */
static void print_missing(const struct coverage *cov, FILE *out)
{
    fprintf(out, "never run:");
    for (unsigned row = 1; row < OPCODE_ROWS; row++) {
        bool any = false;
        for (unsigned mode = 0; mode < PROGRAM_MODE_COUNT; mode++)
            any |= cov->row[mode][row][0] || cov->row[mode][row][1];
        const struct opcode *o = opcode_row(row);
        if (!any && o->last_model >= CPU_386)
            fprintf(out, " %s(%x/%02x)", o->mnemonic, o->map, o->opcode);
    }
    fprintf(out, "\n");
}

void coverage_print(const struct coverage *cov, FILE *out)
{
    unsigned sum = 0;
    for (unsigned mode = 0; mode < PROGRAM_MODE_COUNT; mode++) {
        unsigned count[2] = {0};
        for (unsigned row = 1; row < OPCODE_ROWS; row++) {
            count[0] += cov->row[mode][row][0];
            count[1] += cov->row[mode][row][1];
        }
        sum += count[0] + count[1];
        fprintf(out, "%s: rows run with registers %u, with memory %u; exceptions",
                program_mode_name((enum program_mode)mode), count[0], count[1]);
        for (unsigned n = 0; n < 32; n++) {
            if (cov->fault[mode][n])
                fprintf(out, " %u:%llu", n, (unsigned long long)cov->fault[mode][n]);
        }
        fprintf(out, "\n");
    }
    fprintf(out, "forms x modes: %u of %u rows x 2 x %u; %llu programs, %llu ended early\n", sum,
            OPCODE_ROWS - 1u, (unsigned)PROGRAM_MODE_COUNT, (unsigned long long)cov->programs,
            (unsigned long long)cov->ended);
#define PRINT(name) fprintf(out, " " #name " %llu", (unsigned long long)cov->did.name);
    fprintf(out, "the translator:");
    COUNTERS(PRINT)
#undef PRINT
    fprintf(out, "\n");
    print_missing(cov, out);
}
