#include "ops/family/random.h"

#define BERNOULLI_TYPES (NN_TYPES_NUMBER | NN_TYPES_BOOL)

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    NN_TRY(nn_random_parse_seed(attrs, out));
    return nn_random_parse_type(node, attrs, BERNOULLI_TYPES, NNOPT_TYPE_NONE, out);
}

static nn_status infer(const nn_node_view *node) {
    const nn_random_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPES_FLOAT));
    return nn_set_output(node, 0, attrs->type != NNOPT_TYPE_NONE ? attrs->type : in->type, in->rank,
                         in->dims);
}

/* One uniform number for each element, compared as NumPy's binomial does: the more likely of the
 * two outcomes comes first. */
static bool draw(nn_mersenne *twister, double probability) {
    double uniform = nn_mersenne_uniform(twister);
    return probability <= 0.5 ? uniform > 1 - probability : uniform <= probability;
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    nn_mersenne twister;
    double block[NN_BLOCK];
    uint64_t one = 0;
    size_t element = nn_element_size(out->type);
    nn_tensor single = {.type = out->type, .data = &one};
    int64_t total = nn_tensor_count(in);
    nn_tensor_set(&single, 0, 1);
    nn_random_start(call->node->attrs, 0, &twister);
    /* the standard's cases draw the input first, from the same stream */
    for (int64_t i = 0; i < total; i++) nn_mersenne_uniform(&twister);
    for (int64_t begin = 0; begin < total; begin += NN_BLOCK) {
        int64_t count = total - begin < NN_BLOCK ? total - begin : NN_BLOCK;
        nn_load_double(in->type, nn_at(in->data, in->type, begin), block, count);
        char *y = nn_at_out(out->data, out->type, begin);
        memset(y, 0, (size_t)count * element);
        for (int64_t i = 0; i < count; i++) {
            if (!(block[i] >= 0 && block[i] <= 1))
                return nn_view_fail(call->node, NN_BAD_INPUT,
                                    "element %lld is %g, which is not a probability",
                                    (long long)(begin + i), block[i]);
            if (draw(&twister, block[i])) memcpy(y + (size_t)i * element, &one, element);
        }
    }
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, NN_TYPES_FLOAT);
}

static const nn_kernel reference = {
    .name = "bernoulli_reference",
    .exactness = NN_RANDOM,
    .accepts = accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_bernoulli = {
    .name = "Bernoulli",
    .domain = "",
    .since = 15,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_random_attrs),
    .parse = parse,
    .infer = infer,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_FLOAT,
    .is_impure = true,
    .kernels = kernels,
};
