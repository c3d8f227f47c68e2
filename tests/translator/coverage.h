/* tests/translator/coverage.h: what random programs reached: opcode rows by mode, each with
 * operands in registers and in memory; exceptions by mode; what the translator did. Read from the
 * decoded blocks that the reference still has when a program is over: what a program overwrote
 * last is missing. */
#ifndef UMBRA_TESTS_TRANSLATOR_COVERAGE_H
#define UMBRA_TESTS_TRANSLATOR_COVERAGE_H

#include "tests/translator/program.h"
#include "translator/translator.h"

struct coverage {
    bool row[PROGRAM_MODE_COUNT][OPCODE_ROWS][2]; /* in registers; in memory */
    uint64_t fault[PROGRAM_MODE_COUNT][32];
    struct translator_counters did;
    uint64_t programs, ended; /* before their time */
};

void coverage_of_reference(struct coverage *cov, enum program_mode mode, const struct vcpu *c);
void coverage_of_tested(struct coverage *cov, const struct translator *t);
void coverage_print(const struct coverage *cov, FILE *out);

#endif
