/* Every kernel of the quantised operators against the reference kernel, bit for bit (but for
 * activations that vector code rounds otherwise, sums in fixed point, and products of floats), over
 * odd sizes, strides, dilations, pads, groups, zero points and saturating values, in guarded
 * memory. */
#include "ops/cpu/int8/int8_loops.h"
#include "ops/cpu/int8/table_map.h"
#include "ops/cpu/kernels.h"
#include "ops/family/qlinear_convolution.h"
#include "ops/family/requantize.h"
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>

/* ---- comparing ------------------------------------------------------------------------------ */

static const nn_kernel *reference_of(const nn_op *op) {
    int last = 0;
    while (op->kernels[last + 1] != NULL) last++;
    return op->kernels[last];
}

/* Activations made of several roundings, which vector code does in another order. */
static bool is_rounded(nn_activation_kind kind) {
    return kind == NN_ACT_SIGMOID || kind == NN_ACT_TANH || kind == NN_ACT_HARD_SIGMOID ||
           kind == NN_ACT_HARD_SWISH || kind == NN_ACT_SILU || kind == NN_ACT_GELU ||
           kind == NN_ACT_GELU_TANH;
}

/* Behind such an activation: floats within some units in the last place, integers within one step.
 */
static void compare_rounded(const nn_tensor *got, const nn_tensor *expected, const char *name,
                            const char *what) {
    bool is_float = expected->type == NNOPT_FLOAT;
    for (int64_t i = 0; i < nn_tensor_count(expected); i++) {
        double a = nn_tensor_get(got, i), b = nn_tensor_get(expected, i);
        double bound = is_float ? 4e-7 * fmax(fabs(b), 1) : 1;
        ck_assert_msg(fabs(a - b) <= bound, "%s: %s: element %lld is %.9g, not %.9g", what, name,
                      (long long)i, a, b);
    }
}

/* A kernel that adds in fixed point, or multiplies floats: within one step, and few results are not
 * the same. */
static void compare_fixed(const nn_tensor *got, const nn_tensor *expected, const char *name,
                          const char *what) {
    int64_t count = nn_tensor_count(expected), others = 0;
    compare_rounded(got, expected, name, what);
    for (int64_t i = 0; i < count; i++)
        others += nn_tensor_get(got, i) != nn_tensor_get(expected, i);
    ck_assert_msg(others <= 3 + count / 40, "%s: %s: %lld of %lld elements differ", what, name,
                  (long long)others, (long long)count);
}

static void compare_with(kernel_host *host, const nn_kernel *kernel, nn_layout layout,
                         const nn_tensor *expected, const char *what) {
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1, .explores = true};
    if (kernel->exactness == NN_ROUNDING && !is_rounded(host->epilogue.before.kind)) {
        host_run(host, kernel, layout, &target);
        compare_fixed(&host->out[0], expected, kernel->name, what);
        target.deterministic = true;
        if (!host_accepts(host, kernel, &target)) return;
    }
    host_run(host, kernel, layout, &target);
    if (is_rounded(host->epilogue.before.kind)) {
        compare_rounded(&host->out[0], expected, kernel->name, what);
        return;
    }
    const uint8_t *got = host->out[0].data, *wanted = expected->data;
    int64_t bytes = nn_tensor_bytes(expected);
    for (int64_t i = 0; i < bytes; i++)
        ck_assert_msg(got[i] == wanted[i], "%s: %s: byte %lld of %lld is %d, not %d", what,
                      kernel->name, (long long)i, (long long)bytes, got[i], wanted[i]);
}

/* Runs all kernels before `reference` that accept the node; returns how many. */
static int compare_to(kernel_host *host, const nn_kernel *reference, const char *what) {
    nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1, .explores = true};
    host_run(host, reference, NN_LAYOUT_STANDARD, &target);
    nn_tensor expected;
    ck_assert_ok(
        nn_tensor_init(&expected, host->out[0].type, host->out[0].dims, host->out[0].rank));
    memcpy(expected.data, host->out[0].data, (size_t)nn_tensor_bytes(&expected));
    int compared = 0;
    for (const nn_kernel *const *kernel = host->op->kernels; *kernel != reference; kernel++) {
        if ((*kernel)->isa > target.isa || !host_accepts(host, *kernel, &target)) continue;
        bool has_layout = expected.rank >= 3 && expected.rank <= 5;
        if ((*kernel)->layout != NN_LAYOUT_CHANNELS_LAST)
            compare_with(host, *kernel, NN_LAYOUT_STANDARD, &expected, what);
        if ((*kernel)->layout != NN_LAYOUT_STANDARD && has_layout)
            compare_with(host, *kernel, NN_LAYOUT_CHANNELS_LAST, &expected, what);
        compared++;
    }
    nn_tensor_clear(&expected);
    return compared;
}

