/* Feeds cut from whole arrays. */
#include "base/integers.h"
#include "formats/convert.h"
#include "formats/dataset.h"

typedef struct array_data {
    nn_dataset base;
    nn_arena arena;
    nn_blob **blobs; /* aligned, one per input */
    nn_type *types;  /* that the model wants */
    bool *cut;
    bool is_one_feed;
    nn_tensor *inputs; /* what the last read gave */
    void **buffers;    /* of converted inputs */
    int64_t *buffer_sizes;
    nn_blob *labels; /* int64, or NULL */
    nn_tensor feed_labels;
} array_data;

/* Rows of axis 0 that hold samples first .. first + count - 1 of a cut input. */
static int64_t elements_per_row(const nn_tensor *tensor) {
    return tensor->dims[0] > 0 ? nn_tensor_count(tensor) / tensor->dims[0] : 0;
}

static nn_status subject_fail(nn_status status, const array_data *self, int input) {
    return status == NN_OK ? NN_OK
                           : nn_fail_context(status, "%s: input '%s'", self->base.name,
                                             self->base.input_names[input]);
}

static nn_status reserve(array_data *self, int input, int64_t bytes) {
    if (bytes <= self->buffer_sizes[input]) return NN_OK;
    nn_free(self->buffers[input]);
    self->buffer_sizes[input] = 0;
    self->buffers[input] = nn_alloc((size_t)bytes);
    if (self->buffers[input] == NULL) return nn_fail_memory((size_t)bytes);
    self->buffer_sizes[input] = bytes;
    return NN_OK;
}

/* Input `input` of the feed that holds these rows (all of them where it is not cut). */
static nn_status fill_input(array_data *self, int input, int64_t first_row, int64_t rows,
                            nn_tensor *out) {
    const nn_tensor *whole = &self->blobs[input]->tensor;
    int64_t first = 0, count, bytes;
    *out = *whole;
    if (self->cut[input] && !self->is_one_feed) {
        out->dims[0] = rows;
        first = first_row * elements_per_row(whole);
    }
    out->type = self->types[input];
    count = nn_tensor_count(out);
    int64_t bits = nn_type_bits(whole->type);
    if (bits == 0) bits = 8 * (int64_t)sizeof(char *);
    if (first * bits % 8 != 0)
        return nn_fail(NN_UNSUPPORTED, "%s elements cannot be cut inside a byte",
                       nnopt_type_name(whole->type));
    if (out->type == whole->type) {
        if (count > 0) out->data = (char *)whole->data + first * bits / 8;
        return NN_OK;
    }
    if (!nn_type_bytes(out->type, count, &bytes)) return nn_fail_memory(SIZE_MAX);
    NN_TRY(reserve(self, input, bytes + 1));
    out->data = self->buffers[input];
    return nn_convert(whole, first, count, out, "data");
}

static nn_status arrays_read(nn_dataset *base, int64_t index, nn_feed *out) {
    array_data *self = (array_data *)base;
    if (index < 0 || index >= base->feed_count)
        return nn_fail(NN_USAGE, "%s: feed %lld of %lld", base->name, (long long)index,
                       (long long)base->feed_count);
    int64_t first = index * base->feed_samples, count = base->sample_count - first;
    if (count > base->feed_samples) count = base->feed_samples;
    for (int i = 0; i < base->input_count; i++)
        NN_TRY(subject_fail(fill_input(self, i, first, count, &self->inputs[i]), self, i));
    *out = (nn_feed){.inputs = self->inputs, .sample_count = count, .cut = !self->is_one_feed};
    if (self->labels != NULL) {
        self->feed_labels = self->labels->tensor;
        self->feed_labels.dims[0] = count;
        self->feed_labels.data = (int64_t *)self->labels->tensor.data + first;
        out->labels = &self->feed_labels;
    }
    return NN_OK;
}

static uint64_t hash_value(uint64_t hash, const nn_tensor *value) {
    const nn_tensor *items = value->data;
    const char *const *texts = value->data;
    if (nn_type_is_container(value->type)) {
        hash = nn_hash_bytes(hash, value->dims, sizeof value->dims[0]);
        for (int64_t i = 0; i < value->dims[0]; i++) hash = hash_value(hash, &items[i]);
        return hash;
    }
    if (value->type != NNOPT_STRING)
        return nn_hash_bytes(hash, value->data, (size_t)nn_tensor_bytes(value));
    for (int64_t i = 0; i < nn_tensor_count(value); i++)
        hash = nn_hash_bytes(hash, texts[i], strlen(texts[i]));
    return hash;
}

