/* QLinearSoftmax: softmax of dequantised numbers, quantised. Exponentials come from a table of the
 * 256 distances that two bytes can have; inputs x, x_scale, x_zero, y_scale, y_zero. The zero point
 * of x cancels. As ONNX Runtime has it, the table's largest entry is as large as sums of a row
 * allow, and results are in steps of 1 / floor(1 / y_scale). */
#include "ops/family/axes.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"
#include "ops/family/quantization.h"

#include <float.h>
#include <math.h>

enum { X, X_SCALE, X_ZERO, Y_SCALE, Y_ZERO, DISTANCES = 256 };

typedef struct softmax_attrs {
    int64_t axis;
    bool is_flat; /* before opset 13: over all axes from `axis` on */
} softmax_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    softmax_attrs *a = out;
    int64_t opset;
    if (nn_attrs_find(attrs, "opset") == NULL)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'opset' is missing");
    NN_TRY(nn_attrs_int(attrs, "opset", 0, &opset));
    a->is_flat = opset < 13;
    return nn_attrs_int(attrs, "axis", a->is_flat ? 1 : -1, &a->axis);
}

static nn_status infer(const nn_node_view *node) {
    const softmax_attrs *a = node->attrs;
    const nn_fact *x = node->in[X], *y_zero = nn_view_in(node, Y_ZERO);
    int axis;
    NN_TRY(nn_quant_check_8bit(node, X));
    NN_TRY(nn_quant_check_parameters(node, X, X_SCALE, X_ZERO, NN_DIM_UNKNOWN));
    NN_TRY(nn_quant_check_parameters(node, X, Y_SCALE, Y_ZERO, NN_DIM_UNKNOWN));
    if (x->rank >= 0) NN_TRY(nn_check_axis(node, a->axis, x->rank, &axis));
    return nn_set_output(node, 0, y_zero != NULL ? y_zero->type : x->type, x->rank, x->dims);
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const softmax_attrs *a = node->attrs;
    int rank = node->in[X]->rank, axis;
    NN_TRY(nn_check_axis(node, a->axis, rank, &axis));
    for (int i = 0; i < rank; i++) {
        nn_axis_end from = nn_in_axis(X, i), to = nn_out_axis(0, i);
        bool is_summed = a->is_flat ? i >= axis : i == axis;
        NN_TRY(is_summed ? nn_axes_mixed(node, out, from, to) : nn_axes_same(node, out, from, to));
    }
    return NN_OK;
}

typedef struct softmax_work {
    const uint8_t *x;
    uint8_t *y;
    int64_t size, inner; /* elements of a row and their step */
    uint8_t flip;        /* makes bytes unsigned */
    float exponential[DISTANCES];
    float steps; /* of the result, in 1 */
    nn_quant quant;
} softmax_work;

static void compute_row(const softmax_work *work, int64_t row) {
    int64_t start = row / work->inner * work->size * work->inner + row % work->inner;
    const uint8_t *x = work->x + start;
    uint8_t *y = work->y + start, highest = 0;
    int64_t end = work->size * work->inner;
    for (int64_t i = 0; i < end; i += work->inner) {
        uint8_t value = x[i] ^ work->flip;
        highest = value > highest ? value : highest;
    }
    float sum = 0;
    for (int64_t i = 0; i < end; i += work->inner)
        sum += work->exponential[highest - (x[i] ^ work->flip)];
    for (int64_t i = 0; i < end; i += work->inner) {
        float part = work->exponential[highest - (x[i] ^ work->flip)], scaled = part * work->steps;
        float value = isinf(scaled) ? part / sum * work->steps : scaled / sum;
        y[i] = (uint8_t)nn_quant_round(value, work->quant.zero, work->quant.lowest,
                                       work->quant.highest);
    }
}

static void compute_rows(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    for (int64_t row = begin; row < end; row++) compute_row(argument, row);
}

static nn_status run(const nn_call *call) {
    const softmax_attrs *a = call->node->attrs;
    const nn_tensor *x = call->in[X];
    int axis;
    NN_TRY(nn_check_axis(call->node, a->axis, x->rank, &axis));
    int end = a->is_flat ? x->rank : axis + 1;
    nn_quant quant = nn_quant_read(call->in[Y_SCALE], nn_call_in(call, Y_ZERO), call->out[0]->type);
    softmax_work work = {.x = x->data,
                         .y = call->out[0]->data,
                         .size = nn_dims_product(x->dims, axis, end),
                         .inner = nn_dims_product(x->dims, end, x->rank),
                         .flip = x->type == NNOPT_INT8 ? 0x80 : 0,
                         .steps = floorf(1 / quant.scale),
                         .quant = quant};
    int64_t count = nn_tensor_count(x);
    if (count == 0) return NN_OK;
    double scale = (double)((const float *)call->in[X_SCALE]->data)[0];
    double room = fmax(0, (double)logf(FLT_MAX / (float)work.size) - 5) / scale;
    for (int i = 0; i < DISTANCES; i++)
        work.exponential[i] = (float)exp(((double)-i + room) * scale);
    nn_parallel(call->pool, count / work.size, NN_GRAIN / 4 / work.size + 1, compute_rows, &work);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "qlinear_softmax_reference", .exactness = NN_EXACT, .in_place = 1, .run = run};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_qlinear_softmax = {
    .name = "QLinearSoftmax",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 4,
    .max_inputs = 5,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(softmax_attrs),
    .parse = parse,
    .infer = infer,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
