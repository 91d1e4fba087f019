#include "tests/support/device_host.h"

#include "engine/plan/prepare.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SKIPPED = 77, GARBAGE = 0xfb };

nn_device *device_host_open(void) {
    static nn_device *device;
    const char *absent = getenv("NN_NO_CUDA_EMULATOR"), *library = getenv("NNOPT_CUDA_LIBRARY");
    if (device != NULL) return device;
    if (library == NULL && absent != NULL) {
        printf("skipped: no CUDA emulator: %s\n", absent);
        exit(SKIPPED);
    }
    ck_assert_ok(nn_device_open_kernels("cuda", &device));
    return device;
}

const nn_kernel *device_host_kernel(const kernel_host *host, const char *name) {
    const nn_kernel *const *kernel = nn_device_kernels(device_host_open(), host->op);
    while (kernel != NULL && *kernel != NULL && strcmp((*kernel)->name, name) != 0) kernel++;
    ck_assert_msg(kernel != NULL && *kernel != NULL, "the device has no kernel '%s' for %s", name,
                  host->op->name);
    return *kernel;
}

const nn_kernel *device_host_select(const kernel_host *host, const nn_target *target) {
    const nn_kernel *const *kernel = nn_device_kernels(target->device, host->op);
    for (; kernel != NULL && *kernel != NULL; kernel++)
        if (host_accepts(host, *kernel, target)) return *kernel;
    return NULL;
}

/* ---- running ---- */

typedef struct device_run {
    kernel_host *host;
    const nn_kernel *kernel;
    nn_layout layout;
    nn_device *device;
    nn_device_queue *queue;
    nn_prepare prepare;
    nn_weight_list weights;
    nn_arena arena;
    nn_tensor in[HOST_INPUTS], out[HOST_OUTPUTS];
    const nn_tensor *in_views[HOST_INPUTS];
    nn_tensor *out_views[HOST_OUTPUTS];
    void *workspace;
    bool shares_input[HOST_INPUTS]; /* an output's memory is this input's */
} device_run;

static void upload(device_run *run, nn_layout layout, const nn_tensor *standard, void *to) {
    const size_t bytes = (size_t)nn_tensor_bytes(standard);
    void *physical = malloc(bytes + 1);
    ck_assert_ptr_nonnull(physical);
    host_permute(layout, standard, physical, true);
    ck_assert_ok(run->device->calls->upload(run->queue, to, physical, bytes));
    free(physical);
}

static void *allocate(device_run *run, size_t bytes) {
    void *memory, *garbage = malloc(bytes + 1);
    ck_assert_ptr_nonnull(garbage);
    memset(garbage, GARBAGE, bytes);
    ck_assert_ok(run->device->calls->allocate(run->device, bytes, &memory));
    ck_assert_ok(run->device->calls->upload(run->queue, memory, garbage, bytes));
    free(garbage);
    return memory;
}

static const uint64_t no_blobs[HOST_INPUTS]; /* no constant is shared */

static void begin(device_run *run, const nn_target *target, int shared_input) {
    kernel_host *host = run->host;
    run->device = target->device;
    ck_assert_ok(run->device->calls->create_queue(run->device, &run->queue));
    ck_assert_ok(nn_weight_cache_create(&run->weights.cache));
    run->prepare = (nn_prepare){.device = run->device,
                                .weights = &run->weights,
                                .blobs = no_blobs,
                                .node = &host->view,
                                .arena = &run->arena,
                                .layout = run->layout,
                                .variant = host->variant};
    if (run->kernel->prepare != NULL)
        ck_assert_ok(run->kernel->prepare(&host->view, target, &run->prepare));
    for (int i = 0; i < host->in_count; i++) {
        if (host->in[i].type == NNOPT_TYPE_NONE) continue;
        const nn_layout own = host_input_layout(host, run->kernel, run->layout, i);
        const bool dropped = host->constant[i] && (run->prepare.packed_inputs >> i & 1);
        void *memory = dropped ? NULL : allocate(run, (size_t)nn_tensor_bytes(&host->in[i]));
        run->in[i] = host_physical_tensor(own, &host->in[i], memory);
        if (!dropped) upload(run, own, &host->in[i], memory);
        run->in_views[i] = &run->in[i];
    }
    for (int i = 0; i < host->out_count; i++) {
        const bool shares = i == 0 && shared_input >= 0;
        void *memory = shares ? run->in[shared_input].data
                              : allocate(run, (size_t)nn_tensor_bytes(&host->out[i]));
        if (shares) run->shares_input[shared_input] = true;
        run->out[i] = host_physical_tensor(run->layout, &host->out[i], memory);
        run->out_views[i] = &run->out[i];
    }
    if (run->prepare.workspace_bytes > 0)
        run->workspace = allocate(run, run->prepare.workspace_bytes);
}

