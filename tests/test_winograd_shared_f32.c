/* Winograd convolutions, in two dimensions and along lines, whose products are shared, against sums
 * in double precision: sizes that leave parts of everything, their error beside that of plain
 * products for inputs and weights of any magnitude, numbers without bounds, dark images; when they
 * are chosen. */
#include "base/cpu.h"
#include "base/integers.h"
#include "base/memory.h"
#include "base/pool.h"
#include "ops/cpu/float32/winograd/winograd_line_f32.h"
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include <float.h>
#include <math.h>
#include <string.h>

#if defined(__x86_64__)

/* A convolution that keeps the size of its maps; w is [column][k][tap]. */
typedef struct convolution {
    const nn_winograd_form *form;
    int64_t batch, channels, columns, size, taps, floats;
    int threads;
    float *x, *w, *bias, *y;
} convolution;

static convolution make(const nn_winograd_form *form, int64_t channels, int64_t columns,
                        int64_t size, int64_t batch) {
    convolution c = {
        .form = form,
        .batch = batch,
        .channels = channels,
        .columns = columns,
        .size = size,
        .taps = form->points - form->outputs + 1,
        .floats = batch * size * size * channels,
        .threads = 1,
    };
    c.x = host_floats(c.floats, 1);
    c.w = host_floats(columns * channels * c.taps * c.taps, 1);
    c.bias = host_floats(nn_round_up(columns, 32), 1);
    c.y = host_floats(batch * size * size * columns, 1);
    return c;
}

static void clear(convolution *c) {
    nn_free(c->x);
    nn_free(c->w);
    nn_free(c->bias);
    nn_free(c->y);
}

static nn_conv_geometry geometry_of(const convolution *c) {
    const nn_window_axis one = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    const nn_window_axis side = {.in = c->size,
                                 .out = c->size,
                                 .kernel = c->taps,
                                 .stride = 1,
                                 .dilation = 1,
                                 .pad_begin = c->taps / 2,
                                 .pad_end = c->taps / 2};
    return (nn_conv_geometry){
        .batch = c->batch,
        .groups = 1,
        .in_channels = c->channels,
        .out_channels = c->columns,
        .in_pitch = c->channels,
        .out_pitch = c->columns,
        .group_in_channels = c->channels,
        .group_out_channels = c->columns,
        .axes = {one, side, side},
        .in_pixels = c->size * c->size,
        .out_pixels = c->size * c->size,
        .taps = c->taps * c->taps,
    };
}

static nn_winograd_f32_plan plan_of(const convolution *c, nn_sharing sharing) {
    nn_winograd_f32_plan plan;
    const nn_conv_geometry g = geometry_of(c);
    nn_winograd_f32_plan_make(&g, c->form, sharing, c->threads, &(nn_epilogue){0}, &plan);
    return plan;
}

/* Returns what nn_winograd_error tells of the weights. */
static double run(const convolution *c, nn_sharing sharing) {
    const nn_winograd_f32_plan plan = plan_of(c, sharing);
    float *packed = nn_alloc(nn_winograd_packed_bytes(&plan));
    void *workspace = nn_alloc(nn_winograd_workspace(&plan.cut));
    nn_pool *pool = NULL;
    ck_assert(packed != NULL && workspace != NULL);
    ck_assert(plan.shares == (sharing == NN_SHARE_WHERE_POSSIBLE));
    ck_assert(c->threads == 1 || nn_pool_create(c->threads, &pool) == NN_OK);
    nn_winograd_pack(&plan, c->w, packed);
    nn_winograd_run(&plan, packed, c->bias, c->x, NULL, c->y, pool, workspace);
    const double error = nn_winograd_error(&plan, c->w, packed);
    nn_pool_destroy(pool);
    nn_free(packed);
    nn_free(workspace);
    return error;
}

