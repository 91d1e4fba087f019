#include "optim/linear_node.h"

static bool init_conv(nn_node *node, nn_linear_node *out) {
    const nn_conv_attrs *attrs = node->attrs_parsed;
    const nn_tensor *weights = node->inputs[1]->fact.constant;
    if (weights->rank < 3 || attrs->group < 1 || weights->dims[0] % attrs->group != 0) return false;
    out->is_conv = true;
    out->has_bias = true;
    out->groups = attrs->group;
    out->outputs = weights->dims[0] / attrs->group;
    out->inputs = weights->dims[1];
    out->taps = 1;
    for (int i = 2; i < weights->rank; i++) out->taps *= weights->dims[i];
    return true;
}

static bool init_product(nn_node *node, nn_linear_node *out) {
    bool is_gemm = node->op == &nn_op_gemm;
    const nn_tensor *weights = node->inputs[1]->fact.constant;
    float alpha = 1, beta = 1;
    int64_t transposed_a = 0, transposed_b = 0;
    if (weights->rank != 2) return false;
    if (is_gemm && (nn_attrs_float(&node->attrs, "alpha", 1, &alpha) != NN_OK ||
                    nn_attrs_float(&node->attrs, "beta", 1, &beta) != NN_OK ||
                    nn_attrs_int(&node->attrs, "transA", 0, &transposed_a) != NN_OK ||
                    nn_attrs_int(&node->attrs, "transB", 0, &transposed_b) != NN_OK))
        return false;
    if (alpha != 1 || beta != 1 || transposed_a != 0) return false;
    out->transposed = transposed_b != 0;
    out->has_bias = is_gemm;
    out->groups = out->taps = 1;
    out->inputs = weights->dims[out->transposed ? 1 : 0];
    out->outputs = weights->dims[out->transposed ? 0 : 1];
    return true;
}

bool nn_linear_node_init(nn_node *node, nn_linear_node *out) {
    *out = (nn_linear_node){.node = node};
    if (node->op != &nn_op_conv && node->op != &nn_op_gemm && node->op != &nn_op_matmul)
        return false;
    if (!nn_value_is_constant(node->inputs[1]) || nn_value_is_constant(node->inputs[0]) ||
        node->inputs[1]->fact.constant->type != NNOPT_FLOAT)
        return false;
    if (!(node->op == &nn_op_conv ? init_conv(node, out) : init_product(node, out))) return false;
    /* A bias that is not one constant a channel cannot be replaced. */
    if (out->has_bias && node->in_count > 2 && node->inputs[2] != NULL) {
        const nn_tensor *bias = node->inputs[2]->fact.constant;
        if (bias == NULL || bias->type != NNOPT_FLOAT || bias->rank != 1 ||
            bias->dims[0] != out->groups * out->outputs)
            return false;
    }
    out->side = out->inputs * out->taps + (out->has_bias ? 1 : 0);
    return out->inputs > 0 && out->outputs > 0;
}

static const float *bias_of(const nn_linear_node *linear) {
    const nn_node *node = linear->node;
    bool present = linear->has_bias && node->in_count > 2 && node->inputs[2] != NULL;
    return present ? node->inputs[2]->fact.constant->data : NULL;
}

void nn_linear_get(const nn_linear_node *linear, int64_t group, double *matrix) {
    const float *weights = linear->node->inputs[1]->fact.constant->data, *bias = bias_of(linear);
    int64_t columns = linear->inputs * linear->taps;
    bool by_rows = linear->is_conv || linear->transposed;
    for (int64_t o = 0; o < linear->outputs; o++) {
        int64_t channel = group * linear->outputs + o;
        double *row = matrix + o * linear->side;
        for (int64_t c = 0; c < columns; c++)
            row[c] = by_rows ? weights[channel * columns + c] : weights[c * linear->outputs + o];
        if (linear->has_bias) row[columns] = bias != NULL ? bias[channel] : 0;
    }
}

nn_status nn_linear_set(const nn_linear_node *linear, nn_graph *graph, const double *matrices,
                        const char *pass, const char *reason) {
    const nn_tensor *old = linear->node->inputs[1]->fact.constant;
    int64_t columns = linear->inputs * linear->taps, channels = linear->groups * linear->outputs;
    bool by_rows = linear->is_conv || linear->transposed;
    nn_blob *weights = NULL, *bias = NULL;
    nn_patch *patch = NULL;
    nn_status status = nn_blob_create(NNOPT_FLOAT, old->dims, old->rank, &weights);
    if (status == NN_OK && linear->has_bias)
        status = nn_blob_create(NNOPT_FLOAT, &channels, 1, &bias);
    if (status == NN_OK) status = nn_patch_begin(graph, pass, reason, &patch);
    if (status == NN_OK) {
        float *to = weights->tensor.data;
        for (int64_t channel = 0; channel < channels; channel++) {
            const double *row = matrices + channel * linear->side;
            for (int64_t c = 0; c < columns; c++)
                to[by_rows ? channel * columns + c : c * linear->outputs + channel] = (float)row[c];
            if (bias != NULL) ((float *)bias->tensor.data)[channel] = (float)row[columns];
        }
        const nn_node *node = linear->node;
        nn_patch_set_input(patch, linear->node, 1,
                           nn_patch_constant(patch, node->inputs[1]->name, weights));
        if (bias != NULL) {
            nn_value *value = nn_patch_constant(
                patch, bias_of(linear) != NULL ? node->inputs[2]->name : "bias", bias);
            if (node->in_count > 2)
                nn_patch_set_input(patch, linear->node, 2, value);
            else
                nn_patch_append_input(patch, linear->node, value);
        }
        status = nn_patch_apply(patch);
    }
    nn_blob_release(weights);
    nn_blob_release(bias);
    return status;
}

