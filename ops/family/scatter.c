#include "ops/family/scatter.h"

#include <complex.h>

static const char *const names[NN_SCATTER_REDUCTIONS] = {
    [NN_SCATTER_NONE] = "none", [NN_SCATTER_ADD] = "add", [NN_SCATTER_MUL] = "mul",
    [NN_SCATTER_MAX] = "max",   [NN_SCATTER_MIN] = "min",
};

nn_status nn_scatter_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_scatter_attrs *parsed = out;
    const char *text;
    NN_TRY(nn_attrs_int(attrs, "axis", 0, &parsed->axis));
    NN_TRY(nn_attrs_string(attrs, "reduction", "none", &text));
    /* Version 16 brought the first two, 18 the others. */
    int most = node->opset >= 18   ? NN_SCATTER_REDUCTIONS
               : node->opset >= 16 ? NN_SCATTER_MAX
                                   : NN_SCATTER_ADD;
    for (int i = 0; i < most; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        parsed->reduction = (nn_scatter_reduction)i;
        return NN_OK;
    }
    return nn_view_fail(node, NN_BAD_INPUT, "version %d has no reduction '%s'", node->opset, text);
}

/* ---- rows ---- */

/* In the expression a is the element of the data and b the update, both loaded as `value`. */
#define SCATTER_ROW(name, type, value, load, store, expression)                                    \
    static void name(void *data_, const int64_t *places, const void *updates_, int64_t count) {    \
        type *data = data_;                                                                        \
        const type *updates = updates_;                                                            \
        for (int64_t i = 0; places != NULL && i < count; i++) {                                    \
            type *place = data + places[i];                                                        \
            const value a = load(*place), b = load(updates[i]);                                    \
            *place = store(expression);                                                            \
        }                                                                                          \
        for (int64_t i = 0; places == NULL && i < count; i++) {                                    \
            const value a = load(data[i]), b = load(updates[i]);                                   \
            data[i] = store(expression);                                                           \
        }                                                                                          \
    }

#define AS_IS(x) (x)
/* NaN wins. */
#define LARGER  (a > b || a != a ? a : b)
#define SMALLER (a < b || a != a ? a : b)

