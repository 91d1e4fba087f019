#include "tests/support/op_case.h"

#include "engine/plan/prepare.h"
#include "ops/family/loops.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A case as the operator sees it. */
typedef struct case_state {
    const op_case *test;
    const nn_op *op;
    void *attrs;
    nn_fact in[OP_CASE_TENSORS], out[OP_CASE_TENSORS];
    const nn_fact *in_list[OP_CASE_TENSORS];
    nn_fact *out_list[OP_CASE_TENSORS];
    nn_node_view view;
} case_state;

static void state_init(case_state *state, const op_case *test) {
    memset(state, 0, sizeof *state);
    state->test = test;
    state->op = nn_op_find(test->domain, test->op_type, test->opset);
    ck_assert_msg(state->op != NULL, "%s: no operator %s version %d", test->name, test->op_type,
                  test->opset);
    state->view = (nn_node_view){.name = test->name,
                                 .op = state->op,
                                 .opset = test->opset,
                                 .in_count = test->in_count,
                                 .out_count = test->out_count,
                                 .in = state->in_list,
                                 .out = state->out_list};
    ck_assert_int_ge(test->in_count, state->op->min_inputs);
    ck_assert_int_le(test->in_count, state->op->max_inputs);
    for (int i = 0; i < test->in_count; i++)
        state->in_list[i] = test->has_in[i] ? &state->in[i] : NULL;
    for (int i = 0; i < test->out_count; i++)
        state->out_list[i] = test->has_out[i] ? &state->out[i] : NULL;
    state->attrs = state->op->attr_size > 0 ? nn_alloc_zero(state->op->attr_size) : NULL;
    state->view.attrs = state->attrs;
    if (state->op->parse != NULL)
        ck_assert_ok(state->op->parse(&state->view, &test->attrs, state->attrs));
}

static void state_clear(case_state *state) {
    nn_free(state->attrs);
}

/* ---- inference ---- */

typedef enum knowledge {
    ALL_KNOWN,
    SHAPES_KNOWN,
    SYMBOLS,       /* constants but no sizes of input 0 */
    SOME_ELEMENTS, /* integer vectors known at even places */
    RANKS_KNOWN,
    NOTHING_KNOWN,
    KNOWLEDGE_KINDS,
} knowledge;

static void limit_knowledge(nn_fact *fact, int index, knowledge level) {
    if (level == NOTHING_KNOWN) *fact = nn_fact_unknown();
    if (level == RANKS_KNOWN || (level == SYMBOLS && index == 0))
        for (int axis = 0; axis < fact->rank; axis++)
            fact->dims[axis] = level == SYMBOLS ? nn_dim_symbol(axis) : (int64_t)NN_DIM_UNKNOWN;
    if (level == ALL_KNOWN || (level == SYMBOLS && index > 0)) return;
    const nn_tensor *value = fact->constant;
    fact->constant = NULL;
    if (level != SOME_ELEMENTS || value == NULL || !nn_type_is_integer(value->type) ||
        value->rank > 1 || nn_tensor_count(value) > NN_FACT_ELEMENTS)
        return;
    fact->element_count = (int)nn_tensor_count(value);
    for (int i = 0; i < fact->element_count; i++) {
        int64_t element = nn_tensor_get_int(value, i);
        fact->elements[i] = i % 2 == 0 && element >= 0 ? element : (int64_t)NN_DIM_UNKNOWN;
    }
}

