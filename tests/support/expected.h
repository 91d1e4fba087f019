/* What a file of tests/data/formats holds, from the text that its maker wrote beside it. */
#ifndef NN_TEST_EXPECTED_H
#define NN_TEST_EXPECTED_H

#include "base/tensor.h"

typedef struct expected_array {
    char name[64];
    char type[24];
    int rank;
    int64_t dims[NN_MAX_RANK];
    char *values; /* the rest of the line */
} expected_array;

typedef struct expected_arrays {
    char *text;
    expected_array *items;
    int count;
} expected_arrays;

/* The path of a file in tests/data/formats; the last four results stay valid. */
const char *format_path(const char *name);
expected_arrays expected_load(const char *name); /* NAME.txt; fails the test when it is not there */
void expected_free(expected_arrays *arrays);
const expected_array *expected_find(const expected_arrays *arrays, const char *name);
/* Fails the test unless type, shape and all values agree; floats within `tolerance`. Data may be
 * unaligned. */
void expected_check(const expected_array *expected, const nn_tensor *tensor, double tolerance);
void expected_check_named(const expected_arrays *arrays, const char *name, const nn_tensor *tensor);

/* A new folder for this test program, removed when the program ends. */
const char *test_folder(void);
/* A path in it; the last four results stay valid. */
const char *test_path(const char *name);
void test_write_file(const char *path, const void *bytes, size_t size);
/* All bytes, with a zero behind; free() them. */
char *test_read_file(const char *path, size_t *size);

#endif
