/* Functions of the model, inlined where they are called. */
#include "formats/onnx_load.h"

enum { MAX_CALL_DEPTH = 64, MAX_INLINED_NODES = 1 << 20 };

static nn_status function_key(nn_loader *loader, const char *domain, const char *name,
                              const char *overload, char **out) {
    domain = nn_load_text(domain);
    if (strcmp(domain, "ai.onnx") == 0) domain = "";
    char *key = nn_format("%s\n%s\n%s", domain, nn_load_text(name), nn_load_text(overload));
    *out = key != NULL ? nn_arena_strdup(&loader->arena, key) : NULL;
    nn_free(key);
    return *out != NULL ? NN_OK : nn_fail_memory(strlen(domain));
}

/* The model imports what its functions import. Where both do, ONNX asks that the operators used
 * mean the same in both versions. */
static nn_status import_opsets(nn_graph *graph, const Onnx__FunctionProto *function) {
    for (size_t i = 0; i < function->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *import = function->opset_import[i];
        const char *domain = nn_load_text(import->domain);
        int version = nn_graph_opset(graph, domain);
        if (version == 0) {
            NN_TRY(nn_graph_set_opset(graph, domain, import->version));
            continue;
        }
        if (version == import->version) continue;
        for (size_t j = 0; j < function->n_node; j++) {
            const Onnx__NodeProto *node = function->node[j];
            if (strcmp(nn_load_text(node->domain), domain) != 0) continue;
            if (nn_op_find(domain, nn_load_text(node->op_type), version) !=
                nn_op_find(domain, nn_load_text(node->op_type), (int)import->version))
                return nn_fail(NN_UNSUPPORTED,
                               "function '%s' means '%s' of opset %lld, the model imports opset %d",
                               nn_load_text(function->name), nn_load_text(node->op_type),
                               (long long)import->version, version);
        }
        nn_log(NNOPT_LOG_WARNING,
               "function '%s' imports opset %lld of '%s', the model %d: that is used",
               nn_load_text(function->name), (long long)import->version, domain, version);
    }
    return NN_OK;
}

nn_status nn_load_functions(nn_loader *loader, nn_graph *graph, const Onnx__ModelProto *proto) {
    for (size_t i = 0; i < proto->n_functions; i++) {
        const Onnx__FunctionProto *function = proto->functions[i];
        char *key;
        NN_TRY(function_key(loader, function->domain, function->name, function->overload, &key));
        if (nn_name_table_get(&loader->functions, key) != NULL)
            return nn_fail(NN_BAD_INPUT, "function '%s' is defined twice",
                           nn_load_text(function->name));
        NN_TRY(nn_name_table_put(&loader->functions, key, (void *)(uintptr_t)function));
        NN_TRY(import_opsets(graph, function));
    }
    return NN_OK;
}

nn_status nn_load_find_function(nn_loader *loader, const Onnx__NodeProto *node,
                                const Onnx__FunctionProto **out) {
    *out = NULL;
    if (loader->functions.used == 0) return NN_OK;
    char *key;
    NN_TRY(function_key(loader, node->domain, node->op_type, node->overload, &key));
    *out = nn_name_table_get(&loader->functions, key);
    return NN_OK;
}

nn_status nn_load_resolve_attribute(nn_load_scope *scope, const Onnx__AttributeProto *proto,
                                    const Onnx__AttributeProto **out, nn_load_scope **where) {
    *out = proto;
    *where = scope;
    while (*out != NULL && nn_load_text((*out)->ref_attr_name)[0] != '\0') {
        const char *name = (*out)->ref_attr_name;
        nn_load_scope *inner = *where;
        if (inner->function == NULL)
            return nn_fail(NN_BAD_INPUT, "attribute '%s' refers to '%s' outside of a function",
                           nn_load_text((*out)->name), name);
        *out = NULL;
        for (size_t i = 0; i < inner->call->n_attribute && *out == NULL; i++) {
            if (strcmp(nn_load_text(inner->call->attribute[i]->name), name) != 0) continue;
            *out = inner->call->attribute[i];
            *where = inner->caller;
        }
        for (size_t i = 0; i < inner->function->n_attribute_proto && *out == NULL; i++) {
            const Onnx__AttributeProto *fallback = inner->function->attribute_proto[i];
            if (strcmp(nn_load_text(fallback->name), name) != 0) continue;
            if (nn_load_text(fallback->ref_attr_name)[0] != '\0')
                return nn_fail(NN_BAD_INPUT, "the default of attribute '%s' is a reference", name);
            *out = fallback;
        }
    }
    return NN_OK;
}

