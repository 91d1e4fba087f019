/* Convolutions and matrix products of the CUDA library, over the emulator and the doubles of cuDNN
 * and cuBLASLt. */
#include "base/dataset.h"
#include "base/file.h"
#include "base/memory.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct product_case {
    const char *name;
    nn_precision precision;
    nn_type type;  /* of all inputs and the output */
    bool constant; /* weights and bias */
    bool has_bias;
    nn_epilogue epilogue;
    double tolerance;
} product_case;

static nn_target target_of(const product_case *c) {
    return (nn_target){.threads = 1, .device = device_host_open(), .precision = c->precision};
}

static void fill(kernel_host *host, nn_type type, const int64_t *dims, int rank, bool constant) {
    void *data = host_input(host, type, dims, rank, constant);
    int64_t count = 1;
    for (int i = 0; i < rank; i++) count *= dims[i];
    for (int64_t i = 0; i < count; i++) {
        const float value = host_random();
        if (type == NNOPT_FLOAT16)
            ((uint16_t *)data)[i] = nn_float_to_half(value);
        else if (type == NNOPT_BFLOAT16)
            ((uint16_t *)data)[i] = nn_float_to_bfloat16(value);
        else
            ((float *)data)[i] = value;
    }
}

/* The operator's own inputs are there; adds the residual. */
static void finish(kernel_host *host, const product_case *c, int own_inputs, const int64_t *dims,
                   int rank) {
    host->epilogue = c->epilogue;
    if (c->epilogue.has_residual) {
        while (host->in_count < own_inputs) host_absent(host);
        host->epilogue.residual = host->in_count;
        fill(host, c->type, dims, rank, false);
    }
    host_infer(host);
}

/* Against the reference kernel and the scalar epilogue. */
static void check(kernel_host *host, const product_case *c, const char *name, nn_layout layout) {
    const nn_target target = target_of(c), portable = {.threads = 1};
    const nn_kernel *const *reference = host->op->kernels;
    const nn_kernel *kernel = device_host_kernel(host, name);
    nn_tensor expected;
    while (reference[1] != NULL) reference++;
    ck_assert_msg(host_accepts(host, kernel, &target), "%s is not accepted", c->name);
    const nn_epilogue epilogue = host->view.epilogue;
    host->view.epilogue = (nn_epilogue){.has_residual = false};
    host_run(host, *reference, NN_LAYOUT_STANDARD, &portable);
    host->view.epilogue = epilogue;
    ck_assert_ok(nn_tensor_copy(&host->out[0], &expected));
    for (int64_t i = 0; i < nnopt_tensor_count(&expected); i++) {
        float y = (float)nn_tensor_get(&expected, i);
        float residual =
            epilogue.has_residual ? (float)nn_tensor_get(&host->in[epilogue.residual], i) : 0;
        nn_epilogue_apply(&epilogue, &residual, &y, 1);
        nn_tensor_set(&expected, i, (double)y);
    }
    device_host_run(host, kernel, layout, &target);
    device_host_compare(host, 0, &expected, c->tolerance);
    nn_tensor_clear(&expected);
}

#define NONE                                                                                       \
    { NN_ACT_NONE, 0, 0 }
