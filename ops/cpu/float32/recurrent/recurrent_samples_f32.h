/* Some samples of one direction of a recurrent layer of floats, on their way through its steps. */
#ifndef NN_RECURRENT_SAMPLES_F32_H
#define NN_RECURRENT_SAMPLES_F32_H

#include "ops/cpu/float32/recurrent/recurrent_cell_f32.h"

typedef struct nn_recurrent_samples {
    const nn_call *call;
    const nn_recurrent *shape;
    int64_t direction, first, count;
    int64_t pitch; /* floats from the state of a sample to the next, hidden units or more */
} nn_recurrent_samples;

nn_recurrent_cell nn_recurrent_cell_of(const nn_recurrent_samples *samples);

/* States from an input, zeros behind the last unit or where it is absent, and to an output. */
void nn_recurrent_load_states(const nn_recurrent_samples *samples, int input, float *states);
void nn_recurrent_store_states(const nn_recurrent_samples *samples, int output,
                               const float *states);

/* Where each sample reads, at step `i`, what the inputs give to its gates, and stores its state;
 * NULL where its sequence is over. `products` are those of the first row of X and the direction,
 * `row_step` floats before those of the next row. */
void nn_recurrent_find_places(const nn_recurrent_samples *samples, int64_t i, const float *products,
                              int64_t row_step, const float **inputs, float **y);

/* Zeros behind the ends of the sequences. */
void nn_recurrent_clear_rest(const nn_recurrent_samples *samples);

#endif
