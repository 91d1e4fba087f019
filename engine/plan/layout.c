#include "engine/plan/layout.h"

#include "ops/family/loops.h"

void nn_layout_dims(nn_layout layout, const int64_t *dims, int rank, int64_t *out) {
    if (layout != NN_LAYOUT_CHANNELS_LAST || !nn_layout_matters(rank)) {
        for (int i = 0; i < rank; i++) out[i] = dims[i];
        return;
    }
    out[0] = dims[0];
    for (int i = 2; i < rank; i++) out[i - 1] = dims[i];
    out[rank - 1] = dims[1];
}

bool nn_layout_is_same_order(const int64_t *dims, int rank) {
    if (!nn_layout_matters(rank) || dims[1] <= 1) return true;
    int64_t places = 1;
    for (int i = 2; i < rank; i++) {
        if (dims[i] == 0) return true;
        if (dims[i] != 1) places = 2;
    }
    return places == 1;
}

bool nn_layout_is_transposed(const int64_t *dims, int rank, const int *perm, nn_layout from,
                             nn_layout to) {
    int source = 0;
    for (int place = 0; place < rank; place++) {
        int axis = perm[nn_logical_axis(to, rank, place)];
        if (dims[axis] == 1) continue;
        while (source < rank && dims[nn_logical_axis(from, rank, source)] == 1) source++;
        if (source == rank || nn_logical_axis(from, rank, source) != axis) return false;
        source++;
    }
    return true;
}

bool nn_layout_input_is_last(const nn_kernel *kernel, const nn_node_view *node, nn_layout layout,
                             int index) {
    const nn_fact *fact = nn_view_in(node, index);
    if (layout != NN_LAYOUT_CHANNELS_LAST || fact == NULL || !nn_layout_matters(fact->rank)) {
        return false;
    }
    if (node->out[0] == NULL || fact->rank != node->out[0]->rank) return false;
    return nn_epilogue_adds(&node->epilogue, index) || nn_kernel_takes_last(kernel, node, index);
}
