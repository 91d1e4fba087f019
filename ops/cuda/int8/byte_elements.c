/* TableMap, the activations of 8-bit data that are tables, QLinearConcat, QLinearAdd, QLinearMul.
 */
#include "ops/cuda/int8/byte_elements_launch.h"

#include "ops/cuda/elements/loops.h"
#include "ops/cuda/movement/copy.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/lookup_table.h"
#include "ops/family/movement.h"
#include "ops/family/qlinear_binary.h"

#include <stdio.h>

static bool is_constant(const nn_node_view *node, int index) {
    return nn_view_in(node, index) == NULL || nn_view_constant(node, index) != NULL;
}

static uint32_t bit_of(const nn_node_view *node, int index) {
    return nn_view_in(node, index) != NULL ? 1u << index : 0;
}

static nn_status launch_table(const nn_call *call, const void *table) {
    const nn_cuda_table arguments = {.x = call->in[0]->data,
                                     .table = table,
                                     .y = call->out[0]->data,
                                     .runs = 1,
                                     .length = nn_tensor_count(call->in[0])};
    return nn_cuda_launched(call, nn_cuda_launch_table(&arguments, call->queue->stream));
}

/* ---- TableMap ---- */

static nn_status run_map(const nn_call *call) {
    return launch_table(call, call->in[1]->data);
}

/* ---- tables of activations ---- */

static bool accepts_activation(const nn_node_view *node, const nn_target *target) {
    (void)target;
    for (int i = NN_TABLE_X_SCALE; i <= NN_TABLE_Y_ZERO; i++)
        if (!is_constant(node, i)) return false;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_is_8bit(node->in[NN_TABLE_X]->type) &&
           nn_type_is_8bit(node->out[0]->type);
}

static nn_status pack_table(const nn_node_view *node, const void *argument, void *out) {
    const nn_type x_type = node->in[NN_TABLE_X]->type;
    nn_table_fill(out, argument, x_type,
                  nn_quant_read(nn_view_constant(node, NN_TABLE_X_SCALE),
                                nn_view_constant(node, NN_TABLE_X_ZERO), x_type),
                  nn_quant_read(nn_view_constant(node, NN_TABLE_Y_SCALE),
                                nn_view_constant(node, NN_TABLE_Y_ZERO), node->out[0]->type));
    return NN_OK;
}

typedef struct table_state {
    const void *table;
} table_state;

static nn_status prepare_activation(const nn_node_view *node, nn_prepare *prepare,
                                    const nn_activation_chain *chain) {
    enum { ROOM = 48 }; /* of an activation */
    char variant[NN_MOST_ACTIVATIONS * ROOM + ROOM];
    uint32_t inputs = 0;
    table_state *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    int used =
        snprintf(variant, sizeof variant, "table %s %s",
                 nnopt_type_name(node->in[NN_TABLE_X]->type), nnopt_type_name(node->out[0]->type));
    for (int i = 0; i < chain->count; i++)
        used += snprintf(variant + used, sizeof variant - (size_t)used, " %d %.9g %.9g",
                         (int)chain->items[i].kind, (double)chain->items[i].alpha,
                         (double)chain->items[i].beta);
    for (int i = NN_TABLE_X_SCALE; i <= NN_TABLE_Y_ZERO; i++) inputs |= bit_of(node, i);
    return nn_prepare_pack(prepare, inputs, variant, NN_TABLE_SIZE, pack_table, chain,
                           &state->table);
}

static nn_status run_activation(const nn_call *call) {
    const table_state *state = call->state;
    return launch_table(call, state->table);
}

static nn_status prepare_lookup(const nn_node_view *node, const nn_target *target,
                                nn_prepare *prepare) {
    (void)target;
    return prepare_activation(node, prepare, node->attrs);
}

static nn_status prepare_leaky_relu(const nn_node_view *node, const nn_target *target,
                                    nn_prepare *prepare) {
    const nn_activation_chain chain = nn_qlinear_leaky_relu_chain(node);
    (void)target;
    return prepare_activation(node, prepare, &chain);
}

static nn_status prepare_sigmoid(const nn_node_view *node, const nn_target *target,
                                 nn_prepare *prepare) {
    const nn_activation_chain chain = {1, {{.kind = NN_ACT_SIGMOID}}};
    (void)target;
    return prepare_activation(node, prepare, &chain);
}

