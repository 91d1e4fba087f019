/* What language models are made of beside products and attention, on a device and on the CPU:
 * rotary positions, caches, weights of few bits, linear attention, causal convolutions. */
#include "ops/device_kernels.h"
#include "tests/support/device_fill.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

static const nn_type types[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_BFLOAT16};
enum { TYPES = 3 };

static double tolerance(nn_type type) {
    return type == NNOPT_FLOAT ? 2e-5 : 2 * device_tolerance(type);
}

static void start(kernel_host *host, const char *domain, const char *name, int opset) {
    host_init(host, nn_op_find(domain, name, opset), opset);
}

/* ---- RotaryEmbedding ---- */

static void rotate(nn_type type, bool heads_first, bool interleaved, int64_t dim,
                   bool by_position) {
    const int64_t batch = 2, length = 5, heads = 3, size = 10;
    const int64_t four[4] = {batch, heads, length, size}, three[3] = {batch, length, heads * size};
    const int64_t half = (dim > 0 ? dim : size) / 2;
    const int64_t cache[3] = {batch, length, half}, table[2] = {9, half};
    const int64_t places[2] = {batch, length};
    kernel_host host;
    start(&host, "", "RotaryEmbedding", 23);
    host_int(&host, "interleaved", interleaved);
    host_int(&host, "rotary_embedding_dim", dim);
    if (!heads_first) host_int(&host, "num_heads", heads);
    fill_input(&host, type, heads_first ? four : three, heads_first ? 4 : 3, false, -1, 1);
    for (int i = 0; i < 2; i++)
        fill_input(&host, type, by_position ? table : cache, by_position ? 2 : 3, false, -1, 1);
    if (by_position) {
        int64_t *at = host_input(&host, NNOPT_INT64, places, 2, false);
        for (int64_t i = 0; i < batch * length; i++) at[i] = i % 9 - (i % 4 == 0 ? 9 : 0);
    }
    device_host_judge(&host, NN_LAYOUT_STANDARD, tolerance(type));
}

START_TEST(rotary) {
    for (int way = 0; way < 16; way++)
        rotate(types[_i], way & 1, way & 2, way & 4 ? 6 : 0, way & 8);
}
END_TEST

/* ---- TensorScatter ---- */

static void scatter(nn_type type, bool circular, int64_t axis, bool has_indices) {
    const int64_t cache[4] = {3, 2, 7, 4};
    int64_t update[4] = {3, 2, 7, 4};
    const int64_t samples = 3;
    kernel_host host;
    start(&host, "", "TensorScatter", 24);
    host_int(&host, "axis", axis);
    host_text(&host, "mode", circular ? "circular" : "linear");
    update[axis < 0 ? axis + 4 : axis] = axis == 1 ? 1 : 3;
    fill_input(&host, type, cache, 4, false, -9, 9);
    fill_input(&host, type, update, 4, false, -9, 9);
    if (has_indices) {
        int64_t *first = host_input(&host, NNOPT_INT64, &samples, 1, false);
        for (int i = 0; i < 3; i++) first[i] = circular ? 5 * i - 3 : axis == -2 ? 2 * i : i % 2;
    }
    device_host_judge(&host, NN_LAYOUT_STANDARD, 0);
}

START_TEST(caches) {
    static const nn_type moved[] = {NNOPT_FLOAT, NNOPT_FLOAT16, NNOPT_INT8, NNOPT_INT64};
    for (int t = 0; t < 4; t++)
        for (int way = 0; way < 4; way++) {
            scatter(moved[t], way & 1, -2, way & 2);
            scatter(moved[t], way & 1, 1, way & 2);
            scatter(moved[t], way & 1, 3, way & 2);
        }
}
END_TEST

/* ---- MatMulNBits ---- */

static void multiply(nn_type type, int64_t rows, int bits, int64_t k, int64_t block, int zeros,
                     bool has_bias) {
    const int64_t n = 9, blocks = (k + block - 1) / block;
    const int64_t a_dims[3] = {1, rows, k}, b_dims[3] = {n, blocks, block * bits / 8};
    const int64_t scale_dims[2] = {n, blocks}, zero_dims[2] = {n, (blocks * bits + 7) / 8};
    kernel_host host;
    start(&host, "com.microsoft", "MatMulNBits", 1);
    host_int(&host, "K", k);
    host_int(&host, "N", n);
    host_int(&host, "bits", bits);
    host_int(&host, "block_size", block);
    fill_input(&host, type, a_dims, 3, false, -1, 1);
    fill_input(&host, NNOPT_UINT8, b_dims, 3, true, 0, 256);
    fill_input(&host, type, scale_dims, 2, true, 0.01, 0.1);
    if (zeros == 0 && has_bias) host_absent(&host);
    if (zeros == 1) fill_input(&host, NNOPT_UINT8, zero_dims, 2, true, 0, 256);
    if (zeros == 2) fill_input(&host, type, scale_dims, 2, true, 0, 1 << bits);
    if (has_bias) {
        host_absent(&host);
        fill_input(&host, type, &n, 1, true, -1, 1);
    }
    /* More rows multiply weights that were rounded to the type. */
    device_host_judge(&host, NN_LAYOUT_STANDARD, 4 * tolerance(type));
}

