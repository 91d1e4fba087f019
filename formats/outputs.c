#include "formats/outputs.h"

#include "formats/npy.h"
#include "formats/tensor_pb.h"

#include <errno.h>
#include <sys/stat.h>

nn_status nn_outputs_init(nn_outputs *outputs, const nn_model *model) {
    int64_t count = model->graph->output_count;
    *outputs = (nn_outputs){0};
    outputs->items = nn_alloc_zero((size_t)(count + 1) * sizeof *outputs->items);
    if (outputs->items == NULL) return nn_fail_memory((size_t)count * sizeof *outputs->items);
    outputs->count = count;
    for (int64_t i = 0; i < count; i++) outputs->items[i].name = model->graph->outputs[i]->name;
    return NN_OK;
}

void nn_outputs_clear(nn_outputs *outputs) {
    for (int64_t i = 0; i < outputs->count; i++) nn_tensor_clear(&outputs->items[i].tensor);
    nn_free(outputs->items);
    nn_arena_clear(&outputs->texts);
    *outputs = (nn_outputs){0};
}

static nn_status reserve(nn_collected *item, int64_t used, int64_t needed) {
    if (needed <= item->capacity) return NN_OK;
    int64_t wanted = needed / 2 < item->capacity ? item->capacity * 2 : needed;
    void *grown = nn_realloc(item->tensor.data, (size_t)used, (size_t)wanted);
    if (grown == NULL) return nn_fail_memory((size_t)wanted);
    item->tensor.data = grown;
    item->capacity = wanted;
    return NN_OK;
}

static nn_status fail_append(const nn_collected *item, const nn_tensor *tensor) {
    char given[256], had[256];
    return nn_fail(NN_BAD_INPUT, "output '%s': %s %s cannot go behind %s %s", item->name,
                   nnopt_type_name(tensor->type),
                   nn_dims_text(tensor->dims, tensor->rank, given, sizeof given),
                   nnopt_type_name(item->tensor.type),
                   nn_dims_text(item->tensor.dims, item->tensor.rank, had, sizeof had));
}

/* Copies of the items of a sequence go behind those that are there. */
static nn_status append_items(nn_collected *item, const nn_tensor *sequence) {
    nn_tensor *all = &item->tensor;
    const nn_tensor *items = sequence->data;
    int64_t had = all->dims[0], each = (int64_t)sizeof(nn_tensor), count, bytes;
    if (sequence->type != all->type || all->type != NNOPT_SEQUENCE)
        return fail_append(item, sequence);
    if (!nn_add_size(had, sequence->dims[0], &count) || !nn_mul_size(count, each, &bytes))
        return nn_fail_memory(SIZE_MAX);
    NN_TRY(reserve(item, had * each, bytes));
    for (int64_t i = had; i < count; i++) {
        NN_TRY(nn_tensor_copy(&items[i - had], &((nn_tensor *)all->data)[i]));
        all->dims[0] = i + 1;
    }
    return NN_OK;
}

static nn_status append_container(nn_collected *item, const nn_tensor *container, bool first) {
    if (!first) return append_items(item, container);
    NN_TRY(nn_tensor_copy(container, &item->tensor));
    item->capacity = nn_tensor_bytes(&item->tensor);
    return NN_OK;
}

/* Texts last as long as what was collected. */
static nn_status keep_texts(nn_arena *arena, const char **texts, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        texts[i] = nn_arena_strdup(arena, texts[i]);
        if (texts[i] == NULL) return nn_fail_memory(1);
    }
    return NN_OK;
}

static nn_status append(nn_arena *texts, nn_collected *item, const nn_tensor *tensor, bool first,
                        bool only) {
    nn_tensor rows = *tensor;
    if (nn_type_is_container(tensor->type)) return append_container(item, tensor, first);
    if (!only && nn_type_bits(tensor->type) < 8)
        return nn_fail(NN_UNSUPPORTED, "output '%s': elements of type %s cannot be collected",
                       item->name, nnopt_type_name(tensor->type));
    if (!only && rows.rank == 0) {
        rows.rank = 1;
        rows.dims[0] = 1;
    }
    nn_tensor *all = &item->tensor;
    int64_t used = first ? 0 : nn_tensor_bytes(all), added = nn_tensor_bytes(&rows), total;
    if (first) {
        void *memory = all->data;
        *all = rows;
        all->data = memory;
    } else {
        if (rows.type != all->type || rows.rank != all->rank) return fail_append(item, tensor);
        for (int axis = 1; axis < rows.rank; axis++)
            if (rows.dims[axis] != all->dims[axis]) return fail_append(item, tensor);
        all->dims[0] += rows.dims[0];
    }
    if (!nn_add_size(used, added, &total)) return nn_fail_memory(SIZE_MAX);
    NN_TRY(reserve(item, used, total));
    if (added > 0) memcpy((char *)all->data + used, tensor->data, (size_t)added);
    if (tensor->type != NNOPT_STRING) return NN_OK;
    return keep_texts(texts, (const char **)all->data + used / (int64_t)sizeof(char *),
                      nn_tensor_count(&rows));
}

nn_status nn_outputs_add(nn_outputs *outputs, const nn_tensor *tensors, bool only) {
    for (int64_t i = 0; i < outputs->count; i++)
        NN_TRY(append(&outputs->texts, &outputs->items[i], &tensors[i], outputs->feeds == 0, only));
    outputs->feeds++;
    return NN_OK;
}

/* ---- writing ---- */

static nn_status write_npz(const nn_outputs *outputs, const char *path) {
    size_t count = (size_t)outputs->count;
    const char **names = nn_alloc((count + 1) * sizeof *names);
    nn_tensor *tensors = nn_alloc((count + 1) * sizeof *tensors);
    nn_status status = NN_OK;
    if (names == NULL || tensors == NULL) {
        status = nn_fail_memory((count + 1) * sizeof *tensors);
    } else {
        for (size_t i = 0; i < count; i++) {
            names[i] = outputs->items[i].name;
            tensors[i] = outputs->items[i].tensor;
        }
        status = nn_npz_save(path, names, tensors, count, false);
    }
    nn_free(names);
    nn_free(tensors);
    return status;
}

static nn_status write_folder(const nn_outputs *outputs, const char *path) {
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return nn_fail(NN_IO, "cannot make folder '%s': %s", path, strerror(errno));
    for (int64_t i = 0; i < outputs->count; i++) {
        char *file = nn_format("%soutput_%lld.pb", path, (long long)i);
        if (file == NULL) return nn_fail_memory(strlen(path) + 16);
        nn_status status =
            nn_tensor_pb_save(file, outputs->items[i].name, &outputs->items[i].tensor);
        nn_free(file);
        NN_TRY(status);
    }
    return NN_OK;
}

nn_status nn_outputs_write(const nn_outputs *outputs, const char *path) {
    size_t length = strlen(path);
    if (length > 0 && path[length - 1] == '/') return write_folder(outputs, path);
    if (length > 4 && strcmp(path + length - 4, ".npz") == 0) return write_npz(outputs, path);
    return nn_fail(NN_USAGE, "output '%s': neither OUT.npz nor a folder ending in '/'", path);
}
