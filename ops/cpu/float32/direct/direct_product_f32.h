/* Units of direct convolutions that are plain matrix products, pixels by panels, without all that a
 * convolution asks for each panel, which takes as long as a third of a tile of few channels. */
#ifndef NN_DIRECT_PRODUCT_F32_H
#define NN_DIRECT_PRODUCT_F32_H

#include "ops/cpu/float32/direct/direct_input_f32.h"

/* Are all units such ones: pixels of one row, by one tap, in one pass? */
bool nn_direct_is_product(const nn_direct_plan *plan);

/* Panels whose results are finished together, and the most that may be. */
enum { NN_DIRECT_PANELS_AT_ONCE = 16 };
int64_t nn_direct_panels_at_once(const nn_direct_plan *plan);
/* The rows' part of shared products is found already. */
void nn_direct_multiply(const nn_direct_job *job, const nn_direct_unit *unit,
                        const nn_direct_input *view, const nn_direct_space *space);

#endif