START_TEST(few_bits) {
    static const int bits[] = {2, 4, 8};
    static const int64_t rows[] = {1, 3, 13, 40};
    for (int b = 0; b < 3; b++)
        for (int r = 0; r < 4; r++)
            for (int zeros = 0; zeros < 3; zeros++) {
                multiply(types[_i], rows[r], bits[b], 96, 32, zeros, (r + zeros) % 2);
                multiply(types[_i], rows[r], bits[b], 70, 16, zeros, (r + zeros + 1) % 2);
            }
}
END_TEST

/* ---- CausalConvWithState ---- */

static void convolve(nn_type type, int64_t length, int64_t taps, bool silu, int inputs) {
    const int64_t x[3] = {2, 5, length}, weight[3] = {5, 1, taps}, past[3] = {2, 5, taps - 1};
    kernel_host host;
    start(&host, "", "CausalConvWithState", 27);
    host_text(&host, "activation", silu ? "silu" : "none");
    fill_input(&host, type, x, 3, false, -1, 1);
    fill_input(&host, type, weight, 3, true, -1, 1);
    if (inputs == 1)
        host_absent(&host);
    else if (inputs > 1)
        fill_input(&host, type, x + 1, 1, true, -1, 1);
    if (inputs == 1 || inputs == 3) fill_input(&host, type, past, 3, false, -1, 1);
    host.out_count = inputs == 2 ? 1 : 2;
    device_host_judge(&host, NN_LAYOUT_STANDARD, tolerance(type));
}

START_TEST(causal) {
    for (int way = 0; way < 16; way++)
        convolve(types[_i], way & 4 ? 1 : 33, way & 8 ? 1 : 4, way / 2 % 2, way % 4);
}
END_TEST

/* ---- LinearAttention ---- */

static void attend(nn_type type, const char *rule, int64_t value, bool has_past, bool each_decays) {
    const int64_t batch = 2, length = 6, q_heads = 4, kv_heads = 2, key = 9;
    const int64_t query[3] = {batch, length, q_heads * key};
    const int64_t keys[3] = {batch, length, kv_heads * key};
    const int64_t values[3] = {batch, length, kv_heads * value};
    const int64_t past[4] = {batch, kv_heads, key, value}, heads[3] = {batch, length, kv_heads};
    const bool decays = strstr(rule, "gated") != NULL, corrects = strstr(rule, "delta") != NULL;
    kernel_host host;
    start(&host, "", "LinearAttention", 27);
    host_int(&host, "q_num_heads", q_heads);
    host_int(&host, "kv_num_heads", kv_heads);
    host_text(&host, "update_rule", rule);
    fill_input(&host, type, query, 3, false, -1, 1);
    fill_input(&host, type, keys, 3, false, -0.3, 0.3);
    fill_input(&host, type, values, 3, false, -1, 1);
    if (has_past)
        fill_input(&host, NNOPT_FLOAT, past, 4, false, -1, 1);
    else if (decays || corrects)
        host_absent(&host);
    if (decays)
        fill_input(&host, type, each_decays ? keys : heads, 3, false, -1, 0);
    else if (corrects)
        host_absent(&host);
    if (corrects) fill_input(&host, type, heads, 3, false, 0, 1);
    host.out_count = 2;
    device_host_judge(&host, NN_LAYOUT_STANDARD, 4 * tolerance(type));
}

START_TEST(linear) {
    static const char *const rules[] = {"linear", "gated", "delta", "gated_delta"};
    for (int rule = 0; rule < 4; rule++)
        for (int way = 0; way < 4; way++)
            attend(types[_i], rules[rule], way & 1 ? 40 : 7, way & 1, way & 2);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cuda_language");
    TCase *tests = tcase_create("cases");
    device_host_open();
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, rotary, 0, TYPES);
    tcase_add_test(tests, caches);
    tcase_add_loop_test(tests, few_bits, 0, TYPES);
    tcase_add_loop_test(tests, causal, 0, TYPES);
    tcase_add_loop_test(tests, linear, 0, TYPES);
    suite_add_tcase(suite, tests);
    return suite;
}
