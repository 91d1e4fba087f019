#include "engine/plan/layout.h"
#include "engine/plan/plan_parts.h"
#include "ops/plan/reorder.h"
#include "ops/plan/transfer.h"

/* The tensors of a value that exist by now. */
typedef struct value_tensors {
    struct {
        nn_plan_tensor *standard, *last;
    } in[NN_MEMORIES];
    nn_plan_tensor *staged; /* of an input: a copy that the device's copy is made from */
    bool is_last;           /* made channels last; the standard one is a conversion */
    nn_memory memory;       /* where it was made */
} value_tensors;

typedef struct step_builder {
    nn_plan *plan;
    const nn_plan_request *request;
    const nn_choice *choices; /* by node position */
    value_tensors *values;    /* by value id */
} step_builder;

/* ---- tensors ---- */

static nn_status add_tensor(nn_plan *plan, nn_layout layout, const nn_fact *fact, nn_memory memory,
                            nn_place place, nn_plan_tensor **out) {
    nn_plan_tensor *tensor = nn_arena_alloc(&plan->arena, sizeof *tensor);
    if (tensor == NULL || !NN_GROW(plan->tensors, plan->tensor_count, plan->tensor_capacity)) {
        return nn_fail_memory(sizeof *tensor);
    }
    tensor->tensor.type = fact->type;
    tensor->tensor.rank = fact->rank;
    nn_layout_dims(layout, fact->dims, fact->rank, tensor->tensor.dims);
    tensor->memory = memory;
    tensor->place = place;
    plan->tensors[plan->tensor_count++] = tensor;
    *out = tensor;
    return NN_OK;
}

static nn_status add_slab_tensor(nn_plan *plan, nn_layout layout, const nn_value *value,
                                 nn_memory memory, nn_plan_tensor **out) {
    int64_t bytes;
    int64_t count = nn_fact_count(&value->fact);
    if (count < 0 || !nn_type_is_plain(value->fact.type) ||
        !nn_type_bytes(value->fact.type, count, &bytes)) {
        char text[256];
        return nn_fail(NN_UNSUPPORTED, "value '%s' (%s) has no size in memory", value->name,
                       nn_fact_text(&value->fact, text, sizeof text));
    }
    return add_tensor(plan, layout, &value->fact, memory, NN_PLACE_SLAB, out);
}

static nn_status add_view(nn_plan *plan, nn_layout layout, const nn_fact *fact,
                          nn_plan_tensor *owner, nn_plan_tensor **out) {
    NN_TRY(add_tensor(plan, layout, fact, owner->memory, owner->place, out));
    (*out)->owner = owner;
    return NN_OK;
}

/* The tensor of a graph input or a constant. */
static nn_status add_source(nn_plan *plan, nn_value *value, nn_plan_tensor **out) {
    if (nn_value_is_constant(value)) {
        NN_TRY(add_tensor(plan, NN_LAYOUT_STANDARD, &value->fact, NN_MEMORY_HOST, NN_PLACE_CONSTANT,
                          out));
        (*out)->value = value;
        return NN_OK;
    }
    for (int64_t i = 0; i < plan->graph->input_count; i++) {
        if (plan->graph->inputs[i] != value) continue;
        NN_TRY(add_tensor(plan, NN_LAYOUT_STANDARD, &value->fact, NN_MEMORY_HOST, NN_PLACE_INPUT,
                          out));
        (*out)->input = i;
        plan->inputs[i] = *out;
        return NN_OK;
    }
    return nn_fail(NN_INTERNAL, "value '%s' is read before it is made", value->name);
}

/* ---- steps ---- */

