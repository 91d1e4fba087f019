/* RNN, GRU and LSTM of the CUDA library against the reference, over the emulator and the double of
 * cuBLASLt. */
#include "ops/family/recurrent.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#include <stdlib.h>

typedef struct recurrent_case {
    const char *name;
    const nn_op *op;
    int gates;
    const char *direction;
    int64_t steps, batch, inputs, hidden;
    bool batch_first, has_lengths, has_states, has_peepholes, constant;
    bool linear_before_reset, input_forget;
    float clip;
    nn_type type;
    nn_precision precision;
    double tolerance;
} recurrent_case;

#define FLOATS .type = NNOPT_FLOAT, .precision = NN_PRECISION_FP32, .tolerance = 1e-5
static const recurrent_case cases[] = {
    {.name = "lstm",
     .op = &nn_op_lstm,
     .gates = 4,
     .direction = "forward",
     .steps = 5,
     .batch = 1,
     .inputs = 8,
     .hidden = 12,
     .constant = true,
     FLOATS},
    {.name = "lstm with all",
     .op = &nn_op_lstm,
     .gates = 4,
     .direction = "bidirectional",
     .steps = 4,
     .batch = 10,
     .inputs = 5,
     .hidden = 33,
     .has_lengths = true,
     .has_states = true,
     .has_peepholes = true,
     .clip = 0.4F,
     FLOATS},
    {.name = "lstm, batch first",
     .op = &nn_op_lstm,
     .gates = 4,
     .direction = "reverse",
     .steps = 3,
     .batch = 3,
     .inputs = 4,
     .hidden = 8,
     .batch_first = true,
     .has_states = true,
     .input_forget = true,
     FLOATS},
    {.name = "gru",
     .op = &nn_op_gru,
     .gates = 3,
     .direction = "bidirectional",
     .steps = 6,
     .batch = 2,
     .inputs = 7,
     .hidden = 9,
     .has_lengths = true,
     .has_states = true,
     FLOATS},
    {.name = "gru, linear before reset",
     .op = &nn_op_gru,
     .gates = 3,
     .direction = "reverse",
     .steps = 6,
     .batch = 9,
     .inputs = 3,
     .hidden = 16,
     .linear_before_reset = true,
     .has_lengths = true,
     .batch_first = true,
     .constant = true,
     FLOATS},
    {.name = "rnn",
     .op = &nn_op_rnn,
     .gates = 1,
     .direction = "bidirectional",
     .steps = 7,
     .batch = 2,
     .inputs = 4,
     .hidden = 5,
     .has_lengths = true,
     FLOATS},
    {.name = "lstm of halves",
     .op = &nn_op_lstm,
     .gates = 4,
     .direction = "forward",
     .steps = 4,
     .batch = 2,
     .inputs = 8,
     .hidden = 16,
     .has_states = true,
     .type = NNOPT_FLOAT16,
     .precision = NN_PRECISION_FP32,
     .tolerance = 3e-3},
    {.name = "gru in fp16",
     .op = &nn_op_gru,
     .gates = 3,
     .direction = "forward",
     .steps = 4,
     .batch = 2,
     .inputs = 8,
     .hidden = 16,
     .constant = true,
     .type = NNOPT_FLOAT,
     .precision = NN_PRECISION_FP16,
     .tolerance = 3e-3},
    {.name = "rnn in bf16, weights of the run",
     .op = &nn_op_rnn,
     .gates = 1,
     .direction = "forward",
     .steps = 4,
     .batch = 2,
     .inputs = 8,
     .hidden = 16,
     .type = NNOPT_FLOAT,
     .precision = NN_PRECISION_BF16,
     .tolerance = 2e-2},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void fill(kernel_host *host, nn_type type, const int64_t *dims, int rank, bool constant) {
    void *data = host_input(host, type, dims, rank, constant);
    int64_t count = 1;
    for (int i = 0; i < rank; i++) count *= dims[i];
    for (int64_t i = 0; i < count; i++) {
        const float value = 0.5F * host_random();
        if (type == NNOPT_FLOAT16)
            ((uint16_t *)data)[i] = nn_float_to_half(value);
        else
            ((float *)data)[i] = value;
    }
}

START_TEST(recurs) {
    const recurrent_case *c = &cases[_i];
    const nn_target target = {
        .threads = 1, .device = device_host_open(), .precision = c->precision};
    const int64_t directions = strcmp(c->direction, "bidirectional") == 0 ? 2 : 1;
    const int64_t columns = c->gates * c->hidden;
    const int64_t state[3] = {c->batch_first ? c->batch : directions,
                              c->batch_first ? directions : c->batch, c->hidden};
    kernel_host host;
    host_init(&host, c->op, 22);
    host_int(&host, "hidden_size", c->hidden);
    host_text(&host, "direction", c->direction);
    host_int(&host, "layout", c->batch_first);
    if (c->clip > 0) host_float(&host, "clip", c->clip);
    if (c->gates == 3) host_int(&host, "linear_before_reset", c->linear_before_reset);
    if (c->gates == 4) host_int(&host, "input_forget", c->input_forget);
    fill(&host, c->type,
         (int64_t[]){c->batch_first ? c->batch : c->steps, c->batch_first ? c->steps : c->batch,
                     c->inputs},
         3, false);
    fill(&host, c->type, (int64_t[]){directions, columns, c->inputs}, 3, c->constant);
    fill(&host, c->type, (int64_t[]){directions, columns, c->hidden}, 3, c->constant);
    fill(&host, c->type, (int64_t[]){directions, 2 * columns}, 2, c->constant);
    if (c->has_lengths) {
        int32_t *lengths = host_input(&host, NNOPT_INT32, &c->batch, 1, false);
        for (int64_t i = 0; i < c->batch; i++)
            lengths[i] = (int32_t)host_random_below((uint32_t)c->steps + 1);
    } else {
        host_absent(&host);
    }
    if (c->has_states) fill(&host, c->type, state, 3, false);
    if (c->has_states && c->gates == 4) fill(&host, c->type, state, 3, false);
    if (c->has_peepholes) fill(&host, c->type, (int64_t[]){directions, 3 * c->hidden}, 2, false);
    host.out_count = c->gates == 4 ? 3 : 2;
    host_infer(&host);
    const nn_kernel *kernel = device_host_kernel(&host, "recurrent_cuda");
    ck_assert_msg(host_accepts(&host, kernel, &target), "%s is not accepted", c->name);
    device_host_check(&host, kernel, NN_LAYOUT_STANDARD, &target, c->tolerance);
    host_clear(&host);
}
END_TEST

static void set_up(void) {
    setenv("XDG_CACHE_HOME", "/dev/null", 1); /* nothing is kept */
    host_seed(3);
}

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_recurrent");
    TCase *tests = tcase_create("recurrent");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_loop_test(tests, recurs, 0, CASES);
    suite_add_tcase(suite, tests);
    return suite;
}
