/* A double of cuBLASLt for the tests: cublasLtMatmul with layouts, strided batches and epilogues,
 * strict about the combinations of types that the vendor's table for cublasLtMatmul lists, computed
 * on the CPU in the order of the emulated streams. */
#include "tests/cuda_emulator/emulator.h"
#include "tests/cuda_emulator/failures.h"

#include "base/tensor.h"

#include <cublasLt.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What lies in the vendor's opaque structures. */
typedef struct product {
    cublasComputeType_t compute;
    cudaDataType_t scale;
    int32_t transpose_a, transpose_b, bias_type;
    uint32_t epilogue;
    const void *bias;
} product;
typedef struct layout {
    cudaDataType_t type;
    int32_t batch;
    uint64_t rows, columns;
    int64_t leading, step;
} layout;
typedef struct preference {
    uint64_t workspace;
    uint32_t alignment[4], schemes;
} preference;
_Static_assert(sizeof(product) <= sizeof(cublasLtMatmulDescOpaque_t), "product");
_Static_assert(sizeof(layout) <= sizeof(cublasLtMatrixLayoutOpaque_t), "layout");
_Static_assert(sizeof(preference) <= sizeof(cublasLtMatmulPreferenceOpaque_t), "preference");

struct cublasLtContext {
    int unused;
};

size_t cublasLtGetVersion(void) {
    return CUBLAS_VERSION;
}

const char *cublasLtGetStatusString(cublasStatus_t status) {
    return status == CUBLAS_STATUS_NOT_SUPPORTED   ? "emulated: not supported"
           : status == CUBLAS_STATUS_INVALID_VALUE ? "emulated: invalid value"
                                                   : "emulated: another status";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *out) {
    if (nn_emulator_call_fails()) return CUBLAS_STATUS_INTERNAL_ERROR;
    void *memory;
    /* the real one allocates on the device, so a recording must allow it */
    if (cudaMalloc(&memory, 64) != cudaSuccess) return CUBLAS_STATUS_ALLOC_FAILED;
    cudaFree(memory);
    *out = calloc(1, sizeof **out);
    return *out != NULL ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
    free(handle);
    return CUBLAS_STATUS_SUCCESS;
}

/* ---- descriptors ---- */

cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t out, size_t size,
                                               cublasComputeType_t compute, cudaDataType_t scale) {
    if (nn_emulator_call_fails()) return CUBLAS_STATUS_INTERNAL_ERROR;
    product p = {compute, scale, CUBLAS_OP_N, CUBLAS_OP_N, -1, CUBLASLT_EPILOGUE_DEFAULT, NULL};
    if (size != sizeof *out) return CUBLAS_STATUS_INVALID_VALUE;
    memset(out, 0, size);
    memcpy(out, &p, sizeof p);
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t copy(void *to, size_t expected, const void *from, size_t size) {
    if (size != expected || from == NULL) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(to, from, size);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t of,
                                              cublasLtMatmulDescAttributes_t name,
                                              const void *value, size_t size) {
    if (nn_emulator_call_fails()) return CUBLAS_STATUS_INTERNAL_ERROR;
    product *p = (product *)of;
    switch (name) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
        return copy(&p->transpose_a, 4, value, size);
    case CUBLASLT_MATMUL_DESC_TRANSB:
        return copy(&p->transpose_b, 4, value, size);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        return copy(&p->epilogue, 4, value, size);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        return copy(&p->bias, sizeof(void *), value, size);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
        return copy(&p->bias_type, 4, value, size);
    default:
        nn_emulator_die("the double of cuBLASLt has no attribute %d of products", (int)name);
    }
}

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t out, size_t size,
                                                 cudaDataType_t type, uint64_t rows,
                                                 uint64_t columns, int64_t leading) {
    if (nn_emulator_call_fails()) return CUBLAS_STATUS_INTERNAL_ERROR;
    layout l = {type, 1, rows, columns, leading, 0};
    if (size != sizeof *out || rows == 0 || columns == 0 || leading < (int64_t)rows)
        return CUBLAS_STATUS_INVALID_VALUE;
    memset(out, 0, size);
    memcpy(out, &l, sizeof l);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t of,
                                                cublasLtMatrixLayoutAttribute_t name,
                                                const void *value, size_t size) {
    if (nn_emulator_call_fails()) return CUBLAS_STATUS_INTERNAL_ERROR;
    layout *l = (layout *)of;
    switch (name) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
        return copy(&l->batch, 4, value, size);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
        return copy(&l->step, 8, value, size);
    default:
        nn_emulator_die("the double of cuBLASLt has no attribute %d of layouts", (int)name);
    }
}

cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t out, size_t size) {
    if (nn_emulator_call_fails()) return CUBLAS_STATUS_INTERNAL_ERROR;
    preference p = {0, {256, 256, 256, 256}, CUBLASLT_REDUCTION_SCHEME_MASK};
    if (size != sizeof *out) return CUBLAS_STATUS_INVALID_VALUE;
    memset(out, 0, size);
    memcpy(out, &p, sizeof p);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t of,
                                                    cublasLtMatmulPreferenceAttributes_t name,
                                                    const void *value, size_t size) {
    if (nn_emulator_call_fails()) return CUBLAS_STATUS_INTERNAL_ERROR;
    preference *p = (preference *)of;
    switch (name) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
        return copy(&p->workspace, 8, value, size);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
        return copy(&p->schemes, 4, value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
        return copy(&p->alignment[name - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], 4, value,
                    size);
    default:
        nn_emulator_die("the double of cuBLASLt has no preference %d", (int)name);
    }
}

/* ---- problems ---- */

typedef struct problem {
    product product;
    layout a, b, c, d;
    int64_t m, n, k;
} problem;

static int64_t size_of(cudaDataType_t type) {
    return type == CUDA_R_8I ? 1 : type == CUDA_R_16F || type == CUDA_R_16BF ? 2 : 4;
}

/* The vendor's table of types, as far as nnopt goes. */
static bool types_fit(const problem *p) {
    const cudaDataType_t a = p->a.type, d = p->d.type;
    if (p->b.type != a || p->c.type != d) return false;
    if (p->product.compute == CUBLAS_COMPUTE_32I)
        return p->product.scale == CUDA_R_32I && a == CUDA_R_8I && d == CUDA_R_32I;
    if (p->product.scale != CUDA_R_32F) return false;
    if (p->product.compute == CUBLAS_COMPUTE_32F_FAST_TF32) return a == CUDA_R_32F && d == a;
    if (p->product.compute != CUBLAS_COMPUTE_32F) return false;
    return (a == CUDA_R_32F && d == a) ||
           ((a == CUDA_R_16F || a == CUDA_R_16BF) && (d == a || d == CUDA_R_32F));
}

/* The vendor does not say that a matrix may be repeated for a batch by a step of 0: here it may
 * not, which nnopt must be ready for. */
static bool batches_fit(const problem *p) {
    return p->d.batch == 1 || (p->a.step != 0 && p->b.step != 0 && p->d.step != 0);
}

/* Products of 8-bit integers: the first transposed, the second not, all sizes multiples of 4. */
static bool integers_fit(const problem *p) {
    return p->a.type != CUDA_R_8I ||
           (p->product.transpose_a == CUBLAS_OP_T && p->product.transpose_b == CUBLAS_OP_N &&
            p->m % 4 == 0 && p->n % 4 == 0 && p->k % 4 == 0 && p->a.leading % 4 == 0 &&
            p->b.leading % 4 == 0 && p->product.epilogue == CUBLASLT_EPILOGUE_DEFAULT);
}

static bool epilogue_fits(const problem *p) {
    const unsigned known = CUBLASLT_EPILOGUE_RELU | CUBLASLT_EPILOGUE_GELU | CUBLASLT_EPILOGUE_BIAS;
    if (p->product.epilogue == CUBLASLT_EPILOGUE_DEFAULT) return true;
    if ((p->product.epilogue & ~known) != 0) return false;
    return (p->product.epilogue & CUBLASLT_EPILOGUE_BIAS) == 0 ||
           (p->product.bias != NULL &&
            (p->product.bias_type == -1 || p->product.bias_type == (int32_t)p->d.type));
}

