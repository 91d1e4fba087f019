/* Runs of elementwise operators, each read by the next alone, become one ElementwiseChain: a device
 * then reads and writes each element once, and starts one kernel. */
#include "engine/graph/patch.h"
#include "engine/plan/plan_parts.h"
#include "ops/plan/elementwise_chain.h"

/* A chain while it grows. */
typedef struct chain {
    nn_chain_attrs attrs;
    nn_value *inputs[NN_CHAIN_OPERANDS + 1]; /* what it starts from, then the operands */
    int in_count;
    nn_value *result;
    nn_node *nodes[NN_CHAIN_STEPS];
    int node_count;
} chain;

static bool has_shape_of(const nn_value *a, const nn_value *b) {
    return nn_dims_equal(a->fact.dims, a->fact.rank, b->fact.dims, b->fact.rank);
}

static bool is_computed_in_float(const nn_value *value, nn_type type) {
    return nn_fact_is_concrete(&value->fact) && value->fact.type == type &&
           (type == NNOPT_FLOAT || type == NNOPT_FLOAT16 || type == NNOPT_BFLOAT16);
}

/* ---- steps ---- */

static bool add_step(chain *c, nn_chain_step step) {
    if (c->attrs.count == NN_CHAIN_STEPS) return false;
    c->attrs.steps[c->attrs.count++] = step;
    return true;
}

static bool add_function(chain *c, nn_function function) {
    return add_step(c, (nn_chain_step){.kind = NN_CHAIN_FUNCTION, .function = function});
}

static bool add_activation(chain *c, nn_activation activation) {
    return activation.kind == NN_ACT_NONE || add_function(c, nn_function_of_activation(activation));
}

/* Operands that are there already are not added again. */
static bool add_operand(chain *c, nn_chain_kind kind, nn_value *operand, bool swapped) {
    int place = 1;
    while (place < c->in_count && c->inputs[place] != operand) place++;
    if (place > NN_CHAIN_OPERANDS) return false;
    if (place == c->in_count) c->inputs[c->in_count++] = operand;
    return add_step(c, (nn_chain_step){.kind = kind, .operand = place - 1, .swapped = swapped});
}

/* ---- nodes ---- */