static const product_case cases[] = {
    {"float", NN_PRECISION_FP32, NNOPT_FLOAT, true, false, {NONE, false, 0, NONE}, 1e-5},
    {"float, bias", NN_PRECISION_FP32, NNOPT_FLOAT, true, true, {NONE, false, 0, NONE}, 1e-5},
    {"float, weights of the run",
     NN_PRECISION_FP32,
     NNOPT_FLOAT,
     false,
     true,
     {NONE, false, 0, {NN_ACT_RELU, 0, 0}},
     1e-5},
    {"float, residual, relu",
     NN_PRECISION_FP32,
     NNOPT_FLOAT,
     true,
     true,
     {NONE, true, 0, {NN_ACT_RELU, 0, 0}},
     1e-5},
    {"float, silu, residual",
     NN_PRECISION_FP32,
     NNOPT_FLOAT,
     true,
     true,
     {{NN_ACT_SILU, 0, 0}, true, 0, NONE},
     1e-5},
    {"float, clip",
     NN_PRECISION_FP32,
     NNOPT_FLOAT,
     true,
     true,
     {NONE, false, 0, {NN_ACT_CLIP, -0.5F, 0.75F}},
     1e-5},
    {"float, hard swish",
     NN_PRECISION_FP32,
     NNOPT_FLOAT,
     true,
     false,
     {NONE, false, 0, {NN_ACT_HARD_SWISH, 1.0F / 6, 0.5F}},
     1e-5},
    {"float, hard sigmoid, residual, gelu",
     NN_PRECISION_FP32,
     NNOPT_FLOAT,
     true,
     true,
     {{NN_ACT_HARD_SIGMOID, 0.2F, 0.5F}, true, 0, {NN_ACT_GELU, 0, 0}},
     1e-5},
    {"float, leaky relu",
     NN_PRECISION_FP32,
     NNOPT_FLOAT,
     true,
     true,
     {NONE, false, 0, {NN_ACT_LEAKY_RELU, 0.1F, 0}},
     1e-5},
    {"float, gelu with tanh",
     NN_PRECISION_FP32,
     NNOPT_FLOAT,
     true,
     true,
     {NONE, false, 0, {NN_ACT_GELU_TANH, 0, 0}},
     1e-5},
    {"float, linear",
     NN_PRECISION_FP32,
     NNOPT_FLOAT,
     true,
     false,
     {{NN_ACT_LINEAR, 0.5F, 0}, true, 0, {NN_ACT_TANH, 0, 0}},
     1e-5},
    {"tf32",
     NN_PRECISION_TF32,
     NNOPT_FLOAT,
     true,
     true,
     {NONE, true, 0, {NN_ACT_SIGMOID, 0, 0}},
     1e-3},
    {"fp16 of floats",
     NN_PRECISION_FP16,
     NNOPT_FLOAT,
     true,
     true,
     {NONE, true, 0, {NN_ACT_RELU, 0, 0}},
     2e-3},
    {"bf16 of floats of the run",
     NN_PRECISION_BF16,
     NNOPT_FLOAT,
     false,
     true,
     {NONE, false, 0, {NN_ACT_GELU, 0, 0}},
     1e-2},
    {"halves",
     NN_PRECISION_FP32,
     NNOPT_FLOAT16,
     true,
     true,
     {NONE, true, 0, {NN_ACT_RELU, 0, 0}},
     2e-3},
    {"halves, silu, residual",
     NN_PRECISION_FP32,
     NNOPT_FLOAT16,
     true,
     true,
     {{NN_ACT_SILU, 0, 0}, true, 0, NONE},
     2e-3},
    {"halves of the run",
     NN_PRECISION_FP32,
     NNOPT_FLOAT16,
     false,
     true,
     {NONE, false, 0, {NN_ACT_HARD_SWISH, 1.0F / 6, 0.5F}},
     2e-3},
    {"bfloat16", NN_PRECISION_FP32, NNOPT_BFLOAT16, true, true, {NONE, false, 0, NONE}, 1e-2},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* ---- convolutions ---- */

typedef struct conv_shape {
    int rank;
    int64_t x[5], kernel[3], filters, group;
    int64_t stride, dilation;
    int64_t pads[6];
} conv_shape;

static const conv_shape shapes[] = {
    {4, {2, 16, 9, 7}, {3, 3}, 24, 1, 1, 1, {1, 1, 1, 1}},
    {4, {1, 3, 11, 13}, {7, 5}, 6, 1, 2, 1, {3, 2, 2, 1}},  /* unequal pads, odd channels */
    {4, {1, 8, 10, 10}, {3, 3}, 12, 4, 1, 2, {2, 2, 2, 2}}, /* groups, dilation */
    {4, {3, 5, 6, 6}, {1, 1}, 7, 1, 1, 1, {0, 0, 0, 0}},
    {3, {2, 6, 20}, {5}, 8, 2, 3, 1, {2, 2}},
    {5, {1, 4, 5, 6, 7}, {3, 2, 3}, 5, 1, 2, 1, {1, 0, 1, 1, 1, 1}},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* The double of cuDNN has no engine for 13 taps. */
static const conv_shape refused = {3, {2, 6, 30}, {13}, 8, 2, 3, 1, {5, 7}};

static void run_conv_with(const conv_shape *s, const product_case *c, const char *kernel) {
    kernel_host host;
    const int spatial = s->rank - 2;
    int64_t w[5] = {s->filters, s->x[1] / s->group}, y[5] = {s->x[0], s->filters};
    int64_t strides[3], dilations[3];
    host_init(&host, &nn_op_conv, 22);
    for (int i = 0; i < spatial; i++) {
        w[2 + i] = s->kernel[i];
        strides[i] = s->stride;
        dilations[i] = s->dilation;
        y[2 + i] = (s->x[2 + i] + s->pads[i] + s->pads[spatial + i] -
                    (s->kernel[i] - 1) * s->dilation - 1) /
                       s->stride +
                   1;
    }
    host_ints(&host, "pads", s->pads, 2 * spatial);
    host_ints(&host, "strides", strides, spatial);
    host_ints(&host, "dilations", dilations, spatial);
    host_int(&host, "group", s->group);
    fill(&host, c->type, s->x, s->rank, false);
    fill(&host, c->type, w, s->rank, c->constant);
    if (c->has_bias) fill(&host, c->type, &s->filters, 1, c->constant);
    finish(&host, c, 3, y, s->rank);
    check(&host, c, kernel, NN_LAYOUT_CHANNELS_LAST);
    host_clear(&host);
}

static void run_conv(const conv_shape *s, const product_case *c) {
    run_conv_with(s, c, "conv_cudnn");
}

/* A filter for each channel. */
static const conv_shape depthwise_shapes[] = {
    {4, {2, 16, 9, 7}, {3, 3}, 16, 16, 1, 1, {1, 1, 1, 1}},
    {4, {1, 8, 11, 13}, {3, 3}, 8, 8, 2, 1, {1, 0, 1, 1}},
    {4, {1, 5, 8, 10}, {5, 5}, 5, 5, 1, 1, {2, 2, 2, 2}}, /* odd channels */
    {4, {2, 8, 8, 9}, {5, 5}, 8, 8, 2, 1, {2, 1, 2, 3}},
    {4, {1, 8, 9, 9}, {7, 7}, 8, 8, 1, 1, {3, 3, 3, 3}},
    {4, {1, 8, 10, 10}, {3, 3}, 8, 8, 1, 2, {2, 2, 2, 2}},
    {4, {1, 8, 10, 10}, {2, 4}, 8, 8, 3, 1, {0, 0, 1, 2}},
    {3, {2, 24, 20}, {5}, 24, 24, 1, 1, {4, 0}},
};

START_TEST(convolves_each_channel) {
    for (size_t i = 0; i < sizeof depthwise_shapes / sizeof *depthwise_shapes; i++)
        for (int k = 0; k < CASES; k++)
            if (cases[k].constant) run_conv_with(&depthwise_shapes[i], &cases[k], "depthwise_cuda");
}
END_TEST

START_TEST(convolves) {
    for (int i = 0; i < SHAPES; i++) run_conv(&shapes[i], &cases[_i]);
}
END_TEST

static const conv_shape transposed[] = {
    {4, {1, 8, 5, 6}, {4, 4}, 6, 1, 2, 1, {1, 1, 1, 1}},
    {4, {2, 6, 4, 3}, {3, 3}, 4, 2, 2, 1, {1, 0, 0, 1}},
    {3, {1, 5, 9}, {3}, 7, 1, 1, 2, {0, 0}},
};

static void run_transposed(const conv_shape *s, const product_case *c, const char *kernel) {
    kernel_host host;
    const int spatial = s->rank - 2;
    int64_t w[5] = {s->x[1], s->filters / s->group}, y[5] = {s->x[0], s->filters};
    int64_t strides[3], dilations[3];
    host_init(&host, &nn_op_conv_transpose, 22);
    for (int i = 0; i < spatial; i++) {
        w[2 + i] = s->kernel[i];
        strides[i] = s->stride;
        dilations[i] = s->dilation;
        y[2 + i] = s->stride * (s->x[2 + i] - 1) + (s->kernel[i] - 1) * s->dilation + 1 -
                   s->pads[i] - s->pads[spatial + i];
    }
    host_ints(&host, "pads", s->pads, 2 * spatial);
    host_ints(&host, "strides", strides, spatial);
    host_ints(&host, "dilations", dilations, spatial);
    host_int(&host, "group", s->group);
    fill(&host, c->type, s->x, s->rank, false);
    fill(&host, c->type, w, s->rank, c->constant);
    if (c->has_bias) fill(&host, c->type, &s->filters, 1, c->constant);
    finish(&host, c, 3, y, s->rank);
    check(&host, c, kernel, NN_LAYOUT_CHANNELS_LAST);
    host_clear(&host);
}

START_TEST(convolves_transposed) {
    for (int i = 0; i < 3; i++) run_transposed(&transposed[i], &cases[_i], "conv_transpose_cudnn");
}
END_TEST

/* The general kernels, asked for themselves and in the place of cuDNN. */
START_TEST(convolves_without_cudnn) {
    const product_case *c = &cases[_i];
    for (int i = 0; i < SHAPES; i++) run_conv_with(&shapes[i], c, "conv_cuda");
    for (int i = 0; i < 3; i++) run_transposed(&transposed[i], c, "conv_transpose_cuda");
    run_conv_with(&refused, c, "conv_cudnn");
}
END_TEST

/* ---- matrix products ---- */

typedef struct matmul_shape {
    int a_rank, b_rank, y_rank;
    int64_t a[4], b[4], y[4];
} matmul_shape;

static const matmul_shape matmuls[] = {
    {2, 2, 2, {16, 32}, {32, 24}, {16, 24}},
    {2, 2, 2, {5, 7}, {7, 3}, {5, 3}}, /* nothing divides by 16 bytes */
    {3, 2, 3, {4, 6, 8}, {8, 16}, {4, 6, 16}},
    {4, 4, 4, {2, 3, 5, 8}, {2, 3, 8, 16}, {2, 3, 5, 16}},
    {4, 4, 4, {2, 1, 5, 8}, {1, 3, 8, 7}, {2, 3, 5, 7}}, /* no one step for the batch */
    {3, 3, 3, {1, 4, 8}, {3, 8, 8}, {3, 4, 8}},
    {1, 2, 1, {8}, {8, 4}, {4}},
    {2, 1, 1, {6, 8}, {8}, {6}},
};
enum { MATMULS = sizeof matmuls / sizeof matmuls[0] };

START_TEST(multiplies) {
    const product_case *c = &cases[_i];
    for (int i = 0; i < MATMULS && !c->has_bias; i++) {
        kernel_host host;
        const matmul_shape *s = &matmuls[i];
        host_init(&host, &nn_op_matmul, 13);
        fill(&host, c->type, s->a, s->a_rank, false);
        fill(&host, c->type, s->b, s->b_rank, c->constant);
        finish(&host, c, 2, s->y, s->y_rank);
        check(&host, c, "matmul_cublas", NN_LAYOUT_STANDARD);
        host_clear(&host);
    }
    for (int i = 0; i < 3 && c->has_bias && c->type == NNOPT_FLOAT; i++) {
        kernel_host host;
        const matmul_shape *s = &matmuls[i];
        host_init(&host, &nn_op_linear, 1);
        fill(&host, c->type, s->a, s->a_rank, false);
        fill(&host, c->type, s->b, s->b_rank, c->constant);
        fill(&host, c->type, &s->y[s->y_rank - 1], 1, c->constant);
        finish(&host, c, 3, s->y, s->y_rank);
        check(&host, c, "linear_cublas", NN_LAYOUT_STANDARD);
        host_clear(&host);
    }
}
END_TEST

/* A', B' and every way that C can be broadcast, with and without factors. */
static void run_gemm(const product_case *c, int form) {
    static const int64_t bias_dims[][2] = {{12, 8}, {1, 8}, {12, 1}, {1, 1}};
    const int64_t m = 12, n = 8, k = 20;
    const bool ta = form & 1, tb = form & 2, scaled = form & 4;
    kernel_host host;
    host_init(&host, &nn_op_gemm, 13);
    host_int(&host, "transA", ta);
    host_int(&host, "transB", tb);
    if (scaled) {
        host_float(&host, "alpha", 0.5F);
        host_float(&host, "beta", 1.5F);
    }
    fill(&host, c->type, ta ? (int64_t[]){k, m} : (int64_t[]){m, k}, 2, false);
    fill(&host, c->type, tb ? (int64_t[]){n, k} : (int64_t[]){k, n}, 2, c->constant);
    if (c->has_bias) fill(&host, c->type, bias_dims[form >> 3], 2, c->constant);
    finish(&host, c, 3, (int64_t[]){m, n}, 2);
    check(&host, c, "gemm_cublas", NN_LAYOUT_STANDARD);
    host_clear(&host);
}

START_TEST(multiplies_as_gemm) {
    for (int form = 0; form < 32; form++) run_gemm(&cases[_i], form);
}
END_TEST

/* ---- choices ---- */

static char *read_choices(void) {
    char pattern[600], *text;
    size_t size;
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/nnopt/cudnn-*.txt", getenv("XDG_CACHE_HOME"));
    ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
    ck_assert_ok(nn_file_read(found.gl_pathv[0], 1 << 20, &text, &size));
    globfree(&found);
    return text;
}

/* What one process has chosen another takes from the file, whatever its times would say. Comes
 * first: a child cannot use a device that its parent has opened. */
START_TEST(keeps_choices) {
    int result;
    fflush(NULL);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        for (int i = 0; i < CASES; i++) run_conv(&shapes[0], &cases[i]);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &result, 0), child);
    ck_assert_int_eq(result, 0);
    char *before = read_choices();
    ck_assert_ptr_nonnull(strstr(before, "fp32 conv n2 c16 m24 g1 float32-float32 bias"));
    for (int i = 0; i < CASES; i++) run_conv(&shapes[0], &cases[i]);
    char *after = read_choices();
    ck_assert_str_eq(after, before);
    nn_free(before);
    nn_free(after);
}
END_TEST

