#include "engine/graph/patch.h"
#include "engine/lower/activation.h"
#include "engine/plan/plan_parts.h"

enum { MAX_FUSED = 8, MAX_INPUTS = 16 };

/* A node with the nodes behind it that its epilogue takes over. */
typedef struct group {
    nn_node *node;
    nn_epilogue epilogue;
    nn_value *residual;
    nn_value *result; /* what the last of them makes */
    nn_node *fused[MAX_FUSED];
    int fused_count;
} group;

/* The operators whose kernels may have epilogues. */
static bool may_fuse(const nn_node *node) {
    static const nn_op *const ops[] = {&nn_op_conv,   &nn_op_conv_transpose,
                                       &nn_op_gemm,   &nn_op_matmul,
                                       &nn_op_linear, &nn_op_add,
                                       &nn_op_qconv,  &nn_op_matmul_integer_to_float};
    if (node->out_count != 1 || node->outputs[0] == NULL ||
        node->outputs[0]->fact.type != NNOPT_FLOAT)
        return false;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (node->op == ops[i]) return node->in_count <= node->op->max_inputs;
    }
    return false;
}

/* ---- would a kernel take it? ---- */

/* A fused node must not fall back to a lesser kernel. */
static bool is_accepted(const group *g, const nn_target *target) {
    const nn_node *node = g->node;
    const nn_fact *in[MAX_INPUTS + 1] = {0};
    nn_fact *out[1] = {&node->outputs[0]->fact};
    if (node->op->max_inputs > MAX_INPUTS) return false;
    for (int i = 0; i < node->in_count; i++) {
        if (node->inputs[i] != NULL) in[i] = &node->inputs[i]->fact;
    }
    nn_node_view view = nn_node_view_of(node, in, out);
    const nn_kernel *plain = nn_kernel_select(&view, target);
    view.epilogue = g->epilogue;
    if (g->residual != NULL) {
        in[g->epilogue.residual] = &g->residual->fact;
        view.in_count = g->epilogue.residual + 1;
    }
    const nn_kernel *fused = nn_kernel_select(&view, target);
    if (fused == NULL) return false;
    return plain == NULL ||
           nn_kernel_rank(node->op, target, fused) <= nn_kernel_rank(node->op, target, plain);
}

/* ---- growing a group ---- */

/* Two linear functions in a row are one. */
static bool compose(nn_activation *first, nn_activation second) {
    if (first->kind != NN_ACT_LINEAR || second.kind != NN_ACT_LINEAR) return false;
    first->beta = second.alpha * first->beta + second.beta;
    first->alpha *= second.alpha;
    return true;
}

static bool add_activation(group *g, nn_activation activation) {
    nn_epilogue *epilogue = &g->epilogue;
    if (compose(&epilogue->after, activation)) return true;
    if (epilogue->after.kind == NN_ACT_NONE && !epilogue->has_residual &&
        compose(&epilogue->before, activation)) {
        return true;
    }
    if (epilogue->before.kind == NN_ACT_NONE && !epilogue->has_residual) {
        epilogue->before = activation;
    } else if (epilogue->after.kind == NN_ACT_NONE) {
        epilogue->after = activation;
    } else {
        return false;
    }
    return true;
}

static bool has_same_shape(const nn_value *a, const nn_value *b) {
    return a->fact.type == b->fact.type &&
           nn_dims_equal(a->fact.dims, a->fact.rank, b->fact.dims, b->fact.rank);
}

/* The other summand may be made by a node that is better placed to take the sum: the later one, so
 * that nothing waits. */
static bool is_better_placed(const nn_node *other, const nn_node *node) {
    return other != NULL && other->position > node->position && may_fuse(other) &&
           nn_value_single_consumer(other->outputs[0]) != NULL;
}

static bool adds_two(const nn_node *node) {
    return node->op == &nn_op_add || (node->op == &nn_op_sum && node->in_count == 2);
}

static bool add_residual(group *g, const nn_node *sum) {
    nn_epilogue *epilogue = &g->epilogue;
    if (!adds_two(sum) || epilogue->has_residual) return false;
    if (epilogue->after.kind != NN_ACT_NONE) return false;
    nn_value *other = sum->inputs[sum->inputs[0] == g->result ? 1 : 0];
    if (nn_value_is_constant(other) || !has_same_shape(other, g->result)) return false;
    if (is_better_placed(other->producer, g->node)) return false;
    epilogue->has_residual = true;
    epilogue->residual = g->node->op->max_inputs;
    g->residual = other;
    return true;
}

/* Takes over the node that reads the result; false when the group is complete. */
static bool grow(group *g, const nn_target *target, const bool *taken) {
    nn_node *next = nn_value_single_consumer(g->result);
    nn_activation activation;
    nn_value *x;
    group grown = *g;
    if (next == NULL || taken[next->position] || g->fused_count == MAX_FUSED) return false;
    if (next->out_count != 1) return false;
    bool fits = nn_match_activation(next, &x, &activation)
                    ? x == g->result && add_activation(&grown, activation)
                    : add_residual(&grown, next);
    if (!fits || !is_accepted(&grown, target)) return false;
    grown.fused[grown.fused_count++] = next;
    grown.result = next->outputs[0];
    *g = grown;
    return true;
}

/* ---- editing ---- */

static nn_status edit(nn_plan *plan, nn_patch *patch, const group *g, bool *taken) {
    for (int i = 0; i < g->fused_count; i++) {
        taken[g->fused[i]->position] = true;
        nn_patch_remove_node(patch, g->fused[i]);
        NN_TRY(nn_covers_merge(&plan->covers, g->node, g->fused[i]));
    }
    taken[g->node->position] = true;
    if (g->residual != NULL) {
        for (int i = g->node->in_count; i < g->epilogue.residual; i++) {
            nn_patch_append_input(patch, g->node, NULL);
        }
        nn_patch_append_input(patch, g->node, g->residual);
    }
    nn_patch_set_epilogue(patch, g->node, &g->epilogue);
    nn_patch_set_output(patch, g->node, 0, g->result);
    return NN_OK;
}

static nn_status edit_all(void *argument, nn_patch *patch, bool *taken) {
    const nn_plan_edit *edits = argument;
    nn_plan *plan = edits->plan;
    for (int64_t i = 0; i < plan->graph->node_count; i++) {
        nn_node *node = plan->graph->nodes[i];
        if (taken[i] || !may_fuse(node) || nn_node_is_folded(node)) continue;
        group g = {.node = node, .result = node->outputs[0]};
        while (grow(&g, edits->target, taken)) continue;
        if (g.fused_count > 0) NN_TRY(edit(plan, patch, &g, taken));
    }
    return NN_OK;
}

nn_status nn_plan_fuse(nn_plan *plan, const nn_plan_request *request) {
    nn_plan_edit edits = {plan, &request->target};
    return nn_patch_edit(plan->graph, "plan", "activations and sums behind", edit_all, &edits);
}
