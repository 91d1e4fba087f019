#include "tests/support/kernel_host.h"

#include "base/integers.h"
#include "engine/plan/prepare.h"
#include "tests/support/runner.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the node ---- */

void host_init(kernel_host *host, const nn_op *op, int opset) {
    memset(host, 0, sizeof *host);
    host->op = op;
    host->opset = opset;
    host->out_count = 1;
    host->attrs.items = host->attr_items;
}

void host_clear(kernel_host *host) {
    for (int i = 0; i < host->in_count; i++) nn_tensor_clear(&host->in[i]);
    for (int i = 0; i < host->out_count; i++) nn_tensor_clear(&host->out[i]);
    nn_free(host->attr_data);
}

static nn_attr *new_attr(kernel_host *host, const char *name, nn_attr_kind kind) {
    ck_assert_int_lt(host->attrs.count, HOST_ATTRS);
    nn_attr *attr = &host->attr_items[host->attrs.count++];
    attr->name = name;
    attr->kind = kind;
    return attr;
}

void host_int(kernel_host *host, const char *name, int64_t value) {
    new_attr(host, name, NN_ATTR_INT)->i = value;
}

void host_float(kernel_host *host, const char *name, float value) {
    new_attr(host, name, NN_ATTR_FLOAT)->f = value;
}

void host_text(kernel_host *host, const char *name, const char *value) {
    new_attr(host, name, NN_ATTR_STRING)->s = (nn_text){value, (int64_t)strlen(value)};
}

void host_ints(kernel_host *host, const char *name, const int64_t *values, int count) {
    ck_assert_int_le(count, HOST_LIST);
    int64_t *list = host->lists[host->attrs.count];
    for (int i = 0; i < count; i++) list[i] = values[i];
    nn_attr *attr = new_attr(host, name, NN_ATTR_INTS);
    attr->ints = list;
    attr->count = count;
}

void *host_input(kernel_host *host, nn_type type, const int64_t *dims, int rank, bool constant) {
    ck_assert_int_lt(host->in_count, HOST_INPUTS);
    host->constant[host->in_count] = constant;
    nn_tensor *tensor = &host->in[host->in_count++];
    ck_assert_ok(nn_tensor_init(tensor, type, dims, rank));
    return tensor->data;
}

void host_absent(kernel_host *host) {
    ck_assert_int_lt(host->in_count, HOST_INPUTS);
    host->in_count++;
}

void host_infer(kernel_host *host) {
    for (int i = 0; i < host->in_count; i++) {
        bool present = host->in[i].type != NNOPT_TYPE_NONE;
        host->in_facts[i] = nn_fact_of_tensor(&host->in[i], host->constant[i]);
        host->in_views[i] = present ? &host->in_facts[i] : NULL;
    }
    for (int i = 0; i < host->out_count; i++) {
        host->out_facts[i] = nn_fact_unknown();
        host->out_views[i] = &host->out_facts[i];
    }
    host->view = (nn_node_view){.name = "test",
                                .op = host->op,
                                .opset = host->opset,
                                .in_count = host->in_count,
                                .out_count = host->out_count,
                                .in = host->in_views,
                                .out = host->out_views};
    if (host->op->attr_size > 0) {
        host->attr_data = nn_alloc_zero(host->op->attr_size);
        ck_assert_ptr_nonnull(host->attr_data);
        ck_assert_ok(host->op->parse(&host->view, &host->attrs, host->attr_data));
        host->view.attrs = host->attr_data;
    }
    /* The operator itself knows nothing of the residual. */
    if (host->epilogue.has_residual) host->view.in_count--;
    ck_assert_ok(host->op->infer(&host->view));
    host->view.in_count = host->in_count;
    host->view.epilogue = host->epilogue;
    for (int i = 0; i < host->out_count; i++) {
        const nn_fact *fact = &host->out_facts[i];
        ck_assert(nn_fact_is_concrete(fact));
        ck_assert_ok(nn_tensor_init(&host->out[i], fact->type, fact->dims, fact->rank));
    }
}

