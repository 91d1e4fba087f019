#include "ops/family/random.h"

#include <math.h>

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_random_attrs *parsed = out;
    NN_TRY(nn_random_parse_seed(attrs, parsed));
    NN_TRY(nn_attrs_int(attrs, "sample_size", 1, &parsed->samples));
    if (parsed->samples < 0)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'sample_size' is %lld",
                            (long long)parsed->samples);
    return nn_random_parse_type(node, attrs, NN_TYPE_BIT(NNOPT_INT32) | NN_TYPE_BIT(NNOPT_INT64),
                                NNOPT_INT32, parsed);
}

static nn_status infer(const nn_node_view *node) {
    const nn_random_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    int64_t dims[2] = {NN_DIM_UNKNOWN, attrs->samples};
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    if (in->rank >= 0 && in->rank != 2)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 must have rank 2, has %d", in->rank);
    if (in->rank == 2) dims[0] = in->dims[0];
    if (in->rank == 2 && in->dims[1] == 0)
        return nn_view_fail(node, NN_BAD_INPUT, "there are no classes to draw");
    return nn_set_output(node, 0, attrs->type, 2, dims);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    (void)target;
    nn_prepare_workspace(prepare, (size_t)node->in[0]->dims[1] * sizeof(double));
    return NN_OK;
}

/* Sums of the probabilities up to each class, not normalised; inputs are their logarithms. */
static nn_status sum_classes(const nn_call *call, int64_t row, double *sums) {
    const nn_tensor *in = call->in[0];
    int64_t classes = in->dims[1];
    double largest = -INFINITY, sum = 0;
    nn_load_double(in->type, nn_at(in->data, in->type, row * classes), sums, classes);
    for (int64_t i = 0; i < classes; i++) largest = fmax(largest, sums[i]);
    for (int64_t i = 0; i < classes; i++) sums[i] = sum += exp(sums[i] - largest);
    if (!(sum > 0 && sum < INFINITY))
        return nn_view_fail(call->node, NN_BAD_INPUT, "row %lld holds no probabilities",
                            (long long)row);
    return NN_OK;
}

/* The first class whose sum is over `value`. */
static int64_t find_class(const double *sums, int64_t classes, double value) {
    int64_t low = 0, high = classes - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sums[middle] > value)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static nn_status run(const nn_call *call) {
    const nn_random_attrs *attrs = call->node->attrs;
    nn_tensor *out = call->out[0];
    int64_t classes = call->in[0]->dims[1];
    double *sums = call->workspace;
    nn_mersenne twister;
    nn_random_start(attrs, 0, &twister);
    for (int64_t row = 0; row < out->dims[0]; row++) {
        NN_TRY(sum_classes(call, row, sums));
        for (int64_t i = 0; i < attrs->samples; i++) {
            double value = nn_mersenne_uniform(&twister) * sums[classes - 1];
            int64_t drawn = find_class(sums, classes, value);
            nn_store_int(out->type, &drawn,
                         nn_at_out(out->data, out->type, row * attrs->samples + i), 1);
        }
    }
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

static const nn_kernel reference = {
    .name = "multinomial_reference",
    .exactness = NN_RANDOM,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_multinomial = {
    .name = "Multinomial",
    .domain = "",
    .since = 7,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_random_attrs),
    .parse = parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .is_impure = true,
    .kernels = kernels,
};
