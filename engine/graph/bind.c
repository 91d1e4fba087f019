#include "engine/graph/bind.h"

/* Sizes of symbols as the inputs give them; NN_DIM_UNKNOWN where none does. */
static void find_symbols(const nn_graph *graph, const nn_tensor *inputs, int64_t *sizes) {
    for (int64_t s = 0; s < graph->symbol_count; s++) sizes[s] = NN_DIM_UNKNOWN;
    for (int64_t i = 0; i < graph->input_count; i++) {
        const nn_fact *fact = &graph->inputs[i]->fact;
        for (int axis = 0; axis < fact->rank; axis++) {
            if (!nn_dim_is_symbol(fact->dims[axis]) || inputs[i].dims[axis] < 0) continue;
            sizes[nn_dim_symbol_index(fact->dims[axis])] = inputs[i].dims[axis];
        }
    }
}

static int64_t bound(int64_t dim, const int64_t *sizes, int64_t symbol_count) {
    if (!nn_dim_is_symbol(dim) || nn_dim_symbol_index(dim) >= symbol_count) return dim;
    int64_t size = sizes[nn_dim_symbol_index(dim)];
    return nn_dim_is_known(size) ? size : dim;
}

static void bind_fact(nn_fact *fact, const int64_t *sizes, int64_t symbol_count) {
    for (int axis = 0; axis < fact->rank; axis++)
        fact->dims[axis] = bound(fact->dims[axis], sizes, symbol_count);
    for (int i = 0; i < fact->element_count; i++)
        fact->elements[i] = bound(fact->elements[i], sizes, symbol_count);
}

static void bind_input(nn_value *value, const nn_tensor *input) {
    nn_fact fact = nn_fact_make(input->type, input->rank, input->dims);
    for (int axis = 0; axis < input->rank; axis++)
        if (input->dims[axis] < 0)
            fact.dims[axis] = value->fact.rank < 0 ? NN_DIM_UNKNOWN : value->fact.dims[axis];
    value->fact = value->declared = fact;
}

nn_status nn_graph_bind_inputs(nn_graph *graph, const nn_tensor *inputs) {
    size_t size = (size_t)(graph->symbol_count + 1) * sizeof(int64_t);
    int64_t *sizes = nn_alloc(size);
    if (sizes == NULL) return nn_fail_memory(size);
    find_symbols(graph, inputs, sizes);
    for (int64_t i = 0; i < graph->value_count; i++) {
        bind_fact(&graph->values[i]->fact, sizes, graph->symbol_count);
        bind_fact(&graph->values[i]->declared, sizes, graph->symbol_count);
    }
    nn_free(sizes);
    for (int64_t i = 0; i < graph->input_count; i++) bind_input(graph->inputs[i], &inputs[i]);
    return nn_graph_infer(graph);
}
