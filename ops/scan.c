#include "ops/family/body.h"
#include "ops/family/infer.h"
#include "ops/family/pieces.h"

static const char *const bodies[] = {"body", NULL};

typedef struct scan_attrs {
    int64_t scanned; /* inputs that are read row by row */
    const int64_t *in_axes, *in_directions, *out_axes, *out_directions;
    int64_t in_axis_count, in_direction_count, out_axis_count, out_direction_count;
    bool is_batched; /* version 8: lengths in input 0, axis 0 counts sequences, axis 1 is scanned */
} scan_attrs;

static nn_status check_directions(const nn_node_view *node, const char *name, const int64_t *values,
                                  int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (values[i] != 0 && values[i] != 1)
            return nn_view_fail(node, NN_BAD_INPUT, "attribute '%s' holds %lld", name,
                                (long long)values[i]);
    return NN_OK;
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    scan_attrs *parsed = out;
    parsed->is_batched = node->opset < 9;
    const char *directions = parsed->is_batched ? "directions" : "scan_input_directions";
    int64_t values = node->in_count - parsed->is_batched;
    NN_TRY(nn_attrs_int(attrs, "num_scan_inputs", 0, &parsed->scanned));
    NN_TRY(nn_attrs_ints(attrs, directions, &parsed->in_directions, &parsed->in_direction_count));
    NN_TRY(nn_attrs_ints(attrs, "scan_output_directions", &parsed->out_directions,
                         &parsed->out_direction_count));
    NN_TRY(nn_attrs_ints(attrs, "scan_input_axes", &parsed->in_axes, &parsed->in_axis_count));
    NN_TRY(nn_attrs_ints(attrs, "scan_output_axes", &parsed->out_axes, &parsed->out_axis_count));
    if (parsed->scanned < 1 || parsed->scanned > values)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'num_scan_inputs' is %lld of %lld inputs",
                            (long long)parsed->scanned, (long long)values);
    if ((parsed->in_axis_count > 0 && parsed->in_axis_count != parsed->scanned) ||
        (parsed->in_direction_count > 0 && parsed->in_direction_count != parsed->scanned))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "axes or directions are not given for each of the %lld scan inputs",
                            (long long)parsed->scanned);
    NN_TRY(check_directions(node, directions, parsed->in_directions, parsed->in_direction_count));
    return check_directions(node, "scan_output_directions", parsed->out_directions,
                            parsed->out_direction_count);
}

static nn_status infer(const nn_node_view *node) {
    const scan_attrs *attrs = node->attrs;
    int first = node->in_count - (int)attrs->scanned;
    if (attrs->is_batched) NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_INT64)));
    for (int i = first; i < node->in_count; i++) {
        const nn_fact *fact = node->in[i];
        int axis;
        if (fact == NULL) return nn_view_fail(node, NN_BAD_INPUT, "input %d is missing", i);
        if (nn_type_is_container(fact->type))
            return nn_view_fail(node, NN_BAD_INPUT, "input %d must be a tensor, is %s", i,
                                nnopt_type_name(fact->type));
        if (fact->rank >= 0)
            NN_TRY(nn_check_axis(node,
                                 attrs->is_batched          ? 1
                                 : attrs->in_axis_count > 0 ? attrs->in_axes[i - first]
                                                            : 0,
                                 fact->rank, &axis));
    }
    for (int i = 0; i < node->out_count; i++)
        NN_TRY(nn_set_output(node, i, NNOPT_TYPE_NONE, NN_RANK_UNKNOWN, NULL));
    return NN_OK;
}

/* ---- one pass over a sequence ---- */

/* A scan input: where its rows lie, and room for one when it lies in pieces. */
typedef struct scan_source {
    const nn_tensor *tensor;
    int axis;
    nn_rows rows;
    bool backwards;
    nn_tensor row; /* its data is to be freed when `has_room` */
    bool has_room;
} scan_source;

