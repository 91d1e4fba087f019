#include "ops/cpu/float32/direct/direct_operands.h"

#include <stdio.h>

typedef struct pack_argument {
    const nn_direct_plan *plan;
    const nn_direct_operands *operands;
    nn_prepare *services;
} pack_argument;

/* Units of `bytes` that one piece holds. */
static int64_t units_of_piece(int64_t bytes) {
    return bytes < NN_PIECE_BYTES ? NN_PIECE_BYTES / bytes : 1;
}

static nn_status pack_columns(const pack_argument *pack, int64_t group, void *out) {
    const nn_direct_plan *plan = pack->plan;
    const nn_direct_source *source = &pack->operands->source;
    const int64_t column_bytes = source->column_step * (int64_t)sizeof(float);
    const int64_t step = units_of_piece(plan->shape->columns * column_bytes);
    for (int64_t begin = 0; begin < plan->panels; begin += step) {
        const int64_t end = begin + step < plan->panels ? begin + step : plan->panels;
        const int64_t first = nn_direct_columns_before(plan, begin);
        const int64_t count = nn_direct_columns_before(plan, end) - first;
        const void *w;
        NN_TRY(nn_prepare_piece(pack->services, pack->operands->w,
                                group * source->group_step + first * source->column_step,
                                count * source->column_step, &w));
        nn_direct_pack_panels(plan, source, group, begin, end, w, out);
    }
    return NN_OK;
}

static nn_status pack_rows(const pack_argument *pack, void *out) {
    const nn_direct_plan *plan = pack->plan;
    const nn_direct_source *source = &pack->operands->source;
    const int64_t step = units_of_piece(source->k_step * (int64_t)sizeof(float));
    for (int64_t begin = 0; begin < plan->k; begin += step) {
        const int64_t end = begin + step < plan->k ? begin + step : plan->k;
        const void *w;
        NN_TRY(nn_prepare_piece(pack->services, pack->operands->w, begin * source->k_step,
                                (end - begin) * source->k_step, &w));
        nn_direct_pack_rows(plan, source, begin, end, w, out);
    }
    nn_direct_end_rows(plan, out);
    return NN_OK;
}

static nn_status pack_weights(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    const int64_t count = nn_fact_count(node->in[pack->operands->w]);
    const nn_direct_source *source = &pack->operands->source;
    nn_direct_pieces pieces = nn_direct_pieces_of(pack->plan, source);
    const void *w;
    if (count <= NN_PIECE_BYTES / (int64_t)sizeof(float)) pieces = NN_PIECES_NONE;
    if (pieces == NN_PIECES_ROWS) return pack_rows(pack, out);
    for (int64_t g = 0; pieces == NN_PIECES_COLUMNS && g < pack->plan->problem.groups; g++)
        NN_TRY(pack_columns(pack, g, out));
    if (pieces == NN_PIECES_COLUMNS) return NN_OK;
    NN_TRY(nn_prepare_piece(pack->services, pack->operands->w, 0, count, &w));
    nn_direct_pack(pack->plan, source, w, out);
    return NN_OK;
}

static nn_status pack_bias(const nn_node_view *node, const void *argument, void *out) {
    const pack_argument *pack = argument;
    const nn_tensor *bias = nn_view_constant(node, pack->operands->bias);
    nn_direct_pack_bias(pack->plan, bias ? bias->data : NULL, pack->operands->bias_step,
                        pack->operands->bias_scale, out);
    return NN_OK;
}

nn_sharing nn_direct_sharing(const nn_node_view *node, int w, const nn_target *target) {
    const bool is_constant = nn_view_constant(node, w) != NULL;
    return is_constant && !target->deterministic ? NN_SHARE_WHERE_FASTER : NN_SHARE_NEVER;
}

void nn_direct_describe(const nn_direct_plan *plan, nn_prepare *services) {
    nn_prepare_describe(services, "%dx%d%s, %lld units, %lld passes", plan->shape->rows,
                        plan->shape->columns, plan->shares ? " with shared products" : "",
                        (long long)plan->units, (long long)plan->passes);
}

nn_status nn_direct_operands_prepare(const nn_node_view *node, const nn_direct_plan *plan,
                                     nn_prepare *services, nn_direct_operands *operands,
                                     size_t *workspace_bytes) {
    char variant[128];
    const pack_argument argument = {plan, operands, services};
    const void *packed;
    *workspace_bytes = 0;
    if (nn_view_constant(node, operands->w) != NULL) {
        nn_direct_variant(plan, &operands->source, variant, sizeof variant);
        NN_TRY(nn_prepare_pack(services, 1u << operands->w, variant, nn_direct_packed_bytes(plan),
                               pack_weights, &argument, &packed));
        operands->packed = packed;
    } else {
        operands->packed_bytes = nn_direct_packed_bytes(plan);
    }
    if (nn_view_in(node, operands->bias) == NULL || nn_view_constant(node, operands->bias)) {
        snprintf(variant, sizeof variant, "bias of %lld, x %a", (long long)plan->group_columns,
                 (double)operands->bias_scale);
        NN_TRY(nn_prepare_pack(services, 1u << operands->bias, variant, nn_direct_bias_bytes(plan),
                               pack_bias, &argument, &packed));
        operands->packed_bias = packed;
    } else {
        operands->bias_bytes = nn_direct_bias_bytes(plan);
    }
    *workspace_bytes = operands->packed_bytes + operands->bias_bytes;
    nn_direct_describe(plan, services);
    return NN_OK;
}

nn_direct_ready nn_direct_operands_get(const nn_direct_operands *operands,
                                       const nn_direct_plan *plan, const nn_call *call) {
    nn_direct_ready out = {operands->packed, operands->packed_bias, NULL};
    char *workspace = call->workspace;
    if (out.w == NULL) {
        nn_direct_pack(plan, &operands->source, call->in[operands->w]->data, (float *)workspace);
        out.w = (const float *)workspace;
        workspace += operands->packed_bytes;
    }
    if (out.bias == NULL) {
        nn_direct_pack_bias(plan, call->in[operands->bias]->data, operands->bias_step,
                            operands->bias_scale, (float *)workspace);
        out.bias = (const float *)workspace;
        workspace += operands->bias_bytes;
    }
    out.workspace = workspace;
    return out;
}
