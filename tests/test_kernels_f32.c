/* Every kernel of float convolutions this CPU can run against the reference kernel of its operator:
 * odd sizes, guarded and odd-aligned memory, one thread and more, fused work, infinities and NaN;
 * and activations. */
#include "tests/support/float_host.h"
#include "tests/support/runner.h"

#include "ops/cpu/float32/activation_f32.h"
#include "ops/cpu/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- convolution ---- */

typedef struct conv_case {
    int rank; /* spatial axes */
    int64_t batch, channels, outputs, group;
    int64_t in[3], kernel[3], stride[3], dilation[3], pads[6];
    bool no_bias, dynamic;
    nn_epilogue epilogue;
} conv_case;

static void check_conv(const conv_case *c) {
    kernel_host host;
    char what[256];
    int64_t x[5] = {c->batch, c->channels}, w[5] = {c->outputs, c->channels / c->group};
    int64_t strides[3], dilations[3], taps = 1;
    for (int i = 0; i < c->rank; i++) {
        x[i + 2] = c->in[i];
        w[i + 2] = c->kernel[i];
        strides[i] = c->stride[i] ? c->stride[i] : 1;
        dilations[i] = c->dilation[i] ? c->dilation[i] : 1;
        taps *= c->kernel[i];
    }
    char text[64], kernel[64];
    snprintf(what, sizeof what, "x %s w %s group %lld stride %lld dilation %lld pads %lld %lld",
             nn_dims_text(x, c->rank + 2, text, sizeof text),
             nn_dims_text(w, c->rank + 2, kernel, sizeof kernel), (long long)c->group,
             (long long)strides[c->rank - 1], (long long)dilations[c->rank - 1],
             (long long)c->pads[c->rank - 1], (long long)c->pads[2 * c->rank - 1]);
    host_init(&host, &nn_op_conv, 22);
    host_int(&host, "group", c->group);
    host_ints(&host, "strides", strides, c->rank);
    host_ints(&host, "dilations", dilations, c->rank);
    host_ints(&host, "pads", c->pads, 2 * c->rank);
    random_input(&host, x, c->rank + 2, false);
    random_input(&host, w, c->rank + 2, !c->dynamic);
    if (c->no_bias)
        host_absent(&host);
    else
        random_input(&host, &c->outputs, 1, !c->dynamic);
    host.epilogue = c->epilogue;
    if (c->epilogue.has_residual) {
        int64_t y[5] = {c->batch, c->outputs};
        for (int i = 0; i < c->rank; i++) {
            int64_t padded = c->in[i] + c->pads[i] + c->pads[i + c->rank];
            y[i + 2] = (padded - (c->kernel[i] - 1) * dilations[i] - 1) / strides[i] + 1;
        }
        host.epilogue.residual = 3;
        random_input(&host, y, c->rank + 2, false);
    }
    host_infer(&host);
    double terms = (double)(c->channels / c->group * taps);
    check_all(&host, 1e-6 * (3 + sqrt(terms)), what);
    host_clear(&host);
}

static const nn_epilogue no_work = {0};

/* Sizes at random, small enough that all kernels run in a blink. */
static conv_case random_conv(int rank) {
    conv_case c = {.rank = rank, .batch = host_between(1, 2), .group = 1};
    c.channels = host_between(0, 3) ? host_between(1, 20) : host_between(1, 70);
    c.outputs = host_between(0, 3) ? host_between(1, 20) : host_between(1, 70);
    if (host_between(0, 3) == 0) {
        c.group = host_between(2, 5);
        c.channels = c.group * host_between(1, 9);
        c.outputs = c.group * host_between(1, 18);
    }
    for (int i = 0; i < rank; i++) {
        c.kernel[i] = host_between(1, rank == 3 ? 3 : 5);
        c.stride[i] = host_between(1, 3);
        c.dilation[i] = host_between(1, 3);
        c.pads[i] = host_between(0, c.kernel[i]);
        c.pads[i + rank] = host_between(0, c.kernel[i]);
        int64_t least = (c.kernel[i] - 1) * c.dilation[i] + 1 - c.pads[i] - c.pads[i + rank];
        c.in[i] = host_between(least > 1 ? least : 1, rank == 3 ? 9 : 20);
        if (c.in[i] < least) c.in[i] = least;
    }
    c.no_bias = host_between(0, 3) == 0;
    c.dynamic = host_between(0, 7) == 0;
    if (host_between(0, 2) == 0) {
        c.epilogue.before = random_activation();
        c.epilogue.has_residual = host_between(0, 1);
        c.epilogue.after = random_activation();
    }
    return c;
}

