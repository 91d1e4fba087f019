/* One node of a dynamic part: what it was prepared for, and what for it. */
#ifndef NN_DYNAMIC_STEP_H
#define NN_DYNAMIC_STEP_H

#include "engine/plan/plan_parts.h"
#include "engine/run/block_pool.h"

typedef struct nn_dynamic_step {
    const nn_node *node;
    nn_cover cover;
    nn_node_view view; /* facts of the last run */
    nn_fact *in_facts, *out_facts;
    nn_tensor *known; /* copies of small inputs, which the facts' constants point to */
    const nn_kernel *kernel;
    nn_call call;
    nn_body **bodies; /* NULL where absent */
    int64_t body_count;
    nn_arena arena, texts;
    nn_weight_list weights;
    nn_block workspace;
    int64_t workspace_bytes, packed_bytes;
    char description[64]; /* of what the kernel settled on */
    bool is_prepared;
    bool is_view; /* output 0 is input 0 with other dims */
} nn_dynamic_step;

/* Arrays of the step come from `arena`; bodies are made, their captures read from `dynamic`. */
struct nn_dynamic;
nn_status nn_dynamic_step_init(nn_dynamic_step *step, nn_node *node, const nn_plan_request *request,
                               const struct nn_dynamic *dynamic, nn_arena *arena);
void nn_dynamic_step_clear(nn_dynamic_step *step);

/* Infers and prepares for the inputs in step->call.in, unless they are as they were. */
nn_status nn_dynamic_step_prepare(nn_dynamic_step *step, const nn_plan_request *request,
                                  nn_block_pool *pool);

#endif
