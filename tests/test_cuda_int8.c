/* Convolutions of bytes on a device, in every form of the tile kernel: the same bytes as the CPU's
 * reference kernels, unless an activation is computed in floats. */
#include "ops/family/qlinear_convolution.h"
#include "tests/support/byte_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

/* ---- convolutions ---- */

typedef enum bias_kind { NO_BIAS, UNITS, REAL } bias_kind;

typedef struct conv_case {
    int64_t batch, channels, height, width, filters, group;
    int64_t kernel[2], stride[2], dilation[2], pads[4];
    nn_type x, w, y; /* y: FLOAT: the result stays float */
    double w_zero;   /* from the middle of its type */
    bool per_channel, known;
    bias_kind bias;
    nn_activation activation;
    int sum; /* 0: none; 1: the convolution comes first; 2: the addend does */
} conv_case;

#define SQUARE(k, s, d, p)                                                                         \
    {k, k}, {s, s}, {d, d}, {                                                                      \
        p, p, p, p                                                                                 \
    }

static const conv_case conv_cases[] = {
    {1, 16, 5, 7, 24, 1, SQUARE(3, 1, 1, 1), U8, S8, U8, 0, true, true, UNITS, {0}, 0},
    {2, 64, 6, 5, 40, 1, SQUARE(1, 1, 1, 0), U8, S8, U8, 0, true, true, UNITS, {0}, 1},
    {1, 64, 9, 9, 48, 1, SQUARE(3, 2, 1, 1), S8, S8, S8, 0, false, true, UNITS, {0}, 2},
    {1, 32, 9, 8, 17, 1, SQUARE(3, 1, 2, 2), U8, S8, S8, 0, true, true, REAL, {0}, 0},
    {1,
     3,
     11,
     9,
     32,
     1,
     SQUARE(5, 2, 1, 2),
     U8,
     S8,
     U8,
     0,
     true,
     true,
     UNITS,
     {NN_ACT_RELU, 0, 0},
     0},
    {2, 20, 6, 6, 12, 1, SQUARE(3, 1, 1, 1), S8, S8, U8, 0, false, true, NO_BIAS, {0}, 0},
    {1, 32, 6, 6, 32, 2, SQUARE(3, 1, 1, 1), U8, S8, U8, 0, true, true, UNITS, {0}, 1},
    {1, 24, 6, 6, 36, 3, SQUARE(3, 1, 1, 1), U8, S8, S8, 0, true, true, UNITS, {0}, 2},
    {1, 12, 4, 4, 24, 12, SQUARE(3, 1, 1, 1), U8, S8, U8, 0, true, true, UNITS, {0}, 0},
    {1, 48, 7, 5, 33, 1, SQUARE(3, 1, 1, 1), U8, U8, U8, 0, false, true, UNITS, {0}, 0},
    {1, 48, 7, 5, 33, 1, SQUARE(3, 1, 1, 1), U8, U8, U8, 9, false, true, UNITS, {0}, 0},
    {1, 32, 5, 5, 33, 1, SQUARE(3, 1, 1, 1), S8, S8, S8, -7, true, true, UNITS, {0}, 1},
    {1, 20, 5, 5, 16, 1, SQUARE(2, 1, 1, 1), U8, U8, S8, 60, true, true, NO_BIAS, {0}, 0},
    {1, 32, 7, 7, 32, 1, SQUARE(3, 1, 1, 1), U8, S8, NNOPT_FLOAT, 0, true, true, REAL, {0}, 0},
    {1, 32, 7, 7, 32, 1, SQUARE(1, 2, 1, 0), U8, S8, U8, 0, true, false, UNITS, {0}, 0},
    {1, 32, 7, 7, 31, 1, SQUARE(3, 1, 1, 1), S8, S8, U8, 3, true, false, REAL, {0}, 0},
    {1,
     16,
     7,
     7,
     16,
     1,
     SQUARE(3, 1, 1, 1),
     U8,
     S8,
     U8,
     0,
     true,
     true,
     UNITS,
     {NN_ACT_CLIP, 0, 2},
     1},
    {1,
     16,
     7,
     7,
     16,
     1,
     SQUARE(3, 1, 1, 1),
     U8,
     S8,
     U8,
     0,
     true,
     true,
     REAL,
     {NN_ACT_LEAKY_RELU, 0.1F, 0},
     2},
    {1,
     16,
     7,
     7,
     16,
     1,
     {1, 3},
     {1, 2},
     {1, 1},
     {0, 1, 0, 0},
     U8,
     S8,
     U8,
     0,
     true,
     true,
     UNITS,
     {0},
     0},
};
enum { CONV_CASES = sizeof conv_cases / sizeof conv_cases[0] };