/* ---- positions ---- */

static nn_status fail_shape(const nn_linear_node *linear) {
    return nn_fail(NN_INTERNAL, "node '%s' (%s): a tapped input has another shape",
                   linear->node->name, linear->node->op_type);
}

static nn_status conv_axes(const nn_linear_node *linear, const nn_tensor *x,
                           nn_window_axis axes[NN_MAX_SPATIAL]) {
    const nn_conv_attrs *attrs = linear->node->attrs_parsed;
    const nn_tensor *weights = linear->node->inputs[1]->fact.constant;
    if (x->rank != weights->rank || x->dims[1] != linear->groups * linear->inputs)
        return fail_shape(linear);
    nn_view_storage storage;
    nn_node_view view;
    NN_TRY(nn_node_view_init(linear->node, &storage, &view));
    int spatial = x->rank - 2, missing = NN_MAX_SPATIAL - spatial;
    nn_status status = NN_OK;
    for (int i = 0; i < missing; i++)
        axes[i] = (nn_window_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    for (int i = 0; status == NN_OK && i < spatial; i++)
        status = nn_window_slide(&view, &attrs->window, i, x->dims[2 + i], weights->dims[2 + i],
                                 false, &axes[missing + i]);
    nn_node_view_clear(&storage);
    return status;
}

nn_status nn_linear_rows_init(const nn_linear_node *linear, const nn_tensor *x,
                              nn_linear_rows *out) {
    *out = (nn_linear_rows){.linear = linear, .x = x};
    if (linear->is_conv) {
        NN_TRY(conv_axes(linear, x, out->axes));
        out->count = x->dims[0] * out->axes[0].out * out->axes[1].out * out->axes[2].out;
        return NN_OK;
    }
    if (x->rank < 1 || x->dims[x->rank - 1] != linear->inputs) return fail_shape(linear);
    out->count = nn_tensor_count(x) / linear->inputs;
    return NN_OK;
}

static void gather_conv(const nn_linear_rows *rows, int64_t position, int64_t group, float *row) {
    const nn_linear_node *linear = rows->linear;
    const nn_window_axis *axes = rows->axes;
    int64_t out_pixels = axes[0].out * axes[1].out * axes[2].out;
    int64_t in_pixels = axes[0].in * axes[1].in * axes[2].in;
    int64_t sample = position / out_pixels, pixel = position % out_pixels;
    int64_t at[NN_MAX_SPATIAL] = {pixel / (axes[1].out * axes[2].out),
                                  pixel / axes[2].out % axes[1].out, pixel % axes[2].out};
    const float *data = (const float *)rows->x->data +
                        (sample * linear->groups + group) * linear->inputs * in_pixels;
    for (int64_t c = 0; c < linear->inputs; c++, data += in_pixels)
        for (int64_t a = 0; a < axes[0].kernel; a++)
            for (int64_t b = 0; b < axes[1].kernel; b++)
                for (int64_t k = 0; k < axes[2].kernel; k++) {
                    int64_t d = at[0] * axes[0].stride + a * axes[0].dilation - axes[0].pad_begin;
                    int64_t h = at[1] * axes[1].stride + b * axes[1].dilation - axes[1].pad_begin;
                    int64_t w = at[2] * axes[2].stride + k * axes[2].dilation - axes[2].pad_begin;
                    bool inside = d >= 0 && d < axes[0].in && h >= 0 && h < axes[1].in && w >= 0 &&
                                  w < axes[2].in;
                    *row++ = inside ? data[(d * axes[1].in + h) * axes[2].in + w] : 0;
                }
    *row = 1;
}

void nn_linear_gather(const nn_linear_rows *rows, int64_t position, int64_t group, float *row) {
    const nn_linear_node *linear = rows->linear;
    if (linear->is_conv) {
        gather_conv(rows, position, group, row);
        return;
    }
    memcpy(row, (const float *)rows->x->data + position * linear->inputs,
           (size_t)linear->inputs * sizeof *row);
    if (linear->has_bias) row[linear->inputs] = 1;
}

void nn_linear_gather_output(const nn_linear_node *linear, const nn_tensor *y, int64_t position,
                             int64_t group, const int64_t *channels, float *row) {
    int channel_axis = linear->is_conv ? 1 : y->rank - 1;
    int64_t count = y->dims[channel_axis], pixels = 1;
    for (int i = channel_axis + 1; i < y->rank; i++) pixels *= y->dims[i];
    const float *data =
        (const float *)y->data + position / pixels * count * pixels + position % pixels;
    for (int64_t o = 0; o < linear->outputs; o++) {
        int64_t channel = group * linear->outputs + o;
        row[o] = data[(channels != NULL ? channels[channel] : channel) * pixels];
    }
}
