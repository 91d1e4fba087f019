/* Nodes and their attributes. */
#include "formats/onnx_load.h"

#include "formats/onnx_save.h"
#include "formats/onnx_wire.h"

#include <stdio.h>

nn_status nn_load_rest(const ProtobufCMessage *message, nn_arena *arena, const void **bytes,
                       size_t *size) {
    *bytes = NULL;
    *size = 0;
    if (protobuf_c_message_get_packed_size(message) == 0) return NN_OK;
    return nn_wire_pack(message, arena, bytes, size);
}

/* ---- attributes ---- */

/* Files of the first IR versions do not state the type. */
static Onnx__AttributeProto__AttributeType type_of(const Onnx__AttributeProto *proto) {
    if (proto->has_type && proto->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED)
        return proto->type;
    if (proto->has_f) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    if (proto->has_i) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    if (proto->has_s) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
    if (proto->t != NULL) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    if (proto->g != NULL) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
    if (proto->n_floats > 0) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
    if (proto->n_ints > 0) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    if (proto->n_strings > 0) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS;
    return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED;
}

/* Texts get a zero byte behind them. */
static nn_status load_text(nn_loader *loader, const ProtobufCBinaryData *data, nn_text *out) {
    char *copy = nn_arena_strndup(&loader->arena, (const char *)data->data, data->len);
    if (copy == NULL) return nn_fail_memory(data->len + 1);
    *out = (nn_text){copy, (int64_t)data->len};
    return NN_OK;
}

static nn_status load_texts(nn_loader *loader, const Onnx__AttributeProto *proto, nn_attr *out) {
    nn_text *texts = nn_arena_alloc(&loader->arena, proto->n_strings * sizeof *texts);
    if (texts == NULL) return nn_fail_memory(proto->n_strings * sizeof *texts);
    for (size_t i = 0; i < proto->n_strings; i++)
        NN_TRY(load_text(loader, &proto->strings[i], &texts[i]));
    out->count = (int64_t)proto->n_strings;
    out->strings = texts;
    return NN_OK;
}

/* A body of a node of `graph` whose names are found in `scope`. */
static nn_status load_body(nn_graph *graph, nn_load_scope *scope, const Onnx__GraphProto *proto,
                           nn_graph **out) {
    nn_graph *body;
    NN_TRY(nn_graph_create_body(graph, nn_load_text(proto->name), &body));
    nn_name_table names = {0};
    nn_load_scope inner = *scope;
    inner.graph = body;
    inner.is_call = false;
    inner.outer = scope->names != NULL ? scope : NULL;
    inner.names = scope->names != NULL ? &names : NULL;
    nn_status status = nn_load_graph(&inner, proto);
    nn_name_table_clear(&names);
    if (status != NN_OK)
        nn_graph_destroy(body);
    else
        *out = body;
    return status;
}

/* What is not modelled of an attribute that is: its texts, what its tensor says beside the data. */
static nn_status keep_rest(nn_loader *loader, const Onnx__AttributeProto *proto, nn_attr *out) {
    Onnx__AttributeProto rest = ONNX__ATTRIBUTE_PROTO__INIT;
    Onnx__TensorProto tensor;
    rest.base = proto->base;
    rest.doc_string = proto->doc_string;
    if (out->kind == NN_ATTR_TENSOR) {
        tensor = *proto->t;
        tensor.n_dims = 0;
        tensor.has_data_type = false;
        tensor.has_raw_data = false;
        tensor.n_external_data = 0;
        tensor.has_data_location = false;
        if (tensor.name != NULL && tensor.name[0] == '\0') tensor.name = NULL;
        if (protobuf_c_message_get_packed_size(&tensor.base) > 0) rest.t = &tensor;
    }
    return nn_load_rest(&rest.base, &loader->arena, &out->unknown_fields, &out->unknown_size);
}

/* Lists of tensors and graphs, sparse tensors and types are carried along as they are. */
static nn_status load_opaque(nn_loader *loader, const Onnx__AttributeProto *proto, const char *name,
                             nn_attr *out) {
    Onnx__AttributeProto whole = *proto;
    whole.name = (char *)(uintptr_t)name;
    whole.ref_attr_name = NULL;
    whole.t = NULL;
    whole.g = NULL;
    return nn_wire_pack(&whole.base, &loader->arena, &out->opaque.bytes, &out->opaque.size);
}

