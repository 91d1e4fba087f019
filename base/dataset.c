#include "base/dataset.h"

#include "base/integers.h"

#include <math.h>

/* ---- content ---- */

/* Eight bytes at a time through the finaliser of SplitMix64. */
uint64_t nn_hash_bytes(uint64_t hash, const void *bytes, size_t size) {
    const uint8_t *at = bytes;
    hash ^= (uint64_t)size * 0x9e3779b97f4a7c15u;
    while (size > 0) {
        uint64_t word = 0;
        size_t step = size < 8 ? size : 8;
        memcpy(&word, at, step);
        hash = (hash ^ word) + 0x9e3779b97f4a7c15u;
        hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9u;
        hash = (hash ^ hash >> 27) * 0x94d049bb133111ebu;
        hash ^= hash >> 31;
        at += step;
        size -= step;
    }
    return hash;
}

static bool has_nan(const nn_tensor *tensor) {
    int64_t count = nn_tensor_count(tensor);
    if (tensor->type == NNOPT_FLOAT) {
        const float *values = tensor->data;
        for (int64_t i = 0; i < count; i++)
            if (isnan(values[i])) return true;
        return false;
    }
    if (!nn_type_is_float(tensor->type)) return false;
    for (int64_t i = 0; i < count; i++)
        if (isnan(nn_tensor_get(tensor, i))) return true;
    return false;
}

nn_status nn_dataset_refuse_nan(const nn_dataset *dataset, int64_t index, const nn_feed *feed) {
    for (int i = 0; i < dataset->input_count; i++)
        if (has_nan(&feed->inputs[i]))
            return nn_fail(NN_BAD_INPUT, "%s: input '%s' of feed %lld holds NaN", dataset->name,
                           dataset->input_names[i], (long long)index);
    return NN_OK;
}

/* ---- views: samples of a parent, chosen and grouped anew ---- */

typedef struct view {
    nn_dataset base;
    nn_dataset *parent;
    bool owns_parent;
    int64_t *indices;  /* samples of the parent; NULL: all, in order */
    nn_tensor *inputs; /* what the last read gave */
    void **buffers;    /* per input: own memory for samples put together, or NULL */
    int64_t *buffer_sizes;
    int64_t *label_values;
    nn_tensor labels;
} view;

static int64_t sample_of(const view *self, int64_t position) {
    return self->indices != NULL ? self->indices[position] : position;
}

static nn_status fail_shapes(const view *self, int input) {
    return nn_fail(NN_BAD_INPUT,
                   "%s: samples of input '%s' differ in shape and cannot share a feed",
                   self->base.name, self->base.input_names[input]);
}

/* Bytes of one of the feed's samples in a cut input. */
static nn_status slice_bytes(const view *self, const nn_feed *feed, int input, int64_t *out) {
    const nn_tensor *tensor = &feed->inputs[input];
    int64_t bits = nn_type_bits(tensor->type), count = nn_tensor_count(tensor);
    int64_t each = feed->sample_count > 0 ? count / feed->sample_count : 0;
    if (bits == 0) bits = 8 * (int64_t)sizeof(char *);
    if (each * bits % 8 != 0)
        return nn_fail(NN_UNSUPPORTED, "%s: input '%s' packs samples of %s into shared bytes",
                       self->base.name, self->base.input_names[input],
                       nnopt_type_name(tensor->type));
    *out = each * bits / 8;
    return NN_OK;
}

/* Makes the tensor that `total` samples like those of `feed` fill. */
static nn_status begin_input(view *self, const nn_feed *feed, int input, int64_t total) {
    nn_tensor *tensor = &self->inputs[input];
    int64_t bytes, size;
    NN_TRY(slice_bytes(self, feed, input, &bytes));
    if (!nn_mul_size(bytes, total, &size)) return nn_fail_memory(SIZE_MAX);
    *tensor = feed->inputs[input];
    tensor->dims[0] = tensor->dims[0] / feed->sample_count * total;
    if (size > self->buffer_sizes[input]) {
        nn_free(self->buffers[input]);
        self->buffer_sizes[input] = 0;
        self->buffers[input] = nn_alloc((size_t)size);
        if (self->buffers[input] == NULL) return nn_fail_memory((size_t)size);
        self->buffer_sizes[input] = size;
    }
    tensor->data = self->buffers[input];
    return NN_OK;
}

