#include "ops/cpu/int8/table_map.h"
#include "ops/family/axes.h"
#include "ops/family/infer.h"
#include "ops/family/lookup_table.h"
#include "ops/family/movement.h"

/* Inputs: y_scale, y_zero, then x, x_scale, x_zero for each part. */
enum { Y_SCALE, Y_ZERO, FIRST, X_SCALE = 1, X_ZERO = 2, PER_PART = 3 };

/* Parts whose layout bit fits in nn_kernel.layout_inputs. */
enum { MAX_LAYOUT_PARTS = 10 };
static const uint32_t part_bits = 0x24924924; /* inputs 2, 5, .. 29 */

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_axis_attrs *a = out;
    if ((node->in_count - FIRST) % PER_PART != 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "inputs must be 2 and 3 for each part, got %d inputs", node->in_count);
    if (nn_attrs_find(attrs, "axis") == NULL)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'axis' is missing");
    return nn_attrs_int(attrs, "axis", 0, &a->axis);
}

static int part_count(const nn_node_view *node) {
    return (node->in_count - FIRST) / PER_PART;
}

static nn_status add_part(const nn_node_view *node, int input, const nn_fact *first, int axis,
                          nn_fact *y) {
    const nn_fact *x = node->in[input];
    if (x->rank < 0) {
        y->dims[axis] = NN_DIM_UNKNOWN;
        return NN_OK;
    }
    if (x->rank != first->rank)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d has rank %d, the first part %d", input,
                            x->rank, first->rank);
    for (int i = 0; i < x->rank; i++) {
        if (i == axis) {
            y->dims[i] = nn_dim_add(y->dims[i], x->dims[i]);
        } else if (!nn_dim_is_known(y->dims[i])) {
            y->dims[i] = x->dims[i];
        } else if (nn_dim_is_known(x->dims[i]) && x->dims[i] != y->dims[i]) {
            return nn_view_fail(node, NN_BAD_INPUT,
                                "input %d has %lld on axis %d, the parts before %lld", input,
                                (long long)x->dims[i], i, (long long)y->dims[i]);
        }
    }
    return NN_OK;
}

static nn_status infer(const nn_node_view *node) {
    const nn_axis_attrs *a = node->attrs;
    NN_TRY(nn_quant_check_parameters(node, -1, Y_SCALE, Y_ZERO, NN_DIM_UNKNOWN));
    const nn_fact *first = NULL;
    for (int i = 0; i < part_count(node); i++) {
        int input = FIRST + i * PER_PART;
        NN_TRY(nn_quant_check_8bit(node, input));
        NN_TRY(nn_quant_check_parameters(node, input, input + X_SCALE, input + X_ZERO,
                                         NN_DIM_UNKNOWN));
        if (first == NULL && node->in[input]->rank >= 0) first = node->in[input];
    }
    nn_fact *y = node->out[0];
    *y = nn_fact_unknown();
    y->type = node->in[Y_ZERO]->type;
    if (first == NULL) return NN_OK;
    int axis;
    NN_TRY(nn_check_axis(node, a->axis, first->rank, &axis));
    *y = nn_fact_make(y->type, first->rank, first->dims);
    y->dims[axis] = 0;
    for (int i = 0; i < part_count(node); i++)
        NN_TRY(add_part(node, FIRST + i * PER_PART, first, axis, y));
    return NN_OK;
}

static nn_status axes(const nn_node_view *node, nn_axis_relations *out) {
    const nn_axis_attrs *a = node->attrs;
    int rank = node->out[0]->rank, axis;
    NN_TRY(nn_check_axis(node, a->axis, rank, &axis));
    int64_t offset = 0;
    for (int i = 0; i < part_count(node); i++) {
        int input = FIRST + i * PER_PART;
        for (int k = 0; k < rank; k++) {
            if (k != axis)
                NN_TRY(nn_axes_same(node, out, nn_in_axis(input, k), nn_out_axis(0, k)));
            else if (nn_dim_is_known(offset))
                NN_TRY(nn_axes_offset(node, out, nn_in_axis(input, k), nn_out_axis(0, k), offset));
            else
                NN_TRY(nn_axes_mixed(node, out, nn_in_axis(input, k), nn_out_axis(0, k)));
        }
        offset = nn_dim_add(offset, node->in[input]->dims[axis]);
    }
    return NN_OK;
}

/* ---- kernel -----------------------------------------------------------------------------------
 */

static bool accepts_any_layout(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && part_count(node) <= MAX_LAYOUT_PARTS;
}

typedef struct concat_state {
    nn_table_map map;
    uint8_t *tables; /* of each part whose scales and zero points are constants */
    bool has_table[];
} concat_state;

static bool quant_equal(const nn_quant *a, const nn_quant *b) {
    return a->scale == b->scale && a->zero == b->zero && a->lowest == b->lowest;
}

