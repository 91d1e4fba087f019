/* Plans in bf16, and in fp16 on a device, keep in that type what may be: values that their producer
 * rounds and all readers take so.
 *
 * Products are computed in bf16 by the kernels of that precision whatever lies in memory: they take
 * floats, too, and round them on the way. Halving the bytes between them is worth it where
 * everybody in between either moves elements or computes one from another in float. What sums up
 * many elements or feeds on small differences (Softmax, normalisations, reductions, exponentials)
 * stays float on the CPU; kernels of a device do so in float from such values, too. */
#include "engine/plan/plan_parts.h"
#include "engine/transform/retype.h"

#include <math.h>

typedef struct typing {
    const nn_plan *plan;
    const nn_target *target;
} typing;

/* Operators whose results are rounded once from what float arithmetic gives for one element. */
static bool computes_elements(const nn_op *op) {
    static const nn_op *const ops[] = {
        &nn_op_add,        &nn_op_sub,          &nn_op_mul,        &nn_op_relu,    &nn_op_clip,
        &nn_op_leaky_relu, &nn_op_hard_sigmoid, &nn_op_hard_swish, &nn_op_sigmoid, &nn_op_tanh,
        &nn_op_activation, &nn_op_max,          &nn_op_min,        &nn_op_neg,     &nn_op_abs,
    };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (op == ops[i]) return true;
    return false;
}

/* Operators that kernels of a device compute in float whatever the type of values. */
static bool computes_in_float(const nn_op *op) {
    static const nn_op *const ops[] = {
        &nn_op_softmax,
        &nn_op_elementwise_chain,
        &nn_op_layer_normalization,
        &nn_op_rms_normalization,
        &nn_op_simplified_layer_normalization,
        &nn_op_instance_normalization,
        &nn_op_group_normalization,
        &nn_op_batch_normalization,
        &nn_op_max_pool,
        &nn_op_average_pool,
        &nn_op_global_average_pool,
        &nn_op_global_max_pool,
        &nn_op_resize,
        &nn_op_gelu,
        &nn_op_erf,
        &nn_op_elu,
        &nn_op_softplus,
        &nn_op_mish,
        &nn_op_div,
        &nn_op_where,
        &nn_op_prelu,
        &nn_op_reduce_mean,
        &nn_op_reduce_max,
    };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (op == ops[i]) return true;
    return false;
}

/* Operators that want their operands in one type. */
static bool wants_one_type(const nn_op *op) {
    return op != NULL && (op->quant == NN_QUANT_MOVES || computes_elements(op) ||
                          op == &nn_op_div || op == &nn_op_where || op == &nn_op_prelu);
}

/* Does rounding leave numbers what they are: finite or not, zero or not, with all their bits? */
static bool is_in_range(const nn_tensor *constant, nn_type type) {
    const double least = type == NNOPT_FLOAT16 ? 0x1p-14 : 0x1p-126;
    const double most = type == NNOPT_FLOAT16 ? 65504 : 0x1.fep127;
    const int64_t count = nn_tensor_count(constant);
    for (int64_t i = 0; i < count; i++) {
        const double size = fabs(nn_tensor_get(constant, i));
        if (size != 0 && isfinite(size) && !(size >= least && size <= most)) return false;
    }
    return true;
}

/* A constant beside short values: a factor, an addend, what a Pad fills in. Weights and biases of
 * products are rounded by their kernels, if at all. */
static bool may_be_short_constant(const nn_value *value, nn_type type) {
    enum { MOST_ELEMENTS = 1 << 16 };
    if (value->initializer == NULL || value->use_count == 0) return false;
    if (value->fact.constant->data == NULL) return false;
    if (nn_fact_count(&value->fact) > MOST_ELEMENTS) return false;
    for (int64_t i = 0; i < value->use_count; i++)
        if (!wants_one_type(value->uses[i].node->op) ||
            !nn_epilogue_is_empty(&value->uses[i].node->epilogue))
            return false;
    return is_in_range(value->fact.constant, type);
}

static bool may_be_short(const nn_value *value, const nn_target *target) {
    if (value->fact.type != NNOPT_FLOAT || value->is_output || value->is_captured) return false;
    if (nn_value_is_constant(value))
        return target->device != NULL &&
               may_be_short_constant(value, nn_precision_type(target->precision));
    if (value->producer == NULL) return false;
    for (int64_t i = 0; i < value->use_count; i++)
        if (value->uses[i].input == NN_USE_CAPTURE) return false;
    return true;
}

static bool is_short(const nn_value *value) {
    return value != NULL && value->mark != 0;
}

static nn_type type_of(const nn_value *value) {
    return is_short(value) ? (nn_type)value->mark : value->fact.type;
}

/* ---- would a kernel take it? ---- */

enum { MAX_LINKS = 64 };

/* The kernel for the node with the types that its values are meant to have. */
static const nn_kernel *select_typed(const typing *t, const nn_node *node, bool as_float) {
    nn_fact in_facts[MAX_LINKS], out_facts[MAX_LINKS];
    const nn_fact *in[MAX_LINKS] = {NULL};
    nn_fact *out[MAX_LINKS] = {NULL};
    if (node->in_count > MAX_LINKS || node->out_count > MAX_LINKS) return NULL;
    for (int i = 0; i < node->in_count; i++) {
        if (node->inputs[i] == NULL) continue;
        in_facts[i] = node->inputs[i]->fact;
        if (!as_float) in_facts[i].type = type_of(node->inputs[i]);
        in[i] = &in_facts[i];
    }
    for (int i = 0; i < node->out_count; i++) {
        if (node->outputs[i] == NULL) continue;
        out_facts[i] = node->outputs[i]->fact;
        if (!as_float) out_facts[i].type = type_of(node->outputs[i]);
        out[i] = &out_facts[i];
    }
    nn_node_view view = nn_node_view_of(node, in, out);
    return nn_kernel_select(&view, t->target);
}

