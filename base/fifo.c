#include "base/fifo.h"

const struct field fifo_fields[] = {
    FIELD_ARRAY(struct fifo, data, "ring of bytes"),
    FIELD(struct fifo, head, "index of the oldest byte"),
    FIELD(struct fifo, count, "bytes held"),
    FIELD(struct fifo, limit, "capacity"),
    FIELD_END,
};
