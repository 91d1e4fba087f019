/* Convolutions by Winograd's algorithms, every form and instruction set this CPU has, against the
 * reference convolution: odd sizes, guarded memory, threads, fused work, infinities and NaN; the
 * bound of their error, and when they are chosen. */
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include "ops/cpu/float32/winograd/winograd_f32.h"
#include "ops/cpu/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Of 5x5 kernels those with two outputs. */
static const nn_kernel *const kernels[] = {NN_KERNELS(conv_winograd4_f32),
                                           NN_KERNELS(conv_winograd2_f32), NULL};

static const nn_winograd_form *const forms[] = {
#if defined(__x86_64__)
    &nn_winograd_f32_avx512.four,
    &nn_winograd_f32_avx512.two,
    &nn_winograd_f32_avx512.two_of_five,
    &nn_winograd_f32_avx2.four,
    &nn_winograd_f32_avx2.two,
    &nn_winograd_f32_avx2.two_of_five,
#endif
    &nn_winograd_f32_portable.four,
    &nn_winograd_f32_portable.two,
    &nn_winograd_f32_portable.two_of_five,
    NULL,
};

static int64_t taps_of(const nn_winograd_form *form) {
    return form->points - form->outputs + 1;
}

/* Can this CPU run the form? */
static bool is_usable(const nn_winograd_form *form) {
    nn_isa isa = nn_cpu_get()->isa;
    return form->tiles->lanes <= (isa >= NN_ISA_AVX512 ? 16 : isa >= NN_ISA_AVX2 ? 8 : 4);
}

/* ---- against the reference ---- */

typedef struct winograd_case {
    int64_t batch, channels, outputs, in[2], pads[4];
    int64_t taps; /* of the kernel along an axis; 0: 3 */
    bool no_bias;
    nn_epilogue epilogue;
} winograd_case;

static int64_t case_taps(const winograd_case *c) {
    return c->taps > 0 ? c->taps : 3;
}

static float *random_input(kernel_host *host, const int64_t *dims, int rank, bool constant) {
    float *data = host_input(host, NNOPT_FLOAT, dims, rank, constant);
    int64_t count = nn_tensor_count(&host->in[host->in_count - 1]);
    for (int64_t i = 0; i < count; i++) data[i] = host_random();
    return data;
}

/* The kernel's bound: its error stays under the limit times the greatest result of the channel
 * (here before the epilogue, whose activations are no steeper than 1). */
static void check_bound(const nn_kernel *kernel, const winograd_case *c, int threads,
                        const nn_tensor *y, const float *want, double greatest) {
    const float *got = y->data;
    int64_t count = nn_tensor_count(y);
    for (int64_t i = 0; i < count; i++) {
        bool same = got[i] == want[i] || (isnan(got[i]) && isnan(want[i]));
        double limit = NN_WINOGRAD_ERROR_LIMIT * greatest;
        ck_assert_msg(same || fabs((double)got[i] - want[i]) <= limit,
                      "kernel '%s', %d threads, %lldx%lldx%lldx%lld to %lld channels, pads %lld "
                      "%lld: element %lld is %.9g, must be %.9g",
                      kernel->name, threads, (long long)c->batch, (long long)c->channels,
                      (long long)c->in[0], (long long)c->in[1], (long long)c->outputs,
                      (long long)c->pads[0], (long long)c->pads[1], (long long)i, (double)got[i],
                      (double)want[i]);
    }
}

/* The reference result into host->out; a copy of it. */
static float *reference(kernel_host *host) {
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1};
    host_run(host, &nn_kernel_conv_reference, NN_LAYOUT_STANDARD, &target);
    size_t bytes = (size_t)nn_tensor_bytes(&host->out[0]);
    float *want = malloc(bytes);
    ck_assert_ptr_nonnull(want);
    memcpy(want, host->out[0].data, bytes);
    return want;
}

static bool computes(const nn_kernel *kernel, const winograd_case *c) {
    return case_taps(c) == 3 || strncmp(kernel->name, "conv_winograd2", 14) == 0;
}

