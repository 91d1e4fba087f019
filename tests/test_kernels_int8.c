/* Every kernel of the quantised convolutions against the reference kernel (int8_host.h), over odd
 * sizes, strides, dilations, pads, groups, zero points and saturating values, in guarded memory. */
#include "ops/cpu/int8/winograd_s16.h"
#include "ops/cpu/kernels.h"
#include "ops/family/qlinear_convolution.h"
#include "tests/support/int8_host.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct conv_case {
    int rank;                       /* spatial */
    int64_t batch, groups, in, out; /* channels of one group */
    int64_t size[2], kernel[2], stride[2], dilation[2], pads[4];
    nn_type x_type, w_type, y_type;
    int32_t w_zero;
    bool per_channel, has_bias, constant_parameters;
} conv_case;

/* A map of few pixels and many channels, whose weights are what takes long. */
static void shrink_map(conv_case *c) {
    int64_t kernel = chance(50) ? 1 : 3;
    c->rank = 2;
    c->groups = chance(80) ? 1 : 2;
    c->in = kernel == 1 ? host_between(400, 600) : host_between(30, 80);
    c->out = host_between(49, 140);
    for (int i = 0; i < 2; i++) {
        c->kernel[i] = kernel;
        c->stride[i] = chance(80) ? 1 : 2;
        c->dilation[i] = 1;
        c->pads[i] = c->pads[i + 2] = kernel / 2;
        c->size[i] = host_between(6, 8) * c->stride[i];
    }
}

static conv_case random_conv(void) {
    static const int64_t widths[] = {1, 2, 3, 7, 13, 14, 15, 20, 28, 29};
    conv_case c = {.rank = chance(80) ? 2 : 1, .batch = chance(80) ? 1 : 2};
    c.groups = chance(70) ? 1 : host_between(2, 5);
    c.in = chance(50) ? host_between(1, 9) : 4 * host_between(1, 12);
    c.out = chance(50) ? host_between(1, 20) : host_between(20, 75);
    for (int i = 0; i < c.rank; i++) {
        bool is_width = i == c.rank - 1;
        c.kernel[i] = chance(30) ? 1 : host_between(1, 5);
        c.stride[i] = host_between(1, 3);
        c.dilation[i] = chance(70) ? 1 : host_between(1, 3);
        int64_t extent = (c.kernel[i] - 1) * c.dilation[i] + 1;
        int64_t out = is_width ? widths[host_between(0, 9)] : host_between(1, 9);
        int64_t padded = (out - 1) * c.stride[i] + extent + host_between(0, c.stride[i] - 1);
        int64_t padding = chance(40) ? 0 : host_between(0, extent);
        if (padding > padded - 1) padding = padded - 1;
        c.pads[i] = padding / 2;
        c.pads[i + c.rank] = padding - padding / 2;
        c.size[i] = padded - padding;
    }
    if (chance(10)) shrink_map(&c);
    c.x_type = type8();
    c.w_type = chance(75) ? NNOPT_INT8 : NNOPT_UINT8;
    c.y_type = type8();
    c.w_zero = c.w_type == NNOPT_UINT8 ? 128 : 0;
    if (chance(20))
        c.w_zero =
            (int32_t)(c.w_type == NNOPT_UINT8 ? host_between(0, 255) : host_between(-128, 127));
    c.per_channel = chance(60);
    c.has_bias = chance(70);
    c.constant_parameters = chance(70);
    return c;
}

static conv_case random_depthwise(void) {
    conv_case c = random_conv();
    c.in = c.out = 1;
    c.groups = chance(50) ? host_between(2, 40) : host_between(30, 150);
    for (int i = 0; i < c.rank && chance(70); i++) { /* square ones have loops of their own */
        c.size[i] += c.kernel[i] * c.dilation[i];
        c.kernel[i] = c.kernel[0] > 3 ? 5 : 3;
        c.stride[i] = c.stride[0] > 2 ? 2 : c.stride[0];
        c.dilation[i] = 1;
        c.size[i] += 5;
    }
    return c;
}