/* An empty step with room for its operands. */
static nn_status init_step(nn_plan *plan, int in_count, int out_count, nn_step *step) {
    nn_arena *arena = &plan->arena;
    size_t ins = (size_t)in_count + 1, outs = (size_t)out_count + 1; /* never none */
    *step = (nn_step){
        .view = {.in_count = in_count,
                 .out_count = out_count,
                 .in = nn_arena_alloc(arena, ins * sizeof *step->view.in),
                 .out = nn_arena_alloc(arena, outs * sizeof *step->view.out)},
        .call = {.in_count = in_count,
                 .out_count = out_count,
                 .in = nn_arena_alloc(arena, ins * sizeof *step->call.in),
                 .out = nn_arena_alloc(arena, outs * sizeof *step->call.out)},
        .in = nn_arena_alloc(arena, ins * sizeof *step->in),
        .out = nn_arena_alloc(arena, outs * sizeof *step->out),
    };
    if (!step->view.in || !step->view.out || !step->call.in || !step->call.out || !step->in ||
        !step->out) {
        return nn_fail_memory((ins + outs) * 3 * sizeof(void *));
    }
    return NN_OK;
}

static nn_status add_step(nn_plan *plan, const nn_step *step) {
    if (!NN_GROW(plan->steps, plan->step_count, plan->step_capacity)) {
        return nn_fail_memory(sizeof *plan->steps);
    }
    plan->steps[plan->step_count++] = *step;
    return NN_OK;
}

static void set_input(nn_step *step, int index, nn_plan_tensor *tensor) {
    ((const nn_tensor **)step->call.in)[index] = &tensor->tensor;
    step->in[index] = tensor;
}

static void set_output(nn_step *step, int index, nn_plan_tensor *tensor) {
    ((nn_tensor **)step->call.out)[index] = &tensor->tensor;
    step->out[index] = tensor;
}

static void set_input_fact(nn_step *step, int index, const nn_fact *fact) {
    ((const nn_fact **)step->view.in)[index] = fact;
}

static void set_output_fact(nn_step *step, int index, nn_fact *fact) {
    ((nn_fact **)step->view.out)[index] = fact;
}

static const nn_reorder_attrs to_last = {NN_LAYOUT_STANDARD, NN_LAYOUT_CHANNELS_LAST};
static const nn_reorder_attrs to_standard = {NN_LAYOUT_CHANNELS_LAST, NN_LAYOUT_STANDARD};
static const nn_reorder_attrs plain_copy = {NN_LAYOUT_STANDARD, NN_LAYOUT_STANDARD};

/* For which the kernels of one memory are asked. */
static nn_target target_in(const step_builder *builder, nn_memory memory) {
    nn_target target = builder->request->target;
    if (memory == NN_MEMORY_DEVICE) return target;
    target.device = NULL;
    target.precision = NN_PRECISION_FP32;
    return target;
}

/* A step between two tensors of one value. Its row counts for `reader`, else for the producer. */
static nn_status add_move(step_builder *builder, nn_value *value, const nn_op *op,
                          const void *attrs, const nn_target *target, nn_plan_tensor *from,
                          const nn_node *reader, nn_plan_tensor *to) {
    nn_step step;
    NN_TRY(init_step(builder->plan, 1, 1, &step));
    step.view.name = value->name;
    step.view.op = op;
    step.view.attrs = attrs;
    step.view.opset = 1;
    set_input_fact(&step, 0, &value->fact);
    set_output_fact(&step, 0, &value->fact);
    set_input(&step, 0, from);
    set_output(&step, 0, to);
    if (reader == NULL) reader = value->producer;
    step.origin = reader != NULL ? reader->origin : value->name;
    step.kernel = nn_kernel_select(&step.view, target);
    const bool is_kept_there = from->memory == NN_MEMORY_DEVICE && to->memory == NN_MEMORY_DEVICE;
    if (step.kernel == NULL || (is_kept_there && !step.kernel->on_device)) {
        char text[256];
        return nn_fail(NN_UNSUPPORTED, "value '%s' (%s) cannot change its memory layout",
                       value->name, nn_fact_text(&value->fact, text, sizeof text));
    }
    return add_step(builder->plan, &step);
}