/* Over what the model sees, so that uint8 and float32 files of the same numbers agree. */
static nn_status arrays_hash(nn_dataset *base, int64_t index, uint64_t *out) {
    array_data *self = (array_data *)base;
    bool any_cut = false, was_one_feed = self->is_one_feed;
    for (int i = 0; i < base->input_count; i++) any_cut = any_cut || self->cut[i];
    nn_status status = NN_OK;
    uint64_t hash = 0;
    self->is_one_feed = false;
    for (int i = 0; i < base->input_count && status == NN_OK; i++) {
        nn_tensor tensor;
        if (any_cut && !self->cut[i]) continue;
        status = subject_fail(fill_input(self, i, index, 1, &tensor), self, i);
        if (status == NN_OK) hash = hash_value(hash, &tensor);
    }
    self->is_one_feed = was_one_feed;
    *out = hash;
    return status;
}

static void arrays_destroy(nn_dataset *base) {
    array_data *self = (array_data *)base;
    for (int i = 0; i < base->input_count; i++) {
        if (self->buffers != NULL) nn_free(self->buffers[i]);
        if (self->blobs != NULL) nn_blob_release(self->blobs[i]);
    }
    nn_blob_release(self->labels);
    nn_arena_clear(&self->arena);
    nn_free(self);
}

/* ---- how arrays become feeds ---- */

/* Does the array fit on its own? `from_axis` 1 leaves axis 0 out. Binds symbols. */
static bool fits(const nn_input_shape *shape, const nn_tensor *tensor, int from_axis,
                 nn_binding *binding) {
    if (shape->rank == NN_RANK_UNKNOWN) return true;
    if (shape->rank != tensor->rank) return false;
    for (int axis = from_axis; axis < shape->rank; axis++)
        if (!nn_binding_take(binding, shape->dims[axis], tensor->dims[axis])) return false;
    return true;
}

static nn_status fail_fit(const array_data *self, const nn_input_shapes *shapes, int input) {
    char declared[256], given[256];
    const nn_tensor *tensor = &self->blobs[input]->tensor;
    return nn_fail(NN_BAD_INPUT, "%s: input '%s' is %s, the data is %s", self->base.name,
                   shapes->items[input].name,
                   nn_input_shape_text(shapes, input, declared, sizeof declared),
                   nn_dims_text(tensor->dims, tensor->rank, given, sizeof given));
}

/* Containers are never cut. */
static bool has_free_axis(const nn_input_shape *shape, const nn_tensor *tensor) {
    if (tensor->rank == 0 || nn_type_is_container(tensor->type)) return false;
    return shape->rank == NN_RANK_UNKNOWN || !nn_dim_is_known(shape->dims[0]);
}

/* Cuts input `input`: its axis 0 counts `rows` samples as every other cut input. */
static nn_status cut_input(array_data *self, int input, int64_t *samples, int *counter) {
    int64_t rows = self->blobs[input]->tensor.dims[0];
    self->cut[input] = true;
    if (*counter >= 0 && rows != *samples)
        return nn_fail(NN_BAD_INPUT, "%s: input '%s' holds %lld samples, input '%s' %lld",
                       self->base.name, self->base.input_names[*counter], (long long)*samples,
                       self->base.input_names[input], (long long)rows);
    *samples = rows;
    *counter = input;
    return NN_OK;
}