static const char *conv_text(const conv_case *c, uint32_t seed) {
    static char text[300];
    snprintf(text, sizeof text,
             "seed %u: %lld x %lld groups of %lld to %lld, map %lldx%lld kernel %lldx%lld stride "
             "%lldx%lld dilation %lldx%lld pads %lld %lld %lld %lld w_zero %d",
             seed, (long long)c->batch, (long long)c->groups, (long long)c->in, (long long)c->out,
             (long long)c->size[0], (long long)c->size[1], (long long)c->kernel[0],
             (long long)c->kernel[1], (long long)c->stride[0], (long long)c->stride[1],
             (long long)c->dilation[0], (long long)c->dilation[1], (long long)c->pads[0],
             (long long)c->pads[1], (long long)c->pads[2], (long long)c->pads[3], c->w_zero);
    return text;
}

static void add_geometry(kernel_host *host, const conv_case *c) {
    host_ints(host, "strides", c->stride, c->rank);
    host_ints(host, "dilations", c->dilation, c->rank);
    host_ints(host, "pads", c->pads, 2 * c->rank);
    host_int(host, "group", c->groups);
}

static void add_x(kernel_host *host, const conv_case *c) {
    int64_t dims[4] = {c->batch, c->groups * c->in, c->size[0], c->size[1]};
    add_bytes(host, c->x_type, dims, c->rank + 2, false);
}

static void add_w(kernel_host *host, const conv_case *c) {
    int64_t dims[4] = {c->groups * c->out, c->in, c->kernel[0], c->kernel[1]};
    add_bytes(host, c->w_type, dims, c->rank + 2, true);
}

/* Inputs of QLinearConv; scales such that results lie in the range, or saturate. */
static void add_qconv_inputs(kernel_host *host, const conv_case *c, bool float_result,
                             nn_type bias_type) {
    int64_t channels = c->groups * c->out, each = c->per_channel ? channels : 1;
    bool constant = c->constant_parameters;
    float spread =
        90.0f * 90.0f * sqrtf((float)(c->in * c->kernel[0] * (c->rank > 1 ? c->kernel[1] : 1)));
    add_x(host, c);
    add_quant(host, c->x_type, 0.02f, constant);
    add_w(host, c);
    add_scale(host, each, 0.01f, constant);
    add_zero(host, c->w_type, each, c->w_zero, true);
    if (float_result) {
        host_absent(host);
        host_absent(host);
    } else {
        add_quant(host, c->y_type, 0.02f * 0.01f * spread / 60, constant);
    }
    if (c->has_bias) add_bias(host, bias_type, channels, constant);
}

START_TEST(qlinear_convolutions_agree) {
    uint32_t seed = (uint32_t)_i + 1;
    host_seed(seed);
    conv_case c = random_conv();
    kernel_host host;
    host_init(&host, &nn_op_qlinear_conv, 10);
    add_geometry(&host, &c);
    add_qconv_inputs(&host, &c, false, NNOPT_INT32);
    host_infer(&host);
    int compared = compare_all(&host, conv_text(&c, seed));
    if (nn_cpu_get()->isa >= NN_ISA_AVX2) ck_assert_int_ge(compared, 1);
    host_clear(&host);
}
END_TEST

/* The addend of a QConv that goes on with a sum, and its numbers. */
static void add_sum(kernel_host *host, const conv_case *c) {
    int64_t dims[4] = {c->batch, c->groups * c->out};
    for (int i = 0; i < c->rank; i++)
        dims[2 + i] = (c->size[i] + c->pads[i] + c->pads[i + c->rank] -
                       (c->kernel[i] - 1) * c->dilation[i] - 1) /
                          c->stride[i] +
                      1;
    add_bytes(host, c->y_type, dims, c->rank + 2, false);
    /* now and then with scales that only the reference's way of rounding can take */
    float scale = chance(10) ? 1e10f : 0.03f;
    add_quant(host, c->y_type, scale, c->constant_parameters);
    add_quant(host, c->y_type, 0.04f, c->constant_parameters);
}

