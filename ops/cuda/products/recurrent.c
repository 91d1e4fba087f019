/* RNN, GRU and LSTM: what the inputs give to the gates is one product of cuBLASLt for all steps and
 * directions, then a kernel for each step multiplies the states and finishes the gates. cuDNN's own
 * layers know neither peepholes, clips nor most functions, and want weights in an order of theirs.
 */
#include "ops/family/recurrent.h"

#include "ops/cuda/elements/element_host.h"
#include "ops/cuda/products/epilogue_launch.h"
#include "ops/cuda/products/product.h"
#include "ops/cuda/products/recurrent_launch.h"
#include "ops/cuda/runtime/queue.h"

#include <stdio.h>

enum { ALIGNMENT = 256 }; /* of parts of workspace */
enum { INPUTS = NN_RNN_P + 1 };

typedef struct recurrent_state {
    nn_recurrent shape;
    nn_type type; /* of the products */
    nn_product product;
    nn_product_plan plan;
    const void *w, *r; /* packed in the type; NULL: the inputs, w converted in run */
    nn_type r_type;
    bool converts_x, converts_w;
    /* Workspace, in bytes: converted operands, products of the inputs, two states h, one c, and the
     * gates of a GRU between its halves; the product's own behind. */
    size_t x_offset, w_offset, products_offset, states_offset, state_bytes, own_offset;
} recurrent_state;

static bool is_float(nn_type type) {
    return type == NNOPT_FLOAT || type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16;
}

static nn_type product_type(const nn_node_view *node, const nn_target *target) {
    nn_type type = node->in[NN_RNN_W]->type;
    if (type == NNOPT_FLOAT && target->precision == NN_PRECISION_FP16) return NNOPT_FLOAT16;
    if (type == NNOPT_FLOAT && target->precision == NN_PRECISION_BF16) return NNOPT_BFLOAT16;
    return type;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    const nn_cublaslt *library;
    const nn_recurrent shape = nn_recurrent_of(node);
    const nn_type type = product_type(node, target), x_type = node->in[NN_RNN_X]->type;
    if (!is_float(type) || (x_type != NNOPT_FLOAT && x_type != type)) return false;
    for (int i = 0; i < INPUTS; i++)
        if (i != NN_RNN_LENGTHS && nn_view_in(node, i) != NULL && !is_float(node->in[i]->type))
            return false;
    for (int i = 0; i < node->out_count; i++)
        if (node->out[i] != NULL && !is_float(node->out[i]->type)) return false;
    return nn_epilogue_is_empty(&node->epilogue) && nn_cublaslt_open(&library) == NN_OK &&
           shape.steps > 0 && shape.batch > 0 && shape.inputs > 0 && shape.hidden > 0 &&
           shape.steps * shape.batch <= INT32_MAX && shape.directions * shape.columns <= INT32_MAX;
}

/* ---- prepare ---- */

typedef struct pack_argument {
    int input;
    nn_type type;
} pack_argument;

static nn_status pack(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *p = argument;
    const nn_tensor *from = node->in[p->input]->constant;
    const int64_t count = nnopt_tensor_count(from);
    for (int64_t i = 0; i < count; i++) nn_element_put(out, p->type, i, nn_element_of(from, i));
    return NN_OK;
}

/* *out stays NULL where the input itself is read. */
static nn_status pack_as(const nn_node_view *node, nn_prepare *prepare, int input, nn_type type,
                         const void **out) {
    const pack_argument argument = {input, type};
    char variant[32];
    if (node->in[input]->type == type || nn_view_constant(node, input) == NULL) return NN_OK;
    snprintf(variant, sizeof variant, "elements %s", nnopt_type_name(type));
    return nn_prepare_pack(prepare, 1u << input, variant,
                           nn_element_bytes(nn_fact_count(node->in[input]), type), pack, &argument,
                           out);
}

static size_t reserve(size_t bytes, size_t *used) {
    const size_t at = *used;
    *used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return at;
}

