/* Direct convolutions and matrix products whose products are shared, against sums in double
 * precision: odd sizes, padding, strides, groups, sums in passes, fused work, threads; their error
 * beside that of plain sums for values of any magnitude, infinities and NaN; when they are chosen.
 */
#include "base/cpu.h"
#include "base/integers.h"
#include "base/memory.h"
#include "base/pool.h"
#include "ops/cpu/float32/direct/direct_f32.h"
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)

/* One convolution of two axes; w is [group][column][k][tap]. */
typedef struct product {
    nn_direct_problem problem;
    nn_epilogue epilogue;
    int threads;
    int64_t pixels, in_floats, taps;
    float *x, *w, *bias, *residual, *y;
} product;

static int64_t out_size(int64_t in, int64_t kernel, int64_t stride, int64_t pad) {
    return (in + 2 * pad - kernel) / stride + 1;
}

/* in, kernel, stride and pad are those of both axes. */
static product product_of(int64_t groups, int64_t k, int64_t columns, int64_t in, int64_t kernel,
                          int64_t stride, int64_t pad) {
    product out = {.threads = 1, .taps = kernel * kernel};
    const int64_t size = out_size(in, kernel, stride, pad);
    out.problem = nn_direct_product(1, columns, k);
    out.problem.groups = groups;
    out.problem.in_pitch = groups * k;
    out.problem.compares_rows = false;
    for (int axis = NN_HEIGHT; axis <= NN_WIDTH; axis++)
        out.problem.axes[axis] = (nn_window_axis){.in = in,
                                                  .out = size,
                                                  .kernel = kernel,
                                                  .stride = stride,
                                                  .dilation = 1,
                                                  .pad_begin = pad,
                                                  .pad_end = pad};
    nn_direct_dense_output(&out.problem, groups * columns);
    out.problem.sharing = NN_SHARE_WHERE_POSSIBLE;
    out.pixels = size * size;
    out.in_floats = in * in * groups * k;
    out.x = host_floats(out.in_floats, 1);
    out.w = host_floats(groups * columns * k * out.taps, 1);
    out.bias = host_floats(groups * columns, 1);
    out.residual = host_floats(out.pixels * groups * columns, 1);
    out.y = host_floats(out.pixels * groups * columns, 1);
    return out;
}

static product matrix_product(int64_t rows, int64_t k, int64_t columns) {
    product out = product_of(1, k, columns, 1, 1, 1, 0);
    nn_free(out.x);
    nn_free(out.y);
    nn_free(out.residual);
    out.problem = nn_direct_product(rows, columns, k);
    out.problem.sharing = NN_SHARE_WHERE_POSSIBLE;
    out.pixels = rows;
    out.in_floats = rows * k;
    out.x = host_floats(out.in_floats, 1);
    out.residual = host_floats(rows * columns, 1);
    out.y = host_floats(rows * columns, 1);
    return out;
}

static void free_product(product *p) {
    nn_free(p->x);
    nn_free(p->w);
    nn_free(p->bias);
    nn_free(p->residual);
    nn_free(p->y);
}

static nn_direct_plan plan_of(const product *p) {
    nn_direct_plan plan;
    nn_direct_plan_make(&p->problem, &nn_tiles_f32_avx512, p->threads, &p->epilogue, &plan);
    return plan;
}

static nn_direct_plan run(const product *p) {
    const int64_t taps = p->taps, k = p->problem.k;
    const nn_direct_source source = {.group_step = p->problem.columns * k * taps,
                                     .column_step = k * taps,
                                     .k_step = taps,
                                     .tap_step = 1,
                                     .scale = 1};
    const nn_direct_plan plan = plan_of(p);
    float *packed = nn_alloc(nn_direct_packed_bytes(&plan));
    float *bias = nn_alloc(nn_direct_bias_bytes(&plan));
    void *workspace = nn_alloc(nn_direct_workspace(&plan, p->threads));
    nn_pool *pool = NULL;
    ck_assert(packed != NULL && bias != NULL && workspace != NULL);
    ck_assert(p->threads == 1 || nn_pool_create(p->threads, &pool) == NN_OK);
    nn_direct_pack(&plan, &source, p->w, packed);
    nn_direct_pack_bias(&plan, p->bias, 1, 1, bias);
    nn_direct_run(&plan, packed, bias, p->x, p->epilogue.has_residual ? p->residual : NULL, p->y,
                  pool, workspace);
    nn_pool_destroy(pool);
    nn_free(packed);
    nn_free(bias);
    nn_free(workspace);
    return plan;
}