static void check_fact(const case_state *state, int index, knowledge level) {
    const nn_fact *fact = &state->out[index];
    const nn_tensor *expected = &state->test->out[index];
    const char *name = state->test->name;
    char text[200], expected_text[200];
    nn_fact wanted = nn_fact_of_tensor(expected, false);
    nn_fact_text(fact, text, sizeof text);
    nn_fact_text(&wanted, expected_text, sizeof expected_text);
    if (level == ALL_KNOWN)
        ck_assert_msg(nn_fact_is_concrete(fact), "%s: infers only %s, not %s", name, text,
                      expected_text);
    bool fits = fact->type == NNOPT_TYPE_NONE || fact->type == expected->type;
    if (fact->rank >= 0 && fact->rank != expected->rank) fits = false;
    for (int axis = 0; fits && axis < fact->rank; axis++) {
        int64_t dim = fact->dims[axis];
        if (nn_dim_is_symbol(dim)) dim = state->test->in[0].dims[nn_dim_symbol_index(dim)];
        if (dim != NN_DIM_UNKNOWN && dim != expected->dims[axis]) fits = false;
    }
    ck_assert_msg(fits, "%s: output %d: infers %s, not %s (knowledge %d)", name, index, text,
                  expected_text, level);
    for (int i = 0; i < fact->element_count; i++) {
        int64_t dim = fact->elements[i];
        if (nn_dim_is_symbol(dim)) dim = state->test->in[0].dims[nn_dim_symbol_index(dim)];
        ck_assert_msg(dim == NN_DIM_UNKNOWN || dim == nn_tensor_get_int(expected, i),
                      "%s: element %d is %lld", name, i, (long long)dim);
    }
}

static void check_inference(case_state *state, knowledge level) {
    const op_case *test = state->test;
    for (int i = 0; i < test->in_count; i++) {
        state->in[i] = nn_fact_of_tensor(&test->in[i], true);
        limit_knowledge(&state->in[i], i, level);
    }
    for (int i = 0; i < test->out_count; i++) state->out[i] = nn_fact_unknown();
    nn_status status = state->op->infer(&state->view);
    ck_assert_msg(status == NN_OK, "%s: infer fails at knowledge %d: %s", test->name, level,
                  nnopt_last_error());
    for (int i = 0; i < test->out_count; i++)
        if (test->has_out[i]) check_fact(state, i, level);
}

/* ---- axes ---- */

static int64_t end_size(const case_state *state, nn_axis_end end) {
    const nn_fact *fact = end.is_output ? &state->out[end.index] : &state->in[end.index];
    ck_assert_int_lt(end.index, end.is_output ? state->view.out_count : state->view.in_count);
    ck_assert_int_ge(end.axis, 0);
    ck_assert_int_lt(end.axis, fact->rank);
    return fact->dims[end.axis];
}

static void check_axes(const case_state *state) {
    static nn_axis_relations relations;
    memset(&relations, 0, sizeof relations);
    if (state->op->axes == NULL) return;
    ck_assert_ok(state->op->axes(&state->view, &relations));
    for (int i = 0; i < relations.count; i++) {
        const nn_axis_relation *relation = &relations.items[i];
        int64_t a = end_size(state, relation->a), b = end_size(state, relation->b);
        if (relation->kind == NN_AXIS_SAME)
            ck_assert_msg(a == b, "%s: axes of size %lld and %lld are the same", state->test->name,
                          (long long)a, (long long)b);
        if (relation->kind == NN_AXIS_OFFSET)
            ck_assert_msg((relation->offset < 0 || a + relation->offset <= b) &&
                              (relation->offset >= 0 || b - relation->offset <= a),
                          "%s: offset %lld of %lld in %lld", state->test->name,
                          (long long)relation->offset, (long long)a, (long long)b);
        if (relation->kind == NN_AXIS_MERGE)
            ck_assert_msg(relation->outer * a * relation->inner == b,
                          "%s: %lld x %lld x %lld is not %lld", state->test->name,
                          (long long)relation->outer, (long long)a, (long long)relation->inner,
                          (long long)b);
    }
}

/* ---- kernels ---- */

static bool elements_agree(const op_case *test, const nn_tensor *got, const nn_tensor *expected,
                           int64_t i) {
    size_t size = (size_t)nn_type_bits(expected->type) / 8;
    if (expected->type == NNOPT_STRING)
        return strcmp(((char **)got->data)[i], ((char **)expected->data)[i]) == 0;
    if (expected->type == NNOPT_COMPLEX64 || expected->type == NNOPT_COMPLEX128)
        return memcmp((char *)got->data + (size_t)i * size,
                      (char *)expected->data + (size_t)i * size, size) == 0;
    if (!nn_type_is_float(expected->type))
        return nn_tensor_get_int(got, i) == nn_tensor_get_int(expected, i);
    double a = nn_tensor_get(got, i), b = nn_tensor_get(expected, i);
    if (isnan(b) || isinf(b)) return isnan(b) ? isnan(a) : a == b;
    double rtol = test->rtol;
    if (expected->type == NNOPT_BFLOAT16 && rtol < 0x1p-6) rtol = 0x1p-6;
    return fabs(a - b) <= test->atol + rtol * fabs(b);
}

