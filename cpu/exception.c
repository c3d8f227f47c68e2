/* cpu/exception.c: raising. Delivery stands in deliver.c. */
#include "cpu/exception.h"

_Noreturn static void unwind(struct vcpu *c)
{
    if (c->fault.vector < ARRAY_LEN(c->faults))
        c->faults[c->fault.vector]++;
    longjmp(c->unwind, 1);
}

_Noreturn void cpu_raise(struct vcpu *c, enum vector vector)
{
    c->fault.vector = (uint8_t)vector;
    c->fault.has_error = false;
    c->fault.error = 0;
    unwind(c);
}

_Noreturn void cpu_raise_error(struct vcpu *c, enum vector vector, uint32_t error)
{
    c->fault.vector = (uint8_t)vector;
    c->fault.has_error = true;
    c->fault.error = error;
    unwind(c);
}

_Noreturn void cpu_raise_page_fault(struct vcpu *c, uint64_t gva, uint32_t error)
{
    c->cr2 = (uint32_t)gva;
    cpu_raise_error(c, VEC_PF, error);
}
