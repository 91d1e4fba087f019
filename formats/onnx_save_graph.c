/* Graphs, values and tensors to messages. */
#include "base/integers.h"
#include "formats/onnx_save_parts.h"

#include "formats/onnx_tensor.h"
#include "formats/onnx_wire.h"

#include <stdio.h>

/* Field numbers of messages whose content is streamed. */
enum { TENSOR_STRING_DATA = 6, TENSOR_RAW_DATA = 9 };
enum {
    GRAPH_NODE = 1,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    GRAPH_VALUE_INFO = 13
};

nn_status nn_save_unpack(nn_saver *saver, const ProtobufCMessageDescriptor *descriptor,
                         const void *bytes, size_t size, ProtobufCMessage **out) {
    nn_wire_allocator allocator;
    nn_wire_allocator_init(&allocator, &saver->arena);
    *out = protobuf_c_message_unpack(descriptor, &allocator.base, size, bytes);
    if (*out != NULL) return NN_OK;
    return allocator.failed
               ? nn_fail_memory(size)
               : nn_fail(NN_INTERNAL, "fields kept of '%s' are damaged", descriptor->short_name);
}

/* ---- tensors ---- */

enum { EXTERNAL_LEAST = 1024, PAGE = 4096, LINE = 64 };

/* Places data in the external file: large tensors on pages, so that they can be mapped. */
static nn_status place_external(nn_saver *saver, const nn_tensor *tensor, int64_t size,
                                Onnx__TensorProto *proto) {
    int64_t alignment = size >= (1 << 20) ? PAGE : LINE;
    int64_t offset = nn_round_up(saver->external_size, alignment);
    char text[2][24];
    snprintf(text[0], sizeof text[0], "%lld", (long long)offset);
    snprintf(text[1], sizeof text[1], "%lld", (long long)size);
    if (!NN_GROW(saver->parts, saver->part_count, saver->part_capacity))
        return nn_fail_memory(sizeof *saver->parts);
    saver->parts[saver->part_count++] = (nn_external_part){tensor->data, size, offset};
    saver->external_size = offset + size;
    Onnx__StringStringEntryProto entries[3];
    Onnx__StringStringEntryProto *list[3];
    const char *const keys[3] = {"location", "offset", "length"};
    const char *const values[3] = {saver->location, text[0], text[1]};
    for (int i = 0; i < 3; i++) {
        onnx__string_string_entry_proto__init(&entries[i]);
        entries[i].key = nn_save_text(keys[i]);
        entries[i].value = nn_save_text(values[i]);
        list[i] = &entries[i];
    }
    proto->n_external_data = 3;
    proto->external_data = list;
    proto->has_data_location = true;
    proto->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    nn_rope_message(&saver->rope, &proto->base);
    return NN_OK;
}

nn_status nn_save_tensor(nn_saver *saver, const nn_tensor *tensor, const char *name,
                         const Onnx__TensorProto *rest) {
    Onnx__TensorProto proto = ONNX__TENSOR_PROTO__INIT;
    int64_t dims[NN_MAX_RANK], size = nn_tensor_bytes(tensor);
    if (rest != NULL) proto = *rest;
    memcpy(dims, tensor->dims, sizeof dims);
    proto.n_dims = (size_t)tensor->rank;
    proto.dims = dims;
    proto.has_data_type = true;
    proto.data_type = (int32_t)tensor->type;
    if (name != NULL) proto.name = nn_save_text(name);
    if (saver->location != NULL && size >= EXTERNAL_LEAST && tensor->type != NNOPT_STRING)
        return place_external(saver, tensor, size, &proto);
    nn_rope_message(&saver->rope, &proto.base);
    if (tensor->type != NNOPT_STRING) {
        nn_rope_bytes(&saver->rope, TENSOR_RAW_DATA, tensor->data, size);
        return NN_OK;
    }
    for (int64_t i = 0; i < nn_tensor_count(tensor); i++) {
        const char *text = ((const char *const *)tensor->data)[i];
        nn_rope_bytes(&saver->rope, TENSOR_STRING_DATA, text, (int64_t)strlen(text));
    }
    return NN_OK;
}

