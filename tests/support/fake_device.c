#include "tests/support/fake_device.h"

#include "base/memory.h"
#include "ops/plan/reorder.h"

#include <math.h>
#include <stdlib.h>

/* ---- memory ---- */

/* No address of an x86-64 or aarch64 process has this bit and not those above it. */
static const uintptr_t device_bit = (uintptr_t)1 << 62;

static void *to_device(void *memory) {
    return (void *)((uintptr_t)memory | device_bit);
}

static void *to_host(const void *memory) {
    if (((uintptr_t)memory & device_bit) == 0) abort(); /* the host's memory on the device */
    return (void *)((uintptr_t)memory & ~device_bit);
}

static fake_device the_device;

static nn_status allocate(nn_device *device, size_t bytes, void **out) {
    void *memory = nn_alloc(bytes > 0 ? bytes : 1);
    (void)device;
    if (memory == NULL) return nn_fail_memory(bytes);
    the_device.blocks++;
    *out = to_device(memory);
    return NN_OK;
}

static void release(nn_device *device, void *memory) {
    (void)device;
    if (memory == NULL) return;
    the_device.blocks--;
    nn_free(to_host(memory));
}

static nn_status allocate_host(nn_device *device, size_t bytes, void **out) {
    (void)device;
    *out = nn_alloc(bytes > 0 ? bytes : 1);
    if (*out == NULL) return nn_fail_memory(bytes);
    the_device.blocks++;
    return NN_OK;
}

static void release_host(nn_device *device, void *memory) {
    (void)device;
    the_device.blocks -= memory != NULL;
    nn_free(memory);
}

static nn_status write_now(nn_device *device, void *to, const void *from, size_t bytes) {
    (void)device;
    memcpy(to_host(to), from, bytes);
    return NN_OK;
}

/* ---- queues: what is recorded is a list of closures ---- */

typedef struct work {
    nn_status (*run)(const struct work *self);
    void *to;
    const void *from, *other;
    int64_t count; /* bytes of a copy, elements of a kernel */
} work;

enum { MOST_WORK = 64 };

struct nn_device_graph {
    work items[MOST_WORK];
    int count;
};

struct nn_device_queue {
    nn_device_graph *recording; /* NULL: work runs at once */
};

static nn_status put(nn_device_queue *queue, const work *item) {
    if (queue->recording == NULL) return item->run(item);
    if (queue->recording->count == MOST_WORK) return nn_fail(NN_INTERNAL, "too much work");
    queue->recording->items[queue->recording->count++] = *item;
    return NN_OK;
}

static nn_status create_queue(nn_device *device, nn_device_queue **out) {
    (void)device;
    *out = nn_alloc_zero(sizeof **out);
    if (*out == NULL) return nn_fail_memory(sizeof **out);
    the_device.blocks++;
    return NN_OK;
}

static void destroy_queue(nn_device_queue *queue) {
    the_device.blocks -= queue != NULL;
    nn_free(queue);
}

static nn_status copy_up(const work *self) {
    the_device.uploads++;
    memcpy(to_host(self->to), self->from, (size_t)self->count);
    return NN_OK;
}

static nn_status copy_down(const work *self) {
    the_device.downloads++;
    memcpy(self->to, to_host(self->from), (size_t)self->count);
    return NN_OK;
}

static nn_status upload(nn_device_queue *queue, void *to, const void *from, size_t bytes) {
    return put(queue, &(work){copy_up, to, from, NULL, (int64_t)bytes});
}

static nn_status download(nn_device_queue *queue, void *to, const void *from, size_t bytes) {
    return put(queue, &(work){copy_down, to, from, NULL, (int64_t)bytes});
}

static nn_status wait_queue(nn_device_queue *queue) {
    the_device.waits++;
    return queue->recording == NULL ? NN_OK : nn_fail(NN_INTERNAL, "a wait was recorded");
}

static nn_status begin_recording(nn_device_queue *queue) {
    queue->recording = nn_alloc_zero(sizeof *queue->recording);
    if (queue->recording == NULL) return nn_fail_memory(sizeof *queue->recording);
    the_device.blocks++;
    return NN_OK;
}

static nn_status end_recording(nn_device_queue *queue, nn_device_graph **out) {
    *out = queue->recording;
    queue->recording = NULL;
    the_device.recordings++;
    return NN_OK;
}

static nn_status start(nn_device_queue *queue, nn_device_graph *graph) {
    the_device.starts++;
    for (int i = 0; i < graph->count; i++) NN_TRY(put(queue, &graph->items[i]));
    return NN_OK;
}

static void destroy_graph(nn_device_graph *graph) {
    the_device.blocks -= graph != NULL;
    nn_free(graph);
}

static nn_status mark(nn_device_queue *queue, int64_t number) {
    (void)queue;
    (void)number;
    return NN_OK;
}

static nn_status elapsed(nn_device_queue *queue, int64_t from, int64_t to, double *seconds) {
    (void)queue;
    *seconds = 1e-6 * (double)(to - from);
    return NN_OK;
}

static void count_launches(nn_device_queue *queue, nn_device_launches *out) {
    (void)queue;
    *out = (nn_device_launches){the_device.runs, 0.5};
}

static void get_info(nn_device *device, nn_device_info *out) {
    (void)device;
    *out = (nn_device_info){.name = "fake", .memory_bytes = 1 << 30, .free_bytes = 1 << 29};
}

static void get_sensors(nn_device *device, nn_device_sensors *out) {
    (void)device;
    *out = (nn_device_sensors){.clock_hz = 1e9, .power_watts = NAN};
}

