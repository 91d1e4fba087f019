/* Streams, events, graphs. Work lies in its stream until somebody waits for it:
 * cudaStreamSynchronize and its kind, cudaFree, copies from and to memory of the host that is not
 * pinned. */
#include "tests/cuda_emulator/internal.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct work {
    int references;
    void (*run)(void *state);
    cudaEvent_t event; /* that it records, or NULL */
    _Alignas(16) char state[];
} work;

typedef struct work_list {
    work **items;
    size_t first, count, room; /* items[first .. count) are still to be done */
} work_list;

struct CUstream_st {
    struct CUstream_st *next;
    int device;
    work_list pending;
    bool is_running;
    bool is_recording, is_broken;
    enum cudaStreamCaptureMode mode;
    pthread_t thread; /* that records */
    work_list recorded;
};

struct CUevent_st {
    bool is_recorded;
    int pending;
    struct CUstream_st *stream;
    double seconds;
};

struct CUgraph_st {
    work_list works;
};

struct CUgraphExec_st {
    work_list works;
    int device;
};

static struct CUstream_st *streams; /* all */

/* ---- lists of work ---- */

static void append(work_list *list, work *item) {
    if (list->count == list->room) {
        list->room = 2 * list->room + 64;
        list->items = realloc(list->items, list->room * sizeof(work *));
        if (list->items == NULL) nn_emulator_die("no memory for a list of work");
    }
    list->items[list->count++] = item;
    item->references++;
}

static void drop(work *item) {
    if (--item->references == 0) free(item);
}

static void clear(work_list *list) {
    for (size_t i = list->first; i < list->count; i++) drop(list->items[i]);
    free(list->items);
    *list = (work_list){0};
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- running ---- */

static void run_first(struct CUstream_st *stream) {
    work *item = stream->pending.items[stream->pending.first++];
    if (item->run != NULL) item->run(item->state);
    if (item->event != NULL) {
        item->event->pending--;
        item->event->seconds = now();
    }
    drop(item);
}

/* Until its work is done, or the event is. */
static void finish(struct CUstream_st *stream, cudaEvent_t until) {
    if (stream->pending.first == stream->pending.count) return;
    if (stream->is_running) nn_emulator_die("streams wait for each other");
    stream->is_running = true;
    nn_emulator_open_memory();
    while (stream->pending.first < stream->pending.count && (until == NULL || until->pending > 0))
        run_first(stream);
    nn_emulator_check_memory();
    nn_emulator_close_memory();
    stream->is_running = false;
    if (stream->pending.first == stream->pending.count)
        stream->pending.first = stream->pending.count = 0;
}

void nn_emulator_finish_all(void) {
    for (struct CUstream_st *stream = streams; stream != NULL; stream = stream->next)
        finish(stream, NULL);
}

static cudaError_t put(struct CUstream_st *stream, work *item) {
    if (stream->is_recording) {
        append(&stream->recorded, item);
        return cudaSuccess;
    }
    if (item->event != NULL) {
        item->event->pending++;
        item->event->is_recorded = true;
        item->event->stream = stream;
    }
    append(&stream->pending, item);
    return cudaSuccess;
}

static work *new_work(void (*run)(void *state), size_t bytes) {
    work *item = calloc(1, sizeof *item + bytes);
    if (item == NULL) nn_emulator_die("no memory for work");
    item->run = run;
    return item;
}

/* ---- which stream ---- */

static bool is_default(cudaStream_t stream) {
    return stream == NULL || stream == cudaStreamLegacy || stream == cudaStreamPerThread;
}

static cudaError_t check_stream(cudaStream_t stream) {
    if (is_default(stream))
        nn_emulator_die("work is put into the default stream, with which queues are not in order");
    const struct CUstream_st *known = streams;
    while (known != NULL && known != stream) known = known->next;
    if (known == NULL) return cudaErrorInvalidResourceHandle;
    if (stream->device != nn_emulator_current_device()) return cudaErrorInvalidResourceHandle;
    return stream->is_broken ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
}

/* What all that puts work into a stream begins with. */
static cudaError_t begin_work(cudaStream_t stream) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess) error = nn_emulator_next_failure();
    return error == cudaSuccess ? check_stream(stream) : error;
}

/* Does what is put into streams compute? Copies are made in any case. */
static bool computes(void) {
    const char *text = getenv("NN_EMULATED_COMPUTE");
    return text == NULL || strcmp(text, "0") != 0;
}

static void compute_nothing(void *state) {
    (void)state;
}