/* The sum of one output without what comes after it, and its terms' magnitudes. */
static double sum_of(const product *p, int64_t pixel, int64_t column, double *magnitude) {
    const nn_direct_problem *d = &p->problem;
    const nn_window_axis *height = &d->axes[NN_HEIGHT], *width = &d->axes[NN_WIDTH];
    const int64_t group = column / d->columns, row = pixel / width->out, at = pixel % width->out;
    const float *w = p->w + column * d->k * p->taps;
    double sum = (double)p->bias[column];
    *magnitude = fabs(sum);
    for (int64_t tap = 0; tap < p->taps; tap++) {
        const int64_t h = row * height->stride - height->pad_begin + tap / width->kernel;
        const int64_t x = at * width->stride - width->pad_begin + tap % width->kernel;
        if (h < 0 || h >= height->in || x < 0 || x >= width->in) continue;
        const float *from = p->x + (h * width->in + x) * d->in_pitch + group * d->k;
        for (int64_t k = 0; k < d->k; k++) {
            const double term = (double)from[k] * (double)w[k * p->taps + tap];
            sum += term;
            *magnitude += fabs(term);
        }
    }
    return sum;
}

/* Every output; errors relative to the sum of its terms' magnitudes. */
static void check(const product *p, double tolerance) {
    const int64_t all = p->problem.groups * p->problem.columns;
    const nn_activation *after = &p->epilogue.after;
    for (int64_t i = 0; i < p->pixels * all; i++) {
        double magnitude, sum = sum_of(p, i / all, i % all, &magnitude);
        if (p->epilogue.has_residual) sum += (double)p->residual[i];
        if (after->kind == NN_ACT_RELU) sum = fmax(sum, 0);
        if (after->kind == NN_ACT_CLIP)
            sum = fmin(fmax(sum, (double)after->alpha), (double)after->beta);
        if (after->kind == NN_ACT_LEAKY_RELU && sum < 0) sum *= (double)after->alpha;
        ck_assert_msg(fabs((double)p->y[i] - sum) <= tolerance * (magnitude + 1),
                      "%lld to %lld channels, kernel of %lld: pixel %lld, column %lld is %.9g, "
                      "must be %.9g",
                      (long long)p->problem.k, (long long)p->problem.columns, (long long)p->taps,
                      (long long)(i / all), (long long)(i % all), (double)p->y[i], sum);
    }
}

START_TEST(shapes_of_all_kinds) {
    static const struct {
        int64_t groups, k, columns, in, kernel, stride, pad;
    } shapes[] = {
        {1, 3, 9, 5, 1, 1, 0},     {1, 4, 16, 3, 1, 1, 0},   {1, 5, 17, 4, 1, 1, 0},
        {1, 6, 24, 7, 1, 1, 0},    {1, 16, 25, 6, 1, 1, 0},  {1, 47, 32, 5, 1, 1, 0},
        {1, 48, 33, 5, 1, 1, 0},   {1, 49, 64, 7, 1, 2, 0},  {1, 100, 40, 14, 1, 2, 0},
        {2, 20, 24, 6, 1, 1, 0},   {1, 12, 16, 7, 3, 1, 1},  {1, 20, 40, 9, 3, 2, 1},
        {3, 9, 20, 5, 3, 1, 1},    {1, 3, 64, 12, 7, 2, 3},  {1, 10, 16, 3, 5, 1, 2},
        {1, 1024, 33, 4, 1, 1, 0}, {1, 400, 48, 8, 3, 1, 1}, {1, 11, 12, 1, 3, 1, 1},
    };
    static const nn_activation activations[] = {{.kind = NN_ACT_NONE},
                                                {.kind = NN_ACT_RELU},
                                                {NN_ACT_CLIP, 0, 0.5f},
                                                {NN_ACT_CLIP, -0.5f, 1},
                                                {NN_ACT_LEAKY_RELU, 0.25f, 0}};
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(1);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int fused = 0; fused < 10; fused++) {
            product p = product_of(shapes[i].groups, shapes[i].k, shapes[i].columns, shapes[i].in,
                                   shapes[i].kernel, shapes[i].stride, shapes[i].pad);
            p.threads = 1 + fused % 2;
            p.epilogue.has_residual = fused >= 5;
            p.epilogue.after = activations[fused % 5];
            const nn_direct_plan plan = run(&p);
            ck_assert(plan.shares);
            check(&p, 1e-6);
            free_product(&p);
        }
}
END_TEST