static nn_status copy_sample(view *self, const nn_feed *feed, int64_t offset, int64_t place) {
    for (int i = 0; i < self->base.input_count; i++) {
        if (!self->base.cut_inputs[i]) continue;
        const nn_tensor *from = &feed->inputs[i];
        nn_tensor *to = &self->inputs[i];
        int64_t bytes;
        if (from->type != to->type || from->rank != to->rank) return fail_shapes(self, i);
        for (int axis = 1; axis < from->rank; axis++)
            if (from->dims[axis] != to->dims[axis]) return fail_shapes(self, i);
        NN_TRY(slice_bytes(self, feed, i, &bytes));
        if (bytes > 0)
            memcpy((char *)to->data + place * bytes, (const char *)from->data + offset * bytes,
                   (size_t)bytes);
    }
    return NN_OK;
}

static void copy_label(view *self, const nn_feed *feed, int64_t offset, int64_t place) {
    if (self->base.has_labels && feed->labels != NULL)
        self->label_values[place] = nn_tensor_get_int(feed->labels, offset);
}

/* A parent's feed that is one of ours as it stands. */
static bool is_same_feed(const view *self, int64_t index, int64_t *parent_feed) {
    int64_t per_feed = self->parent->feed_samples;
    if (self->base.feed_samples != per_feed || (self->indices != NULL && per_feed != 1))
        return false;
    *parent_feed = self->indices != NULL ? self->indices[index] : index;
    return true;
}

static nn_status gather(view *self, int64_t first, int64_t total) {
    int64_t per_feed = self->parent->feed_samples, current = -1;
    nn_feed feed = {0};
    for (int64_t k = 0; k < total; k++) {
        int64_t sample = sample_of(self, first + k);
        if (sample / per_feed != current) {
            current = sample / per_feed;
            NN_TRY(self->parent->read(self->parent, current, &feed));
        }
        for (int i = 0; k == 0 && i < self->base.input_count; i++) {
            if (self->base.cut_inputs[i])
                NN_TRY(begin_input(self, &feed, i, total));
            else
                self->inputs[i] = feed.inputs[i];
        }
        NN_TRY(copy_sample(self, &feed, sample % per_feed, k));
        copy_label(self, &feed, sample % per_feed, k);
    }
    return NN_OK;
}

static nn_status view_read(nn_dataset *base, int64_t index, nn_feed *out) {
    view *self = (view *)base;
    int64_t first = index * base->feed_samples, parent_feed;
    int64_t total = base->sample_count - first;
    if (index < 0 || total <= 0)
        return nn_fail(NN_USAGE, "%s: feed %lld of %lld", base->name, (long long)index,
                       (long long)base->feed_count);
    if (total > base->feed_samples) total = base->feed_samples;
    if (is_same_feed(self, index, &parent_feed))
        return self->parent->read(self->parent, parent_feed, out);
    NN_TRY(gather(self, first, total));
    self->labels.dims[0] = total;
    *out = (nn_feed){.inputs = self->inputs,
                     .sample_count = total,
                     .cut = true,
                     .labels = base->has_labels ? &self->labels : NULL};
    return NN_OK;
}

static nn_status view_hash(nn_dataset *base, int64_t index, uint64_t *out) {
    view *self = (view *)base;
    return self->parent->hash(self->parent, sample_of(self, index), out);
}

