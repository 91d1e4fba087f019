/* What stands in a plan, for tests of how models are lowered. */
#ifndef NN_TEST_STEPS_H
#define NN_TEST_STEPS_H

#include "engine/plan/plan_parts.h"

/* Steps of the plan with this operator ("" counts all). */
int64_t count_steps(const nn_plan *plan, const char *op_type);
/* The step with this origin; fails the test when there is none. */
nn_step_info step_of(const nn_plan *plan, const char *origin);
/* Does the step do the work of this node? */
bool covers(const nn_step_info *info, const char *node);
/* Why no step does the work of this node; NULL: one does. */
const char *absence(const nn_plan *plan, const char *node);

#endif