static cudaError_t submit(cudaStream_t stream, void (*run)(void *state), const void *state,
                          size_t bytes) {
    cudaError_t error = begin_work(stream);
    if (error != cudaSuccess) return nn_emulator_end_call(error);
    work *item = new_work(run, bytes);
    memcpy(item->state, state, bytes);
    return nn_emulator_end_call(put(stream, item));
}

cudaError_t nn_emulator_submit(cudaStream_t stream, void (*run)(void *state), const void *state,
                               size_t bytes) {
    return submit(stream, computes() ? run : compute_nothing, state, bytes);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags) {
    cudaError_t error = nn_emulator_begin_call();
    if (flags != cudaStreamNonBlocking) nn_emulator_die("streams are made cudaStreamNonBlocking");
    if (error == cudaSuccess) {
        struct CUstream_st *made = calloc(1, sizeof *made);
        if (made == NULL) nn_emulator_die("no memory for a stream");
        made->device = nn_emulator_current_device();
        made->next = streams;
        *out = streams = made;
    }
    return nn_emulator_end_call(error);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    cudaError_t error = nn_emulator_begin_release();
    struct CUstream_st **link = &streams;
    while (*link != NULL && *link != stream) link = &(*link)->next;
    if (*link == NULL) return nn_emulator_end_call(cudaErrorInvalidResourceHandle);
    finish(stream, NULL);
    *link = stream->next;
    clear(&stream->pending);
    clear(&stream->recorded);
    free(stream);
    return nn_emulator_end_call(error);
}

/* A recording cannot wait: it is broken by the try. */
static cudaError_t finish_if_allowed(cudaStream_t stream) {
    if (is_default(stream)) return nn_emulator_refuse_in_recording();
    if (stream->is_recording) {
        stream->is_broken = true;
        return cudaErrorStreamCaptureUnsupported;
    }
    finish(stream, NULL);
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess) error = finish_if_allowed(stream);
    return nn_emulator_end_call(error);
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
    return cudaStreamSynchronize(stream);
}

cudaError_t cudaDeviceSynchronize(void) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess) error = nn_emulator_refuse_in_recording();
    if (error == cudaSuccess) nn_emulator_finish_all();
    return nn_emulator_end_call(error);
}

/* ---- copies ---- */

typedef struct copy {
    char *to;
    const char *from; /* NULL: the bytes stand behind this structure */
    size_t to_pitch, from_pitch, width, height;
} copy;

static void run_copy(void *state) {
    const copy *own = state;
    const char *from = own->from != NULL ? own->from : (const char *)(own + 1);
    for (size_t row = 0; row < own->height; row++)
        memmove(own->to + row * own->to_pitch, from + row * own->from_pitch, own->width);
}

static size_t extent(size_t pitch, size_t width, size_t height) {
    return pitch * (height - 1) + width;
}

static void check_side(const void *memory, size_t bytes, bool is_device, const char *what) {
    if (is_device ? !nn_emulator_is_device_memory(memory, bytes) : nn_emulator_is_arena(memory))
        nn_emulator_die("a copy %s %p + %zu, which is not %s", what, memory, bytes,
                        is_device ? "inside a block of the device" : "memory of the host");
}

/* Copies wait where memory of the host is not pinned: of such memory a snapshot is taken, and into
 * it nothing is copied behind the program's back. */
static cudaError_t put_copy(cudaStream_t stream, const copy *wanted, enum cudaMemcpyKind kind) {
    const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    const size_t to_bytes = extent(wanted->to_pitch, wanted->width, wanted->height);
    const size_t from_bytes = extent(wanted->from_pitch, wanted->width, wanted->height);
    if (!to_device && !from_device) nn_emulator_die("a copy of no direction is put into a stream");
    check_side(wanted->to, to_bytes, to_device, "writes");
    check_side(wanted->from, from_bytes, from_device, "reads");
    const bool is_pinned = (to_device || nn_emulator_is_pinned(wanted->to, to_bytes)) &&
                           (from_device || nn_emulator_is_pinned(wanted->from, from_bytes));
    if (!is_pinned && stream->is_recording) {
        stream->is_broken = true;
        return cudaErrorStreamCaptureUnsupported;
    }
    const bool needs_snapshot = !is_pinned && to_device;
    work *item = new_work(run_copy, sizeof *wanted + (needs_snapshot ? from_bytes : 0));
    copy *own = (copy *)item->state;
    *own = *wanted;
    if (needs_snapshot) {
        memcpy(own + 1, wanted->from, from_bytes);
        own->from = NULL;
    }
    cudaError_t error = put(stream, item);
    if (!is_pinned && !to_device) finish(stream, NULL);
    return error;
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, enum cudaMemcpyKind kind,
                              cudaStream_t stream) {
    cudaError_t error = begin_work(stream);
    const copy wanted = {to, from, to_pitch, from_pitch, width, height};
    if (error == cudaSuccess && (width > to_pitch || width > from_pitch))
        error = cudaErrorInvalidPitchValue;
    if (error == cudaSuccess && width > 0 && height > 0) error = put_copy(stream, &wanted, kind);
    return nn_emulator_end_call(error);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream) {
    return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}

