/* libFuzzer target: any bytes as a model are refused, or load, are inspected, saved and loaded
 * again. */
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

static char path[64];

static void remove_file(void) {
    unlink(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    snprintf(path, sizeof path, "/tmp/nnopt-fuzz-%ld.onnx", (long)getpid());
    atexit(remove_file);
    return 0;
}

static void inspect(const nnopt_model *model) {
    nnopt_report *report;
    char *text;
    if (nnopt_inspect(model, NULL, &report) != NNOPT_OK)
        fuzz_fail("cannot inspect what was loaded");
    if (nnopt_report_json(report, &text) != NNOPT_OK) fuzz_fail("cannot print what was inspected");
    nnopt_text_destroy(text);
    nnopt_report_destroy(report);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    nnopt_model *model, *again;
    nnopt_status status = nnopt_model_parse(bytes, size, &model);
    if (status == NNOPT_INTERNAL) fuzz_fail("a file broke an invariant");
    if (status != NNOPT_OK) return 0;
    inspect(model);
    status = nnopt_model_save(model, path);
    nnopt_model_destroy(model);
    if (status != NNOPT_OK) fuzz_fail("cannot save what was loaded");
    if (nnopt_model_load(path, &again) != NNOPT_OK) fuzz_fail("cannot load what was saved");
    nnopt_model_destroy(again);
    return 0;
}
