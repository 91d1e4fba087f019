/* Convolutions of plans in bf16 against the float reference kernels, as in test_kernels_bf16.c. */
#include "tests/support/bf16_host.h"
#include "tests/support/runner.h"

#include "ops/cpu/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__x86_64__)

BF16_PRODUCT(conv);
BF16_PRODUCT(conv_transpose);
BF16_ALONE(depthwise, avx512bf16);

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
    float *data = bf16_random_input(&host, x, c->rank + 2, false);
    if (c->special) make_special(data, count);
    bf16_random_input(&host, w, c->rank + 2, true);
    if (c->no_bias)
        host_absent(&host);
    else
        bf16_random_input(&host, &c->outputs, 1, true);
    host.epilogue = c->epilogue;
    if (c->epilogue.has_residual) bf16_random_input(&host, y, c->rank + 2, false);
    double terms = (double)(c->channels / c->group * taps);
    bf16_check_kernels(&host, kernels, bf16, 2e-6 * (3 + terms), what);
    host_clear(&host);
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
    c.epilogue = bf16_random_epilogue(3);
    return c;
}

START_TEST(convolutions_of_random_sizes) {
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    host_seed(100 + (uint32_t)_i);
    for (int i = 0; i < 12; i++) {
        conv_case c = random_conv(1 + _i % 3);
        check_conv(&c, conv_kernels, bf16_random_operands(3));
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
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    host_seed(7);
    conv_case c = cases[_i];
    c.rank = 2;
    c.batch = c.group = c.dilation[0] = c.dilation[1] = 1;
    for (int i = 0; i < 4; i++) {
        c.epilogue = bf16_random_epilogue(3);
        check_conv(&c, conv_kernels, bf16_random_operands(3));
    }
}
END_TEST

START_TEST(transposed_convolutions_of_random_sizes) {
    if (!bf16_has_isa(NN_ISA_BF16)) return;
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
        check_conv(&c, conv_transpose_kernels, bf16_random_operands(3));
    }
}
END_TEST

START_TEST(depthwise_convolutions_of_random_sizes) {
    if (!bf16_has_isa(NN_ISA_BF16)) return;
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
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    host_seed(900 + (uint32_t)_i);
    for (int i = 0; i < 8; i++) {
        conv_case c = random_conv(1 + i % 2);
        c.special = true;
        c.epilogue = (nn_epilogue){.after = {host_between(0, 1) ? NN_ACT_RELU : NN_ACT_NONE, 0, 0}};
        check_conv(&c, conv_kernels, bf16_random_operands(3));
        c.group = c.channels = c.outputs = host_between(2, 70);
        check_conv(&c, depthwise_kernels, 1 | 1u << 31);
    }
}
END_TEST

START_TEST(weights_that_are_computed_are_not_taken) {
    if (!bf16_has_isa(NN_ISA_BF16)) return;
    kernel_host host;
    host_init(&host, &nn_op_conv, 13);
    bf16_random_input(&host, (int64_t[]){1, 16, 8, 8}, 4, false);
    bf16_random_input(&host, (int64_t[]){16, 16, 3, 3}, 4, false);
    host_infer(&host);
    for (int i = 0; i < 2; i++) ck_assert(!bf16_is_accepted(&host, conv_kernels[i]));
    host_clear(&host);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("kernels of plans in bf16: convolutions");
    TCase *tcase = tcase_create("convolutions");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, convolutions_of_random_sizes, 0, 12);
    tcase_add_loop_test(tcase, convolutions_of_networks, 0, 9);
    tcase_add_loop_test(tcase, transposed_convolutions_of_random_sizes, 0, 9);
    tcase_add_loop_test(tcase, depthwise_convolutions_of_random_sizes, 0, 8);
    tcase_add_loop_test(tcase, infinities_and_nan_stay_where_they_are, 0, 6);
    tcase_add_test(tcase, weights_that_are_computed_are_not_taken);
    suite_add_tcase(suite, tcase);
    return suite;
}

#else

Suite *test_suite(void) {
    Suite *suite = suite_create("kernels of plans in bf16: convolutions");
    printf("skipped: this is no x86-64 CPU\n");
    suite_add_tcase(suite, tcase_create("none"));
    return suite;
}

#endif
