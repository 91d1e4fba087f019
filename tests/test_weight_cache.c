/* Packed constants that the sessions of a model share. */
#include "engine/plan/prepare.h"
#include "engine/plan/weight_memory.h"
#include "engine/run/shape_key.h"
#include "tests/support/runner.h"

#include <pthread.h>

static int fills;

static nn_status fill_with(const void *argument, void *out) {
    __atomic_add_fetch(&fills, 1, __ATOMIC_RELAXED);
    memset(out, *(const int *)argument, 100);
    return NN_OK;
}

static nn_status fill_fails(const void *argument, void *out) {
    (void)argument, (void)out;
    return nn_fail(NN_BAD_INPUT, "cannot be packed");
}

START_TEST(a_weight_is_filled_once_and_goes_with_its_last_reference) {
    nn_weight_cache *cache;
    ck_assert_ok(nn_weight_cache_create(&cache));
    uint64_t blobs[] = {7, 8};
    nn_weight_key key = {NULL, NULL, blobs, 2, "tile14x32", 100};
    int seven = 7, nine = 9;
    const nn_weight *a, *b, *c;
    fills = 0;
    ck_assert_ok(nn_weight_get(cache, &key, fill_with, &seven, &a));
    ck_assert_ok(nn_weight_get(cache, &key, fill_with, &nine, &b));
    ck_assert_ptr_eq(a, b);
    ck_assert_int_eq(fills, 1);
    ck_assert_int_eq(((const char *)a->data)[99], 7);
    ck_assert_uint_eq((uintptr_t)a->data % NN_ALIGNMENT, 0);

    key.variant = "tile6x64";
    ck_assert_ok(nn_weight_get(cache, &key, fill_with, &nine, &c));
    ck_assert_ptr_ne(a, c);
    ck_assert_int_eq(nn_weight_cache_bytes(cache), 200);
    nn_weight_release(cache, a);
    ck_assert_int_eq(nn_weight_cache_count(cache), 2);
    nn_weight_release(cache, b);
    nn_weight_release(cache, c);
    ck_assert_int_eq(nn_weight_cache_count(cache), 0);
    ck_assert_int_eq(nn_weight_cache_bytes(cache), 0);

    ck_assert_fails(nn_weight_get(cache, &key, fill_fails, NULL, &a), NNOPT_BAD_INPUT, "packed");
    ck_assert_int_eq(nn_weight_cache_count(cache), 0);
    nn_weight_cache_destroy(cache);
}
END_TEST

START_TEST(every_failed_allocation_leaves_the_cache_whole) {
    nn_weight_cache *cache;
    ck_assert_ok(nn_weight_cache_create(&cache));
    uint64_t blob = 1;
    nn_weight_key key = {NULL, NULL, &blob, 1, "v", 100};
    int value = 1;
    const nn_weight *weight = NULL;
    nn_status status = NN_NO_MEMORY;
    for (uint64_t n = 1; status != NN_OK; n++) {
        ck_assert_uint_lt(n, 10);
        nn_fail_allocation(n);
        status = nn_weight_get(cache, &key, fill_with, &value, &weight);
        nn_fail_allocation(0);
        if (status != NN_OK) {
            ck_assert_int_eq(status, NNOPT_NO_MEMORY);
            ck_assert_int_eq(nn_weight_cache_count(cache), 0);
        }
    }
    nn_weight_release(cache, weight);
    nn_weight_cache_destroy(cache);
}
END_TEST

START_TEST(pieces_of_chunks_are_aligned_zeroed_and_apart) {
    enum { PIECES = 40 };
    nn_weight_memory memory = {0};
    nn_weight_chunk *chunks[PIECES];
    char *pieces[PIECES];
    size_t sizes[PIECES];
    for (int i = 0; i < PIECES; i++) {
        sizes[i] = (size_t)1 << i % 21; /* to 1 MB: some fill chunks of their own */
        pieces[i] = nn_weight_memory_take(&memory, sizes[i], &chunks[i]);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % NN_ALIGNMENT, 0);
        for (size_t k = 0; k < sizes[i]; k++) ck_assert_int_eq(pieces[i][k], 0);
        memset(pieces[i], i + 1, sizes[i]);
        if (i % 3 != 2) continue; /* what others left behind must not show */
        nn_weight_memory_give(&memory, chunks[i]);
        pieces[i] = NULL;
    }
    for (int i = 0; i < PIECES; i++) {
        if (pieces[i] == NULL) continue;
        ck_assert_int_eq(pieces[i][0], i + 1);
        ck_assert_int_eq(pieces[i][sizes[i] - 1], i + 1);
        nn_weight_memory_give(&memory, chunks[i]);
    }
    ck_assert_uint_eq(memory.held, 0);
    ck_assert_ptr_null(nn_weight_memory_take(&memory, (size_t)INT64_MAX, &chunks[0]));
}
END_TEST

static void *get_and_release(void *cache) {
    for (int i = 0; i < 200; i++) {
        uint64_t blob = (uint64_t)(i % 5);
        nn_weight_key key = {NULL, NULL, &blob, 1, "v", 100};
        int value = i % 5;
        const nn_weight *weight;
        if (nn_weight_get(cache, &key, fill_with, &value, &weight) != NN_OK) return NULL;
        bool right = ((const char *)weight->data)[50] == value;
        nn_weight_release(cache, weight);
        if (!right) return NULL;
    }
    return cache;
}