void op_case_compare(const op_case *test, const char *how, int index, const nn_tensor *got) {
    const nn_tensor *expected = &test->out[index];
    if (expected->type == NNOPT_STRING)
        for (int64_t i = 0; i < nn_tensor_count(expected); i++)
            ck_assert_msg(elements_agree(test, got, expected, i),
                          "%s: %s: output %d element %lld is '%s', not '%s'", test->name, how,
                          index, (long long)i, ((char **)got->data)[i],
                          ((char **)expected->data)[i]);
    for (int64_t i = 0; i < nn_tensor_count(expected); i++)
        ck_assert_msg(elements_agree(test, got, expected, i),
                      "%s: %s: output %d element %lld is %.9g, not %.9g", test->name, how, index,
                      (long long)i, nn_tensor_get(got, i), nn_tensor_get(expected, i));
}

/* A copy of the tensor with its dims permuted to or from channels last. */
static nn_tensor permuted(const nn_tensor *tensor, bool to_last) {
    nn_tensor out = *tensor;
    int64_t steps[NN_MAX_RANK], from[NN_MAX_RANK];
    nn_dense_steps(tensor->dims, tensor->rank, steps);
    for (int place = 0; place < tensor->rank; place++) {
        int axis = to_last ? nn_logical_axis(NN_LAYOUT_CHANNELS_LAST, tensor->rank, place)
                           : nn_physical_axis(NN_LAYOUT_CHANNELS_LAST, tensor->rank, place);
        out.dims[place] = tensor->dims[axis];
        from[place] = steps[axis];
    }
    size_t size = (size_t)nn_type_bits(tensor->type) / 8;
    out.data = nn_alloc_zero((size_t)nn_tensor_bytes(tensor) + 1);
    int64_t index[NN_MAX_RANK] = {0}, offset = 0;
    for (int64_t i = 0; i < nn_tensor_count(tensor); i++) {
        memcpy((char *)out.data + (size_t)i * size,
               (const char *)tensor->data + (size_t)offset * size, size);
        for (int axis = out.rank - 1; axis >= 0; axis--) {
            offset += from[axis];
            if (++index[axis] < out.dims[axis]) break;
            offset -= index[axis] * from[axis];
            index[axis] = 0;
        }
    }
    return out;
}

static nn_tensor duplicate(const nn_tensor *tensor) {
    nn_tensor out = *tensor;
    size_t bytes = (size_t)nn_tensor_bytes(tensor);
    out.data = nn_alloc_zero(bytes + 1);
    if (bytes > 0) memcpy(out.data, tensor->data, bytes);
    return out;
}

static bool comes_last(const case_state *state, const nn_kernel *kernel, int index) {
    return state->test->in[index].rank == state->test->out[0].rank && index < 32 &&
           nn_kernel_takes_last(kernel, &state->view, index);
}

