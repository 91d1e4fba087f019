/* Quantise-dequantise models: DequantizeLinear -> operator -> QuantizeLinear becomes one operator
 * on integers. What has no integer form stays as it is. */
#include "engine/lower/activation.h"
#include "engine/lower/lower_parts.h"
#include "ops/family/conv_transpose.h"

#include <math.h>

enum { MAX_OPERANDS = 128 };

/* Integers with their scale and zero point: a value and the node that dequantises or quantises it.
 */
typedef struct quantized {
    nn_node *node;
    nn_value *data, *scale, *zero; /* zero NULL: 0 */
    nn_type type;
} quantized;

/* What stands behind a node that becomes an integer operator. */
typedef struct ending {
    nn_node *activations[NN_MOST_ACTIVATIONS];
    int activation_count;
    nn_activation_chain functions;
    quantized result; /* node NULL: the result stays float */
} ending;

typedef struct folder {
    nn_lowered *lowered;
    nn_patch *patch;
    bool *taken;
} folder;

/* ---- matching ---- */

static bool is_8bit(nn_type type) {
    return type == NNOPT_UINT8 || type == NNOPT_INT8;
}

/* Scale and zero point of a Quantize- or DequantizeLinear node, when they are constants. */
static bool read_parameters(nn_node *node, quantized *out) {
    out->node = node;
    out->scale = node->inputs[1];
    out->zero = node->in_count > 2 ? node->inputs[2] : NULL;
    if (!nn_value_is_constant(out->scale) || out->scale->fact.type != NNOPT_FLOAT) return false;
    return out->zero == NULL || nn_value_is_constant(out->zero);
}

/* Is `value` a dequantised one? */
static bool match_dequantized(const nn_value *value, quantized *out) {
    if (value == NULL || value->producer == NULL) return false;
    nn_node *node = value->producer;
    if (node->op != &nn_op_dequantize_linear || !read_parameters(node, out)) return false;
    out->data = node->inputs[0];
    out->type = out->data->fact.type;
    return value->fact.type == NNOPT_FLOAT;
}

static bool is_per_tensor(const quantized *q) {
    return nn_tensor_count(q->scale->fact.constant) == 1;
}

/* An 8-bit operand with one scale. */
static bool match_operand(const nn_value *value, quantized *out) {
    return match_dequantized(value, out) && is_8bit(out->type) && is_per_tensor(out);
}

/* Constant 8-bit weights with one scale, or one for each index of `axis`. */
static bool match_weights(const nn_value *value, int axis, quantized *out) {
    if (!match_dequantized(value, out) || !is_8bit(out->type)) return false;
    if (!nn_value_is_constant(out->data)) return false;
    if (is_per_tensor(out)) return true;
    int64_t stated, block_size;
    const nn_attrs *attrs = &out->node->attrs;
    if (nn_attrs_int(attrs, "axis", 1, &stated) != NN_OK) return false;
    if (nn_attrs_int(attrs, "block_size", 0, &block_size) != NN_OK || block_size != 0) return false;
    int rank = out->data->fact.rank;
    if (stated < 0) stated += rank;
    return stated == axis && out->scale->fact.rank == 1 &&
           out->scale->fact.dims[0] == out->data->fact.dims[axis];
}

static bool match_quantize(nn_node *node, quantized *out) {
    if (node == NULL || node->op != &nn_op_quantize_linear || !read_parameters(node, out)) {
        return false;
    }
    out->data = node->outputs[0];
    out->type = out->data->fact.type;
    return is_8bit(out->type) && is_per_tensor(out);
}

static float scale_of(const quantized *q) {
    return (float)nn_tensor_get(q->scale->fact.constant, 0);
}

static int32_t zero_of(const quantized *q) {
    return q->zero == NULL ? 0 : (int32_t)nn_tensor_get_int(q->zero->fact.constant, 0);
}

static bool has_same_parameters(const quantized *a, const quantized *b) {
    return a->type == b->type && scale_of(a) == scale_of(b) && zero_of(a) == zero_of(b);
}

