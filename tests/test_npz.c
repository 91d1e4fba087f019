/* numpy's files: what numpy wrote is read, what is written numpy would read, damage is refused. */
#include "formats/npy.h"
#include "formats/tensor_pb.h"
#include "tests/support/expected.h"
#include "tests/support/runner.h"

#include <stdlib.h>
#include <unistd.h>

static void check_archive(const char *file) {
    expected_arrays expected = expected_load("arrays");
    nn_named_arrays arrays = {0};
    ck_assert_ok(nn_npz_load(format_path(file), &arrays));
    ck_assert_int_eq(arrays.count, expected.count);
    for (int64_t i = 0; i < arrays.count; i++)
        expected_check_named(&expected, arrays.items[i].name, &arrays.items[i].blob->tensor);
    nn_named_arrays_clear(&arrays);
    expected_free(&expected);
}

START_TEST(arrays_of_every_type_and_order_are_read) {
    check_archive("stored.npz");
    check_archive("deflated.npz");
}
END_TEST

START_TEST(an_archive_with_64_bit_sizes_is_read) {
    expected_arrays expected = expected_load("arrays");
    nn_named_arrays arrays = {0};
    ck_assert_ok(nn_npz_load(format_path("zip64.npz"), &arrays));
    ck_assert_int_eq(arrays.count, 1);
    ck_assert_str_eq(arrays.items[0].name, "x");
    expected_check(expected_find(&expected, "f4"), &arrays.items[0].blob->tensor, 0);
    nn_named_arrays_clear(&arrays);
    expected_free(&expected);
}
END_TEST

START_TEST(a_plain_array_is_read) {
    expected_arrays expected = expected_load("arrays");
    nn_blob *blob;
    ck_assert_ok(nn_npy_load(format_path("plain.npy"), &blob));
    expected_check(expected_find(&expected, "f4"), &blob->tensor, 0);
    nn_blob_release(blob);
    expected_free(&expected);
}
END_TEST

START_TEST(the_header_is_the_one_that_numpy_writes) {
    size_t file_size, size;
    char *file = test_read_file(format_path("plain.npy"), &file_size), *header;
    nn_tensor tensor = {.type = NNOPT_FLOAT, .rank = 2, .dims = {2, 2}};
    ck_assert_ok(nn_npy_header(&tensor, "x", &header, &size));
    ck_assert_uint_eq(size + 16, file_size);
    ck_assert(memcmp(header, file, size) == 0);
    nn_free(header);
    free(file);
}
END_TEST

static void check_written(bool compress) {
    nn_named_arrays arrays = {0}, again = {0};
    const char *names[32];
    nn_tensor tensors[32];
    size_t count = 0;
    ck_assert_ok(nn_npz_load(format_path("stored.npz"), &arrays));
    for (int64_t i = 0; i < arrays.count; i++) {
        if (arrays.items[i].blob->tensor.type == NNOPT_STRING) continue;
        names[count] = arrays.items[i].name;
        tensors[count++] = arrays.items[i].blob->tensor;
    }
    ck_assert_uint_eq(count, 19);
    ck_assert_ok(nn_npz_save(test_path("out.npz"), names, tensors, count, compress));
    ck_assert_ok(nn_npz_load(test_path("out.npz"), &again));
    ck_assert_int_eq(again.count, (int64_t)count);
    expected_arrays expected = expected_load("arrays");
    for (int64_t i = 0; i < again.count; i++)
        expected_check_named(&expected, again.items[i].name, &again.items[i].blob->tensor);
    expected_free(&expected);
    nn_named_arrays_clear(&arrays);
    nn_named_arrays_clear(&again);
}

START_TEST(written_archives_hold_the_same_arrays) {
    check_written(false);
    check_written(true);
}
END_TEST

START_TEST(types_that_numpy_lacks_are_refused_by_name) {
    uint16_t value = 0x3f80;
    const char *name = "probabilities";
    nn_tensor tensor = {.type = NNOPT_BFLOAT16, .data = &value};
    ck_assert_fails(nn_npz_save(test_path("none.npz"), &name, &tensor, 1, false), NNOPT_UNSUPPORTED,
                    "array 'probabilities': numpy has no type bfloat16");
    ck_assert_int_ne(access(test_path("none.npz"), F_OK), 0);
    float number = 1;
    tensor = (nn_tensor){.type = NNOPT_FLOAT, .data = &number};
    ck_assert_fails(nn_npz_save(test_path("no/folder.npz"), &name, &tensor, 1, false), NNOPT_IO,
                    "no/folder.npz");
    if (access("/dev/full", W_OK) == 0)
        ck_assert_fails(nn_npz_save("/dev/full", &name, &tensor, 1, false), NNOPT_IO, "/dev/full");
}
END_TEST

