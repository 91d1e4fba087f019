/* Every float kernel this CPU can run against the reference kernel of its operator: odd sizes,
 * guarded and odd-aligned memory, one thread and more, fused work, infinities and NaN. */
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include "ops/cpu/float32/activation_f32.h"
#include "ops/cpu/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void fill(float *data, int64_t count) {
    for (int64_t i = 0; i < count; i++) data[i] = host_random();
}

static int64_t count_of(const int64_t *dims, int rank) {
    int64_t count = 1;
    for (int i = 0; i < rank; i++) count *= dims[i];
    return count;
}

static float *random_input(kernel_host *host, const int64_t *dims, int rank, bool constant) {
    float *data = host_input(host, NNOPT_FLOAT, dims, rank, constant);
    fill(data, count_of(dims, rank));
    return data;
}

/* Differs by more than rounding; NaN equals NaN, infinities equal themselves. */
static bool differs(float got, float want, double tolerance) {
    if (isnan(got) || isnan(want)) return isnan(got) != isnan(want);
    if (got == want) return false;
    return !(fabs((double)got - (double)want) <= tolerance * (1 + fabs((double)want)));
}

static const nn_kernel *reference_of(const nn_op *op) {
    const nn_kernel *const *kernel = op->kernels;
    while (kernel[1] != NULL) kernel++;
    return *kernel;
}

/* Runs all kernels of the node that take it and compares them with the last one. */
static void check_all(kernel_host *host, double tolerance, const char *what) {
    const nn_kernel *reference = reference_of(host->op);
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1};
    host_run(host, reference, NN_LAYOUT_STANDARD, &target);
    int64_t count = nn_tensor_count(&host->out[0]);
    float *want = malloc((size_t)count * sizeof *want + 1);
    ck_assert_ptr_nonnull(want);
    memcpy(want, host->out[0].data, (size_t)count * sizeof *want);
    for (const nn_kernel *const *kernel = host->op->kernels; *kernel != reference; kernel++) {
        bool any = (*kernel)->layout == NN_LAYOUT_ANY;
        /* Their error is in proportion to the greatest result (test_winograd_*.c). */
        double allowed = strstr((*kernel)->name, "winograd") != NULL ? 3 * tolerance : tolerance;
        for (int trial = 0; trial < (any ? 4 : 2); trial++) {
            target.threads = trial % 2 == 0 ? 1 : 3;
            if (!host_accepts(host, *kernel, &target)) continue;
            nn_layout layout = !any        ? (*kernel)->layout
                               : trial < 2 ? NN_LAYOUT_CHANNELS_LAST
                                           : NN_LAYOUT_STANDARD;
            memset(host->out[0].data, 0xff, (size_t)count * sizeof *want);
            host_run(host, *kernel, layout, &target);
            const float *got = host->out[0].data;
            for (int64_t i = 0; i < count; i++)
                ck_assert_msg(!differs(got[i], want[i], allowed),
                              "%s, kernel '%s', %d threads: element %lld is %.9g, must be %.9g",
                              what, (*kernel)->name, target.threads, (long long)i, (double)got[i],
                              (double)want[i]);
        }
    }
    free(want);
}

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

static int64_t pick(int64_t low, int64_t high) {
    return low + (int64_t)host_random_below((uint32_t)(high - low + 1));
}

static nn_activation random_activation(void) {
    nn_activation out = {(nn_activation_kind)host_random_below(NN_ACT_KINDS), 0.1f, 0.5f};
    return out;
}

static nn_epilogue random_epilogue(int residual) {
    nn_epilogue out = {0};
    if (pick(0, 1)) return out;
    out.before = random_activation();
    out.has_residual = pick(0, 1);
    out.residual = residual;
    out.after = random_activation();
    return out;
}

