/* Every kernel of plans in bf16 against the float reference kernel of its operator, on numbers that
 * are bf16, so that products are exact and what differs is the order of summation and the rounding
 * of the result: odd sizes, all combinations of types, guarded and odd-aligned memory, one thread
 * and more, fused work, infinities and NaN. */
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include "ops/cpu/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__x86_64__)

/* Kernels of one operator, those for AMX first; tests run all that this CPU can. */
#    define PRODUCT(stem)                                                                          \
        static const nn_kernel *const stem##_kernels[] = {                                         \
            &nn_kernel_##stem##_bf16_amx, &nn_kernel_##stem##_bf16_avx512bf16, NULL}
#    define ALONE(stem, isa_suffix)                                                                \
        static const nn_kernel *const stem##_kernels[] = {&nn_kernel_##stem##_bf16_##isa_suffix,   \
                                                          NULL}
PRODUCT(conv);
PRODUCT(conv_transpose);
PRODUCT(gemm);
PRODUCT(matmul);
PRODUCT(linear);
PRODUCT(recurrent);
ALONE(depthwise, avx512bf16);
ALONE(add, avx512bf16);
ALONE(mul, avx512bf16);
ALONE(max_pool, avx512);
ALONE(average_pool, avx512);
ALONE(global_max_pool, avx512);
ALONE(global_average_pool, avx512);

static bool has_isa(nn_isa isa) {
    static bool told;
    const nn_isa has = nn_cpu_get()->isa;
    if (has < isa && !told)
        printf("skipped: no %s, this CPU has %s\n", nn_isa_name(isa), nn_isa_name(has));
    told |= has < isa;
    return has >= isa;
}

static float random_bf16(void) {
    return nn_bfloat16_to_float(nn_float_to_bfloat16(host_random()));
}

static float *random_input(kernel_host *host, const int64_t *dims, int rank, bool constant) {
    float *data = host_input(host, NNOPT_FLOAT, dims, rank, constant);
    int64_t count = nn_tensor_count(&host->in[host->in_count - 1]);
    for (int64_t i = 0; i < count; i++) data[i] = random_bf16();
    return data;
}

static nn_activation random_activation(void) {
    return (nn_activation){(nn_activation_kind)host_random_below(NN_ACT_KINDS), 0.1f, 0.5f};
}

static nn_epilogue random_epilogue(int residual) {
    nn_epilogue out = {0};
    if (host_between(0, 2) == 0) return out;
    if (host_between(0, 1)) {
        out.has_residual = host_between(0, 1);
        out.after.kind = NN_ACT_RELU;
    } else {
        out.before = random_activation();
        out.has_residual = host_between(0, 1);
        out.after = random_activation();
    }
    out.residual = residual;
    return out;
}

/* NaN equals NaN, infinities equal themselves. */
static bool differs(float got, float want, double relative, double absolute) {
    if (isnan(got) || isnan(want)) return isnan(got) != isnan(want);
    if (got == want) return false;
    return !(fabs((double)got - (double)want) <= absolute + relative * fabs((double)want));
}

static void check_result(kernel_host *host, const nn_kernel *kernel, const float *want, bool rounds,
                         double absolute, const char *what) {
    const int64_t count = nn_tensor_count(&host->out[0]);
    nn_target target = {.isa = kernel->isa, .precision = NN_PRECISION_BF16, .explores = true};
    for (target.threads = 1; target.threads <= 3; target.threads += 2) {
        ck_assert_msg(host_accepts(host, kernel, &target), "%s refuses %s", kernel->name, what);
        host_run(host, kernel, kernel->layout, &target);
        for (int64_t i = 0; i < count; i++) {
            float got = rounds ? nn_bfloat16_to_float(((const uint16_t *)host->out[0].data)[i])
                               : ((const float *)host->out[0].data)[i];
            ck_assert_msg(!differs(got, want[i], rounds ? 0x1p-8 + 1e-5 : 1e-5, absolute),
                          "%s, %s, %d threads: element %lld is %.9g, must be %.9g", kernel->name,
                          what, target.threads, (long long)i, (double)got, (double)want[i]);
        }
    }
}