/* One output and the sum of its terms' magnitudes. */
static double sum_of(const convolution *c, int64_t pixel, int64_t column, double *magnitude) {
    const int64_t of_image = c->size * c->size, image = pixel / of_image;
    const int64_t row = pixel % of_image / c->size, at = pixel % c->size;
    double sum = (double)c->bias[column];
    *magnitude = fabs(sum);
    for (int64_t tap = 0; tap < c->taps * c->taps; tap++) {
        const int64_t h = row - c->taps / 2 + tap / c->taps, x = at - c->taps / 2 + tap % c->taps;
        if (h < 0 || h >= c->size || x < 0 || x >= c->size) continue;
        const float *from = c->x + (image * of_image + h * c->size + x) * c->channels;
        for (int64_t k = 0; k < c->channels; k++) {
            const double term = (double)from[k] *
                                (double)c->w[(column * c->channels + k) * c->taps * c->taps + tap];
            sum += term;
            *magnitude += fabs(term);
        }
    }
    return sum;
}

static const nn_winograd_form *const forms[] = {
    &nn_winograd_f32_avx512.four, &nn_winograd_f32_avx512.two, &nn_winograd_f32_avx512.two_of_five};
enum { FORMS = sizeof forms / sizeof *forms };

START_TEST(sizes_of_all_kinds) {
    static const struct {
        int64_t channels, columns, size, batch;
    } sizes[] = {{3, 16, 5, 1},   {1, 5, 6, 1},    {2, 33, 4, 1},  {15, 16, 8, 1}, {16, 17, 9, 2},
                 {17, 64, 7, 1},  {24, 40, 12, 1}, {47, 31, 5, 3}, {48, 32, 8, 1}, {49, 16, 6, 1},
                 {64, 64, 14, 1}, {67, 20, 3, 5},  {96, 24, 7, 1}, {112, 8, 4, 1}, {130, 48, 6, 1}};
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(1);
    for (int form = 0; form < FORMS; form++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            convolution c = make(forms[form], sizes[i].channels, sizes[i].columns, sizes[i].size,
                                 sizes[i].batch);
            c.threads = 1 + (int)(i % 3);
            run(&c, NN_SHARE_WHERE_POSSIBLE);
            for (int64_t n = 0; n < c.batch * c.size * c.size * c.columns; n++) {
                double magnitude;
                const double sum = sum_of(&c, n / c.columns, n % c.columns, &magnitude);
                ck_assert_msg(fabs((double)c.y[n] - sum) <= 3e-6 * (magnitude + 1),
                              "%lld to %lld channels, %lld pixels: result %lld is %.9g, must be "
                              "%.9g",
                              (long long)c.channels, (long long)c.columns, (long long)c.size,
                              (long long)n, (double)c.y[n], sum);
            }
            clear(&c);
        }
}
END_TEST

/* ---- accuracy ---- */

/* Root mean square of the errors of some results over that of these. */
static double error_of(const convolution *c) {
    double errors = 0, squares = 0, magnitude;
    for (int64_t i = 0; i < c->batch * c->size * c->size * c->columns; i += 3) {
        const double sum = sum_of(c, i / c->columns, i % c->columns, &magnitude);
        errors += ((double)c->y[i] - sum) * ((double)c->y[i] - sum);
        squares += sum * sum;
    }
    return sqrt(errors / squares);
}

/* Shared over plain. */
static double error_ratio(const convolution *c) {
    run(c, NN_SHARE_NEVER);
    const double plain = error_of(c);
    run(c, NN_SHARE_WHERE_POSSIBLE);
    return error_of(c) / plain;
}

/* Also where no input is negative, as behind a ReLU, and where all have a mean, as behind a pool.
 */
