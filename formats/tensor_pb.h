/* Files of one value as ONNX keeps them beside models: input_0.pb, output_0.pb. */
#ifndef NN_TENSOR_PB_H
#define NN_TENSOR_PB_H

#include "base/tensor.h"

/* A serialised TensorProto, or the message of the container type that the model declares; only that
 * tells which message a file holds. The blob may point into the mapped file (data unaligned). */
nn_status nn_tensor_pb_load(const char *path, nn_type declared, nn_blob **out);
/* The same with aligned data. Where `rank` is higher than the file's (NN_RANK_UNKNOWN: it is not),
 * axes of size 1 are put in front, for some published reference data leaves them out. */
nn_status nn_tensor_pb_load_aligned(const char *path, nn_type declared, int rank, nn_blob **out);
nn_status nn_tensor_pb_save(const char *path, const char *name, const nn_tensor *tensor);

#endif