/* Runs the reference on floats, then each of the kernels with operands `bf16` (a bit for each
 * input, bit 31 the output) in bf16. `absolute`: what the order of summation may change. */
static void check_kernels(kernel_host *host, const nn_kernel *const *kernels, uint32_t bf16,
                          double absolute, const char *what) {
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1};
    const nn_kernel *const *reference = host->op->kernels;
    while (reference[1] != NULL) reference++;
    host_infer(host);
    host_run(host, *reference, NN_LAYOUT_STANDARD, &target);
    int64_t count = nn_tensor_count(&host->out[0]);
    float *want = malloc((size_t)count * sizeof *want + 1);
    ck_assert_ptr_nonnull(want);
    memcpy(want, host->out[0].data, (size_t)count * sizeof *want);
    for (int i = 0; i < host->in_count; i++)
        if (bf16 >> i & 1 && host->in[i].type == NNOPT_FLOAT) host_to_bf16(host, i);
    bool rounds = bf16 >> 31 != 0;
    if (rounds) host_to_bf16(host, -1);
    for (; *kernels != NULL; kernels++)
        if ((*kernels)->isa <= target.isa)
            check_result(host, *kernels, want, rounds, absolute, what);
    free(want);
}

static bool is_accepted(kernel_host *host, const nn_kernel *kernel) {
    nn_target target = {.isa = kernel->isa, .threads = 1, .precision = NN_PRECISION_BF16};
    return host_accepts(host, kernel, &target);
}

/* ---- convolution ---- */

typedef struct conv_case {
    int rank; /* spatial axes */
    int64_t batch, channels, outputs, group;
    int64_t in[3], kernel[3], stride[3], dilation[3], pads[6];
    nn_epilogue epilogue;
    bool no_bias, transposed, special;
} conv_case;

/* Some infinities and NaN, which must reach exactly the outputs that read them. */
static void make_special(float *data, int64_t count) {
    static const float values[] = {INFINITY, -INFINITY, NAN, 0x1p100f, -0.0f};
    for (int k = 0; k < 5; k++) data[host_random_below((uint32_t)count)] = values[k];
}

static void check_conv(const conv_case *c, const nn_kernel *const *kernels, uint32_t bf16) {
    kernel_host host;
    char what[256], text[64], kernel_text[64];
    int64_t x[5] = {c->batch, c->channels}, w[5] = {c->outputs, c->channels / c->group}, y[5];
    if (c->transposed) {
        w[0] = c->channels;
        w[1] = c->outputs / c->group;
    }
    int64_t taps = 1, count = c->batch * c->channels;
    y[0] = c->batch;
    y[1] = c->outputs;
    for (int i = 0; i < c->rank; i++) {
        int64_t pads = c->pads[i] + c->pads[i + c->rank];
        int64_t span = (c->kernel[i] - 1) * c->dilation[i] + 1;
        x[i + 2] = c->in[i];
        w[i + 2] = c->kernel[i];
        y[i + 2] = c->transposed ? (c->in[i] - 1) * c->stride[i] + span - pads
                                 : (c->in[i] + pads - span) / c->stride[i] + 1;
        taps *= c->kernel[i];
        count *= c->in[i];
        if (y[i + 2] < 1) return;
    }
    snprintf(what, sizeof what, "x %s w %s group %lld stride %lld dilation %lld pads %lld %lld",
             nn_dims_text(x, c->rank + 2, text, sizeof text),
             nn_dims_text(w, c->rank + 2, kernel_text, sizeof kernel_text), (long long)c->group,
             (long long)c->stride[c->rank - 1], (long long)c->dilation[c->rank - 1],
             (long long)c->pads[c->rank - 1], (long long)c->pads[2 * c->rank - 1]);
    host_init(&host, c->transposed ? &nn_op_conv_transpose : &nn_op_conv, 22);
    host_int(&host, "group", c->group);
    host_ints(&host, "strides", c->stride, c->rank);
    host_ints(&host, "dilations", c->dilation, c->rank);
    host_ints(&host, "pads", c->pads, 2 * c->rank);
    float *data = random_input(&host, x, c->rank + 2, false);
    if (c->special) make_special(data, count);
    random_input(&host, w, c->rank + 2, true);
    if (c->no_bias)
        host_absent(&host);
    else
        random_input(&host, &c->outputs, 1, true);
    host.epilogue = c->epilogue;
    if (c->epilogue.has_residual) random_input(&host, y, c->rank + 2, false);
    double terms = (double)(c->channels / c->group * taps);
    check_kernels(&host, kernels, bf16, 2e-6 * (3 + terms), what);
    host_clear(&host);
}