/* The constant scale and zero point of a part and of the output; false where they are none. */
static bool constant_quants(const nn_node_view *node, int input, nn_quant *x, nn_quant *y) {
    const nn_tensor *scale = nn_view_constant(node, input + X_SCALE);
    const nn_tensor *zero = nn_view_constant(node, input + X_ZERO);
    const nn_tensor *y_scale = nn_view_constant(node, Y_SCALE);
    const nn_tensor *y_zero = nn_view_constant(node, Y_ZERO);
    if (scale == NULL || zero == NULL || y_scale == NULL || y_zero == NULL) return false;
    *x = nn_quant_read(scale, zero, node->in[input]->type);
    *y = nn_quant_read(y_scale, y_zero, node->out[0]->type);
    return true;
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    const int parts = part_count(node);
    const size_t own = sizeof(concat_state) + (size_t)parts * sizeof(bool);
    const size_t bytes = own + (size_t)parts * NN_TABLE_SIZE;
    nn_prepare_workspace(prepare, NN_TABLE_SIZE);
    concat_state *state = nn_prepare_state(prepare, bytes);
    if (state == NULL) return nn_fail_memory(bytes);
    state->map = nn_table_map_for(target->isa);
    state->tables = (uint8_t *)state + own;
    for (int i = 0; i < parts; i++) {
        const int input = FIRST + i * PER_PART;
        nn_quant x, y;
        state->has_table[i] = constant_quants(node, input, &x, &y);
        if (state->has_table[i])
            nn_table_fill(state->tables + (size_t)i * NN_TABLE_SIZE, &(nn_activation_chain){0},
                          node->in[input]->type, x, y);
    }
    return NN_OK;
}

typedef struct part_copy {
    const uint8_t *x, *table; /* table NULL: scale and zero point agree with the output's */
    uint8_t *y;
    nn_table_map map;
    int64_t x_run, y_run; /* bytes between runs; x_run are copied */
} part_copy;

static void copy_runs(void *argument, int64_t begin, int64_t end, int worker) {
    const part_copy *part = argument;
    (void)worker;
    for (int64_t run = begin; run < end; run++) {
        const uint8_t *x = part->x + run * part->x_run;
        uint8_t *y = part->y + run * part->y_run;
        if (part->table == NULL)
            memcpy(y, x, (size_t)part->x_run);
        else
            part->map(part->table, x, y, part->x_run);
    }
}

/* Parts are copies where both sides have the same scale and zero point. */
static bool part(const nn_node_view *node, int index, nn_joined_part *out) {
    const nn_axis_attrs *a = node->attrs;
    *out = (nn_joined_part){0};
    if (index < FIRST || (index - FIRST) % PER_PART != 0) return false;
    if (nn_check_axis(node, a->axis, node->out[0]->rank, &out->axis) != NN_OK) return false;
    for (int i = FIRST; i < index; i += PER_PART) out->begin += node->in[i]->dims[out->axis];
    nn_quant x, y;
    out->is_changed = !constant_quants(node, index, &x, &y) || !quant_equal(&x, &y);
    return true;
}

static nn_status run(const nn_call *call) {
    enum { GRAIN_BYTES = 32768 };
    const nn_axis_attrs *a = call->node->attrs;
    const concat_state *state = call->state;
    nn_tensor *y = call->out[0];
    int axis;
    NN_TRY(nn_check_axis(call->node, a->axis, y->rank, &axis));
    axis = nn_physical_axis(call->layout, y->rank, axis);
    nn_quant qy = nn_quant_read(call->in[Y_SCALE], call->in[Y_ZERO], y->type);
    int64_t outer = 1, inner = 1, offset = 0;
    for (int i = 0; i < axis; i++) outer *= y->dims[i];
    for (int i = axis + 1; i < y->rank; i++) inner *= y->dims[i];
    for (int i = 0; i < part_count(call->node); i++) {
        int input = FIRST + i * PER_PART;
        const nn_tensor *x = call->in[input];
        nn_quant qx = nn_quant_read(call->in[input + X_SCALE], call->in[input + X_ZERO], x->type);
        part_copy copy = {.x = x->data,
                          .y = (uint8_t *)y->data + offset,
                          .map = state->map,
                          .x_run = x->dims[axis] * inner,
                          .y_run = y->dims[axis] * inner};
        if (!quant_equal(&qx, &qy) && state->has_table[i]) {
            copy.table = state->tables + (size_t)i * NN_TABLE_SIZE;
        } else if (!quant_equal(&qx, &qy)) {
            nn_table_fill(call->workspace, &(nn_activation_chain){0}, x->type, qx, qy);
            copy.table = call->workspace;
        } else if (copy.x == copy.y) {
            offset += copy.x_run;
            continue;
        }
        int64_t grain = copy.x_run > 0 ? GRAIN_BYTES / copy.x_run + 1 : outer;
        nn_parallel(call->pool, outer, grain, copy_runs, &copy);
        offset += copy.x_run;
    }
    return NN_OK;
}

static const nn_kernel any_layout = {.name = "qlinear_concat_table",
                                     .exactness = NN_EXACT,
                                     .layout = NN_LAYOUT_ANY,
                                     .layout_inputs = part_bits,
                                     .part = part,
                                     .accepts = accepts_any_layout,
                                     .prepare = prepare,
                                     .run = run};
static const nn_kernel many_parts = {.name = "qlinear_concat_table_many",
                                     .exactness = NN_EXACT,
                                     .part = part,
                                     .prepare = prepare,
                                     .run = run};

static const nn_kernel *const kernels[] = {&any_layout, &many_parts, NULL};

const nn_op nn_op_qlinear_concat = {
    .name = "QLinearConcat",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = FIRST + PER_PART,
    .max_inputs = NN_ANY_COUNT,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_axis_attrs),
    .parse = parse,
    .infer = infer,
    .axes = axes,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