static void lay_out(const nn_node_view *node, nn_prepare *prepare, recurrent_state *state) {
    const nn_recurrent *s = &state->shape;
    const int64_t columns = s->directions * s->columns;
    size_t used = 0;
    if (state->converts_x)
        state->x_offset =
            reserve(nn_element_bytes(nn_fact_count(node->in[NN_RNN_X]), state->type), &used);
    if (state->converts_w)
        state->w_offset =
            reserve(nn_element_bytes(nn_fact_count(node->in[NN_RNN_W]), state->type), &used);
    state->products_offset =
        reserve(nn_element_bytes(s->steps * s->batch * columns, NNOPT_FLOAT), &used);
    state->state_bytes = nn_element_bytes(s->directions * s->batch * s->hidden, NNOPT_FLOAT);
    state->states_offset = reserve(5 * state->state_bytes, &used);
    state->own_offset = used;
    nn_prepare_workspace(prepare, used + state->plan.workspace);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    recurrent_state *state = nn_prepare_state(services, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    const nn_recurrent shape = nn_recurrent_of(node);
    const nn_type type = product_type(node, target);
    *state = (recurrent_state){.shape = shape, .type = type};
    state->product = (nn_product){
        .gemm = {.batch = 1,
                 .m = shape.steps * shape.batch,
                 .n = shape.directions * shape.columns,
                 .k = shape.inputs,
                 .transpose_b = true,
                 .a_row = shape.inputs,
                 .b_row = shape.inputs,
                 .type = type,
                 .alpha = 1,
                 .alignment = 16,
                 .precision = target->precision,
                 .deterministic = target->deterministic},
        .y_type = NNOPT_FLOAT,
        .bias_scale = 1,
    };
    NN_TRY(pack_as(node, services, NN_RNN_W, type, &state->w));
    NN_TRY(pack_as(node, services, NN_RNN_R, type, &state->r));
    state->converts_x = node->in[NN_RNN_X]->type != type;
    state->converts_w = state->w == NULL && node->in[NN_RNN_W]->type != type;
    state->r_type = state->r != NULL ? type : node->in[NN_RNN_R]->type;
    nn_status status = nn_product_prepare(target->device, &state->product, &state->plan);
    if (status != NN_OK) return nn_fail_context(status, "node '%s'", node->name);
    lay_out(node, services, state);
    return NN_OK;
}

/* ---- run ---- */

static nn_status multiply_inputs(const nn_call *call, const recurrent_state *state) {
    char *workspace = call->workspace;
    nn_product_operands operands = {
        .a = call->in[NN_RNN_X]->data, .b = state->w, .y = workspace + state->products_offset};
    if (state->plan.workspace > 0) operands.workspace = workspace + state->own_offset;
    if (state->w == NULL) operands.b = call->in[NN_RNN_W]->data;
    if (state->converts_x) {
        operands.a = workspace + state->x_offset;
        NN_TRY(nn_cuda_convert(call, NN_RNN_X, state->type, workspace + state->x_offset));
    }
    if (state->converts_w) {
        operands.b = workspace + state->w_offset;
        NN_TRY(nn_cuda_convert(call, NN_RNN_W, state->type, workspace + state->w_offset));
    }
    nn_status status = nn_product_run(&state->product, &state->plan, &operands, call->queue);
    if (status != NN_OK) return nn_fail_context(status, "node '%s'", call->node->name);
    return nn_cuda_launched(call, cudaSuccess);
}

/* A tensor of states, of zeros where it is absent. */
static nn_cuda_states states_of(const nn_recurrent *s, const nn_tensor *tensor) {
    if (tensor == NULL) return (nn_cuda_states){.type = NNOPT_FLOAT};
    return (nn_cuda_states){tensor->type, tensor->data, s->state_direction, s->state_sample};
}

static nn_cuda_states own_states(const nn_recurrent *s, const char *data) {
    return (nn_cuda_states){NNOPT_FLOAT, (void *)data, s->batch * s->hidden, s->hidden};
}

static nn_cuda_recurrent arguments_of(const nn_call *call, const recurrent_state *state) {
    const nn_recurrent *s = &state->shape;
    const nn_recurrent_attrs *attrs = s->attrs;
    const nn_tensor *bias = nn_call_in(call, NN_RNN_B), *peepholes = nn_call_in(call, NN_RNN_P);
    const nn_tensor *lengths = nn_call_in(call, NN_RNN_LENGTHS);
    nn_tensor *y = nn_call_out(call, NN_RNN_Y);
    const int64_t columns = s->directions * s->columns;
    const bool first = attrs->batch_first;
    nn_cuda_recurrent out = {
        .gates = attrs->gates,
        .directions = s->directions,
        .first_is_reverse = nn_recurrent_is_reverse(s, 0),
        .second_is_reverse = nn_recurrent_is_reverse(s, 1),
        .steps = s->steps,
        .batch = s->batch,
        .hidden = s->hidden,
        .clip = attrs->clip,
        .input_forget = attrs->input_forget,
        .linear_before_reset = attrs->linear_before_reset,
        .products = (const float *)((char *)call->workspace + state->products_offset),
        .product_step = first ? columns : s->batch * columns,
        .product_sample = first ? s->steps * columns : columns,
        .product_direction = s->columns,
        .r_type = state->r_type,
        .r = state->r != NULL ? state->r : call->in[NN_RNN_R]->data,
        .last_h = states_of(s, nn_call_out(call, NN_RNN_LAST_H)),
        .last_c = states_of(s, nn_call_out(call, NN_RNN_LAST_C)),
        .y_step = s->y_step,
        .y_direction = s->y_direction,
        .y_sample = s->y_sample,
    };
    for (int d = 0; d < s->directions; d++)
        for (int i = 0; i < NN_MOST_GATE_FUNCTIONS; i++) {
            const nn_gate_function *f = &attrs->functions[d][i];
            out.functions[d][i] = (nn_cuda_gate){(int)f->kind, f->alpha, f->beta};
        }
    if (bias != NULL) out.bias = bias->data, out.bias_type = bias->type;
    if (peepholes != NULL) out.peepholes = peepholes->data, out.peephole_type = peepholes->type;
    if (lengths != NULL) out.lengths = lengths->data;
    if (y != NULL) out.y = y->data, out.y_type = y->type;
    return out;
}

static nn_status run(const nn_call *call) {
    const recurrent_state *state = call->state;
    const nn_recurrent *s = &state->shape;
    NN_TRY(multiply_inputs(call, state));
    nn_cuda_recurrent arguments = arguments_of(call, state);
    char *own[5];
    for (int i = 0; i < 5; i++)
        own[i] = (char *)call->workspace + state->states_offset + (size_t)i * state->state_bytes;
    arguments.h_from = states_of(s, nn_call_in(call, NN_RNN_H));
    arguments.c_from = states_of(s, nn_call_in(call, NN_RNN_C));
    arguments.c_to = own_states(s, own[2]);
    arguments.update = (float *)own[3];
    arguments.reset = (float *)own[4];
    for (int64_t step = 0; step < s->steps; step++) {
        arguments.step = step;
        arguments.h_to = own_states(s, own[step % 2]);
        NN_TRY(
            nn_cuda_launched(call, nn_cuda_launch_recurrent_step(&arguments, call->queue->stream)));
        arguments.h_from = arguments.h_to;
        arguments.c_from = arguments.c_to;
    }
    return NN_OK;
}

static const nn_kernel recurrent_cuda = {
    .name = "recurrent_cuda",
    .on_device = true,
    .mixes_types = true,
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_STANDARD,
    .accepts = accepts,
    .prepare = prepare,
    .run = run,
};

const nn_kernel *const nn_cuda_recurrent_kernels[] = {&recurrent_cuda, NULL};
