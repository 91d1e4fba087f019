/* Engines of the double: which graphs they take, and what they are like. */
#include "tests/cuda_emulator/libraries/cudnn_double.h"

enum {
    READY_MADE = 0,         /* residual, bias, one activation, in this order */
    FUSING_TENSOR = 7,      /* anything behind a convolution, on tensor cores */
    FUSING = 8,             /* the same without them */
    WITH_WORKSPACE = 44,    /* as READY_MADE */
    NOT_DETERMINISTIC = 25, /* a convolution alone */
    KNOB = CUDNN_KNOB_TYPE_KERNEL_CFG,
};

static bool is_addition(const operation *o) {
    return o->kind == POINTWISE && o->mode == CUDNN_POINTWISE_ADD;
}

static bool is_ready_activation(const operation *o) {
    return o->kind == POINTWISE &&
           ((o->mode == CUDNN_POINTWISE_RELU_FWD && o->slope == 0) ||
            o->mode == CUDNN_POINTWISE_SIGMOID_FWD || o->mode == CUDNN_POINTWISE_TANH_FWD);
}

/* conv [+ residual] [+ bias of the type of the output] [activation], or a gradient alone. */
static bool is_ready_made(const graph *g) {
    int at = 1;
    const int last = g->operation_count - 1;
    const tensor *y = &g->tensors[g->operations[last].kind == GRADIENT ? g->operations[last].x
                                                                       : g->operations[last].y];
    if (g->operations[0].kind == GRADIENT) return last == 0;
    const tensor *x = &g->tensors[g->operations[0].x];
    if (y->type != x->type) return false;
    bool has_residual = at <= last && is_addition(&g->operations[at]) &&
                        g->tensors[g->operations[at].b].count == y->count &&
                        g->tensors[g->operations[at].b].type == y->type;
    if (has_residual) at++;
    if (at <= last && is_addition(&g->operations[at])) {
        const tensor *bias = &g->tensors[g->operations[at].b];
        if (bias->dims[1] != y->dims[1] || bias->count != bias->dims[1] || bias->type != y->type)
            return false;
        at++;
    } else if (has_residual) {
        return false;
    }
    if (at <= last && is_ready_activation(&g->operations[at])) at++;
    return at > last;
}

/* No engine takes such a graph, as a real one may not be taken: filters of 13 taps in the last
 * axis. */
static bool is_refused(const graph *g) {
    const tensor *filters = &g->tensors[g->operations[0].b];
    return filters->dims[filters->rank - 1] == 13;
}

bool nn_double_supports(const graph *g, int64_t engine) {
    const operation *first = &g->operations[0];
    if (first->kind == POINTWISE || is_refused(g)) return false;
    for (int i = 1; i < g->operation_count; i++)
        if (g->operations[i].kind != POINTWISE) return false;
    switch (engine) {
    case READY_MADE:
    case WITH_WORKSPACE:
        return is_ready_made(g);
    case NOT_DETERMINISTIC:
        return g->operation_count == 1;
    case FUSING_TENSOR:
        return true;
    case FUSING:
        return g->tensors[first->b].type == CUDNN_DATA_FLOAT;
    default:
        return false;
    }
}

int nn_double_propose(const graph *g, cudnnBackendHeurMode_t mode, engine_choice *out, int limit) {
    static const engine_choice best[] = {{FUSING_TENSOR, KNOB, 21},
                                         {NOT_DETERMINISTIC, -1, 0},
                                         {WITH_WORKSPACE, KNOB, 12},
                                         {FUSING_TENSOR, KNOB, 22}};
    static const engine_choice safe[] = {{FUSING, -1, 0}, {READY_MADE, -1, 0}};
    const engine_choice *list = mode == CUDNN_HEUR_MODE_FALLBACK ? safe : best;
    const int length = mode == CUDNN_HEUR_MODE_FALLBACK ? 2 : 4;
    int count = 0;
    for (int i = 0; i < length && count < limit; i++)
        if (nn_double_supports(g, list[i].engine)) out[count++] = list[i];
    return count;
}

uint32_t nn_double_notes(int64_t engine) {
    return engine == FUSING_TENSOR       ? 1u << CUDNN_NUMERICAL_NOTE_TENSOR_CORE
           : engine == NOT_DETERMINISTIC ? 1u << CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC
           : engine == READY_MADE        ? 1u << CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP
                                         : 0;
}

bool nn_double_compiles(int64_t engine) {
    return engine == FUSING_TENSOR || engine == FUSING;
}

int64_t nn_double_workspace(int64_t engine) {
    return engine == WITH_WORKSPACE ? 5000 : 0;
}

bool nn_double_rounds_to_tf32(int64_t engine) {
    return engine == FUSING_TENSOR;
}
