/* Graphs and their values. */
#include "formats/onnx_load.h"

#include <stdio.h>

nn_value nn_load_absent;

/* ---- names ---- */

nn_status nn_load_find_value(nn_load_scope *scope, const char *name, nn_value **out) {
    *out = NULL;
    if (name[0] == '\0') return NN_OK;
    if (scope->names == NULL) {
        NN_TRY(nn_graph_resolve(scope->graph, name, out));
    } else {
        nn_value *found = NULL;
        for (nn_load_scope *s = scope; s != NULL && found == NULL; s = s->outer)
            found = nn_name_table_get(s->names, name);
        if (found == &nn_load_absent) return NN_OK;
        if (found != NULL) NN_TRY(nn_graph_resolve(scope->graph, found->name, out));
    }
    return *out != NULL ? NN_OK
                        : nn_fail(NN_BAD_INPUT, "value '%s' is read, and nothing defines it", name);
}

nn_status nn_load_new_value(nn_load_scope *scope, const char *name, nn_value **out) {
    if (scope->names == NULL) return nn_graph_add_value(scope->graph, name, out);
    if (name[0] == '\0') return nn_fail(NN_BAD_INPUT, "a value has an empty name");
    if (nn_name_table_get(scope->names, name) != NULL)
        return nn_fail(NN_BAD_INPUT, "value '%s' is defined twice", name);
    const char *unique;
    char *stem = nn_format("%s%s", scope->prefix, name);
    if (stem == NULL) return nn_fail_memory(strlen(scope->prefix) + strlen(name) + 1);
    nn_status status = nn_graph_unique_name(scope->graph, stem, &unique);
    nn_free(stem);
    NN_TRY(status);
    NN_TRY(nn_graph_add_value(scope->graph, unique, out));
    return nn_name_table_put(scope->names, name, *out);
}

/* The scope's own value of this name, made when new. */
static nn_status own_value(nn_load_scope *scope, const char *name, nn_value **out) {
    *out = scope->names != NULL ? nn_name_table_get(scope->names, name)
                                : nn_graph_find(scope->graph, name);
    return *out != NULL ? NN_OK : nn_load_new_value(scope, name, out);
}

/* ---- types ---- */

bool nn_onnx_is_placeholder(const char *symbol) {
    return symbol[0] == '\0' || strcmp(symbol, "?") == 0 || strcmp(symbol, "None") == 0 ||
           strcmp(symbol, "-1") == 0;
}

static nn_status load_dim(nn_graph *graph, const Onnx__TensorShapeProto__Dimension *proto,
                          int64_t *out) {
    *out = NN_DIM_UNKNOWN;
    if (proto->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE) {
        if (proto->dim_value >= 0) *out = proto->dim_value;
    } else if (proto->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM) {
        const char *name = nn_load_text(proto->dim_param);
        if (!nn_onnx_is_placeholder(name)) return nn_graph_symbol(graph, name, out);
    }
    return NN_OK;
}

/* What its elements are is kept for a round trip only. */
static nn_type container_of(const Onnx__TypeProto *proto) {
    switch (proto->value_case) {
    case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
        return NNOPT_SEQUENCE;
    case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
        return NNOPT_OPTIONAL;
    case ONNX__TYPE_PROTO__VALUE_MAP_TYPE:
        return NNOPT_MAP;
    default:
        return NNOPT_TYPE_NONE;
    }
}

nn_status nn_load_fact(nn_graph *graph, const char *name, const Onnx__TypeProto *proto,
                       nn_fact *out) {
    *out = nn_fact_unknown();
    if (proto == NULL) return NN_OK;
    out->type = container_of(proto);
    if (proto->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || proto->tensor_type == NULL)
        return NN_OK;
    const Onnx__TypeProto__Tensor *tensor = proto->tensor_type;
    nn_type type = tensor->has_elem_type ? (nn_type)tensor->elem_type : NNOPT_TYPE_NONE;
    if (type != NNOPT_TYPE_NONE && type != NNOPT_STRING && !nn_type_is_plain(type))
        return nn_fail(NN_UNSUPPORTED, "value '%s': element type %d is not known", name, (int)type);
    out->type = type;
    if (tensor->shape == NULL) return NN_OK;
    if (tensor->shape->n_dim > NN_MAX_RANK)
        return nn_fail(NN_UNSUPPORTED, "value '%s': rank %zu is over the limit of %d", name,
                       tensor->shape->n_dim, (int)NN_MAX_RANK);
    out->rank = (int)tensor->shape->n_dim;
    for (int i = 0; i < out->rank; i++)
        NN_TRY(load_dim(graph, tensor->shape->dim[i], &out->dims[i]));
    return NN_OK;
}

