#include "engine/run/session.h"

#include "engine/run/executor.h"
#include "ops/device_kernels.h"

#include <stdio.h>

struct nnopt_session {
    nn_model *model;
    const nn_lowered *lowered;
    nn_lowered *own_lowered; /* of a session with taps; others share the model's */
    nn_pool *pool;
    nn_selector *selector; /* NULL: kernels are not measured */
    nn_executor executor;
    nn_step_hook hook;
    void *hook_user;
};

static nn_status select_plan(nn_session *session, const nn_tensor *inputs, size_t input_count,
                             bool borrow, nn_plan **out);

/* ---- opening ---- */

static nn_status create_lowered(const void *argument, nn_lowered_kind kind, nn_lowered **out) {
    return nn_lower(argument, kind, NULL, 0, out);
}

static const nn_lowered_maker lowered_maker = {create_lowered, nn_lowered_destroy};

static nn_status lower_model(nn_session *session, const nn_session_options *options) {
    nn_lowered_kind kind =
        options->reference_only || options->no_fusion ? NN_LOWERED_PLAIN : NN_LOWERED_FUSED;
    const nn_graph *graph = session->model->graph;
    if (options->tap_count > 0) {
        NN_TRY(nn_lower(graph, kind, options->taps, options->tap_count, &session->own_lowered));
        session->lowered = session->own_lowered;
        return NN_OK;
    }
    return nn_weight_cache_lowered(session->model->weights, kind, &lowered_maker, graph,
                                   &session->lowered);
}

/* With fixed input shapes, what no kernel takes is found when the session is made. */
static nn_status plan_fixed_shapes(nn_session *session) {
    const nn_graph *graph = session->model->graph;
    for (int64_t i = 0; i < graph->input_count; i++) {
        if (!nn_fact_is_concrete(&graph->inputs[i]->fact)) return NN_OK;
    }
    size_t size = ((size_t)graph->input_count + 1) * sizeof(nn_tensor);
    nn_tensor *inputs = nn_alloc_zero(size);
    if (inputs == NULL) return nn_fail_memory(size);
    for (int64_t i = 0; i < graph->input_count; i++) {
        const nn_fact *fact = &graph->inputs[i]->fact;
        inputs[i].type = fact->type;
        inputs[i].rank = fact->rank;
        memcpy(inputs[i].dims, fact->dims, (size_t)fact->rank * sizeof *fact->dims);
    }
    nn_plan *plan;
    nn_status status = select_plan(session, inputs, (size_t)graph->input_count, false, &plan);
    nn_free(inputs);
    return status;
}

static nn_status open_session(nn_session *session, const nn_session_options *options) {
    NN_TRY(nn_pool_create(options->threads, &session->pool));
    NN_TRY(lower_model(session, options));
    NN_TRY(nn_lowered_check_supported(session->lowered));
    if (options->selection != NN_SELECT_ESTIMATE && !options->reference_only)
        NN_TRY(nn_selector_create(options->selection, options->selection_seconds, options->wisdom,
                                  &session->selector));
    session->executor.request = (nn_plan_request){
        .model = session->model->graph,
        .lowered = session->lowered,
        .cache = session->model->weights,
        .target = {.isa = options->reference_only ? NN_ISA_PORTABLE : nn_cpu_get()->isa,
                   .threads = nn_pool_threads(session->pool),
                   .precision = options->precision,
                   .device = options->reference_only ? NULL : options->device,
                   .deterministic = options->deterministic},
        .pool = session->pool,
        .reference_only = options->reference_only,
        .no_fusion = options->no_fusion || options->reference_only,
        .selector = session->selector,
        .in_groups = true,
    };
    return plan_fixed_shapes(session);
}

nn_status nn_session_open(nn_model *model, const nn_session_options *options, nnopt_session **out) {
    nn_session *session = nn_alloc_zero(sizeof *session);
    if (session == NULL) return nn_fail_memory(sizeof *session);
    session->model = nn_model_retain(model);
    nn_status status = open_session(session, options);
    if (status != NN_OK) {
        nnopt_session_destroy(session);
        return status;
    }
    *out = session;
    return NN_OK;
}

void nnopt_session_destroy(nnopt_session *session) {
    if (session == NULL) return;
    nn_executor_clear(&session->executor);
    nn_selector_destroy(session->selector);
    nn_lowered_destroy(session->own_lowered);
    nn_pool_destroy(session->pool);
    nnopt_model_destroy(session->model);
    nn_free(session);
}