/* All forms of Winograd's algorithms, up to sums as large as they accept. */
START_TEST(winograd_convolutions_agree) {
    uint32_t seed = (uint32_t)_i + 2500;
    host_seed(seed);
    conv_case c = random_conv();
    c.rank = 2;
    c.groups = 1;
    c.in = chance(70) ? host_between(1, 40) : host_between(40, 150);
    c.out = chance(70) ? host_between(1, 40) : host_between(40, 100);
    c.constant_parameters = true;
    for (int i = 0; i < 2; i++) {
        c.kernel[i] = 3;
        c.stride[i] = c.dilation[i] = 1;
        c.pads[i] = host_between(0, 2);
        c.pads[i + 2] = host_between(0, 2);
        c.size[i] = host_between(3, 17);
    }
    bool is_plan = chance(60), has_sum = is_plan && chance(60);
    c.has_bias |= has_sum;
    kernel_host host;
    host_init(&host, is_plan ? &nn_op_qconv : &nn_op_qlinear_conv, is_plan ? 1 : 10);
    if (is_plan) host.epilogue.before.kind = chance(50) ? NN_ACT_RELU : NN_ACT_NONE;
    if (has_sum) host_int(&host, "sum_order", chance(50));
    add_geometry(&host, &c);
    add_qconv_inputs(&host, &c, false, NNOPT_INT32);
    if (has_sum) add_sum(&host, &c);
    host_infer(&host);
    for (host.variant = 0; host.variant <= 2; host.variant++)
        compare_all(&host, conv_text(&c, seed));
#if defined(__x86_64__)
    nn_target target = {.isa = NN_ISA_AVX2, .threads = 1, .explores = true};
    ck_assert_int_eq(host_accepts(&host, &nn_kernel_qconv_winograd_u8s8_avx2, &target), !has_sum);
    target.deterministic = true;
    ck_assert(!host_accepts(&host, &nn_kernel_qconv_winograd_u8s8_avx2, &target));
#endif
    host_clear(&host);
}
END_TEST

#if defined(__x86_64__)
/* Weights and inputs at their ends and a bias, which make the greatest sum that a result can be,
 * and the greatest sums of products on the way, which leave 32 bits. */
static void make_extreme(kernel_host *host, int64_t in, uint8_t x, uint8_t w, int32_t bias) {
    host_init(host, &nn_op_qlinear_conv, 10);
    host_ints(host, "pads", (int64_t[]){1, 1, 1, 1}, 4);
    const int64_t x_dims[] = {1, in, 9, 10}, w_dims[] = {17, in, 3, 3};
    memset(host_input(host, NNOPT_UINT8, x_dims, 4, false), x, (size_t)(in * 90));
    add_scale(host, 1, 0.01f, true);
    add_zero(host, NNOPT_UINT8, 1, 0, true);
    memset(host_input(host, NNOPT_INT8, w_dims, 4, true), w, (size_t)(17 * in * 9));
    add_scale(host, 1, 0.01f, true);
    add_zero(host, NNOPT_INT8, 1, 0, true);
    add_scale(host, 1, (float)in, true);
    add_zero(host, NNOPT_UINT8, 1, 128, true);
    int32_t *start = host_input(host, NNOPT_INT32, (int64_t[]){17}, 1, true);
    for (int64_t i = 0; i < 17; i++) start[i] = bias;
    host_infer(host);
}

START_TEST(winograd_in_integers_is_exact_up_to_its_greatest_sums) {
    if (nn_cpu_get()->isa < NN_ISA_VNNI) return;
    const nn_target target = {.isa = NN_ISA_VNNI, .threads = 1, .explores = true};
    /* 255 x 127 x 9 x 115 < 2^25 <= 255 x 127 x 9 x 116 */
    const int32_t most_bias = (1 << 25) - 1 - 255 * 127 * 9 * 100;
    for (int sign = 0; sign < 2; sign++) {
        const uint8_t w = sign == 0 ? 127 : (uint8_t)-127;
        const struct {
            int64_t in;
            int32_t bias;
            bool accepts;
        } cases[] = {
            {115, 0, true}, {116, 0, false}, {100, most_bias, true}, {100, most_bias + 1, false}};
        for (int i = 0; i < 4; i++) {
            kernel_host host;
            make_extreme(&host, cases[i].in, 255, w, sign == 0 ? cases[i].bias : -cases[i].bias);
            ck_assert_int_eq(host_accepts(&host, &nn_kernel_qconv_winograd_s16_vnni, &target),
                             cases[i].accepts);
            compare_all(&host, "the greatest sums");
            host_clear(&host);
        }
    }
}
END_TEST

