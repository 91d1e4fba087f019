/* At each instruction set level, the first kernel that accepts is not slower than the portable one,
 * at sizes that networks have. Times are noisy: a kernel fails when it is a quarter slower in each
 * of some attempts. */
#include "engine/select/kernel_bench.h"
#include "tests/support/runner.h"

#include <stdio.h>

enum { ATTEMPTS = 4 };
static const double least_ratio = 0.75;
/* Shorter runs measure the clock. */
static const double least_seconds = 2e-6;

typedef struct judgement {
    const nn_kernel *first[NN_ISA_AMX + 1]; /* at each level */
    const nn_kernel *last;                  /* its other variants follow it */
    char slow[512];
} judgement;

static nn_status judge(void *user, const nn_kernel_time *time) {
    judgement *self = user;
    const bool is_default = time->kernel != self->last;
    bool is_first = false;
    self->last = time->kernel;
    for (int isa = NN_ISA_AVX2; isa <= NN_ISA_AMX; isa++)
        is_first |= self->first[isa] == time->kernel;
    if (!is_default || !is_first || time->kernel->isa == NN_ISA_PORTABLE) return NN_OK;
    if (time->over_portable >= least_ratio || time->seconds < least_seconds) return NN_OK;
    size_t used = strlen(self->slow);
    snprintf(self->slow + used, sizeof self->slow - used, " %s (%.2f times as fast)",
             time->kernel->name, time->over_portable);
    return NN_OK;
}

/* Sanitizers decide the times then: kernels run, but are not judged. */
#ifdef NN_SANITIZED
static const bool is_instrumented = true;
#else
static const bool is_instrumented = false;
#endif

START_TEST(no_kernel_is_slower_than_the_portable_one) {
    const nn_kernel_case *row = &nn_kernel_cases[_i];
    judgement result = {0};
    nn_case_node node;
    if (row->is_odd) return;
    ck_assert_ok(nn_case_node_init(&node, row));
    for (int isa = NN_ISA_AVX2; isa <= (int)nn_cpu_get()->isa; isa++) {
        const nn_target target = {.isa = (nn_isa)isa, .threads = 1};
        result.first[isa] = nn_kernel_select(&node.view, &target);
        ck_assert_ptr_nonnull(result.first[isa]);
    }
    nn_case_node_clear(&node);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        result.slow[0] = '\0';
        ck_assert_ok(nn_kernel_bench(row, NULL, judge, &result));
        if (result.slow[0] == '\0' || is_instrumented) return;
    }
    ck_abort_msg("%s (%s; %s): slower than the portable kernel:%s", row->op, row->inputs,
                 row->attributes, result.slow);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("kernel speed");
    TCase *tests = tcase_create("speed");
    int count = 0;
    while (nn_kernel_cases[count].op != NULL) count++;
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, no_kernel_is_slower_than_the_portable_one, 0, count);
    suite_add_tcase(suite, tests);
    return suite;
}