/* Binds the function's inputs and outputs to the values of the call. */
static nn_status bind(nn_load_scope *inner, const Onnx__NodeProto *node) {
    const Onnx__FunctionProto *function = inner->function;
    if (node->n_input > function->n_input || node->n_output > function->n_output)
        return nn_fail(NN_BAD_INPUT,
                       "gives %zu inputs and wants %zu outputs, the function has %zu and %zu",
                       node->n_input, node->n_output, function->n_input, function->n_output);
    for (size_t i = 0; i < function->n_input; i++) {
        nn_value *value = NULL;
        if (i < node->n_input) NN_TRY(nn_load_find_value(inner->caller, node->input[i], &value));
        if (nn_name_table_get(inner->names, function->input[i]) != NULL)
            return nn_fail(NN_BAD_INPUT, "the function defines input '%s' twice",
                           function->input[i]);
        NN_TRY(nn_name_table_put(inner->names, function->input[i],
                                 value != NULL ? value : &nn_load_absent));
    }
    for (size_t i = 0; i < node->n_output; i++) {
        nn_value *value;
        NN_TRY(nn_load_find_value(inner->caller, node->output[i], &value));
        if (value == NULL) continue;
        if (nn_name_table_get(inner->names, function->output[i]) == NULL) {
            NN_TRY(nn_name_table_put(inner->names, function->output[i], value));
            nn_name_table_entry(inner->names, function->output[i])->number = NN_LOAD_BOUND_OUTPUT;
            continue;
        }
        /* The output is an input as it is, or another output. */
        nn_value *from, *to = value;
        nn_attrs none = {0};
        nn_node *copy;
        NN_TRY(nn_load_find_value(inner, function->output[i], &from));
        if (from == NULL)
            return nn_fail(NN_BAD_INPUT, "the function returns input '%s', which is not given",
                           function->output[i]);
        NN_TRY(
            nn_graph_add_node(inner->graph, "Identity", "", NULL, &from, 1, &to, 1, &none, &copy));
    }
    return NN_OK;
}

static nn_status check_call(nn_load_scope *scope, const Onnx__FunctionProto *function) {
    nn_loader *loader = scope->loader;
    for (const nn_load_scope *s = scope; s != NULL; s = s->caller)
        if (s->function == function)
            return nn_fail(NN_BAD_INPUT, "function '%s' calls itself",
                           nn_load_text(function->name));
    if (scope->depth >= MAX_CALL_DEPTH)
        return nn_fail(NN_BAD_INPUT, "functions call functions deeper than %d",
                       (int)MAX_CALL_DEPTH);
    /* Long names count as nodes, for they are repeated in every node inside. */
    int64_t weight = 1 + (int64_t)strlen(scope->prefix) / 64;
    loader->inlined_nodes += ((int64_t)function->n_node + 1) * weight;
    if (loader->inlined_nodes > MAX_INLINED_NODES)
        return nn_fail(NN_BAD_INPUT, "functions expand to more than %d nodes",
                       (int)MAX_INLINED_NODES);
    return NN_OK;
}

nn_status nn_load_call(nn_load_scope *scope, const Onnx__NodeProto *node,
                       const Onnx__FunctionProto *function) {
    NN_TRY(check_call(scope, function));
    const char *name = nn_load_text(node->name);
    char *prefix = nn_format("%s%s/", scope->prefix, name[0] != '\0' ? name : node->op_type);
    if (prefix == NULL) return nn_fail_memory(strlen(name) + 1);
    nn_name_table names = {0};
    nn_load_scope inner = {.loader = scope->loader,
                           .graph = scope->graph,
                           .names = &names,
                           .prefix = prefix,
                           .function = function,
                           .call = node,
                           .caller = scope,
                           .depth = scope->depth + 1,
                           .is_call = true};
    nn_status status;
    NN_TRY_DONE(bind(&inner, node));
    NN_TRY_DONE(nn_load_declare_outputs(&inner, function->node, function->n_node));
    NN_TRY_DONE(nn_load_nodes(&inner, function->node, function->n_node));
done:
    nn_name_table_clear(&names);
    nn_free(prefix);
    return status;
}