static nn_status open_source(scan_source *source) {
    const nn_tensor *tensor = source->tensor;
    source->rows = nn_rows_of(tensor->dims, tensor->rank, source->axis);
    nn_tensor row = {.type = tensor->type, .rank = tensor->rank - 1};
    for (int i = 0; i < row.rank; i++) row.dims[i] = tensor->dims[i < source->axis ? i : i + 1];
    source->row = row;
    source->has_room = source->rows.outer != 1 || nn_type_bits(tensor->type) < 8;
    return source->has_room ? nn_tensor_init(&source->row, row.type, row.dims, row.rank) : NN_OK;
}

/* Puts row `index` into source->row: a view of the tensor where it lies in one piece. */
static void read_row(scan_source *source, int64_t index) {
    const nn_tensor *tensor = source->tensor;
    if (source->backwards) index = source->rows.size - 1 - index;
    if (!source->has_room) {
        int64_t bytes = source->rows.inner * (nn_type_bits(tensor->type) / 8);
        source->row.data = bytes > 0 ? (char *)tensor->data + index * bytes : NULL;
        return;
    }
    nn_rows one = source->rows;
    one.size = 1;
    nn_move_rows(tensor->type, source->row.data, &one, 0, tensor->data, &source->rows, index, 1);
}

typedef struct scan_pass {
    nn_body *body;
    int carried, scanned, results;
    int64_t length;
    nn_rounds rounds;
    scan_source *sources;
    nn_stack *stacks;
} scan_pass;

static nn_status pass_init(scan_pass *pass, nn_body *body, int scanned) {
    pass->body = body;
    pass->scanned = scanned;
    pass->carried = body->in_count - scanned;
    pass->results = body->out_count - pass->carried;
    size_t bytes = (size_t)scanned * sizeof *pass->sources;
    size_t stack_bytes = (size_t)(pass->results + 1) * sizeof *pass->stacks;
    pass->sources = nn_alloc_zero(bytes);
    pass->stacks = nn_alloc_zero(stack_bytes);
    if (pass->sources == NULL || pass->stacks == NULL) return nn_fail_memory(bytes + stack_bytes);
    return nn_rounds_init(&pass->rounds, body);
}

static void pass_clear(scan_pass *pass) {
    for (int i = 0; i < pass->scanned && pass->sources != NULL; i++)
        if (pass->sources[i].has_room) nn_free(pass->sources[i].row.data);
    for (int i = 0; i < pass->results && pass->stacks != NULL; i++)
        nn_stack_clear(&pass->stacks[i]);
    nn_free(pass->sources);
    nn_free(pass->stacks);
    nn_rounds_clear(&pass->rounds);
    *pass = (scan_pass){0};
}

/* Sources and first values of what is carried are set; pass->length rows are read. */
static nn_status pass_run(const nn_call *call, scan_pass *pass) {
    for (int i = 0; i < pass->scanned; i++) NN_TRY(open_source(&pass->sources[i]));
    for (int i = 0; i < pass->results; i++) pass->stacks[i].expected = pass->length;
    for (int64_t t = 0; t < pass->length; t++) {
        for (int i = 0; i < pass->scanned; i++) {
            read_row(&pass->sources[i], t);
            pass->rounds.in[pass->carried + i] = pass->sources[i].row;
        }
        NN_TRY(nn_rounds_run(&pass->rounds));
        for (int i = 0; i < pass->carried; i++) nn_rounds_carry(&pass->rounds, i, i);
        for (int i = 0; i < pass->results; i++)
            NN_TRY(nn_stack_add(call->node, &pass->stacks[i], t,
                                &pass->rounds.out[pass->carried + i]));
    }
    return NN_OK;
}

/* ---- from version 9 ---- */

static int64_t choice(const int64_t *values, int64_t count, int index) {
    return index < count ? values[index] : 0;
}