static nn_chain_kind kind_of(const nn_node *node) {
    static const struct {
        const nn_op *op;
        nn_chain_kind kind;
    } kinds[] = {{&nn_op_add, NN_CHAIN_ADD}, {&nn_op_sub, NN_CHAIN_SUB}, {&nn_op_mul, NN_CHAIN_MUL},
                 {&nn_op_div, NN_CHAIN_DIV}, {&nn_op_max, NN_CHAIN_MAX}, {&nn_op_min, NN_CHAIN_MIN},
                 {&nn_op_sum, NN_CHAIN_ADD}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (node->op == kinds[i].op) return kinds[i].kind;
    return NN_CHAIN_FUNCTION;
}

/* The node takes `x`, of the shape of its output, and a second operand that the rules of opset 7
 * broadcast. */
static bool add_pair(chain *c, nn_node *node, const nn_value *x) {
    const nn_epilogue *epilogue = &node->epilogue;
    const nn_chain_kind kind = kind_of(node);
    const int inputs = node->op == &nn_op_add ? 2 : node->in_count;
    if (kind == NN_CHAIN_FUNCTION || inputs != 2) return false;
    const bool swapped = node->inputs[0] != x;
    nn_value *other = node->inputs[swapped ? 0 : 1];
    if (node->opset < 7 && !has_shape_of(other, x)) return false;
    if (!is_computed_in_float(other, x->fact.type)) return false;
    if (!add_operand(c, kind, other, swapped)) return false;
    return add_activation(c, epilogue->before) &&
           (!epilogue->has_residual ||
            add_operand(c, NN_CHAIN_ADD, node->inputs[epilogue->residual], false)) &&
           add_activation(c, epilogue->after);
}

static bool function_of(const nn_node *node, nn_function *out) {
    const nn_fact *in[4] = {NULL};
    nn_fact *fact = &node->outputs[0]->fact;
    if (node->in_count < 1 || node->in_count > 4 || node->inputs[0] == NULL ||
        !nn_epilogue_is_empty(&node->epilogue))
        return false;
    for (int i = 0; i < node->in_count; i++)
        if (node->inputs[i] != NULL) in[i] = &node->inputs[i]->fact;
    const nn_node_view view = {.name = node->name,
                               .op = node->op,
                               .attrs = node->attrs_parsed,
                               .opset = node->opset,
                               .in_count = node->in_count,
                               .out_count = 1,
                               .in = in,
                               .out = &fact};
    return nn_function_of(&view, out);
}

/* Adds the steps of `node`, whose input `x` is the result so far; false: the chain ends before. */
static bool add_node(chain *c, nn_node *node, nn_value *x) {
    nn_function function;
    chain grown = *c;
    if (node->op == NULL || node->out_count != 1 || node->outputs[0] == NULL) return false;
    if (nn_node_is_folded(node) || c->node_count == NN_CHAIN_STEPS) return false;
    if (!is_computed_in_float(x, x->fact.type)) return false;
    if (!is_computed_in_float(node->outputs[0], x->fact.type)) return false;
    if (!has_shape_of(node->outputs[0], x)) return false;
    const bool fits = function_of(node, &function)
                          ? node->inputs[0] == x && add_function(&grown, function)
                          : add_pair(&grown, node, x);
    if (!fits) return false;
    grown.nodes[grown.node_count++] = node;
    grown.result = node->outputs[0];
    *c = grown;
    return true;
}

/* A chain may start from either operand; constants do not stand for the shape. */
static bool start(chain *c, nn_node *node) {
    for (int i = 0; i < node->in_count && i < 2; i++) {
        nn_value *x = node->inputs[i];
        if (x == NULL || nn_value_is_constant(x)) continue;
        *c = (chain){.inputs = {x}, .in_count = 1, .result = x};
        if (add_node(c, node, x)) return true;
    }
    return false;
}

/* ---- is it worth it? ---- */

static bool is_accepted(const chain *c, const nn_target *target) {
    const nn_fact *in[NN_CHAIN_OPERANDS + 1] = {NULL};
    nn_fact *out = &c->result->fact;
    for (int i = 0; i < c->in_count; i++) in[i] = &c->inputs[i]->fact;
    const nn_node_view view = {.name = c->nodes[0]->name,
                               .op = &nn_op_elementwise_chain,
                               .attrs = &c->attrs,
                               .opset = 1,
                               .in_count = c->in_count,
                               .out_count = 1,
                               .in = in,
                               .out = &out};
    const nn_kernel *kernel = nn_kernel_select(&view, target);
    return kernel != NULL && kernel->on_device;
}

static nn_status edit(nn_plan *plan, nn_patch *patch, const chain *c, bool *taken) {
    nn_chain_lists lists;
    const nn_attrs attrs = nn_chain_to_attrs(&c->attrs, &lists);
    nn_value *result = c->result;
    for (int i = 0; i < c->node_count; i++) {
        taken[c->nodes[i]->position] = true;
        nn_patch_remove_node(patch, c->nodes[i]);
    }
    nn_node *made = nn_patch_node(patch, "ElementwiseChain", "nnopt", c->nodes[0]->name, c->inputs,
                                  c->in_count, &result, 1, &attrs, c->nodes[0]);
    if (made == NULL) return NN_OK; /* apply says why */
    for (int i = 0; i < c->node_count; i++)
        NN_TRY(nn_covers_merge(&plan->covers, made, c->nodes[i]));
    return NN_OK;
}

static nn_status edit_all(void *argument, nn_patch *patch, bool *taken) {
    const nn_plan_edit *edits = argument;
    nn_plan *plan = edits->plan;
    for (int64_t i = 0; i < plan->graph->node_count; i++) {
        nn_node *node = plan->graph->nodes[i];
        chain c;
        if (taken[i] || !start(&c, node)) continue;
        for (nn_node *next = nn_value_single_consumer(c.result);
             next != NULL && !taken[next->position] && add_node(&c, next, c.result);
             next = nn_value_single_consumer(c.result))
            continue;
        const bool is_one = c.node_count == 1 && nn_epilogue_is_empty(&node->epilogue);
        if (!is_one && is_accepted(&c, edits->target)) NN_TRY(edit(plan, patch, &c, taken));
    }
    return NN_OK;
}

nn_status nn_plan_fuse_chains(nn_plan *plan, const nn_plan_request *request) {
    nn_plan_edit edits = {plan, &request->target};
    return nn_patch_edit(plan->graph, "plan", "runs of elementwise operators", edit_all, &edits);
}
