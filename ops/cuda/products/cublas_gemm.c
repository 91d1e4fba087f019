#include "ops/cuda/products/cublas_gemm.h"

#include "base/memory.h"
#include "ops/cuda/products/choice_file.h"
#include "ops/cuda/runtime/device.h"
#include "ops/cuda/runtime/workbench.h"

#include <stdio.h>

enum {
    MOST_TIMED = 8,
    KEY_SIZE = 320,
    WORKSPACE = 32 << 20, /* bytes; what the vendor advises for Hopper */
};

/* ---- descriptors ---- */

/* Of one call; they live on the stack, so that a run allocates nothing. */
typedef struct descriptors {
    const nn_cublaslt *library;
    cublasLtMatmulDescOpaque_t product;
    cublasLtMatrixLayoutOpaque_t a, b, c, d;
} descriptors;

static cudaDataType_t data_type(nn_type type) {
    switch (type) {
    case NNOPT_FLOAT16:
        return CUDA_R_16F;
    case NNOPT_BFLOAT16:
        return CUDA_R_16BF;
    case NNOPT_INT8:
        return CUDA_R_8I;
    case NNOPT_INT32:
        return CUDA_R_32I;
    default:
        return CUDA_R_32F;
    }
}

static nn_status set_product(descriptors *d, cublasLtMatmulDescAttributes_t name, const void *value,
                             size_t size) {
    return nn_cublaslt_check(d->library,
                             d->library->MatmulDescSetAttribute(&d->product, name, value, size),
                             "attribute of a product");
}

/* A matrix as it lies, `rows` of `columns`: to cuBLASLt columns of rows. */
static nn_status set_matrix(descriptors *d, cublasLtMatrixLayoutOpaque_t *out, nn_type type,
                            int64_t rows, int64_t columns, int64_t row, int64_t batch,
                            int64_t step) {
    const nn_cublaslt *library = d->library;
    const int32_t count = (int32_t)batch;
    NN_TRY(nn_cublaslt_check(library,
                             library->MatrixLayoutInit_internal(out, sizeof *out, data_type(type),
                                                                (uint64_t)columns, (uint64_t)rows,
                                                                row),
                             "layout of a matrix"));
    if (batch == 1) return NN_OK;
    NN_TRY(nn_cublaslt_check(library,
                             library->MatrixLayoutSetAttribute(
                                 out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count),
                             "batch of a matrix"));
    return nn_cublaslt_check(
        library,
        library->MatrixLayoutSetAttribute(out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &step,
                                          sizeof step),
        "batch of a matrix");
}

static cublasLtEpilogue_t epilogue_of(const nn_cublas_gemm *g) {
    unsigned out = g->adds_bias ? CUBLASLT_EPILOGUE_BIAS : 0;
    if (g->activation == NN_ACT_RELU) out |= CUBLASLT_EPILOGUE_RELU;
    if (g->activation == NN_ACT_GELU_TANH) out |= CUBLASLT_EPILOGUE_GELU;
    return out != 0 ? (cublasLtEpilogue_t)out : CUBLASLT_EPILOGUE_DEFAULT;
}

