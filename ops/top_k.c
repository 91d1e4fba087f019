#include "ops/family/top_k.h"
#include "ops/family/copy.h"

typedef nn_top_k_attrs top_k_attrs;

/* Sorted results serve where any order would: `sorted` changes nothing. */
static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    top_k_attrs *parsed = out;
    int64_t largest;
    NN_TRY(nn_attrs_int(attrs, "axis", -1, &parsed->axis));
    NN_TRY(nn_attrs_int(attrs, "largest", 1, &largest));
    parsed->largest = largest != 0;
    parsed->k = -1;
    if (node->opset < 10) {
        NN_TRY(nn_attrs_int(attrs, "k", -1, &parsed->k));
        if (parsed->k < 0)
            return nn_view_fail(node, NN_BAD_INPUT, "attribute 'k' is %lld", (long long)parsed->k);
    } else if (node->in_count < 2) {
        return nn_view_fail(node, NN_BAD_INPUT, "input 1 (K) is missing");
    }
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const top_k_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    int64_t dims[NN_MAX_RANK], k = attrs->k;
    int axis;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_NUMBER));
    NN_TRY(nn_check_types(node, 1, 1, NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_check_scalar(node, 1));
    bool known = k >= 0 || nn_scalar_input(node, 1, 0, &k);
    if (known && k < 0) return nn_view_fail(node, NN_BAD_INPUT, "k is %lld", (long long)k);
    if (in->rank < 0) {
        NN_TRY(nn_set_output(node, 0, in->type, -1, NULL));
        return nn_set_output(node, 1, NNOPT_INT64, -1, NULL);
    }
    NN_TRY(nn_check_axis(node, attrs->axis, in->rank, &axis));
    if (known && nn_dim_is_known(in->dims[axis]) && k > in->dims[axis])
        return nn_view_fail(node, NN_BAD_INPUT, "k is %lld but axis %d has size %lld", (long long)k,
                            axis, (long long)in->dims[axis]);
    for (int i = 0; i < in->rank; i++) dims[i] = in->dims[i];
    dims[axis] = known ? k : NN_DIM_UNKNOWN;
    NN_TRY(nn_set_output(node, 0, in->type, in->rank, dims));
    return nn_set_output(node, 1, NNOPT_INT64, in->rank, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    out->flops = (double)nn_fact_count(node->in[0]); /* one comparison each */
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const top_k_attrs *attrs = node->attrs;
    int axis, rank = node->in[0]->rank;
    bool mixed[NN_MAX_RANK] = {0};
    NN_TRY(nn_check_axis(node, attrs->axis, rank, &axis));
    mixed[axis] = true;
    NN_TRY(nn_axes_along(node, out, mixed));
    for (int i = 0; node->out_count > 1 && i < rank; i++)
        if (i != axis) NN_TRY(nn_axes_same(node, out, nn_in_axis(0, i), nn_out_axis(1, i)));
    return NN_OK;
}

typedef struct top_k_work {
    const nn_call *call;
    int64_t size, inner, k;
    size_t element, heap_bytes;
    bool largest;
} top_k_work;

static void top_k_rows(void *argument, int64_t begin, int64_t end, int worker) {
    const top_k_work *work = argument;
    const nn_tensor *in = work->call->in[0];
    char *values = work->call->out[0] != NULL ? work->call->out[0]->data : NULL;
    nn_tensor *places = work->call->out_count > 1 ? work->call->out[1] : NULL;
    nn_candidate *best =
        (nn_candidate *)((char *)work->call->workspace + (size_t)worker * work->heap_bytes);
    for (int64_t row = begin; row < end; row++) {
        int64_t outer = row / work->inner, column = row % work->inner;
        int64_t from = outer * work->size * work->inner + column;
        int64_t to = outer * work->k * work->inner + column;
        const char *x = nn_at(in->data, in->type, from);
        nn_top_k_find(in->type, x, work->size, work->inner, work->k, work->largest, best);
        for (int64_t i = 0; i < work->k; i++) {
            int64_t place = nn_candidate_index(best[i]), target = to + i * work->inner;
            if (values != NULL)
                memcpy(values + (size_t)target * work->element,
                       x + (size_t)(place * work->inner) * work->element, work->element);
            if (places != NULL) ((int64_t *)places->data)[target] = place;
        }
    }
}

static nn_status fill_work(const nn_node_view *node, top_k_work *work) {
    const top_k_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0], *result = node->out[0] != NULL ? node->out[0] : node->out[1];
    int axis;
    NN_TRY(nn_check_axis(node, attrs->axis, in->rank, &axis));
    work->size = in->dims[axis];
    work->inner = nn_dims_product(in->dims, axis + 1, in->rank);
    work->k = result->dims[axis];
    work->element = nn_element_size(in->type);
    work->heap_bytes =
        ((size_t)work->k * sizeof(nn_candidate) + NN_ALIGNMENT - 1) / NN_ALIGNMENT * NN_ALIGNMENT;
    work->largest = attrs->largest;
    return NN_OK;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    top_k_work work;
    NN_TRY(fill_work(node, &work));
    nn_prepare_workspace(prepare, work.heap_bytes * (size_t)target->threads);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    top_k_work work = {.call = call};
    NN_TRY(fill_work(call->node, &work));
    if (work.k == 0 || nn_tensor_count(call->in[0]) == 0) return NN_OK;
    nn_parallel(call->pool, nn_tensor_count(call->in[0]) / work.size, NN_GRAIN / work.size + 1,
                top_k_rows, &work);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_NUMBER);
}

static const nn_kernel reference = {
    .name = "top_k_reference",
    .exactness = NN_EXACT,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_top_k = {
    .name = "TopK",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 2,
    .min_outputs = 2,
    .max_outputs = 2,
    .attr_size = sizeof(top_k_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
