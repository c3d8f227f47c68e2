/* cpu/port.h: IN and OUT between a port and AL, AX or EAX. c->cur is set. Raise #GP(0) where IOPL
 * and the TSS's I/O permission bitmap do not allow the port. What the device asked for is in
 * c->wake. */
#ifndef UMBRA_CPU_PORT_H
#define UMBRA_CPU_PORT_H

#include "cpu/state.h"

void port_in(struct vcpu *c, uint16_t port, unsigned size);
void port_out(struct vcpu *c, uint16_t port, unsigned size);

/* The same where it is known that they do (io_is_allowed). */
void port_in_allowed(struct vcpu *c, uint16_t port, unsigned size);
void port_out_allowed(struct vcpu *c, uint16_t port, unsigned size);

#endif