/* Tensors and bodies in `out` belong to the caller. */
static nn_status load_attribute(nn_graph *graph, nn_load_scope *scope,
                                const Onnx__AttributeProto *proto, const char *name, nn_attr *out) {
    nn_loader *loader = scope->loader;
    out->name = name;
    if (name[0] == '\0') return nn_fail(NN_BAD_INPUT, "an attribute has no name");
    switch (type_of(proto)) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        out->kind = NN_ATTR_FLOAT;
        out->f = proto->has_f ? proto->f : 0.0f;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        out->kind = NN_ATTR_INT;
        out->i = proto->has_i ? proto->i : 0;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        out->kind = NN_ATTR_STRING;
        NN_TRY(load_text(loader, &proto->s, &out->s));
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        out->kind = NN_ATTR_FLOATS;
        out->count = (int64_t)proto->n_floats;
        out->floats = proto->floats;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        out->kind = NN_ATTR_INTS;
        out->count = (int64_t)proto->n_ints;
        out->ints = proto->ints;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS:
        out->kind = NN_ATTR_STRINGS;
        NN_TRY(load_texts(loader, proto, out));
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        if (proto->t == NULL) return nn_fail(NN_BAD_INPUT, "attribute '%s' has no tensor", name);
        NN_TRY(nn_tensor_read(&loader->source, proto->t, &out->tensor));
        out->kind = NN_ATTR_TENSOR;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH:
        if (proto->g == NULL) return nn_fail(NN_BAD_INPUT, "attribute '%s' has no graph", name);
        NN_TRY(load_body(graph, scope, proto->g, &out->graph));
        out->kind = NN_ATTR_GRAPH;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED:
        return nn_fail(NN_BAD_INPUT, "attribute '%s' has no type and no value", name);
    default:
        out->kind = NN_ATTR_OPAQUE;
        return load_opaque(loader, proto, name, out);
    }
    return keep_rest(loader, proto, out);
}

static void release_attributes(nn_attrs *attrs, nn_attr *items, bool with_bodies) {
    for (int64_t i = 0; i < attrs->count; i++) {
        if (items[i].kind == NN_ATTR_TENSOR) nn_blob_release(items[i].tensor);
        if (items[i].kind == NN_ATTR_GRAPH && with_bodies) nn_graph_destroy(items[i].graph);
    }
    attrs->count = 0;
}

/* *items are those of *attrs, to be released. */
static nn_status load_attributes(nn_load_scope *scope, const Onnx__NodeProto *node, nn_attrs *attrs,
                                 nn_attr **items) {
    *attrs = (nn_attrs){NULL, 0};
    *items = nn_arena_alloc(&scope->loader->arena, node->n_attribute * sizeof **items);
    if (*items == NULL) return nn_fail_memory(node->n_attribute * sizeof **items);
    attrs->items = *items;
    for (size_t i = 0; i < node->n_attribute; i++) {
        const Onnx__AttributeProto *proto;
        nn_load_scope *where;
        nn_status status = nn_load_resolve_attribute(scope, node->attribute[i], &proto, &where);
        if (status == NN_OK && proto == NULL) continue;
        nn_attr attr = {0};
        if (status == NN_OK)
            status = load_attribute(scope->graph, where, proto,
                                    nn_load_text(node->attribute[i]->name), &attr);
        if (status == NN_OK && nn_attrs_find(attrs, attr.name) != NULL)
            status = nn_fail(NN_BAD_INPUT, "attribute '%s' stands twice", attr.name);
        /* Its kind says tensor or graph only once it holds one, so a failed one may be released
         * too. */
        (*items)[attrs->count++] = attr;
        if (status != NN_OK) {
            release_attributes(attrs, *items, true);
            return status;
        }
    }
    return NN_OK;
}

/* ---- nodes ---- */

/* Takes the origin of a node that a pass of ours made out of the metadata into the node. */
static nn_status load_origin(nn_load_scope *scope, Onnx__NodeProto *rest, nn_node *node) {
    Onnx__StringStringEntryProto **entries = rest->metadata_props;
    size_t size = rest->n_metadata_props * sizeof *entries, kept = 0;
    if (rest->n_metadata_props == 0) return NN_OK;
    rest->metadata_props = nn_arena_alloc(&scope->loader->arena, size);
    if (rest->metadata_props == NULL) return nn_fail_memory(size);
    for (size_t i = 0; i < rest->n_metadata_props; i++) {
        const char *origin = nn_load_text(entries[i]->value);
        if (strcmp(nn_load_text(entries[i]->key), NN_ORIGIN_KEY) != 0 || origin[0] == '\0') {
            rest->metadata_props[kept++] = entries[i];
            continue;
        }
        node->origin = nn_arena_strdup(&scope->graph->arena, origin);
        if (node->origin == NULL) return nn_fail_memory(strlen(origin) + 1);
    }
    rest->n_metadata_props = kept;
    return NN_OK;
}

