/* cpu/witness.h: what does the code that runs now do to memory? For a look at whether it does
 * anything at all (partition/spin.h).
 *
 * While a witness is there every access takes the slow path, as with a debugger's watchpoints, and
 * the interpreter is to run. It keeps what stood at each place (of 8 bytes) before the first write
 * there. Partition thread only, not while the engine runs, and not with a debugger's stops. */
#ifndef UMBRA_CPU_WITNESS_H
#define UMBRA_CPU_WITNESS_H

#include "cpu/state.h"

#define WITNESS_WORDS 256

struct witness {
    bool beyond; /* more words were written than it can keep, or a device was touched */
    unsigned count;
    struct {
        uint8_t *at;     /* host memory, a multiple of 8 */
        uint64_t before; /* what stood there before the first write */
    } word[WITNESS_WORDS];
};

void witness_begin(struct vcpu *c, struct witness *w);

/* True: nothing but memory was touched, and all of it is as it was at the beginning. */
bool witness_end(struct vcpu *c);

/* By the slow path, before an access of size bytes at host, NULL for a device's. */
void witness_access(struct witness *w, uint8_t *host, unsigned size, bool write);

#endif
