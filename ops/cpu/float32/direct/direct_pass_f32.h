/* Passes of direct convolutions: what tiles sum of one panel of weights for all pixels of a unit,
 * some taps or some channels at a time, so that the weights of a pass stay in a near cache while
 * its tiles run over the unit. */
#ifndef NN_DIRECT_PASS_F32_H
#define NN_DIRECT_PASS_F32_H

#include "ops/cpu/float32/direct/direct_input_f32.h"

/* Passes [begin, end) of a panel over the pixels of a unit, which the view has. */
void nn_direct_run_panel(const nn_direct_job *job, const nn_direct_unit *unit, int64_t panel,
                         int64_t begin, int64_t end, const nn_direct_input *view,
                         const nn_direct_space *space);

#endif
