/* NhwcMaxPool: MaxPool of x [N, in..., C]. */
#include "ops/expansion.h"
#include "ops/family/infer.h"
#include "ops/family/pooling.h"
#include "ops/family/quantization.h"

static void to_channels_first(int rank, int64_t *order) {
    for (int i = 0; i < rank; i++) order[i] = i == 0 ? 0 : i == 1 ? rank - 1 : i - 1;
}

static void to_channels_last(int rank, int64_t *order) {
    for (int i = 0; i < rank; i++) order[i] = i == 0 ? 0 : i == rank - 1 ? 1 : i + 1;
}

static nn_status infer(const nn_node_view *node) {
    nn_fact x = *node->in[0], y = nn_fact_unknown();
    int64_t order[NN_MAX_RANK], dims[NN_MAX_RANK];
    NN_TRY(nn_quant_check_8bit(node, 0));
    if (x.rank >= 0 && x.rank < 3)
        return nn_view_fail(node, NN_BAD_INPUT, "input must have rank 3 or more, has %d", x.rank);
    to_channels_first(x.rank, order);
    for (int i = 0; i < x.rank; i++) x.dims[i] = node->in[0]->dims[order[i]];
    nn_node_view plain = *node;
    plain.in = (const nn_fact *[]){&x};
    plain.out = (nn_fact *[]){&y};
    NN_TRY(nn_pool_infer(&plain));
    to_channels_last(y.rank, order);
    for (int i = 0; i < y.rank; i++) dims[i] = y.dims[order[i]];
    return nn_set_output(node, 0, node->in[0]->type, y.rank, dims);
}

static nn_status expand(const nn_node_view *node, nn_expansion *e) {
    int rank = node->in[0]->rank;
    int64_t first[NN_MAX_RANK], last[NN_MAX_RANK];
    if (rank < 0) return nn_view_fail(node, NN_UNSUPPORTED, "the rank of the input must be known");
    to_channels_first(rank, first);
    to_channels_last(rank, last);
    nn_term *x = nn_expand_transpose(e, nn_expand_in(e, 0), rank, first);
    nn_term *y = nn_expand(e, "MaxPool", NN_TERMS(x), .attrs = *nn_expand_attrs(e));
    nn_expand_out(e, 0, nn_expand_transpose(e, y, rank, last));
    return NN_OK;
}

const nn_op nn_op_nhwc_max_pool = {
    .name = "NhwcMaxPool",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_pool_attrs),
    .parse = nn_pool_parse,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .expand = expand,
};
