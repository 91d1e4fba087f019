#include "ops/family/binary.h"

#define EQUAL_ROW(TYPE, type, suffix) NN_BINARY_ROW(equal_##suffix, type, uint8_t, a == b)
NN_EACH_REAL(EQUAL_ROW)
NN_EACH_INTEGER(EQUAL_ROW)
NN_BINARY_ROW(equal_bool, uint8_t, uint8_t, (a != 0) == (b != 0))

typedef const char *text;
NN_BINARY_ROW(equal_string, text, uint8_t, strcmp(a, b) == 0)

#define EQUAL_ENTRY(TYPE, type, suffix) [NNOPT_##TYPE] = equal_##suffix,
static const nn_binary_rows rows = {{[NNOPT_BOOL] = equal_bool,
                                     [NNOPT_STRING] = equal_string,
                                     NN_EACH_REAL(EQUAL_ENTRY) NN_EACH_INTEGER(EQUAL_ENTRY)}};

NN_COMPARISON_KERNEL(equal_reference, rows, NN_ISA_PORTABLE, NN_EXACT)

static nn_status infer(const nn_node_view *node) {
    return nn_infer_broadcast(node, NN_TYPES_NUMBER | NN_TYPES_BOOL | NN_TYPES_STRING, NNOPT_BOOL);
}

static const nn_kernel *const kernels[] = {&equal_reference, NULL};

const nn_op nn_op_equal = {
    .name = "Equal",
    .domain = "",
    .since = 1,
    NN_BINARY_COLUMNS,
    .infer = infer,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
