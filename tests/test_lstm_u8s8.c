/* Every kernel of DynamicQuantizeLSTM that this CPU can run against the portable one, whose results
 * test_op_microsoft compares with ONNX Runtime: sizes around the width of a vector and of a cell,
 * directions, batches, lengths, peepholes, weights of both types with and without zero points,
 * scales of each column. */
#include "tests/support/kernel_host.h"
#include "tests/support/runner.h"

#include "ops/family/quantized_lstm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct lstm_case {
    int64_t hidden, inputs, steps, batch;
    const char *direction; /* NULL: forward */
    bool lengths, states, peepholes, coupled, no_bias, computed_weights;
    bool is_unsigned, per_column, is_symmetric;
    float clip;
} lstm_case;

static void add_floats(kernel_host *host, const int64_t *dims, int rank, float scale,
                       bool constant) {
    float *data = host_input(host, NNOPT_FLOAT, dims, rank, constant);
    int64_t count = 1;
    for (int i = 0; i < rank; i++) count *= dims[i];
    for (int64_t i = 0; i < count; i++) data[i] = scale * host_random();
}

/* Around the middle of the type. */
static uint8_t random_byte(const lstm_case *c, float range) {
    const int value = (int)(128 + range * host_random());
    return (uint8_t)(c->is_unsigned ? value : value - 128);
}

static void add_weights(kernel_host *host, const lstm_case *c, int64_t directions, int64_t rows) {
    const int64_t dims[] = {directions, rows, 4 * c->hidden};
    uint8_t *data =
        host_input(host, c->is_unsigned ? NNOPT_UINT8 : NNOPT_INT8, dims, 3, !c->computed_weights);
    for (int64_t i = 0; i < dims[0] * dims[1] * dims[2]; i++) data[i] = random_byte(c, 127.9f);
}

static void add_quantisation(kernel_host *host, const lstm_case *c, int64_t directions,
                             int64_t rows) {
    const int64_t dims[] = {directions, c->per_column ? 4 * c->hidden : 1};
    float *scale = host_input(host, NNOPT_FLOAT, dims, 2, true);
    uint8_t *zero = host_input(host, c->is_unsigned ? NNOPT_UINT8 : NNOPT_INT8, dims, 2, true);
    for (int64_t i = 0; i < dims[0] * dims[1]; i++) {
        scale[i] = (1.5f + host_random()) / (127 * sqrtf((float)rows));
        zero[i] = random_byte(c, c->is_symmetric ? 0 : 30);
    }
}

static void add_inputs(kernel_host *host, const lstm_case *c) {
    const int64_t directions =
        c->direction != NULL && strcmp(c->direction, "bidirectional") == 0 ? 2 : 1;
    const int64_t x[] = {c->steps, c->batch, c->inputs},
                  state[] = {directions, c->batch, c->hidden};
    add_floats(host, x, 3, 1, false);
    add_weights(host, c, directions, c->inputs);
    add_weights(host, c, directions, c->hidden);
    if (c->no_bias)
        host_absent(host);
    else
        add_floats(host, (int64_t[]){directions, 8 * c->hidden}, 2, 0.5f, true);
    if (c->lengths) {
        int32_t *lengths = host_input(host, NNOPT_INT32, &c->batch, 1, false);
        for (int64_t i = 0; i < c->batch; i++) lengths[i] = (int32_t)((7 * i + 2) % (c->steps + 1));
    } else {
        host_absent(host);
    }
    for (int i = 0; i < 2; i++)
        if (c->states)
            add_floats(host, state, 3, 1, false);
        else
            host_absent(host);
    if (c->peepholes)
        add_floats(host, (int64_t[]){directions, 3 * c->hidden}, 2, 0.5f, false);
    else
        host_absent(host);
    add_quantisation(host, c, directions, c->inputs);
    add_quantisation(host, c, directions, c->hidden);
}

/* The outputs, one after the other, to be freed. */
static float *copy_outputs(const kernel_host *host) {
    int64_t count = 0, at = 0;
    for (int i = 0; i < host->out_count; i++) count += nn_tensor_count(&host->out[i]);
    float *out = malloc((size_t)count * sizeof *out);
    ck_assert_ptr_nonnull(out);
    for (int i = 0; i < host->out_count; at += nn_tensor_count(&host->out[i++]))
        memcpy(out + at, host->out[i].data, (size_t)nn_tensor_bytes(&host->out[i]));
    return out;
}

static void compare(const kernel_host *host, const nn_kernel *kernel, const float *want,
                    const char *what) {
    for (int i = 0; i < host->out_count; i++) {
        const float *got = host->out[i].data;
        for (int64_t k = 0; k < nn_tensor_count(&host->out[i]); k++, want++)
            ck_assert_msg(fabsf(got[k] - *want) <= 1e-5f * (1 + fabsf(*want)),
                          "%s, kernel '%s': element %lld of output %d is %.9g, must be %.9g", what,
                          kernel->name, (long long)k, i, (double)got[k], (double)*want);
    }
}

