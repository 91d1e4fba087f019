#include "base/integers.h"
#include "base/random.h"
#include "formats/dataset.h"

typedef struct random_data {
    nn_dataset base;
    nn_arena arena;
    uint64_t seed;
    nn_tensor *inputs; /* of a whole feed; data is NULL or own */
    bool *cut;
    int64_t current; /* the feed that inputs hold, -1: none */
} random_data;

/* One stream for each sample of each input, so that it does not depend on the batch. */
static nn_random stream_of(const random_data *self, int input, int64_t sample) {
    nn_random seed = nn_random_seed(self->seed);
    seed.state ^= nn_random_bits(&(nn_random){(uint64_t)input + 1});
    seed.state ^= nn_random_bits(&(nn_random){(uint64_t)sample << 20});
    return nn_random_seed(nn_random_bits(&seed));
}

static void fill_elements(nn_tensor *tensor, int64_t first, int64_t count, nn_random random) {
    bool is_float = nn_type_is_float(tensor->type);
    for (int64_t i = first; i < first + count; i++) {
        double value = is_float ? nn_random_normal(&random) : (double)nn_random_below(&random, 2);
        nn_tensor_set(tensor, i, value);
    }
}

static void fill_input(random_data *self, int input, int64_t first_sample, int64_t count,
                       nn_tensor *tensor) {
    int64_t elements = nn_tensor_count(tensor);
    if (!self->cut[input]) {
        fill_elements(tensor, 0, elements, stream_of(self, input, first_sample));
        return;
    }
    for (int64_t k = 0; k < count; k++)
        fill_elements(tensor, k * (elements / count), elements / count,
                      stream_of(self, input, first_sample + k));
}

static nn_status random_read(nn_dataset *base, int64_t index, nn_feed *out) {
    random_data *self = (random_data *)base;
    int64_t first = index * base->feed_samples, count = base->sample_count - first;
    if (index < 0 || count <= 0)
        return nn_fail(NN_USAGE, "%s: feed %lld of %lld", base->name, (long long)index,
                       (long long)base->feed_count);
    if (count > base->feed_samples) count = base->feed_samples;
    for (int i = 0; i < base->input_count && self->current != index; i++) {
        if (self->cut[i]) self->inputs[i].dims[0] = count;
        fill_input(self, i, first, count, &self->inputs[i]);
    }
    self->current = index;
    *out = (nn_feed){.inputs = self->inputs, .sample_count = count, .cut = base->feed_count > 1};
    return NN_OK;
}

/* The numbers follow from these, and two random data sets share samples when these agree. */
static nn_status random_hash(nn_dataset *base, int64_t index, uint64_t *out) {
    random_data *self = (random_data *)base;
    uint64_t parts[2] = {self->seed, (uint64_t)index};
    *out = nn_hash_bytes(0, parts, sizeof parts);
    return NN_OK;
}

static void random_destroy(nn_dataset *base) {
    random_data *self = (random_data *)base;
    for (int i = 0; self->inputs != NULL && i < base->input_count; i++)
        nn_free(self->inputs[i].data);
    nn_arena_clear(&self->arena);
    nn_free(self);
}

/* ---- shapes ---- */

static nn_status fail_free(const nn_input_shapes *shapes, int input, int axis) {
    const nn_input_shape *shape = &shapes->items[input];
    char text[256];
    if (axis < 0)
        return nn_fail(NN_USAGE, "input '%s' has any shape: give one with --shapes %s:...",
                       shape->name, shape->name);
    if (nn_dim_is_symbol(shape->dims[axis]))
        return nn_fail(NN_USAGE, "input '%s' is %s: give the size with --dim %s=N", shape->name,
                       nn_input_shape_text(shapes, input, text, sizeof text),
                       nn_input_shapes_symbol(shapes, shape->dims[axis]));
    return nn_fail(NN_USAGE, "input '%s' is %s: give the sizes with --shapes %s:...", shape->name,
                   nn_input_shape_text(shapes, input, text, sizeof text), shape->name);
}