/* Does saturation to the type of `q` do what the activation would? */
static bool is_absorbed(nn_activation activation, const quantized *q) {
    int32_t lowest = q->type == NNOPT_INT8 ? -128 : 0, highest = lowest + 255;
    if (activation.kind == NN_ACT_NONE) return true;
    if (zero_of(q) != lowest) return false;
    if (activation.kind == NN_ACT_RELU) return true;
    return activation.kind == NN_ACT_CLIP && activation.alpha == 0 &&
           rintf(activation.beta / scale_of(q)) + (float)zero_of(q) >= (float)highest;
}

/* Follows at most `most` activations from `value` to QuantizeLinear. When that is not there, the
 * result stays float and nothing is taken. */
static void follow(nn_value *value, int most, ending *out) {
    for (int i = 0;; i++) {
        nn_value *x;
        nn_activation function;
        nn_node *next = nn_value_single_consumer(value);
        if (match_quantize(next, &out->result)) return;
        if (i == most || next == NULL || !nn_match_activation(next, &x, &function) || x != value ||
            out->functions.count == NN_MOST_ACTIVATIONS) {
            *out = (ending){0};
            return;
        }
        out->activations[out->activation_count++] = next;
        out->functions.items[out->functions.count++] = function;
        value = next->outputs[0];
    }
}

/* [activation,] QuantizeLinear behind the node. */
static void match_ending(const nn_node *node, ending *out) {
    *out = (ending){0};
    follow(node->outputs[0], 1, out);
}

static bool is_saturation(const ending *end) {
    return end->functions.count == 0 || is_absorbed(end->functions.items[0], &end->result);
}

/* ---- editing ---- */

/* The zero point as an input: operators that need one get a constant 0. */
static nn_status zero_input(folder *f, const quantized *q, nn_value **out) {
    *out = q->zero;
    if (q->zero != NULL) return NN_OK;
    nn_blob *blob;
    NN_TRY(nn_blob_create(q->type, NULL, 0, &blob));
    *out = nn_patch_constant(f->patch, "zero", blob);
    nn_blob_release(blob);
    return NN_OK;
}

static nn_status take(folder *f, const nn_node *into, nn_node *node) {
    f->taken[node->position] = true;
    if (into != node) nn_patch_remove_node(f->patch, node);
    return nn_covers_merge(&f->lowered->covers, into, node);
}

/* `into` does the dequantising of the node's operands and what the ending holds. */
static nn_status take_around(folder *f, const nn_node *into, const nn_node *node,
                             const ending *end) {
    for (int i = 0; i < node->in_count; i++) {
        const nn_node *producer = node->inputs[i] != NULL ? node->inputs[i]->producer : NULL;
        if (producer == NULL || producer->op != &nn_op_dequantize_linear) continue;
        NN_TRY(nn_covers_merge(&f->lowered->covers, into, producer));
    }
    for (int i = 0; i < end->activation_count; i++) NN_TRY(take(f, into, end->activations[i]));
    return end->result.node != NULL ? take(f, into, end->result.node) : NN_OK;
}

typedef struct replacement {
    const char *op_type, *domain;
    nn_value **inputs;
    int in_count;
    nn_attrs attrs;
    nn_activation before; /* of the epilogue */
} replacement;

/* An integer operator takes the place of `node` and its ending. */
static nn_status replace(folder *f, nn_node *node, const ending *end, const replacement *by) {
    nn_value *result = end->result.node != NULL ? end->result.data : node->outputs[0];
    nn_node *made = nn_patch_node(f->patch, by->op_type, by->domain, node->name, by->inputs,
                                  by->in_count, &result, 1, &by->attrs, node);
    if (made == NULL) return NN_OK; /* apply says why */
    if (by->before.kind != NN_ACT_NONE) {
        nn_epilogue epilogue = {.before = by->before};
        nn_patch_set_epilogue(f->patch, made, &epilogue);
    }
    NN_TRY(take(f, made, node));
    return take_around(f, made, node, end);
}

