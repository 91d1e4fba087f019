/* TensorProto to blobs: data in every form that ONNX knows, kept where it lies when it can be. */
#ifndef NN_ONNX_TENSOR_H
#define NN_ONNX_TENSOR_H

#include "base/tensor.h"

#include "onnx.pb-c.h"

typedef struct nn_external_file nn_external_file;

/* What tensors point into. Start with {.storage, .folder}, end with clear. */
typedef struct nn_tensor_source {
    nn_storage *storage;        /* the bytes that were unpacked; borrowed */
    const char *folder;         /* of external data; NULL: none may be used */
    nn_external_file *external; /* opened so far */
    int64_t external_bytes;     /* of these files together */
} nn_tensor_source;
void nn_tensor_source_clear(nn_tensor_source *source);

/* The tensor of a message that nn_wire_unpack gave. raw_data, float_data, double_data and external
 * data stay in the mapping where their form is that of memory; everything else is decoded. Strings
 * become `char *` elements. Errors name the tensor. */
nn_status nn_tensor_read(nn_tensor_source *source, const Onnx__TensorProto *proto, nn_blob **out);

/* Exporters write these for a dimension that they know nothing of: "?", "None", "-1", "". Equal
 * ones are not equal sizes, so they are no symbols. */
bool nn_onnx_is_placeholder(const char *symbol);

/* The dense form of a sparse tensor; NN_UNSUPPORTED over 256 MB. */
nn_status nn_sparse_tensor_read(nn_tensor_source *source, const Onnx__SparseTensorProto *proto,
                                nn_blob **out);

#endif