static void add_conv_inputs(kernel_host *host, const conv_case *c) {
    const int64_t x[] = {c->batch, c->channels, c->height, c->width};
    const int64_t w[] = {c->filters, c->channels / c->group, c->kernel[0], c->kernel[1]};
    const int64_t lists = c->per_channel ? c->filters : 0;
    const bool is_float = c->y == NNOPT_FLOAT;
    bytes(host, c->x, x, 4, false);
    parameter(host, NNOPT_FLOAT, 0, c->known, 0.02, 0.03);
    parameter(host, c->x, 0, c->known, middle(c->x) + 11, middle(c->x) + 11.5);
    bytes(host, c->w, w, 4, true);
    parameter(host, NNOPT_FLOAT, lists, c->known, 0.001, 0.01);
    const double zero = middle(c->w) + c->w_zero;
    parameter(host, c->w, lists, true, zero, zero + (c->w_zero == 0 ? 0.5 : 3));
    if (is_float) {
        host_absent(host);
        host_absent(host);
    } else {
        parameter(host, NNOPT_FLOAT, 0, true, 0.05, 0.06);
        parameter(host, c->y, 0, true, middle(c->y) - 20, middle(c->y) - 19.5);
    }
    if (c->bias == NO_BIAS) host_absent(host);
    if (c->bias == UNITS) parameter(host, NNOPT_INT32, c->filters, c->known, -9000, 9000);
    if (c->bias == REAL) parameter(host, NNOPT_FLOAT, c->filters, c->known, -2, 2);
}

static void add_sum_inputs(kernel_host *host, const conv_case *c) {
    int64_t dims[] = {c->batch, c->filters, 0, 0};
    for (int i = 0; i < 2; i++) {
        const int64_t in = i == 0 ? c->height : c->width;
        const int64_t span = (c->kernel[i] - 1) * c->dilation[i] + 1;
        dims[2 + i] = (in + c->pads[i] + c->pads[2 + i] - span) / c->stride[i] + 1;
    }
    host_int(host, "sum_order", c->sum - 1);
    bytes(host, c->y, dims, 4, false);
    parameter(host, NNOPT_FLOAT, 0, true, 0.04, 0.05);
    parameter(host, c->y, 0, true, middle(c->y) + 5, middle(c->y) + 5.5);
    parameter(host, NNOPT_FLOAT, 0, true, 0.07, 0.08);
    parameter(host, c->y, 0, true, middle(c->y) - 3, middle(c->y) - 2.5);
}

static void make_conv(kernel_host *host, const conv_case *c) {
    host_init(host, nn_op_find("nnopt", "QConv", 1), 1);
    host_ints(host, "strides", c->stride, 2);
    host_ints(host, "dilations", c->dilation, 2);
    host_ints(host, "pads", c->pads, 4);
    host_int(host, "group", c->group);
    add_conv_inputs(host, c);
    if (c->sum != 0) add_sum_inputs(host, c);
    host->epilogue.before = c->activation;
    host_infer(host);
}

/* By the first kernel and by the others that take the node, the general one in standard layout. */
static void check_conv(const conv_case *c, int variant) {
    static const char *const others[] = {"qconv_tensor_cuda", "qconv_general_cuda"};
    const nn_target target = {.threads = 1, .device = device_host_open()};
    kernel_host host;
    make_conv(&host, c);
    host.variant = variant;
    if (variant == 0) device_host_check_first(&host, NN_LAYOUT_CHANNELS_LAST, 0);
    for (int i = variant == 0 ? 0 : 1; i < 2; i++) {
        const nn_kernel *kernel = device_host_kernel(&host, others[variant == 0 ? i : 0]);
        if (!host_accepts(&host, kernel, &target)) continue;
        device_host_check(&host, kernel,
                          kernel->layout == NN_LAYOUT_CHANNELS_LAST ? NN_LAYOUT_CHANNELS_LAST
                                                                    : NN_LAYOUT_STANDARD,
                          &target, 0);
    }
    host_clear(&host);
}

START_TEST(convolves) {
    for (int i = 0; i < CONV_CASES; i++) check_conv(&conv_cases[i], 0);
}
END_TEST

START_TEST(convolves_in_every_form) {
    for (int i = _i; i < CONV_CASES; i += ALL_VARIANTS)
        for (int variant = 1; variant <= ALL_VARIANTS; variant++)
            check_conv(&conv_cases[i], variant);
}
END_TEST

/* More than a tile of the largest form in each direction. */
START_TEST(convolves_over_several_tiles) {
    static const conv_case cases[] = {
        {1, 80, 17, 17, 150, 1, SQUARE(3, 1, 1, 1), U8, S8, U8, 0, true, true, UNITS, {0}, 1},
        {1, 160, 18, 17, 144, 1, SQUARE(1, 1, 1, 0), S8, S8, S8, 0, true, true, UNITS, {0}, 2},
    };
    for (int i = 0; i < 2; i++) check_conv(&cases[i], _i);
}
END_TEST

