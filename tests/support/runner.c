#include "tests/support/runner.h"

#include "base/cpu.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

const char *test_data_path(const char *relative) {
    static char path[4096];
    const char *root = getenv("NNOPT_TEST_DATA");
    if (root == NULL || root[0] == '\0') return NULL;
    snprintf(path, sizeof path, "%s/%s", root, relative);
    return path;
}

/* Where the chosen part of these turns begins (0) or ends (1). */
int test_part(int begin, int end, int edge) {
    const char *chosen = getenv("NNOPT_TEST_PART");
    int part, parts;
    if (chosen == NULL || sscanf(chosen, "%d/%d", &part, &parts) != 2 || part < 1 || part > parts)
        return edge == 0 ? begin : end;
    return begin + (int)((int64_t)(end - begin) * (part - 1 + edge) / parts);
}

/* NNOPT_TEST_LEVEL: the instructions that the tests must find, where a machine is there for these.
 */
static bool has_wanted_level(void) {
    const char *wanted = getenv("NNOPT_TEST_LEVEL"), *found = nn_isa_name(nn_cpu_get()->isa);
    if (wanted == NULL || strcmp(wanted, found) == 0) return true;
    printf("the level is '%s', not '%s'\n", found, wanted);
    return false;
}

int main(void) {
    if (!has_wanted_level()) return EXIT_FAILURE;
    SRunner *runner = srunner_create(test_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
