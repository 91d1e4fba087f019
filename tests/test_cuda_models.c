/* Whole models on a CUDA device against the CPU: the bundled ones, and those that NN_CUDA_MODELS
 * names (files, with ':' between them). Each runs three times, for later runs are recorded ones. */
#include "base/memory.h"
#include "engine/run/session.h"
#include "tests/support/device_host.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 3, MOST_TENSORS = 64, MOST_MODELS = 64 };

/* Seeded numbers for every input; dims that are free become 2. */
static size_t make_inputs(const nnopt_model *model, uint32_t seed, nn_tensor *inputs) {
    const size_t count = nnopt_model_input_count(model);
    ck_assert_uint_le(count, MOST_TENSORS);
    host_seed(seed);
    for (size_t i = 0; i < count; i++) {
        nnopt_value_info info;
        nnopt_model_input(model, i, &info);
        for (int axis = 0; axis < info.rank; axis++)
            if (info.dims[axis] < 0) info.dims[axis] = 2;
        ck_assert_ok(nn_tensor_init(&inputs[i], info.type, info.dims, info.rank));
        const int64_t elements = nnopt_tensor_count(&inputs[i]);
        for (int64_t e = 0; e < elements; e++)
            nn_tensor_set(&inputs[i], e,
                          nn_type_is_float(info.type) ? (double)host_random()
                                                      : (double)host_random_below(2));
    }
    return count;
}

/* The largest difference over the largest magnitude. */
static double difference(const nn_tensor *got, const nn_tensor *want) {
    const int64_t count = nnopt_tensor_count(want);
    double worst = 0, largest = 1e-30;
    ck_assert_int_eq(nnopt_tensor_count(got), count);
    for (int64_t i = 0; i < count; i++) {
        const double a = nn_tensor_get(got, i), b = nn_tensor_get(want, i);
        if (isnan(a) != isnan(b)) return INFINITY;
        if (isfinite(b)) largest = fmax(largest, fabs(b));
        if (a != b && !isnan(b)) worst = fmax(worst, fabs(a - b));
    }
    return worst / largest;
}

static void check_model(const char *path, const char *precision, double tolerance) {
    nnopt_model *model;
    nn_tensor inputs[MOST_TENSORS], want[MOST_TENSORS], got[MOST_TENSORS];
    ck_assert_ok(nnopt_model_load(path, &model));
    nnopt_session *cpu = device_host_session(model, "cpu", "fp32"),
                  *cuda = device_host_session(model, "cuda", precision);
    const size_t outputs = nnopt_model_output_count(model);
    ck_assert_uint_le(outputs, MOST_TENSORS);
    for (uint32_t run = 0; run < RUNS; run++) {
        const size_t count = make_inputs(model, run + 1, inputs);
        ck_assert_ok(nnopt_session_run(cpu, inputs, count, want));
        ck_assert_ok(nnopt_session_run(cuda, inputs, count, got));
        for (size_t i = 0; i < outputs; i++) {
            const double found = difference(&got[i], &want[i]);
            ck_assert_msg(found <= tolerance,
                          "%s in %s, run %u: output %zu differs by %.3g of its range", path,
                          precision, run, i, found);
            if (run + 1 == RUNS) printf("%s %s output %zu: %.3g\n", path, precision, i, found);
        }
        for (size_t i = 0; i < count; i++) nn_tensor_clear(&inputs[i]);
    }
    nnopt_session_destroy(cpu);
    nnopt_session_destroy(cuda);
    nnopt_model_destroy(model);
}

static const struct {
    const char *name;
    double tolerance; /* of the range of an output */
} precisions[] = {{"fp32", 1e-4}, {"tf32", 2e-2}, {"fp16", 2e-2}, {"bf16", 1e-1}};

START_TEST(gives_what_the_cpu_gives) {
    static const char *const bundled[] = {"glyphs/glyphs.onnx", "words/words.onnx"};
    const char *source = getenv("NNOPT_SOURCE");
    ck_assert_ptr_nonnull(source);
    for (size_t i = 0; i < sizeof bundled / sizeof bundled[0]; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/models/%s", source, bundled[i]);
        check_model(path, precisions[_i].name, precisions[_i].tolerance);
    }
}
END_TEST

START_TEST(gives_what_the_cpu_gives_elsewhere) {
    const char *named = getenv("NN_CUDA_MODELS");
    if (named == NULL) return;
    char *list = strdup(named), *rest = list, *path;
    ck_assert_ptr_nonnull(list);
    while ((path = strsep(&rest, ":")) != NULL)
        if (*path != '\0') check_model(path, precisions[_i].name, precisions[_i].tolerance);
    free(list);
}
END_TEST

Suite *test_suite(void) {
    const int all = (int)(sizeof precisions / sizeof precisions[0]);
    const int count = getenv("NN_CUDA_QUICK") != NULL ? 1 : all;
    Suite *suite = suite_create("cuda_models");
    TCase *cases = tcase_create("models");
    device_host_open();
    tcase_set_timeout(cases, 0);
    tcase_add_loop_test(cases, gives_what_the_cpu_gives, 0, count);
    tcase_add_loop_test(cases, gives_what_the_cpu_gives_elsewhere, 0, count);
    suite_add_tcase(suite, cases);
    return suite;
}
