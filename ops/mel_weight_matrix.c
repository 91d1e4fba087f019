#include "ops/family/cosine_window.h"

#include <math.h>

typedef struct mel_attrs {
    nn_type type;
} mel_attrs;

enum { BINS, LENGTH, RATE, LOWER, UPPER };

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    mel_attrs *parsed = out;
    return nn_output_datatype(node, attrs, &parsed->type);
}

static nn_status infer(const nn_node_view *node) {
    const mel_attrs *attrs = node->attrs;
    static const char *const names[] = {"num_mel_bins", "dft_length", "sample_rate"};
    int64_t values[3], dims[2] = {NN_DIM_UNKNOWN, NN_DIM_UNKNOWN};
    bool known[3];
    NN_TRY(nn_check_types(node, 0, 2, NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_check_types(node, 3, 4, NN_TYPES_FLOAT));
    for (int i = 0; i < 5; i++) NN_TRY(nn_check_scalar(node, i));
    for (int i = 0; i < 3; i++) {
        known[i] = nn_scalar_input(node, i, 0, &values[i]);
        if (known[i] && (values[i] < 1 || values[i] > INT32_MAX))
            return nn_view_fail(node, NN_BAD_INPUT, "%s is %lld", names[i], (long long)values[i]);
    }
    if (known[LENGTH]) dims[0] = values[LENGTH] / 2 + 1;
    if (known[BINS]) dims[1] = values[BINS];
    return nn_set_output(node, 0, attrs->type, 2, dims);
}

/* The mel scale with 1127 = 2595 / ln 10. */
static double to_mel(double hertz) {
    return 2595 * log1p(hertz / 700) / log(10);
}

static double to_hertz(double mel) {
    return 700 * expm1(mel / 2595 * log(10));
}

/* The spectrum's bins where triangle `i` begins; it peaks where the next one begins. */
typedef struct mel_scale {
    double low, step, bins_per_hertz;
} mel_scale;

static int64_t edge_of(const mel_scale *scale, int64_t i) {
    return (int64_t)floor(to_hertz(scale->low + (double)i * scale->step) * scale->bins_per_hertz);
}

static nn_status run(const nn_call *call) {
    nn_tensor *out = call->out[0];
    int64_t rows = out->dims[0], bins = out->dims[1];
    double length = (double)nn_tensor_get_int(call->in[LENGTH], 0);
    double rate = (double)nn_tensor_get_int(call->in[RATE], 0);
    double lower = nn_tensor_get(call->in[LOWER], 0), upper = nn_tensor_get(call->in[UPPER], 0);
    if (!(lower >= 0 && upper >= lower && upper < INFINITY))
        return nn_view_fail(call->node, NN_BAD_INPUT, "edges are %g and %g hertz", lower, upper);
    mel_scale scale = {to_mel(lower), 0, (length + 1) / rate};
    scale.step = (to_mel(upper) - scale.low) / (double)(bins + 2);
    if (edge_of(&scale, bins + 1) > rows)
        return nn_view_fail(call->node, NN_BAD_INPUT,
                            "the upper edge %g is over half of the sample rate %g", upper, rate);
    nn_tensor_zero(out);
    for (int64_t i = 0; i < bins; i++) {
        int64_t left = edge_of(&scale, i), middle = edge_of(&scale, i + 1);
        int64_t right = edge_of(&scale, i + 2);
        if (right > rows) right = rows;
        for (int64_t j = left; j <= middle && j < rows; j++)
            nn_tensor_set(out, j * bins + i,
                          middle == left ? 1 : (double)(j - left) / (double)(middle - left));
        for (int64_t j = middle; j < right; j++)
            nn_tensor_set(out, j * bins + i, (double)(right - j) / (double)(right - middle));
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "mel_weight_matrix_reference",
    .exactness = NN_ROUNDING,
    .accepts = nn_cosine_window_accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_mel_weight_matrix = {
    .name = "MelWeightMatrix",
    .domain = "",
    .since = 17,
    .min_inputs = 5,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(mel_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