/* Sizes at random, small enough that all kernels run in a blink. */
static conv_case random_conv(int rank) {
    conv_case c = {.rank = rank, .batch = pick(1, 2), .group = 1};
    c.channels = pick(0, 3) ? pick(1, 20) : pick(1, 70);
    c.outputs = pick(0, 3) ? pick(1, 20) : pick(1, 70);
    if (pick(0, 3) == 0) {
        c.group = pick(2, 5);
        c.channels = c.group * pick(1, 9);
        c.outputs = c.group * pick(1, 18);
    }
    for (int i = 0; i < rank; i++) {
        c.kernel[i] = pick(1, rank == 3 ? 3 : 5);
        c.stride[i] = pick(1, 3);
        c.dilation[i] = pick(1, 3);
        c.pads[i] = pick(0, c.kernel[i]);
        c.pads[i + rank] = pick(0, c.kernel[i]);
        int64_t least = (c.kernel[i] - 1) * c.dilation[i] + 1 - c.pads[i] - c.pads[i + rank];
        c.in[i] = pick(least > 1 ? least : 1, rank == 3 ? 9 : 20);
        if (c.in[i] < least) c.in[i] = least;
    }
    c.no_bias = pick(0, 3) == 0;
    c.dynamic = pick(0, 7) == 0;
    if (pick(0, 2) == 0) {
        c.epilogue.before = random_activation();
        c.epilogue.has_residual = pick(0, 1);
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
        c.group = pick(2, 70);
        c.channels = c.group;
        c.outputs = c.group * (pick(0, 4) ? 1 : pick(2, 3));
        int last = c.rank - 1;
        if (pick(0, 1)) { /* the widths, strides that have code of their own */
            c.kernel[last] = 3 + 2 * pick(0, 2);
            c.stride[last] = pick(1, 2);
            c.dilation[last] = 1;
            c.pads[last] = pick(0, c.kernel[last]);
            c.in[last] = pick(c.kernel[last], 40);
        }
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
        conv_case c = {.rank = 1 + i % 2, .batch = pick(1, 2), .group = 1};
        const int last = c.rank - 1;
        c.channels = pick(0, 1) ? 1 : pick(1, 20);
        c.outputs = pick(1, 12);
        for (int axis = 0; axis < c.rank; axis++) {
            c.kernel[axis] = axis == last ? pick(2, 40) : pick(1, 3);
            c.stride[axis] = axis == last ? pick(1, 5) : 1;
            c.pads[axis] = pick(0, c.kernel[axis] / 2);
            c.pads[axis + c.rank] = pick(0, c.kernel[axis] / 2);
            c.in[axis] = c.kernel[axis] + (axis == last ? pick(0, 120) : pick(0, 5));
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
        int64_t group = pick(0, 3) ? 1 : pick(2, 3), x[5], w[5], y[5], strides[3], dilations[3];
        int64_t pads[6], extra[3], taps = 1;
        x[0] = y[0] = pick(1, 2);
        x[1] = w[0] = group * pick(1, 20);
        w[1] = pick(1, pick(0, 2) ? 40 : 3);
        y[1] = group * w[1];
        for (int axis = 0; axis < rank; axis++) {
            w[axis + 2] = pick(1, rank == 3 ? 3 : 5);
            strides[axis] = pick(1, 3);
            dilations[axis] = pick(1, 3);
            x[axis + 2] = pick(1, rank == 3 ? 5 : 11);
            extra[axis] = strides[axis] > 1 ? pick(0, strides[axis] - 1) : 0;
            int64_t reach = (w[axis + 2] - 1) * dilations[axis] + 1;
            pads[axis] = pick(0, (reach - 1) / 2);
            pads[axis + rank] = pick(0, (reach - 1) / 2);
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
        random_input(&host, &y[1], 1, pick(0, 1));
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

/* ---- matrix products ---- */

static void check_matmul(const int64_t *a, int a_rank, const int64_t *b, int b_rank,
                         const int64_t *y, int y_rank, bool constant) {
    kernel_host host;
    char what[256], a_text[64], b_text[64];
    snprintf(what, sizeof what, "%s x %s", nn_dims_text(a, a_rank, a_text, sizeof a_text),
             nn_dims_text(b, b_rank, b_text, sizeof b_text));
    host_init(&host, &nn_op_matmul, 13);
    random_input(&host, a, a_rank, false);
    random_input(&host, b, b_rank, constant);
    host.epilogue = random_epilogue(2);
    if (host.epilogue.has_residual) random_input(&host, y, y_rank, false);
    host_infer(&host);
    check_all(&host, 1e-6 * (3 + sqrt((double)a[a_rank - 1])), what);
    host_clear(&host);
}

START_TEST(products_of_random_sizes) {
    host_seed(200 + (uint32_t)_i);
    for (int i = 0; i < 40; i++) {
        int64_t m = pick(1, 40), k = pick(0, 3) ? pick(1, 40) : pick(1, 700), n = pick(1, 150);
        int64_t batch = pick(1, 5), heads = pick(1, 3);
        bool constant = pick(0, 1);
        switch (pick(0, 5)) {
        case 0:
            check_matmul((int64_t[]){m, k}, 2, (int64_t[]){k, n}, 2, (int64_t[]){m, n}, 2,
                         constant);
            break;
        case 1:
            check_matmul((int64_t[]){batch, m, k}, 3, (int64_t[]){k, n}, 2,
                         (int64_t[]){batch, m, n}, 3, constant);
            break;
        case 2:
            check_matmul((int64_t[]){batch, heads, m, k}, 4, (int64_t[]){batch, heads, k, n}, 4,
                         (int64_t[]){batch, heads, m, n}, 4, constant);
            break;
        case 3:
            check_matmul((int64_t[]){batch, 1, m, k}, 4, (int64_t[]){heads, k, n}, 3,
                         (int64_t[]){batch, heads, m, n}, 4, constant);
            break;
        case 4:
            check_matmul((int64_t[]){k}, 1, (int64_t[]){batch, k, n}, 3, (int64_t[]){batch, n}, 2,
                         constant);
            break;
        default:
            check_matmul((int64_t[]){batch, m, k}, 3, (int64_t[]){k}, 1, (int64_t[]){batch, m}, 2,
                         constant);
        }
    }
}
END_TEST

START_TEST(products_with_a_bias) {
    host_seed(240 + (uint32_t)_i);
    for (int i = 0; i < 15; i++) {
        int64_t rows = pick(1, 40), k = pick(1, 300), n = pick(1, 150), batch = pick(1, 3);
        kernel_host host;
        char what[96];
        bool constant = pick(0, 2) > 0;
        snprintf(what, sizeof what, "%lld x %lld rows, %lldx%lld", (long long)batch,
                 (long long)rows, (long long)k, (long long)n);
        host_init(&host, &nn_op_linear, 1);
        random_input(&host, (int64_t[]){batch, rows, k}, 3, false);
        random_input(&host, (int64_t[]){k, n}, 2, constant);
        random_input(&host, &n, 1, constant);
        host.epilogue = random_epilogue(3);
        if (host.epilogue.has_residual) random_input(&host, (int64_t[]){batch, rows, n}, 3, false);
        host_infer(&host);
        check_all(&host, 1e-6 * (3 + sqrt((double)k)), what);
        host_clear(&host);
    }
}
END_TEST

START_TEST(attention_of_random_shapes) {
    host_seed(280 + (uint32_t)_i);
    for (int i = 0; i < 12; i++) {
        int64_t batch = pick(1, 2), heads = pick(1, 4), shared = pick(1, 2), size = pick(1, 40);
        int64_t queries = pick(1, 80), keys = pick(0, 4) ? pick(1, 80) : pick(250, 300);
        int64_t values = pick(1, 70), mask_kind = pick(0, 3);
        bool is_wide = pick(0, 1);
        kernel_host host;
        char what[128];
        snprintf(what, sizeof what, "%lld x %lld heads of %lld, %lld queries, %lld keys, mask %lld",
                 (long long)batch, (long long)(heads * shared), (long long)size, (long long)queries,
                 (long long)keys, (long long)mask_kind);
        host_init(&host, &nn_op_attention, 23);
        host_float(&host, "scale", 0.3f);
        host_int(&host, "is_causal", pick(0, 3) == 0);
        if (pick(0, 4) == 0) host_float(&host, "softcap", 2);
        if (is_wide) {
            host_int(&host, "q_num_heads", heads * shared);
            host_int(&host, "kv_num_heads", heads);
            random_input(&host, (int64_t[]){batch, queries, heads * shared * size}, 3, false);
            random_input(&host, (int64_t[]){batch, keys, heads * size}, 3, false);
            random_input(&host, (int64_t[]){batch, keys, heads * values}, 3, false);
        } else {
            random_input(&host, (int64_t[]){batch, heads * shared, queries, size}, 4, false);
            random_input(&host, (int64_t[]){batch, heads, keys, size}, 4, false);
            random_input(&host, (int64_t[]){batch, heads, keys, values}, 4, false);
        }
        if (mask_kind > 0) {
            int64_t rows = mask_kind == 1 ? 1 : queries;
            float *mask = random_input(&host, (int64_t[]){batch, 1, rows, keys}, 4, false);
            for (int64_t k = 0; mask_kind == 3 && k < batch * rows * keys; k++)
                if (k % 3 == 0 || k < keys) mask[k] = -INFINITY; /* the first query sees nothing */
        }
        host_infer(&host);
        check_all(&host, 1e-5, what);
        host_clear(&host);
    }
}
END_TEST

START_TEST(gemm_in_all_its_forms) {
    host_seed(300 + (uint32_t)_i);
    for (int i = 0; i < 40; i++) {
        kernel_host host;
        char what[128];
        int64_t m = pick(0, 3) ? pick(1, 30) : 1, k = pick(1, 300), n = pick(1, 100);
        bool transpose_a = pick(0, 5) == 0, transpose_b = pick(0, 1), constant = pick(0, 3) != 0;
        int form = (int)pick(0, 5);
        snprintf(what, sizeof what, "gemm %lldx%lldx%lld transposed %d %d, c of form %d",
                 (long long)m, (long long)k, (long long)n, transpose_a, transpose_b, form);
        host_init(&host, &nn_op_gemm, 13);
        host_int(&host, "transA", transpose_a);
        host_int(&host, "transB", transpose_b);
        if (pick(0, 1)) host_float(&host, "alpha", 0.5f);
        if (pick(0, 1)) host_float(&host, "beta", 2);
        random_input(&host, transpose_a ? (int64_t[]){k, m} : (int64_t[]){m, k}, 2, false);
        random_input(&host, transpose_b ? (int64_t[]){n, k} : (int64_t[]){k, n}, 2, constant);
        static const int ranks[] = {0, 1, 2, 2, 0, 2};
        const int64_t shapes[][2] = {{0}, {n}, {m, n}, {m, 1}, {0}, {1, n}};
        if (form == 0)
            host_absent(&host);
        else
            random_input(&host, shapes[form], ranks[form], pick(0, 1));
        host.epilogue = random_epilogue(3);
        if (host.epilogue.has_residual) random_input(&host, (int64_t[]){m, n}, 2, false);
        host_infer(&host);
        check_all(&host, 1e-6 * (3 + sqrt((double)k)), what);
        host_clear(&host);
    }
}
END_TEST

/* ---- pools ---- */

START_TEST(pools_of_random_sizes) {
    static const nn_op *const ops[] = {&nn_op_max_pool, &nn_op_average_pool};
    host_seed(400 + (uint32_t)_i);
    for (int i = 0; i < 40; i++) {
        kernel_host host;
        char what[128], text[64], window[64];
        int rank = 1 + i % 3;
        bool wide = pick(0, 1); /* either long rows or many channels */
        int64_t x[5] = {pick(1, 2), pick(1, wide ? 20 : 150)};
        int64_t kernel[3], stride[3], dilation[3], pads[6];
        for (int axis = 0; axis < rank; axis++) {
            kernel[axis] = pick(1, 4);
            stride[axis] = pick(1, 3);
            dilation[axis] = pick(1, 2);
            pads[axis] = pick(0, kernel[axis] - 1);
            pads[axis + rank] = pick(0, kernel[axis] - 1);
            int64_t most = axis + 1 < rank ? 10 : wide ? 90 : 18;
            x[axis + 2] = pick((kernel[axis] - 1) * dilation[axis] + 1, most);
        }
        snprintf(what, sizeof what, "pool of %s by %s",
                 nn_dims_text(x, rank + 2, text, sizeof text),
                 nn_dims_text(kernel, rank, window, sizeof window));
        host_init(&host, ops[_i % 2], 22);
        host_ints(&host, "kernel_shape", kernel, rank);
        host_ints(&host, "strides", stride, rank);
        host_ints(&host, "dilations", dilation, rank);
        host_ints(&host, "pads", pads, 2 * rank);
        host_int(&host, "ceil_mode", pick(0, 1));
        if (_i % 2 == 1) host_int(&host, "count_include_pad", pick(0, 1));
        random_input(&host, x, rank + 2, false);
        host_infer(&host);
        check_all(&host, 1e-6, what);
        host_clear(&host);
    }
}
END_TEST

START_TEST(pools_over_whole_planes) {
    static const nn_op *const ops[] = {&nn_op_global_max_pool, &nn_op_global_average_pool};
    host_seed(500);
    for (int i = 0; i < 40; i++) {
        kernel_host host;
        int64_t x[5] = {pick(1, 2), pick(1, 600), pick(1, 9), pick(1, 9), pick(1, 9)};
        host_init(&host, ops[i % 2], 22);
        random_input(&host, x, 3 + i % 3, false);
        host_infer(&host);
        check_all(&host, 1e-6, "global pool");
        host_clear(&host);
    }
}
END_TEST

/* The integer forms must give the very bytes. */
START_TEST(max_pools_of_bytes) {
    host_seed(600);
    for (int i = 0; i < 12; i++) {
        kernel_host host;
        nn_type type = i % 2 ? NNOPT_INT8 : NNOPT_UINT8;
        int64_t x[4] = {1, pick(1, 200), pick(3, 9), pick(3, 9)};
        host_init(&host, &nn_op_max_pool, 22);
        host_ints(&host, "kernel_shape", (int64_t[]){3, 2}, 2);
        host_ints(&host, "pads", (int64_t[]){1, 0, 1, 1}, 4);
        uint8_t *data = host_input(&host, type, x, 4, false);
        for (int64_t k = 0; k < count_of(x, 4); k++) data[k] = (uint8_t)host_random_below(256);
        host_infer(&host);
        nn_target target = {.isa = nn_cpu_get()->isa, .threads = 2};
        size_t bytes = (size_t)nn_tensor_bytes(&host.out[0]);
        uint8_t *want = malloc(bytes);
        host_run(&host, &nn_kernel_max_pool_reference, NN_LAYOUT_STANDARD, &target);
        memcpy(want, host.out[0].data, bytes);
        for (const nn_kernel *const *kernel = host.op->kernels; kernel[1] != NULL; kernel++) {
            if (!host_accepts(&host, *kernel, &target)) continue;
            for (int last = 0; last < 2; last++) {
                host_run(&host, *kernel, last ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD,
                         &target);
                ck_assert_msg(memcmp(want, host.out[0].data, bytes) == 0, "kernel '%s'",
                              (*kernel)->name);
            }
        }
        free(want);
        host_clear(&host);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("float kernels");
    TCase *conv = tcase_create("convolution");
    tcase_set_timeout(conv, 120);
    tcase_add_loop_test(conv, convolutions_of_random_sizes, 0, 6);
    tcase_add_loop_test(conv, depthwise_convolutions_of_random_sizes, 0, 4);
    tcase_add_loop_test(conv, transposed_convolutions_of_random_sizes, 0, 3);
    tcase_add_test(conv, convolutions_of_every_width);
    tcase_add_loop_test(conv, convolutions_of_few_outputs, 0, 4);
    tcase_add_test(conv, convolutions_of_networks);
    tcase_add_test(conv, infinities_and_nan_stay_where_they_are);
    suite_add_tcase(suite, conv);
    TCase *activation = tcase_create("activation");
    tcase_add_loop_test(activation, activations_agree_with_their_definitions, 0, NN_ACT_KINDS);
    suite_add_tcase(suite, activation);
    TCase *product = tcase_create("matrix product");
    tcase_set_timeout(product, 120);
    tcase_add_loop_test(product, products_of_random_sizes, 0, 4);
    tcase_add_loop_test(product, products_with_a_bias, 0, 3);
    tcase_add_loop_test(product, attention_of_random_shapes, 0, 6);
    tcase_add_loop_test(product, gemm_in_all_its_forms, 0, 3);
    suite_add_tcase(suite, product);
    TCase *pool = tcase_create("pool");
    tcase_set_timeout(pool, 120);
    tcase_add_loop_test(pool, pools_of_random_sizes, 0, 6);
    tcase_add_test(pool, pools_over_whole_planes);
    tcase_add_test(pool, max_pools_of_bytes);
    suite_add_tcase(suite, pool);
    return suite;
}