/* Maps of all sizes up to two tiles, several to a block, with nothing but the ends of the ranges.
 */
START_TEST(winograd_in_integers_is_exact_for_maps_of_any_size) {
    if (nn_cpu_get()->isa < NN_ISA_VNNI) return;
    host_seed((uint32_t)_i + 2800);
    const int64_t height = _i / 9 + 1, width = _i % 9 + 1, batch = host_between(1, 4);
    const int64_t in = chance(30) ? 5 : host_between(14, 40);
    const int64_t x_dims[] = {batch, in, height, width}, w_dims[] = {17, in, 3, 3};
    kernel_host host;
    host_init(&host, &nn_op_qlinear_conv, 10);
    host_ints(&host, "pads", (int64_t[]){1, 1, 1, 1}, 4);
    uint8_t *x = host_input(&host, NNOPT_UINT8, x_dims, 4, false);
    for (int64_t i = 0; i < batch * in * height * width; i++) x[i] = chance(50) ? 255 : 0;
    add_scale(&host, 1, 0.01f, true);
    add_zero(&host, NNOPT_UINT8, 1, host_between(0, 255), true);
    uint8_t *w = host_input(&host, NNOPT_UINT8, w_dims, 4, true);
    for (int64_t i = 0; i < 17 * in * 9; i++) w[i] = chance(50) ? 255 : 0;
    add_scale(&host, 1, 0.01f, true);
    add_zero(&host, NNOPT_UINT8, 1, chance(50) ? 0 : 255, true);
    add_scale(&host, 1, 1, true);
    add_zero(&host, NNOPT_UINT8, 1, 128, true);
    host_infer(&host);
    nn_target target = {.isa = NN_ISA_VNNI, .threads = 1, .explores = true};
    ck_assert(host_accepts(&host, &nn_kernel_qconv_winograd_s16_vnni, &target));
    compare_all(&host, "the ends of the ranges");
    host_run(&host, host_reference(host.op), NN_LAYOUT_STANDARD, &target);
    const size_t bytes = (size_t)nn_tensor_bytes(&host.out[0]);
    char *expected = malloc(bytes);
    ck_assert_ptr_nonnull(expected);
    memcpy(expected, host.out[0].data, bytes);
    for (target.threads = 2; target.threads <= 4; target.threads++) {
        host_run(&host, &nn_kernel_qconv_winograd_s16_vnni, NN_LAYOUT_CHANNELS_LAST, &target);
        ck_assert_mem_eq(host.out[0].data, expected, bytes);
    }
    free(expected);
    host_clear(&host);
}
END_TEST

/* Signs of the transforms' rows for tiles of so many outputs (winograd_s16.h). */
static const int8_t input_signs[4][6][6] = {
    {{1, -1}, {0, -1}, {0}, {0}, {0}, {0, -1, 1}},
    {{1, 0, -1}, {0, -1, -1}, {0, 1, -1}, {0}, {0}, {0, -1, 0, 1}},
    {{1, -1, -1, 1}, {0, -1, -1, 1}, {0, 1, -1, 1}, {0, -1, 0, 1}, {0}, {0, 1, -1, -1, 1}},
    {{1, 0, -1, 0, 1},
     {0, -1, -1, 1, 1},
     {0, 1, -1, -1, 1},
     {0, -1, -1, 1, 1},
     {0, 1, -1, -1, 1},
     {0, 1, 0, -1, 0, 1}},
};
static const int8_t weight_signs[6][3] = {{1, 0, 0}, {-1, -1, -1}, {-1, 1, -1},
                                          {1, 1, 1}, {1, -1, 1},   {0, 0, 1}};

/* Maps of one tile whose transformed inputs and weights are as great as they become at one point,
 * in either sign. */