START_TEST(threads_share_a_cache) {
    nn_weight_cache *cache;
    ck_assert_ok(nn_weight_cache_create(&cache));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, get_and_release, cache), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        ck_assert_ptr_eq(result, cache);
    }
    ck_assert_int_eq(nn_weight_cache_count(cache), 0);
    nn_weight_cache_destroy(cache);
}
END_TEST

START_TEST(shape_keys_tell_types_ranks_and_dims_apart) {
    nn_tensor inputs[2] = {{.type = NNOPT_FLOAT, .rank = 2, .dims = {2, 3}},
                           {.type = NNOPT_INT64, .rank = 0}};
    nn_shape_key key;
    ck_assert_ok(nn_shape_key_init(&key, inputs, 2));
    ck_assert(nn_shape_key_matches(&key, inputs, 2));
    ck_assert(!nn_shape_key_matches(&key, inputs, 1));
    inputs[0].dims[1] = 4;
    ck_assert(!nn_shape_key_matches(&key, inputs, 2));
    inputs[0].dims[1] = 3;
    inputs[0].rank = 3;
    ck_assert(!nn_shape_key_matches(&key, inputs, 2));
    inputs[0].rank = 2;
    inputs[1].type = NNOPT_INT32;
    ck_assert(!nn_shape_key_matches(&key, inputs, 2));
    inputs[1].type = NNOPT_INT64;
    ck_assert(nn_shape_key_matches(&key, inputs, 2));
    nn_shape_key_clear(&key);
    ck_assert_ok(nn_shape_key_init(&key, inputs, 0));
    ck_assert(nn_shape_key_matches(&key, inputs, 0));
    ck_assert(!nn_shape_key_matches(&key, inputs, 1));
    nn_shape_key_clear(&key);
}
END_TEST

/* A kernel that adds its packed constant (twice the input) with state and workspace. */
static nn_status pack_twice(const nn_node_view *node, const void *argument, void *out) {
    (void)argument;
    const nn_tensor *w = nn_view_constant(node, 1);
    for (int64_t i = 0; i < nn_tensor_count(w); i++) {
        ((float *)out)[i] = 2 * ((const float *)w->data)[i];
    }
    return NN_OK;
}

typedef struct sum_state {
    const void *packed;
} sum_state;

static nn_status prepare_sum(const nn_node_view *node, const nn_target *target,
                             nn_prepare *prepare) {
    (void)target;
    sum_state *state = nn_prepare_state(prepare, sizeof *state);
    if (state == NULL) return nn_fail_memory(sizeof *state);
    nn_prepare_workspace(prepare, 256);
    return nn_prepare_pack(prepare, 1 << 1, "twice", (size_t)nn_fact_bytes(node->in[1]), pack_twice,
                           NULL, &state->packed);
}

static nn_status run_sum(const nn_call *call) {
    const sum_state *state = call->state;
    memset(call->workspace, 0, 256);
    for (int64_t i = 0; i < nn_tensor_count(call->out[0]); i++) {
        ((float *)call->out[0]->data)[i] =
            ((const float *)call->in[0]->data)[i] + ((const float *)state->packed)[i];
    }
    return NN_OK;
}

static const nn_kernel kernel_sum = {.name = "sum_test", .prepare = prepare_sum, .run = run_sum};
static const nn_op op_sum = {.name = "TestSum", .domain = "test"};

START_TEST(a_single_node_runs_with_state_workspace_and_packed_constants) {
    float x[3] = {1, 2, 3}, w[3] = {10, 20, 30}, y[3] = {0};
    nn_tensor tensors[3];
    float *data[3] = {x, w, y};
    for (int i = 0; i < 3; i++) {
        tensors[i] = (nn_tensor){.type = NNOPT_FLOAT, .rank = 1, .dims = {3}, .data = data[i]};
    }
    nn_fact facts[3] = {nn_fact_of_tensor(&tensors[0], false), nn_fact_of_tensor(&tensors[1], true),
                        nn_fact_of_tensor(&tensors[2], false)};
    const nn_fact *in_facts[2] = {&facts[0], &facts[1]};
    nn_fact *out_facts[1] = {&facts[2]};
    nn_node_view view = {.name = "n",
                         .op = &op_sum,
                         .in_count = 2,
                         .out_count = 1,
                         .in = in_facts,
                         .out = out_facts};
    const nn_tensor *in[2] = {&tensors[0], &tensors[1]};
    nn_tensor *out[1] = {&tensors[2]};
    nn_target target = {0};
    ck_assert_ok(nn_run_node(&view, &kernel_sum, &target, NULL, in, out));
    ck_assert_float_eq(y[0], 21);
    ck_assert_float_eq(y[2], 63);

    nn_status status = NN_NO_MEMORY;
    for (uint64_t n = 1; status != NN_OK; n++) {
        ck_assert_uint_lt(n, 10);
        nn_fail_allocation(n);
        status = nn_run_node(&view, &kernel_sum, &target, NULL, in, out);
        nn_fail_allocation(0);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("weight_cache");
    TCase *tests = tcase_create("weight_cache");
    tcase_add_test(tests, a_weight_is_filled_once_and_goes_with_its_last_reference);
    tcase_add_test(tests, every_failed_allocation_leaves_the_cache_whole);
    tcase_add_test(tests, pieces_of_chunks_are_aligned_zeroed_and_apart);
    tcase_add_test(tests, threads_share_a_cache);
    tcase_add_test(tests, shape_keys_tell_types_ranks_and_dims_apart);
    tcase_add_test(tests, a_single_node_runs_with_state_workspace_and_packed_constants);
    suite_add_tcase(suite, tests);
    return suite;
}
