/* What the inputs of a recurrent layer give to its gates, for all steps at once: a product of X by
 * W of all directions, by plain sums, in bf16 or by Strassen's algorithm. */
#ifndef NN_RECURRENT_INPUTS_F32_H
#define NN_RECURRENT_INPUTS_F32_H

#include "ops/cpu/bf16/direct_bf16.h"
#include "ops/cpu/float32/strassen/strassen_f32.h"

typedef enum nn_recurrent_inputs_way {
    NN_INPUTS_PLAIN,
    NN_INPUTS_SHARED, /* plain but for that products are shared */
    NN_INPUTS_BF16,
    NN_INPUTS_STRASSEN
} nn_recurrent_inputs_way;

/* X [rows, k] by W [k, columns]. */
typedef struct nn_recurrent_inputs {
    nn_recurrent_inputs_way way;
    int64_t rows, k, columns;
    nn_direct_plan plain;
    nn_bf16_plan bf16;
    nn_strassen_plan strassen;
    int64_t w_floats, bias_floats; /* packed */
} nn_recurrent_inputs;

/* The way of floats that is estimated to be fastest. `w` is W; NULL: it is not known before the
 * run. */
nn_recurrent_inputs_way nn_recurrent_inputs_choose(int64_t rows, int64_t k, int64_t columns,
                                                   const nn_tensor *w, const nn_target *target,
                                                   int threads);
/* Set way, rows, k and columns; `tiles` are not read for bf16. */
void nn_recurrent_inputs_plan(nn_recurrent_inputs *inputs, const nn_tiles_f32 *tiles, nn_isa isa,
                              int threads);
/* Behind a plan in bf16 lie lists of so many bytes, for which the caller has the place. */
size_t nn_recurrent_inputs_list_bytes(const nn_recurrent_inputs *inputs);
void nn_recurrent_inputs_fill(nn_recurrent_inputs *inputs, void *lists);

/* Names all that packing depends on. */
void nn_recurrent_inputs_variant(const nn_recurrent_inputs *inputs, char *text, size_t size);
/* Columns [column, column + count), at most a vector of which the first is a multiple, each as k
 * numbers. */
void nn_recurrent_inputs_pack(const nn_recurrent_inputs *inputs, const nn_rows_f32 *rows,
                              int64_t column, int64_t count, const float *w, float *packed);
/* When all columns are packed. */
void nn_recurrent_inputs_finish(const nn_recurrent_inputs *inputs, float *packed);

size_t nn_recurrent_inputs_workspace(const nn_recurrent_inputs *inputs, int threads);
/* y [rows, columns] = x W + bias */
void nn_recurrent_inputs_run(const nn_recurrent_inputs *inputs, const float *packed,
                             const float *bias, const float *x, float *y, nn_pool *pool,
                             void *workspace);

#endif
