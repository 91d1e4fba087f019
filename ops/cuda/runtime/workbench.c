#include "ops/cuda/runtime/workbench.h"

#include "base/memory.h"
#include "ops/cuda/runtime/device.h"

#include <pthread.h>

enum { MOST_DEVICES = 64, REPEATS = 16, ROUNDS = 3 };

/* As float and bfloat16 0.0115, as float16 1.06. */
enum { FILLING = 0x3c };

/* One measurement alone is exact enough from here on. */
static const double long_run = 1e-3;

static struct {
    pthread_mutex_t lock; /* of all: prepare is no place to be fast */
    nn_workbench benches[MOST_DEVICES];
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static nn_workbench *find(nn_device *device) {
    for (int i = 0; i < MOST_DEVICES; i++) {
        nn_workbench *bench = &shared.benches[i];
        if (bench->device == NULL) bench->device = device;
        if (bench->device == device) return bench;
    }
    return NULL;
}

nn_status nn_workbench_take(nn_device *device, nn_workbench **out) {
    pthread_mutex_lock(&shared.lock);
    nn_workbench *bench = find(device);
    nn_status status =
        bench != NULL ? NN_OK : nn_fail(NN_INTERNAL, "too many devices to make plans for");
    if (status == NN_OK && bench->queue == NULL)
        status = nn_cuda_create_queue(device, &bench->queue);
    if (status != NN_OK)
        pthread_mutex_unlock(&shared.lock);
    else
        *out = bench;
    return status;
}

void nn_workbench_leave(nn_workbench *bench) {
    (void)nn_cuda_wait(bench->queue);
    for (int i = 0; i < bench->block_count; i++) nn_cuda_release(bench->device, bench->blocks[i]);
    bench->block_count = 0;
    pthread_mutex_unlock(&shared.lock);
}

nn_status nn_workbench_allocate(nn_workbench *bench, size_t bytes, void **out) {
    if (bench->block_count == NN_WORKBENCH_BLOCKS)
        return nn_fail(NN_INTERNAL, "too many blocks on the workbench");
    NN_TRY(nn_cuda_allocate(bench->device, bytes, out));
    bench->blocks[bench->block_count++] = *out;
    if (bytes == 0) return NN_OK;
    return nn_cuda_check(cudaMemsetAsync(*out, FILLING, bytes, bench->queue->stream),
                         "fill memory");
}

static nn_status record(nn_workbench *bench, nn_workbench_run *run, const void *argument,
                        nn_device_graph **out) {
    nn_status status = NN_OK;
    NN_TRY(nn_cuda_begin_recording(bench->queue));
    for (int i = 0; status == NN_OK && i < REPEATS; i++) status = run(argument, bench->queue);
    nn_status end = nn_cuda_end_recording(bench->queue, out);
    if (status != NN_OK && end == NN_OK) nn_cuda_destroy_graph(*out);
    return status != NN_OK ? status : end;
}

static nn_status time_graph(nn_workbench *bench, nn_device_graph *graph, double *seconds) {
    NN_TRY(nn_cuda_mark(bench->queue, 0));
    NN_TRY(nn_cuda_start(bench->queue, graph));
    NN_TRY(nn_cuda_mark(bench->queue, 1));
    NN_TRY(nn_cuda_wait(bench->queue));
    NN_TRY(nn_cuda_elapsed(bench->queue, 0, 1, seconds));
    *seconds /= REPEATS;
    return NN_OK;
}

static nn_status time_once(nn_workbench *bench, nn_workbench_run *run, const void *argument,
                           double *seconds) {
    NN_TRY(run(argument, bench->queue)); /* loads the code */
    NN_TRY(nn_cuda_mark(bench->queue, 0));
    NN_TRY(run(argument, bench->queue));
    NN_TRY(nn_cuda_mark(bench->queue, 1));
    NN_TRY(nn_cuda_wait(bench->queue));
    return nn_cuda_elapsed(bench->queue, 0, 1, seconds);
}

nn_status nn_workbench_time(nn_workbench *bench, nn_workbench_run *run, const void *argument,
                            double *seconds) {
    nn_device_graph *graph = NULL;
    nn_status status = time_once(bench, run, argument, seconds);
    if (status != NN_OK || *seconds >= long_run) return status;
    NN_TRY(record(bench, run, argument, &graph));
    for (int round = 0; status == NN_OK && round < ROUNDS; round++) {
        double now;
        status = time_graph(bench, graph, &now);
        if (round == 0 || now < *seconds) *seconds = now;
    }
    nn_cuda_destroy_graph(graph);
    return status;
}
