/* Transposed convolution as direct convolutions. Outputs whose positions leave the same rest when
 * divided by the strides, a phase, are reached by the same taps: each phase is a direct convolution
 * of its own (direct_f32.h) that writes every stride-th pixel. */
#ifndef NN_CONV_PHASES_H
#define NN_CONV_PHASES_H

#include "ops/cpu/float32/direct/direct_f32.h"
#include "ops/family/conv_transpose.h"

/* The taps first, first + step, ... of one axis that reach a phase. */
typedef struct nn_phase_axis {
    int64_t first, step, count; /* count 0: none */
    int64_t outputs;            /* positions of the phase */
    nn_window_axis window;
} nn_phase_axis;

typedef struct nn_conv_phase {
    nn_phase_axis axes[NN_MAX_SPATIAL];
    int64_t offset; /* of its first output, in elements */
    nn_direct_problem problem;
} nn_conv_phase;

/* False where there are too many phases. */
bool nn_conv_phases_fit(const nn_conv_geometry *geometry);
int64_t nn_conv_phase_count(const nn_conv_geometry *geometry);
/* Phase `index`; false when it has no outputs. */
bool nn_conv_phase_at(const nn_conv_geometry *geometry, int64_t index, nn_conv_phase *out);

/* The weights of a phase as [C][M / group][taps backwards], which the caller frees, and where
 * packing finds them. */
nn_status nn_conv_phase_weights(const nn_conv_geometry *geometry, const nn_conv_phase *phase,
                                const float *w, nn_direct_source *source, float **out);

#endif
