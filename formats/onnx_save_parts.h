/* Steps of serialising a model. Only onnx_save*.c include this. */
#ifndef NN_ONNX_SAVE_PARTS_H
#define NN_ONNX_SAVE_PARTS_H

#include "formats/onnx_rope.h"
#include "formats/onnx_save.h"

#include "onnx.pb-c.h"

/* A tensor whose data goes to the external file. */
typedef struct nn_external_part {
    const void *data;
    int64_t size, offset;
} nn_external_part;

typedef struct nn_saver {
    nn_rope rope;
    nn_arena arena;       /* messages while they are packed */
    const char *location; /* of external data; NULL: all data in the model */
    nn_external_part *parts;
    int64_t part_count, part_capacity;
    int64_t external_size;
} nn_saver;

/* Adds the fields of GraphProto, NodeProto, TensorProto to the rope. */
nn_status nn_save_graph(nn_saver *saver, const nn_graph *graph);
nn_status nn_save_node(nn_saver *saver, const nn_node *node);
/* `rest`: a TensorProto with what the file said beside the data, or NULL. */
nn_status nn_save_tensor(nn_saver *saver, const nn_tensor *tensor, const char *name,
                         const Onnx__TensorProto *rest);

/* The message that was kept for a round trip, or an empty one. Ours, so not checked again. */
nn_status nn_save_unpack(nn_saver *saver, const ProtobufCMessageDescriptor *descriptor,
                         const void *bytes, size_t size, ProtobufCMessage **out);

/* Texts are only read. */
static inline char *nn_save_text(const char *text) {
    return text != NULL && text[0] != '\0' ? (char *)(uintptr_t)text : NULL;
}

#endif
