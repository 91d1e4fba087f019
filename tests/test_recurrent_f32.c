/* Every kernel of RNN, GRU and LSTM that this CPU can run against the reference kernel: sizes
 * around the width of a vector, directions, layouts, batches, lengths, peepholes, bounds, all
 * functions. Matrices in fixed point: how weights are rounded, what they do to sums, how exact the
 * functions of their gates are, and where they are not taken. */
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include "ops/cpu/float32/recurrent/recurrent_fixed_f32.h"
#include "ops/cpu/float32/recurrent/recurrent_inputs_f32.h"
#include "ops/cpu/kernels.h"
#include "ops/family/recurrent.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct recurrent_case {
    const nn_op *op;
    int64_t hidden, inputs, steps, batch;
    const char *direction; /* NULL: forward */
    bool batch_first, lengths, states, no_bias, computed_weights;
    bool peepholes, coupled, linear;
    float clip;
    float inputs_scale; /* 0: 1 */
} recurrent_case;

static int gates_of(const nn_op *op) {
    return op == &nn_op_rnn ? NN_GATES_RNN : op == &nn_op_gru ? NN_GATES_GRU : NN_GATES_LSTM;
}

static float *add_input(kernel_host *host, const int64_t *dims, int rank, float scale,
                        bool constant) {
    float *data = host_input(host, NNOPT_FLOAT, dims, rank, constant);
    int64_t count = 1;
    for (int i = 0; i < rank; i++) count *= dims[i];
    for (int64_t i = 0; i < count; i++) data[i] = scale * host_random();
    return data;
}

static void set_attributes(kernel_host *host, const recurrent_case *c) {
    host_int(host, "hidden_size", c->hidden);
    if (c->direction != NULL) host_text(host, "direction", c->direction);
    if (c->batch_first) host_int(host, "layout", 1);
    if (c->clip > 0) host_float(host, "clip", c->clip);
    if (c->coupled) host_int(host, "input_forget", 1);
    if (c->linear) host_int(host, "linear_before_reset", 1);
}

static void add_inputs(kernel_host *host, const recurrent_case *c) {
    const int64_t directions =
        c->direction != NULL && strcmp(c->direction, "bidirectional") == 0 ? 2 : 1;
    const int64_t rows = gates_of(c->op) * c->hidden;
    const int64_t x[] = {c->batch_first ? c->batch : c->steps, c->batch_first ? c->steps : c->batch,
                         c->inputs};
    const int64_t state[] = {c->batch_first ? c->batch : directions,
                             c->batch_first ? directions : c->batch, c->hidden};
    const float scale = 2 / sqrtf((float)c->hidden);
    const bool constant = !c->computed_weights;
    add_input(host, x, 3, c->inputs_scale > 0 ? c->inputs_scale : 1, false);
    add_input(host, (int64_t[]){directions, rows, c->inputs}, 3, 0.5f, constant);
    add_input(host, (int64_t[]){directions, rows, c->hidden}, 3, scale, constant);
    if (c->no_bias)
        host_absent(host);
    else
        add_input(host, (int64_t[]){directions, 2 * rows}, 2, 0.5f, constant);
    if (c->lengths) {
        int32_t *lengths = host_input(host, NNOPT_INT32, &c->batch, 1, false);
        for (int64_t i = 0; i < c->batch; i++) lengths[i] = (int32_t)((7 * i + 2) % (c->steps + 1));
    } else {
        host_absent(host);
    }
    if (c->states)
        add_input(host, state, 3, 1, false);
    else
        host_absent(host);
    if (c->op != &nn_op_lstm) return;
    if (c->states)
        add_input(host, state, 3, 1, false);
    else
        host_absent(host);
    if (c->peepholes) add_input(host, (int64_t[]){directions, 3 * c->hidden}, 2, 0.5f, false);
}