/* Without a batch: one feed when everything fits, else axis 0 of what does not fit is cut. */
static nn_status plan_declared(array_data *self, const nn_input_shapes *shapes,
                               nn_binding *binding) {
    int64_t samples = 1, piece = 0;
    int counter = -1;
    for (int i = 0; i < shapes->count; i++) {
        const nn_input_shape *shape = &shapes->items[i];
        const nn_tensor *tensor = &self->blobs[i]->tensor;
        if (shape->rank == NN_RANK_UNKNOWN) continue;
        if (shape->rank != tensor->rank) return fail_fit(self, shapes, i);
        bool splits =
            shape->rank > 0 && nn_dim_is_known(shape->dims[0]) && tensor->dims[0] != shape->dims[0];
        if (!fits(shape, tensor, splits ? 1 : 0, binding)) return fail_fit(self, shapes, i);
        if (!splits) continue;
        if (shape->dims[0] == 0 || tensor->dims[0] % shape->dims[0] != 0)
            return nn_fail(NN_BAD_INPUT,
                           "%s: input '%s': %lld samples cannot be cut into feeds of %lld",
                           self->base.name, shape->name, (long long)tensor->dims[0],
                           (long long)shape->dims[0]);
        if (counter >= 0 && piece != shape->dims[0]) return fail_fit(self, shapes, i);
        piece = shape->dims[0];
        NN_TRY(cut_input(self, i, &samples, &counter));
    }
    self->is_one_feed = counter < 0;
    self->base.sample_count = samples;
    self->base.feed_samples = self->base.fixed_batch = piece;
    return NN_OK;
}

/* What could be cut of arrays that are one feed: a free axis 0, or one that the labels count. */
static void find_free_axes(array_data *self, const nn_input_shapes *shapes) {
    int64_t samples = self->labels != NULL ? self->labels->tensor.dims[0] : -1;
    bool fixed = false;
    for (int pass = 0; pass < 2; pass++) {
        bool found = false;
        for (int i = 0; i < shapes->count; i++) {
            const nn_input_shape *shape = &shapes->items[i];
            const nn_tensor *tensor = &self->blobs[i]->tensor;
            if (tensor->rank == 0 || nn_type_is_container(tensor->type) ||
                has_free_axis(shape, tensor) != (pass == 0))
                continue;
            /* A fixed axis 0 counts samples when there is one, or the labels say so. */
            if (pass == 1 && samples < 0 && tensor->dims[0] != 1) continue;
            if (samples < 0) samples = tensor->dims[0];
            if (tensor->dims[0] != samples) continue;
            self->cut[i] = found = true;
        }
        fixed = found && pass == 1;
        if (found) break;
    }
    bool any = false;
    for (int i = 0; i < shapes->count; i++) any = any || self->cut[i];
    self->base.sample_count = any ? samples : 1;
    self->base.feed_samples = self->base.sample_count > 0 ? self->base.sample_count : 1;
    self->base.fixed_batch = fixed ? samples : 0;
}

static nn_status fail_batch(const nn_input_shapes *shapes, int input, int64_t batch) {
    char declared[256];
    return nn_fail(NN_USAGE, "option 'batch': %lld, and input '%s' is fixed to %s",
                   (long long)batch, shapes->items[input].name,
                   nn_input_shape_text(shapes, input, declared, sizeof declared));
}

/* With a batch: a free axis 0 is cut by it. */
static nn_status plan_batch(array_data *self, const nn_input_shapes *shapes, int64_t batch,
                            nn_binding *binding) {
    int64_t samples = 1;
    int counter = -1, fixed = -1;
    for (int i = 0; i < shapes->count; i++) {
        const nn_input_shape *shape = &shapes->items[i];
        const nn_tensor *tensor = &self->blobs[i]->tensor;
        bool is_free = has_free_axis(shape, tensor);
        if (shape->rank > 0 && nn_dim_is_known(shape->dims[0]) && shape->dims[0] != batch)
            fixed = i;
        if (fixed == i && tensor->rank == shape->rank && tensor->dims[0] != shape->dims[0])
            return fail_batch(shapes, i, batch);
        bool matches = shape->rank > 0 && shape->dims[0] == batch && tensor->rank == shape->rank &&
                       tensor->dims[0] != batch;
        if (!fits(shape, tensor, is_free || matches ? 1 : 0, binding))
            return fail_fit(self, shapes, i);
        /* A free axis of another symbol that does not count samples is not the batch. */
        if (is_free && counter >= 0 && tensor->dims[0] != samples && shape->rank > 0 &&
            shape->dims[0] != shapes->items[counter].dims[0])
            continue;
        if (is_free || matches) NN_TRY(cut_input(self, i, &samples, &counter));
    }
    /* No axis is free: those that the model fixes to this batch count samples. */
    for (int i = 0; counter < 0 && i < shapes->count; i++)
        if (shapes->items[i].rank > 0 && shapes->items[i].dims[0] == batch)
            NN_TRY(cut_input(self, i, &samples, &counter));
    if (counter < 0 && fixed >= 0) return fail_batch(shapes, fixed, batch);
    if (counter < 0) return nn_fail(NN_USAGE, "option 'batch': no input has samples to count");
    bool is_fixed = shapes->items[counter].rank > 0 && shapes->items[counter].dims[0] == batch;
    if (is_fixed && samples % batch != 0)
        return nn_fail(
            NN_BAD_INPUT, "%s: input '%s': %lld samples cannot be cut into feeds of %lld",
            self->base.name, shapes->items[counter].name, (long long)samples, (long long)batch);
    self->base.sample_count = samples;
    self->base.feed_samples = batch;
    self->base.fixed_batch = is_fixed ? batch : 0;
    return NN_OK;
}

