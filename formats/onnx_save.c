#include "formats/onnx_save.h"

#include "base/file.h"
#include "formats/onnx_save_parts.h"

#include <errno.h>
#include <unistd.h>

enum { MODEL_GRAPH = 7, FIRST_IR_WITH_FREE_INITIALIZERS = 4 };

/* protobuf allows messages of 2 GB; the rest is for everything beside the weights. */
static const int64_t inline_limit_default = ((int64_t)2 << 30) - ((int64_t)64 << 20);

/* ---- the message ---- */

static nn_status save_opsets(nn_saver *saver, const nn_graph *graph, Onnx__ModelProto *proto) {
    size_t count = (size_t)graph->opset_count;
    Onnx__OperatorSetIdProto *items = nn_arena_alloc(&saver->arena, count * sizeof *items);
    proto->opset_import = nn_arena_alloc(&saver->arena, count * sizeof *proto->opset_import);
    if (items == NULL || proto->opset_import == NULL) return nn_fail_memory(count * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        onnx__operator_set_id_proto__init(&items[i]);
        items[i].domain = (char *)(uintptr_t)graph->opsets[i].domain;
        items[i].has_version = true;
        items[i].version = graph->opsets[i].version;
        proto->opset_import[i] = &items[i];
    }
    proto->n_opset_import = count;
    return NN_OK;
}

static nn_status save_metadata(nn_saver *saver, const nn_model *model, Onnx__ModelProto *proto) {
    size_t count = (size_t)model->metadata_count;
    Onnx__StringStringEntryProto *items = nn_arena_alloc(&saver->arena, count * sizeof *items);
    proto->metadata_props = nn_arena_alloc(&saver->arena, count * sizeof *proto->metadata_props);
    if (items == NULL || proto->metadata_props == NULL)
        return nn_fail_memory(count * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        onnx__string_string_entry_proto__init(&items[i]);
        items[i].key = (char *)(uintptr_t)model->metadata[i].key;
        items[i].value = (char *)(uintptr_t)model->metadata[i].value;
        proto->metadata_props[i] = &items[i];
    }
    proto->n_metadata_props = count;
    return NN_OK;
}

static nn_status save_model(nn_saver *saver, const nn_model *model) {
    ProtobufCMessage *message;
    NN_TRY(nn_save_unpack(saver, &onnx__model_proto__descriptor, model->unknown_fields,
                          model->unknown_size, &message));
    Onnx__ModelProto *proto = (Onnx__ModelProto *)message;
    proto->has_ir_version = true;
    proto->ir_version = model->ir_version > FIRST_IR_WITH_FREE_INITIALIZERS
                            ? model->ir_version
                            : FIRST_IR_WITH_FREE_INITIALIZERS;
    proto->producer_name = nn_save_text(model->producer_name);
    proto->producer_version = nn_save_text(model->producer_version);
    proto->domain = nn_save_text(model->domain);
    proto->doc_string = nn_save_text(model->doc);
    proto->has_model_version = model->model_version != 0;
    proto->model_version = model->model_version;
    NN_TRY(save_opsets(saver, model->graph, proto));
    NN_TRY(save_metadata(saver, model, proto));
    nn_rope_message(&saver->rope, message);
    nn_rope_mark mark = nn_rope_open(&saver->rope);
    NN_TRY(nn_save_graph(saver, model->graph));
    nn_rope_close(&saver->rope, mark, MODEL_GRAPH);
    return saver->rope.out_of_memory ? nn_fail_memory((size_t)saver->rope.capacity) : NN_OK;
}

/* ---- the files ---- */

/* Writes zeros up to `offset`. */
static void pad(FILE *stream, int64_t *at, int64_t offset) {
    static const char zeros[4096];
    while (*at < offset) {
        int64_t step = offset - *at < (int64_t)sizeof zeros ? offset - *at : (int64_t)sizeof zeros;
        fwrite(zeros, 1, (size_t)step, stream);
        *at += step;
    }
}

/* The data is on the disk before the file takes its name. */
static nn_status commit(nn_new_file *file, const char *path) {
    bool failed = ferror(file->stream) || fflush(file->stream) != 0;
    if (!failed && fsync(fileno(file->stream)) != 0) failed = errno != EINVAL && errno != EROFS;
    if (!failed) return nn_new_file_commit(file);
    nn_status status =
        nn_fail(NN_IO, "cannot write '%s': %s", path, strerror(errno != 0 ? errno : EIO));
    nn_new_file_discard(file);
    return status;
}

static nn_status write_data(const nn_saver *saver, const char *path) {
    nn_new_file file;
    NN_TRY(nn_new_file_open(path, &file));
    int64_t at = 0;
    errno = 0;
    for (int64_t i = 0; i < saver->part_count && !ferror(file.stream); i++) {
        pad(file.stream, &at, saver->parts[i].offset);
        fwrite(saver->parts[i].data, 1, (size_t)saver->parts[i].size, file.stream);
        at += saver->parts[i].size;
    }
    return commit(&file, path);
}

static nn_status write_model(const nn_saver *saver, const char *path) {
    nn_new_file file;
    NN_TRY(nn_new_file_open(path, &file));
    errno = 0;
    nn_status status = nn_rope_write(&saver->rope, file.stream);
    if (status == NN_OK) return commit(&file, path);
    nn_new_file_discard(&file);
    return status;
}

static int64_t graph_bytes(const nn_graph *graph) {
    int64_t bytes = 0;
    for (int64_t i = 0; i < graph->value_count; i++)
        if (graph->values[i]->initializer != NULL)
            bytes += nn_tensor_bytes(&graph->values[i]->initializer->tensor);
    for (int64_t i = 0; i < graph->node_count; i++) {
        const nn_attrs *attrs = &graph->nodes[i]->attrs;
        for (int64_t k = 0; k < attrs->count; k++) {
            if (attrs->items[k].kind == NN_ATTR_TENSOR)
                bytes += nn_tensor_bytes(&attrs->items[k].tensor->tensor);
            else if (attrs->items[k].kind == NN_ATTR_GRAPH)
                bytes += graph_bytes(attrs->items[k].graph);
        }
    }
    return bytes;
}

nn_status nn_onnx_save(const nn_model *model, const char *path, int64_t inline_limit) {
    nn_saver saver = {0};
    nn_status status = NN_OK;
    char *data_path = NULL;
    if (graph_bytes(model->graph) > inline_limit) {
        data_path = nn_format("%s.data", path);
        if (data_path == NULL) return nn_fail_memory(strlen(path) + 6);
        const char *slash = strrchr(data_path, '/');
        saver.location = slash != NULL ? slash + 1 : data_path;
    }
    status = save_model(&saver, model);
    if (status == NN_OK && saver.location != NULL) status = write_data(&saver, data_path);
    if (status == NN_OK) status = write_model(&saver, path);
    nn_free(data_path);
    nn_free(saver.parts);
    nn_rope_clear(&saver.rope);
    nn_arena_clear(&saver.arena);
    return status;
}

nnopt_status nnopt_model_save(const nnopt_model *model, const char *path) {
    if (model == NULL || path == NULL) return nn_fail(NN_USAGE, "saving needs a model and a path");
    return nn_onnx_save(model, path, inline_limit_default);
}
