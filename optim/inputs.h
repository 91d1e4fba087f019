/* What measuring functions feed models with when no data are given. */
#ifndef NN_OPTIM_INPUTS_H
#define NN_OPTIM_INPUTS_H

#include "base/dataset.h"
#include "engine/graph/model.h"

/* Seeded random inputs for `runs` runs of the batch that `options` name (else 1), with those of the
 * options that "dataset" has. */
nn_status nn_random_inputs(nn_model *model, uint64_t seed, int64_t runs,
                           const nnopt_options *options, nn_dataset **out);
/* One data set feeds several models in the order of the first one's inputs: NN_USAGE where those of
 * `other` have other names. */
nn_status nn_check_same_inputs(const nn_model *first, const nn_model *other, const char *name);

#endif