static void check_host(kernel_host *host, const winograd_case *c) {
    nn_epilogue epilogue = host->view.epilogue;
    host->view.epilogue = (nn_epilogue){0};
    float *want = reference(host);
    double greatest = 0;
    for (int64_t i = 0; i < nn_tensor_count(&host->out[0]); i++)
        if (isfinite(want[i])) greatest = fmax(greatest, fabs((double)want[i]));
    free(want);
    host->view.epilogue = epilogue;
    want = reference(host);
    nn_target target = {.isa = nn_cpu_get()->isa};
    for (const nn_kernel *const *kernel = kernels; *kernel != NULL; kernel++) {
        if ((*kernel)->isa > target.isa || !computes(*kernel, c)) continue;
        for (target.threads = 1; target.threads <= 3; target.threads += 2) {
            memset(host->out[0].data, 0xff, (size_t)nn_tensor_bytes(&host->out[0]));
            host_run(host, *kernel, NN_LAYOUT_CHANNELS_LAST, &target);
            check_bound(*kernel, c, target.threads, &host->out[0], want, greatest);
        }
    }
    free(want);
}

static void init_case(kernel_host *host, const winograd_case *c) {
    const int64_t taps = case_taps(c);
    host_init(host, &nn_op_conv, 22);
    host_ints(host, "pads", c->pads, 4);
    random_input(host, (int64_t[]){c->batch, c->channels, c->in[0], c->in[1]}, 4, false);
    random_input(host, (int64_t[]){c->outputs, c->channels, taps, taps}, 4, true);
    if (c->no_bias)
        host_absent(host);
    else
        random_input(host, &c->outputs, 1, true);
    host->epilogue = c->epilogue;
    if (c->epilogue.has_residual) {
        host->epilogue.residual = 3;
        int64_t height = c->in[0] + c->pads[0] + c->pads[2] - taps + 1;
        int64_t width = c->in[1] + c->pads[1] + c->pads[3] - taps + 1;
        random_input(host, (int64_t[]){c->batch, c->outputs, height, width}, 4, false);
    }
    host_infer(host);
}

static void check_case(const winograd_case *c) {
    kernel_host host;
    init_case(&host, c);
    check_host(&host, c);
    host_clear(&host);
}

START_TEST(random_sizes) {
    host_seed(40 + (uint32_t)_i);
    for (int i = 0; i < 20; i++) {
        winograd_case c = {.batch = host_between(1, 2), .no_bias = host_between(0, 3) == 0};
        c.taps = host_between(0, 1) ? 3 : 5;
        c.channels = host_between(0, 3) ? host_between(1, 20) : host_between(1, 70);
        c.outputs = host_between(0, 3) ? host_between(1, 40) : host_between(1, 140);
        for (int axis = 0; axis < 2; axis++) {
            c.in[axis] = host_between(1, 21);
            for (int side = 0; side < 2; side++) c.pads[axis + 2 * side] = host_between(0, 2);
            if (c.in[axis] + c.pads[axis] + c.pads[axis + 2] < c.taps) c.pads[axis] += c.taps - 1;
        }
        if (host_between(0, 1)) {
            c.epilogue.before = host_gentle_activation();
            c.epilogue.has_residual = host_between(0, 1);
            c.epilogue.after = host_gentle_activation();
        }
        check_case(&c);
    }
}
END_TEST