/* Another layout in the same memory. */
static nn_status add_conversion(step_builder *builder, nn_value *value, nn_plan_tensor *from,
                                const nn_reorder_attrs *attrs, const nn_node *reader,
                                nn_plan_tensor **out) {
    const nn_target target = target_in(builder, from->memory);
    NN_TRY(add_slab_tensor(builder->plan, attrs->to, value, from->memory, out));
    return add_move(builder, value, &nn_op_reorder, attrs, &target, from, reader, *out);
}

/* The same layout in the other memory. */
static nn_status add_transfer(step_builder *builder, nn_value *value, nn_layout layout,
                              nn_plan_tensor *from, const nn_node *reader, nn_plan_tensor **out) {
    static const nn_transfer_attrs upload = {true}, download = {false};
    const bool goes_up = from->memory == NN_MEMORY_HOST;
    NN_TRY(add_slab_tensor(builder->plan, layout, value,
                           goes_up ? NN_MEMORY_DEVICE : NN_MEMORY_HOST, out));
    return add_move(builder, value, &nn_op_transfer, goes_up ? &upload : &download,
                    &builder->request->target, from, reader, *out);
}

/* ---- values in a layout ---- */

typedef struct copy_argument {
    const nn_node_view *view;
    const nn_kernel *kernel;
    const nn_target *target;
    const nn_tensor *in;
    nn_tensor out;
} copy_argument;

static nn_status fill_copy(const void *argument, void *out) {
    const copy_argument *copy = argument;
    const nn_tensor *in = copy->in;
    nn_tensor tensor = copy->out, *result = &tensor;
    tensor.data = out;
    return nn_run_node(copy->view, copy->kernel, copy->target, NULL, &in, &result);
}

/* A constant channels last: a copy made now, which the model's plans share. */
static nn_status add_constant_copy(step_builder *builder, nn_value *value, nn_memory memory,
                                   nn_plan_tensor **out) {
    nn_plan *plan = builder->plan;
    const nn_target host = target_in(builder, NN_MEMORY_HOST);
    NN_TRY(add_tensor(plan, NN_LAYOUT_CHANNELS_LAST, &value->fact, memory, NN_PLACE_CONSTANT, out));
    (*out)->is_read = true;
    const nn_fact *in_fact = &value->fact;
    nn_fact *out_fact = &value->fact;
    nn_node_view view = {.name = value->name,
                         .op = &nn_op_reorder,
                         .attrs = &to_last,
                         .opset = 1,
                         .in_count = 1,
                         .out_count = 1,
                         .in = &in_fact,
                         .out = &out_fact};
    const nn_kernel *kernel = nn_kernel_select(&view, &host);
    if (kernel == NULL) {
        return nn_fail(NN_UNSUPPORTED, "constant '%s' cannot change its memory layout",
                       value->name);
    }
    NN_TRY(nn_value_pin(value));
    copy_argument copy = {&view, kernel, &host, value->fact.constant, (*out)->tensor};
    const size_t bytes = (size_t)nn_fact_bytes(&value->fact);
    uint64_t blob = value->initializer != NULL ? value->initializer->id : nn_weight_new_id();
    nn_weight_key key = {.device = memory == NN_MEMORY_DEVICE ? plan->target.device : NULL,
                         .blobs = &blob,
                         .blob_count = 1,
                         .variant = "channels_last",
                         .bytes = bytes};
    const nn_weight *weight;
    NN_TRY(nn_weight_list_get(&plan->weights, &key, fill_copy, &copy, &weight));
    (*out)->tensor.data = weight->data;
    return NN_OK;
}

