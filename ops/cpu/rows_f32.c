#include "ops/cpu/rows_f32.h"

bool nn_accepts_float(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_in_types_are(node, 0, -1, NNOPT_FLOAT);
}
