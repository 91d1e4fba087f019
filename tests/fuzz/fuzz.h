/* What the fuzz targets share. Each defines the two functions that libFuzzer calls, or that
 * tests/fuzz/replay.c calls for every file it is given. */
#ifndef NN_TEST_FUZZ_H
#define NN_TEST_FUZZ_H

#include "nnopt.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A finding that no sanitizer sees. */
_Noreturn static inline void fuzz_fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, nnopt_last_error());
    abort();
}

#endif