/* ---- input checks ---- */

static nn_status check_input(const nn_graph *graph, int64_t index, const nn_tensor *tensor,
                             int64_t *symbols) {
    const nn_value *value = graph->inputs[index];
    const nn_fact *fact = &value->fact;
    if (fact->type != NNOPT_TYPE_NONE && tensor->type != fact->type) {
        return nn_fail(NN_USAGE, "input '%s': the model takes %s, got %s", value->name,
                       nnopt_type_name(fact->type), nnopt_type_name(tensor->type));
    }
    if (tensor->rank < 0 || tensor->rank > NN_MAX_RANK) {
        return nn_fail(NN_USAGE, "input '%s': rank must be 0 to %d, got %d", value->name,
                       NN_MAX_RANK, tensor->rank);
    }
    char wanted[256], got[256];
    nn_dims_text(tensor->dims, tensor->rank, got, sizeof got);
    int64_t count, bytes;
    if (!nn_dims_count(tensor->dims, tensor->rank, &count) ||
        !nn_type_bytes(tensor->type, count, &bytes)) {
        return nn_fail(NN_USAGE, "input '%s': %s %s is no shape of a tensor", value->name,
                       nnopt_type_name(tensor->type), got);
    }
    if (nn_type_is_container(tensor->type) &&
        (tensor->rank != 1 || (tensor->type == NNOPT_OPTIONAL && count > 1) ||
         (tensor->type == NNOPT_MAP && count != 2))) {
        return nn_fail(NN_USAGE, "input '%s': %s %s has the wrong number of items", value->name,
                       nnopt_type_name(tensor->type), got);
    }
    if (fact->rank == NN_RANK_UNKNOWN) return NN_OK;
    nn_dims_text(fact->dims, fact->rank, wanted, sizeof wanted);
    if (tensor->rank != fact->rank) {
        return nn_fail(NN_USAGE, "input '%s': rank must be %d (%s), got %d (%s)", value->name,
                       fact->rank, wanted, tensor->rank, got);
    }
    for (int axis = 0; axis < fact->rank; axis++) {
        int64_t dim = fact->dims[axis], size = tensor->dims[axis];
        if (nn_dim_is_known(dim) && dim != size) {
            return nn_fail(NN_USAGE, "input '%s': axis %d must be %lld (%s), got %lld (%s)",
                           value->name, axis, (long long)dim, wanted, (long long)size, got);
        }
        if (!nn_dim_is_symbol(dim)) continue;
        int64_t *symbol = &symbols[nn_dim_symbol_index(dim)];
        if (nn_dim_is_known(*symbol) && *symbol != size) {
            return nn_fail(NN_USAGE, "input '%s': axis %d is '%s', which is %lld already, got %lld",
                           value->name, axis, nn_graph_symbol_name(graph, dim), (long long)*symbol,
                           (long long)size);
        }
        *symbol = size;
    }
    return NN_OK;
}

static nn_status check_inputs(const nn_graph *graph, const nn_tensor *inputs) {
    size_t size = ((size_t)graph->symbol_count + 1) * sizeof(int64_t);
    int64_t *symbols = nn_alloc(size);
    if (symbols == NULL) return nn_fail_memory(size);
    for (int64_t s = 0; s < graph->symbol_count; s++) symbols[s] = NN_DIM_UNKNOWN;
    nn_status status = NN_OK;
    for (int64_t i = 0; i < graph->input_count && status == NN_OK; i++) {
        status = check_input(graph, i, &inputs[i], symbols);
    }
    nn_free(symbols);
    return status;
}

/* Of every run. Allocates nothing. */
static nn_status check_data(const nn_session *session, const nn_tensor *inputs) {
    const nn_graph *graph = session->model->graph;
    const char *slab = session->executor.memory.slabs[NN_MEMORY_HOST];
    const int64_t slab_bytes = session->executor.bytes[NN_MEMORY_HOST];
    for (int64_t i = 0; i < graph->input_count; i++) {
        const char *name = graph->inputs[i]->name, *data = inputs[i].data;
        if (data == NULL && nn_tensor_count(&inputs[i]) > 0) {
            return nn_fail(NN_USAGE, "input '%s': data is NULL", name);
        }
        int bits = nn_type_bits(inputs[i].type);
        if (bits > 8 && bits <= 64 && (uintptr_t)data % (uintptr_t)(bits / 8) != 0) {
            return nn_fail(NN_USAGE, "input '%s': data must be aligned to %d bytes", name,
                           bits / 8);
        }
        if (slab != NULL && data >= slab && data < slab + slab_bytes) {
            return nn_fail(NN_USAGE,
                           "input '%s': data is an output of this session, which the run "
                           "would overwrite; copy it first",
                           name);
        }
    }
    return NN_OK;
}