/* ---- what is kept for a round trip ---- */

/* More than a size or a symbol. */
static bool says_more(const Onnx__TensorShapeProto__Dimension *dim) {
    return dim->denotation != NULL || dim->base.n_unknown_fields > 0 ||
           (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM &&
            nn_onnx_is_placeholder(nn_load_text(dim->dim_param)));
}

/* A value keeps a GraphProto that holds what is left of its ValueInfoProto and of its initialiser.
 */
static nn_status keep_value_rest(nn_load_scope *scope, nn_value *value,
                                 const Onnx__ValueInfoProto *info,
                                 const Onnx__TensorProto *tensor) {
    Onnx__GraphProto holder = ONNX__GRAPH_PROTO__INIT;
    Onnx__ValueInfoProto info_rest = ONNX__VALUE_INFO_PROTO__INIT;
    Onnx__TypeProto type = ONNX__TYPE_PROTO__INIT;
    Onnx__TypeProto__Tensor tensor_type = ONNX__TYPE_PROTO__TENSOR__INIT;
    Onnx__TensorProto tensor_rest = ONNX__TENSOR_PROTO__INIT;
    Onnx__ValueInfoProto *infos[1] = {&info_rest};
    Onnx__TensorProto *tensors[1] = {&tensor_rest};
    bool denoted = false;
    if (info != NULL) {
        info_rest = *info;
        info_rest.name = NULL;
        if (info->type != NULL) {
            type = *info->type;
            info_rest.type = &type;
            if (type.value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE &&
                type.tensor_type != NULL) {
                tensor_type = *type.tensor_type;
                tensor_type.has_elem_type = false;
                const Onnx__TensorShapeProto *shape = tensor_type.shape;
                for (size_t i = 0; shape != NULL && i < shape->n_dim; i++)
                    denoted = denoted || says_more(shape->dim[i]);
                if (shape != NULL && !denoted && shape->base.n_unknown_fields == 0)
                    tensor_type.shape = NULL;
                type.tensor_type = &tensor_type;
                if (protobuf_c_message_get_packed_size(&tensor_type.base) == 0)
                    type.value_case = ONNX__TYPE_PROTO__VALUE__NOT_SET;
            }
            if (protobuf_c_message_get_packed_size(&type.base) == 0) info_rest.type = NULL;
        }
        if (protobuf_c_message_get_packed_size(&info_rest.base) > 0) {
            holder.n_value_info = 1;
            holder.value_info = infos;
        }
    }
    if (tensor != NULL) {
        tensor_rest = *tensor;
        tensor_rest.name = NULL;
        tensor_rest.n_dims = 0;
        tensor_rest.has_data_type = false;
        tensor_rest.has_raw_data = false;
        tensor_rest.n_external_data = 0;
        tensor_rest.has_data_location = false;
        if (protobuf_c_message_get_packed_size(&tensor_rest.base) > 0) {
            holder.n_initializer = 1;
            holder.initializer = tensors;
        }
    }
    return nn_load_rest(&holder.base, &scope->graph->arena, &value->unknown_fields,
                        &value->unknown_size);
}

/* ---- the parts of a graph ---- */