/* k that is summed in parts, each of which begins a pair. */
START_TEST(sums_in_parts) {
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(2);
    const int64_t l2 = nn_cpu_get()->l2_bytes > 0 ? nn_cpu_get()->l2_bytes : 1 << 20;
    product p = matrix_product(24, 2 * l2 / (24 * (int64_t)sizeof(float)) + 7, 40);
    const nn_direct_plan plan = run(&p);
    ck_assert(plan.shares);
    ck_assert_int_gt(plan.passes, 1);
    check(&p, 1e-6);
    free_product(&p);
}
END_TEST

/* Root mean square of the errors over that of the results. */
static double error_of(const product *p) {
    const int64_t all = p->problem.groups * p->problem.columns;
    double errors = 0, squares = 0, magnitude;
    for (int64_t i = 0; i < p->pixels * all; i++) {
        const double sum = sum_of(p, i / all, i % all, &magnitude);
        errors += ((double)p->y[i] - sum) * ((double)p->y[i] - sum);
        squares += sum * sum;
    }
    return sqrt(errors / squares);
}

/* The error beside that of plain sums does not depend on how great rows and weights are, also where
 * no row is negative, as behind a ReLU. */
START_TEST(errors_are_near_those_of_plain_sums) {
    static const float scales[] = {1, 3, 1e-4f, 1e5f, 1e-12f, 1e12f};
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(3);
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++)
            for (int is_positive = 0; is_positive < 2; is_positive++) {
                double errors[2];
                product p = product_of(1, 192, 48, 6, 1, 1, 0);
                for (int64_t n = 0; n < p.in_floats; n++) {
                    p.x[n] *= scales[i];
                    if (is_positive) p.x[n] = fmaxf(p.x[n], 0);
                }
                for (int64_t n = 0; n < 192 * 48; n++) p.w[n] *= scales[j];
                for (int64_t n = 0; n < 48; n++) p.bias[n] *= scales[i] * scales[j];
                for (int shares = 0; shares < 2; shares++) {
                    p.problem.sharing = shares ? NN_SHARE_WHERE_POSSIBLE : NN_SHARE_NEVER;
                    run(&p);
                    errors[shares] = error_of(&p);
                }
                ck_assert_msg(errors[1] < 3 * errors[0], "%g times %g: %g, plain %g",
                              (double)scales[i], (double)scales[j], errors[1], errors[0]);
                free_product(&p);
            }
}
END_TEST

/* Columns of weights that differ, each of which is as exact as if it were alone. */
START_TEST(columns_that_differ) {
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(4);
    product p = product_of(1, 96, 32, 6, 1, 1, 0);
    for (int64_t j = 0; j < 32; j++) {
        const float scale = j == 5 ? 0 : exp2f((float)(j - 16));
        for (int64_t k = 0; k < 96; k++) p.w[j * 96 + k] *= scale;
        p.bias[j] = 0;
    }
    run(&p);
    for (int64_t i = 0; i < p.pixels * 32; i++) {
        double magnitude;
        const double sum = sum_of(&p, i / 32, i % 32, &magnitude);
        ck_assert_msg(fabs((double)p.y[i] - sum) <= 1e-6 * magnitude + 1e-20,
                      "column %lld: %g, must be %g", (long long)(i % 32), (double)p.y[i], sum);
    }
    free_product(&p);
}
END_TEST

/* A classifier that cannot tell its many classes apart gives each the same. */
START_TEST(many_columns_of_equal_weights) {
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(8);
    product p = product_of(1, 64, 1000, 4, 1, 1, 0);
    for (int64_t i = 64; i < 64 * 1000; i++) p.w[i] = p.w[i - 64];
    memset(p.bias, 0, sizeof *p.bias * 1000);
    run(&p);
    for (int64_t i = 0; i < p.pixels * 1000; i++) ck_assert(p.y[i] == p.y[i / 1000 * 1000]);
    free_product(&p);
}
END_TEST

/* A token whose numbers are a thousand times as great as those of the others does not give these
 * its error. */
START_TEST(rows_of_matrices_that_differ) {
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(5);
    product p = matrix_product(40, 128, 64);
    for (int64_t k = 0; k < 128; k++) p.x[17 * 128 + k] *= 1000;
    run(&p);
    check(&p, 1e-6);
    free_product(&p);
}
END_TEST