/* The outputs of the reference, to be freed. */
static float *wanted_outputs(kernel_host *host, int64_t *count) {
    const nn_kernel *const *kernel = host->op->kernels;
    const nn_target target = {.isa = NN_ISA_PORTABLE, .threads = 1};
    while (kernel[1] != NULL) kernel++;
    host_run(host, *kernel, NN_LAYOUT_STANDARD, &target);
    *count = 0;
    for (int i = 0; i < host->out_count; i++) *count += nn_tensor_count(&host->out[i]);
    float *out = malloc((size_t)*count * sizeof *out);
    ck_assert_ptr_nonnull(out);
    int64_t at = 0;
    for (int i = 0; i < host->out_count; at += nn_tensor_count(&host->out[i++]))
        memcpy(out + at, host->out[i].data, (size_t)nn_tensor_bytes(&host->out[i]));
    return out;
}

/* NaN equals NaN. */
static bool is_near(float got, float want) {
    if (isnan(got) || isnan(want)) return isnan(got) == isnan(want);
    return got == want || fabsf(got - want) <= 1e-5f * (1 + fabsf(want));
}

static void compare(const kernel_host *host, const nn_kernel *kernel, const float *want,
                    const char *what) {
    for (int i = 0; i < host->out_count; i++) {
        const float *got = host->out[i].data;
        for (int64_t k = 0; k < nn_tensor_count(&host->out[i]); k++, want++)
            ck_assert_msg(is_near(got[k], *want),
                          "%s, kernel '%s': element %lld of output %d is %.9g, must be %.9g", what,
                          kernel->name, (long long)k, i, (double)got[k], (double)*want);
    }
}

static void check_host(kernel_host *host, const char *what) {
    int64_t count;
    float *want = wanted_outputs(host, &count);
    for (const nn_kernel *const *kernel = host->op->kernels; kernel[1] != NULL; kernel++)
        for (int threads = 1; threads <= 3; threads += 2) {
            const nn_target target = {
                .isa = nn_cpu_get()->isa, .threads = threads, .explores = true};
            if (!host_accepts(host, *kernel, &target)) continue;
            host_run(host, *kernel, NN_LAYOUT_STANDARD, &target);
            compare(host, *kernel, want, what);
        }
    free(want);
}

static void check_case(const recurrent_case *c) {
    kernel_host host;
    char what[160];
    snprintf(what, sizeof what, "%s of %lld units, %lld inputs, %lld steps, batch %lld, %s",
             c->op->name, (long long)c->hidden, (long long)c->inputs, (long long)c->steps,
             (long long)c->batch, c->direction != NULL ? c->direction : "forward");
    host_init(&host, c->op, 14);
    host.out_count = c->op == &nn_op_lstm ? 3 : 2;
    set_attributes(&host, c);
    add_inputs(&host, c);
    host_infer(&host);
    check_host(&host, what);
    host_clear(&host);
}

static const nn_op *const ops[] = {&nn_op_rnn, &nn_op_gru, &nn_op_lstm};
static const int64_t sizes[] = {1, 3, 4, 8, 15, 16, 17, 33, 64, 67, 100};

/* Each number of units around the widths of vectors, each number of samples that has its own sums.
 */
START_TEST(hidden_units_and_samples_of_any_number) {
    host_seed((uint32_t)_i + 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int64_t batch = 1; batch <= 8; batch += i % 2 == 0 ? 1 : 3) {
            recurrent_case c = {.op = ops[_i],
                                .hidden = sizes[i],
                                .inputs = 1 + (int64_t)i,
                                .steps = 4,
                                .batch = batch};
            check_case(&c);
            c.linear = true;
            if (c.op == &nn_op_gru) check_case(&c);
        }
}
END_TEST

