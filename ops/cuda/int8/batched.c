/* Products of matrices of bytes that are both known in the run only, as attention has them: the
 * right one is turned into columns first, then the tile kernel multiplies all matrices of the
 * batch. */
#include "ops/cuda/int8/byte_kernels.h"
#include "ops/cuda/int8/columns_launch.h"
#include "ops/cuda/int8/numbers.h"
#include "ops/cuda/int8/tile_product.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/matmul.h"

typedef struct batched_state {
    nn_byte_product product; /* inputs alone */
    nn_cuda_columns columns;
    nn_cuda_tiles tiles;
    int form;
    bool has_bias;
    size_t at[6]; /* in the workspace */
} batched_state;

enum { COLUMNS, START, ZEROS, MULTIPLIER, OFFSET, END };

/* ---- what is accepted ---- */

static bool has_count(const nn_node_view *node, int index, int64_t count) {
    const nn_fact *fact = index >= 0 ? nn_view_in(node, index) : NULL;
    return fact == NULL || nn_fact_count(fact) == 1 || nn_fact_count(fact) == count;
}

static bool is_float(const nn_node_view *node, int index) {
    const nn_fact *fact = index >= 0 ? nn_view_in(node, index) : NULL;
    return fact == NULL || fact->type == NNOPT_FLOAT || fact->type == NNOPT_FLOAT16 ||
           fact->type == NNOPT_BFLOAT16;
}

static bool is_known(const nn_node_view *node, int index) {
    return index < 0 || nn_view_in(node, index) == NULL || nn_view_constant(node, index) != NULL;
}

static bool accepts(const nn_node_view *node, const nn_int8_inputs *inputs) {
    const nn_fact *a = node->in[inputs->x], *b = node->in[inputs->w], *y = node->out[0];
    const nn_fact *bias = inputs->bias >= 0 ? nn_view_in(node, inputs->bias) : NULL;
    const int64_t most = (int64_t)1 << 30;
    if (!nn_epilogue_is_empty(&node->epilogue) || a->rank < 2 || b->rank < 2) return false;
    if (!nn_type_is_8bit(a->type) || !nn_type_is_8bit(b->type)) return false;
    if (nn_fact_count(a) <= 0 || nn_fact_count(b) <= 0 || nn_fact_count(y) <= 0) return false;
    if (nn_fact_count(a) >= most || nn_fact_count(y) >= most) return false;
    const nn_matmul_geometry g = nn_matmul_geometry_of(node, inputs->x, inputs->w);
    const int64_t a_count = nn_fact_count(a), b_count = nn_fact_count(b);
    return (a_count == g.batch * g.m * g.k || a_count == g.m * g.k) &&
           (b_count == g.batch * g.k * g.n || b_count == g.k * g.n) && g.batch <= 65535 &&
           g.k < most / 16 && g.n < most / 16 && has_count(node, inputs->x_scale, 1) &&
           has_count(node, inputs->x_zero, 1) && has_count(node, inputs->w_scale, g.n) &&
           has_count(node, inputs->w_zero, g.n) && is_float(node, inputs->x_scale) &&
           is_float(node, inputs->w_scale) && is_known(node, inputs->y_scale) &&
           is_known(node, inputs->y_zero) && (bias == NULL || bias->type == NNOPT_FLOAT) &&
           (nn_type_is_8bit(y->type) || y->type == NNOPT_INT32 || y->type == NNOPT_FLOAT);
}

/* ---- prepare ---- */

/* Zero points of b that int8 columns do not have by themselves. */
static bool may_have_zeros(const nn_node_view *node, const nn_int8_inputs *inputs) {
    const nn_fact *b = node->in[inputs->w], *zero = nn_view_in(node, inputs->w_zero);
    const int32_t shift = b->type == NNOPT_UINT8 ? 128 : 0;
    if (zero == NULL) return shift != 0;
    if (zero->constant == NULL) return true;
    for (int64_t i = 0; i < nn_fact_count(zero); i++)
        if (nn_quant_load(zero->constant->data, zero->type, i) != shift) return true;
    return false;
}

static nn_cuda_tiles tiles_of(const nn_node_view *node, const nn_byte_product *product,
                              const nn_matmul_geometry *g) {
    const nn_int8_inputs *inputs = &product->inputs;
    const int step = (int)nn_round_up(g->k, 16);
    const bool has_one_b = nn_fact_count(node->in[inputs->w]) == g->k * g->n;
    const bool has_one_a = nn_fact_count(node->in[inputs->x]) == g->m * g->k;
    const nn_cuda_tile_axis rows = {(int)g->m, (int)g->m, 1, 1, 1, 0}, one = {1, 1, 1, 1, 1, 0};
    return (nn_cuda_tiles){
        .is_signed = node->in[inputs->x]->type == NNOPT_INT8,
        .rows = (int)g->m,
        .columns = (int)g->n,
        .depth = (int)g->k,
        .w_step = step,
        .channels = (int)g->k,
        .pixel = (int)g->k,
        .height = rows,
        .width = one,
        .is_plain = true,
        .by_channels = nn_divisor_make(g->k),
        .by_taps_across = nn_divisor_make(1),
        .by_width = nn_divisor_make(1),
        .by_pixels = nn_divisor_make(g->m),
        .groups = (int)g->batch,
        .x_group = has_one_a ? 0 : g->m * g->k,
        .w_group = has_one_b ? 0 : g->n * step,
        .y_group = g->m * g->n,
        .numbers_group = has_one_b ? 0 : (int)g->n,
        .y_step = (int)g->n,
        .finish = nn_byte_finish(node, product),
        .splits = 1,
        .split_depth = (int)g->k,
    };
}

