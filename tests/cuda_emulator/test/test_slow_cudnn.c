/* Does the real cuDNN take our graphs? It is asked about a GPU that is only described, so it needs
 * none: every graph must have an engine, and plans must be made, up to the loading of a kernel that
 * was compiled. Skipped where cuDNN is not installed. */
#include "base/memory.h"
#include "ops/cuda/products/cudnn_conv.h"
#include "tests/support/runner.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

enum { SKIPPED = 77, FIRST_WITH_DESCRIPTIONS = 91100 };

static const char h200[] =
    "{\"maxGridSize\": [2147483647, 65535, 65535], \"maxBlockSize\": [1024, 1024, 64], "
    "\"regsPerBlock\": 65536, \"multiProcessorCount\": 132, \"warpSize\": 32, "
    "\"maxSharedMemoryPerBlock\": 49152, \"maxSharedMemoryPerBlockOptin\": 232448, "
    "\"reservedSharedMemoryPerBlock\": 1024, \"maxRegistersPerSM\": 65536, \"maxCtasPerSM\": 32, "
    "\"maxThreadsPerBlock\": 1024, \"maxThreadsPerSM\": 2048, \"pciDeviceId\": 0, "
    "\"isTccDriver\": 0, \"supportCoopLaunch\": 1, \"smClockRateKHz\": 1980000, "
    "\"memClockRateKHz\": 3201000, \"l2CacheSize\": 52428800, \"deviceName\": \"NVIDIA H200\", "
    "\"cudaDeviceId\": 0, \"deviceVer\": 900, \"driverVer\": 13000, "
    "\"totalGlobalMem\": 150754820096}";

static void skip(const char *why) {
    printf("skipped: %s\n", why);
    exit(SKIPPED);
}

/* The driver's stub lets cuDNN compile kernels; without a driver they are not proposed. */
static void load_driver(void) {
    static const char *const files[] = {"libcuda.so.1", NN_CUDA_FOLDER "/lib64/stubs/libcuda.so",
                                        NN_CUDA_FOLDER "/lib/stubs/libcuda.so"};
    for (int i = 0; i < 3; i++)
        if (dlopen(files[i], RTLD_NOW | RTLD_GLOBAL) != NULL) return;
    skip("neither a driver nor the toolkit's stub of one");
}

static nn_cudnn_place describe_device(void) {
    static nn_cudnn_place place;
    if (place.cudnn != NULL) return place;
    load_driver();
    unsetenv("NNOPT_CUDNN_LIBRARY");
    if (nn_cudnn_open(&place.cudnn) != NN_OK) skip(nnopt_last_error());
    if (place.cudnn->GetVersion() < FIRST_WITH_DESCRIPTIONS)
        skip("this cuDNN knows no devices by description");
    const nn_cudnn *c = place.cudnn;
    if (c->BackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &place.described) !=
            CUDNN_STATUS_SUCCESS ||
        c->BackendSetAttribute(place.described, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                               CUDNN_TYPE_CHAR, sizeof h200 - 1, h200) != CUDNN_STATUS_SUCCESS ||
        c->BackendFinalize(place.described) != CUDNN_STATUS_SUCCESS)
        skip("this cuDNN takes another description of devices");
    return place;
}

typedef struct acceptance_case {
    const char *name;
    nn_precision precision;
    nn_cudnn_conv problem;
    nn_cudnn_form form;
    bool is_ready; /* an engine is expected that need not be compiled */
} acceptance_case;

#define AXIS(in, kernel, stride, pad)                                                              \
    { in, ((in) + 2 * (pad) - (kernel)) / (stride) + 1, kernel, stride, 1, pad, pad }
#define GEOMETRY(c, m, g, size, k, s, p)                                                           \
    .geometry = {.batch = 1,                                                                       \
                 .groups = g,                                                                      \
                 .in_channels = c,                                                                 \
                 .out_channels = m,                                                                \
                 .group_in_channels = (c) / (g),                                                   \
                 .group_out_channels = (m) / (g),                                                  \
                 .axes = {AXIS(1, 1, 1, 0), AXIS(size, k, s, p), AXIS(size, k, s, p)},             \
                 .taps = (k) * (k)},                                                               \
    .spatial = 2
