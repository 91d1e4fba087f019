#include "ops/cuda/runtime/queue.h"

#include "base/memory.h"
#include "ops/cuda/runtime/device.h"
#include "ops/cuda/runtime/fault.h"

#include <stdlib.h>

struct nn_device_graph {
    nn_device *device;
    cudaGraphExec_t graph;
    int64_t launches;
};

static nn_status enter(nn_device_queue *queue) {
    return nn_cuda_enter(queue->device);
}

/* ---- queues ---- */

nn_status nn_cuda_create_queue(nn_device *device, nn_device_queue **out) {
    NN_TRY(nn_cuda_enter(device));
    nn_device_queue *queue = nn_alloc_zero(sizeof *queue);
    if (queue == NULL) return nn_fail_memory(sizeof *queue);
    queue->device = device;
    nn_status status = nn_cuda_check(
        cudaStreamCreateWithFlags(&queue->stream, cudaStreamNonBlocking), "create a stream");
    if (status != NN_OK) {
        nn_free(queue);
        return status;
    }
    status = nn_cuda_faults_create(&queue->faults);
    if (status == NN_OK)
        *out = queue;
    else
        nn_cuda_destroy_queue(queue);
    return status;
}

void nn_cuda_destroy_queue(nn_device_queue *queue) {
    if (queue == NULL) return;
    (void)enter(queue);
    (void)cudaStreamSynchronize(queue->stream);
    for (int i = 0; i < NN_QUEUE_LIBRARIES; i++) {
        const nn_queue_handle *library = &queue->libraries[i];
        if (library->destroy != NULL) library->destroy(library->handle);
    }
    for (int64_t i = 0; i < queue->mark_count; i++)
        if (queue->marks[i] != NULL) (void)cudaEventDestroy(queue->marks[i]);
    (void)cudaStreamDestroy(queue->stream);
    nn_cuda_faults_destroy(queue->faults);
    (void)cudaGetLastError();
    nn_free(queue->marks);
    nn_free(queue);
}

nn_status nn_cuda_upload(nn_device_queue *queue, void *device_to, const void *host_from,
                         size_t bytes) {
    if (bytes == 0) return NN_OK;
    NN_TRY(enter(queue));
    return nn_cuda_check(
        cudaMemcpyAsync(device_to, host_from, bytes, cudaMemcpyHostToDevice, queue->stream),
        "copy to the device");
}

nn_status nn_cuda_download(nn_device_queue *queue, void *host_to, const void *device_from,
                           size_t bytes) {
    if (bytes == 0) return NN_OK;
    NN_TRY(enter(queue));
    return nn_cuda_check(
        cudaMemcpyAsync(host_to, device_from, bytes, cudaMemcpyDeviceToHost, queue->stream),
        "copy from the device");
}

nn_status nn_cuda_wait(nn_device_queue *queue) {
    NN_TRY(enter(queue));
    NN_TRY(nn_cuda_check(cudaStreamSynchronize(queue->stream), "finish the work of the device"));
    return nn_cuda_faults_check(queue->faults);
}

/* ---- recording ---- */

nn_status nn_cuda_begin_recording(nn_device_queue *queue) {
    NN_TRY(enter(queue));
    NN_TRY(nn_cuda_check(cudaStreamBeginCapture(queue->stream, cudaStreamCaptureModeThreadLocal),
                         "record"));
    queue->is_recording = true;
    queue->launches_before = queue->launches;
    return NN_OK;
}

nn_status nn_cuda_end_recording(nn_device_queue *queue, nn_device_graph **out) {
    cudaGraph_t recorded = NULL;
    cudaGraphExec_t graph = NULL;
    const int64_t launches = queue->launches - queue->launches_before;
    queue->is_recording = false;
    queue->launches = queue->launches_before; /* nothing ran yet */
    nn_status status = enter(queue);          /* a recording is ended in any case */
    cudaError_t error = cudaStreamEndCapture(queue->stream, &recorded);
    if (status == NN_OK) status = nn_cuda_check(error, "record");
    if (status == NN_OK)
        status =
            nn_cuda_check(cudaGraphInstantiate(&graph, recorded, 0), "prepare what was recorded");
    if (recorded == NULL) return status;
    (void)cudaGraphDestroy(recorded);
    NN_TRY(status);
    nn_device_graph *made = nn_alloc(sizeof *made);
    if (made == NULL) {
        (void)cudaGraphExecDestroy(graph);
        return nn_fail_memory(sizeof *made);
    }
    *made = (nn_device_graph){queue->device, graph, launches};
    *out = made;
    return NN_OK;
}

