/* Writing models. */
#ifndef NN_ONNX_SAVE_H
#define NN_ONNX_SAVE_H

#include "engine/graph/model.h"

/* Key in a node's metadata: its origin, where that is not its own name. */
#define NN_ORIGIN_KEY "nnopt.origin"

/* What nnopt_model_save does, with another limit: a model whose weights have over `inline_limit`
 * bytes gets them in a second file, PATH.data, that the model names relative to itself. NN_INTERNAL
 * when the graph holds what only plans may hold. Both files are synchronised to the disk before
 * they take their names. */
nn_status nn_onnx_save(const nn_model *model, const char *path, int64_t inline_limit);

#endif
