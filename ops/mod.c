#include "ops/family/binary.h"

#include <math.h>

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_mod_attrs *parsed = out;
    int64_t truncates;
    NN_TRY(nn_attrs_int(attrs, "fmod", 0, &truncates));
    if (truncates != 0 && truncates != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'fmod' is %lld", (long long)truncates);
    parsed->truncates = truncates == 1;
    return NN_OK;
}

/* The remainder with the sign of the divisor, a zero too. */
static inline double floor_mod(double a, double b) {
    double rest = fmod(a, b);
    if (rest == 0) return copysign(0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

static inline float floor_modf(float a, float b) {
    float rest = fmodf(a, b);
    if (rest == 0) return copysignf(0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

/* Division by -1 leaves nothing, and would overflow for the most negative number. */
static inline int64_t floor_mod_int(int64_t a, int64_t b) {
    if (b == -1) return 0;
    int64_t rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static inline int64_t truncated_mod_int(int64_t a, int64_t b) {
    return b == -1 ? 0 : a % b;
}

NN_BINARY_ROW(floor_f32, float, float, floor_modf(a, b))
NN_BINARY_ROW(floor_f64, double, double, floor_mod(a, b))
NN_BINARY_ROW(truncated_f32, float, float, fmodf(a, b))
NN_BINARY_ROW(truncated_f64, double, double, fmod(a, b))
#define MOD_SIGNED(TYPE, type, suffix)                                                             \
    NN_BINARY_ROW(floor_##suffix, type, type, floor_mod_int(a, b))                                 \
    NN_BINARY_ROW(truncated_##suffix, type, type, truncated_mod_int(a, b))
#define MOD_UNSIGNED(TYPE, type, suffix) NN_BINARY_ROW(floor_##suffix, type, type, a % b)
NN_EACH_SIGNED(MOD_SIGNED)
NN_EACH_UNSIGNED(MOD_UNSIGNED)

#define FLOOR_ENTRY(TYPE, type, suffix)     [NNOPT_##TYPE] = floor_##suffix,
#define TRUNCATED_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = truncated_##suffix,
static const nn_binary_rows floor_rows = {{NN_EACH_REAL(FLOOR_ENTRY) NN_EACH_INTEGER(FLOOR_ENTRY)}};
static const nn_binary_rows truncated_rows = {
    {NN_EACH_REAL(TRUNCATED_ENTRY) NN_EACH_SIGNED(TRUNCATED_ENTRY) NN_EACH_UNSIGNED(FLOOR_ENTRY)}};

static nn_status remainder_run(const nn_call *call) {
    const nn_mod_attrs *attrs = call->node->attrs;
    NN_TRY(nn_check_divisor(call->node, call->in[1]));
    return nn_binary_run(call, attrs->truncates ? &truncated_rows : &floor_rows);
}

NN_BROADCAST_KERNEL(mod_reference, nn_binary_accepts(node, &floor_rows), remainder_run(call),
                    NN_ISA_PORTABLE, NN_EXACT, 3)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_broadcast(node, NN_TYPES_NUMBER, NNOPT_TYPE_NONE);
}

static const nn_kernel *const kernels[] = {&mod_reference, NULL};

const nn_op nn_op_mod = {
    .name = "Mod",
    .domain = "",
    .since = 10,
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_mod_attrs),
    .parse = parse,
    .infer = infer,
    .axes = nn_axes_of_broadcast,
    .kernels = kernels,
};