/* ---- plans ---- */

typedef int64_t count_function(void);

/* Counts the plans that the double has made from engines; NULL: it is the real cuDNN. */
static count_function *find_count(void) {
    const char *name = getenv("NNOPT_CUDNN_LIBRARY");
    void *library = name != NULL ? dlopen(name, RTLD_NOW) : NULL;
    return library != NULL ? (count_function *)dlsym(library, "nn_double_made_plans") : NULL;
}

/* Runs the cases in a process of its own. Exits with 0 when no plan was made, 1 when one was. */
static int run_in_child(void) {
    int result;
    fflush(NULL);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        for (int i = 0; i < 5; i++) run_conv(&shapes[0], &cases[i]);
        _exit(find_count()() > 0 ? 1 : 0);
    }
    ck_assert_int_eq(waitpid(child, &result, 0), child);
    ck_assert_msg(WIFEXITED(result), "a child ended by signal %d", WTERMSIG(result));
    return WEXITSTATUS(result);
}

static void find_plans(glob_t *found) {
    char pattern[600];
    snprintf(pattern, sizeof pattern, "%s/nnopt/plans/*.plan", getenv("XDG_CACHE_HOME"));
    ck_assert_int_eq(glob(pattern, 0, NULL, found), 0);
    ck_assert_uint_ge(found->gl_pathc, 2);
}

