#include "engine/graph/node_pattern.h"

#include "engine/lower/activation.h"

bool nn_pattern_take(nn_pattern *p, const nn_value *value) {
    if (p->count == NN_MOST_PATTERN_NODES ||
        (p->count > 0 && nn_value_single_consumer(value) == NULL)) {
        return false;
    }
    p->nodes[p->count++] = value->producer;
    return true;
}

static bool has_node(const nn_pattern *p, const nn_node *node) {
    for (int i = 0; i < p->count; i++)
        if (p->nodes[i] == node) return true;
    return false;
}

bool nn_pattern_join(nn_pattern *p, const nn_value *value) {
    if (has_node(p, value->producer)) return true;
    if (p->count == NN_MOST_PATTERN_NODES) return false;
    p->nodes[p->count++] = value->producer;
    return true;
}

bool nn_pattern_is_closed(const nn_pattern *p) {
    for (int i = 1; i < p->count; i++) {
        for (int k = 0; k < p->nodes[i]->out_count; k++) {
            const nn_value *value = p->nodes[i]->outputs[k];
            if (value == NULL) continue;
            if (value->is_output) return false;
            for (int64_t u = 0; u < value->use_count; u++) {
                const nn_use *use = &value->uses[u];
                if (use->input == NN_USE_CAPTURE || !has_node(p, use->node)) return false;
            }
        }
    }
    return true;
}

bool nn_pattern_is_free(const nn_pattern *p, const bool *taken) {
    for (int i = 0; i < p->count; i++)
        if (taken[p->nodes[i]->position]) return false;
    return true;
}

void nn_pattern_mark(const nn_pattern *p, bool *taken) {
    for (int i = 0; i < p->count; i++) taken[p->nodes[i]->position] = true;
}

bool nn_is_made_by(const nn_value *value, const nn_op *op) {
    return value->producer != NULL && value->producer->op == op && value->fact.type == NNOPT_FLOAT;
}

bool nn_pattern_number(nn_pattern *p, const nn_value *value, const nn_op *op, bool commutes,
                       nn_value **other, float *number) {
    if (!nn_is_made_by(value, op)) return false;
    nn_node *node = value->producer;
    for (int side = 1; side >= (commutes ? 0 : 1); side--) {
        nn_value *rest = node->inputs[1 - side];
        if (!nn_scalar_constant(node->inputs[side], rest, number)) continue;
        *other = rest;
        return nn_pattern_take(p, value);
    }
    return false;
}

nn_value *nn_pattern_strip_scale(nn_pattern *p, nn_value *value, float *scale) {
    for (;;) {
        nn_value *other;
        float number;
        if (nn_pattern_number(p, value, &nn_op_mul, true, &other, &number)) {
            *scale *= number;
        } else if (nn_pattern_number(p, value, &nn_op_div, false, &other, &number)) {
            *scale /= number;
        } else {
            return value;
        }
        value = other;
    }
}

bool nn_is_same_dim(int64_t a, int64_t b) {
    return a == b && a != NN_DIM_UNKNOWN;
}