/* ---- value types ---- */

static bool contradicts(const nn_fact *declared, const nn_fact *inferred) {
    if (declared->type != NNOPT_TYPE_NONE && inferred->type != NNOPT_TYPE_NONE &&
        declared->type != inferred->type)
        return true;
    if (declared->rank == NN_RANK_UNKNOWN || inferred->rank == NN_RANK_UNKNOWN) return false;
    if (declared->rank != inferred->rank) return true;
    for (int i = 0; i < declared->rank; i++)
        if (nn_dim_is_known(declared->dims[i]) && nn_dim_is_known(inferred->dims[i]) &&
            declared->dims[i] != inferred->dims[i])
            return true;
    return false;
}

/* What the file stated, unless a pass has changed the value since. */
static nn_fact stated_fact(const nn_value *value) {
    nn_fact fact = value->declared;
    if (contradicts(&value->declared, &value->fact)) return value->fact;
    if (fact.type == NNOPT_TYPE_NONE) fact.type = value->fact.type;
    if (fact.rank == NN_RANK_UNKNOWN) {
        fact.rank = value->fact.rank;
        memcpy(fact.dims, value->fact.dims, sizeof fact.dims);
    }
    return fact;
}

/* Dimensions of the fact; those of `kept` that say more than a size are filled in. */
static nn_status fill_shape(nn_saver *saver, const nn_graph *graph, const nn_fact *fact,
                            Onnx__TensorShapeProto *kept, Onnx__TypeProto__Tensor *out) {
    size_t rank = (size_t)fact->rank;
    Onnx__TensorShapeProto *shape = kept;
    if (shape == NULL) {
        shape = nn_arena_alloc(&saver->arena, sizeof *shape);
        if (shape == NULL) return nn_fail_memory(sizeof *shape);
        onnx__tensor_shape_proto__init(shape);
    }
    if (shape->n_dim != rank) {
        shape->n_dim = rank;
        shape->dim = nn_arena_alloc(&saver->arena, rank * sizeof *shape->dim);
        Onnx__TensorShapeProto__Dimension *items =
            nn_arena_alloc(&saver->arena, rank * sizeof *items);
        if (shape->dim == NULL || items == NULL) return nn_fail_memory(rank * sizeof *items);
        for (size_t i = 0; i < rank; i++) {
            onnx__tensor_shape_proto__dimension__init(&items[i]);
            shape->dim[i] = &items[i];
        }
    }
    for (size_t i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        const char *symbol = nn_graph_symbol_name(graph, fact->dims[i]);
        if (dim->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM ||
            !nn_onnx_is_placeholder(dim->dim_param))
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE__NOT_SET;
        if (nn_dim_is_known(fact->dims[i])) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = fact->dims[i];
        } else if (symbol != NULL) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = nn_save_text(symbol);
        }
    }
    out->shape = shape;
    return NN_OK;
}

static nn_status fill_type(nn_saver *saver, const nn_graph *graph, const nn_fact *fact,
                           Onnx__ValueInfoProto *info) {
    /* No tensor: `info` has what the file said. */
    if (fact->type == NNOPT_TYPE_NONE || nn_type_is_container(fact->type)) return NN_OK;
    Onnx__TypeProto *type = info->type;
    if (type == NULL) {
        type = nn_arena_alloc(&saver->arena, sizeof *type);
        if (type == NULL) return nn_fail_memory(sizeof *type);
        onnx__type_proto__init(type);
        info->type = type;
    }
    bool is_kept = type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    Onnx__TypeProto__Tensor *tensor =
        is_kept ? type->tensor_type : nn_arena_alloc(&saver->arena, sizeof *tensor);
    if (tensor == NULL) return nn_fail_memory(sizeof *tensor);
    if (!is_kept) onnx__type_proto__tensor__init(tensor);
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    tensor->has_elem_type = true;
    tensor->elem_type = (int32_t)fact->type;
    if (fact->rank == NN_RANK_UNKNOWN) {
        tensor->shape = NULL;
        return NN_OK;
    }
    return fill_shape(saver, graph, fact, tensor->shape, tensor);
}