START_TEST(errors_are_near_those_of_plain_products) {
    static const int64_t channels[] = {64, 128, 256, 512};
    static const float means[] = {0, 0, 1, 3}; /* beside numbers from -1 to 1 */
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(2);
    for (int form = 0; form < FORMS; form++)
        for (int i = 0; i < 4; i++)
            for (int kind = 0; kind < 4; kind++) {
                convolution c = make(forms[form], channels[i], 32, 12, 1);
                for (int64_t n = 0; n < c.floats; n++)
                    c.x[n] = kind == 1 ? fmaxf(c.x[n], 0) : c.x[n] + means[kind];
                const double ratio = error_ratio(&c), most = kind == 3 ? 2.2 : 1.6;
                ck_assert_msg(ratio < most, "F(%d, %lld), %lld channels of kind %d: %g",
                              c.form->outputs, (long long)c.taps, (long long)channels[i], kind,
                              ratio);
                clear(&c);
            }
}
END_TEST

START_TEST(magnitudes_do_not_matter) {
    static const float scales[] = {1, 1.4f, 0.7f, 1e-4f, 1e5f, 1e-10f, 1e10f};
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(3);
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 7; j++) {
            convolution c = make(forms[i % 2], 96, 32, 8, 1);
            for (int64_t n = 0; n < c.floats; n++) c.x[n] *= scales[i];
            for (int64_t n = 0; n < 32 * 96 * c.taps * c.taps; n++) c.w[n] *= scales[j];
            for (int64_t n = 0; n < 32; n++) c.bias[n] *= scales[i] * scales[j];
            const double ratio = error_ratio(&c);
            ck_assert_msg(ratio < 1.8, "%g times %g: %g", (double)scales[i], (double)scales[j],
                          ratio);
            clear(&c);
        }
}
END_TEST

/* Columns of weights that differ, each of which is as exact as if it were alone. */
START_TEST(columns_that_differ) {
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(4);
    convolution c = make(forms[0], 64, 32, 8, 1);
    for (int64_t j = 0; j < 32; j++) {
        const float scale = j == 5 ? 0 : exp2f((float)(j - 16));
        for (int64_t k = 0; k < 64 * 9; k++) c.w[j * 64 * 9 + k] *= scale;
        c.bias[j] = 0;
    }
    run(&c, NN_SHARE_WHERE_POSSIBLE);
    for (int64_t i = 0; i < 64 * 32; i++) {
        double magnitude;
        const double sum = sum_of(&c, i / 32, i % 32, &magnitude);
        ck_assert_msg(fabs((double)c.y[i] - sum) <= 3e-6 * magnitude + 1e-20,
                      "column %lld: %g, must be %g", (long long)(i % 32), (double)c.y[i], sum);
    }
    clear(&c);
}
END_TEST

/* Images of which one is a thousand times as bright, and one that is black: the plain products of
 * their blocks, or shared ones, have the errors of their own magnitude or are within that of the
 * greatest result; what is nothing is the bias. */
START_TEST(images_that_differ) {
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(5);
    convolution c = make(forms[0], 64, 32, 28, 6);
    const int64_t floats = c.floats / 6, results = 28 * 28 * 32;
    for (int64_t i = 0; i < floats; i++) {
        c.x[i] *= 1000;
        c.x[3 * floats + i] = c.x[4 * floats + i] = c.x[5 * floats + i] = 0;
    }
    run(&c, NN_SHARE_WHERE_POSSIBLE);
    for (int64_t i = 0; i < 6 * results; i++) {
        double magnitude;
        const double sum = sum_of(&c, i / 32, i % 32, &magnitude);
        const double least = i < 2 * results ? 0.01 : 1e-12;
        ck_assert_msg(fabs((double)c.y[i] - sum) <= 3e-6 * magnitude + least,
                      "result %lld: %g, must be %g", (long long)i, (double)c.y[i], sum);
        if (i >= 5 * results) ck_assert(c.y[i] == c.bias[i % 32]);
    }
    clear(&c);
}
END_TEST

/* A channel that is a thousand times as great somewhere gives its error to no more than products of
 * floats give. */