void host_to_bf16(kernel_host *host, int index) {
    nn_tensor *tensor = index < 0 ? &host->out[0] : &host->in[index];
    nn_fact *fact = index < 0 ? &host->out_facts[0] : &host->in_facts[index];
    const int64_t count = nn_tensor_count(tensor);
    nn_tensor bf16;
    ck_assert_int_eq(tensor->type, NNOPT_FLOAT);
    ck_assert_ok(nn_tensor_init(&bf16, NNOPT_BFLOAT16, tensor->dims, tensor->rank));
    for (int64_t i = 0; i < count; i++)
        ((uint16_t *)bf16.data)[i] = nn_float_to_bfloat16(((const float *)tensor->data)[i]);
    nn_tensor_clear(tensor);
    *tensor = bf16;
    fact->type = NNOPT_BFLOAT16;
}

bool host_accepts(const kernel_host *host, const nn_kernel *kernel, const nn_target *target) {
    if (kernel->isa > target->isa || kernel->precision > target->precision) return false;
    if (kernel->accepts == NULL) return nn_epilogue_is_empty(&host->view.epilogue);
    return kernel->accepts(&host->view, target);
}

/* ---- guarded memory ---- */

typedef struct guarded {
    void *map;
    size_t map_bytes;
    void *data;
} guarded;

enum { GARBAGE = 0xfb }; /* floats: -2.6e36; and large integers */

/* `bytes` of garbage between two pages that cannot be touched, against the last one or the first.
 */
static guarded guard(size_t bytes, bool at_end) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (bytes + page - 1) / page * page;
    guarded out = {.map_bytes = inner + 2 * page};
    out.map = mmap(NULL, out.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(out.map, MAP_FAILED);
    char *first = (char *)out.map + page;
    if (inner > 0) ck_assert_int_eq(mprotect(first, inner, PROT_READ | PROT_WRITE), 0);
    memset(first, GARBAGE, inner);
    out.data = at_end ? first + inner - bytes : first;
    return out;
}

static void unguard(guarded *memory) {
    if (memory->map != NULL) munmap(memory->map, memory->map_bytes);
}

/* ---- layout ---- */

static int physical_axis(nn_layout layout, int rank, int place) {
    if (layout != NN_LAYOUT_CHANNELS_LAST || rank < 3 || place == 0) return place;
    return place == rank - 1 ? 1 : place + 1;
}

static inline void copy_element(char *to, const char *from, size_t size) {
    switch (size) {
    case 1:
        *to = *from;
        break;
    case 2:
        memcpy(to, from, 2);
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    default:
        memcpy(to, from, size);
    }
}

void host_permute(nn_layout layout, const nn_tensor *standard, void *physical, bool to_physical) {
    const size_t size = (size_t)nn_type_bits(standard->type) / 8;
    const int64_t count = nn_tensor_count(standard);
    char *a = standard->data, *b = physical;
    if (count == 0) return;
    if (layout != NN_LAYOUT_CHANNELS_LAST || standard->rank < 3) {
        memcpy(to_physical ? b : a, to_physical ? a : b, (size_t)nn_tensor_bytes(standard));
        return;
    }
    const int64_t channels = standard->dims[1], pixels = count / standard->dims[0] / channels;
    for (int64_t plane = 0; plane < standard->dims[0] * pixels; plane++) {
        char *pixel = a + (size_t)(plane / pixels * channels * pixels + plane % pixels) * size;
        for (int64_t c = 0; c < channels; c++, b += size) {
            char *element = pixel + (size_t)(c * pixels) * size;
            copy_element(to_physical ? b : element, to_physical ? element : b, size);
        }
    }
}

nn_tensor host_physical_tensor(nn_layout layout, const nn_tensor *standard, void *data) {
    nn_tensor out = *standard;
    for (int place = 0; place < out.rank; place++)
        out.dims[place] = standard->dims[physical_axis(layout, out.rank, place)];
    out.data = data;
    return out;
}

