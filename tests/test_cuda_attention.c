/* Attention of the CUDA library against the reference, over the emulator. */
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#include <math.h>

typedef struct attention_case {
    const char *name;
    nn_type type;
    int64_t batch, q_heads, kv_heads, q_length, past, kv_length, head_size, value_size;
    bool is_wide;      /* inputs of rank 3 */
    nn_type mask_type; /* NONE: there is no mask */
    int64_t mask[4];
    bool is_causal;
    int64_t left; /* 0: no window */
    float cap;
    int scores; /* qk_matmul_output_mode, -1: not wanted */
    double tolerance;
} attention_case;

static const attention_case cases[] = {
    {.name = "two tiles of queries, three of keys",
     .type = NNOPT_FLOAT,
     .batch = 1,
     .q_heads = 2,
     .kv_heads = 2,
     .q_length = 70,
     .kv_length = 130,
     .head_size = 40,
     .value_size = 33,
     .scores = -1,
     .tolerance = 1e-5},
    {.name = "causal, heads shared",
     .type = NNOPT_FLOAT,
     .batch = 2,
     .q_heads = 4,
     .kv_heads = 2,
     .q_length = 67,
     .kv_length = 67,
     .head_size = 16,
     .value_size = 16,
     .is_causal = true,
     .scores = -1,
     .tolerance = 1e-5},
    {.name = "window behind a past",
     .type = NNOPT_FLOAT,
     .batch = 1,
     .q_heads = 2,
     .kv_heads = 1,
     .q_length = 5,
     .past = 70,
     .kv_length = 9,
     .head_size = 8,
     .value_size = 12,
     .is_causal = true,
     .left = 20,
     .scores = -1,
     .tolerance = 1e-5},
    {.name = "wide, added mask",
     .type = NNOPT_FLOAT,
     .batch = 2,
     .q_heads = 3,
     .kv_heads = 3,
     .q_length = 6,
     .kv_length = 11,
     .head_size = 8,
     .value_size = 8,
     .is_wide = true,
     .mask_type = NNOPT_FLOAT,
     .mask = {2, 1, 6, 11},
     .scores = -1,
     .tolerance = 1e-5},
    {.name = "bool mask of few columns, cap, biased scores",
     .type = NNOPT_FLOAT,
     .batch = 1,
     .q_heads = 2,
     .kv_heads = 2,
     .q_length = 4,
     .kv_length = 70,
     .head_size = 72,
     .value_size = 130,
     .mask_type = NNOPT_BOOL,
     .mask = {1, 2, 4, 66},
     .cap = 2,
     .scores = 2,
     .tolerance = 1e-5},
    {.name = "raw scores",
     .type = NNOPT_FLOAT,
     .batch = 1,
     .q_heads = 1,
     .kv_heads = 1,
     .q_length = 3,
     .kv_length = 66,
     .head_size = 4,
     .value_size = 4,
     .is_causal = true,
     .cap = 1,
     .scores = 0,
     .tolerance = 1e-5},
    {.name = "probabilities",
     .type = NNOPT_FLOAT,
     .batch = 1,
     .q_heads = 1,
     .kv_heads = 1,
     .q_length = 3,
     .kv_length = 80,
     .head_size = 4,
     .value_size = 4,
     .scores = 3,
     .tolerance = 1e-5},
    {.name = "halves",
     .type = NNOPT_FLOAT16,
     .batch = 1,
     .q_heads = 2,
     .kv_heads = 2,
     .q_length = 9,
     .past = 3,
     .kv_length = 14,
     .head_size = 64,
     .value_size = 64,
     .scores = -1,
     .tolerance = 2e-3},
    {.name = "many blocks of floats",
     .scores = -1,
     .type = NNOPT_FLOAT,
     .batch = 33,
     .q_heads = 4,
     .kv_heads = 4,
     .q_length = 5,
     .kv_length = 6,
     .head_size = 4,
     .value_size = 4,
     .tolerance = 1e-5},
    {.name = "halves, two tiles for four warps, added mask",
     .scores = -1,
     .type = NNOPT_FLOAT16,
     .batch = 1,
     .q_heads = 2,
     .kv_heads = 1,
     .q_length = 21,
     .kv_length = 150,
     .head_size = 64,
     .value_size = 64,
     .is_wide = true,
     .mask_type = NNOPT_FLOAT16,
     .mask = {1, 1, 1, 150},
     .tolerance = 2e-3},
    {.name = "halves of odd sizes, window, cap",
     .scores = -1,
     .type = NNOPT_FLOAT16,
     .batch = 1,
     .q_heads = 1,
     .kv_heads = 1,
     .q_length = 18,
     .past = 7,
     .kv_length = 131,
     .head_size = 19,
     .value_size = 27,
     .is_causal = true,
     .left = 25,
     .cap = 2,
     .tolerance = 2e-3},
    {.name = "halves of large heads, bool mask",
     .scores = -1,
     .type = NNOPT_FLOAT16,
     .batch = 2,
     .q_heads = 1,
     .kv_heads = 1,
     .q_length = 3,
     .kv_length = 70,
     .head_size = 128,
     .value_size = 100,
     .mask_type = NNOPT_BOOL,
     .mask = {2, 1, 3, 66},
     .tolerance = 2e-3},
    {.name = "many blocks of bfloat16, several tiles",
     .scores = -1,
     .type = NNOPT_BFLOAT16,
     .batch = 1,
     .q_heads = 264,
     .kv_heads = 132,
     .q_length = 3,
     .kv_length = 66,
     .head_size = 8,
     .value_size = 8,
     .tolerance = 1e-2},
    {.name = "bfloat16 on tensor cores",
     .scores = -1,
     .type = NNOPT_BFLOAT16,
     .batch = 1,
     .q_heads = 1,
     .kv_heads = 1,
     .q_length = 17,
     .kv_length = 33,
     .head_size = 40,
     .value_size = 48,
     .tolerance = 1e-2},
    {.name = "bfloat16",
     .type = NNOPT_BFLOAT16,
     .batch = 1,
     .q_heads = 1,
     .kv_heads = 1,
     .q_length = 2,
     .kv_length = 3,
     .head_size = 200,
     .value_size = 1,
     .scores = -1,
     .tolerance = 1e-2},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void fill(kernel_host *host, nn_type type, const int64_t *dims, int rank) {
    void *data = host_input(host, type, dims, rank, false);
    int64_t count = 1;
    for (int i = 0; i < rank; i++) count *= dims[i];
    for (int64_t i = 0; i < count; i++) {
        const float value = host_random();
        if (type == NNOPT_FLOAT16)
            ((uint16_t *)data)[i] = nn_float_to_half(value);
        else if (type == NNOPT_BFLOAT16)
            ((uint16_t *)data)[i] = nn_float_to_bfloat16(value);
        else if (type == NNOPT_BOOL)
            ((uint8_t *)data)[i] = value > -0.5F;
        else
            ((float *)data)[i] = value;
    }
}

static void fill_heads(kernel_host *host, const attention_case *c, int64_t heads, int64_t length,
                       int64_t size) {
    if (c->is_wide)
        fill(host, c->type, (int64_t[]){c->batch, length, heads * size}, 3);
    else
        fill(host, c->type, (int64_t[]){c->batch, heads, length, size}, 4);
}

START_TEST(attends) {
    const attention_case *c = &cases[_i];
    const nn_target target = {.threads = 1, .device = device_host_open()};
    kernel_host host;
    host_init(&host, &nn_op_attention, 25);
    if (c->is_wide) {
        host_int(&host, "q_num_heads", c->q_heads);
        host_int(&host, "kv_num_heads", c->kv_heads);
    }
    host_int(&host, "is_causal", c->is_causal);
    if (c->left > 0) host_int(&host, "left_window_size", c->left);
    host_float(&host, "softcap", c->cap);
    if (c->scores >= 0) host_int(&host, "qk_matmul_output_mode", c->scores);
    fill_heads(&host, c, c->q_heads, c->q_length, c->head_size);
    fill_heads(&host, c, c->kv_heads, c->kv_length, c->head_size);
    fill_heads(&host, c, c->kv_heads, c->kv_length, c->value_size);
    if (c->mask_type != NNOPT_TYPE_NONE)
        fill(&host, c->mask_type, c->mask, 4);
    else
        host_absent(&host);
    if (c->past > 0) {
        fill(&host, c->type, (int64_t[]){c->batch, c->kv_heads, c->past, c->head_size}, 4);
        fill(&host, c->type, (int64_t[]){c->batch, c->kv_heads, c->past, c->value_size}, 4);
    }
    host.out_count = c->scores >= 0 ? 4 : c->past > 0 ? 3 : 1;
    host_infer(&host);
    const nn_kernel *kernel = device_host_kernel(&host, "attention_cuda");
    ck_assert_msg(host_accepts(&host, kernel, &target), "%s is not accepted", c->name);
    device_host_check(&host, kernel, NN_LAYOUT_STANDARD, &target, c->tolerance);
    host_clear(&host);
}
END_TEST

/* A query that sees nothing gives zeros. */
START_TEST(sees_nothing) {
    const nn_target target = {.threads = 1, .device = device_host_open()};
    const int64_t dims[] = {1, 1, 2, 4}, mask_dims[] = {2, 2};
    kernel_host host;
    host_init(&host, &nn_op_attention, 25);
    for (int i = 0; i < 3; i++) fill(&host, NNOPT_FLOAT, dims, 4);
    float *mask = host_input(&host, NNOPT_FLOAT, mask_dims, 2, false);
    mask[2] = mask[3] = -INFINITY;
    host_infer(&host);
    device_host_run(&host, device_host_kernel(&host, "attention_cuda"), NN_LAYOUT_STANDARD,
                    &target);
    for (int64_t i = 0; i < 4; i++) {
        ck_assert_double_eq(nn_tensor_get(&host.out[0], 4 + i), 0);
        ck_assert(isfinite(nn_tensor_get(&host.out[0], i)));
    }
    host_clear(&host);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_attention");
    TCase *tests = tcase_create("attention");
    host_seed(5);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, attends, 0, CASES);
    tcase_add_test(tests, sees_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