START_TEST(pixels_that_differ) {
    static const float greatest[] = {30, 1e3f, 1e6f, 1e18f};
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    for (int i = 0; i < 4; i++) {
        host_seed(6);
        convolution c = make(forms[0], 64, 32, 28, 1);
        c.x[(13 * 28 + 11) * 64 + 7] = greatest[i];
        run(&c, NN_SHARE_WHERE_POSSIBLE);
        for (int64_t n = 0; n < 28 * 28 * 32; n++) {
            double magnitude;
            const double sum = sum_of(&c, n / 32, n % 32, &magnitude);
            ck_assert_msg(fabs((double)c.y[n] - sum) <=
                              NN_WINOGRAD_ERROR_LIMIT * (magnitude + (double)greatest[i]),
                          "%g: result %lld is %g, must be %g", (double)greatest[i], (long long)n,
                          (double)c.y[n], sum);
        }
        clear(&c);
    }
}
END_TEST

/* What is not finite reaches the pixels that it should. */
START_TEST(numbers_without_bounds) {
    static const float values[] = {INFINITY, -INFINITY, NAN, 3e38f};
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    for (int form = 0; form < FORMS; form++)
        for (int i = 0; i < 4; i++) {
            host_seed(7);
            convolution c = make(forms[form], 48, 32, 11, 1);
            c.x[(5 * 11 + 4) * 48 + 9] = values[i];
            run(&c, NN_SHARE_WHERE_POSSIBLE);
            for (int64_t n = 0; n < 11 * 11 * 32; n++) {
                double magnitude;
                const double sum = sum_of(&c, n / 32, n % 32, &magnitude);
                /* Weights that are found again have errors of the greatest one's. */
                const double of_value = isfinite(values[i]) ? 1e-6 * (double)values[i] : 0;
                const bool is_same = (double)c.y[n] == sum || (isnan(c.y[n]) && isnan(sum));
                const bool is_near = isfinite(c.y[n]) && fabs((double)c.y[n] - sum) <=
                                                             3e-6 * (magnitude + 1) + of_value;
                ck_assert_msg(is_same || is_near || fabs(sum) > (double)FLT_MAX,
                              "%g: result %lld is %g, must be %g", (double)values[i], (long long)n,
                              (double)c.y[n], sum);
            }
            clear(&c);
        }
}
END_TEST

/* ---- weights ---- */

START_TEST(weights_are_measured_and_found_again) {
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(8);
    for (int form = 0; form < FORMS; form++) {
        convolution c = make(forms[form], 70, 40, 8, 1);
        const nn_winograd_f32_plan plan = plan_of(&c, NN_SHARE_WHERE_POSSIBLE);
        const int64_t count = c.taps * c.taps, lanes = plan.cut.columns;
        float *packed = nn_alloc(nn_winograd_packed_bytes(&plan));
        float taps[NN_WINOGRAD_TAPS * NN_WINOGRAD_TAPS][NN_TILE_MAX_COLUMNS];
        bool is_found[70] = {false};
        ck_assert_ptr_nonnull(packed);
        nn_winograd_pack(&plan, c.w, packed);
        for (int64_t i = 0; i < 70; i++) {
            const int64_t k = nn_winograd_packed_channel(&plan, i);
            is_found[k] = true;
            nn_winograd_unpack(&plan, packed + i * lanes, nn_winograd_point_step(&plan.cut),
                               nn_winograd_factors(&plan, packed), lanes, taps);
            for (int64_t j = 0; j < lanes; j++)
                for (int64_t tap = 0; tap < count; tap++)
                    ck_assert(fabsf(taps[tap][j] - c.w[(j * 70 + k) * count + tap]) < 2e-6f);
        }
        for (int k = 0; k < 70; k++) ck_assert(is_found[k]);
        const double error = run(&c, NN_SHARE_WHERE_POSSIBLE), plain = run(&c, NN_SHARE_NEVER);
        ck_assert_msg(error > plain / 4 && error < 4 * plain && error < NN_WINOGRAD_ERROR_LIMIT / 2,
                      "measured %g, plain %g", error, plain);
        nn_free(packed);
        clear(&c);
    }
}
END_TEST

