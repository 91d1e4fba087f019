/* Memory, types, tensors and facts. */
#include "base/attr.h"
#include "base/tensor.h"
#include "tests/support/runner.h"

#include <math.h>

START_TEST(half_conversion_rounds_to_nearest_even) {
    /* bit patterns from IEEE 754: 1, largest, smallest subnormal, ties */
    ck_assert_uint_eq(nn_float_to_half(1.0f), 0x3c00);
    ck_assert_uint_eq(nn_float_to_half(65504.0f), 0x7bff);
    ck_assert_uint_eq(nn_float_to_half(65519.99f), 0x7bff);
    ck_assert_uint_eq(nn_float_to_half(65520.0f), 0x7c00);
    ck_assert_uint_eq(nn_float_to_half(-0x1p-24f), 0x8001);
    ck_assert_uint_eq(nn_float_to_half(0x1p-25f), 0x0000);
    ck_assert_uint_eq(nn_float_to_half(0x1.8p-24f), 0x0002);
    ck_assert_uint_eq(nn_float_to_half(1.0f + 0x1p-11f), 0x3c00);
    ck_assert_uint_eq(nn_float_to_half(1.0f + 0x1.8p-10f), 0x3c02);
    ck_assert_uint_eq(nn_float_to_half(NAN) & 0x7e00, 0x7e00);
    for (unsigned bits = 0; bits < 0x7c00; bits++)
        ck_assert_uint_eq(nn_float_to_half(nn_half_to_float((uint16_t)bits)), bits);
}
END_TEST

START_TEST(bfloat16_conversion_rounds_to_nearest_even) {
    ck_assert_uint_eq(nn_float_to_bfloat16(1.0f), 0x3f80);
    ck_assert_uint_eq(nn_float_to_bfloat16(1.0f + 0x1p-8f), 0x3f80);
    ck_assert_uint_eq(nn_float_to_bfloat16(1.0f + 0x1.8p-7f), 0x3f82);
    ck_assert_uint_eq(nn_float_to_bfloat16(INFINITY), 0x7f80);
    ck_assert(isnan(nn_bfloat16_to_float(nn_float_to_bfloat16(NAN))));
}
END_TEST

START_TEST(packed_types_hold_signed_values) {
    uint8_t bytes[2] = {0};
    nn_tensor four = {.type = NNOPT_INT4, .rank = 1, .dims = {3}, .data = bytes};
    for (int i = 0; i < 3; i++) nn_tensor_set(&four, i, -8 + 7 * i);
    ck_assert_uint_eq(bytes[0], 0xf8); /* lowest bits first: -8, then -1 */
    for (int i = 0; i < 3; i++) ck_assert_int_eq(nn_tensor_get_int(&four, i), -8 + 7 * i);
    ck_assert_int_eq(nn_tensor_bytes(&four), 2);
}
END_TEST

START_TEST(storing_a_float_in_an_integer_saturates) {
    int8_t value[1];
    nn_tensor tensor = {.type = NNOPT_INT8, .rank = 0, .data = value};
    nn_tensor_set(&tensor, 0, 1e30);
    ck_assert_int_eq(value[0], 127);
    nn_tensor_set(&tensor, 0, -129);
    ck_assert_int_eq(value[0], -128);
    nn_tensor_set(&tensor, 0, NAN);
    ck_assert_int_eq(value[0], 0);
}
END_TEST

START_TEST(shapes_that_overflow_are_refused) {
    nn_tensor tensor;
    int64_t huge[] = {INT64_MAX / 2, 3};
    ck_assert_fails(nn_tensor_init(&tensor, NNOPT_INT8, huge, 2), NNOPT_BAD_INPUT,
                    "too many elements");
    int64_t bytes_overflow[] = {INT64_MAX / 4};
    ck_assert_fails(nn_tensor_init(&tensor, NNOPT_DOUBLE, bytes_overflow, 1), NNOPT_BAD_INPUT,
                    "too many elements");
    int64_t empty[] = {INT64_MAX, 0};
    ck_assert_ok(nn_tensor_init(&tensor, NNOPT_INT8, empty, 2));
    ck_assert_int_eq(nn_tensor_count(&tensor), 0);
    nn_tensor_clear(&tensor);
}
END_TEST

START_TEST(broadcasting_follows_known_sizes) {
    int64_t out[NN_MAX_RANK];
    int rank;
    int64_t a[] = {nn_dim_symbol(0), 3, 1}, b[] = {3, 5}, c[] = {4, 5};
    ck_assert(nn_broadcast_dims(a, 3, b, 2, out, &rank));
    ck_assert_int_eq(rank, 3);
    ck_assert_int_eq(out[0], nn_dim_symbol(0));
    ck_assert_int_eq(out[1], 3);
    ck_assert_int_eq(out[2], 5);
    ck_assert(!nn_broadcast_dims(a, 3, c, 2, out, &rank));
}
END_TEST

START_TEST(arena_keeps_objects_apart_and_frees_all) {
    nn_arena arena = {0};
    char *small = nn_arena_strdup(&arena, "small");
    char *big = nn_arena_alloc(&arena, 1 << 20);
    char *after = nn_arena_strdup(&arena, "after");
    ck_assert_ptr_nonnull(big);
    memset(big, 0xff, 1 << 20);
    ck_assert_str_eq(small, "small");
    ck_assert_str_eq(after, "after");
    nn_arena_clear(&arena);
}
END_TEST

START_TEST(the_chosen_allocation_fails_once) {
    nn_fail_allocation(2);
    void *first = nn_alloc(8), *second = nn_alloc(8), *third = nn_alloc(8);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(second);
    ck_assert_ptr_nonnull(third);
    nn_free(first);
    nn_free(third);
}
END_TEST

START_TEST(messages_are_one_line) {
    ck_assert_int_eq(nn_fail(NN_BAD_INPUT, "node '%s'", "a\nb\x1b[31m"), NNOPT_BAD_INPUT);
    ck_assert_str_eq(nnopt_last_error(), "node 'a?b?[31m'");
    nn_fail_context(NN_BAD_INPUT, "model.onnx");
    ck_assert_str_eq(nnopt_last_error(), "model.onnx: node 'a?b?[31m'");
}
END_TEST

START_TEST(attributes_of_another_kind_are_refused) {
    nn_attr attr = {.name = "axis", .kind = NN_ATTR_FLOAT, .f = 1};
    nn_attrs attrs = {&attr, 1};
    int64_t axis = 0;
    ck_assert_fails(nn_attrs_int(&attrs, "axis", 7, &axis), NNOPT_BAD_INPUT,
                    "'axis' must be an int");
    ck_assert_ok(nn_attrs_int(&attrs, "other", 7, &axis));
    ck_assert_int_eq(axis, 7);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("base");
    TCase *cases = tcase_create("base");
    tcase_add_test(cases, half_conversion_rounds_to_nearest_even);
    tcase_add_test(cases, bfloat16_conversion_rounds_to_nearest_even);
    tcase_add_test(cases, packed_types_hold_signed_values);
    tcase_add_test(cases, storing_a_float_in_an_integer_saturates);
    tcase_add_test(cases, shapes_that_overflow_are_refused);
    tcase_add_test(cases, broadcasting_follows_known_sizes);
    tcase_add_test(cases, arena_keeps_objects_apart_and_frees_all);
    tcase_add_test(cases, the_chosen_allocation_fails_once);
    tcase_add_test(cases, messages_are_one_line);
    tcase_add_test(cases, attributes_of_another_kind_are_refused);
    suite_add_tcase(suite, cases);
    return suite;
}