/* The node itself works on integers from now on. */
static nn_status move_to_integers(folder *f, nn_node *node, const ending *end, int first_input,
                                  int input_count) {
    NN_TRY(take_around(f, node, node, end));
    f->taken[node->position] = true;
    for (int i = first_input; i < first_input + input_count; i++) {
        nn_patch_set_input(f->patch, node, i, node->inputs[i]->producer->inputs[0]);
    }
    nn_patch_set_output(f->patch, node, 0, end->result.data);
    return NN_OK;
}

/* ---- biases ---- */

/* Is the bias in units of scale(x) scale(w), as integer operators read it? */
static bool has_product_scale(const quantized *bias, const quantized *x, const quantized *w) {
    const nn_tensor *bias_scale = bias->scale->fact.constant, *scale = w->scale->fact.constant;
    int64_t count = nn_tensor_count(scale), bias_count = nn_tensor_count(bias_scale);
    if (bias->type != NNOPT_INT32 || !nn_value_is_constant(bias->data)) return false;
    if (bias->zero != NULL) {
        for (int64_t i = 0; i < nn_tensor_count(bias->zero->fact.constant); i++) {
            if (nn_tensor_get_int(bias->zero->fact.constant, i) != 0) return false;
        }
    }
    if (bias_count != 1 && bias_count != count) return false;
    for (int64_t i = 0; i < count; i++) {
        double product = (double)scale_of(x) * nn_tensor_get(scale, i);
        double stated = nn_tensor_get(bias_scale, bias_count == 1 ? 0 : i);
        if (fabs(stated - product) > 1e-5 * product) return false;
    }
    return true;
}

/* A float bias in units of scale(x) scale(w); *out NULL when it does not fit. */
static nn_status quantize_bias(folder *f, const nn_value *bias, const quantized *x,
                               const quantized *w, nn_value **out) {
    const nn_tensor *values = bias->fact.constant, *scale = w->scale->fact.constant;
    int64_t count = nn_tensor_count(values), scales = nn_tensor_count(scale);
    *out = NULL;
    if (scales != 1 && scales != count) return NN_OK;
    nn_blob *blob;
    NN_TRY(nn_blob_create(NNOPT_INT32, values->dims, values->rank, &blob));
    bool fits = true;
    for (int64_t i = 0; i < count && fits; i++) {
        double unit = (double)scale_of(x) * nn_tensor_get(scale, scales == 1 ? 0 : i);
        double units = nearbyint(nn_tensor_get(values, i) / unit);
        fits = fabs(units) < 0x1p30;
        if (fits) ((int32_t *)blob->tensor.data)[i] = (int32_t)units;
    }
    if (fits) *out = nn_patch_constant(f->patch, bias->name, blob);
    nn_blob_release(blob);
    return NN_OK;
}

static bool is_float_constant(const nn_value *value) {
    return nn_value_is_constant(value) && value->fact.type == NNOPT_FLOAT;
}

/* ---- operators ---- */

/* QConv: x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias */
static nn_status fold_conv(folder *f, nn_node *node) {
    quantized x, w, b;
    ending end;
    if (!match_operand(node->inputs[0], &x) || !match_weights(node->inputs[1], 0, &w)) return NN_OK;
    nn_value *bias = node->in_count > 2 ? node->inputs[2] : NULL;
    if (bias != NULL && match_dequantized(bias, &b) && has_product_scale(&b, &x, &w)) {
        bias = b.data;
    } else if (bias != NULL && !is_float_constant(bias)) {
        return NN_OK;
    }
    match_ending(node, &end);
    nn_value *inputs[] = {x.data, x.scale,          x.zero,          w.data, w.scale,
                          w.zero, end.result.scale, end.result.zero, bias};
    replacement by = {.op_type = "QConv",
                      .domain = "nnopt",
                      .inputs = inputs,
                      .in_count = sizeof inputs / sizeof *inputs,
                      .attrs = node->attrs};
    if (!is_saturation(&end)) by.before = end.functions.items[0];
    return replace(f, node, &end, &by);
}

