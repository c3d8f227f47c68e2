/* translator/returns.h: guest calls as host calls, so that the host's CPU predicts their returns.
 *
 * A guest CALL pushes its return address on the guest's stack, as ever, and goes to its target by a
 * host CALL; a guest RET pops the address from the guest's stack into r10 and executes a host RET.
 * That leads behind the last host CALL, to a landing, which asks whether r10 is the eip that it
 * stands for and goes on there, or else looks r10 up in the jump table (stub `again`). So what is
 * returned to is the guest's business alone: the host's stack only guesses, and guests that switch
 * stacks, unwind or patch return addresses lose a guess.
 *
 *     guest                 unit of the caller                    unit of f
 *     call f         push   mov gs:[r8-4], next / lea r8,[r8-4]
 *                           call f  ------------------------->    ..
 *                  landing: r10 == next ?  <------------------    mov r10d, gs:[r8] / lea r8,[r8+4]
 *     next: ..              jmp unit of next, else `again`        ret
 *
 * What rsp points to while host code runs is such a stack of host addresses. Each jump table
 * (jumps.h) has one: a landing may be used as long as a table's entry may, so whatever takes
 * entries back empties the stack. A unit that is dropped has the jump at its landing lead to
 * `again`; when the code cache starts over all stacks are emptied. At its bottom stands `empty`,
 * which stays there.
 *
 * A stack is 64 KiB. Below stands a page that refuses: the host CALL that finds it full faults, and
 * does it again on the empty stack. So a guest that calls for ever, deep recursion too, loses
 * guesses once in 8000 calls. Signals of the emulator's own run elsewhere (signal.c). */
#ifndef UMBRA_TRANSLATOR_RETURNS_H
#define UMBRA_TRANSLATOR_RETURNS_H

#include "translator/translator.h"

/* Reserves the stacks. */
must_use bool returns_init(struct translator *t);
void returns_free(struct translator *t);

/* The stack of table n, which is in use from now on. */
void returns_choose(struct translator *t, unsigned n);

/* Empties the stack of table n; all. */
void returns_empty(struct translator *t, unsigned n);
void returns_empty_all(struct translator *t);

/* A host CALL faulted at address: because the stack in use is full? Then it does over with rsp as
 * returns_restart says. For the signal handler. */
bool returns_are_full(const struct translator *t, uint64_t address);
uint64_t returns_restart(struct translator *t);

/* The CALL at the end of u was run by its handler. */
void returns_push(struct translator *t, const struct unit *u);

#endif