static void lay_out(batched_state *state, nn_prepare *prepare) {
    const size_t columns = (size_t)state->columns.batch * (size_t)state->columns.n;
    const size_t numbers = nn_cuda_round_up(columns * sizeof(int32_t));
    state->at[COLUMNS] = 0;
    state->at[START] = nn_cuda_round_up(columns * (size_t)state->columns.step);
    for (int i = START; i < END; i++) state->at[i + 1] = state->at[i] + numbers;
    nn_prepare_workspace(prepare, state->at[END]);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services,
                         nn_int8_describe *describe) {
    static const int32_t any = 0;
    batched_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    *state = (batched_state){.form = 0};
    const nn_int8_inputs *inputs = &state->product.inputs;
    (void)describe(node, &state->product.inputs, &state->product.shape);
    const nn_matmul_geometry g = nn_matmul_geometry_of(node, inputs->x, inputs->w);
    state->tiles = tiles_of(node, &state->product, &g);
    if (may_have_zeros(node, inputs)) state->tiles.w_zero = &any; /* set in run */
    const nn_cuda_finish *finish = &state->tiles.finish;
    state->columns = (nn_cuda_columns){
        .batch = state->tiles.w_group == 0 ? 1 : g.batch,
        .k = (int)g.k,
        .n = (int)g.n,
        .step = state->tiles.w_step,
        .divides = finish->type != NNOPT_FLOAT && !finish->divides,
        .y_scale = finish->y_scale,
    };
    state->has_bias = inputs->bias >= 0 && nn_view_in(node, inputs->bias) != NULL;
    nn_cuda_tiles problem = state->tiles;
    nn_tile_choice choice;
    if (state->has_bias) problem.finish.offset = &finish->y_scale;
    nn_status status = nn_tile_choose(target->device, &problem,
                                      (size_t)nn_fact_count(node->in[inputs->x]), &choice);
    if (status != NN_OK) return nn_fail_context(status, "node '%s'", node->name);
    state->form = choice.form;
    nn_tile_split(&state->tiles, &choice);
    nn_tile_describe(services, &state->tiles, &choice);
    lay_out(state, services);
    return NN_OK;
}

/* ---- run ---- */

static nn_status run(const nn_call *call) {
    const batched_state *state = call->state;
    const nn_int8_inputs *inputs = &state->product.inputs;
    char *memory = call->workspace;
    nn_cuda_columns columns = state->columns;
    nn_cuda_tiles tiles = state->tiles;
    columns.b = nn_cuda_parameter_of(call, inputs->w);
    columns.a_zero = nn_cuda_parameter_of(call, inputs->x_zero);
    columns.b_zero = nn_cuda_parameter_of(call, inputs->w_zero);
    columns.a_scale = nn_cuda_parameter_of(call, inputs->x_scale);
    columns.b_scale = nn_cuda_parameter_of(call, inputs->w_scale);
    columns.bias = nn_cuda_parameter_of(call, inputs->bias);
    columns.columns = (int8_t *)memory;
    columns.start = (int32_t *)(memory + state->at[START]);
    columns.zeros = tiles.w_zero != NULL ? (int32_t *)(memory + state->at[ZEROS]) : NULL;
    columns.multiplier = (float *)(memory + state->at[MULTIPLIER]);
    columns.offset = state->has_bias ? (float *)(memory + state->at[OFFSET]) : NULL;
    NN_TRY(nn_cuda_launched(call, nn_cuda_launch_columns(&columns, call->queue->stream)));
    tiles.x = call->in[inputs->x]->data;
    tiles.w = columns.columns;
    tiles.w_zero = columns.zeros;
    tiles.padding = (const uint8_t *)columns.start; /* of rows that do not exist: any bytes */
    tiles.finish.start = columns.start;
    tiles.finish.multiplier = columns.multiplier;
    tiles.finish.offset = columns.offset;
    tiles.y = call->out[0]->data;
    return nn_cuda_launched(call, nn_cuda_launch_tiles(&tiles, state->form, call->queue->stream));
}

/* ---- kernels ---- */

#define BATCHED(operator)                                                                          \
    static bool operator##_accepts(const nn_node_view *node, const nn_target *target) {            \
        nn_int8_inputs inputs;                                                                     \
        nn_u8s8_shape shape;                                                                       \
        (void)target;                                                                              \
        (void)nn_int8_describe_##operator(node, &inputs, &shape);                                  \
        return accepts(node, &inputs);                                                             \
    }                                                                                              \
    static nn_status operator##_prepare(const nn_node_view *node, const nn_target *target,         \
                                        nn_prepare *services) {                                    \
        return prepare(node, target, services, nn_int8_describe_##operator);                       \
    }                                                                                              \
    const nn_kernel nn_kernel_##operator##_batched_cuda = {                                        \
        .name = #operator"_batched_tensor_cuda",                                                   \
        .on_device = true,                                                                         \
        .exactness = NN_EXACT,                                                                     \
        .accepts = operator##_accepts,                                                             \
        .prepare = operator##_prepare,                                                             \
        .run = run,                                                                                \
    };

BATCHED(qlinear_matmul)
BATCHED(matmul_integer)
BATCHED(matmul_integer_to_float)