/* ---- QLinearConcat: y_scale, y_zero, then x, x_scale, x_zero of each part ---- */

enum { Y_SCALE, Y_ZERO, FIRST, X_SCALE = 1, X_ZERO = 2, PER_PART = 3, MOST_PARTS = 10 };

/* Inputs 2, 5, .. 29. */
static const uint32_t part_bits = 0x24924924;

static int part_count(const nn_node_view *node) {
    return (node->in_count - FIRST) / PER_PART;
}

static bool accepts_concat(const nn_node_view *node, const nn_target *target) {
    (void)target;
    if (!nn_epilogue_is_empty(&node->epilogue) || part_count(node) > MOST_PARTS) return false;
    for (int i = 0; i < node->in_count; i++) {
        const bool is_part = i >= FIRST && (i - FIRST) % PER_PART == 0;
        if (is_part ? !nn_type_is_8bit(node->in[i]->type) : !is_constant(node, i)) return false;
    }
    return nn_type_is_8bit(node->out[0]->type);
}

typedef struct concat_state {
    const void *tables; /* one for each part */
} concat_state;

static nn_status pack_tables(const nn_node_view *node, const void *argument, void *out) {
    const nn_quant y = nn_quant_read(nn_view_constant(node, Y_SCALE),
                                     nn_view_constant(node, Y_ZERO), node->out[0]->type);
    (void)argument;
    for (int i = 0; i < part_count(node); i++) {
        const int input = FIRST + i * PER_PART;
        const nn_type type = node->in[input]->type;
        nn_table_fill((uint8_t *)out + i * NN_TABLE_SIZE, &(nn_activation_chain){0}, type,
                      nn_quant_read(nn_view_constant(node, input + X_SCALE),
                                    nn_view_constant(node, input + X_ZERO), type),
                      y);
    }
    return NN_OK;
}

static nn_status prepare_concat(const nn_node_view *node, const nn_target *target,
                                nn_prepare *prepare) {
    uint32_t inputs = 0;
    char variant[32 + 8 * MOST_PARTS];
    (void)target;
    concat_state *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    int used = snprintf(variant, sizeof variant, "tables");
    for (int i = 0; i < node->in_count; i++) {
        const bool is_part = i >= FIRST && (i - FIRST) % PER_PART == 0;
        if (!is_part) inputs |= 1u << i;
        if (is_part)
            used += snprintf(variant + used, sizeof variant - (size_t)used, " %s",
                             nnopt_type_name(node->in[i]->type));
    }
    return nn_prepare_pack(prepare, inputs, variant, (size_t)part_count(node) * NN_TABLE_SIZE,
                           pack_tables, NULL, &state->tables);
}

static nn_status run_concat(const nn_call *call) {
    const nn_axis_attrs *attrs = call->node->attrs;
    const concat_state *state = call->state;
    const nn_tensor *y = call->out[0];
    int64_t runs = 1, inner = 1, offset = 0;
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, y->rank, &axis));
    axis = nn_physical_axis(call->layout, y->rank, axis);
    for (int i = 0; i < axis; i++) runs *= y->dims[i];
    for (int i = axis + 1; i < y->rank; i++) inner *= y->dims[i];
    for (int i = 0; i < part_count(call->node); i++) {
        const nn_tensor *x = call->in[FIRST + i * PER_PART];
        const nn_cuda_table arguments = {.x = x->data,
                                         .table =
                                             (const uint8_t *)state->tables + i * NN_TABLE_SIZE,
                                         .y = (uint8_t *)y->data + offset,
                                         .runs = runs,
                                         .length = x->dims[axis] * inner,
                                         .y_step = y->dims[axis] * inner};
        NN_TRY(nn_cuda_launched(call, nn_cuda_launch_table(&arguments, call->queue->stream)));
        offset += arguments.length;
    }
    return NN_OK;
}

/* ---- QLinearAdd, QLinearMul ---- */

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, SUM_SCALE, SUM_ZERO };

static bool accepts_binary(const nn_node_view *node, const nn_target *target) {
    static const int constants[] = {A_SCALE, A_ZERO, B_SCALE, B_ZERO, SUM_SCALE, SUM_ZERO};
    (void)target;
    for (int i = 0; i < 6; i++)
        if (!is_constant(node, constants[i])) return false;
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_is_8bit(node->out[0]->type) &&
           node->in[A]->type == node->out[0]->type && node->in[B]->type == node->out[0]->type;
}

