#include "ops/family/copy.h"
#include "ops/family/fill.h"
#include "ops/family/random.h"

/* Elements are dropped in training mode only, which is an input since version 12. Models of older
 * versions are taken as what they are saved for: inference. */

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    (void)node;
    return nn_random_parse_seed(attrs, out);
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    nn_type_set types = NN_TYPES_FLOAT | (node->opset >= 22 ? NN_TYPES_FLOAT8 : 0);
    NN_TRY(nn_check_types(node, 0, 1, types));
    NN_TRY(nn_check_types(node, 2, 2, NN_TYPES_BOOL));
    NN_TRY(nn_check_scalar(node, 1));
    NN_TRY(nn_check_scalar(node, 2));
    NN_TRY(nn_infer_like(node));
    return nn_set_output(node, 1, node->opset >= 10 ? NNOPT_BOOL : in->type, in->rank, in->dims);
}

static bool is_training(const nn_tensor *mode) {
    return mode != NULL && nn_tensor_count(mode) > 0 && nn_tensor_get_int(mode, 0) != 0;
}

/* ---- inference: a copy, and a mask of ones ---- */

static bool accepts_inference(const nn_node_view *node, const nn_target *target) {
    bool known = nn_view_in(node, 2) == NULL || nn_view_constant(node, 2) != NULL;
    return known && !is_training(nn_view_constant(node, 2)) && nn_moves_bytes(node, target);
}

static nn_status run_inference(const nn_call *call) {
    NN_TRY(nn_copy_run(call));
    nn_tensor *mask = nn_call_out(call, 1);
    if (mask == NULL) return NN_OK;
    uint64_t bits = 0;
    nn_tensor one = {.type = mask->type, .data = &bits};
    nn_tensor_set(&one, 0, 1);
    nn_fill(call->pool, mask->data, &bits, nn_element_size(mask->type), nn_tensor_count(mask));
    return NN_OK;
}

static const nn_kernel inference = {
    .name = "dropout_inference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .in_place = 1,
    .accepts = accepts_inference,
    .run = run_inference,
};

/* ---- training: elements are kept where a uniform number reaches the ratio, and scaled ---- */

static void keep(const nn_tensor *in, nn_tensor *out, int64_t begin, const double *uniform,
                 int64_t count, double ratio) {
    const void *x = nn_at(in->data, in->type, begin);
    void *y = nn_at_out(out->data, out->type, begin);
    if (in->type == NNOPT_DOUBLE) {
        double block[NN_BLOCK], scale = 1 / (1 - ratio);
        nn_load_double(in->type, x, block, count);
        for (int64_t i = 0; i < count; i++) block[i] *= uniform[i] >= ratio ? scale : 0;
        nn_store_double(out->type, block, y, count);
        return;
    }
    float block[NN_BLOCK], scale = (float)(1 / (1 - ratio));
    nn_load_float(in->type, x, block, count);
    for (int64_t i = 0; i < count; i++) block[i] *= uniform[i] >= ratio ? scale : 0;
    if (nn_type_in(out->type, NN_TYPES_FLOAT8))
        nn_store_small(out->type, block, y, count, (nn_float_rules){0});
    else
        nn_store_float(out->type, block, y, count);
}

static nn_status run_training(const nn_call *call) {
    const nn_tensor *in = call->in[0], *given = nn_call_in(call, 1);
    nn_tensor *mask = nn_call_out(call, 1);
    double ratio = given != NULL ? nn_tensor_get(given, 0) : 0.5, uniform[NN_BLOCK];
    if (!is_training(nn_call_in(call, 2)) || ratio == 0) return run_inference(call);
    if (!(ratio > 0 && ratio < 1))
        return nn_view_fail(call->node, NN_BAD_INPUT, "ratio is %g, not in [0, 1)", ratio);
    nn_mersenne twister;
    nn_random_start(call->node->attrs, 0, &twister);
    int64_t total = nn_tensor_count(in);
    for (int64_t begin = 0; begin < total; begin += NN_BLOCK) {
        int64_t count = total - begin < NN_BLOCK ? total - begin : NN_BLOCK;
        for (int64_t i = 0; i < count; i++) uniform[i] = nn_mersenne_uniform(&twister);
        keep(in, call->out[0], begin, uniform, count, ratio);
        for (int64_t i = 0; mask != NULL && i < count; i++)
            ((uint8_t *)mask->data)[begin + i] = uniform[i] >= ratio;
    }
    return NN_OK;
}

static bool accepts_training(const nn_node_view *node, const nn_target *target) {
    return node->opset >= 12 && nn_moves_bytes(node, target);
}

static const nn_kernel training = {
    .name = "dropout_training",
    .exactness = NN_RANDOM,
    .in_place = 1,
    .accepts = accepts_training,
    .run = run_training,
};

static const nn_kernel *const kernels[] = {&inference, &training, NULL};

const nn_op nn_op_dropout = {
    .name = "Dropout",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 2,
    .attr_size = sizeof(nn_random_attrs),
    .parse = parse,
    .infer = infer,
    .cost = nn_cost_of_moving,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_MOVES,
    .is_impure = true,
    .kernels = kernels,
};