/* ---- values ---- */

static nn_status unpack_rest(nn_saver *saver, const nn_value *value, Onnx__GraphProto **out) {
    ProtobufCMessage *message;
    NN_TRY(nn_save_unpack(saver, &onnx__graph_proto__descriptor, value->unknown_fields,
                          value->unknown_size, &message));
    *out = (Onnx__GraphProto *)message;
    return NN_OK;
}

static nn_status save_value_info(nn_saver *saver, const nn_graph *graph, const nn_value *value,
                                 uint32_t field) {
    Onnx__ValueInfoProto empty = ONNX__VALUE_INFO_PROTO__INIT, *info = &empty;
    Onnx__GraphProto *rest;
    NN_TRY(unpack_rest(saver, value, &rest));
    if (rest->n_value_info > 0) info = rest->value_info[0];
    nn_fact fact = stated_fact(value);
    info->name = nn_save_text(value->name);
    NN_TRY(fill_type(saver, graph, &fact, info));
    nn_rope_mark mark = nn_rope_open(&saver->rope);
    nn_rope_message(&saver->rope, &info->base);
    nn_rope_close(&saver->rope, mark, field);
    return NN_OK;
}

static nn_status save_initializer(nn_saver *saver, const nn_value *value) {
    Onnx__GraphProto *rest;
    NN_TRY(unpack_rest(saver, value, &rest));
    nn_rope_mark mark = nn_rope_open(&saver->rope);
    NN_TRY(nn_save_tensor(saver, &value->initializer->tensor, value->name,
                          rest->n_initializer > 0 ? rest->initializer[0] : NULL));
    nn_rope_close(&saver->rope, mark, GRAPH_INITIALIZER);
    return NN_OK;
}

/* The file said something of this inner value. */
static bool is_described(const nn_value *value) {
    return !value->is_input && !value->is_output && !value->is_captured &&
           value->initializer == NULL && nn_value_is_linked(value) &&
           (value->declared.type != NNOPT_TYPE_NONE || value->declared.rank != NN_RANK_UNKNOWN ||
            value->unknown_size > 0);
}

nn_status nn_save_graph(nn_saver *saver, const nn_graph *graph) {
    for (int64_t i = 0; i < graph->node_count; i++) {
        nn_rope_mark mark = nn_rope_open(&saver->rope);
        NN_TRY(nn_save_node(saver, graph->nodes[i]));
        nn_rope_close(&saver->rope, mark, GRAPH_NODE);
    }
    ProtobufCMessage *message;
    NN_TRY(nn_save_unpack(saver, &onnx__graph_proto__descriptor, graph->unknown_fields,
                          graph->unknown_size, &message));
    /* ONNX asks for a name of every graph. */
    ((Onnx__GraphProto *)message)->name =
        nn_save_text(graph->name[0] != '\0' ? graph->name : "graph");
    nn_rope_message(&saver->rope, message);
    for (int64_t i = 0; i < graph->value_count; i++)
        if (graph->values[i]->initializer != NULL)
            NN_TRY(save_initializer(saver, graph->values[i]));
    for (int64_t i = 0; i < graph->input_count; i++)
        NN_TRY(save_value_info(saver, graph, graph->inputs[i], GRAPH_INPUT));
    for (int64_t i = 0; i < graph->output_count; i++)
        NN_TRY(save_value_info(saver, graph, graph->outputs[i], GRAPH_OUTPUT));
    for (int64_t i = 0; i < graph->value_count; i++)
        if (is_described(graph->values[i]))
            NN_TRY(save_value_info(saver, graph, graph->values[i], GRAPH_VALUE_INFO));
    return NN_OK;
}
