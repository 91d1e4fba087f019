/* Stacks to run functions on, left and entered again at will. */
#ifndef NN_EMULATOR_FIBER_H
#define NN_EMULATOR_FIBER_H

typedef struct fiber fiber;

/* A new fiber calls run(fiber, argument) when it is first entered; run never returns. */
fiber *fiber_create(void (*run)(fiber *own, void *argument), void *argument);
/* From the scheduler: until the fiber leaves. */
void fiber_enter(fiber *to);
/* From the fiber: back to who entered it. */
void fiber_leave(fiber *own);

#endif