static const recurrent_case table[] = {
    {.hidden = 17, .inputs = 5, .steps = 6, .batch = 3, .direction = "reverse"},
    {.hidden = 17, .inputs = 5, .steps = 6, .batch = 3, .direction = "bidirectional"},
    {.hidden = 16,
     .inputs = 1,
     .steps = 5,
     .batch = 2,
     .direction = "bidirectional",
     .lengths = true},
    {.hidden = 33, .inputs = 3, .steps = 7, .batch = 9, .lengths = true, .states = true},
    {.hidden = 3,
     .inputs = 20,
     .steps = 6,
     .batch = 7,
     .direction = "reverse",
     .lengths = true,
     .states = true},
    {.hidden = 20, .inputs = 3, .steps = 4, .batch = 5, .batch_first = true},
    {.hidden = 20,
     .inputs = 3,
     .steps = 6,
     .batch = 5,
     .batch_first = true,
     .lengths = true,
     .states = true,
     .direction = "bidirectional"},
    {.hidden = 40, .inputs = 3, .steps = 5, .batch = 1, .states = true, .no_bias = true},
    {.hidden = 40, .inputs = 3, .steps = 5, .batch = 2, .states = true, .computed_weights = true},
    {.hidden = 17, .inputs = 3, .steps = 5, .batch = 2, .clip = 0.25f},
    {.hidden = 1, .inputs = 1, .steps = 1, .batch = 1},
    {.hidden = 260, .inputs = 70, .steps = 3, .batch = 1},  /* steps that threads share */
    {.hidden = 130, .inputs = 40, .steps = 3, .batch = 13}, /* more samples than one pass serves */
};

START_TEST(directions_layouts_lengths_and_bounds) {
    host_seed(20 + (uint32_t)_i);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        recurrent_case c = table[i];
        c.op = ops[_i];
        check_case(&c);
        c.linear = true;
        if (c.op == &nn_op_gru) check_case(&c);
    }
}
END_TEST

/* Inputs so many and so wide that they are multiplied by Strassen's algorithm, or share products.
 */
START_TEST(wide_inputs_of_many_steps) {
    host_seed(25 + (uint32_t)_i);
    for (int directions = 1; directions <= 2; directions++) {
        const recurrent_case c = {.op = ops[_i],
                                  .hidden = 128,
                                  .inputs = 512,
                                  .steps = 16,
                                  .batch = 4,
                                  .inputs_scale = 0.05f,
                                  .direction = directions == 2 ? "bidirectional" : NULL};
        const int64_t rows = c.steps * c.batch, columns = directions * gates_of(c.op) * c.hidden;
        const nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1};
        float one = 1;
        const nn_tensor w = {.type = NNOPT_FLOAT, .rank = 0, .data = &one};
        const bool is_wide = columns >= 512 && target.isa >= NN_ISA_AVX2;
        const nn_recurrent_inputs_way way =
            nn_recurrent_inputs_choose(rows, c.inputs, columns, &w, &target, 1);
        ck_assert(!is_wide ||
                  way == (nn_shared_gains(target.isa) ? NN_INPUTS_SHARED : NN_INPUTS_STRASSEN));
        check_case(&c);
    }
}
END_TEST

START_TEST(lstms_with_peepholes_and_coupled_gates) {
    host_seed(30);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int kind = 1; kind < 4; kind++) {
            recurrent_case c = table[i];
            c.op = &nn_op_lstm;
            c.peepholes = (kind & 1) != 0;
            c.coupled = (kind & 2) != 0;
            check_case(&c);
        }
}
END_TEST

static bool is_bounded(nn_gate_kind kind) {
    return kind == NN_GATE_TANH || kind == NN_GATE_SIGMOID || kind == NN_GATE_HARD_SIGMOID ||
           kind == NN_GATE_SOFTSIGN;
}

/* Each function for all gates. Infinities and NaN only where sums cannot grow beyond what a float
 * holds, since the reference adds doubles. */
START_TEST(functions_of_gates) {
    const nn_op *op = ops[_i % 3];
    kernel_host host;
    nn_gate_function f = {(nn_gate_kind)(_i / 3), 0.7f, 0.3f};
    char what[64];
    snprintf(what, sizeof what, "%s with function %d", op->name, _i / 3);
    const recurrent_case c = {.op = op, .hidden = 19, .inputs = 4, .steps = 4, .batch = 3};
    host_seed(40 + (uint32_t)_i);
    host_init(&host, op, 14);
    host.out_count = op == &nn_op_lstm ? 3 : 2;
    set_attributes(&host, &c);
    add_inputs(&host, &c);
    float *x = host.in[NN_RNN_X].data;
    if (is_bounded(f.kind)) {
        x[1] = INFINITY;
        x[(3 * 3 + 2) * 4] = NAN; /* the last step of the last sample */
    }
    host_infer(&host);
    nn_recurrent_attrs *attrs = host.attr_data;
    for (int i = 0; i < NN_MOST_GATE_FUNCTIONS; i++) attrs->functions[0][i] = f;
    check_host(&host, what);
    host_clear(&host);
}
END_TEST