/* Most integer operators have no epilogue: an ending with more than saturation is left to float. */
static void match_plain_ending(const nn_node *node, ending *out) {
    match_ending(node, out);
    if (!is_saturation(out)) *out = (ending){0};
}

/* ---- transposed convolutions whose windows do not overlap ---- */

/* The side of the square that one input pixel becomes; 0 for all other forms. */
static int64_t square_of(const nn_node *node) {
    const nn_conv_transpose_attrs *attrs = node->attrs_parsed;
    const nn_window_attrs *window = &attrs->window;
    const nn_fact *w = &node->inputs[1]->fact;
    if (w->rank != 4 || attrs->group != 1 || attrs->has_output_shape) return 0;
    if (window->auto_pad != NN_AUTO_PAD_NONE && window->auto_pad != NN_AUTO_PAD_VALID) return 0;
    int64_t side = w->dims[2];
    for (int i = 0; i < 2; i++) {
        if (w->dims[2 + i] != side || window->stride[i] != side || window->dilation[i] != 1)
            return 0;
        if (window->pad_begin[i] != 0 || window->pad_end[i] != 0 || attrs->output_padding[i] != 0)
            return 0;
    }
    return side;
}

/* A constant's list repeated for each of `times` places of the square; scalars and NULL stay. */
static nn_status repeat(folder *f, nn_value *value, int64_t times, nn_value **out) {
    *out = value;
    if (value == NULL || value->fact.rank != 1 || value->fact.dims[0] == 1) return NN_OK;
    const nn_tensor *list = value->fact.constant;
    int64_t bytes = nn_tensor_bytes(list), count = list->dims[0] * times;
    nn_blob *blob;
    NN_TRY(nn_blob_create(list->type, &count, 1, &blob));
    for (int64_t i = 0; i < times; i++)
        memcpy((char *)blob->tensor.data + i * bytes, list->data, (size_t)bytes);
    *out = nn_patch_constant(f->patch, value->name, blob);
    nn_blob_release(blob);
    return NN_OK;
}

/* Weights [C, M, side, side] as those of a convolution of one pixel: [side side M, C, 1, 1]. */
static nn_status spread_weights(folder *f, const nn_value *value, nn_value **out) {
    const nn_tensor *w = value->fact.constant;
    int64_t inputs = w->dims[0], outputs = w->dims[1], places = w->dims[2] * w->dims[3];
    const int64_t dims[4] = {places * outputs, inputs, 1, 1};
    nn_blob *blob;
    NN_TRY(nn_blob_create(w->type, dims, 4, &blob));
    const uint8_t *from = w->data;
    uint8_t *to = blob->tensor.data;
    for (int64_t place = 0; place < places; place++)
        for (int64_t m = 0; m < outputs; m++)
            for (int64_t c = 0; c < inputs; c++) *to++ = from[(c * outputs + m) * places + place];
    *out = nn_patch_constant(f->patch, value->name, blob);
    nn_blob_release(blob);
    return NN_OK;
}

/* QConv with the channels of all places of the square, then DepthToSpace. */
static nn_status fold_conv_transpose(folder *f, nn_node *node) {
    quantized x, w, b;
    ending end;
    if (!match_operand(node->inputs[0], &x) || !match_weights(node->inputs[1], 1, &w)) return NN_OK;
    int64_t side = square_of(node);
    if (side < 1) return NN_OK;
    nn_value *bias = node->in_count > 2 ? node->inputs[2] : NULL;
    if (bias != NULL && match_dequantized(bias, &b) && has_product_scale(&b, &x, &w)) {
        bias = b.data;
    } else if (bias != NULL && !is_float_constant(bias)) {
        return NN_OK;
    }
    match_plain_ending(node, &end);
    if (end.result.node == NULL) return NN_OK;
    nn_value *inputs[] = {x.data, x.scale,          x.zero,          NULL, w.scale,
                          w.zero, end.result.scale, end.result.zero, bias};
    static const int lists[] = {4, 5, 8};
    for (int i = 0; i < 3; i++) NN_TRY(repeat(f, inputs[lists[i]], side * side, &inputs[lists[i]]));
    NN_TRY(spread_weights(f, w.data, &inputs[3]));
    nn_value *deep = nn_patch_value(f->patch, node->outputs[0]->name);
    nn_patch_node(f->patch, "QConv", "nnopt", node->name, inputs, sizeof inputs / sizeof *inputs,
                  &deep, 1, &(nn_attrs){0}, node);
    nn_attr size = {.name = "blocksize", .kind = NN_ATTR_INT, .i = side};
    replacement by = {"DepthToSpace", "", &deep, 1, {&size, 1}, {0}};
    return replace(f, node, &end, &by);
}

