/* libFuzzer target: any bytes as a model are refused or load, save and load again.
 * scripts/fuzz.sh builds and runs it. */
#include "nnopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static void remove_file(void) { unlink(path); }

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    snprintf(path, sizeof path, "/tmp/nnopt-fuzz-%ld.onnx", (long)getpid());
    atexit(remove_file);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    nnopt_model *model, *again;
    nnopt_status status = nnopt_model_parse(bytes, size, &model);
    if (status == NNOPT_INTERNAL) abort();
    if (status != NNOPT_OK) return 0;
    status = nnopt_model_save(model, path);
    nnopt_model_destroy(model);
    if (status != NNOPT_OK) {
        fprintf(stderr, "cannot save what was loaded: %s\n", nnopt_last_error());
        abort();
    }
    if (nnopt_model_load(path, &again) != NNOPT_OK) {
        fprintf(stderr, "cannot load what was saved: %s\n", nnopt_last_error());
        abort();
    }
    nnopt_model_destroy(again);
    return 0;
}