static nn_status shape_input(random_data *self, const nn_input_shapes *shapes, int input,
                             int64_t batch, nn_binding *binding) {
    const nn_input_shape *shape = &shapes->items[input];
    int64_t dims[NN_MAX_RANK];
    if (nn_type_is_container(shape->type) || shape->type == NNOPT_STRING ||
        shape->type == NNOPT_COMPLEX64 || shape->type == NNOPT_COMPLEX128)
        return nn_fail(NN_UNSUPPORTED, "input '%s': no random %s", shape->name,
                       nnopt_type_name(shape->type));
    if (shape->rank == NN_RANK_UNKNOWN) return fail_free(shapes, input, -1);
    for (int axis = 0; axis < shape->rank; axis++) {
        int64_t dim = shape->dims[axis];
        if (nn_dim_is_symbol(dim) && binding->sizes[nn_dim_symbol_index(dim)] >= 0)
            dim = binding->sizes[nn_dim_symbol_index(dim)];
        else if (!nn_dim_is_known(dim) && axis == 0)
            dim = batch;
        if (!nn_dim_is_known(dim)) return fail_free(shapes, input, axis);
        dims[axis] = dim;
    }
    NN_TRY(nn_tensor_init(&self->inputs[input], shape->type, dims, shape->rank));
    self->cut[input] = shape->rank > 0 && !nn_dim_is_known(shape->dims[0]);
    if (self->cut[input] && nn_type_bits(shape->type) < 8)
        return nn_fail(NN_UNSUPPORTED, "input '%s': no random batches of %s", shape->name,
                       nnopt_type_name(shape->type));
    return NN_OK;
}

/* The first axes that are free are the batch, wherever else their symbols stand. */
static void bind_batch(const nn_input_shapes *shapes, int64_t batch, nn_binding *binding) {
    for (int i = 0; i < shapes->count; i++)
        if (shapes->items[i].rank > 0 && nn_dim_is_symbol(shapes->items[i].dims[0]))
            nn_binding_take(binding, shapes->items[i].dims[0], batch);
}

static nn_status check_batch(const nn_input_shapes *shapes, int64_t batch, bool any_cut) {
    if (batch == 0 || any_cut) return NN_OK;
    for (int i = 0; i < shapes->count; i++)
        if (shapes->items[i].rank > 0 && shapes->items[i].dims[0] == batch) return NN_OK;
    char text[256];
    return nn_fail(NN_USAGE, "option 'batch': %lld, and input '%s' is fixed to %s",
                   (long long)batch, shapes->items[0].name,
                   nn_input_shape_text(shapes, 0, text, sizeof text));
}

static nn_status fill(random_data *self, const nn_input_shapes *shapes, int64_t samples,
                      int64_t batch) {
    size_t count = (size_t)shapes->count + 1;
    const char **names = nn_arena_alloc(&self->arena, count * sizeof *names);
    self->inputs = nn_arena_alloc(&self->arena, count * sizeof *self->inputs);
    self->cut = nn_arena_alloc(&self->arena, count * sizeof *self->cut);
    if (names == NULL || self->inputs == NULL || self->cut == NULL)
        return nn_fail_memory(count * sizeof *self->inputs);
    self->base.input_count = shapes->count;
    self->base.input_names = names;
    self->base.cut_inputs = self->cut;
    nn_binding binding;
    NN_TRY(nn_binding_init(&binding, shapes));
    int64_t size = batch > 0 ? batch : 1;
    bind_batch(shapes, size, &binding);
    nn_status status = NN_OK;
    bool any_cut = false;
    for (int i = 0; i < shapes->count && status == NN_OK; i++) {
        names[i] = nn_arena_strdup(&self->arena, shapes->items[i].name);
        status = names[i] != NULL ? shape_input(self, shapes, i, size, &binding)
                                  : nn_fail_memory(strlen(shapes->items[i].name) + 1);
        any_cut = any_cut || self->cut[i];
    }
    nn_binding_clear(&binding);
    if (status == NN_OK) status = check_batch(shapes, batch, any_cut);
    NN_TRY(status);
    self->base.sample_count = samples;
    self->base.feed_samples = any_cut ? size : 1;
    self->base.feed_count = nn_divide_up(samples, self->base.feed_samples);
    return NN_OK;
}

nn_status nn_dataset_random(const nn_input_shapes *shapes, uint64_t seed, int64_t samples,
                            int64_t batch, nn_dataset **out) {
    random_data *self = nn_alloc_zero(sizeof *self);
    if (self == NULL) return nn_fail_memory(sizeof *self);
    self->seed = seed;
    self->current = -1;
    self->base.name = "random";
    self->base.read = random_read;
    self->base.hash = random_hash;
    self->base.destroy = random_destroy;
    nn_status status = fill(self, shapes, samples, batch);
    if (status == NN_OK)
        *out = &self->base;
    else
        random_destroy(&self->base);
    return status;
}
