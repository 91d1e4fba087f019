/* Convolutions by a kernel of three along one axis by Winograd's algorithm, every instruction set
 * this CPU has, against the reference convolution: axes, dilations, odd sizes, guarded memory,
 * threads, fused work, infinities and NaN; the bound of their error, and when they are chosen. */
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include "ops/cpu/float32/winograd/winograd_line_f32.h"
#include "ops/cpu/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const nn_kernel *const kernels[] = {NN_KERNELS(conv_winograd_line_f32), NULL};

typedef struct line_case {
    int rank, axis; /* spatial axes; the one of the kernel */
    int64_t batch, channels, outputs, in[3], dilation, pads[2];
    bool no_bias;
    nn_epilogue epilogue;
} line_case;

static float *add_input(kernel_host *host, const int64_t *dims, int rank, bool constant) {
    float *data = host_input(host, NNOPT_FLOAT, dims, rank, constant);
    int64_t count = nn_tensor_count(&host->in[host->in_count - 1]);
    for (int64_t i = 0; i < count; i++) data[i] = host_random();
    return data;
}

static void init_case(kernel_host *host, const line_case *c) {
    int64_t x[5] = {c->batch, c->channels}, w[5] = {c->outputs, c->channels};
    int64_t y[5] = {c->batch, c->outputs}, dilations[3] = {1, 1, 1}, pads[6] = {0};
    for (int i = 0; i < c->rank; i++) {
        x[i + 2] = y[i + 2] = c->in[i];
        w[i + 2] = 1;
    }
    w[c->axis + 2] = 3;
    dilations[c->axis] = c->dilation;
    pads[c->axis] = c->pads[0];
    pads[c->axis + c->rank] = c->pads[1];
    y[c->axis + 2] += c->pads[0] + c->pads[1] - 2 * c->dilation;
    host_init(host, &nn_op_conv, 22);
    host_ints(host, "dilations", dilations, c->rank);
    host_ints(host, "pads", pads, 2 * c->rank);
    add_input(host, x, c->rank + 2, false);
    add_input(host, w, c->rank + 2, true);
    if (c->no_bias)
        host_absent(host);
    else
        add_input(host, &c->outputs, 1, true);
    host->epilogue = c->epilogue;
    if (c->epilogue.has_residual) {
        host->epilogue.residual = 3;
        add_input(host, y, c->rank + 2, false);
    }
    host_infer(host);
}

/* The reference result into host->out; a copy of it. */
static float *reference(kernel_host *host) {
    const nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1};
    host_run(host, &nn_kernel_conv_reference, NN_LAYOUT_STANDARD, &target);
    size_t bytes = (size_t)nn_tensor_bytes(&host->out[0]);
    float *want = malloc(bytes);
    ck_assert_ptr_nonnull(want);
    memcpy(want, host->out[0].data, bytes);
    return want;
}

/* The error stays under 1e-5 of the greatest result before the epilogue, whose activations are no
 * steeper than 1. */
static void check_host(kernel_host *host, const line_case *c) {
    const int64_t count = nn_tensor_count(&host->out[0]);
    const nn_epilogue epilogue = host->view.epilogue;
    host->view.epilogue = (nn_epilogue){0};
    float *want = reference(host);
    double greatest = 0;
    for (int64_t i = 0; i < count; i++)
        if (isfinite(want[i])) greatest = fmax(greatest, fabs((double)want[i]));
    free(want);
    host->view.epilogue = epilogue;
    want = reference(host);
    nn_target target = {.isa = nn_cpu_get()->isa};
    for (const nn_kernel *const *kernel = kernels; *kernel != NULL; kernel++)
        for (target.threads = 1; target.threads <= 3; target.threads += 2) {
            if ((*kernel)->isa > target.isa) continue;
            memset(host->out[0].data, 0xff, (size_t)nn_tensor_bytes(&host->out[0]));
            host_run(host, *kernel, NN_LAYOUT_CHANNELS_LAST, &target);
            const float *got = host->out[0].data;
            for (int64_t i = 0; i < count; i++) {
                bool same = got[i] == want[i] || (isnan(got[i]) && isnan(want[i]));
                ck_assert_msg(same || fabs((double)got[i] - (double)want[i]) <= 1e-5 * greatest,
                              "kernel '%s', %d threads, axis %d of %d, %lld to %lld channels, "
                              "dilation %lld: element %lld is %.9g, must be %.9g",
                              (*kernel)->name, target.threads, c->axis, c->rank,
                              (long long)c->channels, (long long)c->outputs, (long long)c->dilation,
                              (long long)i, (double)got[i], (double)want[i]);
            }
        }
    free(want);
}

static void check_case(const line_case *c) {
    kernel_host host;
    init_case(&host, c);
    check_host(&host, c);
    host_clear(&host);
}