static void launch(device_run *run) {
    const nn_call call = {.node = &run->host->view,
                          .state = run->prepare.state,
                          .in_count = run->host->in_count,
                          .out_count = run->host->out_count,
                          .in = run->in_views,
                          .out = run->out_views,
                          .layout = run->layout,
                          .workspace = run->workspace,
                          .queue = run->queue};
    ck_assert_ok(run->kernel->run(&call));
}

/* Physical bytes of a tensor of the device, to be freed. */
static void *download(device_run *run, const nn_tensor *tensor) {
    const size_t bytes = (size_t)nn_tensor_bytes(tensor);
    void *memory = malloc(bytes + 1);
    ck_assert_ptr_nonnull(memory);
    ck_assert_ok(run->device->calls->download(run->queue, memory, tensor->data, bytes));
    ck_assert_ok(run->device->calls->wait(run->queue));
    return memory;
}

static void check_inputs(device_run *run) {
    for (int i = 0; i < run->host->in_count; i++) {
        if (run->in_views[i] == NULL || run->in[i].data == NULL || run->shares_input[i]) continue;
        const nn_layout own = host_input_layout(run->host, run->kernel, run->layout, i);
        const size_t bytes = (size_t)nn_tensor_bytes(&run->in[i]);
        void *now = download(run, &run->in[i]), *before = malloc(bytes + 1);
        ck_assert_ptr_nonnull(before);
        host_permute(own, &run->host->in[i], before, true);
        ck_assert_msg(memcmp(now, before, bytes) == 0, "kernel '%s' changes input %d",
                      run->kernel->name, i);
        free(now);
        free(before);
    }
}

/* Results to the host's outputs, or compared with what is there. */
static void take_outputs(device_run *run, bool compares) {
    for (int i = 0; i < run->host->out_count; i++) {
        const size_t bytes = (size_t)nn_tensor_bytes(&run->out[i]);
        void *physical = download(run, &run->out[i]);
        if (compares) {
            void *first = malloc(bytes + 1);
            ck_assert_ptr_nonnull(first);
            host_permute(run->layout, &run->host->out[i], first, true);
            ck_assert_msg(memcmp(first, physical, bytes) == 0,
                          "kernel '%s' gives other bits from a recording", run->kernel->name);
            free(first);
        } else {
            host_permute(run->layout, &run->host->out[i], physical, false);
        }
        free(physical);
    }
}

static void run_recorded(device_run *run) {
    const nn_device_calls *calls = run->device->calls;
    nn_device_graph *graph;
    for (int i = 0; i < run->host->out_count; i++) {
        const size_t bytes = (size_t)nn_tensor_bytes(&run->out[i]);
        void *garbage = calloc(bytes + 1, 1);
        ck_assert_ptr_nonnull(garbage);
        ck_assert_ok(calls->upload(run->queue, run->out[i].data, garbage, bytes));
        free(garbage);
    }
    ck_assert_ok(calls->begin_recording(run->queue));
    launch(run);
    ck_assert_ok(calls->end_recording(run->queue, &graph));
    ck_assert_ok(calls->start(run->queue, graph));
    take_outputs(run, true);
    calls->destroy_graph(graph);
}