/* A constant as it is: copied to the device when a kernel has turned out to read it. */
static nn_status add_constant_on_device(step_builder *builder, nn_value *value,
                                        nn_plan_tensor **out) {
    NN_TRY(add_tensor(builder->plan, NN_LAYOUT_STANDARD, &value->fact, NN_MEMORY_DEVICE,
                      NN_PLACE_CONSTANT, out));
    (*out)->value = value;
    (*out)->on_host = builder->values[value->id].in[NN_MEMORY_HOST].standard;
    return NN_OK;
}

static bool is_constant_itself(const nn_plan_tensor *tensor, const nn_value *value) {
    return tensor->place == NN_PLACE_CONSTANT && tensor->value == value;
}

/* The tensor in `memory` that another one there gives, by another layout. */
static nn_status convert(step_builder *builder, nn_value *value, nn_plan_tensor *other,
                         bool to_channels_last, const nn_node *reader, nn_plan_tensor **out) {
    const nn_layout layout = to_channels_last ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD;
    if (nn_layout_is_same_order(value->fact.dims, value->fact.rank))
        return add_view(builder->plan, layout, &value->fact, other, out);
    if (is_constant_itself(other, value))
        return add_constant_copy(builder, value, other->memory, out);
    return add_conversion(builder, value, other, to_channels_last ? &to_last : &to_standard, reader,
                          out);
}

/* Pages that copies to the device may be made from at full speed, and at a fixed place. */
static nn_status stage(step_builder *builder, nn_value *value, nn_plan_tensor *from,
                       const nn_node *reader, nn_plan_tensor **out) {
    value_tensors *tensors = &builder->values[value->id];
    if (tensors->staged == NULL)
        NN_TRY(add_conversion(builder, value, from, &plain_copy, reader, &tensors->staged));
    *out = tensors->staged;
    return NN_OK;
}

static nn_status tensor_in(step_builder *builder, nn_value *value, nn_layout layout,
                           nn_memory memory, const nn_node *reader, nn_plan_tensor **out);

/* The first tensor of the value on the device, in the layout that the host has. */
static nn_status bring_to_device(step_builder *builder, nn_value *value, const nn_node *reader) {
    value_tensors *tensors = &builder->values[value->id];
    nn_plan_tensor *from = tensors->in[NN_MEMORY_HOST].standard;
    const bool is_last = from == NULL || tensors->is_last;
    if (is_last) from = tensors->in[NN_MEMORY_HOST].last;
    nn_plan_tensor **slot =
        is_last ? &tensors->in[NN_MEMORY_DEVICE].last : &tensors->in[NN_MEMORY_DEVICE].standard;
    if (is_constant_itself(from, value)) return add_constant_on_device(builder, value, slot);
    if (nn_plan_tensor_owner(from)->place != NN_PLACE_SLAB)
        NN_TRY(stage(builder, value, from, reader, &from));
    return add_transfer(builder, value, is_last ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD,
                        from, reader, slot);
}

/* From the tensor of the device in the layout that is wanted. */
static nn_status bring_to_host(step_builder *builder, nn_value *value, bool want_last,
                               const nn_node *reader, nn_plan_tensor **out) {
    const nn_layout layout = want_last ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD;
    nn_plan_tensor *from;
    NN_TRY(tensor_in(builder, value, layout, NN_MEMORY_DEVICE, reader, &from));
    return add_transfer(builder, value, layout, from, reader, out);
}

