/* Work fused behind a convolution, matrix product or addition, done while the result is in
 * registers:
 *
 *     y = after(before(x + bias) + residual)
 */
#ifndef NN_EPILOGUE_H
#define NN_EPILOGUE_H

#include "base/tensor.h"
#include "ops/activation_kind.h"

/* Zero-initialised: nothing fused. The residual is an extra input of the node, after the operator's
 * own, of the shape of output 0. */
typedef struct nn_epilogue {
    nn_activation before;
    bool has_residual;
    int residual; /* input index */
    nn_activation after;
} nn_epilogue;

static inline bool nn_epilogue_is_empty(const nn_epilogue *epilogue) {
    return epilogue->before.kind == NN_ACT_NONE && !epilogue->has_residual &&
           epilogue->after.kind == NN_ACT_NONE;
}

/* Is input `index` of the node what is added? */
static inline bool nn_epilogue_adds(const nn_epilogue *epilogue, int index) {
    return epilogue->has_residual && epilogue->residual == index;
}

/* The scalar definition, which vector code is tested against (ops/epilogue.c). */
float nn_activate(nn_activation activation, float x);
/* In place over `count` floats by the best code of this CPU; for kernels without own epilogues. */
void nn_activate_array(nn_activation activation, float *x, int64_t count);
/* True when the whole is min(max(x + residual, low), high), which kernels do in registers;
 * infinities where there is no bound. */
bool nn_epilogue_as_clip(const nn_epilogue *epilogue, float *low, float *high);
/* The scalar definition of the whole, in place; `residual` is not read unless the epilogue has one.
 */
void nn_epilogue_apply(const nn_epilogue *epilogue, const float *residual, float *x, int64_t count);

#endif