static nn_status run_whole(const nn_call *call, scan_pass *pass) {
    const scan_attrs *attrs = call->node->attrs;
    for (int i = 0; i < pass->carried; i++) pass->rounds.in[i] = *call->in[i];
    for (int i = 0; i < pass->scanned; i++) {
        scan_source *source = &pass->sources[i];
        source->tensor = call->in[pass->carried + i];
        source->backwards = choice(attrs->in_directions, attrs->in_direction_count, i) == 1;
        NN_TRY(nn_check_axis(call->node, choice(attrs->in_axes, attrs->in_axis_count, i),
                             source->tensor->rank, &source->axis));
        int64_t length = source->tensor->dims[source->axis];
        if (i == 0) pass->length = length;
        if (length != pass->length)
            return nn_view_fail(call->node, NN_BAD_INPUT,
                                "scan inputs 0 and %d have %lld and %lld rows", i,
                                (long long)pass->length, (long long)length);
    }
    NN_TRY(pass_run(call, pass));
    for (int i = 0; i < call->out_count; i++) {
        int result = i - pass->carried;
        if (call->out[i] == NULL) continue;
        if (result < 0)
            NN_TRY(nn_rounds_take(&pass->rounds, i, call->out[i]));
        else
            NN_TRY(nn_stack_finish(
                call, &pass->stacks[result], pass->body, i,
                choice(attrs->out_axes, attrs->out_axis_count, result),
                choice(attrs->out_directions, attrs->out_direction_count, result) == 1,
                call->out[i]));
    }
    return NN_OK;
}

/* ---- version 8: a pass for each sequence of the batch ---- */

/* Entry `index` of axis 0. */
static nn_status entry_of(const nn_call *call, const nn_tensor *tensor, int64_t index,
                          nn_tensor *out) {
    int bits = nn_type_bits(tensor->type);
    if (tensor->rank < 1 || bits < 8)
        return nn_view_fail(call->node, NN_BAD_INPUT, "an input of type %s and rank %d is no batch",
                            nnopt_type_name(tensor->type), tensor->rank);
    *out = (nn_tensor){.type = tensor->type, .rank = tensor->rank - 1};
    for (int i = 0; i < out->rank; i++) out->dims[i] = tensor->dims[i + 1];
    int64_t bytes = nn_tensor_bytes(out);
    out->data = bytes > 0 ? (char *)tensor->data + index * bytes : NULL;
    return NN_OK;
}

/* Writes `entry` as number `index` of output `out`, which the first entry makes: of `longest` rows
 * when `is_result`; missing rows are zero. */
static nn_status put_entry(const nn_call *call, nn_tensor *out, const nn_tensor *entry,
                           int64_t index, int64_t batch, int64_t longest, bool is_result) {
    if (index == 0) {
        int64_t dims[NN_MAX_RANK + 1] = {batch};
        for (int i = 0; i < entry->rank; i++) dims[i + 1] = entry->dims[i];
        if (is_result) dims[1] = longest;
        if (nn_type_bits(entry->type) < 8 || entry->type == NNOPT_STRING)
            return nn_view_fail(call->node, NN_UNSUPPORTED, "a result of type %s",
                                nnopt_type_name(entry->type));
        NN_TRY(nn_tensor_init(out, entry->type, dims, entry->rank + 1));
    }
    bool fits = out->type == entry->type && out->rank == entry->rank + 1;
    for (int i = is_result ? 1 : 0; fits && i < entry->rank; i++)
        fits = out->dims[i + 1] == entry->dims[i];
    if (!fits)
        return nn_view_fail(call->node, NN_BAD_INPUT,
                            "results of entries 0 and %lld differ in shape", (long long)index);
    int64_t bytes = nn_tensor_bytes(entry), step = nn_tensor_bytes(out) / batch;
    if (bytes > 0) memcpy((char *)out->data + index * step, entry->data, (size_t)bytes);
    return NN_OK;
}