static void view_destroy(nn_dataset *base) {
    view *self = (view *)base;
    for (int i = 0; self->buffers != NULL && i < base->input_count; i++) nn_free(self->buffers[i]);
    if (self->owns_parent) self->parent->destroy(self->parent);
    nn_free(self->buffers);
    nn_free(self->buffer_sizes);
    nn_free(self->inputs);
    nn_free(self->indices);
    nn_free(self->label_values);
    nn_free(self);
}

static bool can_cut(const nn_dataset *dataset) {
    for (int i = 0; i < dataset->input_count; i++)
        if (dataset->cut_inputs[i]) return true;
    return false;
}

static nn_status make_view(nn_dataset *parent, const int64_t *indices, int64_t samples,
                           int64_t batch, nn_dataset **out) {
    if (batch < 1) return nn_fail(NN_USAGE, "a batch of %lld samples", (long long)batch);
    if (parent->fixed_batch != 0 && batch != parent->fixed_batch)
        return nn_fail(NN_USAGE, "%s: batch %lld, and the model fixes it to %lld", parent->name,
                       (long long)batch, (long long)parent->fixed_batch);
    if (batch != 1 && !can_cut(parent))
        return nn_fail(
            NN_USAGE, "%s: no input counts samples on its first axis, so batch %lld cannot be made",
            parent->name, (long long)batch);
    if (parent->fixed_batch == 0 && batch > samples) batch = samples > 0 ? samples : 1;
    for (int64_t i = 0; indices != NULL && i < samples; i++)
        if (indices[i] < 0 || indices[i] >= parent->sample_count)
            return nn_fail(NN_USAGE, "%s: sample %lld of %lld", parent->name, (long long)indices[i],
                           (long long)parent->sample_count);
    view *self = nn_alloc_zero(sizeof *self);
    if (self == NULL) return nn_fail_memory(sizeof *self);
    size_t inputs = (size_t)parent->input_count + 1;
    self->base = *parent;
    self->parent = parent;
    self->buffers = nn_alloc_zero(inputs * sizeof *self->buffers);
    self->buffer_sizes = nn_alloc_zero(inputs * sizeof *self->buffer_sizes);
    self->inputs = nn_alloc_zero(inputs * sizeof *self->inputs);
    self->label_values = nn_alloc_zero((size_t)batch * sizeof(int64_t));
    bool enough = self->buffers != NULL && self->buffer_sizes != NULL && self->inputs != NULL &&
                  self->label_values != NULL;
    if (enough && indices != NULL && samples > 0) {
        self->indices = nn_alloc((size_t)samples * sizeof *indices);
        enough = self->indices != NULL;
        if (enough) memcpy(self->indices, indices, (size_t)samples * sizeof *indices);
    }
    self->base.sample_count = samples;
    self->base.feed_samples = batch;
    self->base.feed_count = nn_divide_up(samples, batch);
    self->base.read = view_read;
    self->base.hash = view_hash;
    self->base.destroy = view_destroy;
    self->labels = (nn_tensor){.type = NNOPT_INT64, .rank = 1, .data = self->label_values};
    if (!enough) {
        view_destroy(&self->base);
        return nn_fail_memory((size_t)samples * sizeof *indices);
    }
    *out = &self->base;
    return NN_OK;
}

nn_status nn_dataset_subset(nn_dataset *parent, const int64_t *indices, int64_t count,
                            nn_dataset **out) {
    int64_t none = 0;
    return make_view(parent, indices != NULL ? indices : &none, count, 1, out);
}

nn_status nn_dataset_rebatch(nn_dataset *parent, int64_t batch, nn_dataset **out) {
    return make_view(parent, NULL, parent->sample_count, batch, out);
}

nn_status nn_dataset_rebatch_take(nn_dataset *parent, int64_t batch, nn_dataset **out) {
    nn_status status = nn_dataset_rebatch(parent, batch, out);
    if (status == NN_OK)
        ((view *)*out)->owns_parent = true;
    else
        parent->destroy(parent);
    return status;
}
