/* An executor: a lowered graph, one plan for each set of input shapes, and the memory they share. A
 * session has one, and so has each body of a node. */
#ifndef NN_EXECUTOR_H
#define NN_EXECUTOR_H

#include "engine/plan/plan_parts.h"

typedef struct nn_executor_plan nn_executor_plan;

/* Set `request`, leave the rest zero. One thread at a time. */
typedef struct nn_executor {
    nn_plan_request request;
    nn_executor_plan *plans;
    int64_t plan_count, plan_capacity;
    int64_t current;       /* index of the plan selected last; beyond the count: it is gone */
    uint64_t uses;         /* counts selections */
    nn_plan_memory memory; /* of all plans: one runs at a time */
    int64_t bytes[NN_MEMORIES];
} nn_executor;

void nn_executor_clear(nn_executor *executor);
/* Is there a plan for inputs of these types and shapes? Allocates nothing. */
bool nn_executor_has(const nn_executor *executor, const nn_tensor *inputs, size_t input_count);
/* The plan for these inputs, made when new (data is not read); it becomes the current one. A
 * borrowed plan stays until the end; of the others the longest unused one goes when there are many.
 */
nn_status nn_executor_select(nn_executor *executor, const nn_tensor *inputs, size_t input_count,
                             bool borrow, nn_plan **out);
/* The plan selected last, or NULL. */
nn_plan *nn_executor_current(const nn_executor *executor);
/* Runs the plan selected last; its outputs hold until the next run or selection. */
nn_status nn_executor_run(nn_executor *executor, const nn_tensor *inputs, nn_step_hook hook,
                          void *user);

#endif