typedef void damage_function(const char *path);

static void flip_byte(const char *path) {
    FILE *file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, -100, SEEK_END), 0);
    const int byte = getc(file);
    ck_assert_int_eq(fseek(file, -100, SEEK_END), 0);
    putc(byte ^ 1, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void cut(const char *path) {
    ck_assert_int_eq(truncate(path, 50), 0);
}

static void empty(const char *path) {
    ck_assert_int_eq(truncate(path, 0), 0);
}

static void open_to_others(const char *path) {
    ck_assert_int_eq(chmod(path, 0666), 0);
}

static void make_pipe(const char *path) {
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
}

/* As a file that names itself a plan of this key and has the right checksum, but is none. */
static void replace(const char *path) {
    static const char plan[] = "{\"emulated plan\": \"00\"}";
    char *text, key[800] = "";
    uint64_t checksum;
    size_t bytes;
    ck_assert_ok(nn_file_read(path, 1 << 20, &text, NULL));
    ck_assert_int_eq(
        sscanf(text, "nnopt plan 1 %16" SCNx64 " %zu %799[^\n]", &checksum, &bytes, key), 3);
    nn_free(text);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "nnopt plan 1 %016" PRIx64 " %zu %s\n%s", nn_hash_bytes(0, plan, sizeof plan - 1),
            sizeof plan - 1, key, plan);
    ck_assert_int_eq(fclose(file), 0);
}

