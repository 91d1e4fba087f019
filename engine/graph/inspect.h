/* What a model is: its interface, operators, size and work, and what this build cannot run. */
#ifndef NN_INSPECT_H
#define NN_INSPECT_H

#include "engine/graph/model.h"
#include "engine/report.h"

/* The report "inspect". `inputs`: shapes to count work for, one per input, as of
 * nn_graph_bind_inputs; NULL: as declared. */
nn_status nn_inspect(const nn_model *model, const nn_tensor *inputs, nn_report **out);

#endif
