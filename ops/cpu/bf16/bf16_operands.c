#include "ops/cpu/bf16/bf16_operands.h"

#include <stdio.h>

static bool is_float_or_bf16(const nn_fact *fact) {
    return fact->type == NNOPT_FLOAT || fact->type == NNOPT_BFLOAT16;
}

bool nn_bf16_types_of(const nn_node_view *node, int x, nn_bf16_types *types) {
    const nn_fact *in = node->in[x], *out = node->out[0];
    if (!is_float_or_bf16(in) || !is_float_or_bf16(out)) return false;
    if (nn_fact_count(in) <= 0 || nn_fact_count(out) <= 0) return false;
    *types = (nn_bf16_types){in->type == NNOPT_FLOAT, out->type == NNOPT_FLOAT, false};
    if (!node->epilogue.has_residual) return true;
    const nn_fact *residual = node->in[node->epilogue.residual];
    types->residual_is_float = residual->type == NNOPT_FLOAT;
    return is_float_or_bf16(residual);
}

bool nn_bf16_is_constant(const nn_node_view *node, int index) {
    const nn_fact *fact = nn_view_in(node, index);
    return fact == NULL || (fact->constant != NULL && fact->type == NNOPT_FLOAT);
}

typedef struct pack_argument {
    const nn_bf16_plan *plan;
    const nn_bf16_constants *constants;
} pack_argument;

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    const nn_tensor *w = nn_view_constant(node, pack->constants->w);
    nn_bf16_pack(pack->plan, &pack->constants->source, w->data, out);
    return NN_OK;
}

static nn_status pack_bias(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    const nn_bf16_constants *constants = pack->constants;
    const nn_tensor *bias = constants->bias >= 0 ? nn_view_constant(node, constants->bias) : NULL;
    nn_bf16_pack_bias(pack->plan, bias != NULL ? bias->data : NULL, constants->bias_step,
                      constants->bias_scale, out);
    return NN_OK;
}

nn_status nn_bf16_prepare_bias(const nn_bf16_plan *plan, nn_prepare *services,
                               nn_bf16_constants *constants) {
    const pack_argument argument = {plan, constants};
    const uint32_t inputs = constants->bias >= 0 ? 1u << constants->bias : 0;
    const void *packed;
    char variant[96];
    snprintf(variant, sizeof variant, "bf16 bias of %lld x %lld, x %a", (long long)plan->panels,
             (long long)plan->problem.groups, (double)constants->bias_scale);
    NN_TRY(nn_prepare_pack(services, inputs, variant, nn_bf16_bias_bytes(plan), pack_bias,
                           &argument, &packed));
    constants->packed_bias = packed;
    return NN_OK;
}

nn_status nn_bf16_prepare(const nn_node_view *node, const nn_bf16_plan *plan, nn_prepare *services,
                          nn_bf16_constants *constants) {
    const pack_argument argument = {plan, constants};
    const void *packed;
    char variant[192];
    (void)node;
    nn_bf16_variant(plan, &constants->source, variant, sizeof variant);
    NN_TRY(nn_prepare_pack(services, 1u << constants->w, variant, nn_bf16_packed_bytes(plan),
                           pack_weights, &argument, &packed));
    constants->packed = packed;
    return nn_bf16_prepare_bias(plan, services, constants);
}