static int compare_all(kernel_host *host, const char *what) {
    return compare_to(host, reference_of(host->op), what);
}

/* ---- data ----------------------------------------------------------------------------------- */

static int64_t between(int64_t low, int64_t high) {
    return low + (int64_t)host_random_below((uint32_t)(high - low + 1));
}

static bool chance(int percent) {
    return between(0, 99) < percent;
}

static void add_bytes(kernel_host *host, nn_type type, const int64_t *dims, int rank,
                      bool constant) {
    uint8_t *data = host_input(host, type, dims, rank, constant);
    int64_t count = nn_tensor_count(&host->in[host->in_count - 1]);
    bool ends = chance(20); /* only the ends of the range: sums are as large as can be */
    for (int64_t i = 0; i < count; i++) {
        uint8_t end = type == NNOPT_INT8 ? 0x7f : 0xff;
        data[i] = (uint8_t)(ends ? (chance(50) ? end : end + 1) : between(0, 255));
    }
}

static void add_zero(kernel_host *host, nn_type type, int64_t count, int32_t value, bool constant) {
    uint8_t *data = host_input(host, type, &count, count == 1 ? 0 : 1, constant);
    for (int64_t i = 0; i < count; i++) data[i] = (uint8_t)value;
}

static void add_scale(kernel_host *host, int64_t count, float value, bool constant) {
    float *data = host_input(host, NNOPT_FLOAT, &count, count == 1 ? 0 : 1, constant);
    for (int64_t i = 0; i < count; i++) data[i] = value * (1 + 0.5f * host_random());
}

static void add_bias(kernel_host *host, nn_type type, int64_t count, bool constant) {
    void *data = host_input(host, type, &count, 1, constant);
    for (int64_t i = 0; i < count; i++) {
        if (type == NNOPT_FLOAT)
            ((float *)data)[i] = host_random();
        else
            ((int32_t *)data)[i] = (int32_t)between(-20000, 20000);
    }
}

static nn_type type8(void) {
    return chance(50) ? NNOPT_UINT8 : NNOPT_INT8;
}

/* ---- convolutions --------------------------------------------------------------------------- */

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
    c->in = kernel == 1 ? between(400, 600) : between(30, 80);
    c->out = between(49, 140);
    for (int i = 0; i < 2; i++) {
        c->kernel[i] = kernel;
        c->stride[i] = chance(80) ? 1 : 2;
        c->dilation[i] = 1;
        c->pads[i] = c->pads[i + 2] = kernel / 2;
        c->size[i] = between(6, 8) * c->stride[i];
    }
}