#define FLOAT_ROWS(suffix, type, value, load, store)                                               \
    SCATTER_ROW(add_##suffix, type, value, load, store, a + b)                                     \
    SCATTER_ROW(mul_##suffix, type, value, load, store, a *b)                                      \
    SCATTER_ROW(max_##suffix, type, value, load, store, LARGER)                                    \
    SCATTER_ROW(min_##suffix, type, value, load, store, SMALLER)
FLOAT_ROWS(f32, float, float, AS_IS, AS_IS)
FLOAT_ROWS(f64, double, double, AS_IS, AS_IS)
FLOAT_ROWS(f16, uint16_t, float, nn_half_to_float, nn_float_to_half)
FLOAT_ROWS(bf16, uint16_t, float, nn_bfloat16_to_float, nn_float_to_bfloat16)

/* Sums and products wrap: they are computed without a sign. */
#define INTEGER_ROWS(TYPE, type, suffix)                                                           \
    SCATTER_ROW(add_##suffix, type, uint64_t, (uint64_t), (type), a + b)                           \
    SCATTER_ROW(mul_##suffix, type, uint64_t, (uint64_t), (type), a *b)                            \
    SCATTER_ROW(max_##suffix, type, type, AS_IS, AS_IS, LARGER)                                    \
    SCATTER_ROW(min_##suffix, type, type, AS_IS, AS_IS, SMALLER)
NN_EACH_INTEGER(INTEGER_ROWS)

SCATTER_ROW(or_bool, uint8_t, uint8_t, AS_IS, AS_IS, a != 0 || b != 0)
SCATTER_ROW(and_bool, uint8_t, uint8_t, AS_IS, AS_IS, a != 0 && b != 0)
SCATTER_ROW(add_c64, float complex, float complex, AS_IS, AS_IS, a + b)
SCATTER_ROW(mul_c64, float complex, float complex, AS_IS, AS_IS, a *b)
SCATTER_ROW(add_c128, double complex, double complex, AS_IS, AS_IS, a + b)
SCATTER_ROW(mul_c128, double complex, double complex, AS_IS, AS_IS, a *b)

#define ENTRY(op, TYPE, suffix) [NNOPT_##TYPE] = op##_##suffix
#define FLOAT_ENTRIES(op)                                                                          \
    ENTRY(op, FLOAT, f32), ENTRY(op, DOUBLE, f64), ENTRY(op, FLOAT16, f16),                        \
        ENTRY(op, BFLOAT16, bf16)
#define INTEGER_ENTRIES(op)                                                                        \
    ENTRY(op, INT8, i8), ENTRY(op, INT16, i16), ENTRY(op, INT32, i32), ENTRY(op, INT64, i64),      \
        ENTRY(op, UINT8, u8), ENTRY(op, UINT16, u16), ENTRY(op, UINT32, u32),                      \
        ENTRY(op, UINT64, u64)
static const nn_scatter_row combining[NN_SCATTER_REDUCTIONS][NN_TYPE_COUNT] = {
    [NN_SCATTER_ADD] = {FLOAT_ENTRIES(add), INTEGER_ENTRIES(add), [NNOPT_BOOL] = or_bool,
                        ENTRY(add, COMPLEX64, c64), ENTRY(add, COMPLEX128, c128)},
    [NN_SCATTER_MUL] = {FLOAT_ENTRIES(mul), INTEGER_ENTRIES(mul), [NNOPT_BOOL] = and_bool,
                        ENTRY(mul, COMPLEX64, c64), ENTRY(mul, COMPLEX128, c128)},
    [NN_SCATTER_MAX] = {FLOAT_ENTRIES(max), INTEGER_ENTRIES(max), [NNOPT_BOOL] = or_bool},
    [NN_SCATTER_MIN] = {FLOAT_ENTRIES(min), INTEGER_ENTRIES(min), [NNOPT_BOOL] = and_bool},
};

/* Replacing does not understand what it moves. */
#define REPLACING_ROW(name, type)                                                                  \
    static void name(void *data, const int64_t *places, const void *updates, int64_t count) {      \
        const type *from = updates;                                                                \
        type *to = data;                                                                           \
        if (places == NULL)                                                                        \
            memcpy(data, updates, (size_t)count * sizeof(type));                                   \
        else                                                                                       \
            for (int64_t i = 0; i < count; i++) to[places[i]] = from[i];                           \
    }
typedef struct pair {
    uint64_t halves[2];
} pair;
REPLACING_ROW(replace_8, uint8_t)
REPLACING_ROW(replace_16, uint16_t)
REPLACING_ROW(replace_32, uint32_t)
REPLACING_ROW(replace_64, uint64_t)
REPLACING_ROW(replace_128, pair)

nn_scatter_row nn_scatter_row_of(nn_scatter_reduction reduction, nn_type type) {
    if (reduction != NN_SCATTER_NONE)
        return (int)type < NN_TYPE_COUNT ? combining[reduction][type] : NULL;
    switch (nn_element_size(type)) {
    case 1:
        return replace_8;
    case 2:
        return replace_16;
    case 4:
        return replace_32;
    case 8:
        return replace_64;
    case 16:
        return replace_128;
    default:
        return NULL;
    }
}

nn_status nn_scatter_check_types(const nn_node_view *node) {
    const nn_scatter_attrs *attrs = node->attrs;
    nn_type type = node->in[0]->type;
    if (type != NNOPT_TYPE_NONE && node->in[2]->type != NNOPT_TYPE_NONE &&
        node->in[2]->type != type)
        return nn_view_fail(node, NN_BAD_INPUT, "data is %s but updates are %s",
                            nnopt_type_name(type), nnopt_type_name(node->in[2]->type));
    if (type != NNOPT_TYPE_NONE && attrs->reduction != NN_SCATTER_NONE &&
        nn_scatter_row_of(attrs->reduction, type) == NULL)
        return nn_view_fail(node, NN_BAD_INPUT, "reduction '%s' does not take %s",
                            names[attrs->reduction], nnopt_type_name(type));
    return NN_OK;
}

bool nn_scatter_accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    const nn_scatter_attrs *attrs = node->attrs;
    return nn_epilogue_is_empty(&node->epilogue) &&
           nn_scatter_row_of(attrs->reduction, node->in[0]->type) != NULL;
}

/* The data once, and what is written over it. */
void nn_scatter_cost(const nn_node_view *node, nn_cost *out) {
    const nn_scatter_attrs *attrs = node->attrs;
    if (attrs->reduction != NN_SCATTER_NONE) out->flops = (double)nn_fact_count(node->in[2]);
}