/* Runs the kernel; `shared` >= 0: output 0 lies over that input. */
static void run_kernel(const case_state *state, const nn_kernel *kernel, const nn_target *target,
                       nn_layout layout, int shared, nn_pool *pool) {
    const op_case *test = state->test;
    bool last = layout == NN_LAYOUT_CHANNELS_LAST;
    nn_tensor in[OP_CASE_TENSORS], out[OP_CASE_TENSORS];
    const nn_tensor *in_list[OP_CASE_TENSORS] = {NULL};
    nn_tensor *out_list[OP_CASE_TENSORS] = {NULL};
    for (int i = 0; i < test->in_count; i++) {
        if (!test->has_in[i]) continue;
        in[i] = last && comes_last(state, kernel, i) ? permuted(&test->in[i], true)
                                                     : duplicate(&test->in[i]);
        in_list[i] = &in[i];
    }
    for (int i = 0; i < test->out_count; i++) {
        if (!test->has_out[i]) continue;
        out[i] = last ? permuted(&test->out[i], true) : duplicate(&test->out[i]);
        memset(out[i].data, 0x5a, (size_t)nn_tensor_bytes(&out[i]));
        if (i == 0 && shared >= 0) {
            nn_free(out[0].data);
            out[0].data = in[shared].data;
        }
        out_list[i] = &out[i];
    }
    nn_arena arena = {0}, texts = {0};
    struct nn_prepare prepare = {.node = &state->view, .arena = &arena, .layout = layout};
    if (kernel->prepare != NULL) ck_assert_ok(kernel->prepare(&state->view, target, &prepare));
    nn_call call = {.node = &state->view,
                    .state = prepare.state,
                    .in_count = test->in_count,
                    .out_count = test->out_count,
                    .in = in_list,
                    .out = out_list,
                    .layout = layout,
                    .workspace = nn_alloc(prepare.workspace_bytes),
                    .pool = pool,
                    .texts = &texts};
    nn_status status = kernel->run(&call);
    ck_assert_msg(status == NN_OK, "%s: %s: %s", test->name, kernel->name, nnopt_last_error());
    nn_free(call.workspace);
    nn_prepare_clear(&prepare);
    nn_arena_clear(&arena);

    char how[128];
    snprintf(how, sizeof how, "%s%s%s", kernel->name, last ? ", channels last" : "",
             shared >= 0 ? ", in place" : "");
    for (int i = 0; i < test->out_count; i++) {
        if (!test->has_out[i]) continue;
        nn_tensor standard = last ? permuted(&out[i], false) : duplicate(&out[i]);
        op_case_compare(test, how, i, &standard);
        nn_tensor_clear(&standard);
        if (i > 0 || shared < 0) nn_tensor_clear(&out[i]);
    }
    for (int i = 0; i < test->in_count; i++)
        if (test->has_in[i]) nn_tensor_clear(&in[i]);
    nn_arena_clear(&texts);
}

static void check_kernel(const case_state *state, const nn_kernel *kernel, const nn_target *target,
                         nn_pool *pool) {
    const op_case *test = state->test;
    const nn_tensor *out = &test->out[0];
    if (kernel->layout != NN_LAYOUT_CHANNELS_LAST)
        run_kernel(state, kernel, target, NN_LAYOUT_STANDARD, -1, pool);
    bool is_packed = nn_type_bits(out->type) < 8; /* has the standard order only */
    if (kernel->layout != NN_LAYOUT_STANDARD && out->rank >= 3 && out->rank <= 5 && !is_packed)
        run_kernel(state, kernel, target, NN_LAYOUT_CHANNELS_LAST, -1, pool);
    nn_layout layout =
        kernel->layout == NN_LAYOUT_CHANNELS_LAST ? kernel->layout : NN_LAYOUT_STANDARD;
    for (int i = 0; i < test->in_count && i < 32; i++) {
        const nn_tensor *in = &test->in[i];
        if (test->has_in[i] && (kernel->in_place >> i & 1) && in->type == out->type &&
            nn_dims_equal(in->dims, in->rank, out->dims, out->rank))
            run_kernel(state, kernel, target, layout, i, pool);
    }
}

void op_case_check(const op_case *test) {
    static nn_pool *pool;
    if (pool == NULL) ck_assert_ok(nn_pool_create(2, &pool));
    case_state state;
    state_init(&state, test);
    for (int level = KNOWLEDGE_KINDS - 1; level >= 0; level--)
        check_inference(&state, (knowledge)level);
    check_axes(&state);
    nn_cost cost;
    nn_op_cost(&state.view, &cost);
    ck_assert(cost.macs >= 0 && cost.flops >= 0 && cost.bytes_read >= 0);
    if (state.op->expand != NULL) {
        state_clear(&state);
        return;
    }

    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 2};
    int accepted = 0;
    for (const nn_kernel *const *kernel = state.op->kernels; *kernel != NULL; kernel++) {
        if ((*kernel)->isa > target.isa || (*kernel)->precision > target.precision) continue;
        if ((*kernel)->accepts != NULL && !(*kernel)->accepts(&state.view, &target)) continue;
        check_kernel(&state, *kernel, &target, pool);
        accepted++;
    }
    ck_assert_msg(accepted > 0, "%s: no kernel accepts it", test->name);
    state_clear(&state);
}
