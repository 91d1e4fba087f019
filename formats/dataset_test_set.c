/* Row of the table: a test_data_set folder, inputs as input_N.pb in the model's order, or a folder
 * of such folders, a feed each. */
#include "formats/dataset.h"
#include "formats/tensor_pb.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static bool holds(const char *folder, const char *name) {
    char *path = nn_format("%s/%s", folder, name);
    bool found = path != NULL && access(path, F_OK) == 0;
    nn_free(path);
    return found;
}

static bool takes_folder(const char *path) {
    return holds(path, "input_0.pb") || holds(path, "test_data_set_0");
}

/* ---- one folder ---- */

static nn_status load_input(const nn_data_request *request, int index, nn_named_arrays *arrays) {
    const nn_input_shape *shape = &request->shapes->items[index];
    char *file = nn_format("%s/input_%d.pb", request->path, index);
    if (file == NULL) return nn_fail_memory(strlen(request->path) + 16);
    nn_blob *blob;
    nn_status status = nn_tensor_pb_load_aligned(file, shape->type, shape->rank, &blob);
    nn_free(file);
    NN_TRY(status);
    return nn_named_arrays_add(arrays, shape->name, blob);
}

static nn_status open_one(const nn_data_request *request, nn_dataset **out) {
    nn_named_arrays arrays = {0};
    nn_status status = NN_OK;
    for (int i = 0; i < request->shapes->count && status == NN_OK; i++)
        status = load_input(request, i, &arrays);
    if (status == NN_OK) status = nn_dataset_named_arrays(request, &arrays, out);
    nn_named_arrays_clear(&arrays);
    return status;
}

/* ---- a folder of folders ---- */

typedef struct folders {
    nn_dataset base;
    nn_dataset **sets; /* one feed each */
    char *name;
    bool *cut; /* none is */
} folders;

static nn_status folders_read(nn_dataset *base, int64_t index, nn_feed *out) {
    folders *self = (folders *)base;
    if (index < 0 || index >= base->feed_count)
        return nn_fail(NN_USAGE, "%s: feed %lld of %lld", base->name, (long long)index,
                       (long long)base->feed_count);
    NN_TRY(self->sets[index]->read(self->sets[index], 0, out));
    out->sample_count = 1;
    out->cut = base->feed_count > 1;
    return NN_OK;
}

static nn_status folders_hash(nn_dataset *base, int64_t index, uint64_t *out) {
    folders *self = (folders *)base;
    nn_dataset *set = self->sets[index];
    uint64_t hash = 0, part;
    for (int64_t i = 0; i < set->sample_count; i++) {
        NN_TRY(set->hash(set, i, &part));
        hash = nn_hash_bytes(hash, &part, sizeof part);
    }
    *out = hash;
    return NN_OK;
}

static void folders_destroy(nn_dataset *base) {
    folders *self = (folders *)base;
    for (int64_t i = 0; self->sets != NULL && i < base->feed_count; i++)
        nnopt_dataset_destroy(self->sets[i]);
    nn_free(self->sets);
    nn_free(self->name);
    nn_free(self->cut);
    nn_free(self);
}

static int is_set(const struct dirent *entry) {
    return strncmp(entry->d_name, "test_data_set_", strlen("test_data_set_")) == 0;
}

static nn_status open_set(folders *self, const nn_data_request *request, const char *name,
                          int64_t index) {
    char *path = nn_format("%s/%s", request->path, name);
    if (path == NULL) return nn_fail_memory(strlen(request->path));
    nn_data_request inner = *request;
    inner.path = path;
    nn_status status = open_one(&inner, &self->sets[index]);
    if (status == NN_OK && self->sets[index]->feed_count != 1)
        status = nn_fail(NN_BAD_INPUT, "%s: holds more than one run; give this folder alone", path);
    nn_free(path);
    return status;
}

static nn_status fill(folders *self, const nn_data_request *request, struct dirent **entries,
                      int count) {
    self->base.read = folders_read;
    self->base.hash = folders_hash;
    self->base.destroy = folders_destroy;
    self->base.feed_count = self->base.sample_count = count;
    self->base.feed_samples = 1;
    self->base.input_count = request->shapes->count;
    self->sets = nn_alloc_zero(((size_t)count + 1) * sizeof(nn_dataset *));
    self->cut = nn_alloc_zero((size_t)request->shapes->count + 1);
    self->name = nn_strdup(request->path);
    if (self->sets == NULL || self->cut == NULL || self->name == NULL)
        return nn_fail_memory((size_t)count * sizeof(nn_dataset *));
    self->base.name = self->name;
    self->base.cut_inputs = self->cut;
    for (int i = 0; i < count; i++) NN_TRY(open_set(self, request, entries[i]->d_name, i));
    self->base.input_names = self->sets[0]->input_names;
    return NN_OK;
}

static nn_status open_folders(const nn_data_request *request, nn_dataset **out) {
    struct dirent **entries;
    int count = scandir(request->path, &entries, is_set, alphasort);
    if (count < 0) return nn_fail(NN_IO, "cannot read '%s': %s", request->path, strerror(errno));
    folders *self = nn_alloc_zero(sizeof *self);
    nn_status status = NN_OK;
    if (self == NULL)
        status = nn_fail_memory(sizeof *self);
    else if (nn_data_batch(request->options) > 1)
        status = nn_fail(NN_USAGE, "option 'batch': %s holds one run a folder", request->path);
    else
        status = fill(self, request, entries, count);
    for (int i = 0; i < count; i++) free(entries[i]);
    free(entries);
    if (status == NN_OK)
        *out = &self->base;
    else if (self != NULL)
        folders_destroy(&self->base);
    return status;
}

static nn_status open_test_set(const nn_data_request *request, nn_dataset **out) {
    return holds(request->path, "input_0.pb") ? open_one(request, out) : open_folders(request, out);
}

const nn_data_format nn_data_format_test_set = {"test_set", "", takes_folder, open_test_set};
