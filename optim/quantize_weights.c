#include "optim/quantize_weights.h"

#include <math.h>

enum { GRID_STEPS = 21 }; /* 0.80, 0.81, ... 1.00 of the largest magnitude */

/* A tensor seen as outer x channels x inner around the channel axis. */
typedef struct channel_view {
    int64_t outer, channels, inner;
} channel_view;

static channel_view view_of(const nn_tensor *tensor, int axis) {
    channel_view view = {1, tensor->dims[axis], 1};
    for (int i = 0; i < axis; i++) view.outer *= tensor->dims[i];
    for (int i = axis + 1; i < tensor->rank; i++) view.inner *= tensor->dims[i];
    return view;
}

static float quantize(float value, float scale) {
    return fminf(fmaxf(nearbyintf(value / scale), -127), 127);
}

/* Squared error of the channels [first, last) with this scale. */
static double squared_error(const float *weights, channel_view view, int64_t first, int64_t last,
                            float scale) {
    double error = 0;
    for (int64_t o = 0; o < view.outer; o++)
        for (int64_t c = first; c < last; c++) {
            const float *row = weights + (o * view.channels + c) * view.inner;
            for (int64_t i = 0; i < view.inner; i++) {
                double miss = row[i] - quantize(row[i], scale) * scale;
                error += miss * miss;
            }
        }
    return error;
}

static float largest_magnitude(const float *weights, channel_view view, int64_t first,
                               int64_t last) {
    float largest = 0;
    for (int64_t o = 0; o < view.outer; o++)
        for (int64_t c = first; c < last; c++) {
            const float *row = weights + (o * view.channels + c) * view.inner;
            for (int64_t i = 0; i < view.inner; i++) largest = fmaxf(largest, fabsf(row[i]));
        }
    return largest;
}

static float best_scale(const float *weights, channel_view view, int64_t first, int64_t last) {
    float largest = largest_magnitude(weights, view, first, last), best = largest / 127;
    if (!(largest > 1e-30f)) return 1;
    double least = INFINITY;
    for (int i = 0; i < GRID_STEPS; i++) {
        float scale = largest * (1 - 0.01f * (float)i) / 127;
        double error = squared_error(weights, view, first, last, scale);
        if (error < least) {
            least = error;
            best = scale;
        }
    }
    return best;
}

nn_status nn_quantize_weights(const nn_tensor *weights, int axis, bool per_channel,
                              nn_quantized_weights *out) {
    memset(out, 0, sizeof *out);
    channel_view view = view_of(weights, axis);
    out->axis = axis;
    out->channels = view.channels;
    nn_status status = nn_blob_create(NNOPT_INT8, weights->dims, weights->rank, &out->values);
    if (status == NN_OK) status = nn_blob_create(NNOPT_FLOAT, &view.channels, 1, &out->scales);
    if (status == NN_OK) status = nn_blob_create(NNOPT_INT8, &view.channels, 1, &out->zeros);
    if (status != NN_OK) {
        nn_quantized_weights_clear(out);
        return status;
    }

    const float *source = weights->data;
    float *scales = out->scales->tensor.data;
    int8_t *values = out->values->tensor.data;
    float shared = per_channel ? 0 : best_scale(source, view, 0, view.channels);
    double error = 0, signal = 0;
    for (int64_t c = 0; c < view.channels; c++) {
        scales[c] = per_channel ? best_scale(source, view, c, c + 1) : shared;
        error += squared_error(source, view, c, c + 1, scales[c]);
        for (int64_t o = 0; o < view.outer; o++)
            for (int64_t i = 0; i < view.inner; i++) {
                int64_t index = (o * view.channels + c) * view.inner + i;
                values[index] = (int8_t)quantize(source[index], scales[c]);
                signal += (double)source[index] * source[index];
            }
    }
    out->noise_db = error > 0 && signal > 0 ? 10 * log10(signal / error) : INFINITY;
    return NN_OK;
}

void nn_quantized_weights_clear(nn_quantized_weights *weights) {
    nn_blob_release(weights->values);
    nn_blob_release(weights->scales);
    nn_blob_release(weights->zeros);
    memset(weights, 0, sizeof *weights);
}

nn_status nn_quantize_bias(const nn_tensor *bias, float activation_scale, const nn_tensor *scales,
                           nn_blob **values, nn_blob **bias_scales) {
    int64_t count = nn_tensor_count(bias);
    nn_blob *integers = NULL, *steps = NULL;
    NN_TRY(nn_blob_create(NNOPT_INT32, &count, 1, &integers));
    nn_status status = nn_blob_create(NNOPT_FLOAT, &count, 1, &steps);
    if (status != NN_OK) {
        nn_blob_release(integers);
        return status;
    }
    for (int64_t i = 0; i < count; i++) {
        float step = activation_scale * ((const float *)scales->data)[i];
        ((float *)steps->tensor.data)[i] = step;
        double value = nearbyint((double)((const float *)bias->data)[i] / (double)step);
        nn_tensor_set(&integers->tensor, i, value);
    }
    *values = integers;
    *bias_scales = steps;
    return NN_OK;
}

int nn_weight_channel_axis(const nn_node *node) {
    if (node->in_count < 2 || !nn_value_is_constant(node->inputs[1])) return -1;
    const nn_tensor *weights = node->inputs[1]->fact.constant;
    if (weights->type != NNOPT_FLOAT || weights->rank < 2 || node->domain[0] != '\0') return -1;
    int64_t value = 0;
    if (strcmp(node->op_type, "Conv") == 0) return 0;
    if (strcmp(node->op_type, "MatMul") == 0) return weights->rank == 2 ? 1 : -1;
    if (strcmp(node->op_type, "Gemm") == 0)
        return nn_attrs_int(&node->attrs, "transB", 0, &value) == NN_OK && value != 0 ? 0 : 1;
    if (strcmp(node->op_type, "ConvTranspose") == 0)
        return nn_attrs_int(&node->attrs, "group", 1, &value) == NN_OK && value == 1 ? 1 : -1;
    return -1;
}
