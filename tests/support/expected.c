#include "tests/support/expected.h"

#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *next_path(void) {
    static char paths[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    return paths[turn];
}

const char *format_path(const char *name) {
    char *path = next_path();
    const char *source = getenv("NNOPT_SOURCE");
    snprintf(path, 512, "%s/tests/data/formats/%s", source != NULL ? source : ".", name);
    return path;
}

/* ---- files ---- */

char *test_read_file(const char *path, size_t *size) {
    FILE *stream = fopen(path, "rb");
    ck_assert_msg(stream != NULL, "cannot open %s", path);
    fseek(stream, 0, SEEK_END);
    long length = ftell(stream);
    fseek(stream, 0, SEEK_SET);
    char *bytes = malloc((size_t)length + 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, (size_t)length, stream), (size_t)length);
    bytes[length] = '\0';
    fclose(stream);
    if (size != NULL) *size = (size_t)length;
    return bytes;
}

void test_write_file(const char *path, const void *bytes, size_t size) {
    FILE *stream = fopen(path, "wb");
    ck_assert_msg(stream != NULL, "cannot write %s", path);
    ck_assert_uint_eq(fwrite(bytes, 1, size, stream), size);
    ck_assert_int_eq(fclose(stream), 0);
}

static char folder[64];

static void remove_folder(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) fprintf(stderr, "cannot remove %s\n", folder);
}

const char *test_folder(void) {
    if (folder[0] != '\0') return folder;
    strcpy(folder, "/tmp/nnopt-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    atexit(remove_folder);
    return folder;
}

const char *test_path(const char *name) {
    char *path = next_path();
    snprintf(path, 512, "%s/%s", test_folder(), name);
    return path;
}

/* ---- expected arrays ---- */

static void parse_line(char *line, expected_array *out) {
    char shape[128];
    int used = 0;
    ck_assert_int_eq(sscanf(line, "%63s %23s %127s%n", out->name, out->type, shape, &used), 3);
    out->values = line + used;
    out->rank = 0;
    if (strcmp(shape, "scalar") == 0) return;
    for (char *at = shape; *at != '\0'; at += *at == 'x')
        out->dims[out->rank++] = strtoll(at, &at, 10);
}

expected_arrays expected_load(const char *name) {
    char file[128];
    snprintf(file, sizeof file, "%s.txt", name);
    expected_arrays arrays = {.text = test_read_file(format_path(file), NULL)};
    arrays.items = calloc(128, sizeof *arrays.items);
    ck_assert_ptr_nonnull(arrays.items);
    for (char *line = arrays.text; *line != '\0';) {
        char *end = strchr(line, '\n');
        ck_assert_ptr_nonnull(end);
        *end = '\0';
        ck_assert_int_lt(arrays.count, 128);
        parse_line(line, &arrays.items[arrays.count++]);
        line = end + 1;
    }
    ck_assert_int_gt(arrays.count, 0);
    return arrays;
}

void expected_free(expected_arrays *arrays) {
    free(arrays->items);
    free(arrays->text);
}

const expected_array *expected_find(const expected_arrays *arrays, const char *name) {
    for (int i = 0; i < arrays->count; i++)
        if (strcmp(arrays->items[i].name, name) == 0) return &arrays->items[i];
    ck_abort_msg("nothing is expected of '%s'", name);
    return NULL;
}

static void check_strings(const expected_array *expected, const nn_tensor *tensor) {
    const char *at = expected->values;
    for (int64_t i = 0; i < nn_tensor_count(tensor); i++) {
        const char *text = ((const char *const *)tensor->data)[i];
        at += strcspn(at, "\"") + 1;
        size_t length = strcspn(at, "\"");
        ck_assert_msg(strlen(text) == length && memcmp(text, at, length) == 0,
                      "%s[%lld]: '%s', expected '%.*s'", expected->name, (long long)i, text,
                      (int)length, at);
        at += length + 1;
    }
}

static void check_numbers(const expected_array *expected, const nn_tensor *tensor, int64_t count,
                          double tolerance) {
    const char *at = expected->values;
    char *end;
    for (int64_t i = 0; i < count; i++, at = end) {
        if (nn_type_is_integer(tensor->type)) {
            long long wanted = tensor->type == NNOPT_UINT64 ? (long long)strtoull(at, &end, 10)
                                                            : strtoll(at, &end, 10);
            ck_assert_msg(nn_tensor_get_int(tensor, i) == wanted, "%s[%lld]: %lld, expected %lld",
                          expected->name, (long long)i, (long long)nn_tensor_get_int(tensor, i),
                          wanted);
        } else {
            double wanted = strtod(at, &end), got = nn_tensor_get(tensor, i);
            ck_assert_msg(got == wanted || fabs(got - wanted) <= tolerance,
                          "%s[%lld]: %.17g, expected %.17g", expected->name, (long long)i, got,
                          wanted);
        }
        ck_assert_msg(end != at, "%s: too few values are expected", expected->name);
    }
    ck_assert_msg(at[strspn(at, " ")] == '\0', "%s: more values are expected", expected->name);
}

void expected_check(const expected_array *expected, const nn_tensor *tensor, double tolerance) {
    ck_assert_str_eq(nnopt_type_name(tensor->type), expected->type);
    ck_assert_msg(nn_dims_equal(tensor->dims, tensor->rank, expected->dims, expected->rank),
                  "%s: another shape", expected->name);
    if (tensor->type == NNOPT_STRING) {
        check_strings(expected, tensor);
        return;
    }
    nn_tensor copy = *tensor;
    int64_t count = nn_tensor_count(tensor);
    size_t bytes = (size_t)nn_tensor_bytes(tensor);
    copy.data = malloc(bytes + 1);
    ck_assert_ptr_nonnull(copy.data);
    if (bytes > 0) memcpy(copy.data, tensor->data, bytes);
    if (copy.type == NNOPT_COMPLEX64 || copy.type == NNOPT_COMPLEX128) {
        copy.type = copy.type == NNOPT_COMPLEX64 ? NNOPT_FLOAT : NNOPT_DOUBLE;
        count *= 2;
    }
    check_numbers(expected, &copy, count, tolerance);
    free(copy.data);
}

void expected_check_named(const expected_arrays *arrays, const char *name,
                          const nn_tensor *tensor) {
    expected_check(expected_find(arrays, name), tensor, 0);
}
