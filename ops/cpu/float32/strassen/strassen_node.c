#include "ops/cpu/float32/strassen/strassen_node.h"

#include "base/integers.h"

bool nn_strassen_takes(const nn_node_view *node, const nn_target *target,
                       const nn_strassen_inputs *inputs, const nn_strassen_product *product) {
    if (nn_view_constant(node, inputs->w) == NULL || target->deterministic) return false;
    if (nn_view_in(node, inputs->bias) != NULL && nn_view_constant(node, inputs->bias) == NULL)
        return false;
    return target->explores ? nn_strassen_suits(product, target->isa)
                            : nn_strassen_pays(product, target->isa, target->threads);
}

/* ---- packing ---- */

typedef struct pack_argument {
    const nn_strassen_plan *plan;
    const nn_strassen_inputs *inputs;
    nn_prepare *services;
} pack_argument;

static nn_status pack_rows(const pack_argument *pack, float *packed) {
    const nn_strassen_product *product = &pack->plan->product;
    const int64_t row_bytes = product->columns * (int64_t)sizeof(float);
    const int64_t rows = nn_max(NN_PIECE_BYTES / row_bytes, 1);
    for (int64_t k = 0; k < product->k; k += rows) {
        const int64_t end = nn_min(k + rows, product->k);
        const void *w;
        NN_TRY(nn_prepare_piece(pack->services, pack->inputs->w, k * product->columns,
                                (end - k) * product->columns, &w));
        nn_strassen_pack_rows(pack->plan, k, end, w, packed);
    }
    return NN_OK;
}

static nn_status pack_columns(const pack_argument *pack, float *packed) {
    const nn_strassen_plan *plan = pack->plan;
    const int64_t k = plan->product.k;
    for (int64_t panel = 0; panel < plan->panels; panel++)
        for (int right = 0; right < 2; right++) {
            const int64_t begin = right * plan->half_columns + nn_strassen_panel_begin(plan, panel);
            const int64_t count = nn_strassen_panel_columns(plan, panel);
            const void *w;
            NN_TRY(nn_prepare_piece(pack->services, pack->inputs->w, begin * k, count * k, &w));
            nn_strassen_pack_columns(plan, begin, count, w, packed);
        }
    return NN_OK;
}

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    (void)node;
    if (pack->inputs->order == NN_STRASSEN_BY_ROWS)
        NN_TRY(pack_rows(pack, out));
    else
        NN_TRY(pack_columns(pack, out));
    nn_strassen_finish(pack->plan, out);
    return NN_OK;
}

nn_status nn_strassen_prepare(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services, const nn_strassen_inputs *inputs,
                              const nn_strassen_product *product, const nn_strassen_form *form,
                              nn_strassen_state *state) {
    nn_strassen_plan *plan = &state->plan;
    nn_strassen_plan_make(product, form, target->threads, &node->epilogue, plan);
    char variant[80];
    const void *weights;
    nn_strassen_variant(plan, variant, sizeof variant);
    const pack_argument argument = {plan, inputs, services};
    NN_TRY(nn_prepare_pack(services, 1u << inputs->w, variant, nn_strassen_packed_bytes(plan),
                           pack_weights, &argument, &weights));
    if (nn_strassen_found_of(weights)->limit == 0) return NN_OK;
    state->packed = weights;
    NN_TRY(nn_conv_f32_prepare_bias(services, inputs->bias, product->columns, &state->bias));
    nn_prepare_workspace(services, nn_strassen_workspace(plan, target->threads));
    nn_prepare_describe(services, "Strassen, %dx%d, %lld blocks of %lld rows", plan->shape->rows,
                        plan->shape->columns, (long long)plan->blocks, (long long)plan->block_rows);
    return NN_OK;
}

nn_status nn_strassen_run_node(const nn_call *call) {
    const nn_strassen_state *state = call->state;
    if (state->packed == NULL) {
        nn_conv_f32_run(&state->plain, call);
        return NN_OK;
    }
    const nn_strassen_operands operands = {
        .packed = state->packed,
        .bias = state->bias,
        .a = call->in[0]->data,
        .residual = nn_call_residual_data(call),
        .y = call->out[0]->data,
    };
    nn_strassen_run(&state->plan, &operands, call->pool, call->workspace);
    return NN_OK;
}