/* The tensor of `value` in `layout` and `memory`, made when it is not there yet. */
static nn_status tensor_in(step_builder *builder, nn_value *value, nn_layout layout,
                           nn_memory memory, const nn_node *reader, nn_plan_tensor **out) {
    value_tensors *tensors = &builder->values[value->id];
    const bool want_last = layout == NN_LAYOUT_CHANNELS_LAST && nn_layout_matters(value->fact.rank);
    nn_plan_tensor **standard = &tensors->in[memory].standard, **last = &tensors->in[memory].last;
    nn_plan_tensor **slot = want_last ? last : standard;
    if (*slot == NULL && *standard == NULL && *last == NULL) {
        const nn_memory other = memory == NN_MEMORY_HOST ? NN_MEMORY_DEVICE : NN_MEMORY_HOST;
        const bool is_elsewhere =
            tensors->in[other].standard != NULL || tensors->in[other].last != NULL;
        if (!is_elsewhere)
            NN_TRY(add_source(builder->plan, value, &tensors->in[NN_MEMORY_HOST].standard));
        if (memory == NN_MEMORY_DEVICE)
            NN_TRY(bring_to_device(builder, value, reader));
        else if (is_elsewhere)
            NN_TRY(bring_to_host(builder, value, want_last, reader, slot));
    }
    if (*slot == NULL)
        NN_TRY(convert(builder, value, want_last ? *standard : *last, want_last, reader, slot));
    *out = *slot;
    return NN_OK;
}

/* ---- nodes ---- */

static bool same_dims(const nn_fact *a, const nn_fact *b) {
    return nn_dims_equal(a->dims, a->rank, b->dims, b->rank);
}

/* Runs nothing: the output's tensor shares the input's memory. */
static nn_status add_view_node(step_builder *builder, const nn_node *node) {
    nn_value *in = node->inputs[0], *out = node->outputs[0];
    value_tensors *from = &builder->values[in->id], *to = &builder->values[out->id];
    nn_plan_tensor *tensor;
    const nn_memory memory = to->memory = from->memory;
    if (same_dims(&in->fact, &out->fact) && from->is_last) {
        to->is_last = true;
        return add_view(builder->plan, NN_LAYOUT_CHANNELS_LAST, &out->fact, from->in[memory].last,
                        &to->in[memory].last);
    }
    NN_TRY(tensor_in(builder, in, NN_LAYOUT_STANDARD, memory, node, &tensor));
    return add_view(builder->plan, NN_LAYOUT_STANDARD, &out->fact, tensor,
                    &to->in[memory].standard);
}

/* ---- transposes that move nothing ---- */

static bool read_permutation(const nn_node *node, int rank, int *perm) {
    const int64_t *stated;
    int64_t count;
    if (nn_attrs_ints(&node->attrs, "perm", &stated, &count) != NN_OK) return false;
    if (stated != NULL && count != rank) return false;
    for (int i = 0; i < rank; i++) perm[i] = stated != NULL ? (int)stated[i] : rank - 1 - i;
    return true;
}

static bool is_read_channels_last(const step_builder *builder, const nn_value *value) {
    for (int64_t i = 0; i < value->use_count; i++) {
        const nn_kernel *kernel = builder->choices[value->uses[i].node->position].kernel;
        if (kernel != NULL && kernel->layout == NN_LAYOUT_CHANNELS_LAST) return true;
    }
    return false;
}

/* When a tensor of the input holds the elements in the order of the output in some layout, that is
 * the output. A standard tensor becomes a channels last one only for those who want it so: others
 * would all have to be converted. */
static nn_status add_transpose_view(step_builder *builder, const nn_node *node, bool *done) {
    *done = false;
    if (node->op != &nn_op_transpose) return NN_OK;
    nn_value *in = node->inputs[0], *out = node->outputs[0];
    value_tensors *from = &builder->values[in->id], *to = &builder->values[out->id];
    int perm[NN_MAX_RANK], rank = in->fact.rank;
    const nn_memory memory = from->memory;
    if (!read_permutation(node, rank, perm)) return NN_OK;
    if (from->in[memory].standard == NULL && from->in[memory].last == NULL) {
        NN_TRY(add_source(builder->plan, in, &from->in[memory].standard));
    }
    for (int pair = 0; pair < 4 && !*done; pair++) {
        nn_layout source = pair / 2 == 0 ? NN_LAYOUT_STANDARD : NN_LAYOUT_CHANNELS_LAST;
        nn_layout target = pair % 2 == 0 ? NN_LAYOUT_STANDARD : NN_LAYOUT_CHANNELS_LAST;
        nn_plan_tensor *tensor = pair / 2 == 0 ? from->in[memory].standard : from->in[memory].last;
        if (tensor == NULL || (pair != 0 && !nn_layout_matters(rank))) continue;
        if (pair == 1 && !is_read_channels_last(builder, out)) continue;
        if (!nn_layout_is_transposed(in->fact.dims, rank, perm, source, target)) continue;
        to->memory = memory;
        to->is_last = target == NN_LAYOUT_CHANNELS_LAST;
        NN_TRY(add_view(builder->plan, target, &out->fact, tensor,
                        to->is_last ? &to->in[memory].last : &to->in[memory].standard));
        *done = true;
    }
    return NN_OK;
}

