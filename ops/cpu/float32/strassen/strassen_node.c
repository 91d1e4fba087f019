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

/* Packed weights come behind factors of their columns, those behind what was found of them. */
typedef union weights_header {
    nn_strassen_found found;
    char line[NN_ALIGNMENT];
} weights_header;

static size_t factor_bytes(const nn_strassen_plan *plan) {
    return nn_aligned((size_t)plan->product.columns * sizeof(float));
}

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
    weights_header *header = out;
    char *factors = (char *)(header + 1);
    float *packed = (float *)(factors + factor_bytes(pack->plan));
    (void)node;
    if (pack->inputs->order == NN_STRASSEN_BY_ROWS)
        NN_TRY(pack_rows(pack, packed));
    else
        NN_TRY(pack_columns(pack, packed));
    header->found = nn_strassen_finish(pack->plan, packed, (float *)factors);
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
    const size_t bytes =
        sizeof(weights_header) + factor_bytes(plan) + nn_strassen_packed_bytes(plan);
    NN_TRY(nn_prepare_pack(services, 1u << inputs->w, variant, bytes, pack_weights, &argument,
                           &weights));
    const weights_header *header = weights;
    const char *factors = (const char *)(header + 1);
    state->limit = header->found.limit;
    if (state->limit == 0) return NN_OK;
    state->factors = header->found.is_scaled ? (const float *)factors : NULL;
    state->packed = (const float *)(factors + factor_bytes(plan));
    NN_TRY(nn_conv_f32_prepare_bias(services, inputs->bias, product->columns, &state->bias));
    nn_prepare_workspace(services, nn_strassen_workspace(plan, target->threads));
    nn_prepare_describe(services, "Strassen, %dx%d, %lld blocks of %lld rows", plan->shape->rows,
                        plan->shape->columns, (long long)plan->blocks, (long long)plan->block_rows);
    return NN_OK;
}

nn_status nn_strassen_run_node(const nn_call *call) {
    const nn_strassen_state *state = call->state;
    if (state->limit == 0) {
        nn_conv_f32_run(&state->plain, call);
        return NN_OK;
    }
    const nn_strassen_operands operands = {
        .packed = state->packed,
        .factors = state->factors,
        .bias = state->bias,
        .limit = state->limit,
        .a = call->in[0]->data,
        .residual = nn_call_residual_data(call),
        .y = call->out[0]->data,
    };
    nn_strassen_run(&state->plan, &operands, call->pool, call->workspace);
    return NN_OK;
}
