#include "ops/family/loops.h"
#include "ops/family/swish.h"

static nn_status infer(const nn_node_view *node) {
    const nn_fact *a = node->in[0], *b = node->in[1];
    NN_TRY(nn_check_types(node, 0, 1, NN_TYPES_FLOAT));
    NN_TRY(nn_check_same_types(node, 0, 1));
    bool differ = a->rank >= 0 && b->rank >= 0 && a->rank != b->rank;
    for (int i = 0; !differ && i < a->rank && i < b->rank; i++)
        differ =
            nn_dim_is_known(a->dims[i]) && nn_dim_is_known(b->dims[i]) && a->dims[i] != b->dims[i];
    if (differ) {
        char a_text[200], b_text[200];
        return nn_view_fail(node, NN_BAD_INPUT, "shapes %s and %s differ",
                            nn_dims_text(a->dims, a->rank, a_text, sizeof a_text),
                            nn_dims_text(b->dims, b->rank, b_text, sizeof b_text));
    }
    return nn_infer_like(node);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    out->flops = 5 * (double)nn_fact_count(node->out[0]);
}

typedef struct swiglu_work {
    const nn_tensor *a, *b;
    nn_tensor *out;
    const nn_rows_f32 *table;
    float alpha;
} swiglu_work;

static void swiglu_doubles(const swiglu_work *work, int64_t begin, int64_t end) {
    const double *a = work->a->data, *b = work->b->data;
    double *y = work->out->data;
    for (int64_t i = begin; i < end; i++) y[i] = nn_swish_double(work->alpha, a[i]) * b[i];
}

static void swiglu_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const swiglu_work *work = argument;
    nn_type type = work->a->type;
    if (type == NNOPT_DOUBLE) {
        swiglu_doubles(work, begin, end);
        return;
    }
    float gate[NN_BLOCK], value[NN_BLOCK];
    for (int64_t i = begin; i < end; i += NN_BLOCK) {
        int64_t count = end - i < NN_BLOCK ? end - i : NN_BLOCK;
        nn_load_float(type, nn_at(work->a->data, type, i), gate, count);
        nn_load_float(type, nn_at(work->b->data, type, i), value, count);
        nn_swish_block(work->table, work->alpha, gate, gate, count);
        for (int64_t k = 0; k < count; k++) gate[k] *= value[k];
        nn_store_float(type, gate, nn_at_out(work->out->data, type, i), count);
    }
}

static nn_status run_with(const nn_call *call, const nn_rows_f32 *table) {
    const nn_alpha_beta *attrs = call->node->attrs;
    swiglu_work work = {call->in[0], call->in[1], call->out[0], table, attrs->alpha};
    nn_parallel(call->pool, nn_tensor_count(call->out[0]), NN_GRAIN, swiglu_chunk, &work);
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

static nn_status run_reference(const nn_call *call) {
    return run_with(call, &nn_rows_f32_portable);
}

static const nn_kernel swiglu_reference = {
    .name = "swiglu_reference",
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 3,
    .in_place = 3,
    .accepts = accepts,
    .run = run_reference,
};

NN_ROWS_F32_KERNELS(swiglu, NN_LAYOUT_ANY, 3, run_with)

const nn_op nn_op_swiglu = {
    .name = "SwiGLU",
    .domain = "",
    .since = 28,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_alpha_beta),
    .parse = nn_swish_parse,
    .infer = infer,
    .cost = cost,
    .axes = nn_axes_of_broadcast,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