/* ---- plans ---- */

/* Makes the plan for these inputs the current one. */
static nn_status select_plan(nn_session *session, const nn_tensor *inputs, size_t input_count,
                             bool borrow, nn_plan **out) {
    size_t wanted = (size_t)session->model->graph->input_count;
    if (input_count != wanted) {
        return nn_fail(NN_USAGE, "the model takes %zu input%s, got %zu", wanted,
                       wanted == 1 ? "" : "s", input_count);
    }
    if (!nn_executor_has(&session->executor, inputs, input_count)) {
        NN_TRY(check_inputs(session->model->graph, inputs));
    }
    return nn_executor_select(&session->executor, inputs, input_count, borrow, out);
}

nn_status nn_session_plan(nn_session *session, const nn_tensor *inputs, size_t input_count,
                          nn_plan **out) {
    return select_plan(session, inputs, input_count, true, out);
}

/* ---- running ---- */

nnopt_status nnopt_session_run(nnopt_session *session, const nnopt_tensor *inputs,
                               size_t input_count, nnopt_tensor *outputs) {
    if (session == NULL || (inputs == NULL && input_count > 0) || outputs == NULL) {
        return nn_fail(NN_USAGE, "session run: an argument is NULL");
    }
    nn_plan *plan;
    NN_TRY(select_plan(session, inputs, input_count, false, &plan));
    NN_TRY(check_data(session, inputs));
    NN_TRY(nn_executor_run(&session->executor, inputs, session->hook, session->hook_user));
    int64_t output_count = session->model->graph->output_count;
    for (int64_t i = 0; i < output_count; i++) outputs[i] = *nn_plan_output(plan, i);
    return NN_OK;
}

nn_status nn_session_tap(nn_session *session, int64_t index, nn_tensor *out) {
    const nn_plan *plan = nn_executor_current(&session->executor);
    if (plan == NULL) return nn_fail(NN_USAGE, "the session has not run yet");
    if (index < 0 || index >= session->lowered->tap_count) {
        return nn_fail(NN_USAGE, "the session has no tap %lld", (long long)index);
    }
    *out = *nn_plan_output(plan, session->lowered->tap_outputs[index]);
    return NN_OK;
}

nn_model *nn_session_model(const nn_session *session) {
    return session->model;
}

int nn_session_threads(const nn_session *session) {
    return nn_pool_threads(session->pool);
}

nn_device *nn_session_device(const nn_session *session) {
    return session->executor.request.target.device;
}

nn_precision nn_session_precision(const nn_session *session) {
    return session->executor.request.target.precision;
}

void nn_session_set_hook(nn_session *session, nn_step_hook hook, void *user) {
    session->hook = hook;
    session->hook_user = user;
}

/* ---- the public way in ---- */

static const nn_option_spec session_specs[] = {
    {.name = "device",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "DEVICE",
     .fallback = "cpu",
     .help = "where the model runs: cpu, cuda, or cuda:N for GPU number N; bench, eval and compare "
             "take several, separated by commas"},
    {.name = "threads",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .fallback = "0",
     .minimum = 0,
     .maximum = 256,
     .help = "threads that work on one run; 0 takes all usable cores"},
    {.name = "precision",
     .kind = NNOPT_OPTION_CHOICE,
     .metavar = "P",
     .fallback = "fp32",
     .choices = "fp32|bf16|tf32|fp16",
     .help = "arithmetic of convolutions and matrix products; bf16 needs AVX-512 BF16, AMX or a "
             "GPU, tf32 and fp16 a GPU"},
    {.name = "kernels",
     .kind = NNOPT_OPTION_CHOICE,
     .metavar = "HOW",
     .fallback = "estimate",
     .choices = "estimate|measure|exhaustive|wisdom",
     .help =
         "how kernels are chosen: as the tables rank them; by timing what is not known yet, the "
         "likely ones or all; or by what is known from before"},
    {.name = "kernel-time",
     .kind = NNOPT_OPTION_TIME,
     .metavar = "S",
     .fallback = "5",
     .minimum = 0,
     .maximum = 86400,
     .help = "how long 'measure' may take"},
    {.name = "wisdom",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "FILE",
     .help = "where measured choices are kept (default: wisdom.txt in the cache folder)"},
    {.name = "deterministic",
     .kind = NNOPT_OPTION_FLAG,
     .help = "the same bits whatever the thread count, at some cost of speed"},
};

