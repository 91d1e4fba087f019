/* MatMulNBits: y [..., N] = a [..., K] b + bias, where b is quantised to 2, 4 or 8 bits in blocks.
 */
#include "ops/family/matmul_nbits.h"

#include "ops/cpu/kernels.h"
#include "ops/family/half.h"
#include "ops/family/infer.h"

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const needed[] = {"K", "N", "block_size"};
    nn_nbits_attrs *a = out;
    int64_t *const values[] = {&a->k, &a->n, &a->block};
    for (int i = 0; i < 3; i++) {
        NN_TRY(nn_attrs_int(attrs, needed[i], 0, values[i]));
        if (*values[i] <= 0 || *values[i] > INT32_MAX)
            return nn_view_fail(node, NN_BAD_INPUT, "attribute '%s' is %lld", needed[i],
                                (long long)*values[i]);
    }
    NN_TRY(nn_attrs_int(attrs, "bits", 4, &a->bits));
    if (a->bits != 2 && a->bits != 4 && a->bits != 8)
        return nn_view_fail(node, NN_UNSUPPORTED, "attribute 'bits' is %lld, not 2, 4 or 8",
                            (long long)a->bits);
    if (a->block < 16 || (a->block & (a->block - 1)) != 0)
        return nn_view_fail(node, NN_BAD_INPUT,
                            "attribute 'block_size' is %lld, not a power of 2 from 16 on",
                            (long long)a->block);
    return NN_OK;
}

static nn_status check_count(const nn_node_view *node, int input, int64_t wanted) {
    const nn_fact *fact = nn_view_in(node, input);
    int64_t count = fact != NULL ? nn_fact_count(fact) : -1;
    if (count < 0 || count == wanted) return NN_OK;
    return nn_view_fail(node, NN_BAD_INPUT, "input %d must have %lld elements, has %lld", input,
                        (long long)wanted, (long long)count);
}

static nn_status infer(const nn_node_view *node) {
    const nn_nbits_attrs *attrs = node->attrs;
    const nn_fact *a = node->in[NN_NBITS_A];
    const nn_type_set floats = NN_TYPE_BIT(NNOPT_FLOAT) | NN_TYPES_HALF;
    NN_TRY(nn_check_types(node, NN_NBITS_A, NN_NBITS_A, floats));
    NN_TRY(nn_check_types(node, NN_NBITS_B, NN_NBITS_B, NN_TYPE_BIT(NNOPT_UINT8)));
    NN_TRY(nn_check_types(node, NN_NBITS_SCALES, NN_NBITS_SCALES, floats));
    NN_TRY(nn_check_types(node, NN_NBITS_ZEROS, NN_NBITS_ZEROS, floats | NN_TYPE_BIT(NNOPT_UINT8)));
    NN_TRY(nn_check_types(node, NN_NBITS_BIAS, NN_NBITS_BIAS, floats));
    if (nn_view_in(node, NN_NBITS_ORDER) != NULL)
        return nn_view_fail(node, NN_UNSUPPORTED, "input %d, an order of rows, is given",
                            NN_NBITS_ORDER);
    if (a->rank == 0) return nn_view_fail(node, NN_BAD_INPUT, "input 0 must not be a scalar");
    if (a->rank > 0 && nn_dim_is_known(a->dims[a->rank - 1]) && a->dims[a->rank - 1] != attrs->k)
        return nn_view_fail(node, NN_BAD_INPUT, "input 0 has %lld columns, K is %lld",
                            (long long)a->dims[a->rank - 1], (long long)attrs->k);
    nn_nbits_weights w = nn_nbits_weights_of(attrs, &(nn_tensor){0}, NULL, NULL);
    bool has_bytes = nn_in_type(node, NN_NBITS_ZEROS) == NNOPT_UINT8;
    NN_TRY(check_count(node, NN_NBITS_B, attrs->n * w.blocks * w.block_bytes));
    NN_TRY(check_count(node, NN_NBITS_SCALES, attrs->n * w.blocks));
    NN_TRY(check_count(node, NN_NBITS_ZEROS, attrs->n * (has_bytes ? w.zero_bytes : w.blocks)));
    NN_TRY(check_count(node, NN_NBITS_BIAS, attrs->n));
    int64_t dims[NN_MAX_RANK];
    for (int i = 0; i < a->rank; i++) dims[i] = i < a->rank - 1 ? a->dims[i] : attrs->n;
    return nn_set_output(node, 0, a->type, a->rank, dims);
}

