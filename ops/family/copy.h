/* Moving elements without understanding them: transpose, slice, concatenate, repeat. */
#ifndef NN_FAMILY_COPY_H
#define NN_FAMILY_COPY_H

#include "ops/family/axes.h"
#include "ops/family/infer.h"
#include "ops/family/loops.h"

/* target[sum i_k target_steps[k]] = source[sum i_k source_steps[k]] over dims; steps count elements
 * of `size` bytes (1, 2, 4, 8, 16), source steps may be 0 or negative. The two do not overlap. */
void nn_copy_strided(nn_pool *pool, size_t size, const int64_t *dims, int rank, void *target,
                     const int64_t *target_steps, const void *source, const int64_t *source_steps);

/* Bytes of one element; 0 for types that are not whole bytes or own memory. */
size_t nn_element_size(nn_type type);

/* Output 0 = input 0, unless they share memory. */
nn_status nn_copy_run(const nn_call *call);
/* Accepts element types of whole bytes, and no epilogue. */
bool nn_moves_bytes(const nn_node_view *node, const nn_target *target);

/* The kernels of every operator whose output 0 is input 0 with other dims. Packed types too. */
extern const nn_kernel nn_copy_kernel;
extern const nn_kernel *const nn_copy_kernels[];

/* No arithmetic at all. */
void nn_cost_of_moving(const nn_node_view *node, nn_cost *out);
/* Nor does it read its inputs' elements: only their shapes. */
void nn_cost_of_header(const nn_node_view *node, nn_cost *out);

#endif
