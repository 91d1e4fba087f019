/* Sequences, optionals and maps between ONNX messages and memory. */
#ifndef NN_ONNX_CONTAINER_H
#define NN_ONNX_CONTAINER_H

#include "formats/onnx_tensor.h"

/* The message that holds values of a container type. */
const ProtobufCMessageDescriptor *nn_container_message(nn_type type);
/* The container of a message that nn_wire_unpack gave; everything in it is a copy. The values of a
 * map become one vector where they are scalars of one type, else a sequence. */
nn_status nn_container_read(nn_tensor_source *source, nn_type type, const ProtobufCMessage *message,
                            nn_tensor *out);
/* The message of a container, made in `arena`; data of tensors is borrowed. */
nn_status nn_container_message_of(const nn_tensor *container, const char *name, nn_arena *arena,
                                  ProtobufCMessage **out);

#endif