static nn_status prepare_binary(const nn_node_view *node, const nn_target *target,
                                nn_prepare *prepare, nn_qbinary_kind kind) {
    const nn_type type = node->out[0]->type;
    (void)target;
    nn_qbinary *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    const nn_quant a =
        nn_quant_read(nn_view_constant(node, A_SCALE), nn_view_constant(node, A_ZERO), type);
    const nn_quant b =
        nn_quant_read(nn_view_constant(node, B_SCALE), nn_view_constant(node, B_ZERO), type);
    const nn_quant y =
        nn_quant_read(nn_view_constant(node, SUM_SCALE), nn_view_constant(node, SUM_ZERO), type);
    *state = nn_qbinary_make(kind, type, &a, &b, &y);
    nn_prepare_read(prepare, ~(1u << A | 1u << B));
    return NN_OK;
}

static nn_status prepare_add(const nn_node_view *node, const nn_target *target,
                             nn_prepare *prepare) {
    return prepare_binary(node, target, prepare, NN_QBINARY_ADD);
}

static nn_status prepare_mul(const nn_node_view *node, const nn_target *target,
                             nn_prepare *prepare) {
    return prepare_binary(node, target, prepare, NN_QBINARY_MUL);
}

static nn_status run_binary(const nn_call *call) {
    const nn_qbinary *binary = call->state;
    const nn_tensor *y = call->out[0];
    nn_cuda_qbinary arguments = {.is_signed = binary->type == NNOPT_INT8,
                                 .multiplies = binary->kind == NN_QBINARY_MUL,
                                 .a_zero = binary->a_zero,
                                 .b_zero = binary->b_zero,
                                 .a_scale = binary->a_scale,
                                 .b_scale = binary->b_scale,
                                 .offset = binary->offset,
                                 .lowest = (float)binary->lowest,
                                 .highest = (float)binary->highest,
                                 .a = call->in[A]->data,
                                 .b = call->in[B]->data,
                                 .y = y->data};
    nn_loops loops;
    if (nn_tensor_count(y) == 0) return NN_OK;
    nn_loops_init(&loops, y->dims, y->rank);
    nn_loops_add_broadcast(&loops, y->dims, y->rank);
    nn_loops_add_input(&loops, call->layout, call->in[A]);
    nn_loops_add_input(&loops, call->layout, call->in[B]);
    nn_loops_collapse(&loops);
    nn_cuda_loops_make(&loops, &arguments.loops);
    return nn_cuda_launched(call, nn_cuda_launch_qbinary(&arguments, call->queue->stream));
}

/* ---- kernels ---- */

#define KERNELS(symbol, bits, in_place_bits, accepts_function, prepare_function, run_function)     \
    static const nn_kernel symbol##_cuda = {                                                       \
        .name = #symbol "_cuda",                                                                   \
        .on_device = true,                                                                         \
        .exactness = NN_EXACT,                                                                     \
        .layout = NN_LAYOUT_ANY,                                                                   \
        .layout_inputs = bits,                                                                     \
        .in_place = in_place_bits,                                                                 \
        .accepts = accepts_function,                                                               \
        .prepare = prepare_function,                                                               \
        .run = run_function,                                                                       \
    };                                                                                             \
    const nn_kernel *const nn_cuda_##symbol##_kernels[] = {&symbol##_cuda, NULL};

KERNELS(table_map, 1, 1, NULL, NULL, run_map)
KERNELS(qlinear_lookup, 1, 1, accepts_activation, prepare_lookup, run_activation)
KERNELS(qlinear_leaky_relu, 1, 1, accepts_activation, prepare_leaky_relu, run_activation)
KERNELS(qlinear_sigmoid, 1, 1, accepts_activation, prepare_sigmoid, run_activation)
KERNELS(qlinear_concat, part_bits, 0, accepts_concat, prepare_concat, run_concat)
KERNELS(qlinear_add, 1u << A | 1u << B, 1u << A | 1u << B, accepts_binary, prepare_add, run_binary)
KERNELS(qlinear_mul, 1u << A | 1u << B, 1u << A | 1u << B, accepts_binary, prepare_mul, run_binary)