static nn_status load_initializers(nn_load_scope *scope, const Onnx__GraphProto *proto) {
    nn_graph *graph = scope->graph;
    for (size_t i = 0; i < proto->n_initializer + proto->n_sparse_initializer; i++) {
        bool is_sparse = i >= proto->n_initializer;
        const Onnx__SparseTensorProto *sparse =
            is_sparse ? proto->sparse_initializer[i - proto->n_initializer] : NULL;
        const Onnx__TensorProto *tensor = is_sparse ? sparse->values : proto->initializer[i];
        if (tensor == NULL) return nn_fail(NN_BAD_INPUT, "a sparse initializer has no values");
        nn_value *value;
        nn_blob *blob;
        nn_status status = nn_load_new_value(scope, nn_load_text(tensor->name), &value);
        if (status != NN_OK) return nn_fail_context(status, "initializer %zu", i);
        NN_TRY(is_sparse ? nn_sparse_tensor_read(&scope->loader->source, sparse, &blob)
                         : nn_tensor_read(&scope->loader->source, tensor, &blob));
        status = nn_graph_set_initializer(graph, value, blob);
        nn_blob_release(blob);
        NN_TRY(status);
        if (!is_sparse) NN_TRY(keep_value_rest(scope, value, NULL, tensor));
    }
    return NN_OK;
}

/* Files before IR version 4 list initialisers as inputs too, later ones may, as inputs with a
 * default: both are initialisers here. */
static nn_status load_inputs(nn_load_scope *scope, const Onnx__GraphProto *proto) {
    for (size_t i = 0; i < proto->n_input; i++) {
        const Onnx__ValueInfoProto *info = proto->input[i];
        nn_value *value;
        NN_TRY(own_value(scope, nn_load_text(info->name), &value));
        if (value->initializer != NULL) continue;
        NN_TRY(nn_graph_add_input(scope->graph, value));
        NN_TRY(nn_load_fact(scope->graph, value->name, info->type, &value->declared));
        value->fact = value->declared;
        NN_TRY(keep_value_rest(scope, value, info, NULL));
    }
    return NN_OK;
}

/* Takes what the file states of a value that is there; others are not missed. */
static nn_status load_value_info(nn_load_scope *scope, const Onnx__ValueInfoProto *info) {
    const char *name = nn_load_text(info->name);
    nn_value *value = scope->names != NULL ? nn_name_table_get(scope->names, name)
                                           : nn_graph_find(scope->graph, name);
    if (value == NULL || value == &nn_load_absent || value->is_input ||
        value->initializer != NULL || value->is_captured)
        return NN_OK;
    NN_TRY(nn_load_fact(scope->graph, value->name, info->type, &value->declared));
    value->fact = value->declared;
    return keep_value_rest(scope, value, info, NULL);
}

static nn_status load_outputs(nn_load_scope *scope, const Onnx__GraphProto *proto) {
    for (size_t i = 0; i < proto->n_output; i++) {
        const char *name = nn_load_text(proto->output[i]->name);
        nn_value *value;
        NN_TRY(nn_load_find_value(scope, name, &value));
        if (value == NULL) return nn_fail(NN_BAD_INPUT, "graph output %zu has an empty name", i);
        NN_TRY(nn_graph_add_output(scope->graph, value));
        NN_TRY(load_value_info(scope, proto->output[i]));
    }
    return NN_OK;
}

static nn_status keep_graph_rest(nn_load_scope *scope, const Onnx__GraphProto *proto) {
    Onnx__GraphProto rest = *proto;
    rest.name = NULL;
    rest.n_node = rest.n_initializer = rest.n_sparse_initializer = 0;
    rest.n_input = rest.n_output = rest.n_value_info = 0;
    return nn_load_rest(&rest.base, &scope->graph->arena, &scope->graph->unknown_fields,
                        &scope->graph->unknown_size);
}

nn_status nn_load_graph(nn_load_scope *scope, const Onnx__GraphProto *proto) {
    NN_TRY(load_initializers(scope, proto));
    NN_TRY(load_inputs(scope, proto));
    NN_TRY(nn_load_declare_outputs(scope, proto->node, proto->n_node));
    for (size_t i = 0; i < proto->n_value_info; i++)
        NN_TRY(load_value_info(scope, proto->value_info[i]));
    NN_TRY(nn_load_nodes(scope, proto->node, proto->n_node));
    NN_TRY(load_outputs(scope, proto));
    NN_TRY(keep_graph_rest(scope, proto));
    return nn_graph_sort(scope->graph);
}