static bool touches_short(const nn_node *node) {
    for (int i = 0; i < node->in_count; i++)
        if (is_short(node->inputs[i])) return true;
    for (int i = 0; i < node->out_count; i++)
        if (is_short(node->outputs[i])) return true;
    return false;
}

/* Is it a product in the precision of the plan? */
static bool rounds(const typing *t, const nn_kernel *kernel) {
    return kernel->on_device ? kernel->mixes_types : kernel->precision == t->target->precision;
}

/* Kernels of the precision say what they take. Others know one type for all, as the operator does,
 * and must not be lesser ones than floats would have. */
static bool takes_short(const typing *t, const nn_node *node) {
    const nn_op *op = node->op;
    if (op == NULL || op->is_impure) return false;
    if (op->is_view) return nn_node_infers_types(node, type_of);
    if (op->kernels == NULL) return false;
    const nn_kernel *kernel = select_typed(t, node, false);
    if (kernel == NULL || kernel->makes_outputs) return false;
    if (rounds(t, kernel)) return true;
    if (t->target->device != NULL && !kernel->on_device) return false;
    if (op->quant != NN_QUANT_MOVES && !computes_elements(op) &&
        !(kernel->on_device && computes_in_float(op)))
        return false;
    const nn_kernel *plain = select_typed(t, node, true);
    return nn_epilogue_is_empty(&node->epilogue) && nn_node_infers_types(node, type_of) &&
           (plain == NULL ||
            nn_kernel_rank(op, t->target, kernel) <= nn_kernel_rank(op, t->target, plain));
}

/* ---- the choice ---- */

static bool keep_float(const nn_node *node) {
    bool changed = false;
    for (int i = 0; i < node->in_count; i++) {
        if (!is_short(node->inputs[i])) continue;
        node->inputs[i]->mark = 0;
        changed = true;
    }
    for (int i = 0; i < node->out_count; i++) {
        if (!is_short(node->outputs[i])) continue;
        node->outputs[i]->mark = 0;
        changed = true;
    }
    return changed;
}

/* Constants may be what keeps a node from short values: scales of Resize are floats always. */
static bool keep_constants_float(const nn_node *node) {
    bool changed = false;
    for (int i = 0; i < node->in_count; i++) {
        if (!is_short(node->inputs[i]) || !nn_value_is_constant(node->inputs[i])) continue;
        node->inputs[i]->mark = 0;
        changed = true;
    }
    return changed;
}

/* Nobody gains where no product is next to the value. */
static bool is_near_product(const typing *t, const nn_node *node) {
    if (node->op == NULL || node->op->kernels == NULL || node->op->is_view) return false;
    const nn_kernel *kernel = select_typed(t, node, true);
    return kernel != NULL && rounds(t, kernel);
}

static bool has_products(const typing *t) {
    for (int64_t i = 0; i < t->plan->graph->node_count; i++)
        if (is_near_product(t, t->plan->graph->nodes[i])) return true;
    return false;
}

static nn_status round_constant(nn_graph *graph, nn_value *value, nn_type type) {
    const nn_tensor *from = value->fact.constant;
    nn_blob *blob;
    NN_TRY(nn_blob_create(type, from->dims, from->rank, &blob));
    const int64_t count = nn_tensor_count(from);
    for (int64_t i = 0; i < count; i++) nn_tensor_set(&blob->tensor, i, nn_tensor_get(from, i));
    nn_status status = nn_graph_set_initializer(graph, value, blob);
    nn_blob_release(blob);
    return status;
}

static nn_status set_types(nn_graph *graph) {
    for (int64_t i = 0; i < graph->value_count; i++) {
        nn_value *value = graph->values[i];
        const nn_type type = type_of(value);
        if (is_short(value) && nn_value_is_constant(value))
            NN_TRY(round_constant(graph, value, type));
        value->fact.type = type;
        value->mark = 0;
    }
    return NN_OK;
}

/* From all that may be to all that can: a node that does not take its types has floats, until no
 * node is left. */
nn_status nn_plan_choose_types(nn_plan *plan, const nn_plan_request *request) {
    nn_graph *graph = plan->graph;
    const typing t = {plan, &request->target};
    const nn_type type = nn_precision_type(request->target.precision);
    if (type == NNOPT_FLOAT || request->reference_only || !has_products(&t)) return NN_OK;
    for (int64_t i = 0; i < graph->value_count; i++)
        graph->values[i]->mark =
            may_be_short(graph->values[i], &request->target) ? (int64_t)type : 0;
    bool changed = true;
    while (changed) {
        changed = false;
        for (int64_t i = 0; i < graph->node_count; i++) {
            const nn_node *node = graph->nodes[i];
            if (touches_short(node) && !nn_node_is_folded(node) && !takes_short(&t, node))
                changed = keep_constants_float(node) || keep_float(node) || changed;
        }
    }
    return set_types(graph);
}