/* Operands that may be bf16 by themselves: x, the residual, the output. */
static uint32_t random_operands(int residual) {
    return (uint32_t)host_between(0, 1) | (uint32_t)host_between(0, 1) << residual |
           (uint32_t)host_between(0, 1) << 31;
}

static conv_case random_conv(int rank) {
    conv_case c = {.rank = rank, .batch = host_between(1, 2), .group = 1};
    c.channels = host_between(0, 3) ? host_between(1, 40) : host_between(1, 100);
    c.outputs = host_between(0, 3) ? host_between(1, 40) : host_between(1, 100);
    if (host_between(0, 3) == 0) {
        c.group = host_between(2, 3);
        c.channels = c.group * host_between(8, 20);
        c.outputs = c.group * host_between(8, 40);
    }
    for (int i = 0; i < rank; i++) {
        c.kernel[i] =
            host_between(0, 1) ? 1 + 2 * host_between(0, 1) : host_between(1, rank == 3 ? 3 : 5);
        c.stride[i] = host_between(0, 1) ? 1 : host_between(1, 6);
        c.dilation[i] = host_between(0, 1) ? 1 : host_between(1, 3);
        c.pads[i] = host_between(0, c.kernel[i]);
        c.pads[i + rank] = host_between(0, c.kernel[i]);
        int64_t least = (c.kernel[i] - 1) * c.dilation[i] + 1 - c.pads[i] - c.pads[i + rank];
        c.in[i] = host_between(least > 1 ? least : 1, rank == 3 ? 7 : rank == 1 ? 70 : 24);
        if (c.in[i] < least) c.in[i] = least;
    }
    c.no_bias = host_between(0, 3) == 0;
    c.epilogue = random_epilogue(3);
    return c;
}

START_TEST(convolutions_of_random_sizes) {
    if (!has_isa(NN_ISA_BF16)) return;
    host_seed(100 + (uint32_t)_i);
    for (int i = 0; i < 12; i++) {
        conv_case c = random_conv(1 + _i % 3);
        check_conv(&c, conv_kernels, random_operands(3));
    }
}
END_TEST

/* The shapes that networks have: stems, narrow maps, strides, dilations, few channels. */
START_TEST(convolutions_of_networks) {
    static const conv_case cases[] = {
        {.channels = 3,
         .outputs = 64,
         .in = {33, 31},
         .kernel = {7, 7},
         .stride = {2, 2},
         .pads = {3, 3, 3, 3}},
        {.channels = 1,
         .outputs = 16,
         .in = {28, 28},
         .kernel = {5, 5},
         .stride = {1, 1},
         .pads = {2, 2, 2, 2}},
        {.channels = 64,
         .outputs = 48,
         .in = {7, 7},
         .kernel = {3, 3},
         .stride = {1, 1},
         .pads = {1, 1, 1, 1}},
        {.channels = 64,
         .outputs = 64,
         .in = {14, 14},
         .kernel = {3, 3},
         .stride = {2, 2},
         .pads = {1, 1, 1, 1}},
        {.channels = 96, .outputs = 40, .in = {14, 14}, .kernel = {1, 1}, .stride = {2, 2}},
        {.channels = 144, .outputs = 24, .in = {9, 20}, .kernel = {1, 1}, .stride = {1, 1}},
        {.channels = 512,
         .outputs = 33,
         .in = {5, 5},
         .kernel = {3, 3},
         .stride = {1, 1},
         .pads = {1, 1, 1, 1}},
        {.channels = 16,
         .outputs = 16,
         .in = {12, 50},
         .kernel = {3, 3},
         .stride = {1, 1},
         .pads = {1, 1, 1, 1}},
        {.channels = 32, .outputs = 64, .in = {1, 1}, .kernel = {1, 1}, .stride = {1, 1}},
    };
    if (!has_isa(NN_ISA_BF16)) return;
    host_seed(7);
    conv_case c = cases[_i];
    c.rank = 2;
    c.batch = c.group = c.dilation[0] = c.dilation[1] = 1;
    for (int i = 0; i < 4; i++) {
        c.epilogue = random_epilogue(3);
        check_conv(&c, conv_kernels, random_operands(3));
    }
}
END_TEST

