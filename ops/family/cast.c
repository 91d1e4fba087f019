#include "ops/family/cast.h"

#include "base/integers.h"
#include "ops/cpu/float32/rows_f32.h"
#include "ops/family/cast_text.h"

nn_status nn_cast_parse_rules(const nn_node_view *node, const nn_attrs *attrs, nn_cast_attrs *out) {
    static const char *const modes[] = {
        [NN_SCALE_UP] = "up", [NN_SCALE_DOWN] = "down", [NN_SCALE_NEAREST] = "nearest"};
    int64_t saturate = 1;
    const char *mode = modes[NN_SCALE_UP];
    if (node->opset >= 19) NN_TRY(nn_attrs_int(attrs, "saturate", 1, &saturate));
    if (node->opset >= 24) NN_TRY(nn_attrs_string(attrs, "round_mode", mode, &mode));
    out->rules.overflow = saturate == 0;
    for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
        out->rules.scale = i;
        if (strcmp(mode, modes[i]) == 0) return NN_OK;
    }
    return nn_view_fail(node, NN_BAD_INPUT, "round_mode must be up, down or nearest, got '%s'",
                        mode);
}

nn_status nn_infer_cast(const nn_node_view *node, nn_type to) {
    const nn_fact *in = node->in[0];
    NN_TRY(nn_set_output(node, 0, to, in->rank, in->dims));
    int count = nn_elements_count(in);
    if (node->out[0] == NULL || count < 0 || (to != NNOPT_INT64 && to != NNOPT_INT32)) return NN_OK;
    nn_elements_begin(node->out[0], count);
    for (int i = 0; i < count; i++) {
        nn_element element = nn_elements_get(in, i);
        bool fits = element.kind != NN_ELEMENT_NUMBER || to == NNOPT_INT64 ||
                    (element.value >= INT32_MIN && element.value <= INT32_MAX);
        if (fits) nn_elements_set(node->out[0], i, element);
    }
    return NN_OK;
}

bool nn_cast_accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) &&
           nn_type_in(node->in[0]->type, NN_TYPES_CASTABLE) &&
           nn_type_in(node->out[0]->type, NN_TYPES_CASTABLE);
}

static bool is_whole(nn_type type) {
    return nn_type_in(type, NN_TYPES_INTEGER | NN_TYPES_PACKED_INTEGER | NN_TYPES_BOOL);
}

static void cast_to_integer(nn_type from, nn_type to, const void *in, void *out, int64_t count) {
    double values[NN_BLOCK];
    int64_t whole[NN_BLOCK];
    nn_load_double(from, in, values, count);
    nn_tensor target = {.type = to, .data = out}, between = {.type = NNOPT_INT64, .data = whole};
    for (int64_t i = 0; i < count; i++) {
        if (to == NNOPT_BOOL)
            ((uint8_t *)out)[i] = values[i] != 0;
        else
            nn_tensor_set(nn_type_in(to, NN_TYPES_INTEGER) ? &target : &between, i, values[i]);
    }
    if (nn_type_in(to, NN_TYPES_PACKED_INTEGER)) nn_store_int(to, whole, out, count);
}

/* Through float: as it is, or rounded to odd where it has more bits. */
static void cast_to_small(nn_type from, nn_type to, const void *in, void *out, int64_t count,
                          nn_float_rules rules) {
    float values[NN_BLOCK];
    if (is_whole(from) || from == NNOPT_DOUBLE) {
        double wide[NN_BLOCK];
        nn_load_double(from, in, wide, count);
        for (int64_t i = 0; i < count; i++) values[i] = nn_double_to_float_odd(wide[i]);
    } else {
        nn_load_float(from, in, values, count);
    }
    nn_store_small(to, values, out, count, rules);
}

/* Integers to float round once: not through double. */
static void cast_to_float32(nn_type from, const void *in, float *out, int64_t count) {
    int64_t values[NN_BLOCK];
    if (from == NNOPT_UINT64) {
        for (int64_t i = 0; i < count; i++) out[i] = (float)((const uint64_t *)in)[i];
        return;
    }
    nn_load_int(from, in, values, count);
    for (int64_t i = 0; i < count; i++) out[i] = (float)values[i];
}

static void cast_block(nn_type from, nn_type to, const void *in, void *out, int64_t count,
                       nn_float_rules rules) {
    if (is_whole(from) && is_whole(to)) {
        int64_t values[NN_BLOCK];
        nn_load_int(from, in, values, count);
        nn_store_int(to, values, out, count);
    } else if (from == NNOPT_FLOAT && to == NNOPT_INT32) {
        nn_rows_f32_best()->to_int32(in, out, count);
    } else if (is_whole(to)) {
        cast_to_integer(from, to, in, out, count);
    } else if (nn_type_is_small_float(to)) {
        cast_to_small(from, to, in, out, count, rules);
    } else if (is_whole(from) && to == NNOPT_FLOAT) {
        cast_to_float32(from, in, out, count);
    } else if (is_whole(from) || from == NNOPT_DOUBLE || to == NNOPT_DOUBLE) {
        double values[NN_BLOCK];
        nn_load_double(from, in, values, count);
        nn_store_double(to, values, out, count);
    } else if (from == NNOPT_FLOAT) {
        nn_store_float(to, in, out, count);
    } else if (to == NNOPT_FLOAT) {
        nn_load_float(from, in, out, count);
    } else {
        float values[NN_BLOCK];
        nn_load_float(from, in, values, count);
        nn_store_float(to, values, out, count);
    }
}

/* Blocks, so that runs of packed elements begin at a byte. */
static void cast_blocks(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const nn_call *call = argument;
    const nn_cast_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    int64_t count = nn_tensor_count(in);
    for (int64_t block = begin; block < end; block++) {
        int64_t i = block * NN_BLOCK;
        cast_block(in->type, out->type, nn_at(in->data, in->type, i),
                   nn_at_out(out->data, out->type, i), count - i < NN_BLOCK ? count - i : NN_BLOCK,
                   attrs->rules);
    }
}

nn_status nn_cast_run(const nn_call *call) {
    nn_type from = call->in[0]->type, to = call->out[0]->type;
    if (from == to) return nn_copy_run(call);
    if (from == NNOPT_STRING || to == NNOPT_STRING) return nn_cast_text_run(call);
    nn_call copy = *call;
    int64_t blocks = nn_divide_up(nn_tensor_count(call->in[0]), NN_BLOCK);
    nn_parallel(call->pool, blocks, NN_GRAIN / NN_BLOCK, cast_blocks, &copy);
    return NN_OK;
}
