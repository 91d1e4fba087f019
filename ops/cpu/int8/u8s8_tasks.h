/* How the kernels of bytes share out a convolution: a task is a band of output rows of some
 * channels (a chunk of them) of one group of one image. */
#ifndef NN_CPU_U8S8_TASKS_H
#define NN_CPU_U8S8_TASKS_H

#include "ops/cpu/int8/conv_u8s8.h"

typedef struct nn_u8s8_tasks {
    int64_t bands, chunks; /* of an image, of a group */
    int64_t count;
    int64_t grain; /* tasks that are worth a thread */
} nn_u8s8_tasks;

typedef struct nn_u8s8_task {
    int64_t image, group, band, chunk; /* the last one changes first */
} nn_u8s8_task;

/* `grain_macs` products are worth a thread. */
static inline nn_u8s8_tasks nn_u8s8_tasks_make(const nn_u8s8_shape *shape, int64_t bands,
                                               int64_t chunks, double grain_macs) {
    const int64_t count = chunks * bands * shape->batch * shape->groups;
    const double macs = (double)shape->batch * (double)shape->groups * (double)shape->out_channels *
                        (double)(shape->height.out * shape->width.out) *
                        (double)shape->in_channels *
                        (double)(shape->height.kernel * shape->width.kernel) / (double)count;
    return (nn_u8s8_tasks){
        .bands = bands,
        .chunks = chunks,
        .count = count,
        .grain = macs < grain_macs ? (int64_t)(grain_macs / macs) + 1 : 1,
    };
}

static inline nn_u8s8_task nn_u8s8_task_at(const nn_u8s8_tasks *tasks, const nn_u8s8_shape *shape,
                                           int64_t index) {
    const int64_t band = index / tasks->chunks, group = band / tasks->bands;
    return (nn_u8s8_task){
        .image = group / shape->groups,
        .group = group % shape->groups,
        .band = band % tasks->bands,
        .chunk = index % tasks->chunks,
    };
}

#endif