START_TEST(transposed_convolutions_of_random_sizes) {
    if (!has_isa(NN_ISA_BF16)) return;
    host_seed(300 + (uint32_t)_i);
    for (int i = 0; i < 8; i++) {
        conv_case c = random_conv(1 + _i % 3);
        c.transposed = true;
        c.group = 1;
        c.channels = host_between(8, 40);
        c.outputs = host_between(8, 40);
        for (int axis = 0; axis < c.rank; axis++) {
            c.stride[axis] = host_between(1, 3);
            c.in[axis] = host_between(1, 6);
        }
        check_conv(&c, conv_transpose_kernels, random_operands(3));
    }
}
END_TEST

START_TEST(depthwise_convolutions_of_random_sizes) {
    if (!has_isa(NN_ISA_BF16)) return;
    host_seed(500 + (uint32_t)_i);
    for (int i = 0; i < 12; i++) {
        conv_case c = random_conv(1 + i % 3);
        int last = c.rank - 1;
        c.group = c.channels = c.outputs = host_between(2, 100);
        if (host_between(0, 1)) { /* the widths, strides that have code of their own */
            c.kernel[last] = 3 + 2 * host_between(0, 2);
            c.stride[last] = host_between(1, 2);
            c.dilation[last] = 1;
            c.pads[last] = host_between(0, c.kernel[last]);
            c.in[last] = host_between(c.kernel[last], 40);
        }
        check_conv(&c, depthwise_kernels, 1 | 1u << 3 | 1u << 31);
    }
}
END_TEST

START_TEST(infinities_and_nan_stay_where_they_are) {
    if (!has_isa(NN_ISA_BF16)) return;
    host_seed(900 + (uint32_t)_i);
    for (int i = 0; i < 8; i++) {
        conv_case c = random_conv(1 + i % 2);
        c.special = true;
        c.epilogue = (nn_epilogue){.after = {host_between(0, 1) ? NN_ACT_RELU : NN_ACT_NONE, 0, 0}};
        check_conv(&c, conv_kernels, random_operands(3));
        c.group = c.channels = c.outputs = host_between(2, 70);
        check_conv(&c, depthwise_kernels, 1 | 1u << 31);
    }
}
END_TEST

/* ---- products ---- */

START_TEST(gemms_of_random_sizes) {
    if (!has_isa(NN_ISA_BF16)) return;
    host_seed(1100 + (uint32_t)_i);
    for (int i = 0; i < 10; i++) {
        kernel_host host;
        char what[96];
        int64_t m = host_between(0, 2) ? host_between(1, 70) : 1, n = host_between(8, 90),
                k = host_between(8, 150);
        bool transposed = host_between(0, 1), has_c = host_between(0, 1);
        snprintf(what, sizeof what, "%lld x %lld x %lld", (long long)m, (long long)n, (long long)k);
        host_init(&host, &nn_op_gemm, 13);
        host_int(&host, "transB", transposed);
        host_float(&host, "alpha", 0.5f);
        host_float(&host, "beta", has_c ? 2 : 1);
        random_input(&host, (int64_t[]){m, k}, 2, false);
        random_input(&host, transposed ? (int64_t[]){n, k} : (int64_t[]){k, n}, 2, true);
        if (has_c)
            random_input(&host, &n, 1, true);
        else
            host_absent(&host);
        host.epilogue = random_epilogue(3);
        if (host.epilogue.has_residual) random_input(&host, (int64_t[]){m, n}, 2, false);
        check_kernels(&host, gemm_kernels, random_operands(3), 2e-6 * (double)(3 + k), what);
        host_clear(&host);
    }
}
END_TEST