#define FLOATS .type = NNOPT_FLOAT, .y_type = NNOPT_FLOAT
#define HALVES .type = NNOPT_FLOAT16, .y_type = NNOPT_FLOAT16
#define RELU   .after = {NN_ACT_RELU, 0, 0}
#define SILU   .after = {NN_ACT_SILU, 0, 0}
#define FP32   NN_PRECISION_FP32
#define FP16   NN_PRECISION_FP16
static const acceptance_case cases[] = {
    {"float alone", FP32, {GEOMETRY(64, 64, 1, 56, 3, 1, 1), FLOATS}, NN_CUDNN_PLAIN, true},
    {"float, residual, bias, relu",
     FP32,
     {GEOMETRY(64, 64, 1, 56, 3, 1, 1), FLOATS, .has_bias = true, .residual_type = NNOPT_FLOAT,
      RELU},
     NN_CUDNN_FUSED,
     true},
    {"float, odd channels",
     FP32,
     {GEOMETRY(3, 17, 1, 57, 7, 2, 3), FLOATS, .has_bias = true, RELU},
     NN_CUDNN_FUSED,
     true},
    {"float, groups",
     FP32,
     {GEOMETRY(128, 128, 32, 28, 3, 1, 1), FLOATS, .has_bias = true, RELU},
     NN_CUDNN_FUSED,
     true},
    {"float, bias before silu",
     FP32,
     {GEOMETRY(64, 64, 1, 28, 3, 1, 1), FLOATS, .has_bias = true, SILU},
     NN_CUDNN_BIASED,
     true},
    {"float, silu",
     FP32,
     {GEOMETRY(64, 64, 1, 28, 1, 1, 0), FLOATS, .has_bias = true, SILU},
     NN_CUDNN_FUSED,
     false},
    {"tf32, residual, bias, relu",
     NN_PRECISION_TF32,
     {GEOMETRY(64, 64, 1, 56, 3, 1, 1), FLOATS, .has_bias = true, .residual_type = NNOPT_FLOAT,
      RELU},
     NN_CUDNN_FUSED,
     true},
    {"half, residual, bias, relu",
     FP16,
     {GEOMETRY(64, 64, 1, 56, 3, 1, 1), HALVES, .has_bias = true, .residual_type = NNOPT_FLOAT16,
      RELU},
     NN_CUDNN_FUSED,
     true},
    {"half, three channels",
     FP16,
     {GEOMETRY(3, 64, 1, 224, 7, 2, 3), HALVES, .has_bias = true, RELU},
     NN_CUDNN_FUSED,
     true},
    {"half to float",
     FP16,
     {GEOMETRY(64, 64, 1, 28, 3, 1, 1), .type = NNOPT_FLOAT16, .y_type = NNOPT_FLOAT,
      .has_bias = true, RELU},
     NN_CUDNN_FUSED,
     false},
    {"half, hard swish by numbers",
     FP16,
     {GEOMETRY(64, 64, 1, 28, 3, 1, 1), HALVES, .has_bias = true,
      .after = {NN_ACT_HARD_SWISH, 1.0F / 6, 0.5F}},
     NN_CUDNN_FUSED,
     false},
    {"half, clip and residual of floats",
     FP16,
     {GEOMETRY(64, 64, 1, 28, 3, 1, 1), HALVES, .has_bias = true, .residual_type = NNOPT_FLOAT,
      .before = {NN_ACT_CLIP, -1, 6}},
     NN_CUDNN_FUSED,
     false},
    {"bfloat16, residual, bias, relu",
     NN_PRECISION_BF16,
     {GEOMETRY(64, 64, 1, 56, 3, 1, 1), .type = NNOPT_BFLOAT16, .y_type = NNOPT_BFLOAT16,
      .has_bias = true, .residual_type = NNOPT_BFLOAT16, RELU},
     NN_CUDNN_FUSED,
     true},
    {"float, transposed",
     FP32,
     {.is_transpose = true, GEOMETRY(64, 32, 1, 56, 4, 2, 1), FLOATS},
     NN_CUDNN_PLAIN,
     true},
    {"half, transposed, bias, relu",
     FP16,
     {.is_transpose = true, GEOMETRY(64, 32, 1, 56, 4, 2, 1), HALVES, .has_bias = true, RELU},
     NN_CUDNN_FUSED,
     false},
    {"half, three axes",
     FP16,
     {.geometry = {.batch = 2,
                   .groups = 1,
                   .in_channels = 16,
                   .out_channels = 24,
                   .group_in_channels = 16,
                   .group_out_channels = 24,
                   .axes = {AXIS(8, 3, 1, 1), AXIS(12, 3, 2, 1), AXIS(12, 3, 1, 0)},
                   .taps = 27},
      .spatial = 3,
      HALVES,
      .has_bias = true,
      RELU},
     NN_CUDNN_FUSED,
     true},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* What is kept in files makes the same plan again, and half of it none. */
static void check_text(const nn_cudnn_graph *graph, const nn_cudnn_rules *rules,
                       const nn_cudnn_plan *plan) {
    char *text;
    size_t bytes;
    nn_cudnn_plan again;
    ck_assert_ok(nn_cudnn_plan_write(graph->place.cudnn, plan, &text, &bytes));
    ck_assert_ok(nn_cudnn_plan_read(graph->place, rules, text, bytes, &again));
    ck_assert_uint_eq(again.workspace, plan->workspace);
    nn_cudnn_plan_clear(graph->place.cudnn, &again);
    ck_assert_int_ne(nn_cudnn_plan_read(graph->place, rules, text, bytes / 2, &again), NN_OK);
    nn_free(text);
}

/* A kernel that is ready to be loaded was accepted and compiled; there is no device to load it. */
static bool is_accepted(const nn_cudnn_graph *graph, const nn_cudnn_rules *rules,
                        const nn_cudnn_engine *engine) {
    nn_cudnn_plan plan;
    if (nn_cudnn_plan_make(graph, rules, engine->text, &plan) == NN_OK) {
        check_text(graph, rules, &plan);
        nn_cudnn_plan_clear(graph->place.cudnn, &plan);
        return true;
    }
    return nn_cudnn_engine_compiles(engine) &&
           strstr(nnopt_last_error(), "FAILED_CUDA_DRIVER") != NULL;
}

START_TEST(takes_graphs) {
    const acceptance_case *c = &cases[_i];
    const nn_cudnn_rules rules = {c->precision, false, (size_t)1 << 30};
    static nn_cudnn_engine engines[NN_CUDNN_MOST_CANDIDATES];
    const nn_cudnn_place place = describe_device();
    nn_cudnn_graph graph;
    nn_cudnn_numbers numbers;
    int count, chosen = -1;
    ck_assert(nn_cudnn_conv_has_form(&c->problem, c->form) || c->form == NN_CUDNN_PLAIN);
    ck_assert_ok(nn_cudnn_conv_graph(&c->problem, c->form, place, &graph, &numbers));
    nn_status status = nn_cudnn_engines(&graph, &rules, engines, NN_CUDNN_MOST_CANDIDATES, &count);
    ck_assert_msg(status == NN_OK, "%s: %s", c->name, nnopt_last_error());
    for (int i = 0; i < count && chosen < 0; i++)
        if (!c->is_ready || !nn_cudnn_engine_compiles(&engines[i])) chosen = i;
    ck_assert_msg(chosen >= 0, "%s: %d engines, all to be compiled", c->name, count);
    ck_assert_msg(is_accepted(&graph, &rules, &engines[chosen]), "%s: engine %s: %s", c->name,
                  engines[chosen].text, nnopt_last_error());
    nn_cudnn_graph_clear(&graph);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("slow_cudnn");
    TCase *tests = tcase_create("graphs");
    tcase_set_timeout(tests, 600);
    tcase_add_loop_test(tests, takes_graphs, 0, CASES);
    suite_add_tcase(suite, tests);
    return suite;
}