nn_status nn_cuda_start(nn_device_queue *queue, nn_device_graph *graph) {
    NN_TRY(enter(queue));
    queue->launches += graph->launches;
    return nn_cuda_check(cudaGraphLaunch(graph->graph, queue->stream), "start what was recorded");
}

void nn_cuda_destroy_graph(nn_device_graph *graph) {
    if (graph == NULL) return;
    (void)nn_cuda_enter(graph->device);
    (void)cudaGraphExecDestroy(graph->graph);
    nn_free(graph);
}

/* ---- marks ---- */

static nn_status make_room(nn_device_queue *queue, int64_t number) {
    if (number < queue->mark_count) return NN_OK;
    const int64_t count = number + 1 > 2 * queue->mark_count ? number + 1 : 2 * queue->mark_count;
    const size_t bytes = (size_t)count * sizeof *queue->marks;
    cudaEvent_t *marks = nn_alloc_zero(bytes);
    if (marks == NULL) return nn_fail_memory(bytes);
    for (int64_t i = 0; i < queue->mark_count; i++) marks[i] = queue->marks[i];
    nn_free(queue->marks);
    queue->marks = marks;
    queue->mark_count = count;
    return NN_OK;
}

/* Marks in a recording are taken at each start of it: such an event is external to the graph. */
nn_status nn_cuda_mark(nn_device_queue *queue, int64_t number) {
    NN_TRY(enter(queue));
    NN_TRY(make_room(queue, number));
    cudaEvent_t *event = &queue->marks[number];
    if (*event == NULL) NN_TRY(nn_cuda_check(cudaEventCreate(event), "create a mark"));
    const unsigned flags = queue->is_recording ? cudaEventRecordExternal : cudaEventRecordDefault;
    return nn_cuda_check(cudaEventRecordWithFlags(*event, queue->stream, flags), "set a mark");
}

nn_status nn_cuda_elapsed(nn_device_queue *queue, int64_t from, int64_t to, double *seconds) {
    float milliseconds = 0;
    if (from >= queue->mark_count || to >= queue->mark_count || queue->marks[from] == NULL ||
        queue->marks[to] == NULL)
        return nn_fail(NN_INTERNAL, "mark %lld or %lld was never set", (long long)from,
                       (long long)to);
    NN_TRY(enter(queue));
    NN_TRY(nn_cuda_check(cudaEventElapsedTime(&milliseconds, queue->marks[from], queue->marks[to]),
                         "read marks"));
    *seconds = 1e-3 * (double)milliseconds;
    return NN_OK;
}

/* ---- launches ---- */

/* Of this thread since the last nn_cuda_launched. */
static _Thread_local struct {
    int64_t count;
    const void *kernel;
    int threads;
    size_t shared_bytes;
} noted;

void nn_cuda_note_launch(const void *kernel, int threads, size_t shared_bytes);
void nn_cuda_note_launch(const void *kernel, int threads, size_t shared_bytes) {
    noted.count++;
    noted.kernel = kernel;
    noted.threads = threads;
    noted.shared_bytes = shared_bytes;
}

nn_status nn_cuda_launched(const nn_call *call, cudaError_t error) {
    nn_device_queue *queue = call->queue;
    queue->launches += noted.count > 0 ? noted.count : 1;
    if (noted.count > 0) {
        queue->kernel = noted.kernel;
        queue->threads = noted.threads;
        queue->shared_bytes = noted.shared_bytes;
    }
    noted.count = 0;
    if (error == cudaSuccess) return NN_OK;
    nn_status status = nn_cuda_check(error, "run a kernel");
    return nn_fail_context(status, "node '%s' (%s)", call->node->name, call->node->op->name);
}

void nn_cuda_launches(nn_device_queue *queue, nn_device_launches *out) {
    *out = (nn_device_launches){.launches = queue->launches};
    if (queue->kernel == NULL || enter(queue) != NN_OK) return;
    int blocks = 0;
    cudaError_t error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(
        &blocks, queue->kernel, queue->threads, queue->shared_bytes);
    const int fit = nn_cuda_device_of(queue->device)->properties.maxThreadsPerMultiProcessor;
    if (error == cudaSuccess && fit > 0) out->occupancy = (double)blocks * queue->threads / fit;
}