/* At once, and in no order with the work in streams, as the default stream is. */
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess) error = nn_emulator_refuse_in_recording();
    if (error != cudaSuccess || bytes == 0) return nn_emulator_end_call(error);
    check_side(to, bytes, kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice,
               "writes");
    check_side(from, bytes, kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice,
               "reads");
    nn_emulator_open_memory();
    memmove(to, from, bytes);
    nn_emulator_close_memory();
    return nn_emulator_end_call(cudaSuccess);
}

typedef struct fill {
    char *to;
    int value;
    size_t bytes;
} fill;

static void run_fill(void *state) {
    const fill *own = state;
    memset(own->to, own->value, own->bytes);
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream) {
    const fill own = {to, value, bytes};
    if (bytes == 0) return cudaSuccess;
    check_side(to, bytes, true, "fills");
    return submit(stream, run_fill, &own, sizeof own);
}

/* ---- launches ---- */

static void run_launch(void *state) {
    emulated_launch *launch = state;
    launch->closure = launch + 1;
    nn_emulator_run_launch(launch);
}

static cudaError_t check_launch(dim3 grid, dim3 block, size_t shared_bytes, size_t limit,
                                size_t parameter_bytes) {
    const uint64_t threads = (uint64_t)block.x * block.y * block.z;
    if (threads == 0 || grid.x == 0 || grid.y == 0 || grid.z == 0)
        return cudaErrorInvalidConfiguration;
    if (block.x > 1024 || block.y > 1024 || block.z > 64 || threads > 1024)
        return cudaErrorInvalidConfiguration;
    if (grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
        return cudaErrorInvalidConfiguration;
    return shared_bytes > limit || parameter_bytes > 32764 ? cudaErrorInvalidValue : cudaSuccess;
}

cudaError_t nn_emulator_launch(const void *kernel, dim3 grid, dim3 block, size_t shared_bytes,
                               cudaStream_t stream, void (*body)(const void *closure),
                               const void *closure, size_t closure_bytes, size_t parameter_bytes) {
    cudaError_t error = begin_work(stream);
    if (error == cudaSuccess)
        error = check_launch(grid, block, shared_bytes, nn_emulator_shared_limit(kernel),
                             parameter_bytes);
    if (error != cudaSuccess) return nn_emulator_end_call(error);
    work *item = new_work(computes() ? run_launch : compute_nothing,
                          sizeof(emulated_launch) + closure_bytes);
    emulated_launch *launch = (emulated_launch *)item->state;
    *launch = (emulated_launch){body, NULL, grid, block, shared_bytes};
    memcpy(launch + 1, closure, closure_bytes);
    return nn_emulator_end_call(put(stream, item));
}

/* ---- events ---- */

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags) {
    cudaError_t error = nn_emulator_begin_call();
    (void)flags;
    if (error == cudaSuccess) {
        *out = calloc(1, sizeof **out);
        if (*out == NULL) nn_emulator_die("no memory for an event");
    }
    return nn_emulator_end_call(error);
}

cudaError_t cudaEventCreate(cudaEvent_t *out) {
    return cudaEventCreateWithFlags(out, 0);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    cudaError_t error = nn_emulator_begin_release();
    if (event->pending > 0) finish(event->stream, NULL);
    free(event);
    return nn_emulator_end_call(error);
}

/* In a recording only an external event is recorded when the graph runs. */
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
    cudaError_t error = begin_work(stream);
    if (error != cudaSuccess) return nn_emulator_end_call(error);
    if (stream->is_recording && flags != cudaEventRecordExternal)
        nn_emulator_die("an event is recorded into a graph without cudaEventRecordExternal");
    if (!stream->is_recording && flags != cudaEventRecordDefault)
        return nn_emulator_end_call(cudaErrorIllegalState);
    work *item = new_work(NULL, 0);
    item->event = event;
    return nn_emulator_end_call(put(stream, item));
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    return cudaEventRecordWithFlags(event, stream, cudaEventRecordDefault);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess) error = nn_emulator_refuse_in_recording();
    if (error == cudaSuccess && event->pending > 0) finish(event->stream, event);
    return nn_emulator_end_call(error);
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess && (!from->is_recorded || !to->is_recorded))
        error = cudaErrorInvalidResourceHandle;
    if (error == cudaSuccess && (from->pending > 0 || to->pending > 0)) error = cudaErrorNotReady;
    if (error == cudaSuccess) *milliseconds = (float)(1e3 * (to->seconds - from->seconds));
    return nn_emulator_end_call(error);
}