START_TEST(convolutions_of_random_sizes) {
    host_seed(100 + (uint32_t)_i);
    for (int i = 0; i < 30; i++) {
        conv_case c = random_conv(1 + _i % 3);
        check_conv(&c);
    }
}
END_TEST

START_TEST(depthwise_convolutions_of_random_sizes) {
    host_seed(700 + (uint32_t)_i);
    for (int i = 0; i < 18; i++) {
        conv_case c = random_conv(1 + i % 3);
        c.group = host_between(2, 70);
        c.channels = c.group;
        c.outputs = c.group * (host_between(0, 4) ? 1 : host_between(2, 3));
        int last = c.rank - 1;
        if (host_between(0, 1)) { /* the widths, strides that have code of their own */
            c.kernel[last] = 3 + 2 * host_between(0, 2);
            c.stride[last] = host_between(1, 2);
            c.dilation[last] = 1;
            c.pads[last] = host_between(0, c.kernel[last]);
            c.in[last] = host_between(c.kernel[last], 40);
        }
        check_conv(&c);
    }
}
END_TEST

/* 3x3 with stride 1 and whole vectors of channels, two output rows of which are multiplied by a
 * transformed kernel: rows from one pixel to several tiles, any input row of which is padding. */
START_TEST(depthwise_convolutions_of_3x3) {
    host_seed(760 + (uint32_t)_i);
    for (int i = 0; i < 40; i++) {
        conv_case c = {.rank = 2, .batch = host_between(1, 2), .kernel = {3, 3}};
        c.group = c.channels = c.outputs = 16 * host_between(1, 9);
        for (int axis = 0; axis < 2; axis++) {
            const bool even = host_between(0, 2) != 0;
            c.pads[axis] = even ? 1 : host_between(0, 3);
            c.pads[axis + 2] = even ? 1 : host_between(0, 3);
            const int64_t least = 3 - c.pads[axis] - c.pads[axis + 2];
            c.in[axis] = host_between(least > 1 ? least : 1, axis == 0 ? 20 : 40);
        }
        c.no_bias = host_between(0, 3) == 0;
        c.dynamic = host_between(0, 7) == 0;
        if (host_between(0, 1)) c.epilogue.before = random_activation();
        c.epilogue.has_residual = host_between(0, 3) == 0;
        check_conv(&c);
    }
}
END_TEST

/* Each number of channels around the widths of the tiles. */
START_TEST(convolutions_of_every_width) {
    host_seed(7);
    for (int64_t outputs = 1; outputs <= 70; outputs++) {
        conv_case c = {.rank = 2,
                       .batch = 1,
                       .channels = 1 + outputs % 19,
                       .outputs = outputs,
                       .group = 1,
                       .in = {3, 2 + outputs % 31},
                       .kernel = {2, 2},
                       .pads = {0, 1, 1, 0},
                       .epilogue = no_work};
        check_conv(&c);
    }
}
END_TEST

/* Few outputs and wide kernels: several pixels of a row are taken as one, and the last are fewer.
 */
