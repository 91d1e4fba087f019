/* Models: the file, what it says beside the graph, and the graph. */
#include "formats/onnx_load.h"
#include "engine/measure/measure.h"
#include "formats/mapping.h"
#include "formats/onnx_wire.h"

#include <stdatomic.h>

enum { NEWEST_IR_VERSION = 14, FIRST_IR_WITH_OPSETS = 3 };

static nn_status check_model(const Onnx__ModelProto *proto) {
    if (proto->graph == NULL && !proto->has_ir_version)
        return nn_fail(NN_BAD_INPUT, "no IR version and no graph: this is not an ONNX model");
    if (proto->graph == NULL) return nn_fail(NN_BAD_INPUT, "the model has no graph");
    if (!proto->has_ir_version || proto->ir_version < 1)
        return nn_fail(NN_BAD_INPUT, "the model states no IR version");
    if (proto->ir_version > NEWEST_IR_VERSION)
        return nn_fail(NN_UNSUPPORTED, "IR version %lld is newer than %d, the newest known",
                       (long long)proto->ir_version, (int)NEWEST_IR_VERSION);
    if (proto->n_opset_import == 0 && proto->ir_version >= FIRST_IR_WITH_OPSETS)
        return nn_fail(NN_BAD_INPUT, "the model imports no operator set");
    return NN_OK;
}

static nn_status load_opsets(nn_graph *graph, const Onnx__ModelProto *proto) {
    if (proto->n_opset_import == 0) return nn_graph_set_opset(graph, "", 1);
    for (size_t i = 0; i < proto->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *import = proto->opset_import[i];
        const char *domain = nn_load_text(import->domain);
        int known = nn_graph_opset(graph, domain);
        if (strcmp(domain, "nnopt") == 0)
            return nn_fail(NN_BAD_INPUT, "domain 'nnopt' is for plans and cannot be imported");
        if (known != 0 && known != import->version)
            return nn_fail(NN_BAD_INPUT, "domain '%s' is imported as opset %d and as opset %lld",
                           domain, known, (long long)import->version);
        NN_TRY(nn_graph_set_opset(graph, domain, import->version));
    }
    return NN_OK;
}

static nn_status build_graph(nn_loader *loader, nn_graph *graph, const Onnx__ModelProto *proto) {
    nn_load_scope scope = {.loader = loader, .graph = graph, .prefix = ""};
    NN_TRY(load_opsets(graph, proto));
    NN_TRY(nn_load_functions(loader, graph, proto));
    NN_TRY(nn_load_graph(&scope, proto->graph));
    NN_TRY(nn_graph_verify(graph));
    return nn_graph_infer(graph);
}

/* ---- what stands beside the graph ---- */

static nn_status keep_text(nn_model *model, const char *text, const char **out) {
    *out = nn_arena_strdup(&model->arena, nn_load_text(text));
    return *out != NULL ? NN_OK : nn_fail_memory(strlen(text) + 1);
}

static nn_status fill_model(nn_model *model, const Onnx__ModelProto *proto, const char *path) {
    NN_TRY(keep_text(model, path, &model->path));
    NN_TRY(keep_text(model, proto->producer_name, &model->producer_name));
    NN_TRY(keep_text(model, proto->producer_version, &model->producer_version));
    NN_TRY(keep_text(model, proto->domain, &model->domain));
    NN_TRY(keep_text(model, proto->doc_string, &model->doc));
    model->ir_version = proto->ir_version;
    model->model_version = proto->has_model_version ? proto->model_version : 0;
    for (size_t i = 0; i < proto->n_metadata_props; i++)
        NN_TRY(nn_model_set_metadata(model, nn_load_text(proto->metadata_props[i]->key),
                                     nn_load_text(proto->metadata_props[i]->value)));
    Onnx__ModelProto rest = *proto;
    rest.has_ir_version = rest.has_model_version = false;
    rest.producer_name = rest.producer_version = rest.domain = rest.doc_string = NULL;
    rest.graph = NULL;
    rest.n_opset_import = rest.n_metadata_props = rest.n_functions = 0;
    return nn_load_rest(&rest.base, &model->arena, &model->unknown_fields, &model->unknown_size);
}

static nn_status load_model(nn_loader *loader, const char *path, nn_model **out) {
    const nn_storage *storage = loader->source.storage;
    if (storage->size == 0) return nn_fail(NN_BAD_INPUT, "the file is empty");
    ProtobufCMessage *message;
    NN_TRY(nn_wire_unpack(&onnx__model_proto__descriptor, storage->base, storage->size,
                          &loader->arena, &message));
    const Onnx__ModelProto *proto = (const Onnx__ModelProto *)message;
    NN_TRY(check_model(proto));
    nn_graph *graph;
    NN_TRY(nn_graph_create(nn_load_text(proto->graph->name), &graph));
    nn_status status = build_graph(loader, graph, proto);
    if (status != NN_OK) {
        nn_graph_destroy(graph);
        return status;
    }
    nn_model *model;
    NN_TRY(nn_model_create(graph, &model));
    status = fill_model(model, proto, path);
    if (status != NN_OK) {
        nnopt_model_destroy(model);
        return status;
    }
    *out = model;
    return NN_OK;
}

static void clear_loader(nn_loader *loader) {
    nn_tensor_source_clear(&loader->source);
    nn_storage_release(loader->source.storage);
    nn_name_table_clear(&loader->functions);
    nn_arena_clear(&loader->arena);
}

/* "dir" of "dir/file", "." of "file", "/" of "/file"; free with nn_free. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return nn_strdup(".");
    return nn_format("%.*s", slash == path ? 1 : (int)(slash - path), path);
}

nnopt_status nnopt_model_load(const char *path, nnopt_model **out) {
    if (path == NULL || out == NULL) return nn_fail(NN_USAGE, "a model needs a path and a place");
    double begin = nn_now();
    nn_loader loader = {0};
    nn_model *model = NULL;
    char *folder = folder_of(path);
    nn_status status = folder != NULL ? NN_OK : nn_fail_memory(strlen(path) + 1);
    if (status == NN_OK) status = nn_mapping_open(path, &loader.source.storage);
    if (status == NN_OK) {
        loader.source.folder = folder;
        status = load_model(&loader, path, &model);
        if (status != NN_OK) nn_fail_context(status, "%s", path);
    }
    if (status == NN_OK) {
        model->file_bytes = (int64_t)loader.source.storage->size + loader.source.external_bytes;
        model->load_seconds = nn_now() - begin;
        *out = model;
    }
    clear_loader(&loader);
    nn_free(folder);
    return status;
}

nnopt_status nnopt_model_parse(const void *bytes, size_t size, nnopt_model **out) {
    if ((bytes == NULL && size > 0) || out == NULL)
        return nn_fail(NN_USAGE, "a model needs bytes and a place");
    double begin = nn_now();
    nn_loader loader = {0};
    nn_model *model = NULL;
    void *copy = nn_alloc(size + 1);
    if (copy == NULL) return nn_fail_memory(size);
    if (size > 0) memcpy(copy, bytes, size);
    nn_status status = nn_storage_take(copy, size, &loader.source.storage);
    if (status == NN_OK) status = load_model(&loader, "", &model);
    if (status == NN_OK) {
        model->load_seconds = nn_now() - begin;
        *out = model;
    }
    clear_loader(&loader);
    return status;
}