static nn_status check_labels(const array_data *self) {
    if (self->labels == NULL) return NN_OK;
    int64_t count = nn_tensor_count(&self->labels->tensor);
    if (count != self->base.sample_count)
        return nn_fail(NN_BAD_INPUT, "%s: %lld labels for %lld samples", self->base.name,
                       (long long)count, (long long)self->base.sample_count);
    return NN_OK;
}

static nn_status plan_feeds(array_data *self, const nn_input_shapes *shapes, int64_t batch) {
    nn_binding binding;
    NN_TRY(nn_binding_init(&binding, shapes));
    nn_status status = batch > 0 ? plan_batch(self, shapes, batch, &binding)
                                 : plan_declared(self, shapes, &binding);
    nn_binding_clear(&binding);
    NN_TRY(status);
    if (self->is_one_feed) find_free_axes(self, shapes);
    nn_dataset *base = &self->base;
    if (base->sample_count == 0) return nn_fail(NN_BAD_INPUT, "%s: holds no samples", base->name);
    base->feed_count = nn_divide_up(base->sample_count, base->feed_samples);
    return check_labels(self);
}

/* ---- making ---- */

static nn_status allocate(array_data *self, const char *name, const nn_input_shapes *shapes) {
    size_t count = (size_t)shapes->count + 1;
    const char **names = nn_arena_alloc(&self->arena, count * sizeof *names);
    self->types = nn_arena_alloc(&self->arena, count * sizeof *self->types);
    self->cut = nn_arena_alloc(&self->arena, count * sizeof *self->cut);
    self->inputs = nn_arena_alloc(&self->arena, count * sizeof *self->inputs);
    self->buffers = nn_arena_alloc(&self->arena, count * sizeof *self->buffers);
    self->buffer_sizes = nn_arena_alloc(&self->arena, count * sizeof *self->buffer_sizes);
    self->base.name = nn_arena_strdup(&self->arena, name);
    if (names == NULL || self->types == NULL || self->cut == NULL || self->inputs == NULL ||
        self->buffers == NULL || self->buffer_sizes == NULL || self->base.name == NULL)
        return nn_fail_memory(count * sizeof *self->inputs);
    for (int i = 0; i < shapes->count; i++) {
        names[i] = nn_arena_strdup(&self->arena, shapes->items[i].name);
        if (names[i] == NULL) return nn_fail_memory(strlen(shapes->items[i].name) + 1);
        self->types[i] = shapes->items[i].type;
    }
    self->base.input_names = names;
    self->base.cut_inputs = self->cut;
    self->base.input_count = shapes->count;
    self->base.read = arrays_read;
    self->base.hash = arrays_hash;
    self->base.destroy = arrays_destroy;
    return NN_OK;
}

/* Labels as a list of int64. */
static nn_status take_labels(array_data *self, nn_blob *labels) {
    const nn_tensor *tensor = &labels->tensor;
    int64_t count = nn_tensor_count(tensor);
    if (!nn_type_is_integer(tensor->type) || tensor->rank < 1 || tensor->dims[0] != count)
        return nn_fail(NN_BAD_INPUT, "%s: labels must be a list of whole numbers", self->base.name);
    NN_TRY(nn_blob_create(NNOPT_INT64, &count, 1, &self->labels));
    for (int64_t i = 0; i < count; i++)
        ((int64_t *)self->labels->tensor.data)[i] = nn_tensor_get_int(tensor, i);
    self->base.has_labels = true;
    return NN_OK;
}