/* ---- matrix products, elementwise, pools, moves ---- */

/* QGemm: a, a_scale, a_zero, b, b_scale, b_zero, c, y_scale, y_zero */
static nn_status make_gemm(folder *f, nn_node *node, const quantized *a, const quantized *b,
                           nn_value *c, const ending *end, nn_attrs attrs) {
    nn_value *inputs[9] = {a->data, a->scale, NULL, b->data, b->scale, NULL, c};
    NN_TRY(zero_input(f, a, &inputs[2]));
    NN_TRY(zero_input(f, b, &inputs[5]));
    inputs[7] = end->result.scale;
    if (end->result.node != NULL) NN_TRY(zero_input(f, &end->result, &inputs[8]));
    replacement by = {"QGemm", "com.microsoft", inputs, 9, attrs, {0}};
    return replace(f, node, end, &by);
}

static nn_status fold_gemm(folder *f, nn_node *node) {
    quantized a, b, c;
    ending end;
    float alpha, beta;
    int64_t transpose_a, transpose_b;
    NN_TRY(nn_attrs_float(&node->attrs, "alpha", 1, &alpha));
    NN_TRY(nn_attrs_float(&node->attrs, "beta", 1, &beta));
    NN_TRY(nn_attrs_int(&node->attrs, "transA", 0, &transpose_a));
    NN_TRY(nn_attrs_int(&node->attrs, "transB", 0, &transpose_b));
    if (!match_operand(node->inputs[0], &a)) return NN_OK;
    if (!match_weights(node->inputs[1], transpose_b ? 0 : 1, &b)) return NN_OK;
    nn_value *addend = node->in_count > 2 ? node->inputs[2] : NULL;
    if (addend != NULL) {
        if (alpha != 1 || beta != 1) return NN_OK;
        if (is_float_constant(addend)) {
            NN_TRY(quantize_bias(f, addend, &a, &b, &addend));
        } else if (match_dequantized(addend, &c) && has_product_scale(&c, &a, &b)) {
            addend = c.data;
        } else {
            return NN_OK;
        }
        if (addend == NULL) return NN_OK;
    }
    match_plain_ending(node, &end);
    nn_attr items[] = {{.name = "alpha", .kind = NN_ATTR_FLOAT, .f = alpha},
                       {.name = "transA", .kind = NN_ATTR_INT, .i = transpose_a},
                       {.name = "transB", .kind = NN_ATTR_INT, .i = transpose_b}};
    return make_gemm(f, node, &a, &b, addend, &end, (nn_attrs){items, 3});
}

/* QLinearMatMul: a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero; a product of two matrices
 * may stay float, as a QGemm. */
static nn_status fold_matmul(folder *f, nn_node *node) {
    quantized a, b;
    ending end;
    int rank = node->inputs[1]->fact.rank;
    if (!match_operand(node->inputs[0], &a)) return NN_OK;
    bool has_weights = rank == 2 && match_weights(node->inputs[1], 1, &b);
    if (!has_weights && !match_operand(node->inputs[1], &b)) return NN_OK;
    match_plain_ending(node, &end);
    if (end.result.node == NULL) {
        if (!has_weights || node->inputs[0]->fact.rank != 2) return NN_OK;
        return make_gemm(f, node, &a, &b, NULL, &end, (nn_attrs){0});
    }
    nn_value *inputs[8] = {a.data, a.scale, NULL, b.data, b.scale, NULL, end.result.scale, NULL};
    NN_TRY(zero_input(f, &a, &inputs[2]));
    NN_TRY(zero_input(f, &b, &inputs[5]));
    NN_TRY(zero_input(f, &end.result, &inputs[7]));
    replacement by = {"QLinearMatMul", "", inputs, 8, {0}, {0}};
    return replace(f, node, &end, &by);
}