static nn_status set_epilogue(descriptors *d, const nn_cublas_gemm *g, const void *bias) {
    const cublasLtEpilogue_t epilogue = epilogue_of(g);
    NN_TRY(set_product(d, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
    if (!g->adds_bias) return NN_OK;
    const int32_t type = (int32_t)data_type(g->d_type);
    NN_TRY(set_product(d, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &type, sizeof type));
    return set_product(d, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias);
}

/* The sum of products: in 32 bits whatever is multiplied. */
static cublasComputeType_t compute_type(const nn_cublas_gemm *g) {
    if (g->type == NNOPT_INT8) return CUBLAS_COMPUTE_32I;
    if (g->type == NNOPT_FLOAT && g->precision == NN_PRECISION_TF32)
        return CUBLAS_COMPUTE_32F_FAST_TF32;
    return CUBLAS_COMPUTE_32F;
}

static nn_status describe(const nn_cublaslt *library, const nn_cublas_gemm *g, const void *bias,
                          descriptors *out) {
    const cudaDataType_t scale = g->type == NNOPT_INT8 ? CUDA_R_32I : CUDA_R_32F;
    const int32_t first = g->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    const int32_t second = g->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
    out->library = library;
    NN_TRY(nn_cublaslt_check(library,
                             library->MatmulDescInit_internal(&out->product, sizeof out->product,
                                                              compute_type(g), scale),
                             "product"));
    NN_TRY(set_product(out, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first));
    NN_TRY(set_product(out, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second));
    NN_TRY(set_epilogue(out, g, bias));
    NN_TRY(set_matrix(out, &out->a, g->type, g->transpose_a ? g->k : g->m,
                      g->transpose_a ? g->m : g->k, g->a_row, g->batch, g->a_batch));
    NN_TRY(set_matrix(out, &out->b, g->type, g->transpose_b ? g->n : g->k,
                      g->transpose_b ? g->k : g->n, g->b_row, g->batch, g->b_batch));
    NN_TRY(set_matrix(out, &out->c, g->d_type, g->m, g->n, g->adds_c ? g->c_row : g->d_row,
                      g->batch, g->adds_c ? g->c_batch : g->d_batch));
    return set_matrix(out, &out->d, g->d_type, g->m, g->n, g->d_row, g->batch, g->d_batch);
}

/* ---- running ---- */

nn_status nn_cublas_run(const nn_cublas_gemm *g, const nn_cublas_plan *plan,
                        const nn_cublas_operands *o, nn_device_queue *queue) {
    const nn_cublaslt *library;
    cublasLtHandle_t handle;
    descriptors d;
    const float alpha = g->alpha, beta = g->adds_c ? 1.0F : 0.0F;
    const int32_t integer_alpha = 1, integer_beta = g->adds_c ? 1 : 0;
    const bool is_integer = g->type == NNOPT_INT8;
    NN_TRY(nn_cublaslt_handle(queue, &library, &handle));
    NN_TRY(describe(library, g, o->bias, &d));
    return nn_cublaslt_check(
        library,
        library->Matmul(handle, &d.product, is_integer ? (const void *)&integer_alpha : &alpha,
                        o->b, &d.b, o->a, &d.a, is_integer ? (const void *)&integer_beta : &beta,
                        g->adds_c ? o->c : o->d, &d.c, o->d, &d.d, &plan->algorithm, o->workspace,
                        plan->workspace, queue->stream),
        "product");
}

/* ---- choosing ---- */

typedef struct choice {
    struct choice *next;
    const nn_device *device;
    char key[KEY_SIZE];
    nn_cublas_plan plan;
} choice;

/* Of the process; changed by the one who holds the workbench. */
static choice *choices;

static void write_key(const nn_cublas_gemm *g, char *text, size_t size) {
    snprintf(text, size,
             "%lld x %lld,%lld,%lld align %d %s%s-%s%s%s%s act %d rows %lld,%lld,%lld,%lld batches "
             "%lld,%lld,%lld,%lld%s%s alpha %a",
             (long long)g->batch, (long long)g->m, (long long)g->n, (long long)g->k, g->alignment,
             nnopt_type_name(g->type),
             g->type == NNOPT_FLOAT && g->precision == NN_PRECISION_TF32 ? " tf32" : "",
             nnopt_type_name(g->d_type), g->deterministic ? " deterministic" : "",
             g->adds_c ? " c" : "", g->adds_bias ? " bias" : "", (int)g->activation,
             (long long)g->a_row, (long long)g->b_row, (long long)g->c_row, (long long)g->d_row,
             (long long)g->a_batch, (long long)g->b_batch, (long long)g->c_batch,
             (long long)g->d_batch, g->transpose_a ? " ta" : "", g->transpose_b ? " tb" : "",
             (double)g->alpha);
}

typedef struct search {
    const nn_cublas_gemm *gemm;
    nn_workbench *bench;
    const nn_cublaslt *library;
    cublasLtHandle_t handle;
    nn_cublas_operands operands;
    descriptors described;
} search;

/* Elements that `count` matrices of rows of `row` elements reach over. */
static size_t reach(int64_t batch, int64_t step, int64_t rows, int64_t row, nn_type type) {
    return (size_t)((batch - 1) * step + rows * row) * (size_t)nn_type_bits(type) / 8;
}

static nn_status allocate(search *s) {
    const nn_cublas_gemm *g = s->gemm;
    nn_cublas_operands *o = &s->operands;
    void *a, *b, *c = NULL, *bias;
    NN_TRY(nn_workbench_allocate(
        s->bench, reach(g->batch, g->a_batch, g->transpose_a ? g->k : g->m, g->a_row, g->type),
        &a));
    NN_TRY(nn_workbench_allocate(
        s->bench, reach(g->batch, g->b_batch, g->transpose_b ? g->n : g->k, g->b_row, g->type),
        &b));
    if (g->adds_c)
        NN_TRY(nn_workbench_allocate(s->bench,
                                     reach(g->batch, g->c_batch, g->m, g->c_row, g->d_type), &c));
    NN_TRY(nn_workbench_allocate(s->bench, reach(1, 0, 1, g->n, g->d_type), &bias));
    NN_TRY(nn_workbench_allocate(s->bench, reach(g->batch, g->d_batch, g->m, g->d_row, g->d_type),
                                 &o->d));
    o->a = a;
    o->b = b;
    o->c = c;
    o->bias = bias;
    return NN_OK;
}

static nn_status set_preference(const search *s, cublasLtMatmulPreferenceOpaque_t *preference,
                                cublasLtMatmulPreferenceAttributes_t name, const void *value,
                                size_t size) {
    return nn_cublaslt_check(
        s->library, s->library->MatmulPreferenceSetAttribute(preference, name, value, size),
        "preference");
}

static nn_status prefer(const search *s, cublasLtMatmulPreferenceOpaque_t *out) {
    static const cublasLtMatmulPreferenceAttributes_t alignments[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    const uint64_t workspace = WORKSPACE;
    const uint32_t alignment = (uint32_t)s->gemm->alignment;
    /* parts of a split sum are never rounded to the type of d */
    uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    if (!s->gemm->deterministic) schemes |= CUBLASLT_REDUCTION_SCHEME_INPLACE;
    NN_TRY(nn_cublaslt_check(
        s->library, s->library->MatmulPreferenceInit_internal(out, sizeof *out), "preference"));
    NN_TRY(set_preference(s, out, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
                          sizeof workspace));
    NN_TRY(set_preference(s, out, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &schemes,
                          sizeof schemes));
    for (int i = 0; i < 4; i++)
        NN_TRY(set_preference(s, out, alignments[i], &alignment, sizeof alignment));
    return NN_OK;
}

typedef struct timed {
    const search *search;
    const nn_cublas_plan *plan;
} timed;

static nn_status run_once(const void *argument, nn_device_queue *queue) {
    const timed *t = argument;
    return nn_cublas_run(t->search->gemm, t->plan, &t->search->operands, queue);
}

static nn_status ask(const search *s, cublasLtMatmulHeuristicResult_t *results, int *count) {
    cublasLtMatmulPreferenceOpaque_t preference;
    const descriptors *d = &s->described;
    NN_TRY(prefer(s, &preference));
    NN_TRY(nn_cublaslt_check(s->library,
                             s->library->MatmulAlgoGetHeuristic(
                                 s->handle, (cublasLtMatmulDesc_t)&d->product,
                                 (cublasLtMatrixLayout_t)&d->b, (cublasLtMatrixLayout_t)&d->a,
                                 (cublasLtMatrixLayout_t)&d->c, (cublasLtMatrixLayout_t)&d->d,
                                 &preference, MOST_TIMED, results, count),
                             "heuristics"));
    if (*count > 0) return NN_OK;
    return nn_fail(NN_UNSUPPORTED, "cuBLASLt has no algorithm for a product");
}

static nn_status allocate_workspace(search *s, const cublasLtMatmulHeuristicResult_t *results,
                                    int count) {
    size_t most = 0;
    for (int i = 0; i < count; i++)
        if (results[i].workspaceSize > most && results[i].workspaceSize <= WORKSPACE)
            most = results[i].workspaceSize;
    return most > 0 ? nn_workbench_allocate(s->bench, most, &s->operands.workspace) : NN_OK;
}

/* Seconds of one algorithm; *runs false where it does not run, and others may. */
static nn_status time_algorithm(const search *s, const nn_cublas_plan *plan, bool *runs,
                                double *seconds) {
    const timed argument = {s, plan};
    *seconds = 0;
    *runs = true;
    if (s->gemm->deterministic) return NN_OK; /* the first is taken */
    nn_status status = nn_workbench_time(s->bench, run_once, &argument, seconds);
    *runs = status == NN_OK;
    return status == NN_OK || status == NN_NO_MEMORY ? status : nn_cuda_wait(s->bench->queue);
}

static nn_status choose_by_time(search *s, nn_cublas_plan *out) {
    cublasLtMatmulHeuristicResult_t results[MOST_TIMED];
    int count = 0;
    bool found = false;
    double best = 0;
    NN_TRY(ask(s, results, &count));
    NN_TRY(allocate_workspace(s, results, count));
    for (int i = 0; i < count && !(found && s->gemm->deterministic); i++) {
        if (results[i].state != CUBLAS_STATUS_SUCCESS || results[i].workspaceSize > WORKSPACE)
            continue;
        const nn_cublas_plan plan = {results[i].algo, results[i].workspaceSize};
        double seconds;
        bool runs;
        NN_TRY(time_algorithm(s, &plan, &runs, &seconds));
        if (!runs || (found && seconds >= best)) continue;
        found = true;
        best = seconds;
        *out = plan;
    }
    return found ? NN_OK : nn_fail(NN_UNSUPPORTED, "cuBLASLt runs no algorithm for a product");
}

/* The vendor allows to keep the bytes of an algorithm for the same version of the library. */
static void write_algorithm(const nn_cublas_plan *plan, char *text, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < sizeof plan->algorithm.data / sizeof plan->algorithm.data[0]; i++)
        used += (size_t)snprintf(text + used, size - used, "%llx ",
                                 (unsigned long long)plan->algorithm.data[i]);
}

static bool read_algorithm(const search *s, const char *text, nn_cublas_plan *out) {
    cublasLtMatmulHeuristicResult_t result;
    const descriptors *d = &s->described;
    for (size_t i = 0; i < sizeof out->algorithm.data / sizeof out->algorithm.data[0]; i++) {
        unsigned long long number;
        int length = 0;
        if (sscanf(text, "%llx %n", &number, &length) != 1 || length == 0) return false;
        out->algorithm.data[i] = number;
        text += length;
    }
    if (s->library->MatmulAlgoCheck(s->handle, (cublasLtMatmulDesc_t)&d->product,
                                    (cublasLtMatrixLayout_t)&d->b, (cublasLtMatrixLayout_t)&d->a,
                                    (cublasLtMatrixLayout_t)&d->c, (cublasLtMatrixLayout_t)&d->d,
                                    &out->algorithm, &result) != CUBLAS_STATUS_SUCCESS)
        return false;
    out->workspace = result.workspaceSize;
    return out->workspace <= WORKSPACE;
}

static nn_status choose(search *s, const char *name, nn_cublas_plan *out) {
    char text[256];
    NN_TRY(nn_cublaslt_handle(s->bench->queue, &s->library, &s->handle));
    NN_TRY(allocate(s));
    NN_TRY(describe(s->library, s->gemm, s->operands.bias, &s->described));
    const nn_choice_key key = {s->bench->device, "cublaslt", s->library->GetVersion(), name};
    if (!nn_choice_recall(&key, text, sizeof text) || !read_algorithm(s, text, out)) {
        NN_TRY(choose_by_time(s, out));
        write_algorithm(out, text, sizeof text);
        nn_choice_remember(&key, text);
    }
    choice *made = nn_alloc_zero(sizeof *made);
    if (made == NULL) return nn_fail_memory(sizeof *made);
    *made = (choice){.next = choices, .device = s->bench->device, .plan = *out};
    snprintf(made->key, sizeof made->key, "%s", name);
    choices = made;
    return NN_OK;
}

nn_status nn_cublas_choose(nn_device *device, const nn_cublas_gemm *gemm, nn_cublas_plan *out) {
    char key[KEY_SIZE];
    search s = {.gemm = gemm};
    write_key(gemm, key, sizeof key);
    NN_TRY(nn_workbench_take(device, &s.bench));
    const choice *at = choices;
    while (at != NULL && (at->device != device || strcmp(at->key, key) != 0)) at = at->next;
    nn_status status = NN_OK;
    if (at != NULL)
        *out = at->plan;
    else
        status = choose(&s, key, out);
    nn_workbench_leave(s.bench);
    return status;
}
