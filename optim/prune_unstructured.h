/* Single weights to zero: smaller when compressed, no faster, and said so. */
#ifndef NN_PRUNE_UNSTRUCTURED_H
#define NN_PRUNE_UNSTRUCTURED_H

#include "base/dataset.h"
#include "engine/graph/model.h"
#include "engine/report.h"

/* Zeroes the fraction `sparsity` of every row of every linear node: those of least |w|, or with
 * calibration data of least |w| times the norm of the input it meets (Wanda, Sun et al. 2023). */
nn_status nn_prune_unstructured(nn_model *model, nn_dataset *calib, double sparsity,
                                int64_t max_samples, uint64_t seed, nn_report *report);

#endif