/* What is not finite, or of which a product might not be, has the results of plain sums, if these
 * are not greater than floats are when columns are brought to one. */
START_TEST(values_without_bounds) {
    static const float values[] = {INFINITY, -INFINITY, NAN, 1e37f, 1e25f, 1e-38f};
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(6);
    for (int i = 0; i < 6; i++)
        for (int place = 0; place < 4; place++) {
            product p = product_of(1, 24, 32, 5, 1, 1, 0);
            float *plain;
            if (place < 3)
                p.x[24 * 7 + place] = values[i];
            else
                p.w[24 * 9 + 1] = values[i];
            p.problem.sharing = NN_SHARE_NEVER;
            run(&p);
            plain = p.y;
            p.y = host_floats(p.pixels * 32, 1);
            p.problem.sharing = NN_SHARE_WHERE_POSSIBLE;
            run(&p);
            for (int64_t n = 0; n < p.pixels * 32; n++) {
                const bool is_same = p.y[n] == plain[n] || (isnan(p.y[n]) && isnan(plain[n]));
                const double greatest = fmax(fabs((double)values[i]), 1);
                ck_assert_msg(is_same || (isfinite(p.y[n]) && isfinite(plain[n]) &&
                                          fabs((double)(p.y[n] - plain[n])) <= 1e-5 * greatest),
                              "%g at %d: %g, plain %g", (double)values[i], place, (double)p.y[n],
                              (double)plain[n]);
            }
            nn_free(plain);
            free_product(&p);
        }
}
END_TEST

/* Zeros give the bias, to some units in the last place of what the columns' own sums are. */
START_TEST(rows_of_zeros) {
    if (nn_cpu_get()->isa < NN_ISA_AVX512) return;
    host_seed(7);
    product p = product_of(1, 64, 32, 5, 1, 1, 0);
    memset(p.x, 0, sizeof *p.x * (size_t)p.in_floats);
    run(&p);
    check(&p, 1e-7);
    free_product(&p);
}
END_TEST

/* ---- choice ---- */

START_TEST(choice_follows_the_shape) {
    static const struct {
        int64_t taps, k, columns;
        bool pays;
    } cases[] = {
        {1, 64, 64, true},   {1, 24, 144, true}, {1, 768, 3072, true},
        {9, 128, 128, true}, {1, 16, 96, false}, /* the ends of tiles take what products save */
        {1, 32, 16, false},                      /* so do the rows' own sums */
        {1, 96, 8, false},   {1, 2, 256, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(nn_shared_pays(cases[i].taps, cases[i].k, cases[i].columns) == cases[i].pays,
                      "%lld taps of %lld by %lld", (long long)cases[i].taps, (long long)cases[i].k,
                      (long long)cases[i].columns);
}
END_TEST

START_TEST(only_some_cpus_and_plans_share) {
    product p = product_of(1, 64, 64, 14, 1, 1, 0);
    p.problem.sharing = NN_SHARE_WHERE_FASTER;
    ck_assert(plan_of(&p).shares == nn_shared_gains(nn_cpu_get()->isa));
    p.problem.vectors = 2; /* a width that was asked for */
    ck_assert(!plan_of(&p).shares);
    p.problem.vectors = 0;
    p.problem.sharing = NN_SHARE_NEVER;
    ck_assert(!plan_of(&p).shares);
    free_product(&p);
}
END_TEST

#endif

Suite *test_suite(void) {
    Suite *suite = suite_create("shared products of floats");
#if defined(__x86_64__)
    TCase *results = tcase_create("results"), *choice = tcase_create("choice");
    tcase_add_test(results, shapes_of_all_kinds);
    tcase_add_test(results, sums_in_parts);
    tcase_add_test(results, errors_are_near_those_of_plain_sums);
    tcase_add_test(results, columns_that_differ);
    tcase_add_test(results, many_columns_of_equal_weights);
    tcase_add_test(results, rows_of_matrices_that_differ);
    tcase_add_test(results, values_without_bounds);
    tcase_add_test(results, rows_of_zeros);
    tcase_add_test(choice, choice_follows_the_shape);
    tcase_add_test(choice, only_some_cpus_and_plans_share);
    suite_add_tcase(suite, results);
    suite_add_tcase(suite, choice);
#endif
    return suite;
}
