#include "ops/family/cast.h"

#include "ops/cpu/rows_f32.h"

enum { CASTABLE = NN_TYPES_NUMBER | NN_TYPES_BOOL };

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
    return nn_epilogue_is_empty(&node->epilogue) && nn_type_in(node->in[0]->type, CASTABLE) &&
           nn_type_in(node->out[0]->type, CASTABLE);
}

static bool is_whole(nn_type type) {
    return nn_type_in(type, NN_TYPES_INTEGER | NN_TYPES_BOOL);
}

static void cast_to_integer(nn_type from, nn_type to, const void *in, void *out, int64_t count) {
    double values[NN_BLOCK];
    nn_load_double(from, in, values, count);
    nn_tensor target = {.type = to, .data = out};
    for (int64_t i = 0; i < count; i++) {
        if (to == NNOPT_BOOL)
            ((uint8_t *)out)[i] = values[i] != 0;
        else
            nn_tensor_set(&target, i, values[i]);
    }
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

static void cast_block(nn_type from, nn_type to, const void *in, void *out, int64_t count) {
    if (is_whole(from) && is_whole(to)) {
        int64_t values[NN_BLOCK];
        nn_load_int(from, in, values, count);
        nn_store_int(to, values, out, count);
    } else if (from == NNOPT_FLOAT && to == NNOPT_INT32) {
        nn_rows_f32_best()->to_int32(in, out, count);
    } else if (is_whole(to)) {
        cast_to_integer(from, to, in, out, count);
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

static void cast_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const nn_call *call = argument;
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    for (int64_t i = begin; i < end; i += NN_BLOCK)
        cast_block(in->type, out->type, nn_at(in->data, in->type, i),
                   nn_at_out(out->data, out->type, i), end - i < NN_BLOCK ? end - i : NN_BLOCK);
}

nn_status nn_cast_run(const nn_call *call) {
    if (call->in[0]->type == call->out[0]->type) return nn_copy_run(call);
    nn_call copy = *call;
    nn_parallel(call->pool, nn_tensor_count(call->in[0]), NN_GRAIN, cast_chunk, &copy);
    return NN_OK;
}
