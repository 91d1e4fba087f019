/* Tensor data in files beside the model. */
#ifndef NN_ONNX_EXTERNAL_H
#define NN_ONNX_EXTERNAL_H

#include "formats/onnx_tensor.h"

/* Finds the `bytes` bytes that proto's external_data names: a file inside source->folder, reached
 * by a relative path without ".." and through no link that leads outside. The mapping is borrowed
 * from the source. NN_BAD_INPUT names tensor and rule. */
nn_status nn_external_find(nn_tensor_source *source, const Onnx__TensorProto *proto, int64_t bytes,
                           nn_storage **storage, void **data);

#endif