/* ---- along lines ---- */

/* By a kernel of three along `size` pixels; w is [column][k][tap]. */
typedef struct line {
    int64_t channels, columns, size, dilation;
    int threads;
    float *x, *w, *bias, *y;
} line;

static line make_line(int64_t channels, int64_t columns, int64_t size, int64_t dilation) {
    line out = {channels, columns, size, dilation, .threads = 1};
    out.x = host_floats(size * channels, 1);
    out.w = host_floats(columns * channels * 3, 1);
    out.bias = host_floats(nn_round_up(columns, 256) + 16, 1);
    out.y = host_floats(size * columns, 1);
    return out;
}

static void clear_line(line *c) {
    nn_free(c->x);
    nn_free(c->w);
    nn_free(c->bias);
    nn_free(c->y);
}

static void run_line(const line *c, nn_sharing sharing) {
    const nn_window_axis one = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    const nn_window_axis axis = {.in = c->size,
                                 .out = c->size,
                                 .kernel = 3,
                                 .stride = 1,
                                 .dilation = c->dilation,
                                 .pad_begin = c->dilation,
                                 .pad_end = c->dilation};
    const nn_conv_geometry g = {
        .batch = 1,
        .groups = 1,
        .in_channels = c->channels,
        .out_channels = c->columns,
        .in_pitch = c->channels,
        .out_pitch = c->columns,
        .group_in_channels = c->channels,
        .group_out_channels = c->columns,
        .axes = {one, one, axis},
        .in_pixels = c->size,
        .out_pixels = c->size,
        .taps = 3,
    };
    nn_winograd_line_plan plan;
    nn_winograd_line_plan_make(&g, &nn_winograd_line_f32_avx512, sharing, c->threads,
                               &(nn_epilogue){0}, &plan);
    float *packed = nn_alloc(nn_winograd_line_packed_bytes(&plan));
    void *workspace = nn_alloc(nn_winograd_line_workspace(&plan, c->threads));
    nn_pool *pool = NULL;
    ck_assert(packed != NULL && workspace != NULL);
    ck_assert(plan.shares == (sharing == NN_SHARE_WHERE_POSSIBLE));
    ck_assert(c->threads == 1 || nn_pool_create(c->threads, &pool) == NN_OK);
    ck_assert(nn_winograd_line_pack(&plan, c->w, packed));
    nn_winograd_line_run(&plan, packed, c->bias, c->x, NULL, c->y, pool, workspace);
    nn_pool_destroy(pool);
    nn_free(packed);
    nn_free(workspace);
}

static double line_sum(const line *c, int64_t pixel, int64_t column, double *magnitude) {
    double sum = (double)c->bias[column];
    *magnitude = fabs(sum);
    for (int64_t tap = 0; tap < 3; tap++) {
        const int64_t at = pixel + (tap - 1) * c->dilation;
        for (int64_t k = 0; k < c->channels && at >= 0 && at < c->size; k++) {
            const double term = (double)c->x[at * c->channels + k] *
                                (double)c->w[(column * c->channels + k) * 3 + tap];
            sum += term;
            *magnitude += fabs(term);
        }
    }
    return sum;
}

static double line_error(const line *c) {
    double errors = 0, squares = 0, magnitude;
    for (int64_t i = 0; i < c->size * c->columns; i++) {
        const double sum = line_sum(c, i / c->columns, i % c->columns, &magnitude);
        errors += ((double)c->y[i] - sum) * ((double)c->y[i] - sum);
        squares += sum * sum;
    }
    return sqrt(errors / squares);
}