/* One process makes plans, the next takes them; a damaged one is made again and mended. */
START_TEST(keeps_plans) {
    static damage_function *const damages[] = {flip_byte,      cut,       empty, replace,
                                               open_to_others, make_pipe, NULL};
    if (find_count() == NULL) return;
    ck_assert_int_eq(run_in_child(), 1);
    ck_assert_int_eq(run_in_child(), 0);
    for (int i = 0; damages[i] != NULL; i++) {
        glob_t found;
        find_plans(&found);
        for (size_t j = 0; j < found.gl_pathc; j++) damages[i](found.gl_pathv[j]);
        globfree(&found);
        ck_assert_msg(run_in_child() == 1, "damage %d is not noticed", i);
        ck_assert_msg(run_in_child() == 0, "damage %d is not mended", i);
    }
}
END_TEST

/* Plans that nobody asks for make room. */
START_TEST(bounds_plans) {
    char path[600], text[32];
    glob_t found;
    if (find_count() == NULL) return;
    ck_assert_int_le(run_in_child(), 1);
    find_plans(&found);
    for (int i = 0; i < 3; i++) {
        const struct timespec old[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
        snprintf(path, sizeof path, "%s/nnopt/plans/old%d.plan", getenv("XDG_CACHE_HOME"), i);
        ck_assert_ok(nn_file_write(path, text, 0));
        ck_assert_int_eq(truncate(path, 100 << 20), 0);
        ck_assert_int_eq(utimensat(AT_FDCWD, path, old, 0), 0);
    }
    flip_byte(found.gl_pathv[0]);
    globfree(&found);
    ck_assert_int_eq(run_in_child(), 1);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/nnopt/plans/old%d.plan", getenv("XDG_CACHE_HOME"), i);
        ck_assert_int_eq(access(path, F_OK), i == 0 ? -1 : 0);
    }
}
END_TEST

static char folder[] = "/tmp/nnopt-products-XXXXXX"; /* of choices */

static void remove_folder(void) {
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) printf("cannot remove %s\n", folder);
}

static void set_up(void) {
    static bool is_made;
    if (!is_made) {
        ck_assert_ptr_nonnull(mkdtemp(folder));
        atexit(remove_folder);
    }
    is_made = true;
    setenv("XDG_CACHE_HOME", folder, 1);
    host_seed(7);
}

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_products");
    TCase *tests = tcase_create("products");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, keeps_plans);
    tcase_add_test(tests, bounds_plans);
    tcase_add_test(tests, keeps_choices);
    tcase_add_loop_test(tests, convolves, 0, CASES);
    tcase_add_loop_test(tests, convolves_transposed, 0, CASES);
    tcase_add_loop_test(tests, convolves_without_cudnn, 0, CASES);
    tcase_add_test(tests, convolves_each_channel);
    tcase_add_loop_test(tests, multiplies, 0, CASES);
    tcase_add_loop_test(tests, multiplies_as_gemm, 0, CASES);
    suite_add_tcase(suite, tests);
    return suite;
}