static void end(device_run *run) {
    const nn_device_calls *calls = run->device->calls;
    for (int i = 0; i < run->host->in_count; i++)
        if (run->in_views[i] != NULL) calls->release(run->device, run->in[i].data);
    for (int i = 0; i < run->host->out_count; i++) {
        bool shares = false;
        for (int j = 0; j < run->host->in_count; j++)
            shares = shares || (i == 0 && run->shares_input[j]);
        if (!shares) calls->release(run->device, run->out[i].data);
    }
    calls->release(run->device, run->workspace);
    calls->destroy_queue(run->queue);
    nn_prepare_clear(&run->prepare);
    nn_weight_cache_destroy(run->weights.cache);
    nn_arena_clear(&run->arena);
}

void device_host_run(kernel_host *host, const nn_kernel *kernel, nn_layout layout,
                     const nn_target *target) {
    device_run run = {.host = host, .kernel = kernel, .layout = layout};
    ck_assert(layout != NN_LAYOUT_ANY && kernel->on_device);
    begin(&run, target, -1);
    launch(&run);
    take_outputs(&run, false);
    check_inputs(&run);
    run_recorded(&run);
    end(&run);
}

void device_host_run_in_place(kernel_host *host, const nn_kernel *kernel, nn_layout layout,
                              const nn_target *target, int input) {
    device_run run = {.host = host, .kernel = kernel, .layout = layout};
    ck_assert(kernel->in_place >> input & 1);
    begin(&run, target, input);
    launch(&run);
    take_outputs(&run, false);
    check_inputs(&run);
    end(&run);
}

/* ---- comparing ---- */

static double element(const nn_tensor *tensor, int64_t i) {
    return nn_tensor_get(tensor, i);
}

void device_host_compare(const kernel_host *host, int index, const nn_tensor *expected,
                         double tolerance) {
    const nn_tensor *got = &host->out[index];
    const int64_t count = nnopt_tensor_count(expected);
    double largest = 0;
    ck_assert_int_eq(got->type, expected->type);
    ck_assert_int_eq(nnopt_tensor_count(got), count);
    for (int64_t i = 0; i < count; i++) {
        const double magnitude = fabs(element(expected, i));
        if (isfinite(magnitude) && magnitude > largest) largest = magnitude;
    }
    for (int64_t i = 0; i < count; i++) {
        const double a = element(got, i), b = element(expected, i);
        const bool same = isnan(b) ? isnan(a) : a == b || fabs(a - b) <= tolerance * largest;
        ck_assert_msg(same, "%s: output %d, element %lld: got %.9g, expected %.9g (largest %.9g)",
                      host->op->name, index, (long long)i, a, b, largest);
    }
}

void device_host_check(kernel_host *host, const nn_kernel *kernel, nn_layout layout,
                       const nn_target *target, double tolerance) {
    const nn_target portable = {.threads = 1};
    nn_tensor expected[HOST_OUTPUTS];
    host_run(host, host_reference(host->op), NN_LAYOUT_STANDARD, &portable);
    for (int i = 0; i < host->out_count; i++)
        ck_assert_ok(nn_tensor_copy(&host->out[i], &expected[i]));
    device_host_run(host, kernel, layout, target);
    for (int i = 0; i < host->out_count; i++) {
        device_host_compare(host, i, &expected[i], tolerance);
        nn_tensor_clear(&expected[i]);
    }
}

void device_host_check_first(kernel_host *host, nn_layout layout, double tolerance) {
    const nn_target target = {.threads = 1, .device = device_host_open()};
    const nn_kernel *kernel = device_host_select(host, &target);
    char text[400];
    ck_assert_msg(kernel != NULL, "no kernel takes %s",
                  nn_view_describe(&host->view, text, sizeof text));
    device_host_check(host, kernel, layout, &target, tolerance);
}

void device_host_judge(kernel_host *host, nn_layout layout, double tolerance) {
    host_infer(host);
    device_host_check_first(host, layout, tolerance);
    host_clear(host);
}

nnopt_session *device_host_session(nnopt_model *model, const char *device, const char *precision) {
    nnopt_options *options;
    nnopt_session *session;
    ck_assert_ok(nnopt_options_create(&options));
    ck_assert_ok(nnopt_options_set(options, "device", device));
    ck_assert_ok(nnopt_options_set(options, "precision", precision));
    ck_assert_ok(nnopt_session_create(model, options, &session));
    nnopt_options_destroy(options);
    return session;
}
