#include "tests/support/steps.h"

#include "tests/support/runner.h"

int64_t count_steps(const nn_plan *plan, const char *op_type) {
    int64_t count = 0;
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_step_info info;
        nn_plan_step(plan, i, &info);
        if (op_type[0] == '\0' || strcmp(info.node->op->name, op_type) == 0) count++;
    }
    return count;
}

nn_step_info step_of(const nn_plan *plan, const char *origin) {
    nn_step_info info = {0};
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_plan_step(plan, i, &info);
        if (strcmp(info.origin, origin) == 0 && !info.is_conversion) return info;
    }
    ck_abort_msg("no step has origin '%s'", origin);
    return info;
}

bool covers(const nn_step_info *info, const char *node) {
    for (int64_t i = 0; i < info->cover_count; i++) {
        if (strcmp(info->covers[i], node) == 0) return true;
    }
    return false;
}

const char *absence(const nn_plan *plan, const char *node) {
    for (int64_t i = 0; i < nn_plan_absent_count(plan); i++) {
        const char *reason;
        if (strcmp(nn_plan_absent(plan, i, &reason), node) == 0) return reason;
    }
    return NULL;
}
