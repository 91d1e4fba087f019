/* How a kernel tells that values it found break a rule (an index out of range, a divisor of 0): it
 * goes on with a value that does no harm, and the next wait for the queue fails. */
#ifndef NN_CUDA_FAULT_LAUNCH_H
#define NN_CUDA_FAULT_LAUNCH_H

#include <stdint.h>

typedef struct nn_cuda_fault {
    volatile int32_t *flag; /* host memory that the device reaches; NULL: nobody asks */
    int32_t code;           /* which node and rule; not 0 */
} nn_cuda_fault;

#endif
