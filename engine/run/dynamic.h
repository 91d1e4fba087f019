/* The part of a plan that is not known before it runs: nodes whose output shapes depend on values,
 * on strings, sequences, optionals or maps, or that hold bodies, and all that follows from them.
 *
 * The nodes run in order, each on tensors that exist by then. For each, shapes are inferred from
 * the tensors of this run, small ones being constants; kernel, packed weights and workspace are
 * kept as long as the next run brings the same. */
#ifndef NN_DYNAMIC_H
#define NN_DYNAMIC_H

#include "engine/plan/plan_parts.h"
#include "engine/run/block_pool.h"

typedef struct nn_dynamic nn_dynamic;

/* Takes `graph`, inferred and folded for the plan's inputs, also on failure. is_dynamic[i]: node i
 * runs here; what else these nodes and the graph's outputs read comes from the inputs, constants,
 * and given[given_count]: values that the caller hands to run. */
nn_status nn_dynamic_create(nn_graph *graph, const bool *is_dynamic, nn_value *const *given,
                            int64_t given_count, const nn_plan_request *request,
                            const nn_covers *covers, nn_dynamic **out);
void nn_dynamic_destroy(nn_dynamic *dynamic); /* NULL allowed */

/* Steps are numbered from `first_step` on for the hook, which may be NULL. */
nn_status nn_dynamic_run(nn_dynamic *dynamic, const nn_tensor *inputs,
                         const nn_tensor *const *given, nn_plan *plan, int64_t first_step,
                         nn_step_hook hook, void *user);
/* Output `index` of the last run; it holds until the next one. */
const nn_tensor *nn_dynamic_output(const nn_dynamic *dynamic, int64_t index);
/* The same as a tensor that the caller owns; moved where nothing else needs it. */
nn_status nn_dynamic_take_output(nn_dynamic *dynamic, int64_t index, nn_tensor *out);
/* What value `id` of the graph holds while a step runs. */
const nn_tensor *nn_dynamic_value(const nn_dynamic *dynamic, int64_t id);

int64_t nn_dynamic_step_count(const nn_dynamic *dynamic);
/* Shapes are those of the last run. */
void nn_dynamic_step_info(const nn_dynamic *dynamic, int64_t index, nn_step_info *out);

#endif