START_TEST(gemm_adds_a_whole_matrix) {
    if (!has_isa(NN_ISA_BF16)) return;
    kernel_host host;
    host_seed(5);
    host_init(&host, &nn_op_gemm, 13);
    random_input(&host, (int64_t[]){19, 40}, 2, false);
    random_input(&host, (int64_t[]){40, 33}, 2, true);
    random_input(&host, (int64_t[]){19, 33}, 2, false);
    check_kernels(&host, gemm_kernels, 1, 1e-4, "C of 19x33");
    host_clear(&host);
}
END_TEST

START_TEST(matmuls_of_random_sizes) {
    if (!has_isa(NN_ISA_BF16)) return;
    host_seed(1300 + (uint32_t)_i);
    for (int i = 0; i < 10; i++) {
        kernel_host host;
        char what[96];
        int64_t m = host_between(1, 50), n = host_between(8, 80), k = host_between(8, 100),
                batch = host_between(1, 4);
        bool constant = host_between(0, 1), one_b = host_between(0, 1);
        snprintf(what, sizeof what, "%lld of %lld x %lld x %lld%s%s", (long long)batch,
                 (long long)m, (long long)n, (long long)k, constant ? ", constant" : "",
                 one_b ? ", one B" : "");
        host_init(&host, &nn_op_matmul, 13);
        random_input(&host, (int64_t[]){batch, m, k}, 3, false);
        random_input(&host, one_b ? (int64_t[]){1, k, n} : (int64_t[]){batch, k, n}, 3, constant);
        host.epilogue = random_epilogue(2);
        if (host.epilogue.has_residual) random_input(&host, (int64_t[]){batch, m, n}, 3, false);
        uint32_t operands = random_operands(2) | (constant ? 0 : (uint32_t)host_between(0, 1) << 1);
        check_kernels(&host, matmul_kernels, operands, 2e-6 * (double)(3 + k), what);
        host_clear(&host);
    }
}
END_TEST

START_TEST(linears_of_random_sizes) {
    if (!has_isa(NN_ISA_BF16)) return;
    host_seed(1700 + (uint32_t)_i);
    for (int i = 0; i < 6; i++) {
        kernel_host host;
        int64_t m = host_between(1, 50), n = host_between(8, 80), k = host_between(8, 100),
                batch = host_between(1, 3);
        host_init(&host, &nn_op_linear, 1);
        random_input(&host, (int64_t[]){batch, m, k}, 3, false);
        random_input(&host, (int64_t[]){k, n}, 2, true);
        random_input(&host, &n, 1, true);
        host.epilogue = random_epilogue(3);
        if (host.epilogue.has_residual) random_input(&host, (int64_t[]){batch, m, n}, 3, false);
        check_kernels(&host, linear_kernels, random_operands(3), 2e-6 * (double)(3 + k), "Linear");
        host_clear(&host);
    }
}
END_TEST

/* Keys and probabilities are rounded, so results are as near as that; a mask, several heads,
 * grouped queries, and more queries than a block holds. */
START_TEST(attention_of_random_sizes) {
    const nn_kernel *const *all = nn_op_attention.kernels;
    const nn_kernel *const attention_kernels[] = {all[0], all[1], NULL};
    if (!has_isa(NN_ISA_BF16)) return;
    host_seed(1900 + (uint32_t)_i);
    for (int i = 0; i < 5; i++) {
        kernel_host host;
        int64_t batch = host_between(1, 2), kv_heads = host_between(1, 3),
                heads = kv_heads * host_between(1, 2);
        int64_t queries = i == 0   ? 150
                          : i == 1 ? 128
                                   : host_between(8, 40),
                keys = host_between(8, 70);
        int64_t size = host_between(8, 70), values = host_between(8, 70);
        bool flat = host_between(0, 1), has_mask = host_between(0, 1);
        host_init(&host, &nn_op_attention, 23);
        if (flat) {
            host_int(&host, "q_num_heads", heads);
            host_int(&host, "kv_num_heads", kv_heads);
            random_input(&host, (int64_t[]){batch, queries, heads * size}, 3, false);
            random_input(&host, (int64_t[]){batch, keys, kv_heads * size}, 3, false);
            random_input(&host, (int64_t[]){batch, keys, kv_heads * values}, 3, false);
        } else {
            host_int(&host, "is_causal", host_between(0, 1));
            random_input(&host, (int64_t[]){batch, heads, queries, size}, 4, false);
            random_input(&host, (int64_t[]){batch, kv_heads, keys, size}, 4, false);
            random_input(&host, (int64_t[]){batch, kv_heads, keys, values}, 4, false);
        }
        if (has_mask) random_input(&host, (int64_t[]){batch, 1, queries, keys}, 4, false);
        uint32_t operands = host_between(0, 1) ? 3 : 0;
        operands |= (uint32_t)host_between(0, 1) << 2 | (uint32_t)host_between(0, 1) << 31;
        check_kernels(&host, attention_kernels, operands, 0x1p-7, "Attention");
        host_clear(&host);
    }
}
END_TEST