static void run_wait(void *state) {
    cudaEvent_t event = *(cudaEvent_t *)state;
    if (event->pending > 0) finish(event->stream, event);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
    (void)flags;
    return submit(stream, run_wait, &event, sizeof event);
}

/* ---- graphs ---- */

/* Of the calling thread: relaxed lets it do what recordings of others forbid. */
static _Thread_local enum cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode) {
    const enum cudaStreamCaptureMode before = thread_mode;
    thread_mode = *mode;
    *mode = before;
    return cudaSuccess;
}

cudaError_t nn_emulator_refuse_in_recording(void) {
    cudaError_t error = cudaSuccess;
    if (thread_mode == cudaStreamCaptureModeRelaxed) return cudaSuccess;
    for (struct CUstream_st *stream = streams; stream != NULL; stream = stream->next) {
        if (!stream->is_recording || stream->mode == cudaStreamCaptureModeRelaxed) continue;
        if (stream->mode == cudaStreamCaptureModeThreadLocal &&
            !pthread_equal(stream->thread, pthread_self()))
            continue;
        stream->is_broken = true;
        error = cudaErrorStreamCaptureUnsupported;
    }
    return error;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode) {
    cudaError_t error = nn_emulator_begin_call();
    if (error == cudaSuccess) error = check_stream(stream);
    if (error == cudaSuccess && stream->is_recording) error = cudaErrorIllegalState;
    if (error == cudaSuccess) {
        stream->is_recording = true;
        stream->mode = mode;
        stream->thread = pthread_self();
    }
    return nn_emulator_end_call(error);
}

static cudaError_t end_capture(cudaStream_t stream, cudaGraph_t *out) {
    if (!stream->is_recording) return cudaErrorIllegalState;
    if (stream->mode != cudaStreamCaptureModeRelaxed &&
        !pthread_equal(stream->thread, pthread_self()))
        return cudaErrorStreamCaptureWrongThread;
    const bool is_broken = stream->is_broken;
    stream->is_recording = stream->is_broken = false;
    if (is_broken) {
        clear(&stream->recorded);
        return cudaErrorStreamCaptureInvalidated;
    }
    cudaGraph_t graph = calloc(1, sizeof *graph);
    if (graph == NULL) nn_emulator_die("no memory for a graph");
    graph->works = stream->recorded;
    stream->recorded = (work_list){0};
    *out = graph;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out) {
    *out = NULL;
    cudaError_t error = nn_emulator_begin_release();
    if (nn_emulator_call_fails()) stream->is_broken = true;
    if (error == cudaSuccess) error = end_capture(stream, out);
    return nn_emulator_end_call(error);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status) {
    cudaError_t error = nn_emulator_begin_call();
    *status = !stream->is_recording ? cudaStreamCaptureStatusNone
              : stream->is_broken   ? cudaStreamCaptureStatusInvalidated
                                    : cudaStreamCaptureStatusActive;
    return nn_emulator_end_call(error);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph,
                                 unsigned long long flags) {
    cudaError_t error = nn_emulator_begin_call();
    if (flags != 0) nn_emulator_die("graphs are made without flags");
    if (error == cudaSuccess) {
        cudaGraphExec_t made = calloc(1, sizeof *made);
        if (made == NULL) nn_emulator_die("no memory for a graph");
        made->device = nn_emulator_current_device();
        for (size_t i = 0; i < graph->works.count; i++) append(&made->works, graph->works.items[i]);
        *out = made;
    }
    return nn_emulator_end_call(error);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    cudaError_t error = nn_emulator_begin_release();
    clear(&graph->works);
    free(graph);
    return nn_emulator_end_call(error);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
    cudaError_t error = nn_emulator_begin_release();
    clear(&graph->works);
    free(graph);
    return nn_emulator_end_call(error);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
    cudaError_t error = begin_work(stream);
    if (error == cudaSuccess && graph->device != stream->device)
        error = cudaErrorInvalidResourceHandle;
    if (error != cudaSuccess) return nn_emulator_end_call(error);
    if (stream->is_recording) nn_emulator_die("a graph is started inside a recording");
    for (size_t i = 0; i < graph->works.count; i++) put(stream, graph->works.items[i]);
    return nn_emulator_end_call(cudaSuccess);
}