START_TEST(winograd_in_integers_is_exact_up_to_its_greatest_words) {
    if (nn_cpu_get()->isa < NN_ISA_VNNI) return;
    host_seed((uint32_t)_i + 2900);
    const int rows = _i % 4 + 1, columns = _i / 4 % 4 + 1, point = _i / 16;
    const int8_t *down = input_signs[rows - 1][point / 6];
    const int8_t *across = input_signs[columns - 1][point % 6];
    const int64_t in = host_between(14, 56);
    const int64_t x_dims[] = {1, in, rows + 2, columns + 2}, w_dims[] = {17, in, 3, 3};
    kernel_host host;
    host_init(&host, &nn_op_qlinear_conv, 10);
    uint8_t *x = host_input(&host, NNOPT_UINT8, x_dims, 4, false);
    for (int64_t k = 0; k < in; k++) {
        const int sign = chance(50) ? 1 : -1;
        for (int i = 0; i < rows + 2; i++)
            for (int j = 0; j < columns + 2; j++) *x++ = sign * down[i] * across[j] > 0 ? 255 : 0;
    }
    add_scale(&host, 1, 0.01f, true);
    add_zero(&host, NNOPT_UINT8, 1, host_between(0, 255), true);
    uint8_t *w = host_input(&host, NNOPT_INT8, w_dims, 4, true);
    const bool rises = chance(50); /* the greater side of weights is the positive one */
    for (int64_t k = 0; k < 17 * in; k++) {
        const int sign = chance(80) == rises ? 1 : -1;
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                *w++ =
                    sign * weight_signs[point / 6][i] * weight_signs[point % 6][j] > 0 ? 127 : 128;
    }
    add_scale(&host, 1, 0.01f, true);
    add_zero(&host, NNOPT_INT8, 1, rises ? -128 : 127, true);
    add_scale(&host, 1, (float)in, true);
    add_zero(&host, NNOPT_UINT8, 1, 128, true);
    host_infer(&host);
    const nn_target target = {.isa = NN_ISA_VNNI, .threads = 1, .explores = true};
    ck_assert(host_accepts(&host, &nn_kernel_qconv_winograd_s16_vnni, &target));
    compare_all(&host, "the greatest words");
    host_clear(&host);
}
END_TEST

/* Products of words whose sums are as great as they may be, shared or not. */
START_TEST(winograd_products_in_integers_are_exact) {
    enum {
        TILES = 27,
        CHANNELS = 96,
        POINTS = NN_S16_POINTS * NN_S16_POINTS,
        WIDTH = NN_S16_WIDTH
    };
    if (nn_cpu_get()->isa < NN_ISA_VNNI) return;
    host_seed((uint32_t)_i + 3500);
    static int16_t v[TILES * CHANNELS];
    static _Alignas(64) int16_t w[(CHANNELS + 2) * WIDTH];
    static int32_t own[TILES][POINTS], sums[TILES][WIDTH];
    const int64_t steps = host_between(1, CHANNELS / 2), tiles = host_between(1, TILES);
    const int64_t columns = chance(50) ? WIDTH / 2 : WIDTH;
    const int16_t most_v = 22950, most_w = INT16_MAX - 22950;
    for (int64_t i = 0; i < TILES * CHANNELS; i++) v[i] = chance(50) ? most_v : -most_v;
    for (int64_t i = 0; i < 2 * steps * columns; i++) w[i] = chance(50) ? most_w : -most_w;
    const bool shares = _i % 2 != 0;
    if (shares)
        nn_winograd_s16_own(w, steps, columns, (int32_t *)(void *)(w + 2 * steps * columns));
    for (int64_t i = 0; i < tiles && shares; i++) {
        nn_winograd_s16_own(v + i * CHANNELS, steps, 1, own[i]);
        own[i][0] = -own[i][0];
    }
    const nn_winograd_plan plan = {
        .in_channels = 2 * steps - chance(50), .v_pitch = CHANNELS, .m_pitch = WIDTH};
    nn_winograd_s16_vnni.multiply(&plan, &(nn_winograd_product){
                                             .v = v,
                                             .weights = w,
                                             .sums = sums,
                                             .own = shares ? own[0] : NULL,
                                             .tiles = tiles,
                                             .columns = columns,
                                             .prefetch = w,
                                             .prefetch_bytes = sizeof w,
                                         });
    for (int64_t i = 0; i < tiles; i++)
        for (int64_t j = 0; j < columns; j++) {
            uint32_t expected = 0;
            for (int64_t k = 0; k < 2 * steps; k++)
                expected += (uint32_t)(v[i * CHANNELS + k] * w[(k / 2 * columns + j) * 2 + k % 2]);
            ck_assert_uint_eq((uint32_t)sums[i][j], expected);
        }
}
END_TEST
#endif

