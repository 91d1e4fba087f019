/* Ridge regression and factorisation: judged by linear algebra, not by stored results. */
#include "base/memory.h"
#include "base/random.h"
#include "optim/factorize.h"
#include "optim/least_squares.h"
#include "tests/support/runner.h"

#include <math.h>

enum { ROWS = 400 };

/* x random with a constant 1 in the last place; y = w x exactly. */
static void make_linear(const double *w, int64_t outputs, int64_t side, float *x, float *y) {
    nn_random random = nn_random_seed(7);
    for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t i = 0; i < side; i++)
            x[r * side + i] = i + 1 == side ? 1 : (float)nn_random_normal(&random);
        for (int64_t o = 0; o < outputs; o++) {
            double sum = 0;
            for (int64_t i = 0; i < side; i++) sum += w[o * side + i] * x[r * side + i];
            y[r * outputs + o] = (float)sum;
        }
    }
}

START_TEST(regression_recovers_an_exact_linear_map) {
    double w[] = {1, -2, 0.5, 3, 0, 0.25, -1, -4}, fitted[8];
    float x[ROWS * 4], y[ROWS * 2];
    make_linear(w, 2, 4, x, y);
    nn_moments moments;
    ck_assert_ok(nn_moments_init(&moments, 4, 2, true));
    ck_assert_ok(nn_moments_add(&moments, x, y, ROWS / 2));
    ck_assert_ok(nn_moments_add(&moments, x + ROWS / 2 * 4, y + ROWS / 2 * 2, ROWS / 2));
    ck_assert_int_eq(moments.positions, ROWS);
    ck_assert_ok(nn_ridge_solve(&moments, 1e-9, NULL, fitted));
    for (int i = 0; i < 8; i++) ck_assert_double_eq_tol(fitted[i], w[i], 1e-5);
    ck_assert_double_lt(nn_moments_error(&moments, fitted), 1e-9);
    double zero[8] = {0};
    ck_assert_double_eq_tol(nn_moments_error(&moments, zero), 1, 1e-9);
    nn_moments_clear(&moments);
}
END_TEST

START_TEST(heavy_damping_returns_to_the_prior) {
    double w[] = {1, -2, 0.5, 3}, prior[] = {5, 6, 7, 3}, fitted[4];
    float x[ROWS * 4], y[ROWS];
    make_linear(w, 1, 4, x, y);
    nn_moments moments;
    ck_assert_ok(nn_moments_init(&moments, 4, 1, true));
    ck_assert_ok(nn_moments_add(&moments, x, y, ROWS));
    ck_assert_ok(nn_ridge_solve(&moments, 1, prior, fitted));
    /* half way: the penalty weighs as much as the data */
    for (int i = 0; i < 3; i++) ck_assert_double_eq_tol(fitted[i], (w[i] + prior[i]) / 2, 0.5);
    nn_moments_clear(&moments);
}
END_TEST

START_TEST(inputs_that_never_vary_are_solved_with_more_damping) {
    float x[ROWS * 3], y[ROWS];
    for (int r = 0; r < ROWS; r++) {
        x[r * 3] = x[r * 3 + 1] = (float)r;
        x[r * 3 + 2] = 1;
        y[r] = (float)(4 * r);
    }
    double fitted[3];
    nn_moments moments;
    ck_assert_ok(nn_moments_init(&moments, 3, 1, true));
    ck_assert_ok(nn_moments_add(&moments, x, y, ROWS));
    ck_assert_ok(nn_ridge_solve(&moments, 1e-6, NULL, fitted));
    ck_assert_double_eq_tol(fitted[0] + fitted[1], 4, 1e-2);
    nn_moments_clear(&moments);
}
END_TEST

/* ---- factorisation ---- */

enum {
    INPUTS = 3,
    OUTPUTS = 5,
    HEIGHT = 3,
    WIDTH = 2,
    TAPS = HEIGHT * WIDTH,
    SIDE = INPUTS * TAPS + 1
};

static double test_weights[OUTPUTS * SIDE];
static nn_moments test_moments;

