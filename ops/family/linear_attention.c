#include "ops/family/linear_attention.h"

#include "ops/family/dims.h"
#include "ops/family/infer.h"

#include <math.h>

static nn_status head_size(const nn_node_view *node, int index, int64_t heads, int64_t *size) {
    int64_t columns = nn_fact_dim(node->in[index], 2);
    if (!nn_dim_is_known(columns)) return NN_OK;
    if (columns % heads != 0 || (nn_dim_is_known(*size) && columns / heads != *size))
        return nn_view_fail(node, NN_BAD_INPUT, "input %d: %lld columns are not %lld heads", index,
                            (long long)columns, (long long)heads);
    *size = columns / heads;
    return NN_OK;
}

/* How many columns input `index` has, which may be one of two numbers. */
static nn_status check_columns(const nn_node_view *node, int index, int64_t one, int64_t other) {
    int64_t columns = nn_fact_dim(nn_view_in(node, index), 2);
    if (!nn_dim_is_known(columns) || columns == one || !nn_dim_is_known(other) || columns == other)
        return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d has %lld columns, not %lld or %lld", index,
                        (long long)columns, (long long)one, (long long)other);
}

static nn_status check_presence(const nn_node_view *node, int index, bool wanted) {
    if ((nn_view_in(node, index) != NULL) == wanted) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "this update rule %s input %d (%s)",
                        wanted ? "needs" : "forbids", index,
                        index == NN_LINEAR_DECAY ? "decay" : "beta");
}

nn_status nn_linear_sizes_of(const nn_node_view *node, nn_linear_sizes *out) {
    const nn_linear_attrs *attrs = node->attrs;
    *out = (nn_linear_sizes){NN_DIM_UNKNOWN, NN_DIM_UNKNOWN, NN_DIM_UNKNOWN, NN_DIM_UNKNOWN, 1, 1};
    NN_TRY(check_presence(node, NN_LINEAR_DECAY, attrs->decays));
    NN_TRY(check_presence(node, NN_LINEAR_BETA, attrs->corrects));
    for (int i = NN_LINEAR_QUERY; i <= NN_LINEAR_BETA; i++) {
        NN_TRY(nn_check_rank(node, i, i == NN_LINEAR_PAST ? 4 : 3));
        NN_TRY(nn_agree_dim(node, i, 0, &out->batch));
        if (i != NN_LINEAR_PAST) NN_TRY(nn_agree_dim(node, i, 1, &out->length));
    }
    NN_TRY(head_size(node, NN_LINEAR_QUERY, attrs->q_heads, &out->key));
    NN_TRY(head_size(node, NN_LINEAR_KEY, attrs->kv_heads, &out->key));
    NN_TRY(head_size(node, NN_LINEAR_VALUE, attrs->kv_heads, &out->value));
    int64_t heads = attrs->kv_heads;
    NN_TRY(nn_agree_dim(node, NN_LINEAR_PAST, 1, &heads));
    NN_TRY(nn_agree_dim(node, NN_LINEAR_PAST, 2, &out->key));
    NN_TRY(nn_agree_dim(node, NN_LINEAR_PAST, 3, &out->value));
    NN_TRY(check_columns(node, NN_LINEAR_DECAY, heads, nn_dim_multiply(heads, out->key)));
    NN_TRY(check_columns(node, NN_LINEAR_BETA, heads, 1));
    if (nn_fact_dim(nn_view_in(node, NN_LINEAR_DECAY), 2) != heads) out->decays = out->key;
    out->betas = nn_fact_dim(nn_view_in(node, NN_LINEAR_BETA), 2);
    return NN_OK;
}

float nn_linear_scale(const nn_linear_attrs *attrs, const nn_linear_sizes *sizes) {
    return attrs->scale != 0 ? attrs->scale : 1 / sqrtf((float)sizes->key);
}