/* ---- maps that are some of the channels of others ---- */

/* Pixels of `bytes` bytes, `step` apart. */
typedef struct pixel_map {
    int64_t count;
    size_t bytes, step;
} pixel_map;

static pixel_map pixels_of(const nn_tensor *physical, int64_t pitch) {
    const size_t size = (size_t)nn_type_bits(physical->type) / 8;
    const int64_t channels = pitch > 0 ? physical->dims[physical->rank - 1] : 0;
    if (pitch == 0 || channels == 0)
        return (pixel_map){1, (size_t)nn_tensor_bytes(physical), (size_t)nn_tensor_bytes(physical)};
    return (pixel_map){nn_tensor_count(physical) / channels, (size_t)channels * size,
                       (size_t)pitch * size};
}

static size_t bytes_of(const pixel_map *pixels) {
    return pixels->count > 0 ? (size_t)(pixels->count - 1) * pixels->step + pixels->bytes : 0;
}

/* Between `map` and the pixels one after the other. */
static void move_pixels(const pixel_map *pixels, char *map, char *dense, bool to_map) {
    for (int64_t i = 0; i < pixels->count; i++, map += pixels->step, dense += pixels->bytes)
        if (pixels->bytes > 0) memcpy(to_map ? map : dense, to_map ? dense : map, pixels->bytes);
}

static bool has_whole_gaps(const pixel_map *pixels, const unsigned char *map) {
    for (int64_t i = 0; i + 1 < pixels->count; i++)
        for (size_t k = pixels->bytes; k < pixels->step; k++)
            if (map[(size_t)i * pixels->step + k] != GARBAGE) return false;
    return true;
}

/* host_permute, where the physical tensor has pixels `pitch` apart (0: dense). */
static void permute_pitched(nn_layout layout, const nn_tensor *standard, const nn_tensor *physical,
                            int64_t pitch, bool to_physical) {
    if (pitch == 0) {
        host_permute(layout, standard, physical->data, to_physical);
        return;
    }
    const pixel_map pixels = pixels_of(physical, pitch);
    char *dense = malloc((size_t)nn_tensor_bytes(physical) + 1);
    ck_assert_ptr_nonnull(dense);
    if (to_physical) host_permute(layout, standard, dense, true);
    move_pixels(&pixels, physical->data, dense, to_physical);
    if (!to_physical) host_permute(layout, standard, dense, false);
    free(dense);
}

static void set_pitches(kernel_host *host, const nn_kernel *kernel, nn_layout layout) {
    const bool is_last = layout == NN_LAYOUT_CHANNELS_LAST && host->gap > 0;
    memset(host->pitches, 0, sizeof host->pitches);
    for (int i = 0; i < host->in_count; i++)
        if (is_last && (kernel->pitched_inputs >> i & 1) && host->in[i].rank >= 3)
            host->pitches[i] = host->in[i].dims[1] + host->gap;
    if (is_last && kernel->pitched_output && host->out[0].rank >= 3)
        host->pitches[host->in_count] = host->out[0].dims[1] + host->gap;
    host->view.pitches = host->gap > 0 ? host->pitches : NULL;
}

/* ---- running ---- */

nn_layout host_input_layout(const kernel_host *host, const nn_kernel *kernel, nn_layout layout,
                            int index) {
    bool residual = host->epilogue.has_residual && host->epilogue.residual == index;
    bool converted = residual || nn_kernel_takes_last(kernel, &host->view, index);
    return converted ? layout : NN_LAYOUT_STANDARD;
}

/* Pools live as long as the program. */
static nn_pool *pool_of(int threads) {
    static nn_pool *pools[9];
    ck_assert_int_lt(threads, 9);
    if (pools[threads] == NULL) ck_assert_ok(nn_pool_create(threads, &pools[threads]));
    return pools[threads];
}