/* ---- nodes with a kernel ---- */

static bool lies_last(const step_builder *builder, const nn_value *value) {
    return value != NULL && builder->values[value->id].is_last;
}

/* A kernel for any layout follows its inputs. */
static nn_layout choose_layout(const step_builder *builder, const nn_node *node,
                               const nn_step *step) {
    if (step->kernel->layout != NN_LAYOUT_ANY) return step->kernel->layout;
    for (int i = 0; i < node->in_count; i++) {
        if (lies_last(builder, node->inputs[i]) &&
            nn_layout_input_is_last(step->kernel, &step->view, NN_LAYOUT_CHANNELS_LAST, i)) {
            return NN_LAYOUT_CHANNELS_LAST;
        }
    }
    return NN_LAYOUT_STANDARD;
}

static nn_status add_node(step_builder *builder, const nn_node *node, const nn_choice *choice) {
    nn_plan *plan = builder->plan;
    const nn_kernel *kernel = choice->kernel;
    nn_step step;
    NN_TRY(init_step(plan, node->in_count, node->out_count, &step));
    step.kernel = kernel;
    step.variant = choice->variant;
    step.reason = choice->reason;
    step.node = node;
    step.origin = node->origin;
    step.view.name = node->name;
    step.view.op = node->op;
    step.view.attrs = node->attrs_parsed;
    step.view.opset = node->opset;
    step.view.epilogue = node->epilogue;
    for (int i = 0; i < node->in_count; i++) {
        if (node->inputs[i] != NULL) set_input_fact(&step, i, &node->inputs[i]->fact);
    }
    for (int k = 0; k < node->out_count; k++) {
        if (node->outputs[k] != NULL) set_output_fact(&step, k, &node->outputs[k]->fact);
    }

    const nn_memory memory = kernel->on_device ? NN_MEMORY_DEVICE : NN_MEMORY_HOST;
    nn_layout layout = step.call.layout = choose_layout(builder, node, &step);
    for (int i = 0; i < node->in_count; i++) {
        if (node->inputs[i] == NULL) continue;
        bool last = nn_layout_input_is_last(kernel, &step.view, layout, i);
        nn_plan_tensor *tensor;
        NN_TRY(tensor_in(builder, node->inputs[i],
                         last ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD, memory, node,
                         &tensor));
        set_input(&step, i, tensor);
    }
    for (int k = 0; k < node->out_count; k++) {
        nn_value *value = node->outputs[k];
        if (value == NULL) continue;
        value_tensors *tensors = &builder->values[value->id];
        tensors->is_last = layout == NN_LAYOUT_CHANNELS_LAST && nn_layout_matters(value->fact.rank);
        tensors->memory = memory;
        nn_plan_tensor **slot =
            tensors->is_last ? &tensors->in[memory].last : &tensors->in[memory].standard;
        NN_TRY(add_slab_tensor(plan, layout, value, memory, slot));
        set_output(&step, k, *slot);
    }
    return add_step(plan, &step);
}

/* ---- the plan ---- */

