/* Where `prepare` of a kernel tries things on the device: a queue of its own, memory for operands,
 * and times. */
#ifndef NN_CUDA_WORKBENCH_H
#define NN_CUDA_WORKBENCH_H

#include "ops/cuda/runtime/queue.h"

enum { NN_WORKBENCH_BLOCKS = 16 };

typedef struct nn_workbench {
    nn_device *device;
    nn_device_queue *queue;
    void *blocks[NN_WORKBENCH_BLOCKS];
    int block_count;
} nn_workbench;

/* The device's workbench, for one thread until nn_workbench_leave, which releases its memory. */
nn_status nn_workbench_take(nn_device *device, nn_workbench **out);
void nn_workbench_leave(nn_workbench *bench);

/* Memory of the device with small positive numbers, whatever floating type they are read as. */
nn_status nn_workbench_allocate(nn_workbench *bench, size_t bytes, void **out);

/* Seconds that the device takes for what run(argument, queue) puts into the queue, without the time
 * to put it there. What cannot be recorded fails. */
typedef nn_status nn_workbench_run(const void *argument, nn_device_queue *queue);
nn_status nn_workbench_time(nn_workbench *bench, nn_workbench_run *run, const void *argument,
                            double *seconds);

#endif