static cublasStatus_t read_problem(cublasLtMatmulDesc_t what, cublasLtMatrixLayout_t a,
                                   cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                   cublasLtMatrixLayout_t d, problem *out) {
    memset(out, 0, sizeof *out);
    memcpy(&out->product, what, sizeof out->product);
    memcpy(&out->a, a, sizeof out->a);
    memcpy(&out->b, b, sizeof out->b);
    memcpy(&out->c, c, sizeof out->c);
    memcpy(&out->d, d, sizeof out->d);
    const bool ta = out->product.transpose_a == CUBLAS_OP_T;
    const bool tb = out->product.transpose_b == CUBLAS_OP_T;
    out->m = (int64_t)(ta ? out->a.columns : out->a.rows);
    out->k = (int64_t)(ta ? out->a.rows : out->a.columns);
    out->n = (int64_t)(tb ? out->b.rows : out->b.columns);
    const bool fits = (int64_t)(tb ? out->b.columns : out->b.rows) == out->k &&
                      (int64_t)out->d.rows == out->m && (int64_t)out->d.columns == out->n &&
                      out->c.rows == out->d.rows && out->c.columns == out->d.columns &&
                      out->a.batch == out->d.batch && out->b.batch == out->d.batch &&
                      out->c.batch == out->d.batch;
    if (!fits) return CUBLAS_STATUS_INVALID_VALUE;
    return types_fit(out) && batches_fit(out) && integers_fit(out) && epilogue_fits(out)
               ? CUBLAS_STATUS_SUCCESS
               : CUBLAS_STATUS_NOT_SUPPORTED;
}

/* ---- algorithms ---- */

enum { ALIGNED = 1, ANY = 2 }; /* the first reads 16 bytes at a time */
enum { ANY_WORKSPACE = 1000 };

static uint64_t hash(const problem *p) {
    problem own = *p;
    uint64_t out = 1469598103934665603u;
    own.product.bias = NULL;
    for (size_t i = 0; i < sizeof own; i++)
        out = (out ^ ((const unsigned char *)&own)[i]) * 1099511628211u;
    return out;
}

static bool divides(const layout *l) {
    return l->leading * size_of(l->type) % 16 == 0 && l->step * size_of(l->type) % 16 == 0;
}

static bool is_aligned(const problem *p) {
    return divides(&p->a) && divides(&p->b) && divides(&p->c) && divides(&p->d);
}

static size_t workspace_of(uint64_t algorithm) {
    return algorithm == ANY ? ANY_WORKSPACE : 0;
}

