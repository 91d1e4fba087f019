#include "ops/plan/elementwise_chain.h"

#include "ops/family/axes.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

enum { TYPES = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF };

/* ---- attributes: lists with one place for each step; kinds are negative where swapped ---- */

nn_attrs nn_chain_to_attrs(const nn_chain_attrs *chain, nn_chain_lists *storage) {
    for (int i = 0; i < chain->count; i++) {
        const nn_chain_step *step = &chain->steps[i];
        storage->kinds[i] = step->swapped ? -(int64_t)step->kind : (int64_t)step->kind;
        storage->operands[i] = step->operand;
        storage->functions[i] = step->function.kind;
        storage->p[i] = (float)step->function.p;
        storage->q[i] = (float)step->function.q;
    }
    const nn_attr items[5] = {
        {.name = "kinds", .kind = NN_ATTR_INTS, .count = chain->count, .ints = storage->kinds},
        {.name = "operands",
         .kind = NN_ATTR_INTS,
         .count = chain->count,
         .ints = storage->operands},
        {.name = "functions",
         .kind = NN_ATTR_INTS,
         .count = chain->count,
         .ints = storage->functions},
        {.name = "p", .kind = NN_ATTR_FLOATS, .count = chain->count, .floats = storage->p},
        {.name = "q", .kind = NN_ATTR_FLOATS, .count = chain->count, .floats = storage->q}};
    memcpy(storage->items, items, sizeof items);
    return (nn_attrs){storage->items, 5};
}

static nn_status parse_step(const nn_node_view *node, int64_t kind, int64_t operand,
                            int64_t function, nn_chain_step *out) {
    const int64_t plain = kind < 0 ? -kind : kind;
    const bool reads = plain != NN_CHAIN_FUNCTION;
    if (kind <= -NN_CHAIN_KINDS || kind >= NN_CHAIN_KINDS || function < 0 ||
        function >= NN_FUNCTIONS || operand < 0 ||
        (reads && (operand >= NN_CHAIN_OPERANDS || operand + 1 >= node->in_count)))
        return nn_view_fail(node, NN_BAD_INPUT, "no step of kind %lld, operand %lld, function %lld",
                            (long long)kind, (long long)operand, (long long)function);
    *out = (nn_chain_step){.kind = (nn_chain_kind)plain,
                           .operand = (int)operand,
                           .swapped = kind < 0,
                           .function.kind = (nn_function_kind)function};
    return NN_OK;
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_chain_attrs *chain = out;
    const int64_t *kinds, *operands, *functions;
    const float *p, *q;
    int64_t counts[5];
    NN_TRY(nn_attrs_ints(attrs, "kinds", &kinds, &counts[0]));
    NN_TRY(nn_attrs_ints(attrs, "operands", &operands, &counts[1]));
    NN_TRY(nn_attrs_ints(attrs, "functions", &functions, &counts[2]));
    NN_TRY(nn_attrs_floats(attrs, "p", &p, &counts[3]));
    NN_TRY(nn_attrs_floats(attrs, "q", &q, &counts[4]));
    for (int i = 0; i < 5; i++)
        if (counts[i] != counts[0] || counts[i] < 1 || counts[i] > NN_CHAIN_STEPS)
            return nn_view_fail(node, NN_BAD_INPUT, "a chain of %lld and %lld steps",
                                (long long)counts[0], (long long)counts[i]);
    chain->count = (int)counts[0];
    for (int i = 0; i < chain->count; i++) {
        NN_TRY(parse_step(node, kinds[i], operands[i], functions[i], &chain->steps[i]));
        chain->steps[i].function.p = (double)p[i];
        chain->steps[i].function.q = (double)q[i];
    }
    return NN_OK;
}

/* The others may be float, or of the type of input 0. */
static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[0];
    int64_t dims[NN_MAX_RANK];
    int rank = x->rank;
    NN_TRY(nn_check_types(node, 0, -1, TYPES));
    for (int i = 0; i < rank; i++) dims[i] = x->dims[i];
    for (int i = 1; i < node->in_count && rank >= 0; i++) {
        const nn_fact *operand = node->in[i];
        if (operand == NULL || operand->rank < 0) continue;
        int64_t wide[NN_MAX_RANK];
        int wide_rank;
        if (!nn_broadcast_dims(dims, rank, operand->dims, operand->rank, wide, &wide_rank) ||
            !nn_dims_equal(wide, wide_rank, dims, rank))
            return nn_view_fail(node, NN_BAD_INPUT, "operand %d is not broadcast to input 0", i);
    }
    return nn_infer_like(node);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    const nn_chain_attrs *chain = node->attrs;
    out->flops = (double)chain->count * (double)nn_fact_count(node->out[0]);
}

/* ---- the definition ---- */

static float combine(nn_chain_kind kind, float a, float b) {
    switch (kind) {
    case NN_CHAIN_ADD:
        return a + b;
    case NN_CHAIN_SUB:
        return a - b;
    case NN_CHAIN_MUL:
        return a * b;
    case NN_CHAIN_DIV:
        return a / b;
    case NN_CHAIN_MAX:
        return a > b || a != a ? a : b;
    case NN_CHAIN_MIN:
        return a < b || a != a ? a : b;
    case NN_CHAIN_FUNCTION:
    case NN_CHAIN_KINDS:
        break;
    }
    return a;
}

static float load(const nn_tensor *tensor, int64_t index) {
    float value;
    nn_load_float(tensor->type, nn_at(tensor->data, tensor->type, index), &value, 1);
    return value;
}

static void run_chains(void *argument, nn_cursor *cursor) {
    const nn_call *call = argument;
    const nn_chain_attrs *chain = call->node->attrs;
    const nn_loops *loops = cursor->loops;
    nn_tensor *y = call->out[0];
    int64_t run;
    while ((run = nn_cursor_next(cursor)) > 0)
        for (int64_t i = 0; i < run; i++) {
            float value = load(call->in[0], cursor->offset[0] + i);
            for (int s = 0; s < chain->count; s++) {
                const nn_chain_step *step = &chain->steps[s];
                const int k = step->operand + 1;
                if (step->kind == NN_CHAIN_FUNCTION) {
                    value = nn_function_apply(&step->function, value);
                    continue;
                }
                const float other =
                    load(call->in[k], cursor->offset[k] + i * loops->steps[k][loops->rank - 1]);
                value = step->swapped ? combine(step->kind, other, value)
                                      : combine(step->kind, value, other);
            }
            nn_store_float(y->type, &value, nn_at_out(y->data, y->type, cursor->offset[0] + i), 1);
        }
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue);
}

static nn_status run(const nn_call *call) {
    nn_call copy = *call;
    nn_loops loops;
    nn_loops_init(&loops, call->out[0]->dims, call->out[0]->rank);
    nn_loops_add_broadcast(&loops, call->out[0]->dims, call->out[0]->rank);
    for (int i = 1; i < call->in_count; i++) nn_loops_add_input(&loops, call->layout, call->in[i]);
    nn_loops_collapse(&loops);
    nn_loops_run(&loops, call->pool, run_chains, &copy);
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "elementwise_chain_reference",
    .exactness = NN_ROUNDING,
    .layout = NN_LAYOUT_ANY,
    .layout_inputs = UINT32_MAX,
    .accepts = accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_elementwise_chain = {
    .name = "ElementwiseChain",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = NN_CHAIN_OPERANDS + 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_chain_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .axes = nn_axes_of_broadcast,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
