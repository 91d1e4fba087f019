#include "engine/graph/graph.h"

typedef enum visit_state { UNSEEN, OPEN, PLACED } visit_state;

typedef struct visit {
    nn_node *node;
    int64_t next; /* input or capture to look at next */
} visit;

/* The node's next dependency, or NULL after the last. */
static nn_value *next_dependency(visit *at) {
    const nn_node *node = at->node;
    while (at->next < node->in_count + node->capture_count) {
        int64_t i = at->next++;
        nn_value *value = i < node->in_count ? node->inputs[i] : node->captures[i - node->in_count];
        if (value != NULL && value->producer != NULL) return value;
    }
    return NULL;
}

/* Depth-first: every node in the present order, after the producers it still lacks. */
static nn_status place_nodes(nn_graph *graph, visit *stack, uint8_t *state, nn_node **order) {
    int64_t placed = 0;
    for (int64_t i = 0; i < graph->node_count; i++) {
        if (state[i] != UNSEEN) continue;
        int64_t depth = 0;
        stack[0] = (visit){graph->nodes[i], 0};
        state[i] = OPEN;
        while (depth >= 0) {
            const nn_value *value = next_dependency(&stack[depth]);
            if (value == NULL) {
                nn_node *node = stack[depth--].node;
                state[node->position] = PLACED;
                order[placed++] = node;
                continue;
            }
            nn_node *producer = value->producer;
            if (state[producer->position] == OPEN) {
                const nn_node *node = stack[depth].node;
                return nn_fail(NN_BAD_INPUT,
                               "node '%s' (%s): input '%s' depends on the node's own output",
                               node->name, node->op_type, value->name);
            }
            if (state[producer->position] == UNSEEN) {
                state[producer->position] = OPEN;
                stack[++depth] = (visit){producer, 0};
            }
        }
    }
    return NN_OK;
}

nn_status nn_graph_sort(nn_graph *graph) {
    size_t count = (size_t)graph->node_count;
    if (count == 0) return NN_OK;
    for (int64_t i = 0; i < graph->node_count; i++) graph->nodes[i]->position = i;
    visit *stack = nn_alloc(count * sizeof *stack);
    uint8_t *state = nn_alloc_zero(count);
    nn_node **order = nn_alloc(count * sizeof *order);
    nn_status status = NN_OK;
    if (stack == NULL || state == NULL || order == NULL)
        status = nn_fail_memory(count * sizeof *stack);
    else
        status = place_nodes(graph, stack, state, order);
    if (status == NN_OK) {
        memcpy(graph->nodes, order, count * sizeof *order);
        for (int64_t i = 0; i < graph->node_count; i++) graph->nodes[i]->position = i;
    }
    nn_free(order);
    nn_free(state);
    nn_free(stack);
    return status;
}