static void write_result(const problem *p, uint64_t algorithm,
                         cublasLtMatmulHeuristicResult_t *out) {
    memset(out, 0, sizeof *out);
    out->algo.data[0] = algorithm;
    out->algo.data[1] = hash(p);
    out->workspaceSize = workspace_of(algorithm);
    out->state = CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t what,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t of, int limit,
                                              cublasLtMatmulHeuristicResult_t *out, int *count) {
    if (nn_emulator_call_fails()) return CUBLAS_STATUS_INTERNAL_ERROR;
    preference preferred;
    problem p;
    bool all_aligned = true;
    (void)handle;
    *count = 0;
    memcpy(&preferred, of, sizeof preferred);
    cublasStatus_t status = read_problem(what, a, b, c, d, &p);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    for (int i = 0; i < 4; i++) all_aligned = all_aligned && preferred.alignment[i] >= 16;
    if (all_aligned && is_aligned(&p) && *count < limit)
        write_result(&p, ALIGNED, &out[(*count)++]);
    if (preferred.workspace >= ANY_WORKSPACE && *count < limit)
        write_result(&p, ANY, &out[(*count)++]);
    return *count > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

static cublasStatus_t check_algorithm(const problem *p, const cublasLtMatmulAlgo_t *algorithm) {
    return (algorithm->data[0] == ALIGNED || algorithm->data[0] == ANY) &&
                   algorithm->data[1] == hash(p)
               ? CUBLAS_STATUS_SUCCESS
               : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t what,
                                       cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                       cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                       const cublasLtMatmulAlgo_t *algorithm,
                                       cublasLtMatmulHeuristicResult_t *out) {
    if (nn_emulator_call_fails()) return CUBLAS_STATUS_INTERNAL_ERROR;
    problem p;
    (void)handle;
    cublasStatus_t status = read_problem(what, a, b, c, d, &p);
    if (status == CUBLAS_STATUS_SUCCESS) status = check_algorithm(&p, algorithm);
    if (status == CUBLAS_STATUS_SUCCESS) write_result(&p, algorithm->data[0], out);
    return status;
}

/* ---- computing ---- */

typedef struct execution {
    problem problem;
    float alpha, beta;
    const void *a, *b, *c;
    void *d, *workspace;
    size_t workspace_bytes;
} execution;

/* To 10 bits behind the point, as tensor cores take floats. */
static float to_tf32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0xfffu + (bits >> 13 & 1)) & ~0x1fffu;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float element(cudaDataType_t type, const void *from, int64_t i) {
    switch (type) {
    case CUDA_R_16F:
        return nn_half_to_float(((const uint16_t *)from)[i]);
    case CUDA_R_16BF:
        return nn_bfloat16_to_float(((const uint16_t *)from)[i]);
    case CUDA_R_8I:
        return (float)((const int8_t *)from)[i];
    case CUDA_R_32I:
        return (float)((const int32_t *)from)[i];
    default:
        return ((const float *)from)[i];
    }
}

static void put(cudaDataType_t type, void *out, int64_t i, double value) {
    switch (type) {
    case CUDA_R_16F:
        ((uint16_t *)out)[i] = nn_float_to_half((float)value);
        break;
    case CUDA_R_16BF:
        ((uint16_t *)out)[i] = nn_float_to_bfloat16((float)value);
        break;
    case CUDA_R_32I:
        ((int32_t *)out)[i] = (int32_t)value;
        break;
    default:
        ((float *)out)[i] = (float)value;
    }
}

/* Dense floats [count, k], a row for each row or column of the product. */
static float *load(const layout *l, const void *from, int64_t batch, bool k_first, int64_t count,
                   int64_t k, bool rounds) {
    float *out = malloc((size_t)(count * k) * sizeof *out);
    if (out == NULL) nn_emulator_die("no memory for what cuBLASLt computes");
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < k; j++) {
            const int64_t at =
                batch * l->step + (k_first ? i * l->leading + j : j * l->leading + i);
            const float value = element(l->type, from, at);
            out[i * k + j] = rounds ? to_tf32(value) : value;
        }
    return out;
}

static double finish(const execution *e, double x, int64_t row) {
    const product *p = &e->problem.product;
    if (p->epilogue == CUBLASLT_EPILOGUE_DEFAULT) return x;
    if ((p->epilogue & CUBLASLT_EPILOGUE_BIAS) != 0)
        x += (double)element(e->problem.d.type, p->bias, row);
    if ((p->epilogue & CUBLASLT_EPILOGUE_RELU) != 0) x = x < 0 ? 0 : x;
    if ((p->epilogue & CUBLASLT_EPILOGUE_GELU) != 0)
        x = x / 2 * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
    return x;
}

static float multiply(const float *a, const float *b, int64_t k) {
    float sum = 0;
    for (int64_t i = 0; i < k; i++) sum += a[i] * b[i];
    return sum;
}

static void run_batch(const execution *e, int64_t batch) {
    const problem *p = &e->problem;
    const bool rounds = p->product.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    float *a = load(&p->a, e->a, batch, p->product.transpose_a == CUBLAS_OP_T, p->m, p->k, rounds);
    float *b = load(&p->b, e->b, batch, p->product.transpose_b == CUBLAS_OP_N, p->n, p->k, rounds);
    for (int64_t column = 0; column < p->n; column++)
        for (int64_t row = 0; row < p->m; row++) {
            double x = (double)e->alpha * (double)multiply(a + row * p->k, b + column * p->k, p->k);
            if (e->beta != 0)
                x += (double)e->beta *
                     (double)element(p->c.type, e->c,
                                     batch * p->c.step + column * p->c.leading + row);
            put(p->d.type, e->d, batch * p->d.step + column * p->d.leading + row,
                finish(e, x, row));
        }
    free(a);
    free(b);
}