/* Blobs in a file may lie at any address, and readers of elements want them aligned. */
static nn_status align_blob(nn_blob **blob) {
    nn_tensor *tensor = &(*blob)->tensor;
    if ((*blob)->storage == NULL || tensor->type == NNOPT_STRING) return NN_OK;
    nn_blob *copy;
    NN_TRY(nn_blob_create(tensor->type, tensor->dims, tensor->rank, &copy));
    if (copy->tensor.data != NULL)
        memcpy(copy->tensor.data, tensor->data, (size_t)nn_tensor_bytes(tensor));
    nn_blob_release(*blob);
    *blob = copy;
    return NN_OK;
}

static nn_status fill(array_data *self, const char *name, const nn_input_shapes *shapes,
                      nn_blob *labels, int64_t batch) {
    NN_TRY(allocate(self, name, shapes));
    for (int i = 0; i < shapes->count; i++) {
        NN_TRY(align_blob(&self->blobs[i]));
        NN_TRY(subject_fail(nn_convert_check(self->blobs[i]->tensor.type, self->types[i], "data"),
                            self, i));
    }
    if (labels != NULL) NN_TRY(take_labels(self, labels));
    return plan_feeds(self, shapes, batch);
}

nn_status nn_dataset_arrays(const char *name, const nn_input_shapes *shapes, nn_blob **blobs,
                            nn_blob *labels, int64_t batch, nn_dataset **out) {
    nn_status status = NN_OK;
    array_data *self = nn_alloc_zero(sizeof *self);
    if (self != NULL) {
        self->base.input_count = shapes->count;
        self->blobs = nn_arena_alloc(&self->arena, ((size_t)shapes->count + 1) * sizeof *blobs);
    }
    if (self == NULL || self->blobs == NULL) {
        status = nn_fail_memory(sizeof *self);
        for (int i = 0; i < shapes->count; i++) nn_blob_release(blobs[i]);
        if (self != NULL) nn_arena_clear(&self->arena);
        nn_free(self);
        nn_blob_release(labels);
        return status;
    }
    memcpy(self->blobs, blobs, (size_t)shapes->count * sizeof *blobs);
    status = fill(self, name, shapes, labels, batch);
    nn_blob_release(labels);
    if (status == NN_OK)
        *out = &self->base;
    else
        arrays_destroy(&self->base);
    return status;
}

static nn_status find_named(const nn_data_request *request, const nn_named_arrays *arrays,
                            nn_blob **blobs) {
    const nn_input_shapes *shapes = request->shapes;
    for (int i = 0; i < shapes->count; i++) {
        blobs[i] = nn_named_arrays_find(arrays, shapes->items[i].name);
        if (blobs[i] != NULL) continue;
        const char *first = arrays->count > 0 ? arrays->items[0].name : "";
        return nn_fail(NN_BAD_INPUT, "%s: no array for input '%s' (the file has %lld%s%s%s)",
                       request->path, shapes->items[i].name, (long long)arrays->count,
                       arrays->count > 0 ? ", first '" : " arrays", first,
                       arrays->count > 0 ? "'" : "");
    }
    for (int64_t i = 0; i < arrays->count; i++)
        if (nn_input_shapes_find(shapes, arrays->items[i].name) < 0 &&
            strcmp(arrays->items[i].name, "labels") != 0)
            nn_log(NNOPT_LOG_WARNING, "%s: array '%s' is no input of the model and is not used",
                   request->path, arrays->items[i].name);
    return NN_OK;
}

nn_status nn_dataset_named_arrays(const nn_data_request *request, const nn_named_arrays *arrays,
                                  nn_dataset **out) {
    const nn_input_shapes *shapes = request->shapes;
    size_t bytes = ((size_t)shapes->count + 1) * sizeof(nn_blob *);
    nn_blob *labels = NULL;
    nn_blob **blobs = nn_alloc_zero(bytes);
    if (blobs == NULL) return nn_fail_memory(bytes);
    nn_status status = find_named(request, arrays, blobs);
    if (status == NN_OK) status = nn_data_labels(request->options, &labels);
    if (status == NN_OK) {
        if (labels == NULL && nn_input_shapes_find(shapes, "labels") < 0) {
            labels = nn_named_arrays_find(arrays, "labels");
            if (labels != NULL) nn_blob_retain(labels);
        }
        for (int i = 0; i < shapes->count; i++) nn_blob_retain(blobs[i]);
        status = nn_dataset_arrays(request->path, shapes, blobs, labels,
                                   nn_data_batch(request->options), out);
    }
    nn_free(blobs);
    return status;
}
