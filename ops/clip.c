#include "ops/cpu/float32/rows_f32.h"

#include <float.h>

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_clip_attrs *parsed = out;
    parsed->from_input = node->opset >= 11;
    NN_TRY(nn_attrs_float(attrs, "min", -FLT_MAX, &parsed->low));
    return nn_attrs_float(attrs, "max", FLT_MAX, &parsed->high);
}

/* Bounds come as an array of two elements of the row's type; NaN stays. */
#define CLIP_ROW(TYPE, type, suffix)                                                               \
    static inline type clip_one_##suffix(type x, type low, type high) {                            \
        x = x < low ? low : x;                                                                     \
        return x > high ? high : x;                                                                \
    }                                                                                              \
    static void clip_##suffix(const void *bounds, const void *x, void *y, int64_t count) {         \
        const type low = ((const type *)bounds)[0], high = ((const type *)bounds)[1];              \
        const type *xs = x;                                                                        \
        type *ys = y;                                                                              \
        _Pragma("GCC ivdep") for (int64_t i = 0; i < count; i++) ys[i] =                           \
            clip_one_##suffix(xs[i], low, high);                                                   \
    }
NN_EACH_REAL(CLIP_ROW)
NN_EACH_INTEGER(CLIP_ROW)

#define CLIP_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = clip_##suffix,
static const nn_unary_rows rows = {{NN_EACH_REAL(CLIP_ENTRY) NN_EACH_INTEGER(CLIP_ENTRY)}};

/* The widest bounds of a type. */
#define WIDEST_CASE(TYPE, type, suffix)                                                            \
    case NNOPT_##TYPE:                                                                             \
        ((type *)bounds)[0] = (type)low;                                                           \
        ((type *)bounds)[1] = (type)high;                                                          \
        break;
static void set_widest(nn_type type, void *bounds) {
    int bits = nn_type_bits(type);
    uint64_t high = nn_type_is_signed(type) ? UINT64_MAX >> (65 - bits) : UINT64_MAX >> (64 - bits);
    uint64_t low = nn_type_is_signed(type) ? 0 - high - 1 : 0;
    switch (type) {
        NN_EACH_INTEGER(WIDEST_CASE)
    case NNOPT_DOUBLE:
        ((double *)bounds)[0] = -__builtin_inf();
        ((double *)bounds)[1] = __builtin_inf();
        break;
    default:
        ((float *)bounds)[0] = -__builtin_inff();
        ((float *)bounds)[1] = __builtin_inff();
        break;
    }
}

static void set_bound(nn_type type, int place, const nn_tensor *value, void *bounds) {
    if (value == NULL || nn_tensor_count(value) == 0) return;
    if (nn_type_in(type, NN_TYPES_HALF))
        nn_load_float(type, value->data, (float *)bounds + place, 1);
    else
        memcpy(nn_at_out(bounds, type, place), value->data, (size_t)nn_type_bits(type) / 8);
}

static nn_status run_table(const nn_call *call, const nn_unary_rows *table) {
    const nn_clip_attrs *attrs = call->node->attrs;
    nn_type type = call->in[0]->type;
    int64_t bounds[2];
    set_widest(type, bounds);
    if (attrs->from_input) {
        set_bound(type, 0, call->in_count > 1 ? call->in[1] : NULL, bounds);
        set_bound(type, 1, call->in_count > 2 ? call->in[2] : NULL, bounds);
    } else {
        float own[2] = {attrs->low, attrs->high};
        for (int i = 0; i < 2; i++) {
            if (type == NNOPT_DOUBLE)
                ((double *)bounds)[i] = own[i];
            else
                ((float *)bounds)[i] = own[i];
        }
    }
    nn_unary_apply(call, table, bounds);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    return run_table(call, &rows);
}

static nn_status run_rows(const nn_call *call, const nn_rows_f32 *best) {
    const nn_unary_rows one = {{[NNOPT_FLOAT] = best->clip}};
    return run_table(call, &one);
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_unary_accepts(node, &rows);
}

static nn_status infer(const nn_node_view *node) {
    const nn_clip_attrs *attrs = node->attrs;
    if (!attrs->from_input) return nn_infer_unary_float(node);
    NN_TRY(nn_check_types(node, 0, -1, NN_TYPES_NUMBER));
    NN_TRY(nn_check_same_types(node, 0, -1));
    for (int i = 1; i < node->in_count; i++) {
        const nn_fact *bound = node->in[i];
        if (bound != NULL && bound->rank >= 0 && nn_fact_count(bound) > 1)
            return nn_view_fail(node, NN_BAD_INPUT, "bound %d has %lld elements, not 1", i,
                                (long long)nn_fact_count(bound));
    }
    return nn_infer_like(node);
}

static const nn_kernel clip_reference = {
    .name = "clip_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 1,
    .in_place = 1,
    .accepts = accepts,
    .run = run,
};

NN_ROWS_F32_KERNEL(clip, avx2, NN_ISA_AVX2, NN_LAYOUT_ANY, 1, run_rows)
NN_ROWS_F32_KERNEL(clip, avx512, NN_ISA_AVX512, NN_LAYOUT_ANY, 1, run_rows)
static const nn_kernel *const kernels[] = {&clip_f32_avx512, &clip_f32_avx2, &clip_reference, NULL};

const nn_op nn_op_clip = {
    .name = "Clip",
    .domain = "",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_clip_attrs),
    .parse = parse,
    .infer = infer,
    .axes = nn_axes_of_unary,
    .quant = NN_QUANT_COMPUTES,
    .kernels = kernels,
};
