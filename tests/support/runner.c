#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

const char *test_data_path(const char *relative) {
    static char path[4096];
    const char *root = getenv("NNOPT_TEST_DATA");
    if (root == NULL || root[0] == '\0') return NULL;
    snprintf(path, sizeof path, "%s/%s", root, relative);
    return path;
}

int main(void) {
    SRunner *runner = srunner_create(test_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