/* QLinearAdd, QLinearMul: a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero */
static nn_status fold_binary(folder *f, nn_node *node) {
    quantized a, b;
    ending end;
    if (!match_operand(node->inputs[0], &a) || !match_operand(node->inputs[1], &b)) return NN_OK;
    match_plain_ending(node, &end);
    if (end.result.node == NULL || a.type != b.type || a.type != end.result.type) return NN_OK;
    nn_value *inputs[] = {a.data,  a.scale, a.zero,           b.data,
                          b.scale, b.zero,  end.result.scale, end.result.zero};
    const char *op_type = node->op == &nn_op_add ? "QLinearAdd" : "QLinearMul";
    replacement by = {op_type, "com.microsoft", inputs, 8, {0}, {0}};
    return replace(f, node, &end, &by);
}

/* Inputs x, x_scale, x_zero, y_scale, y_zero, as all operators of one operand have them. */
static nn_status replace_unary(folder *f, nn_node *node, const nn_value *operand, const ending *end,
                               const char *op_type, const char *domain, nn_attrs attrs) {
    quantized x;
    if (!match_operand(operand, &x) || end->result.node == NULL) return NN_OK;
    nn_value *inputs[5] = {x.data, x.scale, NULL, end->result.scale, NULL};
    NN_TRY(zero_input(f, &x, &inputs[2]));
    NN_TRY(zero_input(f, &end->result, &inputs[4]));
    replacement by = {op_type, domain, inputs, 5, attrs, {0}};
    return replace(f, node, end, &by);
}

static nn_status fold_pool(folder *f, nn_node *node) {
    quantized x;
    ending end;
    if (!match_operand(node->inputs[0], &x)) return NN_OK;
    match_plain_ending(node, &end);
    if (end.result.node == NULL || end.result.type != x.type) return NN_OK;
    if (node->op == &nn_op_global_average_pool) {
        return replace_unary(f, node, node->inputs[0], &end, "QLinearGlobalAveragePool",
                             "com.microsoft", (nn_attrs){0});
    }
    return replace_unary(f, node, node->inputs[0], &end, "QLinearAveragePool", "com.microsoft",
                         node->attrs);
}

/* Activations in a row become one table. */
static nn_status fold_activation(folder *f, nn_node *node, const nn_value *x,
                                 nn_activation activation) {
    ending end = {.functions = {1, {activation}}};
    nn_chain_storage storage;
    follow(node->outputs[0], NN_MOST_ACTIVATIONS, &end);
    return replace_unary(f, node, x, &end, "QLinearLookup", "nnopt",
                         nn_activation_chain_attrs(&end.functions, &storage));
}

/* DequantizeLinear -> QuantizeLinear: `node` is the latter. */
static nn_status fold_requantize(folder *f, nn_node *node) {
    quantized x, y;
    nn_chain_storage storage;
    if (!match_operand(node->inputs[0], &x) || !match_quantize(node, &y)) return NN_OK;
    ending end = {0};
    if (has_same_parameters(&x, &y)) {
        replacement by = {"Identity", "", &x.data, 1, {0}, {0}};
        return replace(f, node, &end, &by);
    }
    nn_value *inputs[5] = {x.data, x.scale, NULL, y.scale, NULL};
    NN_TRY(zero_input(f, &x, &inputs[2]));
    NN_TRY(zero_input(f, &y, &inputs[4]));
    replacement by = {"QLinearLookup",
                      "nnopt",
                      inputs,
                      5,
                      nn_activation_chain_attrs(&(nn_activation_chain){0}, &storage),
                      {0}};
    return replace(f, node, &end, &by);
}

/* QLinearConcat: y_scale, y_zero, then x, x_scale, x_zero of each part; with equal parameters
 * Concat itself moves the integers. */
