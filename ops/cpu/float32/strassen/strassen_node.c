#include "ops/cpu/float32/strassen/strassen_node.h"

#include "base/integers.h"

static size_t factor_bytes(const nn_strassen_plan *plan) {
    return nn_aligned((size_t)plan->product.columns * sizeof(float));
}

nn_strassen_places nn_strassen_places_of(const nn_strassen_plan *plan, void *packed) {
    nn_strassen_header *header = packed;
    char *factors = (char *)(header + 1);
    return (nn_strassen_places){
        .found = &header->found,
        .factors = (float *)factors,
        .weights = (float *)(factors + factor_bytes(plan)),
    };
}

bool nn_strassen_takes(const nn_node_view *node, const nn_target *target, int w, int bias,
                       const nn_strassen_product *product) {
    if (nn_view_constant(node, w) == NULL || target->deterministic) return false;
    if (nn_view_in(node, bias) != NULL && nn_view_constant(node, bias) == NULL) return false;
    return target->explores ? nn_strassen_suits(product, target->isa)
                            : nn_strassen_pays(product, target->isa, target->threads);
}

nn_status nn_strassen_prepare(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services, const nn_strassen_product *product,
                              const nn_strassen_form *form, nn_pack_function pack, int w, int bias,
                              nn_strassen_state *state) {
    nn_strassen_plan *plan = &state->plan;
    nn_strassen_plan_make(product, form, target->threads, &node->epilogue, plan);
    char variant[80];
    const void *weights;
    nn_strassen_variant(plan, variant, sizeof variant);
    const nn_strassen_pack argument = {plan, services};
    NN_TRY(nn_prepare_pack(services, 1u << w, variant,
                           sizeof(nn_strassen_header) + factor_bytes(plan) +
                               nn_strassen_packed_bytes(plan),
                           pack, &argument, &weights));
    const nn_strassen_header *header = weights;
    const char *factors = (const char *)(header + 1);
    state->limit = header->found.limit;
    if (state->limit == 0) return NN_OK;
    state->factors = header->found.is_scaled ? (const float *)factors : NULL;
    state->packed = (const float *)(factors + factor_bytes(plan));
    NN_TRY(nn_conv_f32_prepare_bias(services, bias, product->columns, &state->bias));
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
