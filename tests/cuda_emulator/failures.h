/* Calls that fail because a test wants it: of CUDA, and of the doubles. */
#ifndef NN_EMULATOR_FAILURES_H
#define NN_EMULATOR_FAILURES_H

#include "tests/cuda_emulator/emulator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The call with this number from now (1: the next) fails, once; 0: none does. Calls that end
 * something do not count. Was the last one that was wanted reached? */
NN_EMULATOR_API bool nn_emulator_fail_call(long long number);
/* Is it this one? Asked once in each call of a double that may fail. */
NN_EMULATOR_API bool nn_emulator_call_fails(void);

#ifdef __cplusplus
}
#endif

#endif