static nn_status fold_concat(folder *f, nn_node *node) {
    quantized x;
    ending end;
    nn_value *inputs[2 + 3 * MAX_OPERANDS];
    if (node->in_count > MAX_OPERANDS) return NN_OK;
    match_plain_ending(node, &end);
    if (end.result.node == NULL) return NN_OK;
    bool is_move = end.functions.count == 0;
    for (int i = 0; i < node->in_count; i++) {
        if (!match_operand(node->inputs[i], &x)) return NN_OK;
        is_move = is_move && has_same_parameters(&x, &end.result);
    }
    if (is_move) return move_to_integers(f, node, &end, 0, node->in_count);
    inputs[0] = end.result.scale;
    NN_TRY(zero_input(f, &end.result, &inputs[1]));
    for (int i = 0; i < node->in_count; i++) {
        match_operand(node->inputs[i], &x);
        inputs[2 + 3 * i] = x.data;
        inputs[3 + 3 * i] = x.scale;
        NN_TRY(zero_input(f, &x, &inputs[4 + 3 * i]));
    }
    replacement by = {"QLinearConcat",        "com.microsoft", inputs,
                      2 + 3 * node->in_count, node->attrs,     {0}};
    return replace(f, node, &end, &by);
}

/* Interpolation makes numbers between those that it is given. */
static bool interpolates(const nn_node *node) {
    const char *mode;
    if (node->op != &nn_op_resize && node->op != &nn_op_upsample) return false;
    return nn_attrs_string(&node->attrs, "mode", "nearest", &mode) != NN_OK ||
           strcmp(mode, "nearest") != 0;
}

/* An operator that only moves data does so with integers when the parameters agree. */
static nn_status fold_move(folder *f, nn_node *node) {
    quantized x, other;
    ending end = {0};
    if (!match_operand(node->inputs[0], &x)) return NN_OK;
    for (int i = 1; i < node->in_count; i++) {
        if (match_dequantized(node->inputs[i], &other)) return NN_OK;
    }
    nn_node *next = nn_value_single_consumer(node->outputs[0]);
    if (!match_quantize(next, &end.result) || !has_same_parameters(&x, &end.result)) return NN_OK;
    return move_to_integers(f, node, &end, 0, 1);
}

static nn_status fold_node(folder *f, nn_node *node) {
    nn_activation activation;
    nn_value *x;
    if (node->op == NULL || node->out_count != 1 || node->in_count < 1) return NN_OK;
    if (node->inputs[0] == NULL || node->outputs[0] == NULL) return NN_OK;
    if (node->op == &nn_op_conv) return fold_conv(f, node);
    if (node->op == &nn_op_conv_transpose) return fold_conv_transpose(f, node);
    if (node->op == &nn_op_gemm) return fold_gemm(f, node);
    if (node->op == &nn_op_matmul) return fold_matmul(f, node);
    if (node->op == &nn_op_concat) return fold_concat(f, node);
    if (node->op == &nn_op_quantize_linear) return fold_requantize(f, node);
    if (node->op == &nn_op_average_pool || node->op == &nn_op_global_average_pool) {
        return fold_pool(f, node);
    }
    if (nn_match_activation(node, &x, &activation)) return fold_activation(f, node, x, activation);
    if (node->op == &nn_op_add || node->op == &nn_op_mul) return fold_binary(f, node);
    if (node->op->quant == NN_QUANT_MOVES && !interpolates(node)) return fold_move(f, node);
    return NN_OK;
}

static nn_status fold_all(nn_lowered *lowered, nn_patch *patch, bool *taken) {
    folder f = {lowered, patch, taken};
    for (int64_t i = 0; i < lowered->graph->node_count; i++) {
        if (!taken[i]) NN_TRY(fold_node(&f, lowered->graph->nodes[i]));
    }
    return NN_OK;
}

nn_status nn_lower_quantized(nn_lowered *lowered) {
    return nn_lower_edit(lowered, "operators between dequantising and quantising", fold_all);
}