START_TEST(lines_of_all_kinds) {
    static const struct {
        int64_t channels, columns, size, dilation;
    } sizes[] = {{3, 16, 9, 1},    {16, 20, 40, 2}, {24, 33, 17, 1},  {47, 8, 30, 4},
                 {64, 64, 500, 8}, {100, 48, 5, 3}, {256, 40, 61, 1}, {50, 272, 23, 1}};
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(9);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int special = 0; special < 4; special++) {
            static const float values[] = {0, INFINITY, NAN, 1e18f};
            line c =
                make_line(sizes[i].channels, sizes[i].columns, sizes[i].size, sizes[i].dilation);
            c.threads = 1 + (int)(i % 2);
            if (special > 0) c.x[c.size / 2 * c.channels + 1] = values[special];
            run_line(&c, NN_SHARE_WHERE_POSSIBLE);
            for (int64_t n = 0; n < c.size * c.columns; n++) {
                double magnitude;
                const double sum = line_sum(&c, n / c.columns, n % c.columns, &magnitude);
                const bool is_same = (double)c.y[n] == sum || (isnan(c.y[n]) && isnan(sum));
                const double of_value = special == 3 ? 2e-6 * (double)values[special] : 0;
                ck_assert_msg(is_same ||
                                  fabs((double)c.y[n] - sum) <= 3e-6 * (magnitude + 1) + of_value,
                              "%lld to %lld channels, %g: result %lld is %.9g, must be %.9g",
                              (long long)c.channels, (long long)c.columns, (double)values[special],
                              (long long)n, (double)c.y[n], sum);
            }
            clear_line(&c);
        }
}
END_TEST

START_TEST(errors_along_lines) {
    static const int64_t channels[] = {48, 64, 256, 512};
    static const float scales[] = {1, 1e-4f, 30};
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(10);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 3; j++)
            for (int is_positive = 0; is_positive < 2; is_positive++) {
                line c = make_line(channels[i], 48, 70, 1);
                for (int64_t n = 0; n < c.size * c.channels; n++)
                    c.x[n] = scales[j] * (is_positive ? fmaxf(c.x[n], 0) : c.x[n]);
                for (int64_t n = 0; n < 48; n++) c.bias[n] *= scales[j];
                run_line(&c, NN_SHARE_NEVER);
                const double plain = line_error(&c);
                run_line(&c, NN_SHARE_WHERE_POSSIBLE);
                const double ratio = line_error(&c) / plain;
                ck_assert_msg(ratio < 1.6, "%lld channels of %g: %g", (long long)channels[i],
                              (double)scales[j], ratio);
                clear_line(&c);
            }
}
END_TEST

START_TEST(only_some_cpus_and_shapes_share) {
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    convolution wide = make(forms[0], 64, 64, 14, 1), narrow = make(forms[0], 16, 16, 14, 1);
    ck_assert(plan_of(&wide, NN_SHARE_WHERE_FASTER).shares == nn_shared_gains(nn_cpu_get()->isa));
    ck_assert(!plan_of(&narrow, NN_SHARE_WHERE_FASTER).shares);
    ck_assert(!plan_of(&wide, NN_SHARE_NEVER).shares);
    clear(&wide);
    clear(&narrow);
}
END_TEST

#endif

Suite *test_suite(void) {
    Suite *suite = suite_create("Winograd with shared products of floats");
#if defined(__x86_64__)
    TCase *results = tcase_create("results"), *choice = tcase_create("choice");
    tcase_add_test(results, sizes_of_all_kinds);
    tcase_add_test(results, errors_are_near_those_of_plain_products);
    tcase_add_test(results, magnitudes_do_not_matter);
    tcase_add_test(results, columns_that_differ);
    tcase_add_test(results, images_that_differ);
    tcase_add_test(results, pixels_that_differ);
    tcase_add_test(results, numbers_without_bounds);
    tcase_add_test(results, weights_are_measured_and_found_again);
    tcase_add_test(results, lines_of_all_kinds);
    tcase_add_test(results, errors_along_lines);
    tcase_add_test(choice, only_some_cpus_and_shapes_share);
    suite_add_tcase(suite, results);
    suite_add_tcase(suite, choice);
#endif
    return suite;
}