START_TEST(convolutions_of_few_outputs) {
    host_seed(900 + (uint32_t)_i);
    for (int i = 0; i < 24; i++) {
        conv_case c = {.rank = 1 + i % 2, .batch = host_between(1, 2), .group = 1};
        const int last = c.rank - 1;
        c.channels = host_between(0, 1) ? 1 : host_between(1, 20);
        c.outputs = host_between(1, 12);
        for (int axis = 0; axis < c.rank; axis++) {
            c.kernel[axis] = axis == last ? host_between(2, 40) : host_between(1, 3);
            c.stride[axis] = axis == last ? host_between(1, 5) : 1;
            c.pads[axis] = host_between(0, c.kernel[axis] / 2);
            c.pads[axis + c.rank] = host_between(0, c.kernel[axis] / 2);
            c.in[axis] =
                c.kernel[axis] + (axis == last ? host_between(0, 120) : host_between(0, 5));
        }
        c.epilogue = random_epilogue(3);
        check_conv(&c);
    }
}
END_TEST

START_TEST(convolutions_of_networks) {
    host_seed(9);
    static const conv_case cases[] = {
        /* the stem of image networks: a kernel row is one tap */
        {.rank = 2,
         .batch = 1,
         .channels = 3,
         .outputs = 64,
         .group = 1,
         .in = {31, 33},
         .kernel = {7, 7},
         .stride = {2, 2},
         .pads = {3, 3, 3, 3},
         .epilogue = {.after = {NN_ACT_RELU, 0, 0}}},
        /* maps of 7x7, two rows a tile, many taps in several passes */
        {.rank = 2,
         .batch = 2,
         .channels = 200,
         .outputs = 70,
         .group = 1,
         .in = {7, 7},
         .kernel = {3, 3},
         .pads = {1, 1, 1, 1},
         .epilogue = {.has_residual = true, .after = {NN_ACT_RELU, 0, 0}}},
        /* pointwise, with more channels than stay in cache at a time */
        {.rank = 2,
         .batch = 2,
         .channels = 2049,
         .outputs = 40,
         .group = 1,
         .in = {5, 6},
         .kernel = {1, 1},
         .epilogue = {.has_residual = true, .after = {NN_ACT_CLIP, -1, 2}}},
        {.rank = 2,
         .batch = 1,
         .channels = 1024,
         .outputs = 48,
         .group = 1,
         .in = {9, 9},
         .kernel = {1, 1},
         .stride = {2, 2},
         .epilogue = {.before = {NN_ACT_SILU, 0, 0}}},
        /* a network over time, dilated, and the same lying on its side */
        {.rank = 1,
         .batch = 1,
         .channels = 32,
         .outputs = 48,
         .group = 1,
         .in = {300},
         .kernel = {3},
         .dilation = {8},
         .pads = {16, 0}},
        {.rank = 2,
         .batch = 1,
         .channels = 32,
         .outputs = 48,
         .group = 1,
         .in = {300, 1},
         .kernel = {3, 1},
         .dilation = {8, 1},
         .pads = {16, 0, 0, 0}},
        /* padding that is wider than a unit of work */
        {.rank = 1,
         .batch = 1,
         .channels = 300,
         .outputs = 64,
         .group = 1,
         .in = {600},
         .kernel = {3},
         .pads = {700, 500}},
        /* pixels 4 KB apart */
        {.rank = 2,
         .batch = 1,
         .channels = 1024,
         .outputs = 80,
         .group = 1,
         .in = {6, 5},
         .kernel = {1, 1}},
        {.rank = 2,
         .batch = 1,
         .channels = 512,
         .outputs = 80,
         .group = 1,
         .in = {9, 7},
         .kernel = {1, 1},
         .stride = {2, 2},
         .pads = {1, 1, 0, 2}},
        {.rank = 2,
         .batch = 1,
         .channels = 1024,
         .outputs = 70,
         .group = 1,
         .in = {6, 15},
         .kernel = {2, 2}},
        /* groups of 4 channels, depthwise with and without a multiplier */
        {.rank = 2,
         .batch = 1,
         .channels = 32,
         .outputs = 32,
         .group = 8,
         .in = {14, 14},
         .kernel = {3, 3},
         .pads = {1, 1, 1, 1}},
        {.rank = 2,
         .batch = 1,
         .channels = 40,
         .outputs = 40,
         .group = 40,
         .in = {15, 17},
         .kernel = {3, 3},
         .pads = {1, 1, 1, 1},
         .epilogue = {.after = {NN_ACT_CLIP, 0, 6}}},
        {.rank = 2,
         .batch = 1,
         .channels = 12,
         .outputs = 36,
         .group = 12,
         .in = {15, 17},
         .kernel = {5, 5},
         .stride = {2, 2},
         .pads = {2, 2, 2, 2}},
        /* one pixel */
        {.rank = 2,
         .batch = 1,
         .channels = 130,
         .outputs = 100,
         .group = 1,
         .in = {1, 1},
         .kernel = {1, 1},
         .epilogue = {.after = {NN_ACT_SIGMOID, 0, 0}}},
        {.rank = 2,
         .batch = 1,
         .channels = 16,
         .outputs = 16,
         .group = 1,
         .in = {1, 1},
         .kernel = {3, 3},
         .pads = {1, 1, 1, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_conv(&cases[i]);
}
END_TEST

/* One infinity and one NaN reach exactly the outputs that they reach in the reference. */
START_TEST(infinities_and_nan_stay_where_they_are) {
    for (int special = 0; special < 3; special++) {
        kernel_host host;
        host_init(&host, &nn_op_conv, 22);
        host_ints(&host, "pads", (int64_t[]){1, 1, 1, 1}, 4);
        host_seed(3);
        float *x = random_input(&host, (int64_t[]){1, 5, 9, 17}, 4, false);
        float *w = random_input(&host, (int64_t[]){19, 5, 3, 3}, 4, true);
        for (int i = 0; i < 19 * 5 * 9; i++) w[i] = fabsf(w[i]) + 0.1f;
        x[2 * 9 * 17 + 4 * 17 + 6] = special == 0 ? INFINITY : special == 1 ? -INFINITY : NAN;
        host.epilogue.after = (nn_activation){NN_ACT_RELU, 0, 0};
        host_infer(&host);
        check_all(&host, 1e-5, "special values");
        host_clear(&host);
    }
}
END_TEST

/* ---- transposed convolution ---- */

START_TEST(transposed_convolutions_of_random_sizes) {
    host_seed(800 + (uint32_t)_i);
    for (int i = 0; i < 20; i++) {
        kernel_host host;
        char what[256], text[64], kernel_text[64];
        int rank = 1 + i % 3;
        int64_t group = host_between(0, 3) ? 1 : host_between(2, 3), x[5], w[5], y[5], strides[3],
                dilations[3];
        int64_t pads[6], extra[3], taps = 1;
        x[0] = y[0] = host_between(1, 2);
        x[1] = w[0] = group * host_between(1, 20);
        w[1] = host_between(1, host_between(0, 2) ? 40 : 3);
        y[1] = group * w[1];
        for (int axis = 0; axis < rank; axis++) {
            w[axis + 2] = host_between(1, rank == 3 ? 3 : 5);
            strides[axis] = host_between(1, 3);
            dilations[axis] = host_between(1, 3);
            x[axis + 2] = host_between(1, rank == 3 ? 5 : 11);
            extra[axis] = strides[axis] > 1 ? host_between(0, strides[axis] - 1) : 0;
            int64_t reach = (w[axis + 2] - 1) * dilations[axis] + 1;
            pads[axis] = host_between(0, (reach - 1) / 2);
            pads[axis + rank] = host_between(0, (reach - 1) / 2);
            y[axis + 2] = strides[axis] * (x[axis + 2] - 1) + extra[axis] + reach - pads[axis] -
                          pads[axis + rank];
            taps *= w[axis + 2];
        }
        snprintf(what, sizeof what, "transposed x %s w %s group %lld",
                 nn_dims_text(x, rank + 2, text, sizeof text),
                 nn_dims_text(w, rank + 2, kernel_text, sizeof kernel_text), (long long)group);
        host_init(&host, &nn_op_conv_transpose, 22);
        host_int(&host, "group", group);
        host_ints(&host, "strides", strides, rank);
        host_ints(&host, "dilations", dilations, rank);
        host_ints(&host, "pads", pads, 2 * rank);
        host_ints(&host, "output_padding", extra, rank);
        random_input(&host, x, rank + 2, false);
        random_input(&host, w, rank + 2, true);
        random_input(&host, &y[1], 1, host_between(0, 1));
        host.epilogue = random_epilogue(3);
        if (host.epilogue.has_residual) random_input(&host, y, rank + 2, false);
        /* A bias that is not constant is packed for all threads. */
        host.workspaces_apart = host.constant[2];
        host_infer(&host);
        ck_assert(nn_dims_equal(host.out[0].dims, host.out[0].rank, y, rank + 2));
        check_all(&host, 1e-6 * (3 + sqrt((double)(x[1] / group * taps))), what);
        host_clear(&host);
    }
}
END_TEST

/* ---- activations ---- */

/* The vector code of every level against the scalar definitions, in units of the last place of
 * results (of values near one for those that are differences). */
START_TEST(activations_agree_with_their_definitions) {
    static const struct {
        nn_isa isa;
        nn_activate_function run;
    } levels[] = {
        {NN_ISA_PORTABLE, nn_activate_f32_portable},
#if defined(__x86_64__)
        {NN_ISA_AVX2, nn_activate_f32_avx2},
        {NN_ISA_AVX512, nn_activate_f32_avx512},
#endif
    };
    const nn_activation activation = {(nn_activation_kind)_i, 0.2f, 0.5f};
    enum { COUNT = 4003 };
    for (size_t level = 0; level < sizeof levels / sizeof *levels; level++) {
        if (levels[level].isa > nn_cpu_get()->isa) continue;
        float x[COUNT], y[COUNT];
        for (int i = 0; i < COUNT; i++) x[i] = (float)(i - 2000) * (i % 3 ? 0.01f : 0.1f);
        const float special[] = {0, -0.0f, 1e-30f, -1e-7f, 1e30f, -1e30f, INFINITY, -INFINITY, NAN};
        memcpy(x, special, sizeof special);
        memcpy(y, x, sizeof x);
        levels[level].run(activation, y, COUNT);
        for (int i = 0; i < COUNT; i++) {
            float want = nn_activate(activation, x[i]);
            ck_assert_msg(
                !differs(y[i], want, 6e-7), "level %s, kind %d: f(%.9g) is %.9g, must be %.9g",
                nn_isa_name(levels[level].isa), _i, (double)x[i], (double)y[i], (double)want);
        }
        /* These keep their precision however small the result is, and their range. */
        if (activation.kind != NN_ACT_SIGMOID && activation.kind != NN_ACT_TANH) continue;
        for (int i = 0; i < COUNT; i++) {
            double want = (double)nn_activate(activation, x[i]);
            ck_assert(isnan(y[i]) || fabs((double)y[i] - want) <= 4e-7 * fabs(want) + 1e-38);
            ck_assert(isnan(y[i]) || fabsf(y[i]) <= 1);
        }
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("float kernels");
    TCase *conv = tcase_create("convolution");
    tcase_set_timeout(conv, 120);
    tcase_add_loop_test(conv, convolutions_of_random_sizes, 0, 6);
    tcase_add_loop_test(conv, depthwise_convolutions_of_random_sizes, 0, 4);
    tcase_add_loop_test(conv, depthwise_convolutions_of_3x3, 0, 4);
    tcase_add_loop_test(conv, transposed_convolutions_of_random_sizes, 0, 3);
    tcase_add_test(conv, convolutions_of_every_width);
    tcase_add_loop_test(conv, convolutions_of_few_outputs, 0, 4);
    tcase_add_test(conv, convolutions_of_networks);
    tcase_add_test(conv, infinities_and_nan_stay_where_they_are);
    suite_add_tcase(suite, conv);
    TCase *activation = tcase_create("activation");
    tcase_add_loop_test(activation, activations_agree_with_their_definitions, 0, NN_ACT_KINDS);
    suite_add_tcase(suite, activation);
    return suite;
}
