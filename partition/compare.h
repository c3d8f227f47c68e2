/* partition/compare.h: are two machines in the same state? For lockstep (partition/lockstep.h),
 * which runs two partitions made alike side by side: what differs is named field by field.
 *
 * What may differ and nobody is wrong is not a difference, and the tested machine gets the
 * reference's value, so that it does not spread:
 *  - arithmetic flags are judged by the caller, who knows what ran (cpu/undefined.h);
 *  - the x87's last instruction and operand pointers and opcode: processors differ in when they
 *    keep them (SDM vol. 1, 8.1.8; AMD64 vol. 1, 6.2.5). Lockstep has both machines store zeros for
 *    them (x87.pointers_hidden), so that none gets into memory;
 *  - a word of memory that differs only in flags that were undefined when it was pushed.
 *
 * Neither machine's page state or TLB is touched: to look must not change the course. */
#ifndef UMBRA_PARTITION_COMPARE_H
#define UMBRA_PARTITION_COMPARE_H

#include "partition/partition.h"

#define DIFFERENCES_KEPT 24

struct difference {
    char what[56];                  /* a field or a place in memory */
    char reference[36], tested[36]; /* values, hexadecimal */
};

struct differences {
    unsigned count; /* may be more than are kept */
    struct difference item[DIFFERENCES_KEPT];
    uint32_t flags;         /* arithmetic flags that differ; not in count */
    uint64_t fpu_pointers;  /* times that these were made equal */
    uint64_t pushed_flags;  /* words of memory */
    uint64_t bytes_changed; /* of memory, made equal */
};

/* All of the vCPU's state. */
void compare_vcpus(struct partition *reference, struct partition *tested, struct differences *out);

/* Why both runs ended. */
void compare_ends(enum partition_end reference, enum partition_end tested, struct differences *out);

/* Devices, nets, timers. */
void compare_devices(struct partition *reference, struct partition *tested,
                     struct differences *out);

/* Every page of machine memory that either machine ever wrote. may_be_flags: words that differ in
 * arithmetic flags only are made equal and counted in pushed_flags instead. */
void compare_memory(struct partition *reference, struct partition *tested, bool may_be_flags,
                    struct differences *out);

#endif