START_TEST(objects_and_records_are_refused) {
    nn_blob *blob;
    ck_assert_fails(nn_npy_load(format_path("object.npy"), &blob), NNOPT_UNSUPPORTED, "'|O'");
    ck_assert_fails(nn_npy_load(format_path("record.npy"), &blob), NNOPT_UNSUPPORTED, "'record'");
    ck_assert_fails(nn_npy_load(format_path("photo.jpg"), &blob), NNOPT_BAD_INPUT,
                    "not a .npy array");
    ck_assert_fails(nn_npy_load(test_path("missing.npy"), &blob), NNOPT_IO, "missing.npy");
}
END_TEST

/* Every prefix and every changed byte of a file: refused or read, never worse. */
static void shake(const char *name, bool is_archive) {
    size_t size;
    char *bytes = test_read_file(format_path(name), &size);
    const char *path = test_path("shaken");
    int refused = 0;
    for (size_t i = 0; i < 2 * size; i++) {
        nn_named_arrays arrays = {0};
        nn_blob *blob = NULL;
        if (i >= size) bytes[i - size] ^= 0x41;
        test_write_file(path, bytes, i < size ? i : size);
        refused += (is_archive ? nn_npz_load(path, &arrays) : nn_npy_load(path, &blob)) != NNOPT_OK;
        nn_named_arrays_clear(&arrays);
        nn_blob_release(blob);
        if (i >= size) bytes[i - size] ^= 0x41;
    }
    ck_assert_int_ge(refused, (int)size);
    free(bytes);
}

START_TEST(damaged_files_are_refused) {
    shake("plain.npy", false);
    shake("zip64.npz", true);
    nn_named_arrays arrays = {0};
    ck_assert_fails(nn_npz_load(format_path("photo.jpg"), &arrays), NNOPT_BAD_INPUT, "photo.jpg");
    ck_assert_fails(nn_npz_load(test_path("missing.npz"), &arrays), NNOPT_IO, "missing.npz");
    ck_assert_fails(nn_npz_load(test_folder(), &arrays), NNOPT_IO, "not a regular file");
}
END_TEST

START_TEST(a_header_that_claims_much_allocates_nothing) {
    static const char header[] = "\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': "
                                 "False, 'shape': (999999999999,), }  \n";
    nn_blob *blob;
    test_write_file(test_path("huge.npy"), header, sizeof header - 1);
    uint64_t before = nn_allocation_count();
    ck_assert_fails(nn_npy_load(test_path("huge.npy"), &blob), NNOPT_BAD_INPUT,
                    "float32 999999999999");
    ck_assert_uint_le(nn_allocation_count() - before, 2);
}
END_TEST

START_TEST(tensor_files_are_read_and_written) {
    nn_blob *blob;
    const int64_t wanted[3] = {1, 2, 3};
    ck_assert_ok(nn_tensor_pb_load(format_path("tensor.pb"), NNOPT_INT64, &blob));
    ck_assert_ok(nn_tensor_pb_save(test_path("tensor.pb"), "named", &blob->tensor));
    nn_blob_release(blob);
    size_t size, saved_size;
    char *bytes = test_read_file(format_path("tensor.pb"), &size);
    char *saved = test_read_file(test_path("tensor.pb"), &saved_size);
    ck_assert_uint_eq(size, saved_size);
    ck_assert(memcmp(bytes, saved, size) == 0);
    free(bytes);
    free(saved);
    ck_assert_ok(nn_tensor_pb_load_aligned(test_path("tensor.pb"), NNOPT_INT64, 4, &blob));
    ck_assert_int_eq(blob->tensor.type, NNOPT_INT64);
    ck_assert_int_eq(blob->tensor.rank, 4);
    ck_assert(nn_dims_equal(blob->tensor.dims, 4, (int64_t[]){1, 1, 1, 3}, 4));
    ck_assert_uint_eq((uintptr_t)blob->tensor.data % 8, 0);
    ck_assert(memcmp(blob->tensor.data, wanted, sizeof wanted) == 0);
    nn_blob_release(blob);
    ck_assert_fails(nn_tensor_pb_load(format_path("photo.jpg"), NNOPT_FLOAT, &blob), NNOPT_BAD_INPUT,
                    "photo.jpg");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("npz");
    TCase *tcase = tcase_create("npz");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, arrays_of_every_type_and_order_are_read);
    tcase_add_test(tcase, an_archive_with_64_bit_sizes_is_read);
    tcase_add_test(tcase, a_plain_array_is_read);
    tcase_add_test(tcase, the_header_is_the_one_that_numpy_writes);
    tcase_add_test(tcase, written_archives_hold_the_same_arrays);
    tcase_add_test(tcase, types_that_numpy_lacks_are_refused_by_name);
    tcase_add_test(tcase, objects_and_records_are_refused);
    tcase_add_test(tcase, damaged_files_are_refused);
    tcase_add_test(tcase, a_header_that_claims_much_allocates_nothing);
    tcase_add_test(tcase, tensor_files_are_read_and_written);
    suite_add_tcase(suite, tcase);
    return suite;
}
