#ifndef NN_CUDA_RECURRENT_LAUNCH_H
#define NN_CUDA_RECURRENT_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* nn_gate_kind of ops/family/recurrent.h with its numbers. */
typedef struct nn_cuda_gate {
    int kind;
    float alpha, beta;
} nn_cuda_gate;

/* States of one direction and sample after the other, of floats of 16 or 32 bits. */
typedef struct nn_cuda_states {
    nnopt_type type;
    void *data;                /* NULL: zeros to read, nothing to write */
    int64_t direction, sample; /* elements to the next */
} nn_cuda_states;

/* One step of RNN, GRU or LSTM for all directions and samples. `products` holds what the inputs
 * give to the gates, [steps and samples][directions][gates x hidden]; rows of it are found by
 * x_step and x_sample. A sample beyond its length keeps its state and gives zeros. */
typedef struct nn_cuda_recurrent {
    int gates; /* 1: RNN, 3: GRU, 4: LSTM */
    int directions, first_is_reverse, second_is_reverse;
    int64_t steps, batch, hidden;
    int64_t step; /* of the sequence, counted in the order of each direction */
    float clip;   /* 0: none */
    int input_forget, linear_before_reset;
    nn_cuda_gate functions[2][3];

    const float *products;
    int64_t product_step, product_sample, product_direction;
    nnopt_type r_type; /* of r [directions][gates x hidden][hidden] */
    const void *r;
    nnopt_type bias_type, peephole_type;
    const void *bias;       /* [directions][2][gates x hidden]; NULL: none */
    const void *peepholes;  /* [directions][3 x hidden]; NULL: none */
    const int32_t *lengths; /* of samples; NULL: all steps */

    nn_cuda_states h_from, h_to, c_from, c_to;
    nn_cuda_states last_h, last_c; /* written by the last step */
    float *update,
        *reset; /* GRU without linear_before_reset: gate and reset state, between halves */

    nnopt_type y_type;
    void *y; /* NULL: not wanted */
    int64_t y_step, y_direction, y_sample;
} nn_cuda_recurrent;

cudaError_t nn_cuda_launch_recurrent_step(const nn_cuda_recurrent *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