static nn_status run_entry(const nn_call *call, scan_pass *pass, int64_t index, int64_t batch,
                           int64_t longest) {
    const scan_attrs *attrs = call->node->attrs;
    const nn_tensor *lengths = call->in[0];
    nn_tensor entries[NN_MAX_OUTPUTS];
    if (pass->scanned > NN_MAX_OUTPUTS)
        return nn_view_fail(call->node, NN_UNSUPPORTED, "%d scan inputs are over the limit of %d",
                            pass->scanned, NN_MAX_OUTPUTS);
    pass->length = lengths != NULL ? ((const int64_t *)lengths->data)[index] : longest;
    if (pass->length < 0 || pass->length > longest)
        return nn_view_fail(call->node, NN_BAD_INPUT,
                            "length %lld of entry %lld is outside of %lld", (long long)pass->length,
                            (long long)index, (long long)longest);
    for (int i = 0; i < pass->carried; i++)
        NN_TRY(entry_of(call, call->in[1 + i], index, &pass->rounds.in[i]));
    for (int i = 0; i < pass->scanned; i++) {
        NN_TRY(entry_of(call, call->in[1 + pass->carried + i], index, &entries[i]));
        entries[i].dims[0] = pass->length;
        pass->sources[i].tensor = &entries[i];
        pass->sources[i].backwards =
            choice(attrs->in_directions, attrs->in_direction_count, i) == 1;
    }
    NN_TRY(pass_run(call, pass));
    for (int i = 0; i < call->out_count; i++) {
        nn_tensor made = {0};
        bool is_result = i >= pass->carried;
        if (call->out[i] == NULL) continue;
        if (is_result)
            NN_TRY(nn_stack_finish(call, &pass->stacks[i - pass->carried], pass->body, i, 0, false,
                                   &made));
        else
            NN_TRY(nn_rounds_take(&pass->rounds, i, &made));
        nn_status status = put_entry(call, call->out[i], &made, index, batch, longest, is_result);
        nn_tensor_clear(&made);
        NN_TRY(status);
    }
    return NN_OK;
}

static nn_status run_batch(const nn_call *call, nn_body *body, int scanned) {
    const nn_tensor *first = call->in[call->in_count - scanned];
    int64_t batch = first->rank > 1 ? first->dims[0] : 0;
    int64_t longest = first->rank > 1 ? first->dims[1] : 0;
    if (batch == 0) return nn_view_fail(call->node, NN_BAD_INPUT, "the batch is empty");
    for (int i = 1; i < call->in_count; i++) {
        const nn_tensor *in = call->in[i];
        bool is_scanned = i >= call->in_count - scanned;
        if (in->rank < 1 + is_scanned || in->dims[0] != batch ||
            (is_scanned && in->dims[1] != longest))
            return nn_view_fail(call->node, NN_BAD_INPUT,
                                "input %d does not fit a batch of %lld with %lld rows each", i,
                                (long long)batch, (long long)longest);
    }
    if (call->in[0] != NULL && nn_tensor_count(call->in[0]) != batch)
        return nn_view_fail(call->node, NN_BAD_INPUT, "%lld lengths for a batch of %lld",
                            (long long)nn_tensor_count(call->in[0]), (long long)batch);
    nn_status status = NN_OK;
    for (int64_t b = 0; b < batch && status == NN_OK; b++) {
        scan_pass pass = {0};
        status = pass_init(&pass, body, scanned);
        if (status == NN_OK) status = run_entry(call, &pass, b, batch, longest);
        pass_clear(&pass);
    }
    return status;
}

static nn_status run(const nn_call *call) {
    const scan_attrs *attrs = call->node->attrs;
    int scanned = (int)attrs->scanned, first = attrs->is_batched ? 1 : 0;
    int carried = call->in_count - first - scanned;
    nn_body *body;
    NN_TRY(nn_find_body(call, 0, carried + scanned, -1, &body));
    if (body->out_count < carried || call->out_count > body->out_count)
        return nn_view_fail(call->node, NN_BAD_INPUT,
                            "the body's %d outputs do not fit %d carried values and %d outputs",
                            body->out_count, carried, call->out_count);
    for (int i = first; i < call->in_count; i++)
        if (call->in[i] == NULL)
            return nn_view_fail(call->node, NN_BAD_INPUT, "input %d is missing", i);
    if (attrs->is_batched) return run_batch(call, body, scanned);
    scan_pass pass = {0};
    nn_status status = pass_init(&pass, body, scanned);
    if (status == NN_OK) status = run_whole(call, &pass);
    pass_clear(&pass);
    return status;
}

static const nn_kernel reference = {
    .name = "scan_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_scan = {
    .name = "Scan",
    .domain = "",
    .since = 8,
    .min_inputs = 0,
    .max_inputs = NN_ANY_COUNT,
    .min_outputs = 1,
    .max_outputs = NN_ANY_COUNT,
    .attr_size = sizeof(scan_attrs),
    .parse = parse,
    .infer = infer,
    .bodies = bodies,
    .kernels = kernels,
};