static void cost(const nn_node_view *node, nn_cost *out) {
    const nn_nbits_attrs *attrs = node->attrs;
    out->macs = (double)nn_fact_count(node->out[0]) * (double)attrs->k;
    out->flops = 2 * out->macs;
}

/* ---- reference ---- */

typedef struct product_work {
    nn_nbits_weights weights;
    const float *a, *bias;
    float *y;
    int64_t rows;
} product_work;

static void compute_columns(void *argument, int64_t begin, int64_t end, int worker) {
    const product_work *work = argument;
    int64_t k = work->weights.shape.k, n = work->weights.shape.n;
    float block[NN_BLOCK];
    (void)worker;
    for (int64_t c = begin; c < end; c++) {
        for (int64_t row = 0; row < work->rows; row++)
            work->y[row * n + c] = work->bias != NULL ? work->bias[c] : 0;
        for (int64_t first = 0; first < k; first += NN_BLOCK) {
            int64_t count = k - first < NN_BLOCK ? k - first : NN_BLOCK;
            nn_nbits_column(&work->weights, c, first, count, block);
            for (int64_t row = 0; row < work->rows; row++) {
                const float *a = work->a + row * k + first;
                float sum = 0;
                for (int64_t i = 0; i < count; i++) sum += a[i] * block[i];
                work->y[row * n + c] += sum;
            }
        }
    }
}

static const nn_tensor *input_of(const nn_call *call, int index) {
    return index < call->in_count ? call->in[index] : NULL;
}

static nn_status run_float(const nn_call *call) {
    const nn_nbits_attrs *attrs = call->node->attrs;
    const nn_tensor *bias = input_of(call, NN_NBITS_BIAS);
    product_work work = {
        .weights = nn_nbits_weights_of(attrs, call->in[NN_NBITS_B], call->in[NN_NBITS_SCALES],
                                       input_of(call, NN_NBITS_ZEROS)),
        .a = call->in[NN_NBITS_A]->data,
        .bias = bias != NULL ? bias->data : NULL,
        .y = call->out[0]->data,
        .rows = nn_tensor_count(call->out[0]) / attrs->n,
    };
    nn_parallel(call->pool, attrs->n, 1, compute_columns, &work);
    return NN_OK;
}

static nn_status run(const nn_call *call) {
    return nn_is_half(call->out[0]->type) ? nn_half_run(call, run_float) : run_float(call);
}

static nn_status prepare(const nn_node_view *node, const nn_target *target, nn_prepare *services) {
    (void)target;
    nn_prepare_workspace(services, nn_half_workspace(node));
    return NN_OK;
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    const nn_fact *bias = nn_view_in(node, NN_NBITS_BIAS);
    return nn_epilogue_is_empty(&node->epilogue) &&
           (bias == NULL || bias->type == node->in[NN_NBITS_A]->type);
}

static const nn_kernel reference = {.name = "matmul_nbits_reference",
                                    .exactness = NN_ROUNDING,
                                    .accepts = accepts,
                                    .prepare = prepare,
                                    .run = run};

static const nn_kernel *const kernels[] = {NN_KERNELS(matmul_nbits_f32), &reference, NULL};

const nn_op nn_op_matmul_nbits = {
    .name = "MatMulNBits",
    .domain = "com.microsoft",
    .since = 1,
    .min_inputs = 3,
    .max_inputs = 6,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_nbits_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_FLOAT,
    .kernels = kernels,
};
