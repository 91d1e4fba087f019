/* Test cases: model folders with reference data. */
#ifndef NN_ONNX_TEST_H
#define NN_ONNX_TEST_H

#include "base/options.h"
#include "engine/graph/model.h"

NN_OPTION_TABLE(test)

typedef enum nn_case_status { NN_CASE_PASSED, NN_CASE_FAILED, NN_CASE_SKIPPED } nn_case_status;

typedef struct nn_test_case {
    const char *folder;
    const char *name;
    nn_case_status status;
    const char *reason; /* of a failure or a skip, else "" */
    double seconds;
} nn_test_case;

typedef struct nn_test_cases {
    nn_arena arena; /* holds all texts */
    nn_test_case *items;
    int64_t count, capacity;
} nn_test_cases;

/* Folders with a model.onnx, at `path` and below it, sorted, appended. Links to folders are not
 * followed. */
nn_status nn_test_cases_find(nn_test_cases *cases, const char *path, bool with_base);
void nn_test_cases_clear(nn_test_cases *cases);

/* Runs one case in this process: loads the model, runs every test_data_set_*, compares. NN_OK:
 * passed; otherwise the message says why. *skipped: it has no data. */
nn_status nn_test_case_run(const nn_test_case *test, const nnopt_options *options, bool *skipped);

#endif
