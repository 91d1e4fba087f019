#include "engine/select/select_trial.h"

#include "base/random.h"
#include "engine/measure/measure.h"
#include "engine/plan/layout.h"

#include <math.h>

/* ---- values ---- */

void nn_trial_fill(nn_tensor *tensor, uint64_t seed) {
    nn_random random = nn_random_seed(seed);
    const int64_t count = nn_tensor_count(tensor), bytes = nn_tensor_bytes(tensor);
    switch (tensor->type) {
    case NNOPT_FLOAT:
        for (int64_t i = 0; i < count; i++)
            ((float *)tensor->data)[i] = (float)(2 * nn_random_uniform(&random) - 1);
        return;
    case NNOPT_UINT8:
    case NNOPT_INT8:
        for (int64_t i = 0; i < count; i++)
            ((uint8_t *)tensor->data)[i] = (uint8_t)nn_random_bits(&random);
        return;
    case NNOPT_FLOAT16:
    case NNOPT_BFLOAT16:
    case NNOPT_DOUBLE:
        for (int64_t i = 0; i < count; i++)
            nn_tensor_set(tensor, i, 2 * nn_random_uniform(&random) - 1);
        return;
    default:
        if (bytes > 0) memset(tensor->data, 0, (size_t)bytes);
    }
}

/* ---- operands ---- */

static nn_status make_tensor(nn_trial_node *node, const nn_fact *fact, nn_layout layout, int slot) {
    nn_tensor *tensor = &node->memory[slot];
    int64_t dims[NN_MAX_RANK];
    nn_layout_dims(layout, fact->dims, fact->rank, dims);
    NN_TRY(nn_tensor_init(tensor, fact->type, dims, fact->rank));
    node->is_ours[slot] = true;
    nn_trial_fill(tensor, (uint64_t)slot + 1);
    return NN_OK;
}

static nn_status make_tensors(nn_trial_node *node, const nn_kernel *kernel) {
    const nn_node_view *view = node->view;
    for (int i = 0; i < view->in_count; i++) {
        const nn_fact *fact = view->in[i];
        if (fact == NULL) continue;
        node->in[i] = &node->memory[i];
        const bool is_last = nn_layout_input_is_last(kernel, view, node->layout, i);
        if (fact->constant != NULL && !is_last)
            node->memory[i] = *fact->constant;
        else
            NN_TRY(
                make_tensor(node, fact, is_last ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD, i));
    }
    for (int i = 0; i < view->out_count; i++) {
        if (view->out[i] == NULL) continue;
        node->out[i] = &node->memory[view->in_count + i];
        NN_TRY(make_tensor(node, view->out[i], node->layout, view->in_count + i));
    }
    return NN_OK;
}

nn_status nn_trial_node_init(nn_trial_node *node, const nn_node_view *view, const uint64_t *blobs,
                             const nn_kernel *kernel) {
    const size_t count = (size_t)view->in_count + (size_t)view->out_count + 1;
    *node = (nn_trial_node){.view = view, .blobs = blobs, .layout = kernel->layout};
    if (node->layout == NN_LAYOUT_ANY) node->layout = NN_LAYOUT_STANDARD;
    node->memory = nn_arena_alloc(&node->arena, count * sizeof *node->memory);
    node->is_ours = nn_arena_alloc(&node->arena, count * sizeof *node->is_ours);
    node->in = nn_arena_alloc(&node->arena, count * sizeof *node->in);
    node->out = nn_arena_alloc(&node->arena, count * sizeof *node->out);
    nn_status status = node->memory && node->is_ours && node->in && node->out
                           ? make_tensors(node, kernel)
                           : nn_fail_memory(count * sizeof *node->memory);
    if (status != NN_OK) nn_trial_node_clear(node);
    return status;
}

void nn_trial_node_clear(nn_trial_node *node) {
    const int count = node->view->in_count + node->view->out_count;
    for (int i = 0; i < count && node->memory != NULL && node->is_ours != NULL; i++)
        if (node->is_ours[i]) nn_tensor_clear(&node->memory[i]);
    nn_arena_clear(&node->arena);
}

/* ---- one candidate ---- */

nn_status nn_trial_init(nn_trial *trial, const nn_trial_node *node, const nn_kernel *kernel,
                        int variant, const nn_target *target, nn_weight_cache *cache,
                        nn_pool *pool) {
    const nn_node_view *view = node->view;
    nn_status status = NN_OK;
    *trial = (nn_trial){
        .kernel = kernel,
        .variant = variant,
        .weights = {.cache = cache},
        .seconds = INFINITY,
        .call = {.node = view,
                 .in_count = view->in_count,
                 .out_count = view->out_count,
                 .in = node->in,
                 .out = node->out,
                 .layout = node->layout,
                 .pool = pool},
    };
    trial->prepare = (nn_prepare){.node = view,
                                  .arena = &trial->arena,
                                  .layout = node->layout,
                                  .weights = &trial->weights,
                                  .blobs = node->blobs,
                                  .variant = variant};
    if (kernel->prepare != NULL) NN_TRY_DONE(kernel->prepare(view, target, &trial->prepare));
    trial->call.state = trial->prepare.state;
    if (trial->prepare.workspace_bytes > 0) {
        trial->call.workspace = nn_alloc(trial->prepare.workspace_bytes);
        if (trial->call.workspace == NULL) status = nn_fail_memory(trial->prepare.workspace_bytes);
    }
done:
    if (status != NN_OK) nn_trial_clear(trial);
    return status;
}

void nn_trial_clear(nn_trial *trial) {
    nn_free(trial->call.workspace);
    nn_weight_list_clear(&trial->weights);
    nn_arena_clear(&trial->arena);
    trial->call.workspace = NULL;
}

nn_status nn_trial_run(nn_trial *trial) {
    const double start = nn_now();
    NN_TRY(trial->kernel->run(&trial->call));
    trial->seconds = fmin(trial->seconds, nn_now() - start);
    return NN_OK;
}

/* ---- caches ---- */

static int64_t bytes_per_thread(void) {
    const int64_t l2 = nn_cpu_get()->l2_bytes;
    return 2 * (l2 > 0 ? l2 : 1 << 20);
}

int64_t nn_trial_evict_bytes(const nn_pool *pool) {
    return bytes_per_thread() * nn_pool_threads(pool);
}

static void read_part(void *argument, int64_t begin, int64_t end, int worker) {
    enum { LINE = 64 };
    const volatile char *memory = argument;
    (void)worker;
    for (int64_t part = begin; part < end; part++)
        for (int64_t at = 0; at < bytes_per_thread(); at += LINE)
            (void)memory[part * bytes_per_thread() + at];
}

void nn_trial_evict(nn_pool *pool, const void *memory) {
    nn_parallel(pool, nn_pool_threads(pool), 1, read_part, (void *)memory);
}