static nn_status measure_ceilings(nn_device *device, nn_device_ceiling *out, int limit,
                                  int *count) {
    static const nn_device_ceiling known[] = {
        {"fp32", 1e12}, {"memory", 1e11}, {"upload", 1e10}, {"download", 1e10}};
    (void)device;
    *count = limit < 4 ? limit : 4;
    memcpy(out, known, (size_t)*count * sizeof *out);
    return NN_OK;
}

static void begin_range(const char *name) {
    (void)name;
}

static void end_range(void) {}

static const nn_device_calls calls = {
    .info = get_info,
    .sensors = get_sensors,
    .measure_ceilings = measure_ceilings,
    .launches = count_launches,
    .allocate = allocate,
    .release = release,
    .allocate_host = allocate_host,
    .release_host = release_host,
    .write = write_now,
    .create_queue = create_queue,
    .destroy_queue = destroy_queue,
    .upload = upload,
    .download = download,
    .wait = wait_queue,
    .begin_recording = begin_recording,
    .end_recording = end_recording,
    .start = start,
    .destroy_graph = destroy_graph,
    .mark = mark,
    .elapsed = elapsed,
    .begin_range = begin_range,
    .end_range = end_range,
};

/* ---- kernels ---- */

static nn_status count_run(void) {
    the_device.runs++;
    if (the_device.runs == the_device.fail_at) return nn_fail(NN_CHECK, "the device failed");
    return NN_OK;
}

static nn_status relu(const work *self) {
    const float *x = to_host(self->from);
    float *y = to_host(self->to);
    NN_TRY(count_run());
    for (int64_t i = 0; i < self->count; i++) y[i] = x[i] > 0 ? x[i] : 0;
    return NN_OK;
}

static nn_status add(const work *self) {
    const float *a = to_host(self->from), *b = to_host(self->other);
    float *y = to_host(self->to);
    NN_TRY(count_run());
    for (int64_t i = 0; i < self->count; i++) y[i] = a[i] + b[i];
    return NN_OK;
}

/* [n][rows][columns] to [n][columns][rows]; the sizes stand behind `other`. */
typedef struct planes {
    int64_t samples, rows, columns;
} planes;

static nn_status transpose(const work *self) {
    const planes *p = self->other;
    const float *x = to_host(self->from);
    float *y = to_host(self->to);
    NN_TRY(count_run());
    for (int64_t n = 0; n < p->samples; n++)
        for (int64_t r = 0; r < p->rows; r++)
            for (int64_t c = 0; c < p->columns; c++)
                y[(n * p->columns + c) * p->rows + r] = x[(n * p->rows + r) * p->columns + c];
    return NN_OK;
}

static bool takes_floats(const nn_node_view *node, const nn_target *target) {
    (void)target;
    for (int i = 0; i < node->in_count; i++)
        if (node->in[i]->type != NNOPT_FLOAT ||
            nn_fact_count(node->in[i]) != nn_fact_count(node->out[0]))
            return false;
    return nn_epilogue_is_empty(&node->epilogue);
}

static nn_status run_relu(const nn_call *call) {
    return put(call->queue, &(work){relu, call->out[0]->data, call->in[0]->data, NULL,
                                    nn_tensor_count(call->in[0])});
}

static nn_status run_add(const nn_call *call) {
    return put(call->queue, &(work){add, call->out[0]->data, call->in[0]->data, call->in[1]->data,
                                    nn_tensor_count(call->in[0])});
}

static nn_status prepare_reorder(const nn_node_view *node, const nn_target *target,
                                 nn_prepare *prepare) {
    const nn_reorder_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[0];
    planes *p = nn_prepare_state(prepare, sizeof *p);
    (void)target;
    if (p == NULL) return nn_fail_memory(sizeof *p);
    const int64_t channels = x->dims[1], places = nn_fact_count(x) / x->dims[0] / channels;
    const bool to_last = attrs->to == NN_LAYOUT_CHANNELS_LAST;
    *p = (planes){x->dims[0], to_last ? channels : places, to_last ? places : channels};
    return NN_OK;
}

static nn_status run_reorder(const nn_call *call) {
    return put(call->queue, &(work){transpose, call->out[0]->data, call->in[0]->data, call->state,
                                    nn_tensor_count(call->in[0])});
}

static const nn_kernel relu_kernel = {.name = "relu_fake",
                                      .on_device = true,
                                      .layout = NN_LAYOUT_ANY,
                                      .layout_inputs = 1,
                                      .in_place = 1,
                                      .accepts = takes_floats,
                                      .run = run_relu};
static const nn_kernel add_kernel = {.name = "add_fake",
                                     .on_device = true,
                                     .layout = NN_LAYOUT_CHANNELS_LAST,
                                     .layout_inputs = 3,
                                     .accepts = takes_floats,
                                     .run = run_add};
static const nn_kernel reorder_kernel = {.name = "reorder_fake",
                                         .on_device = true,
                                         .accepts = takes_floats,
                                         .prepare = prepare_reorder,
                                         .run = run_reorder};
static const nn_kernel *const relu_kernels[] = {&relu_kernel, NULL};
static const nn_kernel *const add_kernels[] = {&add_kernel, NULL};
static const nn_kernel *const reorder_kernels[] = {&reorder_kernel, NULL};
static const nn_device_row rows[] = {{"", "Relu", relu_kernels},
                                     {"", "Add", add_kernels},
                                     {"nnopt", "Reorder", reorder_kernels},
                                     {0}};

fake_device *fake_device_open(void) {
    void *attached = the_device.base.attached;
    the_device = (fake_device){.base = {&calls, rows, attached}};
    if (attached == NULL && nn_device_attach(&the_device.base) != NN_OK) abort();
    return &the_device;
}