/* Outputs belong to the session: what lies in the caller's or the model's memory is copied. */
static nn_status add_outputs(step_builder *builder) {
    nn_plan *plan = builder->plan;
    for (int64_t i = 0; i < plan->graph->output_count; i++) {
        nn_value *value = plan->graph->outputs[i];
        nn_plan_tensor *tensor;
        NN_TRY(tensor_in(builder, value, NN_LAYOUT_STANDARD, NN_MEMORY_HOST, NULL, &tensor));
        if (nn_plan_tensor_owner(tensor)->place != NN_PLACE_SLAB) {
            NN_TRY(add_conversion(builder, value, tensor, &plain_copy, NULL, &tensor));
        }
        plan->outputs[i] = tensor;
    }
    return NN_OK;
}

static bool is_read_on_device(const step_builder *builder, const nn_value *value) {
    for (int64_t i = 0; i < value->use_count; i++) {
        if (value->uses[i].input == NN_USE_CAPTURE) continue;
        const nn_kernel *kernel = builder->choices[value->uses[i].node->position].kernel;
        if (kernel != NULL && kernel->on_device) return true;
    }
    return false;
}

/* Inputs go to the device before anything else, so that what follows there is not interrupted. */
static nn_status add_inputs(step_builder *builder) {
    const nn_graph *graph = builder->plan->graph;
    nn_plan_tensor *tensor;
    for (int64_t i = 0; i < graph->input_count; i++) {
        nn_value *value = graph->inputs[i];
        if (nn_value_is_constant(value) || !is_read_on_device(builder, value)) continue;
        NN_TRY(tensor_in(builder, value, NN_LAYOUT_STANDARD, NN_MEMORY_HOST, NULL, &tensor));
        NN_TRY(stage(builder, value, tensor, NULL, &tensor));
    }
    for (int64_t i = 0; i < graph->input_count; i++)
        if (builder->values[graph->inputs[i]->id].staged != NULL)
            NN_TRY(tensor_in(builder, graph->inputs[i], NN_LAYOUT_STANDARD, NN_MEMORY_DEVICE, NULL,
                             &tensor));
    return NN_OK;
}

static nn_status make_steps(step_builder *builder) {
    nn_plan *plan = builder->plan;
    NN_TRY(add_inputs(builder));
    for (int64_t i = 0; i < plan->graph->node_count; i++) {
        const nn_node *node = plan->graph->nodes[i];
        if (nn_node_is_folded(node)) continue;
        bool done = nn_node_is_view(node);
        if (done) {
            NN_TRY(add_view_node(builder, node));
        } else {
            NN_TRY(add_transpose_view(builder, node, &done));
        }
        if (!done) NN_TRY(add_node(builder, node, &builder->choices[i]));
    }
    NN_TRY(add_outputs(builder));
    for (int64_t s = 0; s < plan->step_count; s++) {
        nn_step *step = &plan->steps[s];
        step->call.node = &step->view;
        step->call.pool = builder->request->pool;
        if (step->node != NULL) {
            nn_covers_get(&plan->covers, step->node, &step->cover);
        } else {
            step->cover = (nn_cover){&step->origin, 1};
        }
    }
    return NN_OK;
}

nn_status nn_plan_make_steps(nn_plan *plan, const nn_plan_request *request,
                             const nn_choice *choices) {
    const nn_graph *graph = plan->graph;
    size_t pointers = (size_t)(graph->input_count + graph->output_count + 2);
    plan->inputs = nn_arena_alloc(&plan->arena, pointers * sizeof *plan->inputs);
    size_t size = (size_t)(graph->value_count + 1) * sizeof(value_tensors);
    step_builder builder = {plan, request, choices, nn_alloc_zero(size)};
    nn_status status = NN_OK;
    if (plan->inputs == NULL || builder.values == NULL) {
        status = nn_fail_memory(size);
    } else {
        plan->outputs = plan->inputs + graph->input_count + 1;
        status = make_steps(&builder);
    }
    nn_free(builder.values);
    return status;
}