/* What is left to floats may round to the neighbour. */
START_TEST(applies_activations) {
    static const nn_activation activations[] = {{NN_ACT_SIGMOID, 0, 0},
                                                {NN_ACT_SILU, 0, 0},
                                                {NN_ACT_HARD_SWISH, 1.0F / 6, 0.5F},
                                                {NN_ACT_GELU_TANH, 0, 0},
                                                {NN_ACT_TANH, 0, 0}};
    for (int i = 0; i < 5; i++) {
        conv_case c = conv_cases[0];
        c.activation = activations[i];
        for (int sum = 0; sum < 2; sum++) {
            kernel_host host;
            c.sum = sum;
            make_conv(&host, &c);
            device_host_check_first(&host, NN_LAYOUT_CHANNELS_LAST, 1.0 / 200);
            host_clear(&host);
        }
    }
}
END_TEST

START_TEST(adds_in_place) {
    const nn_target target = {.threads = 1, .device = device_host_open()};
    kernel_host host;
    nn_tensor expected;
    make_conv(&host, &conv_cases[1]);
    const nn_kernel *kernel = device_host_kernel(&host, "qconv_tensor_cuda");
    device_host_run(&host, kernel, NN_LAYOUT_CHANNELS_LAST, &target);
    ck_assert_ok(nn_tensor_copy(&host.out[0], &expected));
    device_host_run_in_place(&host, kernel, NN_LAYOUT_CHANNELS_LAST, &target, NN_QCONV_ADDEND);
    device_host_compare(&host, 0, &expected, 0);
    nn_tensor_clear(&expected);
    host_clear(&host);
}
END_TEST

/* Depthwise over all forms of its kernel. */
START_TEST(convolves_channel_by_channel) {
    static const int64_t shapes[][4] = {{3, 1, 1, 1}, {3, 2, 1, 1}, {5, 1, 1, 2}, {5, 2, 1, 2},
                                        {7, 1, 1, 3}, {3, 1, 2, 2}, {2, 3, 1, 0}};
    static const nn_type types[][3] = {{U8, S8, U8}, {S8, S8, S8}, {U8, U8, NNOPT_FLOAT}};
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < 3; k++)
            for (int64_t channels = 12; channels <= 13; channels++) {
                const int64_t *s = shapes[i];
                const conv_case c = {1,
                                     channels,
                                     9,
                                     11,
                                     channels,
                                     channels,
                                     SQUARE(s[0], s[1], s[2], s[3]),
                                     types[k][0],
                                     types[k][1],
                                     types[k][2],
                                     k == 2 ? 5 : 0,
                                     true,
                                     i % 2 == 0,
                                     k == 2 ? REAL : UNITS,
                                     {i == 3 ? NN_ACT_RELU : NN_ACT_NONE, 0, 0},
                                     k == 1 ? 1 + i % 2 : 0};
                check_conv(&c, 0);
            }
}
END_TEST

START_TEST(convolves_integers) {
    for (int i = 0; i < 12; i++) {
        const bool is_known = i % 2 == 0, is_grouped = i % 3 == 0;
        const nn_type x = i % 4 < 2 ? U8 : S8, w = i % 4 < 3 ? S8 : U8;
        const int64_t channels = i < 6 ? 16 : 6;
        kernel_host host;
        host_init(&host, nn_op_find("", "ConvInteger", 10), 10);
        host_ints(&host, "pads", (int64_t[]){1, 0, 1, 2}, 4);
        host_int(&host, "group", is_grouped ? 2 : 1);
        bytes(&host, x, (int64_t[]){2, channels, 6, 5}, 4, false);
        bytes(&host, w, (int64_t[]){10, channels / (is_grouped ? 2 : 1), 3, 3}, 4, is_known);
        parameter(&host, x, 0, false, middle(x) + 3, middle(x) + 3.5);
        parameter(&host, w, 0, is_known, middle(w) + i, middle(w) + i + 0.5);
        device_host_judge(&host, is_known ? NN_LAYOUT_CHANNELS_LAST : NN_LAYOUT_STANDARD, 0);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_int8");
    TCase *cases = tcase_create("int8");
    device_host_open();
    tcase_set_timeout(cases, 300);
    tcase_add_test(cases, convolves);
    tcase_add_loop_test(cases, convolves_in_every_form, 0, ALL_VARIANTS);
    tcase_add_loop_test(cases, convolves_over_several_tiles, 0, ALL_VARIANTS + 1);
    tcase_add_test(cases, applies_activations);
    tcase_add_test(cases, adds_in_place);
    tcase_add_test(cases, convolves_channel_by_channel);
    tcase_add_test(cases, convolves_integers);
    suite_add_tcase(suite, cases);
    return suite;
}