const nn_option_table nn_options_session = {"session", session_specs,
                                            sizeof session_specs / sizeof *session_specs};

static nn_selection read_selection(const char *text) {
    static const char *const names[] = {[NN_SELECT_MEASURE] = "measure",
                                        [NN_SELECT_EXHAUSTIVE] = "exhaustive",
                                        [NN_SELECT_WISDOM] = "wisdom"};
    for (int i = NN_SELECT_MEASURE; i <= NN_SELECT_WISDOM; i++)
        if (strcmp(text, names[i]) == 0) return (nn_selection)i;
    return NN_SELECT_ESTIMATE;
}

/* Sets what runs the model; `device` is one name. */
static nn_status choose_device(const char *device, nn_session_options *out) {
    const nn_isa isa = nn_cpu_get()->isa;
    out->device = NULL;
    if (strcmp(device, "cpu") != 0) {
        if (out->selection != NN_SELECT_ESTIMATE)
            return nn_fail(NN_USAGE, "option 'kernels' is for the CPU; kernels of a device that "
                                     "need it are measured when a plan is made");
        return nn_device_open_kernels(device, &out->device);
    }
    if (out->precision == NN_PRECISION_FP32) return NN_OK;
    if (out->precision != NN_PRECISION_BF16)
        return nn_fail(NN_UNSUPPORTED, "precision '%s' needs a GPU (--device cuda)",
                       nn_precision_name(out->precision));
    if (isa < NN_ISA_BF16)
        return nn_fail(NN_UNSUPPORTED,
                       "precision 'bf16' needs AVX-512 BF16 or AMX, this CPU has %s",
                       nn_isa_name(isa));
    return NN_OK;
}

/* All but the device. */
static nn_status read_common(const nnopt_options *options, nn_session_options *out) {
    const nn_option_table *table = &nn_options_session;
    *out = (nn_session_options){
        .threads = (int)nn_option_int(options, table, "threads"),
        .selection = read_selection(nn_option_text(options, table, "kernels")),
        .selection_seconds = nn_option_time(options, table, "kernel-time"),
        .wisdom = nn_option_text(options, table, "wisdom"),
        .deterministic = nn_option_flag(options, "deterministic"),
    };
    if (out->deterministic && out->selection != NN_SELECT_ESTIMATE)
        return nn_fail(NN_USAGE,
                       "options 'deterministic' and 'kernels' contradict each other: what "
                       "is measured differs from run to run");
    return nn_precision_find(nn_option_text(options, table, "precision"), &out->precision);
}

nn_status nn_session_options_read(const nnopt_options *options, nn_session_options *out) {
    const char *device = nn_option_text(options, &nn_options_session, "device");
    NN_TRY(read_common(options, out));
    if (strchr(device, ',') != NULL)
        return nn_fail(NN_USAGE, "option 'device' takes one device here, got '%s'", device);
    return choose_device(device, out);
}

nn_status nn_session_options_read_each(const nnopt_options *options, nn_session_options *out,
                                       int limit, int *count) {
    const char *rest = nn_option_text(options, &nn_options_session, "device");
    nn_session_options common;
    NN_TRY(read_common(options, &common));
    for (*count = 0;; (*count)++) {
        char name[64];
        const size_t length = strcspn(rest, ",");
        if (*count == limit)
            return nn_fail(NN_USAGE, "option 'device' takes up to %d devices here", limit);
        snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name),
                 rest);
        out[*count] = common;
        NN_TRY(choose_device(name, &out[*count]));
        rest += length;
        if (*rest++ == '\0') break;
    }
    (*count)++;
    return NN_OK;
}

nnopt_status nnopt_session_create(nnopt_model *model, const nnopt_options *options,
                                  nnopt_session **out) {
    if (model == NULL || out == NULL) return nn_fail(NN_USAGE, "session: an argument is NULL");
    const nn_option_table *tables[] = {&nn_options_session};
    nn_session_options read;
    NN_TRY(nn_options_check(options, tables, 1));
    NN_TRY(nn_session_options_read(options, &read));
    return nn_session_open(model, &read, out);
}
