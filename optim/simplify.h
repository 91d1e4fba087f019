/* What every lossy pass does to a model first: exact simplifications that make the rest easier. */
#ifndef NN_SIMPLIFY_H
#define NN_SIMPLIFY_H

#include "engine/graph/model.h"

/* A derived model with constants folded, BatchNorm folded into convolutions and matrix products,
 * and operators that do nothing at inference removed. */
nn_status nn_simplify_model(const nn_model *model, const char *pass, nn_model **out);

#endif