/* ---- fixed point ---- */

/* Weight i of a column as steps read it, in units of the column's factor. */
static float unpacked(const int32_t *groups, int64_t i) {
    const int32_t *group = groups + i / NN_FIXED_DEPTH * NN_FIXED_GROUP;
    if (i % NN_FIXED_DEPTH < 3) return (float)group[i % NN_FIXED_DEPTH * NN_FIXED_LANES];
    uint32_t bits = 0;
    for (int byte = 0; byte < 3; byte++)
        bits = bits << 8 | ((uint32_t)group[byte * NN_FIXED_LANES] & 0xff);
    return (float)(int32_t)(bits << 8);
}

START_TEST(fixed_weights_are_near_those_given) {
    enum { K = 67, LANES = NN_FIXED_LANES };
    static float r[LANES * K], factors[LANES];
    static int32_t groups[NN_FIXED_GROUP * ((K + 3) / 4)];
    host_seed(70);
    for (int lane = 1; lane < LANES; lane++) /* the first is zero */
        for (int i = 0; i < K; i++)
            r[lane * K + i] = ldexpf(host_random(), lane - 8) * (i % lane == 0 ? 1 : 0.01f);
    nn_recurrent_fixed_pack(r, K, LANES, groups, NN_FIXED_GROUP, factors);
    for (int lane = 0; lane < LANES; lane++) {
        float greatest = 0;
        for (int i = 0; i < K; i++) greatest = fmaxf(greatest, fabsf(r[lane * K + i]));
        for (int i = 0; i < K + 1; i++) {
            const double factor = (double)factors[lane] * (double)NN_FIXED_STATE_SCALE;
            const double got = factor * (double)unpacked(groups + lane, i);
            const double want = i < K ? (double)r[lane * K + i] : 0;
            ck_assert_msg(fabs(got - want) <= 1.51 * 0x1p-24 * (double)greatest,
                          "weight %d of column %d is %.9g, must be %.9g", i, lane, got, want);
        }
    }
}
END_TEST

enum { UNITS = 256 };

/* What a distribution makes of uniform numbers. */
static float even(void) {
    return host_random();
}
static float bell(void) {
    float sum = 0;
    for (int i = 0; i < 12; i++) sum += host_random();
    return sum / 6;
}
static float peaked(void) { /* Laplace */
    const float x = host_random();
    return copysignf(0.2f * logf(1 - fabsf(x) + 1e-7f), x);
}
static float uneven(void) {
    const float x = host_random();
    return host_random_below(16) == 0 ? 6 * x : x;
}
static float rare(void) { /* few weights are great */
    const float x = host_random();
    return host_random_below(256) == 0 ? x : 1e-3f * x;
}
static float long_tailed(void) {
    const float x = host_random();
    return 0.01f * x / (1 - fabsf(x) + 1e-6f);
}

typedef float (*distribution)(void);

/* The mean square of the errors of R h, against sums in double, as a kernel computes it in a step
 * of a layer whose functions let through the sums of its last gate; negative: it does not accept.
 */
static double squared_error(const nn_op *op, const nn_kernel *kernel, distribution weights,
                            uint32_t seed) {
    const nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1, .explores = true};
    const nn_gate_function identity = {NN_GATE_AFFINE, 1, 0}, one = {NN_GATE_AFFINE, 0, 1};
    const int64_t gates = gates_of(op);
    kernel_host host;
    host_init(&host, op, 14);
    host_int(&host, "hidden_size", UNITS);
    host_seed(seed);
    add_input(&host, (int64_t[]){1, 1, 4}, 3, 0, false);
    add_input(&host, (int64_t[]){1, gates * UNITS, 4}, 3, 1, true);
    float *r = add_input(&host, (int64_t[]){1, gates * UNITS, UNITS}, 3, 1, true);
    host_absent(&host);
    host_absent(&host);
    const float *h = add_input(&host, (int64_t[]){1, 1, UNITS}, 3, 1, false);
    for (int64_t i = 0; i < gates * UNITS * UNITS; i++) r[i] = weights();
    host_infer(&host);
    nn_recurrent_attrs *attrs = host.attr_data;
    for (int i = 0; i < NN_MOST_GATE_FUNCTIONS; i++)
        attrs->functions[0][i] = i == 0 && gates > 1 ? one : identity;
    static double want[UNITS];
    for (int unit = 0; unit < UNITS; unit++) {
        const float *row = r + ((gates - 1) * UNITS + unit) * UNITS;
        want[unit] = 0;
        for (int k = 0; k < UNITS; k++) want[unit] += (double)row[k] * (double)h[k];
    }
    double total = 0;
    ck_assert(host_accepts(&host, kernel, &target));
    host_run(&host, kernel, NN_LAYOUT_STANDARD, &target);
    for (int unit = 0; unit < UNITS; unit++) {
        const double error = (double)((const float *)host.out[0].data)[unit] - want[unit];
        total += error * error / UNITS;
    }
    host_clear(&host);
    return total;
}

