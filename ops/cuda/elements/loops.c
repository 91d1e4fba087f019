#include "ops/cuda/elements/loops.h"

void nn_cuda_loops_make(const nn_loops *loops, nn_cuda_loops *out) {
    *out = (nn_cuda_loops){
        .rank = loops->rank, .is_wide = loops->count > INT32_MAX, .count = loops->count};
    for (int axis = 0; axis < loops->rank; axis++) {
        const int64_t size = loops->dims[axis];
        out->dims[axis] = size;
        if (!out->is_wide && size > 0) out->divisors[axis] = nn_divisor_make(size);
        for (int k = 0; k < loops->operands; k++) out->steps[k][axis] = loops->steps[k][axis];
    }
}

void nn_cuda_loops_of_call(const nn_call *call, int first, int last, nn_cuda_loops *out) {
    nn_loops loops;
    const nn_tensor *y = call->out[0];
    nn_loops_init(&loops, y->dims, y->rank);
    nn_loops_add_broadcast(&loops, y->dims, y->rank);
    for (int i = first; i <= last; i++) nn_loops_add_input(&loops, call->layout, call->in[i]);
    nn_loops_collapse(&loops);
    nn_cuda_loops_make(&loops, out);
}
