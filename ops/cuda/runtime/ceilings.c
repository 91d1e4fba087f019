/* What the device reaches at best: arithmetic, its memory, copies from and to the host. Each is
 * tried in growing size until a run is long enough to be timed, or fills the device. */
#include "ops/cuda/products/cublas_gemm.h"
#include "ops/cuda/runtime/ceilings_launch.h"
#include "ops/cuda/runtime/device.h"
#include "ops/cuda/runtime/workbench.h"

static const double long_enough = 2e-3; /* seconds */

typedef struct ceiling_list {
    nn_device_ceiling *items;
    int limit, count;
} ceiling_list;

static void add(ceiling_list *list, const char *name, double per_second) {
    if (list->count < list->limit)
        list->items[list->count++] = (nn_device_ceiling){name, per_second};
}

/* ---- bytes ---- */

typedef struct transfer {
    void *to;
    const void *from;
    size_t bytes;
    enum cudaMemcpyKind kind;
} transfer;

static nn_status run_transfer(const void *argument, nn_device_queue *queue) {
    const transfer *own = argument;
    return nn_cuda_check(cudaMemcpyAsync(own->to, own->from, own->bytes, own->kind, queue->stream),
                         "copy");
}

/* Reads and writes both count, of memory that no cache holds. */
static nn_status measure_memory(nn_workbench *bench, const nn_device_info *info,
                                ceiling_list *list) {
    transfer copy = {.kind = cudaMemcpyDeviceToDevice, .bytes = (size_t)info->l2_bytes * 8};
    void *from;
    double seconds;
    if (copy.bytes > (size_t)info->free_bytes / 4) copy.bytes = (size_t)info->free_bytes / 4;
    NN_TRY(nn_workbench_allocate(bench, copy.bytes, &copy.to));
    NN_TRY(nn_workbench_allocate(bench, copy.bytes, &from));
    copy.from = from;
    NN_TRY(nn_workbench_time(bench, run_transfer, &copy, &seconds));
    add(list, "memory", 2 * (double)copy.bytes / seconds);
    return NN_OK;
}

static nn_status measure_host_copies(nn_workbench *bench, void *host, size_t bytes,
                                     ceiling_list *list) {
    void *memory;
    double seconds;
    NN_TRY(nn_workbench_allocate(bench, bytes, &memory));
    const transfer up = {memory, host, bytes, cudaMemcpyHostToDevice};
    const transfer down = {host, memory, bytes, cudaMemcpyDeviceToHost};
    NN_TRY(nn_workbench_time(bench, run_transfer, &up, &seconds));
    add(list, "upload", (double)bytes / seconds);
    NN_TRY(nn_workbench_time(bench, run_transfer, &down, &seconds));
    add(list, "download", (double)bytes / seconds);
    return NN_OK;
}

static nn_status measure_copies(nn_workbench *bench, const nn_device_info *info,
                                ceiling_list *list) {
    size_t bytes = (size_t)64 << 20;
    void *host;
    if (bytes > (size_t)info->free_bytes / 4) bytes = (size_t)info->free_bytes / 4;
    NN_TRY(nn_cuda_allocate_host(bench->device, bytes, &host));
    nn_status status = measure_host_copies(bench, host, bytes, list);
    (void)nn_cuda_wait(bench->queue);
    nn_cuda_release_host(bench->device, host);
    return status;
}

/* ---- arithmetic ---- */

static nn_status run_fma(const void *argument, nn_device_queue *queue) {
    return nn_cuda_check(nn_cuda_launch_fma(argument, queue->stream), "multiply");
}

static nn_status measure_fp32(nn_workbench *bench, const nn_device_info *info, ceiling_list *list) {
    nn_cuda_fma fma = {.blocks =
                           info->multiprocessors * info->threads_per_unit / NN_CUDA_FMA_THREADS,
                       .factor = 0.5f,
                       .never = -1};
    double seconds = 0;
    void *sink;
    NN_TRY(nn_workbench_allocate(bench, sizeof(float), &sink));
    fma.sink = sink;
    for (fma.iterations = 4; seconds < long_enough; fma.iterations *= 4)
        NN_TRY(nn_workbench_time(bench, run_fma, &fma, &seconds));
    fma.iterations /= 4;
    add(list, "fp32",
        2.0 * NN_CUDA_FMA_STEP * NN_CUDA_FMA_THREADS * fma.blocks * (double)fma.iterations /
            seconds);
    return NN_OK;
}

