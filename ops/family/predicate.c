#include "ops/family/predicate.h"

nn_status nn_infer_predicate(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    nn_type_set types = NN_TYPES_FLOAT;
    if (node->opset >= 20)
        types |= NN_TYPE_BIT(NNOPT_FLOAT8E4M3FN) | NN_TYPE_BIT(NNOPT_FLOAT8E4M3FNUZ) |
                 NN_TYPE_BIT(NNOPT_FLOAT8E5M2) | NN_TYPE_BIT(NNOPT_FLOAT8E5M2FNUZ);
    NN_TRY(nn_check_types(node, 0, 0, types));
    return nn_set_output(node, 0, NNOPT_BOOL, in->rank, in->dims);
}
