/* What each pass should save per node, from a profile and the machine's roofline, before it runs.
 */
#ifndef NN_PREDICT_H
#define NN_PREDICT_H

#include "optim/pass.h"

/* int8 of nodes with weights: the int8 roof instead of the fp32 one, a quarter of the bytes, at the
 * efficiency that the node reaches today. */
nn_status nn_predict_quantize(const nn_model *model, const struct nn_profile *profile,
                              const nnopt_options *options, nn_predictions *out);
/* Pruning to the fraction of the MACs that option macs names (0.7 when none), spread evenly. */
nn_status nn_predict_prune(const nn_model *model, const struct nn_profile *profile,
                           const nnopt_options *options, nn_predictions *out);
/* Separating convolutions that are large enough: half of their MACs, of which a part is lost to the
 * second node. */
nn_status nn_predict_separate(const nn_model *model, const struct nn_profile *profile,
                              const nnopt_options *options, nn_predictions *out);

#endif