/* Which worker wrote a byte of the workspace: its index and 1, or 0. */
typedef struct worker_watch {
    const nn_kernel *kernel;
    const nn_call *call;
    size_t bytes;
    unsigned char *writer;
    int threads;
    _Atomic int arrived;
    pthread_mutex_t turn;
    bool has_failed, overlaps;
} worker_watch;

/* Runs the kernel inside a job, where all its work is this worker's. */
static void run_as_worker(void *argument, int64_t begin, int64_t end, int worker) {
    worker_watch *watch = argument;
    unsigned char *workspace = watch->call->workspace;
    (void)begin, (void)end;
    atomic_fetch_add(&watch->arrived, 1); /* so that each worker gets one of the places */
    while (atomic_load(&watch->arrived) < watch->threads) sched_yield();
    pthread_mutex_lock(&watch->turn);
    memset(workspace, GARBAGE, watch->bytes);
    if (watch->kernel->run(watch->call) != NN_OK) watch->has_failed = true;
    for (size_t i = 0; i < watch->bytes; i++) {
        if (workspace[i] == GARBAGE) continue;
        if (watch->writer[i] != 0) watch->overlaps = true;
        watch->writer[i] = (unsigned char)(worker + 1);
    }
    pthread_mutex_unlock(&watch->turn);
}

static void check_workspaces(const nn_kernel *kernel, const nn_call *call, size_t bytes) {
    int threads = nn_pool_threads(call->pool);
    if (threads == 1 || bytes == 0) return;
    worker_watch watch = {.kernel = kernel,
                          .call = call,
                          .bytes = bytes,
                          .writer = calloc(bytes, 1),
                          .threads = threads,
                          .turn = PTHREAD_MUTEX_INITIALIZER};
    ck_assert_ptr_nonnull(watch.writer);
    nn_parallel(call->pool, threads, 1, run_as_worker, &watch);
    ck_assert(!watch.has_failed);
    ck_assert_msg(!watch.overlaps, "threads of kernel '%s' write the same workspace", kernel->name);
    free(watch.writer);
}

static void run_once(kernel_host *host, const nn_kernel *kernel, nn_layout layout,
                     const nn_target *target, bool at_end) {
    nn_pool *pool = pool_of(target->threads);
    nn_arena arena = {0};
    nn_prepare prepare = {
        .node = &host->view, .arena = &arena, .layout = layout, .variant = host->variant};
    if (kernel->prepare != NULL) ck_assert_ok(kernel->prepare(&host->view, target, &prepare));

    size_t workspace_bytes = 0;
    guarded in_memory[HOST_INPUTS] = {{0}}, out_memory[HOST_OUTPUTS] = {{0}}, workspace = {0};
    nn_tensor in[HOST_INPUTS], out[HOST_OUTPUTS];
    const nn_tensor *in_views[HOST_INPUTS] = {0};
    nn_tensor *out_views[HOST_OUTPUTS];
    for (int i = 0; i < host->in_count; i++) {
        const nn_tensor *source = &host->in[i];
        if (source->type == NNOPT_TYPE_NONE) continue;
        nn_layout own = host_input_layout(host, kernel, layout, i);
        in[i] = host_physical_tensor(own, source, NULL);
        const pixel_map map = pixels_of(&in[i], host->pitches[i]);
        in_memory[i] = guard(bytes_of(&map), at_end);
        in[i].data = in_memory[i].data;
        bool dropped = host->constant[i] && (prepare.packed_inputs >> i & 1);
        if (!dropped) permute_pitched(own, source, &in[i], host->pitches[i], true);
        in_views[i] = &in[i];
    }
    for (int i = 0; i < host->out_count; i++) {
        out[i] = host_physical_tensor(layout, &host->out[i], NULL);
        const pixel_map map = pixels_of(&out[i], host->pitches[host->in_count + i]);
        out_memory[i] = guard(bytes_of(&map), at_end);
        out[i].data = out_memory[i].data;
        out_views[i] = &out[i];
    }
    if (prepare.workspace_bytes > 0) {
        workspace_bytes =
            (prepare.workspace_bytes + NN_ALIGNMENT - 1) / NN_ALIGNMENT * NN_ALIGNMENT;
        workspace = guard(workspace_bytes, at_end);
    }
    nn_call call = {.node = &host->view,
                    .state = prepare.state,
                    .in_count = host->in_count,
                    .out_count = host->out_count,
                    .in = in_views,
                    .out = out_views,
                    .layout = layout,
                    .workspace = workspace.data,
                    .pool = pool};
    ck_assert_ok(kernel->run(&call));
    if (host->workspaces_apart) check_workspaces(kernel, &call, workspace_bytes);

    for (int i = 0; i < host->out_count; i++) {
        const int64_t pitch = host->pitches[host->in_count + i];
        const pixel_map map = pixels_of(&out[i], pitch);
        permute_pitched(layout, &host->out[i], &out[i], pitch, false);
        ck_assert_msg(has_whole_gaps(&map, out[i].data), "kernel '%s' writes between its pixels",
                      kernel->name);
        unguard(&out_memory[i]);
    }
    for (int i = 0; i < host->in_count; i++) unguard(&in_memory[i]);
    unguard(&workspace);
    nn_prepare_clear(&prepare);
    nn_arena_clear(&arena);
}