START_TEST(winograd_lines_agree) {
    uint32_t seed = (uint32_t)_i + 2700;
    host_seed(seed);
    conv_case c = random_conv();
    c.rank = 1 + _i % 2;
    c.groups = 1;
    c.in = host_between(48, 80);
    c.out = host_between(48, 80);
    c.constant_parameters = true;
    const int axis = c.rank == 2 && chance(50) ? 1 : 0;
    for (int i = 0; i < c.rank; i++) {
        c.kernel[i] = i == axis ? 3 : 1;
        c.stride[i] = 1;
        c.dilation[i] = i == axis ? host_between(1, 3) : 1;
        c.pads[i] = i == axis ? host_between(0, 3) : 0;
        c.pads[i + c.rank] = i == axis ? host_between(0, 3) : 0;
        c.size[i] = i == axis ? host_between(70, 90) : host_between(1, 5);
    }
    kernel_host host;
    host_init(&host, &nn_op_qlinear_conv, 10);
    add_geometry(&host, &c);
    add_qconv_inputs(&host, &c, false, NNOPT_INT32);
    host_infer(&host);
    compare_all(&host, conv_text(&c, seed));
#if defined(__x86_64__)
    nn_target target = {.isa = NN_ISA_AVX2, .threads = 1};
    ck_assert(host_accepts(&host, &nn_kernel_qconv_winograd_line_u8s8_avx2, &target));
    target.deterministic = true;
    ck_assert(!host_accepts(&host, &nn_kernel_qconv_winograd_line_u8s8_avx2, &target));
#endif
    host_clear(&host);
}
END_TEST

START_TEST(depthwise_convolutions_agree) {
    uint32_t seed = (uint32_t)_i + 500;
    host_seed(seed);
    conv_case c = random_depthwise();
    kernel_host host;
    bool is_plan = chance(40);
    host_init(&host, is_plan ? &nn_op_qconv : &nn_op_qlinear_conv, is_plan ? 1 : 10);
    if (is_plan && chance(50)) host.epilogue.before.kind = chance(50) ? NN_ACT_RELU : NN_ACT_SILU;
    add_geometry(&host, &c);
    add_qconv_inputs(&host, &c, is_plan && chance(30), NNOPT_INT32);
    host_infer(&host);
    int compared = compare_all(&host, conv_text(&c, seed));
    if (nn_cpu_get()->isa >= NN_ISA_AVX2) ck_assert_int_ge(compared, c.w_zero == 0 ? 2 : 1);
    host_clear(&host);
}
END_TEST

START_TEST(convolutions_with_activations_agree) {
    static const nn_activation activations[] = {{NN_ACT_NONE, 0, 0},
                                                {NN_ACT_RELU, 0, 0},
                                                {NN_ACT_CLIP, -0.4f, 0.9f},
                                                {NN_ACT_CLIP, 0, 6},
                                                {NN_ACT_LEAKY_RELU, 0.1f, 0},
                                                {NN_ACT_SIGMOID, 0, 0},
                                                {NN_ACT_HARD_SWISH, 1.0f / 6, 0.5f},
                                                {NN_ACT_SILU, 0, 0}};
    uint32_t seed = (uint32_t)_i + 1000;
    host_seed(seed);
    conv_case c = random_conv();
    kernel_host host;
    host_init(&host, &nn_op_qconv, 1);
    host.epilogue.before = activations[_i % 8];
    add_geometry(&host, &c);
    bool float_bias = chance(40);
    add_qconv_inputs(&host, &c, chance(40), float_bias ? NNOPT_FLOAT : NNOPT_INT32);
    host_infer(&host);
    compare_all(&host, conv_text(&c, seed));
    host_clear(&host);
}
END_TEST