typedef struct product {
    nn_cublas_gemm gemm;
    nn_cublas_plan plan;
    nn_cublas_operands operands;
} product;

static nn_status run_product(const void *argument, nn_device_queue *queue) {
    const product *own = argument;
    return nn_cublas_run(&own->gemm, &own->plan, &own->operands, queue);
}

static nn_status time_product(nn_device *device, const nn_cublas_gemm *gemm, double *seconds) {
    product own = {.gemm = *gemm};
    const size_t size = gemm->type == NNOPT_INT8 ? 1 : gemm->type == NNOPT_FLOAT ? 4 : 2;
    const size_t d_size = gemm->d_type == NNOPT_INT32 ? 4 : size;
    void *a, *b;
    nn_workbench *bench;
    NN_TRY(nn_cublas_choose(device, gemm, &own.plan));
    NN_TRY(nn_workbench_take(device, &bench));
    nn_status status = nn_workbench_allocate(bench, (size_t)(gemm->m * gemm->k) * size, &a);
    NN_TRY_DONE(status);
    NN_TRY_DONE(nn_workbench_allocate(bench, (size_t)(gemm->k * gemm->n) * size, &b));
    NN_TRY_DONE(
        nn_workbench_allocate(bench, (size_t)(gemm->m * gemm->n) * d_size, &own.operands.d));
    NN_TRY_DONE(nn_workbench_allocate(bench, own.plan.workspace, &own.operands.workspace));
    own.operands.a = a;
    own.operands.b = b;
    status = nn_workbench_time(bench, run_product, &own, seconds);
done:
    nn_workbench_leave(bench);
    return status;
}

/* Square products, up to a side that no device of today does not fill. */
static nn_status measure_product(nn_device *device, const char *name, nn_type type,
                                 nn_precision precision, ceiling_list *list) {
    enum { LARGEST = 8192 };
    double seconds = 0;
    int64_t side = 128;
    for (; seconds < long_enough && side < LARGEST;) {
        side *= 2;
        const nn_cublas_gemm gemm = {.batch = 1,
                                     .m = side,
                                     .n = side,
                                     .k = side,
                                     .transpose_b = true,
                                     .a_row = side,
                                     .b_row = side,
                                     .c_row = side,
                                     .d_row = side,
                                     .type = type,
                                     .d_type = type == NNOPT_INT8 ? NNOPT_INT32 : type,
                                     .alpha = 1,
                                     .alignment = 256,
                                     .precision = precision};
        NN_TRY(time_product(device, &gemm, &seconds));
    }
    add(list, name, 2.0 * (double)side * (double)side * (double)side / seconds);
    return NN_OK;
}

static nn_status measure_products(nn_device *device, ceiling_list *list) {
    static const struct {
        const char *name;
        nn_type type;
        nn_precision precision;
    } products[] = {
        {"tf32", NNOPT_FLOAT, NN_PRECISION_TF32},
        {"fp16", NNOPT_FLOAT16, NN_PRECISION_FP16},
        {"bf16", NNOPT_BFLOAT16, NN_PRECISION_BF16},
        {"int8", NNOPT_INT8, NN_PRECISION_FP32},
    };
    const nn_cublaslt *library;
    if (nn_cublaslt_open(&library) != NN_OK) return NN_OK; /* their kernels do not run either */
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        nn_status status = measure_product(device, products[i].name, products[i].type,
                                           products[i].precision, list);
        if (status != NN_OK && status != NN_UNSUPPORTED) return status;
    }
    return NN_OK;
}

typedef nn_status measure_function(nn_workbench *bench, const nn_device_info *info,
                                   ceiling_list *list);

static nn_status on_workbench(nn_device *device, const nn_device_info *info,
                              measure_function *measure, ceiling_list *list) {
    nn_workbench *bench;
    NN_TRY(nn_workbench_take(device, &bench));
    nn_status status = measure(bench, info, list);
    nn_workbench_leave(bench);
    return status;
}

nn_status nn_cuda_measure_ceilings(nn_device *device, nn_device_ceiling *out, int limit,
                                   int *count) {
    ceiling_list list = {out, limit, 0};
    nn_device_info info;
    nn_cuda_info(device, &info);
    NN_TRY(on_workbench(device, &info, measure_fp32, &list));
    NN_TRY(measure_products(device, &list));
    NN_TRY(on_workbench(device, &info, measure_memory, &list));
    NN_TRY(on_workbench(device, &info, measure_copies, &list));
    *count = list.count;
    return NN_OK;
}