/* ---- recurrent layers ---- */

/* States are rounded in each step, so results are as near as that. */
START_TEST(recurrent_layers_of_random_sizes) {
    static const nn_op *const ops[] = {&nn_op_rnn, &nn_op_gru, &nn_op_lstm};
    static const int64_t gates[] = {1, 3, 4};
    if (!has_isa(NN_ISA_BF16)) return;
    host_seed(2300 + (uint32_t)_i);
    for (int i = 0; i < 6; i++) {
        kernel_host host;
        const int kind = i % 3;
        const int64_t directions = host_between(1, 2),
                      batch = host_between(0, 1) ? 1 : host_between(2, 20);
        const int64_t steps = host_between(1, 6), inputs = host_between(8, 70),
                      hidden = host_between(16, 70);
        const int64_t columns = gates[kind] * hidden;
        host_init(&host, ops[kind], 14);
        host_int(&host, "hidden_size", hidden);
        host_text(&host, "direction", directions == 2 ? "bidirectional" : "forward");
        if (kind == 1) host_int(&host, "linear_before_reset", host_between(0, 1));
        random_input(&host, (int64_t[]){steps, batch, inputs}, 3, false);
        float *w = random_input(&host, (int64_t[]){directions, columns, inputs}, 3, true);
        for (int64_t k = 0; k < directions * columns * inputs; k++) w[k] *= 0.125f;
        float *r = random_input(&host, (int64_t[]){directions, columns, hidden}, 3, true);
        for (int64_t k = 0; k < directions * columns * hidden; k++) r[k] *= 0.125f;
        random_input(&host, (int64_t[]){directions, 2 * columns}, 2, true);
        check_kernels(&host, recurrent_kernels, 0, 0x1p-6, host.op->name);
        host_clear(&host);
    }
}
END_TEST

/* ---- sums and products of maps ---- */

START_TEST(sums_and_products_of_maps) {
    if (!has_isa(NN_ISA_BF16)) return;
    host_seed(2100 + (uint32_t)_i);
    for (int i = 0; i < 8; i++) {
        kernel_host host;
        const bool adds = i % 2 == 0, gates = host_between(0, 1), first = host_between(0, 1);
        int64_t map[4] = {host_between(1, 3), host_between(1, 100), host_between(1, 9),
                          host_between(1, 9)};
        int64_t other[4] = {map[0], map[1], gates ? 1 : map[2], gates ? 1 : map[3]};
        host_init(&host, adds ? &nn_op_add : &nn_op_mul, 14);
        random_input(&host, first ? other : map, 4, false);
        random_input(&host, first ? map : other, 4, false);
        check_kernels(&host, adds ? add_kernels : mul_kernels, 3 | 1u << 31, 0, "maps");
        host_clear(&host);
    }
}
END_TEST

/* ---- pools ---- */

START_TEST(pools_of_random_sizes) {
    static const struct {
        const nn_op *op;
        const nn_kernel *const *kernels;
        bool is_global;
    } pools[] = {
        {&nn_op_max_pool, max_pool_kernels, false},
        {&nn_op_average_pool, average_pool_kernels, false},
        {&nn_op_global_max_pool, global_max_pool_kernels, true},
        {&nn_op_global_average_pool, global_average_pool_kernels, true},
    };
    if (!has_isa(NN_ISA_BF16)) return;
    host_seed(1500 + (uint32_t)_i);
    for (int i = 0; i < 8; i++) {
        kernel_host host;
        int64_t dims[4] = {host_between(1, 2), host_between(1, 150), host_between(3, 15),
                           host_between(3, 15)};
        host_init(&host, pools[_i % 4].op, pools[_i % 4].is_global ? 1 : 12);
        if (!pools[_i % 4].is_global) {
            host_ints(&host, "kernel_shape", (int64_t[]){host_between(1, 3), host_between(1, 3)},
                      2);
            host_ints(&host, "strides", (int64_t[]){host_between(1, 3), host_between(1, 3)}, 2);
        }
        random_input(&host, dims, 4, false);
        check_kernels(&host, pools[_i % 4].kernels, 1 | 1u << 31, 1e-5, "a pool");
        host_clear(&host);
    }
}
END_TEST