static bool has_fixed(void) {
#if defined(__x86_64__)
    return nn_cpu_get()->isa >= NN_ISA_AVX512 && nn_cpu_get()->has_vbmi2;
#else
    return false;
#endif
}

/* Sums with weights in fixed point are about as near to exact ones as sums of floats. */
START_TEST(sums_with_fixed_weights_are_as_exact_as_floats) {
    static const struct {
        const char *name;
        distribution weights;
        double most; /* root mean square of errors over that of floats */
    } rows[] = {
        {"even", even, 1.1}, {"bell", bell, 1.2}, {"peaked", peaked, 1.4}, {"uneven", uneven, 1.5}};
    if (!has_fixed()) return;
#if defined(__x86_64__)
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int k = 0; k < 2; k++) {
            const nn_op *op = k == 0 ? &nn_op_rnn : &nn_op_lstm;
            double fixed = 0, floats = 0;
            for (uint32_t seed = 1; seed <= 10; seed++) {
                fixed +=
                    squared_error(op, &nn_kernel_recurrent_fixed_f32_vbmi2, rows[i].weights, seed);
                floats += squared_error(op, &nn_kernel_recurrent_f32_avx512, rows[i].weights, seed);
            }
            const double ratio = sqrt(fixed / floats);
            ck_assert_msg(ratio <= rows[i].most, "%s of '%s': %.3g of the error of floats",
                          op->name, rows[i].name, ratio);
        }
#endif
}
END_TEST

#if defined(__x86_64__)
static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* Sums of gates from zero over the ends of what functions tell apart to infinity. */
static float gate_sum(int i) {
    static const float ends[] = {0,    -0.0f, 1e-6f, -9.2f,    88.7f,     -87.5f,   -88.71f,
                                 -104, 1000,  -1000, INFINITY, -INFINITY, 0x1p127f, -0x1p127f};
    static const float scales[] = {1e-4f, 1, 4, 30};
    enum { ENDS = sizeof ends / sizeof *ends };
    if (i % 8 == 0) return ends[host_random_below(ENDS)];
    return scales[i % 4] * host_random();
}

static void check_state(const char *what, int unit, float got, double want, double magnitude) {
    ck_assert_msg(fabs((double)got - want) <= 6 * 0x1p-23 * magnitude + 1e-30,
                  "%s of unit %d is %.9g, must be %.9g", what, unit, (double)got, want);
}

/* A step without weights of the state, against functions in double. `kind` 0: LSTM, 1 and 2: GRU,
 * whose last gate is then without its state's share. */