void host_run(kernel_host *host, const nn_kernel *kernel, nn_layout layout,
              const nn_target *target) {
    ck_assert(layout != NN_LAYOUT_ANY);
    set_pitches(host, kernel, layout);
    run_once(host, kernel, layout, target, true);
    size_t sizes[HOST_OUTPUTS];
    void *first[HOST_OUTPUTS];
    for (int i = 0; i < host->out_count; i++) {
        sizes[i] = (size_t)nn_tensor_bytes(&host->out[i]);
        first[i] = malloc(sizes[i] + 1);
        ck_assert_ptr_nonnull(first[i]);
        if (sizes[i] > 0) memcpy(first[i], host->out[i].data, sizes[i]);
    }
    run_once(host, kernel, layout, target, false);
    for (int i = 0; i < host->out_count; i++) {
        if (sizes[i] > 0)
            ck_assert_msg(memcmp(first[i], host->out[i].data, sizes[i]) == 0,
                          "kernel '%s' depends on alignment or on bytes it does not own",
                          kernel->name);
        free(first[i]);
    }
}

/* ---- random numbers ---- */

static uint32_t random_state = 1;

void host_seed(uint32_t seed) {
    random_state = seed;
}

static uint32_t next_random(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

float host_random(void) {
    return (float)next_random() / (float)(1 << 23) - 1;
}

float *host_floats(int64_t count, float scale) {
    float *out = nn_alloc(sizeof *out * (size_t)nn_max(count, 1));
    ck_assert_ptr_nonnull(out);
    for (int64_t i = 0; i < count; i++) out[i] = host_random() * scale;
    return out;
}

uint32_t host_random_below(uint32_t limit) {
    return next_random() % limit;
}

int64_t host_between(int64_t low, int64_t high) {
    return low + (int64_t)host_random_below((uint32_t)(high - low + 1));
}

nn_activation host_gentle_activation(void) {
    static const nn_activation activations[] = {
        {NN_ACT_NONE, 0, 0},          {NN_ACT_RELU, 0, 0},    {NN_ACT_CLIP, -0.5f, 2},
        {NN_ACT_LEAKY_RELU, 0.1f, 0}, {NN_ACT_SIGMOID, 0, 0}, {NN_ACT_TANH, 0, 0}};
    return activations[host_between(0, 5)];
}

const nn_kernel *host_reference(const nn_op *op) {
    const nn_kernel *const *kernel = op->kernels;
    while (kernel[1] != NULL) kernel++;
    return *kernel;
}