static nn_status keep_node_rest(nn_load_scope *scope, const Onnx__NodeProto *proto, nn_node *node) {
    Onnx__NodeProto rest = *proto;
    if (scope->function == NULL) NN_TRY(load_origin(scope, &rest, node));
    rest.n_input = rest.n_output = rest.n_attribute = 0;
    rest.name = rest.op_type = rest.domain = rest.doc_string = NULL;
    if (rest.overload != NULL && rest.overload[0] == '\0') rest.overload = NULL;
    nn_arena *arena = &scope->graph->arena;
    if (proto->doc_string != NULL && proto->doc_string[0] != '\0') {
        node->doc = nn_arena_strdup(arena, proto->doc_string);
        if (node->doc == NULL) return nn_fail_memory(strlen(proto->doc_string) + 1);
    }
    return nn_load_rest(&rest.base, arena, &node->unknown_fields, &node->unknown_size);
}

/* Puts the node before a message that does not name it. */
static nn_status fail_node(nn_status status, const Onnx__NodeProto *proto) {
    const char *name = nn_load_text(proto->name);
    if (name[0] == '\0' && proto->n_output > 0) name = proto->output[0];
    return nn_fail_context(status, "node '%s' (%s)", name, nn_load_text(proto->op_type));
}

static nn_status find_values(nn_load_scope *scope, const Onnx__NodeProto *proto, nn_value **inputs,
                             nn_value **outputs) {
    for (size_t i = 0; i < proto->n_input; i++)
        NN_TRY(nn_load_find_value(scope, proto->input[i], &inputs[i]));
    for (size_t i = 0; i < proto->n_output; i++)
        NN_TRY(nn_load_find_value(scope, proto->output[i], &outputs[i]));
    return NN_OK;
}

static nn_status add_node(nn_load_scope *scope, const Onnx__NodeProto *proto) {
    nn_arena *arena = &scope->loader->arena;
    size_t count = proto->n_input + proto->n_output;
    nn_value **values = nn_arena_alloc(arena, count * sizeof *values);
    if (values == NULL) return nn_fail_memory(count * sizeof *values);
    nn_status status = find_values(scope, proto, values, values + proto->n_input);
    if (status != NN_OK) return fail_node(status, proto);
    const char *name = nn_load_text(proto->name);
    char *inlined = NULL;
    if (scope->function != NULL) {
        inlined = nn_format("%s%s", scope->prefix, name[0] != '\0' ? name : proto->op_type);
        if (inlined == NULL) return nn_fail_memory(strlen(scope->prefix) + strlen(name) + 1);
    } else if (name[0] == '\0') {
        name = NULL;
    }
    nn_attrs attrs;
    nn_attr *items;
    nn_node *node;
    status = load_attributes(scope, proto, &attrs, &items);
    if (status != NN_OK) {
        status = fail_node(status, proto);
    } else {
        status = nn_graph_add_node(scope->graph, proto->op_type, nn_load_text(proto->domain),
                                   inlined != NULL ? inlined : name, values, (int)proto->n_input,
                                   values + proto->n_input, (int)proto->n_output, &attrs, &node);
        release_attributes(&attrs, items, false);
    }
    nn_free(inlined);
    NN_TRY(status);
    return keep_node_rest(scope, proto, node);
}

static nn_status load_node(nn_load_scope *scope, const Onnx__NodeProto *proto) {
    if (nn_load_text(proto->op_type)[0] == '\0')
        return fail_node(nn_fail(NN_BAD_INPUT, "the operator is missing"), proto);
    if (proto->n_input > INT32_MAX || proto->n_output > INT32_MAX)
        return fail_node(nn_fail(NN_BAD_INPUT, "too many values"), proto);
    const Onnx__FunctionProto *function;
    NN_TRY(nn_load_find_function(scope->loader, proto, &function));
    if (function == NULL && strcmp(nn_load_text(proto->domain), "nnopt") == 0)
        return fail_node(nn_fail(NN_BAD_INPUT, "domain 'nnopt' is for plans"), proto);
    if (function == NULL) return add_node(scope, proto);
    nn_status status = nn_load_call(scope, proto, function);
    return status == NN_OK ? NN_OK : fail_node(status, proto);
}

nn_status nn_load_declare_outputs(nn_load_scope *scope, Onnx__NodeProto *const *nodes,
                                  size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < nodes[i]->n_output; j++) {
            const char *name = nodes[i]->output[j];
            if (name[0] == '\0') continue;
            nn_name_entry *bound = scope->is_call ? nn_name_table_entry(scope->names, name) : NULL;
            if (bound != NULL && bound->number == NN_LOAD_BOUND_OUTPUT) continue;
            nn_value *value;
            NN_TRY(nn_load_new_value(scope, name, &value));
        }
    }
    return NN_OK;
}

nn_status nn_load_nodes(nn_load_scope *scope, Onnx__NodeProto *const *nodes, size_t count) {
    for (size_t i = 0; i < count; i++) NN_TRY(load_node(scope, nodes[i]));
    return NN_OK;
}