static line_case random_case(void) {
    line_case c = {.rank = (int)host_between(1, 3),
                   .batch = host_between(1, 2),
                   .no_bias = host_between(0, 3) == 0};
    c.axis = (int)host_between(0, c.rank - 1);
    c.dilation = host_between(0, 1) ? 1 : host_between(2, 9);
    c.channels = host_between(0, 3) ? host_between(1, 20) : host_between(1, 70);
    c.outputs = host_between(0, 3) ? host_between(1, 40) : host_between(1, 140);
    for (int i = 0; i < c.rank; i++) c.in[i] = host_between(1, i == c.axis ? 60 : 4);
    for (int side = 0; side < 2; side++) c.pads[side] = host_between(0, 2 * c.dilation);
    int64_t least = 2 * c.dilation + 1 - c.pads[0] - c.pads[1];
    if (c.in[c.axis] < least) c.in[c.axis] = least;
    if (host_between(0, 1)) {
        c.epilogue.before = host_gentle_activation();
        c.epilogue.has_residual = host_between(0, 1);
        c.epilogue.after = host_gentle_activation();
    }
    return c;
}

START_TEST(random_sizes) {
    host_seed(60 + (uint32_t)_i);
    for (int i = 0; i < 25; i++) {
        line_case c = random_case();
        check_case(&c);
    }
}
END_TEST

/* Several blocks of tiles, and panels of weights. */
START_TEST(long_lines) {
    host_seed(70);
    static const line_case cases[] = {
        {.rank = 1,
         .batch = 1,
         .channels = 64,
         .outputs = 64,
         .in = {500},
         .dilation = 32,
         .pads = {32, 32},
         .epilogue = {.has_residual = true, .after = {NN_ACT_RELU, 0, 0}}},
        {.rank = 1,
         .batch = 2,
         .channels = 256,
         .outputs = 80,
         .in = {301},
         .dilation = 1,
         .pads = {2, 0}},
        {.rank = 2,
         .axis = 0,
         .batch = 1,
         .channels = 24,
         .outputs = 33,
         .in = {40, 20},
         .dilation = 1,
         .pads = {1, 1}},
        {.rank = 2,
         .axis = 1,
         .batch = 1,
         .channels = 24,
         .outputs = 16,
         .in = {20, 40},
         .dilation = 2,
         .pads = {2, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_case(&cases[i]);
}
END_TEST

START_TEST(infinities_and_nan_stay_where_they_are) {
    const line_case c = {
        .rank = 1,
        .batch = 1,
        .channels = 19,
        .outputs = 40,
        .in = {70},
        .dilation = 3,
        .pads = {3, 3},
        .epilogue = {.has_residual = true, .after = {_i % 2 ? NN_ACT_TANH : NN_ACT_RELU, 0, 0}}};
    static const float specials[] = {INFINITY, -INFINITY, NAN};
    kernel_host host;
    host_seed(80);
    init_case(&host, &c);
    float *x = host.in[0].data, *residual = host.in[3].data;
    x[5 * 70 + 33] = specials[_i / 2];
    residual[7 * 70 + 10] = specials[_i / 2];
    check_host(&host, &c);
    host_clear(&host);
}
END_TEST

START_TEST(weights_that_are_not_finite_are_run_directly) {
    const line_case c = {.rank = 1,
                         .batch = 1,
                         .channels = 16,
                         .outputs = 16,
                         .in = {40},
                         .dilation = 1,
                         .pads = {1, 1}};
    kernel_host host;
    host_seed(90);
    init_case(&host, &c);
    ((float *)host.in[1].data)[100] = INFINITY;
    check_host(&host, &c);
    host_clear(&host);
}
END_TEST

static bool is_chosen(int64_t channels, int64_t length, int64_t kernel, int64_t stride) {
    kernel_host host;
    host_init(&host, &nn_op_conv, 22);
    host_ints(&host, "strides", &stride, 1);
    add_input(&host, (int64_t[]){1, channels, length}, 3, false);
    add_input(&host, (int64_t[]){channels, channels, kernel}, 3, true);
    host_infer(&host);
    const nn_target target = {.isa = NN_ISA_AVX512, .threads = 1};
    bool chosen = kernels[0]->accepts(&host.view, &target);
    host_clear(&host);
    return chosen;
}

START_TEST(it_is_chosen_where_channels_are_many) {
    ck_assert(is_chosen(64, 500, 3, 1));
    ck_assert(is_chosen(256, 100, 3, 1));
    ck_assert(!is_chosen(64, 500, 3, 2));
    ck_assert(!is_chosen(64, 500, 5, 1));
    ck_assert(!is_chosen(1, 500, 3, 1));
    ck_assert(!is_chosen(32, 3, 3, 1)); /* one output of a tile */
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("convolution on a line by Winograd's algorithm");
    TCase *tests = tcase_create("winograd_line");
    tcase_add_loop_test(tests, random_sizes, 0, 4);
    tcase_add_test(tests, long_lines);
    tcase_add_loop_test(tests, infinities_and_nan_stay_where_they_are, 0, 6);
    tcase_add_test(tests, weights_that_are_not_finite_are_run_directly);
    tcase_add_test(tests, it_is_chosen_where_channels_are_many);
    suite_add_tcase(suite, tests);
    return suite;
}
