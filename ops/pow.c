#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/loops.h"

#include <math.h>

/* The exponent may have another type than the base. It is brought to int64 when both are integers,
 * to double otherwise; the result has the type of the base. */

static int64_t int_pow(int64_t base, int64_t exponent) {
    if (exponent < 0) {
        if (base == 1) return 1;
        if (base == -1) return exponent % 2 == 0 ? 1 : -1;
        return 0;
    }
    uint64_t result = 1, square = (uint64_t)base;
    for (; exponent > 0; exponent >>= 1, square *= square)
        if (exponent & 1) result *= square;
    return (int64_t)result;
}

typedef struct pow_work {
    const nn_tensor *base, *exponent;
    nn_tensor *out;
    const nn_loops *loops;
} pow_work;

/* Brings `count` elements at `offset`, `step` apart, into a block; one element when step is 0. */
static void gather(const nn_tensor *tensor, int64_t offset, int64_t step, int64_t count,
                   void *out) {
    int64_t size = nn_type_bits(tensor->type) / 8;
    if (step == 0) count = 1;
    const char *source = nn_at(tensor->data, tensor->type, offset);
    for (int64_t i = 0; i < count; i++)
        memcpy((char *)out + i * size, source + i * step * size, (size_t)size);
}

static void pow_block(const pow_work *work, int64_t base_offset, int64_t base_step,
                      int64_t exponent_offset, int64_t exponent_step, int64_t count, void *out) {
    nn_type type = work->base->type, exponent_type = work->exponent->type;
    int64_t raw[NN_BLOCK], base_ints[NN_BLOCK], exponent_ints[NN_BLOCK];
    double base[NN_BLOCK], exponent[NN_BLOCK];
    float floats[NN_BLOCK];
    int64_t b = base_step != 0, e = exponent_step != 0;
    bool exact = nn_type_is_integer(type) && nn_type_is_integer(exponent_type);
    gather(work->exponent, exponent_offset, exponent_step, count, raw);
    if (exact)
        nn_load_int(exponent_type, raw, exponent_ints, e ? count : 1);
    else
        nn_load_double(exponent_type, raw, exponent, e ? count : 1);
    gather(work->base, base_offset, base_step, count, raw);
    if (exact) {
        nn_load_int(type, raw, base_ints, b ? count : 1);
        for (int64_t i = count - 1; i >= 0; i--)
            base_ints[i] = int_pow(base_ints[i * b], exponent_ints[i * e]);
        nn_store_int(type, base_ints, out, count);
    } else if (type == NNOPT_DOUBLE || nn_type_is_integer(type)) {
        nn_load_double(type, raw, base, b ? count : 1);
        for (int64_t i = count - 1; i >= 0; i--) base[i] = pow(base[i * b], exponent[i * e]);
        if (type == NNOPT_DOUBLE) {
            nn_store_double(type, base, out, count);
            return;
        }
        nn_tensor result = {.type = type, .data = out};
        for (int64_t i = 0; i < count; i++) nn_tensor_set(&result, i, base[i]);
    } else {
        nn_load_float(type, raw, floats, b ? count : 1);
        for (int64_t i = b ? count : 1; i < count; i++) floats[i] = floats[0];
        for (int64_t i = 0; i < count; i++) floats[i] = powf(floats[i], (float)exponent[i * e]);
        nn_store_float(type, floats, out, count);
    }
}

static void pow_runs(void *argument, nn_cursor *cursor) {
    const pow_work *work = argument;
    int last = work->loops->rank - 1;
    int64_t base_step = work->loops->steps[1][last], exponent_step = work->loops->steps[2][last];
    int64_t run;
    while ((run = nn_cursor_next(cursor)) > 0)
        for (int64_t i = 0; i < run; i += NN_BLOCK)
            pow_block(work, cursor->offset[1] + i * base_step, base_step,
                      cursor->offset[2] + i * exponent_step, exponent_step,
                      run - i < NN_BLOCK ? run - i : NN_BLOCK,
                      nn_at_out(work->out->data, work->out->type, cursor->offset[0] + i));
}

static nn_status run(const nn_call *call) {
    nn_loops loops;
    nn_binary_loops(call, &loops);
    pow_work work = {call->in[0], call->in[1], call->out[0], &loops};
    nn_loops_run(&loops, call->pool, pow_runs, &work);
    return NN_OK;
}

/* Floats: one common exponent may have a row of its own. */
static nn_status run_floats(const nn_call *call, const nn_rows_f32 *rows) {
    if (nn_tensor_count(call->in[1]) == 1 &&
        nn_tensor_count(call->in[0]) == nn_tensor_count(call->out[0])) {
        float exponent = *(const float *)call->in[1]->data;
        nn_unary_row row = exponent == 2      ? rows->square
                           : exponent == 3    ? rows->cube
                           : exponent == 0.5f ? rows->sqrt
                                              : NULL;
        const nn_unary_rows one = {{[NNOPT_FLOAT] = row}};
        if (row != NULL) {
            nn_unary_apply(call, &one, NULL);
            return NN_OK;
        }
    }
    const nn_binary_rows one = {{[NNOPT_FLOAT] = rows->pow}};
    return nn_binary_run(call, &one);
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) &&
           nn_type_in(node->in[0]->type, NN_TYPES_NUMBER) &&
           nn_type_in(node->in[1]->type, NN_TYPES_NUMBER);
}

static nn_status infer(const nn_node_view *node) {
    NN_TRY(nn_check_types(node, 0, 1, NN_TYPES_NUMBER));
    return nn_infer_binary_shape(node, node->in[0]->type);
}

static const nn_kernel pow_reference = {
    .name = "pow_reference",
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = 3,
    .in_place = 1,
    .accepts = accepts,
    .run = run,
};

NN_ROWS_F32_KERNELS(pow, NN_LAYOUT_ANY, 3, run_floats)

const nn_op nn_op_pow = {
    .name = "Pow",
    .domain = "",
    .since = 1,
    NN_BINARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