static conv_case random_conv(void) {
    static const int64_t widths[] = {1, 2, 3, 7, 13, 14, 15, 20, 28, 29};
    conv_case c = {.rank = chance(80) ? 2 : 1, .batch = chance(80) ? 1 : 2};
    c.groups = chance(70) ? 1 : between(2, 5);
    c.in = chance(50) ? between(1, 9) : 4 * between(1, 12);
    c.out = chance(50) ? between(1, 20) : between(20, 75);
    for (int i = 0; i < c.rank; i++) {
        bool is_width = i == c.rank - 1;
        c.kernel[i] = chance(30) ? 1 : between(1, 5);
        c.stride[i] = between(1, 3);
        c.dilation[i] = chance(70) ? 1 : between(1, 3);
        int64_t extent = (c.kernel[i] - 1) * c.dilation[i] + 1;
        int64_t out = is_width ? widths[between(0, 9)] : between(1, 9);
        int64_t padded = (out - 1) * c.stride[i] + extent + between(0, c.stride[i] - 1);
        int64_t padding = chance(40) ? 0 : between(0, extent);
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
        c.w_zero = (int32_t)(c.w_type == NNOPT_UINT8 ? between(0, 255) : between(-128, 127));
    c.per_channel = chance(60);
    c.has_bias = chance(70);
    c.constant_parameters = chance(70);
    return c;
}

static conv_case random_depthwise(void) {
    conv_case c = random_conv();
    c.in = c.out = 1;
    c.groups = chance(50) ? between(2, 40) : between(30, 150);
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
    add_scale(host, 1, 0.02f, constant);
    add_zero(host, c->x_type, 1, (int32_t)between(-128, 127), constant);
    add_w(host, c);
    add_scale(host, each, 0.01f, constant);
    add_zero(host, c->w_type, each, c->w_zero, true);
    if (float_result) {
        host_absent(host);
        host_absent(host);
    } else {
        add_scale(host, 1, 0.02f * 0.01f * spread / 60, constant);
        add_zero(host, c->y_type, 1, (int32_t)between(-128, 127), constant);
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

/* All forms of Winograd's algorithms, up to sums as large as they accept. */
START_TEST(winograd_convolutions_agree) {
    uint32_t seed = (uint32_t)_i + 2500;
    host_seed(seed);
    conv_case c = random_conv();
    c.rank = 2;
    c.groups = 1;
    c.in = chance(70) ? between(1, 40) : between(40, 150);
    c.out = chance(70) ? between(1, 40) : between(40, 100);
    c.constant_parameters = true;
    for (int i = 0; i < 2; i++) {
        c.kernel[i] = 3;
        c.stride[i] = c.dilation[i] = 1;
        c.pads[i] = between(0, 2);
        c.pads[i + 2] = between(0, 2);
        c.size[i] = between(3, 17);
    }
    bool is_plan = chance(50);
    kernel_host host;
    host_init(&host, is_plan ? &nn_op_qconv : &nn_op_qlinear_conv, is_plan ? 1 : 10);
    if (is_plan) host.epilogue.before.kind = chance(50) ? NN_ACT_RELU : NN_ACT_NONE;
    add_geometry(&host, &c);
    add_qconv_inputs(&host, &c, false, NNOPT_INT32);
    host_infer(&host);
    for (host.variant = 0; host.variant <= 2; host.variant++)
        compare_all(&host, conv_text(&c, seed));
#if defined(__x86_64__)
    nn_target target = {.isa = NN_ISA_AVX2, .threads = 1, .explores = true};
    ck_assert(host_accepts(&host, &nn_kernel_qconv_winograd_u8s8_avx2, &target));
    target.deterministic = true;
    ck_assert(!host_accepts(&host, &nn_kernel_qconv_winograd_u8s8_avx2, &target));
#endif
    host_clear(&host);
}
END_TEST

START_TEST(winograd_lines_agree) {
    uint32_t seed = (uint32_t)_i + 2700;
    host_seed(seed);
    conv_case c = random_conv();
    c.rank = 1 + _i % 2;
    c.groups = 1;
    c.in = between(48, 80);
    c.out = between(48, 80);
    c.constant_parameters = true;
    const int axis = c.rank == 2 && chance(50) ? 1 : 0;
    for (int i = 0; i < c.rank; i++) {
        c.kernel[i] = i == axis ? 3 : 1;
        c.stride[i] = 1;
        c.dilation[i] = i == axis ? between(1, 3) : 1;
        c.pads[i] = i == axis ? between(0, 3) : 0;
        c.pads[i + c.rank] = i == axis ? between(0, 3) : 0;
        c.size[i] = i == axis ? between(70, 90) : between(1, 5);
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

/* Scale and zero point of 8-bit data. */
static void add_quant(kernel_host *host, nn_type type, float scale, bool constant) {
    add_scale(host, 1, scale, constant);
    add_zero(host, type, 1, (int32_t)between(-128, 127), constant);
}

START_TEST(convolutions_with_sums_agree) {
    uint32_t seed = (uint32_t)_i + 1500;
    host_seed(seed);
    conv_case c = random_conv();
    kernel_host host;
    host_init(&host, &nn_op_qconv, 1);
    if (chance(30)) host.epilogue.before.kind = NN_ACT_RELU;
    host_int(&host, "sum_order", chance(50));
    add_geometry(&host, &c);
    c.has_bias = true;
    add_qconv_inputs(&host, &c, false, NNOPT_INT32);
    int64_t dims[4] = {c.batch, c.groups * c.out};
    for (int i = 0; i < c.rank; i++)
        dims[2 + i] =
            (c.size[i] + c.pads[i] + c.pads[i + c.rank] - (c.kernel[i] - 1) * c.dilation[i] - 1) /
                c.stride[i] +
            1;
    add_bytes(&host, c.y_type, dims, c.rank + 2, false);
    /* now and then with scales that only the reference's way of rounding can take */
    float scale = chance(10) ? 1e10f : 0.03f;
    add_quant(&host, c.y_type, scale, c.constant_parameters);
    add_quant(&host, c.y_type, 0.04f, c.constant_parameters);
    host_infer(&host);
    compare_all(&host, conv_text(&c, seed));
    host_clear(&host);
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
        add_zero(&host, c.x_type, 1, (int32_t)between(-128, 127), c.constant_parameters);
        if (chance(80)) add_zero(&host, c.w_type, 1, c.w_zero, true);
    }
    host_infer(&host);
    compare_all(&host, conv_text(&c, seed));
    host_clear(&host);
}
END_TEST

enum { LOOPS = 3 };

/* Those that this CPU has; others are the portable ones once more. */
static void each_loops(const nn_int8_loops *all[LOOPS]) {
    for (int i = 0; i < LOOPS; i++) all[i] = &nn_int8_loops_portable;
#if defined(__x86_64__)
    if (nn_cpu_get()->isa >= NN_ISA_AVX2) all[1] = &nn_int8_loops_avx2;
    if (nn_cpu_get()->isa >= NN_ISA_AVX512) all[2] = &nn_int8_loops_avx512;
#endif
}

START_TEST(planes_are_interleaved) {
    const nn_int8_loops *all[LOOPS];
    each_loops(all);
    uint8_t planes[3 * 70], y[3 * 70 + 1];
    for (int i = 0; i < 3 * 70; i++) planes[i] = (uint8_t)(i * 37);
    for (size_t k = 0; k < LOOPS; k++)
        for (int64_t count = 0; count <= 70; count++) {
            memset(y, 99, sizeof y);
            all[k]->interleave_3(planes, y, count);
            for (int64_t i = 0; i < 3 * count; i++)
                ck_assert_uint_eq(y[i], planes[i % 3 * count + i / 3]);
            ck_assert_uint_eq(y[3 * count], 99);
        }
}
END_TEST

START_TEST(bytes_are_transposed) {
    enum { MOST = 37, STEP = MOST + 3 };
    const nn_int8_loops *all[LOOPS];
    each_loops(all);
    uint8_t x[MOST * STEP], y[MOST * STEP];
    for (int i = 0; i < MOST * STEP; i++) x[i] = (uint8_t)(i * 37);
    for (size_t k = 0; k < LOOPS; k++)
        for (int64_t rows = 1; rows <= MOST; rows++)
            for (int64_t columns = 1; columns <= MOST; columns += 4) {
                memset(y, 99, sizeof y);
                all[k]->transpose(x, STEP, y, STEP, rows, columns);
                for (int64_t at = 0; at < MOST * STEP; at++) {
                    int64_t c = at / STEP, r = at % STEP;
                    bool inside = r < rows && c < columns;
                    ck_assert_uint_eq(y[at], inside ? x[r * STEP + c] : 99);
                }
            }
}
END_TEST

/* Values at the middle of two bytes and the nearest floats to them, where a product with 1 / scale
 * may fall on the other side; far ones, and NaN. */
START_TEST(quantised_values_are_quotients) {
    enum { MIDDLES = 600, COUNT = 3 * MIDDLES + 8 };
    static const float scales[] = {0.1f, 0.03f, 1.7f, 0.0078431377f, 3e-39f, 1e38f};
    const nn_int8_loops *all[LOOPS];
    each_loops(all);
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        float x[COUNT] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 0, -0.0f, 1};
        for (int i = 0; i < MIDDLES; i++) {
            float middle = ((float)(i - MIDDLES / 2) + 0.5f) * scales[s];
            x[8 + 3 * i] = middle;
            x[9 + 3 * i] = nextafterf(middle, INFINITY);
            x[10 + 3 * i] = nextafterf(middle, -INFINITY);
        }
        const nn_bytes_quant quant = {scales[s], (int32_t)(s * 51), s % 2 ? 0x80 : 0};
        for (size_t k = 0; k < LOOPS; k++) {
            uint8_t y[COUNT];
            all[k]->quantize(x, y, COUNT, quant);
            for (int i = 0; i < COUNT; i++) {
                int32_t expected = nn_quant_round(x[i] / scales[s], quant.zero, 0, 255);
                ck_assert_msg(y[i] == (uint8_t)(expected ^ quant.flip), "%.9g by %.9g: %d, not %d",
                              x[i], scales[s], y[i], expected ^ quant.flip);
            }
        }
    }
}
END_TEST

START_TEST(blocks_agree) {
    host_seed((uint32_t)_i + 2500);
    int64_t block = between(2, 4);
    kernel_host host;
    host_init(&host, &nn_op_depth_to_space, 13);
    host_int(&host, "blocksize", block);
    add_bytes(
        &host, NNOPT_UINT8,
        (int64_t[]){between(1, 2), between(1, 40) * block * block, between(1, 5), between(1, 5)}, 4,
        false);
    host_infer(&host);
    ck_assert_int_eq(compare_all(&host, "blocks"), 1);
    host_clear(&host);
}
END_TEST

/* ---- matrix products ------------------------------------------------------------------------ */

typedef struct product_case {
    int64_t batch, m, k, n;
    nn_type a_type, b_type;
} product_case;

static product_case random_product(void) {
    return (product_case){.batch = chance(70) ? 1 : between(2, 4),
                          .m = chance(30)   ? 1
                               : chance(10) ? between(250, 600)
                                            : between(1, 40),
                          .k = chance(50) ? between(1, 70) : 4 * between(1, 40),
                          .n = between(1, 100),
                          .a_type = type8(),
                          .b_type = type8()};
}

static const char *product_text(const product_case *p, uint32_t seed) {
    static char text[120];
    snprintf(text, sizeof text, "seed %u: %lld x [%lld, %lld] [%lld, %lld]", seed,
             (long long)p->batch, (long long)p->m, (long long)p->k, (long long)p->k,
             (long long)p->n);
    return text;
}

START_TEST(qlinear_products_agree) {
    uint32_t seed = (uint32_t)_i + 3000;
    host_seed(seed);
    product_case p = random_product();
    bool constant = chance(70), per_column = chance(50);
    kernel_host host;
    host_init(&host, &nn_op_qlinear_matmul, 10);
    add_bytes(&host, p.a_type, (int64_t[]){p.batch, p.m, p.k}, 3, false);
    add_scale(&host, 1, 0.02f, constant);
    add_zero(&host, p.a_type, 1, (int32_t)between(-128, 127), constant);
    add_bytes(&host, p.b_type, (int64_t[]){p.k, p.n}, 2, true);
    add_scale(&host, per_column ? p.n : 1, 0.01f, constant);
    add_zero(&host, p.b_type, per_column ? p.n : 1, (int32_t)between(-128, 127), true);
    add_scale(&host, 1, 0.02f * 0.01f * 90 * 90 * sqrtf((float)p.k) / 60, constant);
    add_zero(&host, type8(), 1, (int32_t)between(-128, 127), constant);
    host_infer(&host);
    compare_all(&host, product_text(&p, seed));
    host_clear(&host);
}
END_TEST

/* Both matrices come from other nodes; k over the length whose sums are exact in a float. */
START_TEST(qlinear_products_of_activations_agree) {
    uint32_t seed = (uint32_t)_i + 3500;
    host_seed(seed);
    product_case p = random_product();
    bool constant = chance(50), one_b = chance(20);
    if (chance(20)) p.k = between(250, 600);
    kernel_host host;
    host_init(&host, &nn_op_qlinear_matmul, 10);
    add_bytes(&host, p.a_type, (int64_t[]){p.batch, 2, p.m, p.k}, 4, false);
    add_scale(&host, 1, 0.02f, constant);
    add_zero(&host, p.a_type, 1, (int32_t)between(-128, 127), constant);
    add_bytes(&host, p.b_type, (int64_t[]){one_b ? 1 : p.batch, 2, p.k, p.n}, 4, false);
    add_scale(&host, 1, 0.01f, constant);
    add_zero(&host, p.b_type, 1, (int32_t)between(-128, 127), constant);
    add_scale(&host, 1, 0.02f * 0.01f * 90 * 90 * sqrtf((float)p.k) / 60, constant);
    add_zero(&host, type8(), 1, (int32_t)between(-128, 127), constant);
    host_infer(&host);
    compare_all(&host, product_text(&p, seed));
    host_clear(&host);
}
END_TEST

START_TEST(integer_products_agree) {
    uint32_t seed = (uint32_t)_i + 4000;
    host_seed(seed);
    product_case p = random_product();
    kernel_host host;
    host_init(&host, &nn_op_matmul_integer, 10);
    add_bytes(&host, p.a_type, (int64_t[]){p.batch, p.m, p.k}, 3, false);
    add_bytes(&host, p.b_type, (int64_t[]){p.k, p.n}, 2, true);
    if (chance(80)) {
        add_zero(&host, p.a_type, 1, (int32_t)between(-128, 127), chance(30));
        if (chance(80)) add_zero(&host, p.b_type, 1, (int32_t)between(-128, 127), true);
    }
    host_infer(&host);
    compare_all(&host, product_text(&p, seed));
    host_clear(&host);
}
END_TEST

START_TEST(scaled_products_agree) {
    uint32_t seed = (uint32_t)_i + 4500;
    host_seed(seed);
    product_case p = random_product();
    bool constant = chance(50), per_column = chance(50);
    kernel_host host;
    host_init(&host, &nn_op_matmul_integer_to_float, 1);
    add_bytes(&host, p.a_type, (int64_t[]){p.batch, p.m, p.k}, 3, false);
    add_bytes(&host, p.b_type, (int64_t[]){p.k, p.n}, 2, true);
    add_scale(&host, 1, 0.02f, constant);
    add_scale(&host, per_column ? p.n : 1, 0.01f, constant);
    add_zero(&host, p.a_type, 1, (int32_t)between(-128, 127), constant);
    add_zero(&host, p.b_type, per_column ? p.n : 1, (int32_t)between(-128, 127), true);
    if (chance(50)) add_bias(&host, NNOPT_FLOAT, p.n, constant);
    host_infer(&host);
    compare_all(&host, product_text(&p, seed));
    host.epilogue.before.kind = NN_ACT_GELU; /* which the reference leaves to others */
    compare_to(&host, &nn_kernel_matmul_integer_to_float_u8s8_portable, product_text(&p, seed));
    host_clear(&host);
}
END_TEST

START_TEST(qgemms_agree) {
    uint32_t seed = (uint32_t)_i + 5000;
    host_seed(seed);
    product_case p = random_product();
    bool transposed = chance(50), constant = chance(70), float_result = chance(40);
    kernel_host host;
    host_init(&host, &nn_op_qgemm, 1);
    host_int(&host, "transB", transposed);
    host_float(&host, "alpha", 0.7f);
    add_bytes(&host, p.a_type, (int64_t[]){p.m, p.k}, 2, false);
    add_scale(&host, 1, 0.02f, constant);
    add_zero(&host, p.a_type, 1, (int32_t)between(-128, 127), constant);
    add_bytes(&host, p.b_type, transposed ? (int64_t[]){p.n, p.k} : (int64_t[]){p.k, p.n}, 2, true);
    add_scale(&host, p.n, 0.01f, constant);
    add_zero(&host, p.b_type, p.n, (int32_t)between(-128, 127), true);
    if (chance(70))
        add_bias(&host, NNOPT_INT32, p.n, constant);
    else
        host_absent(&host);
    if (!float_result) {
        add_scale(&host, 1, 0.02f * 0.01f * 90 * 90 * sqrtf((float)p.k) / 60, constant);
        add_zero(&host, type8(), 1, (int32_t)between(-128, 127), constant);
    }
    host_infer(&host);
    compare_all(&host, product_text(&p, seed));
    host_clear(&host);
}
END_TEST

/* ---- elementwise and pools ------------------------------------------------------------------ */

static void random_dims(int64_t *dims, int rank) {
    for (int i = 0; i < rank; i++) dims[i] = chance(20) ? 1 : between(1, 11);
    if (chance(30)) dims[rank - 1] = between(60, 300);
}

START_TEST(sums_and_products_agree) {
    host_seed((uint32_t)_i + 6000);
    bool is_add = chance(50);
    int rank = (int)between(1, 4);
    nn_type type = type8();
    int64_t a[4], b[4];
    random_dims(a, rank);
    for (int i = 0; i < rank; i++) b[i] = a[i];
    for (int i = 0; i < rank; i++)
        if (chance(25)) (chance(50) ? a : b)[i] = 1;
    kernel_host host;
    host_init(&host, is_add ? &nn_op_qlinear_add : &nn_op_qlinear_mul, 1);
    add_bytes(&host, type, a, rank, false);
    add_quant(&host, type, 0.05f, chance(50));
    add_bytes(&host, type, b, rank, false);
    add_quant(&host, type, 0.03f, chance(50));
    add_quant(&host, type, is_add ? 0.06f : 0.2f, chance(50));
    host_infer(&host);
    ck_assert_int_ge(compare_all(&host, is_add ? "add" : "multiply"), 1);
    host_clear(&host);
}
END_TEST

START_TEST(quantizing_agrees) {
    static const float odd[] = {INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 0.5f, -0.5f, 2.5f, -0.0f};
    host_seed((uint32_t)_i + 7000);
    int rank = (int)between(1, 4);
    int64_t dims[4];
    random_dims(dims, rank);
    kernel_host host;
    bool dynamic = chance(30);
    host_init(&host, dynamic ? &nn_op_dynamic_quantize_linear : &nn_op_quantize_linear, 13);
    if (dynamic) host.out_count = 3;
    float *x = host_input(&host, NNOPT_FLOAT, dims, rank, false);
    for (int64_t i = 0; i < nn_tensor_count(&host.in[0]); i++)
        x[i] = chance(5) && !dynamic ? odd[between(0, 8)] : 200 * host_random();
    if (!dynamic) {
        add_scale(&host, 1, chance(50) ? 1 : 0.37f, chance(50));
        if (chance(80)) add_zero(&host, type8(), 1, (int32_t)between(-128, 127), chance(50));
    }
    host_infer(&host);
    ck_assert_int_ge(compare_all(&host, dynamic ? "dynamic" : "quantize"), 1);
    host_clear(&host);
}
END_TEST

START_TEST(dequantizing_agrees) {
    host_seed((uint32_t)_i + 8000);
    int rank = (int)between(1, 4);
    int64_t dims[4];
    random_dims(dims, rank);
    nn_type type = type8();
    kernel_host host;
    host_init(&host, &nn_op_dequantize_linear, 13);
    int axis = (int)between(0, rank - 1);
    host_int(&host, "axis", axis);
    int64_t count = chance(50) ? 1 : dims[axis];
    add_bytes(&host, type, dims, rank, false);
    add_scale(&host, count, 0.37f, chance(50));
    if (chance(80)) {
        uint8_t *zero = host_input(&host, type, &count, count == 1 ? 0 : 1, chance(50));
        for (int64_t i = 0; i < count; i++) zero[i] = (uint8_t)between(0, 255);
    }
    host_infer(&host);
    ck_assert_int_ge(compare_all(&host, "dequantize"), 1);
    host_clear(&host);
}
END_TEST

START_TEST(pools_agree) {
    host_seed((uint32_t)_i + 9000);
    bool is_global = chance(40);
    int spatial = (int)between(1, 3);
    nn_type type = type8();
    int64_t dims[5] = {between(1, 2), chance(50) ? between(1, 40) : between(100, 300)};
    int64_t kernel[3], stride[3], pads[6];
    for (int i = 0; i < spatial; i++) {
        kernel[i] = between(1, 4);
        stride[i] = between(1, 3);
        pads[i] = between(0, kernel[i] - 1);
        pads[i + spatial] = between(0, kernel[i] - 1);
        dims[i + 2] = between(kernel[i], 9);
    }
    kernel_host host;
    host_init(&host, is_global ? &nn_op_qlinear_global_average_pool : &nn_op_qlinear_average_pool,
              1);
    if (!is_global) {
        host_ints(&host, "kernel_shape", kernel, spatial);
        host_ints(&host, "strides", stride, spatial);
        host_ints(&host, "pads", pads, 2 * spatial);
        host_int(&host, "count_include_pad", chance(50));
        host_int(&host, "ceil_mode", chance(50));
    }
    add_bytes(&host, type, dims, spatial + 2, false);
    add_quant(&host, type, 0.05f, chance(50));
    add_quant(&host, is_global ? type8() : type, 0.03f, chance(50));
    host_infer(&host);
    ck_assert_int_ge(compare_all(&host, is_global ? "global pool" : "pool"), 1);
    host_clear(&host);
}
END_TEST

START_TEST(table_maps_agree) {
    const nn_cpu *cpu = nn_cpu_get();
    const struct {
        nn_table_map map;
        bool runs;
    } maps[] = {
        {nn_table_map_for(cpu->isa), true},
#if defined(__x86_64__)
        {nn_table_map_avx2, cpu->isa >= NN_ISA_AVX2},
        {nn_table_map_avx512, cpu->isa >= NN_ISA_AVX512},
        {nn_table_map_vbmi, cpu->has_vbmi},
#endif
    };
    host_seed((uint32_t)_i + 10000);
    uint8_t table[256], x[300], expected[300], got[302];
    for (int i = 0; i < 256; i++) table[i] = (uint8_t)between(0, 255);
    for (int i = 0; i < 300; i++) x[i] = (uint8_t)between(0, 255);
    int64_t count = _i;
    nn_table_map_portable(table, x, expected, count);
    for (int64_t i = 0; i < count; i++) ck_assert_uint_eq(expected[i], table[x[i]]);
    for (size_t k = 0; k < sizeof maps / sizeof *maps; k++) {
        if (!maps[k].runs) continue;
        got[0] = got[count + 1] = 0xa5;
        maps[k].map(table, x, got + 1, count);
        ck_assert_mem_eq(got + 1, expected, (size_t)count);
        ck_assert(got[0] == 0xa5 && got[count + 1] == 0xa5);
        memcpy(got, x, (size_t)count);
        maps[k].map(table, got, got, count);
        ck_assert_mem_eq(got, expected, (size_t)count);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("kernels on quantised data");
    TCase *tcase = tcase_create("convolutions");
    tcase_add_loop_test(tcase, qlinear_convolutions_agree, 0, 300);
    tcase_add_loop_test(tcase, winograd_convolutions_agree, 0, 60);
    tcase_add_loop_test(tcase, winograd_lines_agree, 0, 40);
    tcase_add_loop_test(tcase, depthwise_convolutions_agree, 0, 200);
    tcase_add_loop_test(tcase, convolutions_with_activations_agree, 0, 160);
    tcase_add_loop_test(tcase, convolutions_with_sums_agree, 0, 160);
    tcase_add_loop_test(tcase, integer_convolutions_agree, 0, 60);
    tcase_add_loop_test(tcase, blocks_agree, 0, 20);
    tcase_add_test(tcase, planes_are_interleaved);
    tcase_add_test(tcase, bytes_are_transposed);
    tcase_add_test(tcase, quantised_values_are_quotients);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("elementwise");
    tcase_add_loop_test(tcase, sums_and_products_agree, 0, 80);
    tcase_add_loop_test(tcase, quantizing_agrees, 0, 60);
    tcase_add_loop_test(tcase, dequantizing_agrees, 0, 60);
    tcase_add_loop_test(tcase, pools_agree, 0, 60);
    tcase_add_loop_test(tcase, table_maps_agree, 0, 300);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("products");
    tcase_add_loop_test(tcase, qlinear_products_agree, 0, 100);
    tcase_add_loop_test(tcase, qlinear_products_of_activations_agree, 0, 60);
    tcase_add_loop_test(tcase, integer_products_agree, 0, 60);
    tcase_add_loop_test(tcase, scaled_products_agree, 0, 60);
    tcase_add_loop_test(tcase, qgemms_agree, 0, 60);
    suite_add_tcase(suite, tcase);
    return suite;
}
