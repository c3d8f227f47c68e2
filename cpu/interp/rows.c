/* cpu/interp/rows.c: which rows of the opcode table have run. For coverage builds only
 * (UMBRA_COVERAGE): every handler passes row_ran, and a process that ends appends "count id" of
 * every row to the file that the environment names. scripts/coverage.sh adds them up. The counters
 * are the one mutable global of the folder, and no other build has it. */
#ifdef UMBRA_COVERAGE

#include <stdio.h>
#include <stdlib.h>

#include "cpu/decode.h"
#include "cpu/interp/handler.h"

static unsigned long rows_run[OPCODE_ROWS];

static const char *const row_names[] = {
    "a block's end",
#define ROW(id, ...) #id,
#include "cpu/opcodes.def"
#undef ROW
};

void row_ran(unsigned row)
{
    rows_run[row]++;
}

__attribute__((destructor)) static void rows_report(void)
{
    const char *path = getenv("UMBRA_ROWS");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (!f)
        return;
    setvbuf(f, NULL, _IOFBF, 1 << 16); /* few writes, so that processes hardly mix */
    for (unsigned row = 1; row < OPCODE_ROWS; row++)
        fprintf(f, "%lu %s\n", rows_run[row], row_names[row]);
    fclose(f);
}

#endif