/* ---- what is not taken ---- */

START_TEST(only_plans_in_bf16_have_them) {
    if (!has_isa(NN_ISA_BF16)) return;
    kernel_host host;
    host_init(&host, &nn_op_matmul, 13);
    random_input(&host, (int64_t[]){16, 32}, 2, false);
    random_input(&host, (int64_t[]){32, 32}, 2, true);
    host_infer(&host);
    nn_target target = {.threads = 1};
    for (int i = 0; i < 2; i++) {
        target.isa = matmul_kernels[i]->isa;
        target.precision = NN_PRECISION_FP32;
        ck_assert_str_eq(nn_kernel_select(&host.view, &target)->name, "matmul_f32_avx512");
        target.precision = NN_PRECISION_BF16;
        ck_assert_ptr_eq(nn_kernel_select(&host.view, &target), matmul_kernels[i]);
    }
    /* Float kernels would read bf16 as floats. */
    host_to_bf16(&host, 0);
    ck_assert_ptr_eq(nn_kernel_select(&host.view, &target), matmul_kernels[1]);
    target.isa = NN_ISA_VNNI;
    const nn_kernel *other = nn_kernel_select(&host.view, &target);
    ck_assert_msg(other == NULL || strcmp(other->name, "matmul_reference") == 0, "%s", other->name);
    host_clear(&host);
}
END_TEST

START_TEST(weights_that_are_computed_are_not_taken) {
    if (!has_isa(NN_ISA_BF16)) return;
    kernel_host host;
    host_init(&host, &nn_op_conv, 13);
    random_input(&host, (int64_t[]){1, 16, 8, 8}, 4, false);
    random_input(&host, (int64_t[]){16, 16, 3, 3}, 4, false);
    host_infer(&host);
    for (int i = 0; i < 2; i++) ck_assert(!is_accepted(&host, conv_kernels[i]));
    host_clear(&host);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("kernels of plans in bf16");
    TCase *tcase = tcase_create("convolutions");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, convolutions_of_random_sizes, 0, 12);
    tcase_add_loop_test(tcase, convolutions_of_networks, 0, 9);
    tcase_add_loop_test(tcase, transposed_convolutions_of_random_sizes, 0, 9);
    tcase_add_loop_test(tcase, depthwise_convolutions_of_random_sizes, 0, 8);
    tcase_add_loop_test(tcase, infinities_and_nan_stay_where_they_are, 0, 6);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("others");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, gemms_of_random_sizes, 0, 10);
    tcase_add_test(tcase, gemm_adds_a_whole_matrix);
    tcase_add_loop_test(tcase, matmuls_of_random_sizes, 0, 10);
    tcase_add_loop_test(tcase, linears_of_random_sizes, 0, 5);
    tcase_add_loop_test(tcase, attention_of_random_sizes, 0, 6);
    tcase_add_loop_test(tcase, sums_and_products_of_maps, 0, 5);
    tcase_add_loop_test(tcase, recurrent_layers_of_random_sizes, 0, 6);
    tcase_add_loop_test(tcase, pools_of_random_sizes, 0, 8);
    tcase_add_test(tcase, only_plans_in_bf16_have_them);
    tcase_add_test(tcase, weights_that_are_computed_are_not_taken);
    suite_add_tcase(suite, tcase);
    return suite;
}

#else

Suite *test_suite(void) {
    Suite *suite = suite_create("kernels of plans in bf16");
    printf("skipped: this is no x86-64 CPU\n");
    suite_add_tcase(suite, tcase_create("none"));
    return suite;
}

#endif