static void check_functions(int kind, uint32_t seed) {
    const nn_target target = {.isa = nn_cpu_get()->isa, .threads = 1, .explores = true};
    const nn_op *op = kind == 0 ? &nn_op_lstm : &nn_op_gru;
    const int64_t gates = gates_of(op), state[] = {1, 1, UNITS};
    kernel_host host;
    host_init(&host, op, 14);
    host.out_count = kind == 0 ? 3 : 2;
    host_int(&host, "hidden_size", UNITS);
    if (kind == 2) host_int(&host, "linear_before_reset", 1);
    host_seed(seed);
    *add_input(&host, (int64_t[]){1, 1, 1}, 3, 0, false) = 1;
    float *sums = add_input(&host, (int64_t[]){1, gates * UNITS, 1}, 3, 0, true);
    for (int i = 0; i < gates * UNITS; i++) sums[i] = gate_sum(i);
    add_input(&host, (int64_t[]){1, gates * UNITS, UNITS}, 3, 0, true);
    host_absent(&host);
    host_absent(&host);
    const float *h = add_input(&host, state, 3, 1, false), *c = NULL;
    if (kind == 0) c = add_input(&host, state, 3, 3, false);
    host_infer(&host);
    ck_assert(host_accepts(&host, &nn_kernel_recurrent_fixed_f32_vbmi2, &target));
    host_run(&host, &nn_kernel_recurrent_fixed_f32_vbmi2, NN_LAYOUT_STANDARD, &target);
    const float *y = host.out[1].data;
    for (int unit = 0; unit < UNITS; unit++) {
        double of[4];
        for (int gate = 0; gate < gates; gate++) of[gate] = (double)sums[gate * UNITS + unit];
        if (kind == 0) {
            const double kept = sigmoid(of[2]) * (double)c[unit];
            const double added = sigmoid(of[0]) * tanh(of[3]);
            const float got = ((const float *)host.out[2].data)[unit];
            check_state("the cell", unit, got, kept + added, fabs(kept) + fabs(added));
            const double want = sigmoid(of[1]) * tanh((double)got);
            check_state("the state", unit, y[unit], want, fabs(want));
        } else {
            const double z = sigmoid(of[0]), n = tanh(of[2]), before = (double)h[unit];
            check_state("the state", unit, y[unit], (1 - z) * n + z * before,
                        fabs(n) + fabs(before));
        }
    }
    host_clear(&host);
}
#endif

START_TEST(functions_of_fixed_point_layers_are_exact) {
    if (!has_fixed()) return;
#if defined(__x86_64__)
    for (int kind = 0; kind < 3; kind++)
        for (uint32_t seed = 1; seed <= 20; seed++) check_functions(kind, seed);
#endif
}
END_TEST

START_TEST(weights_that_fixed_point_does_not_suit) {
    static float r[2 * UNITS];
    host_seed(80);
    for (int i = 0; i < 2 * UNITS; i++) r[i] = host_random();
    ck_assert(nn_recurrent_fixed_suits(r, 2, UNITS));
    for (int i = 0; i < UNITS; i++) r[i] = 0; /* a column that is nothing */
    ck_assert(nn_recurrent_fixed_suits(r, 2, UNITS));
    const float wrong[] = {INFINITY, -INFINITY, NAN, 100, 1e30f, 1e-40f};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        r[3] = wrong[i];
        ck_assert_msg(!nn_recurrent_fixed_suits(r, 2, UNITS), "with %g", (double)wrong[i]);
    }
    if (!has_fixed()) return;
#if defined(__x86_64__)
    const distribution others[] = {rare, long_tailed}; /* which remain floats */
    for (int i = 0; i < 2; i++)
        ck_assert(squared_error(&nn_op_lstm, &nn_kernel_recurrent_fixed_f32_vbmi2, others[i], 1) ==
                  squared_error(&nn_op_lstm, &nn_kernel_recurrent_f32_avx512, others[i], 1));
#endif
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("recurrent_f32");
    TCase *tests = tcase_create("recurrent_f32");
    tcase_add_loop_test(tests, hidden_units_and_samples_of_any_number, 0, 3);
    tcase_add_loop_test(tests, directions_layouts_lengths_and_bounds, 0, 3);
    tcase_add_loop_test(tests, wide_inputs_of_many_steps, 0, 3);
    tcase_add_test(tests, lstms_with_peepholes_and_coupled_gates);
    tcase_add_loop_test(tests, functions_of_gates, 0, 3 * NN_GATE_KINDS);
    tcase_add_test(tests, fixed_weights_are_near_those_given);
    tcase_add_test(tests, sums_with_fixed_weights_are_as_exact_as_floats);
    tcase_add_test(tests, functions_of_fixed_point_layers_are_exact);
    tcase_add_test(tests, weights_that_fixed_point_does_not_suit);
    suite_add_tcase(suite, tests);
    return suite;
}