START_TEST(sizes_of_networks) {
    host_seed(5);
    static const winograd_case cases[] = {
        /* many blocks, each with all its panels */
        {.batch = 1,
         .channels = 64,
         .outputs = 64,
         .in = {56, 56},
         .pads = {1, 1, 1, 1},
         .epilogue = {.has_residual = true, .after = {NN_ACT_RELU, 0, 0}}},
        /* pixels and rows that share sets of L1; one block, whose panels are shared */
        {.batch = 1,
         .channels = 256,
         .outputs = 96,
         .in = {14, 14},
         .pads = {1, 1, 1, 1},
         .epilogue = {.after = {NN_ACT_RELU, 0, 0}}},
        /* more images than fit into a block */
        {.batch = 5,
         .channels = 130,
         .outputs = 33,
         .in = {15, 13},
         .pads = {1, 1, 1, 1},
         .epilogue = {.after = {NN_ACT_SILU, 0, 0}}},
        /* a tile that lies in the padding as a whole */
        {.batch = 1, .channels = 3, .outputs = 5, .in = {2, 3}, .pads = {9, 8, 7, 9}},
        {.batch = 1, .channels = 1, .outputs = 1, .in = {3, 3}},
        /* the second layer of MNIST-8 */
        {.batch = 1,
         .channels = 8,
         .outputs = 16,
         .in = {14, 14},
         .pads = {2, 2, 2, 2},
         .taps = 5,
         .epilogue = {.after = {NN_ACT_RELU, 0, 0}}},
        {.batch = 1, .channels = 2, .outputs = 3, .in = {1, 5}, .pads = {4, 0, 3, 4}, .taps = 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_case(&cases[i]);
}
END_TEST

/* One infinity or NaN reaches exactly the outputs that it reaches in the reference; with a fused
 * residual, which takes the memory of the output, too. */
START_TEST(infinities_and_nan_stay_where_they_are) {
    static const float specials[] = {INFINITY, -INFINITY, NAN, 3e38f};
    static const nn_epilogue epilogues[] = {
        {.after = {NN_ACT_RELU, 0, 0}},
        {.has_residual = true},
        {.before = {NN_ACT_LEAKY_RELU, 0.1f, 0}, .has_residual = true},
    };
    const winograd_case base = {
        .batch = 1, .channels = 5, .outputs = 70, .in = {9, 17}, .pads = {1, 1, 1, 1}};
    host_seed(3);
    for (int i = 0; i < 24; i++) {
        kernel_host host;
        winograd_case c = base;
        if (i >= 12) c.taps = 5;
        c.epilogue = epilogues[i / 4 % 3];
        init_case(&host, &c);
        float *x = host.in[0].data, *w = host.in[1].data;
        for (int k = 0; k < 70 * 5 * case_taps(&c) * case_taps(&c); k++)
            w[k] = 0.1f * (fabsf(w[k]) + 0.1f);
        x[2 * 9 * 17 + 4 * 17 + 6] = specials[i % 4];
        x[3 * 9 * 17 + 8 * 17 + 16] = specials[(i + 1) % 4];
        check_host(&host, &c);
        host_clear(&host);
    }
}
END_TEST

/* ---- accuracy ---- */

static nn_conv_geometry geometry_of(int64_t size, int64_t taps, int64_t channels, int64_t outputs) {
    const nn_window_axis one = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    const nn_window_axis side = {.in = size,
                                 .out = size,
                                 .kernel = taps,
                                 .stride = 1,
                                 .dilation = 1,
                                 .pad_begin = taps / 2,
                                 .pad_end = taps / 2};
    return (nn_conv_geometry){
        .batch = 1,
        .groups = 1,
        .in_channels = channels,
        .out_channels = outputs,
        .in_pitch = channels,
        .out_pitch = outputs,
        .group_in_channels = channels,
        .group_out_channels = outputs,
        .axes = {one, side, side},
        .in_pixels = size * size,
        .out_pixels = size * size,
        .taps = taps * taps,
    };
}

typedef struct packed_weights {
    nn_winograd_f32_plan plan;
    float *w, *packed;
} packed_weights;

/* Random weights of that scale. */
static packed_weights pack(const nn_winograd_form *form, int64_t channels, int64_t outputs,
                           float scale) {
    packed_weights out;
    const int64_t taps = taps_of(form), floats = channels * outputs * taps * taps;
    nn_conv_geometry g = geometry_of(28, taps, channels, outputs);
    nn_winograd_f32_plan_make(&g, form, NN_SHARE_NEVER, 1, &(nn_epilogue){0}, &out.plan);
    out.w = malloc((size_t)floats * sizeof(float));
    out.packed = calloc(1, nn_winograd_packed_bytes(&out.plan));
    ck_assert(out.w != NULL && out.packed != NULL);
    for (int64_t i = 0; i < floats; i++) out.w[i] = host_random() * scale;
    nn_winograd_pack(&out.plan, out.w, out.packed);
    return out;
}

static double error_of(const packed_weights *weights) {
    return nn_winograd_error(&weights->plan, weights->w, weights->packed);
}

static void unpack(packed_weights *weights) {
    free(weights->w);
    free(weights->packed);
}

/* Rounding grows with the channels and stays far enough from the limit that usual weights pass;
 * it is there, so the measure is one. Values so small that their transform loses bits, so large
 * that it overflows, and weights that are no numbers do not pass. */
START_TEST(error_is_measured) {
    host_seed(11);
    for (const nn_winograd_form *const *form = forms; *form != NULL; form++) {
        if (!is_usable(*form)) continue;
        static const int64_t channels[] = {16, 64, 512};
        for (int i = 0; i < 3; i++) {
            packed_weights weights = pack(*form, channels[i], 40, 0.05f);
            double error = error_of(&weights);
            ck_assert_msg(error > 1e-8 && error < NN_WINOGRAD_ERROR_LIMIT / 2,
                          "F(%d, %lld) with %lld channels: %g", (*form)->outputs,
                          (long long)taps_of(*form), (long long)channels[i], error);
            unpack(&weights);
        }
        static const float scales[] = {1e-42f, 3e38f, INFINITY, NAN};
        for (int i = 0; i < 4; i++) {
            packed_weights weights = pack(*form, 16, 40, scales[i]);
            ck_assert_msg(!(error_of(&weights) <= NN_WINOGRAD_ERROR_LIMIT), "weights of %g",
                          (double)scales[i]);
            unpack(&weights);
        }
        packed_weights zero = pack(*form, 16, 40, 0);
        ck_assert(error_of(&zero) == 0);
        unpack(&zero);
    }
}
END_TEST

/* A node whose weights are refused is computed directly. */
START_TEST(refused_weights_run_directly) {
    const winograd_case c = {
        .batch = 1, .channels = 6, .outputs = 20, .in = {9, 9}, .pads = {1, 1, 1, 1}};
    kernel_host host;
    host_seed(21);
    init_case(&host, &c);
    float *w = host.in[1].data;
    for (int i = 0; i < 20 * 6 * 9; i++) w[i] *= 1e-40f;
    memset(host.in[2].data, 0, 20 * sizeof(float));
    check_host(&host, &c);
    host_clear(&host);
}
END_TEST

START_TEST(weights_are_found_again) {
    host_seed(12);
    for (const nn_winograd_form *const *form = forms; *form != NULL; form++) {
        packed_weights weights = pack(*form, 3, 5, 1);
        const int64_t columns = weights.plan.cut.columns, count = taps_of(*form) * taps_of(*form);
        for (int64_t k = 0; k < 3; k++) {
            float taps[NN_WINOGRAD_TAPS * NN_WINOGRAD_TAPS][NN_TILE_MAX_COLUMNS];
            nn_winograd_unpack(&weights.plan, weights.packed + k * columns,
                               nn_winograd_point_step(&weights.plan.cut), NULL, 4, taps);
            for (int64_t j = 0; j < 4; j++)
                for (int tap = 0; tap < count; tap++)
                    ck_assert_double_le(
                        fabs((double)taps[tap][j] - weights.w[(j * 3 + k) * count + tap]), 2e-6);
        }
        unpack(&weights);
    }
}
END_TEST

/* ---- choice ---- */

START_TEST(choice_follows_the_shape) {
    static const struct {
        int64_t size, taps, channels, outputs;
        int form;
    } cases[] = {{224, 3, 64, 64, 4},  {56, 3, 64, 64, 4},   {28, 3, 128, 128, 4},
                 {28, 3, 512, 512, 4}, {14, 3, 256, 256, 2}, {14, 3, 512, 512, 2},
                 {7, 3, 512, 512, 2},  {224, 3, 3, 64, 1},   {256, 3, 1, 8, 1},
                 {8, 3, 4, 4, 1},      {27, 5, 64, 192, 2},  {14, 5, 32, 64, 2},
                 {28, 5, 1, 8, 1},     {28, 5, 3, 64, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nn_conv_geometry g =
            geometry_of(cases[i].size, cases[i].taps, cases[i].channels, cases[i].outputs);
        ck_assert_int_eq(nn_winograd_choose(&g, &nn_winograd_rival_f32, NN_ISA_AVX512, 1),
                         cases[i].form);
    }
    nn_conv_geometry g = geometry_of(56, 3, 64, 64);
    ck_assert(nn_winograd_suits(&g) && !nn_winograd_suits_taps(&g, 5));
    g.axes[NN_WIDTH].stride = 2;
    ck_assert(!nn_winograd_suits(&g));
    g = geometry_of(56, 3, 64, 64);
    g.axes[NN_HEIGHT].dilation = 2;
    ck_assert(!nn_winograd_suits(&g));
    g = geometry_of(56, 3, 64, 64);
    g.groups = 2;
    ck_assert(!nn_winograd_suits(&g));
    g = geometry_of(56, 3, 64, 64);
    g.axes[NN_HEIGHT].kernel = 1;
    ck_assert(!nn_winograd_suits(&g));
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("convolution by Winograd's algorithms");
    TCase *run = tcase_create("against the reference");
    tcase_set_timeout(run, 120);
    tcase_add_loop_test(run, random_sizes, 0, 4);
    tcase_add_test(run, sizes_of_networks);
    tcase_add_test(run, infinities_and_nan_stay_where_they_are);
    suite_add_tcase(suite, run);
    TCase *accuracy = tcase_create("accuracy");
    tcase_set_timeout(accuracy, 60);
    tcase_add_test(accuracy, error_is_measured);
    tcase_add_test(accuracy, refused_weights_run_directly);
    tcase_add_test(accuracy, weights_are_found_again);
    suite_add_tcase(suite, accuracy);
    TCase *choice = tcase_create("choice");
    tcase_add_test(choice, choice_follows_the_shape);
    suite_add_tcase(suite, choice);
    return suite;
}