static nn_factor_source make_source(void) {
    static float x[ROWS * SIDE];
    nn_random random = nn_random_seed(3);
    for (int i = 0; i < OUTPUTS * SIDE; i++) test_weights[i] = nn_random_normal(&random);
    for (int i = 0; i < ROWS * SIDE; i++)
        x[i] = i % SIDE == SIDE - 1 ? 1 : (float)(nn_random_normal(&random) + 0.5);
    ck_assert_ok(nn_moments_init(&test_moments, SIDE, OUTPUTS, true));
    ck_assert_ok(nn_moments_add(&test_moments, x, NULL, ROWS));
    return (nn_factor_source){INPUTS, OUTPUTS, HEIGHT, WIDTH, test_weights, &test_moments};
}

/* What the two factors compute together, as one outputs x (inputs * taps) matrix, from the
 * definitions of the forms (spatial: the second kernel runs along the width). */
static void compose(const nn_factorization *f, double *out) {
    memset(out, 0, OUTPUTS * (SIDE - 1) * sizeof *out);
    for (int o = 0; o < OUTPUTS; o++)
        for (int c = 0; c < INPUTS; c++)
            for (int a = 0; a < HEIGHT; a++)
                for (int b = 0; b < WIDTH; b++) {
                    double *sum = &out[o * (SIDE - 1) + c * TAPS + a * WIDTH + b];
                    for (int64_t r = 0; r < f->rank; r++) {
                        if (f->form == NN_FORM_SPATIAL)
                            *sum += f->first[(r * INPUTS + c) * HEIGHT + a] *
                                    f->second[(o * f->rank + r) * WIDTH + b];
                        else if (f->form == NN_FORM_DEPTHWISE)
                            *sum += f->first[(c * f->rank + r) * TAPS + a * WIDTH + b] *
                                    f->second[o * f->features + c * f->rank + r];
                        else
                            *sum += f->first[(r * INPUTS + c) * TAPS + a * WIDTH + b] *
                                    f->second[o * f->rank + r];
                    }
                }
}

START_TEST(full_rank_is_exact) {
    nn_factor_source source = make_source();
    for (int form = 0; form < NN_FORM_COUNT; form++) {
        nn_factorization factors;
        int64_t rank = nn_factor_full_rank(&source, (nn_factor_form)form);
        ck_assert_ok(nn_factorize(&source, (nn_factor_form)form, rank, &factors));
        ck_assert_double_lt(factors.error, 1e-8);
        double whole[OUTPUTS * (SIDE - 1)];
        compose(&factors, whole);
        for (int o = 0; o < OUTPUTS; o++) {
            for (int i = 0; i < SIDE - 1; i++)
                ck_assert_double_eq_tol(whole[o * (SIDE - 1) + i], test_weights[o * SIDE + i],
                                        1e-5);
            ck_assert_double_eq_tol(factors.bias[o], test_weights[o * SIDE + SIDE - 1], 1e-5);
        }
        nn_factorization_clear(&factors);
    }
    nn_moments_clear(&test_moments);
}
END_TEST

START_TEST(error_falls_with_the_rank_and_matches_the_composed_map) {
    nn_factor_source source = make_source();
    for (int form = 0; form < NN_FORM_COUNT; form++) {
        double last = INFINITY;
        for (int64_t rank = 1; rank <= nn_factor_full_rank(&source, (nn_factor_form)form); rank++) {
            nn_factorization factors;
            ck_assert_ok(nn_factorize(&source, (nn_factor_form)form, rank, &factors));
            ck_assert_double_le(factors.error, last + 1e-9);
            last = factors.error;
            nn_factorization_clear(&factors);
        }
    }
    nn_moments_clear(&test_moments);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("least squares");
    TCase *cases = tcase_create("least squares");
    tcase_add_test(cases, regression_recovers_an_exact_linear_map);
    tcase_add_test(cases, heavy_damping_returns_to_the_prior);
    tcase_add_test(cases, inputs_that_never_vary_are_solved_with_more_damping);
    tcase_add_test(cases, full_rank_is_exact);
    tcase_add_test(cases, error_falls_with_the_rank_and_matches_the_composed_map);
    suite_add_tcase(suite, cases);
    return suite;
}