static void run(void *state) {
    const execution *e = state;
    if (e->workspace_bytes > 0) memset(e->workspace, 0xff, e->workspace_bytes);
    for (int64_t batch = 0; batch < e->problem.d.batch; batch++) run_batch(e, batch);
}

/* ---- calls ---- */

static void check_matrix(const layout *l, const void *memory, bool needs_16, const char *name) {
    const int64_t last =
        (l->batch - 1) * l->step + (int64_t)(l->columns - 1) * l->leading + (int64_t)l->rows;
    if (!nn_emulator_is_device_memory(memory, (size_t)(last * size_of(l->type))))
        nn_emulator_die("cuBLASLt: matrix %s, %lld elements at %p, is not inside a block", name,
                        (long long)last, memory);
    if ((uintptr_t)memory % (needs_16 ? 16 : (uintptr_t)size_of(l->type)) != 0)
        nn_emulator_die("cuBLASLt: matrix %s at %p is not aligned as its algorithm needs", name,
                        memory);
}

static void check_operands(const execution *e, uint64_t algorithm) {
    const problem *p = &e->problem;
    const bool aligned = algorithm == ALIGNED;
    check_matrix(&p->a, e->a, aligned, "A");
    check_matrix(&p->b, e->b, aligned, "B");
    if (e->beta != 0) check_matrix(&p->c, e->c, aligned, "C");
    check_matrix(&p->d, e->d, aligned, "D");
    if (p->product.epilogue != CUBLASLT_EPILOGUE_DEFAULT &&
        (p->product.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0 &&
        !nn_emulator_is_device_memory(p->product.bias, (size_t)(p->m * size_of(p->d.type))))
        nn_emulator_die("cuBLASLt: the bias is not inside a block of the device");
    if (e->workspace_bytes > 0 && ((uintptr_t)e->workspace % 16 != 0 ||
                                   !nn_emulator_is_device_memory(e->workspace, e->workspace_bytes)))
        nn_emulator_die("cuBLASLt: workspace at %p", e->workspace);
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t what, const void *alpha,
                              const void *a, cublasLtMatrixLayout_t a_layout, const void *b,
                              cublasLtMatrixLayout_t b_layout, const void *beta, const void *c,
                              cublasLtMatrixLayout_t c_layout, void *d,
                              cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t *algorithm, void *workspace,
                              size_t workspace_bytes, cudaStream_t stream) {
    if (nn_emulator_call_fails()) return CUBLAS_STATUS_INTERNAL_ERROR;
    execution e = {.a = a, .b = b, .c = c, .d = d, .workspace = workspace};
    (void)handle;
    cublasStatus_t status = read_problem(what, a_layout, b_layout, c_layout, d_layout, &e.problem);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    if (algorithm == NULL) return CUBLAS_STATUS_INVALID_VALUE;
    status = check_algorithm(&e.problem, algorithm);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    const bool is_integer = e.problem.product.scale == CUDA_R_32I;
    e.alpha = is_integer ? (float)*(const int32_t *)alpha : *(const float *)alpha;
    e.beta = is_integer ? (float)*(const int32_t *)beta : *(const float *)beta;
    e.workspace_bytes = workspace_of(algorithm->data[0]);
    if (workspace_bytes < e.workspace_bytes) return CUBLAS_STATUS_INVALID_VALUE;
    check_operands(&e, algorithm->data[0]);
    return nn_emulator_submit(stream, run, &e, sizeof e) == cudaSuccess
               ? CUBLAS_STATUS_SUCCESS
               : CUBLAS_STATUS_EXECUTION_FAILED;
}