static void check_case(const lstm_case *c) {
    kernel_host host;
    char what[160];
    snprintf(what, sizeof what, "LSTM of %lld units, %lld inputs, %lld steps, batch %lld, %s",
             (long long)c->hidden, (long long)c->inputs, (long long)c->steps, (long long)c->batch,
             c->direction != NULL ? c->direction : "forward");
    host_init(&host, &nn_op_dynamic_quantize_lstm, 1);
    host.out_count = 3;
    host_int(&host, "hidden_size", c->hidden);
    if (c->direction != NULL) host_text(&host, "direction", c->direction);
    if (c->clip > 0) host_float(&host, "clip", c->clip);
    if (c->coupled) host_int(&host, "input_forget", 1);
    add_inputs(&host, c);
    host_infer(&host);
    const nn_kernel *const *kernels = host.op->kernels;
    int portable = 0;
    while (kernels[portable + 1] != NULL) portable++;
    const nn_target plain = {.isa = NN_ISA_PORTABLE, .threads = 1};
    host_run(&host, kernels[portable], NN_LAYOUT_STANDARD, &plain);
    float *want = copy_outputs(&host);
    for (int i = 0; i < portable; i++)
        for (int threads = 1; threads <= 3; threads += 2) {
            const nn_target target = {.isa = nn_cpu_get()->isa, .threads = threads};
            if (!host_accepts(&host, kernels[i], &target)) continue;
            host_run(&host, kernels[i], NN_LAYOUT_STANDARD, &target);
            compare(&host, kernels[i], want, what);
        }
    free(want);
    host_clear(&host);
}

static const int64_t sizes[] = {1, 3, 4, 8, 15, 16, 17, 33, 64, 100};

/* Each number of units around the widths of vectors, each number of samples that has its own sums.
 */
START_TEST(hidden_units_and_samples_of_any_number) {
    host_seed(1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int64_t batch = 1; batch <= 8; batch += i % 2 == 0 ? 1 : 3)
            check_case(&(lstm_case){.hidden = sizes[i],
                                    .inputs = 1 + (int64_t)i,
                                    .steps = 4,
                                    .batch = batch,
                                    .is_unsigned = batch % 2 == 0});
}
END_TEST

static const lstm_case table[] = {
    {.hidden = 17, .inputs = 5, .steps = 6, .batch = 3, .direction = "reverse"},
    {.hidden = 17, .inputs = 5, .steps = 6, .batch = 3, .direction = "bidirectional"},
    {.hidden = 33, .inputs = 3, .steps = 7, .batch = 9, .lengths = true, .states = true},
    {.hidden = 20, .inputs = 3, .steps = 4, .batch = 5, .coupled = true},
    {.hidden = 20,
     .inputs = 3,
     .steps = 6,
     .batch = 5,
     .lengths = true,
     .states = true,
     .direction = "bidirectional"},
    {.hidden = 40, .inputs = 3, .steps = 5, .batch = 1, .states = true, .no_bias = true},
    {.hidden = 40, .inputs = 3, .steps = 5, .batch = 2, .states = true, .computed_weights = true},
    {.hidden = 17, .inputs = 3, .steps = 5, .batch = 2, .clip = 0.25f},
    {.hidden = 19, .inputs = 3, .steps = 5, .batch = 2, .states = true, .peepholes = true},
    {.hidden = 301, .inputs = 533, .steps = 3, .batch = 1}, /* sums of more than one part */
    {.hidden = 512, .inputs = 70, .steps = 3, .batch = 2},  /* steps that threads share */
    {.hidden = 130, .inputs = 40, .steps = 3, .batch = 13},
    {.hidden = 70, .inputs = 9, .steps = 5, .batch = 1, .is_symmetric = true},
    {.hidden = 40, .inputs = 9, .steps = 5, .batch = 3, .is_symmetric = true},
};

/* A state between two bytes becomes either, by the last bit of an activation, and all that follows
 * differs. With these seeds none is so near: biases and scales that differ by two units in the last
 * place give the same within the tolerance. */
enum { FIRST_SEED = 120 };

START_TEST(directions_lengths_and_bounds) {
    host_seed(FIRST_SEED + (uint32_t)_i);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        lstm_case c = table[i];
        c.is_unsigned = (_i & 1) != 0;
        c.per_column = (_i & 2) != 0;
        check_case(&c);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("lstm_u8s8");
    TCase *tests = tcase_create("lstm_u8s8");
    tcase_add_test(tests, hidden_units_and_samples_of_any_number);
    tcase_add_loop_test(tests, directions_lengths_and_bounds, 0, 4);
    suite_add_tcase(suite, tests);
    return suite;
}
