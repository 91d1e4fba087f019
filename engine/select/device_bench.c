#include "engine/select/device_bench.h"

#include "engine/select/select_trial.h"
#include "ops/device_kernels.h"

#include <math.h>
#include <stdio.h>

enum { ROUNDS = 5, STARTS = 20 };

/* One kernel with its operands on the device. */
typedef struct device_trial {
    nn_device *device;
    const nn_kernel *kernel;
    nn_trial_node node; /* on the host */
    nn_arena arena;
    nn_weight_list weights;
    nn_prepare prepare;
    nn_device_queue *queue;
    nn_device_graph *graph;
    nn_tensor *tensors; /* those of `node`, with data on the device */
    nn_call call;
    double seconds;
} device_trial;

static nn_status place(device_trial *self, int slot) {
    const nn_tensor *host = &self->node.memory[slot];
    const size_t bytes = (size_t)nn_tensor_bytes(host);
    self->tensors[slot] = *host;
    self->tensors[slot].data = NULL;
    NN_TRY(self->device->calls->allocate(self->device, bytes, &self->tensors[slot].data));
    return self->device->calls->upload(self->queue, self->tensors[slot].data, host->data, bytes);
}

/* Every operand, also what the kernel packed: it does not read that. */
static nn_status place_all(device_trial *self, const nn_node_view *view) {
    const int slots = view->in_count + view->out_count;
    const size_t list_bytes = ((size_t)slots + 1) * sizeof(nn_tensor *);
    self->tensors = nn_arena_alloc(&self->arena, ((size_t)slots + 1) * sizeof *self->tensors);
    const nn_tensor **in = nn_arena_alloc(&self->arena, list_bytes);
    nn_tensor **out = nn_arena_alloc(&self->arena, list_bytes);
    if (self->tensors == NULL || in == NULL || out == NULL) return nn_fail_memory(list_bytes);
    memset(self->tensors, 0, ((size_t)slots + 1) * sizeof *self->tensors);
    for (int i = 0; i < slots; i++) {
        const bool is_input = i < view->in_count;
        const bool is_there =
            is_input ? self->node.in[i] != NULL : self->node.out[i - view->in_count] != NULL;
        if (is_there) NN_TRY(place(self, i));
        if (is_input)
            in[i] = is_there ? &self->tensors[i] : NULL;
        else
            out[i - view->in_count] = is_there ? &self->tensors[i] : NULL;
    }
    self->call = (nn_call){
        .node = view,
        .state = self->prepare.state,
        .in_count = view->in_count,
        .out_count = view->out_count,
        .in = in,
        .out = out,
        .layout = self->node.layout,
        .queue = self->queue,
    };
    if (self->prepare.workspace_bytes == 0) return NN_OK;
    return self->device->calls->allocate(self->device, self->prepare.workspace_bytes,
                                         &self->call.workspace);
}

static nn_status time_starts(device_trial *self) {
    const nn_device_calls *calls = self->device->calls;
    NN_TRY(self->kernel->run(&self->call)); /* loads what is loaded once */
    NN_TRY(calls->wait(self->queue));
    NN_TRY(calls->begin_recording(self->queue));
    const nn_status status = self->kernel->run(&self->call);
    NN_TRY(calls->end_recording(self->queue, &self->graph));
    NN_TRY(status);
    for (int round = 0; round < ROUNDS; round++) {
        double elapsed;
        NN_TRY(calls->mark(self->queue, 0));
        for (int i = 0; i < STARTS; i++) NN_TRY(calls->start(self->queue, self->graph));
        NN_TRY(calls->mark(self->queue, 1));
        NN_TRY(calls->wait(self->queue));
        NN_TRY(calls->elapsed(self->queue, 0, 1, &elapsed));
        self->seconds = fmin(self->seconds, elapsed / STARTS);
    }
    return NN_OK;
}

static void clear(device_trial *self, const nn_node_view *view) {
    const nn_device_calls *calls = self->device->calls;
    calls->destroy_graph(self->graph);
    for (int i = 0; self->tensors != NULL && i < view->in_count + view->out_count; i++)
        calls->release(self->device, self->tensors[i].data);
    calls->release(self->device, self->call.workspace);
    calls->destroy_queue(self->queue);
    nn_trial_node_clear(&self->node);
    nn_weight_list_clear(&self->weights);
    nn_arena_clear(&self->arena);
}

static nn_status run_kernel(device_trial *self, const nn_node_view *view, const nn_target *target,
                            const uint64_t *blobs, nn_weight_cache *cache) {
    nn_status status = NN_OK;
    NN_TRY(nn_trial_node_init(&self->node, view, blobs, self->kernel));
    self->weights.cache = cache;
    self->prepare = (nn_prepare){.node = view,
                                 .arena = &self->arena,
                                 .layout = self->node.layout,
                                 .device = self->device,
                                 .weights = &self->weights,
                                 .blobs = blobs};
    NN_TRY_DONE(self->device->calls->create_queue(self->device, &self->queue));
    if (self->kernel->prepare != NULL)
        NN_TRY_DONE(self->kernel->prepare(view, target, &self->prepare));
    NN_TRY_DONE(place_all(self, view));
    NN_TRY_DONE(time_starts(self));
done:
    clear(self, view);
    return status;
}

/* The time of one kernel, which says what it settled on. */
static nn_status bench_kernel(nn_device *device, const nn_kernel *kernel, const nn_case_node *node,
                              const nn_kernel_case *which, nn_weight_cache *cache,
                              nn_status (*visit)(void *, const nn_kernel_time *), void *user) {
    const nn_target target = {.threads = 1, .device = device};
    const uint64_t blobs[NN_CASE_INPUTS] = {0};
    const nn_node_view *view = &node->view;
    char text[512];
    if (kernel->accepts != NULL && !kernel->accepts(view, &target)) return NN_OK;
    device_trial self = {.device = device, .kernel = kernel, .seconds = INFINITY};
    NN_TRY(run_kernel(&self, view, &target, blobs, cache));
    snprintf(text, sizeof text, "%s%s%s", which->inputs, which->attributes[0] != '\0' ? "; " : "",
             which->attributes);
    nn_kernel_time time = {
        .op = view->op,
        .text = text,
        .kernel = kernel,
        .variant = self.prepare.description,
        .is_int8 = view->in[0] != NULL && nn_type_bits(view->in[0]->type) == 8,
        .seconds = self.seconds,
        .over_portable = NAN,
    };
    nn_op_cost(view, &time.cost);
    return visit(user, &time);
}

nn_status nn_device_bench(nn_device *device, const nn_kernel_case *which, const char *wanted,
                          nn_status (*visit)(void *user, const nn_kernel_time *time), void *user) {
    nn_weight_cache *cache = NULL;
    nn_case_node *node = nn_alloc_zero(sizeof *node);
    if (node == NULL) return nn_fail_memory(sizeof *node);
    nn_status status = nn_case_node_init(node, which);
    if (status != NN_OK || (wanted != NULL && strcmp(wanted, node->op->name) != 0)) goto done;
    NN_TRY_DONE(nn_weight_cache_create(&cache));
    const nn_kernel *const *kernel = nn_device_kernels(device, node->op);
    for (; kernel != NULL && *kernel != NULL; kernel++)
        NN_TRY_DONE(bench_kernel(device, *kernel, node, which, cache, visit, user));
done:
    if (status == NN_OK || node->in_count > 0) nn_case_node_clear(node);
    nn_weight_cache_destroy(cache);
    nn_free(node);
    return status;
}
