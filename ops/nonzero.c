#include "ops/family/copy.h"

static const nn_type_set searched_types = NN_TYPES_NUMBER | NN_TYPES_BOOL |
                                          NN_TYPE_BIT(NNOPT_COMPLEX64) |
                                          NN_TYPE_BIT(NNOPT_COMPLEX128) | NN_TYPE_BIT(NNOPT_STRING);

static nn_status infer(const nn_node_view *node) {
    const nn_fact *in = node->in[0];
    NN_TRY(nn_check_types(node, 0, 0, searched_types));
    int64_t dims[2] = {in->rank < 0 ? NN_DIM_UNKNOWN : in->rank, NN_DIM_UNKNOWN};
    return nn_set_output(node, 0, NNOPT_INT64, 2, dims);
}

#define FLAG_CASE(TYPE, type, suffix)                                                              \
    case NNOPT_##TYPE: {                                                                           \
        const type *x = (const type *)in->data + begin;                                            \
        for (int64_t i = 0; i < count; i++) flags[i] = x[i] != 0;                                  \
        break;                                                                                     \
    }

/* Flags of elements [begin, begin + count). */
static void find_flags(const nn_tensor *in, int64_t begin, int64_t count, uint8_t *flags) {
    switch (in->type) {
        NN_EACH_REAL(FLAG_CASE)
        NN_EACH_INTEGER(FLAG_CASE)
        FLAG_CASE(BOOL, uint8_t, )
    case NNOPT_FLOAT16:
    case NNOPT_BFLOAT16: {
        const uint16_t *x = (const uint16_t *)in->data + begin;
        for (int64_t i = 0; i < count; i++) flags[i] = (x[i] & 0x7fff) != 0;
        break;
    }
    case NNOPT_COMPLEX64: {
        const float *x = (const float *)in->data + 2 * begin;
        for (int64_t i = 0; i < count; i++) flags[i] = x[2 * i] != 0 || x[2 * i + 1] != 0;
        break;
    }
    case NNOPT_COMPLEX128: {
        const double *x = (const double *)in->data + 2 * begin;
        for (int64_t i = 0; i < count; i++) flags[i] = x[2 * i] != 0 || x[2 * i + 1] != 0;
        break;
    }
    default: {
        const char *const *x = (const char *const *)in->data + begin;
        for (int64_t i = 0; i < count; i++) flags[i] = x[i][0] != '\0';
        break;
    }
    }
}

/* Writes the place of element `index` into a column of `out`. */
static void put_place(const nn_tensor *in, int64_t index, int64_t *column, int64_t stride) {
    for (int axis = in->rank - 1; axis >= 0; axis--) {
        column[axis * stride] = index % in->dims[axis];
        index /= in->dims[axis];
    }
}

static nn_status run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    int64_t count = nn_tensor_count(in), found = 0;
    uint8_t flags[NN_BLOCK];
    for (int64_t begin = 0; begin < count; begin += NN_BLOCK) {
        int64_t size = count - begin < NN_BLOCK ? count - begin : NN_BLOCK;
        find_flags(in, begin, size, flags);
        for (int64_t i = 0; i < size; i++) found += flags[i];
    }
    NN_TRY(nn_tensor_init(call->out[0], NNOPT_INT64, (int64_t[]){in->rank, found}, 2));
    int64_t *column = call->out[0]->data;
    if (found == 0 || in->rank == 0) return NN_OK;
    for (int64_t begin = 0; begin < count; begin += NN_BLOCK) {
        int64_t size = count - begin < NN_BLOCK ? count - begin : NN_BLOCK;
        find_flags(in, begin, size, flags);
        for (int64_t i = 0; i < size; i++)
            if (flags[i]) put_place(in, begin + i, column++, found);
    }
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "nonzero_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_nonzero = {
    .name = "NonZero",
    .domain = "",
    .since = 9,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .infer = infer,
    .kernels = kernels,
};