/* A convolution with a bias and an addend. */
static void check_sum(conv_case *c, uint32_t seed) {
    kernel_host host;
    host_init(&host, &nn_op_qconv, 1);
    if (chance(30)) host.epilogue.before.kind = NN_ACT_RELU;
    host_int(&host, "sum_order", chance(50));
    add_geometry(&host, c);
    c->has_bias = true;
    add_qconv_inputs(&host, c, false, NNOPT_INT32);
    add_sum(&host, c);
    host_infer(&host);
    compare_all(&host, conv_text(c, seed));
    host_clear(&host);
}

START_TEST(convolutions_with_sums_agree) {
    uint32_t seed = (uint32_t)_i + 1500;
    host_seed(seed);
    conv_case c = random_conv();
    check_sum(&c, seed);
}
END_TEST

/* Many pixels by whole panels of channels, of more steps than pixels of a tile; one tap or a few.
 */
START_TEST(large_convolutions_with_sums_agree) {
    uint32_t seed = (uint32_t)_i + 2900;
    host_seed(seed);
    conv_case c = random_conv();
    c.rank = 2;
    c.groups = 1;
    c.in = host_between(50, 150);
    c.out = chance(50) ? 64 * host_between(1, 3) : host_between(60, 200);
    for (int i = 0; i < 2; i++) {
        c.kernel[i] = chance(50) ? 1 : host_between(2, 4);
        c.stride[i] = 1;
        c.dilation[i] = host_between(1, 3);
        c.pads[i] = (c.kernel[i] - 1) * c.dilation[i];
        c.pads[i + 2] = 0;
    }
    c.size[0] = host_between(1, 6);
    c.size[1] = chance(70) ? 7 * host_between(1, 4) : host_between(8, 30);
    check_sum(&c, seed);
}
END_TEST

START_TEST(integer_convolutions_agree) {
    uint32_t seed = (uint32_t)_i + 2000;
    host_seed(seed);
    conv_case c = random_conv();
    kernel_host host;
    host_init(&host, &nn_op_conv_integer, 10);
    add_geometry(&host, &c);
    add_x(&host, &c);
    add_w(&host, &c);
    if (chance(80)) {
        add_zero(&host, c.x_type, 1, (int32_t)host_between(-128, 127), c.constant_parameters);
        if (chance(80)) add_zero(&host, c.w_type, 1, c.w_zero, true);
    }
    host_infer(&host);
    compare_all(&host, conv_text(&c, seed));
    host_clear(&host);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("kernels of quantised convolutions");
    TCase *tcase = tcase_create("convolutions");
    tcase_add_loop_test(tcase, qlinear_convolutions_agree, 0, 300);
    tcase_add_loop_test(tcase, winograd_convolutions_agree, 0, 80);
#if defined(__x86_64__)
    tcase_add_test(tcase, winograd_in_integers_is_exact_up_to_its_greatest_sums);
    tcase_add_loop_test(tcase, winograd_in_integers_is_exact_for_maps_of_any_size, 0, 81);
    tcase_add_loop_test(tcase, winograd_in_integers_is_exact_up_to_its_greatest_words, 0, 576);
    tcase_add_loop_test(tcase, winograd_products_in_integers_are_exact, 0, 200);
#endif
    tcase_add_loop_test(tcase, winograd_lines_agree, 0, 40);
    tcase_add_loop_test(tcase, depthwise_convolutions_agree, 0, 200);
    tcase_add_loop_test(tcase, convolutions_with_activations_agree, 0, 160);
    tcase_add_loop_test(tcase, convolutions_with_sums_agree, 0, 160);
    tcase_add_loop_test(tcase, large_convolutions_with_sums_agree, 0, 60);
    tcase_add_loop_test(tcase, integer_convolutions_agree, 0, 60);
    suite_add_tcase(suite, tcase);
    return suite;
}
