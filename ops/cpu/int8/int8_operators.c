#include "ops/cpu/int8/int8_operators.h"

#include "ops/family/matmul.h"
#include "ops/family/qgemm.h"
#include "ops/family/qlinear_convolution.h"

#include <math.h>

/* ---- convolutions --------------------------------------------------------------------------- */

static bool describe_geometry(const nn_conv_geometry *geometry, nn_u8s8_shape *shape) {
    const nn_window_axis *depth = &geometry->axes[NN_DEPTH];
    if (depth->in != 1 || depth->out != 1 || depth->kernel != 1) return false;
    *shape = nn_u8s8_shape_of_conv(geometry);
    return true;
}

/* QLinearConv and QConv. */
bool nn_int8_describe_qconv(const nn_node_view *node, nn_int8_inputs *inputs,
                            nn_u8s8_shape *shape) {
    *inputs = (nn_int8_inputs){.x = NN_QCONV_X,
                               .x_scale = NN_QCONV_X_SCALE,
                               .x_zero = NN_QCONV_X_ZERO,
                               .w = NN_QCONV_W,
                               .w_scale = NN_QCONV_W_SCALE,
                               .w_zero = NN_QCONV_W_ZERO,
                               .y_scale = NN_QCONV_Y_SCALE,
                               .y_zero = NN_QCONV_Y_ZERO,
                               .bias = NN_QCONV_BIAS,
                               .has_sum = nn_qconv_has_sum(node)};
    nn_conv_geometry geometry = nn_conv_geometry_of(node, node->attrs, nn_qconv_inputs);
    return describe_geometry(&geometry, shape);
}

static bool has_small_multipliers(const nn_node_view *node, const nn_int8_inputs *inputs,
                                  const nn_requant *requant) {
    const nn_tensor *x_scale = nn_int8_constant(node, inputs->x_scale);
    const nn_tensor *w_scale = nn_int8_constant(node, inputs->w_scale);
    const float x = nn_quant_load_float(x_scale->data, x_scale->type, 0);
    for (int64_t i = 0; i < nn_tensor_count(w_scale); i++) {
        const float w = nn_quant_load_float(w_scale->data, w_scale->type, i);
        if (!(fabsf(nn_requant_multiplier(requant, x, w)) < 1)) return false;
    }
    return true;
}

bool nn_int8_is_simple_qconv(const nn_node_view *node, nn_int8_inputs *inputs,
                             nn_requant *requant) {
    nn_u8s8_shape shape;
    if (!nn_int8_describe_qconv(node, inputs, &shape) || !nn_int8_accepts(node, inputs) ||
        !nn_int8_has_constant_parameters(node, inputs))
        return false;
    const nn_tensor *bias = nn_int8_constant(node, inputs->bias);
    const nn_tensor *y_scale = nn_int8_constant(node, inputs->y_scale);
    if (y_scale == NULL || (bias != NULL && bias->type != NNOPT_INT32)) return false;
    *requant = nn_requant_make(node->epilogue.before, node->out[0]->type, y_scale,
                               nn_int8_constant(node, inputs->y_zero));
    return nn_int8_is_clip(requant) && has_small_multipliers(node, inputs, requant);
}

bool nn_int8_describe_conv_integer(const nn_node_view *node, nn_int8_inputs *inputs,
                                   nn_u8s8_shape *shape) {
    const nn_conv_inputs conv_inputs = {.x = 0, .w = 1, .bias = -1};
    *inputs = (nn_int8_inputs){.x = 0,
                               .x_scale = -1,
                               .x_zero = 2,
                               .w = 1,
                               .w_scale = -1,
                               .w_zero = 3,
                               .y_scale = -1,
                               .y_zero = -1,
                               .bias = -1};
    nn_conv_geometry geometry = nn_conv_geometry_of(node, node->attrs, conv_inputs);
    return describe_geometry(&geometry, shape);
}

/* ---- matrix products ------------------------------------------------------------------------ */

static bool is_single(const nn_node_view *node, int index) {
    const nn_fact *fact = nn_view_in(node, index);
    return fact == NULL || nn_fact_count(fact) == 1;
}

/* One matrix b for all rows of a; parameters of a for the whole of it, those of b for the whole or
 * for each column. */
static bool describe_product(const nn_node_view *node, const nn_int8_inputs *inputs,
                             nn_u8s8_shape *shape) {
    const nn_fact *a = node->in[inputs->x], *b = node->in[inputs->w];
    nn_matmul_geometry g = nn_matmul_geometry_of(node, inputs->x, inputs->w);
    if (g.k <= 0 || nn_fact_count(b) != g.k * g.n || nn_fact_count(a) % g.k != 0) return false;
    if (!is_single(node, inputs->x_zero)) return false;
    if (inputs->x_scale >= 0 && !is_single(node, inputs->x_scale)) return false;
    *shape = nn_u8s8_shape_of_matmul(nn_fact_count(a) / g.k, g.k, g.n, g.n, 1);
    return true;
}

bool nn_int8_describe_qlinear_matmul(const nn_node_view *node, nn_int8_inputs *inputs,
                                     nn_u8s8_shape *shape) {
    *inputs = (nn_int8_inputs){.x = 0,
                               .x_scale = 1,
                               .x_zero = 2,
                               .w = 3,
                               .w_scale = 4,
                               .w_zero = 5,
                               .y_scale = 6,
                               .y_zero = 7,
                               .bias = -1};
    return describe_product(node, inputs, shape);
}

bool nn_int8_describe_matmul_integer(const nn_node_view *node, nn_int8_inputs *inputs,
                                     nn_u8s8_shape *shape) {
    *inputs = (nn_int8_inputs){.x = 0,
                               .x_scale = -1,
                               .x_zero = 2,
                               .w = 1,
                               .w_scale = -1,
                               .w_zero = 3,
                               .y_scale = -1,
                               .y_zero = -1,
                               .bias = -1};
    return describe_product(node, inputs, shape);
}

bool nn_int8_describe_matmul_integer_to_float(const nn_node_view *node, nn_int8_inputs *inputs,
                                              nn_u8s8_shape *shape) {
    *inputs = (nn_int8_inputs){.x = 0,
                               .x_scale = 2,
                               .x_zero = 4,
                               .w = 1,
                               .w_scale = 3,
                               .w_zero = 5,
                               .y_scale = -1,
                               .y_zero = -1,
                               .bias = 6};
    return describe_product(node, inputs, shape);
}

/* Columns of the addend, which is the bias, are those of the result. */
bool nn_int8_describe_qgemm(const nn_node_view *node, nn_int8_inputs *inputs,
                            nn_u8s8_shape *shape) {
    *inputs = (nn_int8_inputs){.x = 0,
                               .x_scale = 1,
                               .x_zero = 2,
                               .w = 3,
                               .w_scale = 4,
                               .w_zero = 5,
                               .y_scale = 7,
                               .y_zero = 8,
                               .bias = 6};
    const nn_qgemm_attrs *attrs = node->attrs;
    const nn_fact *a = node->in[0], *y = node->out[0], *addend = nn_view_in(node, 6);
    int64_t rows = y->dims[0], columns = y->dims[1], k = a->dims[1];
    if (attrs->transpose_a) return false;
    if (addend != NULL && nn_fact_count(addend) != columns) return false;
    if (addend != NULL && addend->rank == 2 && addend->dims[0] != 1) return false;
    *shape = nn_u8s8_shape_of_matmul(rows, k, columns, attrs->transpose_b ? 1 : columns,
                                     attrs->transpose_b ? k : 1);
    shape->scale = attrs->alpha;
    return true;
}
