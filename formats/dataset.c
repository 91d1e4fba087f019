#include "formats/dataset.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

static const nn_option_spec dataset_specs[] = {
    {.name = "batch",
     .kind = NNOPT_OPTION_INT,
     .metavar = "N",
     .minimum = 1,
     .maximum = 1 << 20,
     .help = "samples a run: cuts the first axis where the model leaves it free"},
    {.name = "dim",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "NAME=N",
     .repeatable = true,
     .help = "size of a symbolic dimension"},
    {.name = "shapes",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "IN:1x3x8x8,...",
     .repeatable = true,
     .help = "shapes of inputs; an empty shape is a scalar"},
    {.name = "labels",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "FILE",
     .help = "labels (.npy, or text with one number a line); for an image folder the names of its "
             "classes, one a line"},
    {.name = "resize",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "N|HxW",
     .help = "images: shorter side becomes N, or stretch to HxW; default: stretch to the input"},
    {.name = "crop",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "HxW",
     .help = "images: the centre that is kept after resizing; default: the input's size"},
    {.name = "scale",
     .kind = NNOPT_OPTION_NUMBER,
     .metavar = "F",
     .fallback = "0.00392156862745098",
     .help = "images: factor of the 8-bit values, before mean and std"},
    {.name = "mean",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "R,G,B",
     .help = "images: subtracted per channel, in the order of the channels"},
    {.name = "std",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "R,G,B",
     .help = "images: divided by per channel, after the mean"},
    {.name = "channel-order",
     .kind = NNOPT_OPTION_CHOICE,
     .metavar = "ORDER",
     .choices = "rgb|bgr|gray",
     .help = "images: channels of the input; default: rgb for three, gray for one"},
};
NN_DEFINE_OPTION_TABLE(dataset, dataset_specs);

#define NN_DATA_FORMAT(name) &nn_data_format_##name,
const nn_data_format *const nn_data_formats[] = {
#include "formats/data_format_table.def"
    NULL,
};
#undef NN_DATA_FORMAT

int64_t nn_data_batch(const nnopt_options *options) {
    return nn_option_has(options, "batch") ? nn_option_int(options, &nn_options_dataset, "batch")
                                           : 0;
}

bool nn_data_has_suffix(const char *path, const char *suffixes) {
    size_t length = strlen(path);
    for (const char *at = suffixes; *at != '\0';) {
        size_t size = strcspn(at, " ");
        if (size > 0 && length > size && strncasecmp(path + length - size, at, size) == 0)
            return true;
        at += size + strspn(at + size, " ");
    }
    return false;
}

/* ---- labels ---- */

static nn_status parse_labels(const char *path, const char *text, nn_blob **out) {
    int64_t *values = NULL, count = 0, capacity = 0;
    nn_status status = NN_OK;
    for (const char *at = text; *at != '\0' && status == NN_OK;) {
        size_t length = strcspn(at, "\n");
        char *end;
        errno = 0;
        long long value = strtoll(at, &end, 10);
        if (end == at || end > at + length || (*end != '\n' && *end != '\r' && *end != '\0') ||
            errno != 0)
            status = nn_fail(NN_BAD_INPUT, "%s: line %lld is no whole number", path,
                             (long long)count + 1);
        else if (!NN_GROW(values, count, capacity))
            status = nn_fail_memory((size_t)capacity * sizeof *values);
        else
            values[count++] = value;
        at += length + (at[length] == '\n');
    }
    if (status == NN_OK) status = nn_blob_create(NNOPT_INT64, &count, 1, out);
    if (status == NN_OK && count > 0)
        memcpy((*out)->tensor.data, values, (size_t)count * sizeof *values);
    nn_free(values);
    return status;
}

nn_status nn_data_labels(const nnopt_options *options, nn_blob **out) {
    static const size_t limit = (size_t)256 << 20;
    *out = NULL;
    const char *path = nn_option_text(options, &nn_options_dataset, "labels");
    if (path == NULL) return NN_OK;
    if (nn_data_has_suffix(path, ".npy")) return nn_npy_load(path, out);
    char *text;
    size_t size;
    NN_TRY(nn_file_read(path, limit, &text, &size));
    nn_status status = parse_labels(path, text, out);
    nn_free(text);
    return status;
}

/* ---- the public functions ---- */

static nn_status open_path(const nn_data_request *request, nn_dataset **out) {
    struct stat info;
    if (stat(request->path, &info) != 0)
        return nn_fail(NN_IO, "cannot read '%s': %s", request->path, strerror(errno));
    bool is_folder = S_ISDIR(info.st_mode);
    for (const nn_data_format *const *row = nn_data_formats; *row != NULL; row++) {
        const nn_data_format *format = *row;
        bool takes = is_folder ? format->takes_folder != NULL && format->takes_folder(request->path)
                               : nn_data_has_suffix(request->path, format->suffixes);
        if (takes) return format->open(request, out);
    }
    return nn_fail(
        NN_BAD_INPUT,
        "%s: not a source of data: .npz, .npy, .jpg, .png, .wav, a folder of images, or one "
        "with input_0.pb",
        request->path);
}

/* Checks options and reads the model's inputs. */
static nn_status begin(const nnopt_model *model, const nnopt_options *options,
                       nn_input_shapes *shapes) {
    const nn_option_table *tables[] = {&nn_options_dataset};
    NN_TRY(nn_options_check(options, tables, 1));
    return nn_input_shapes_init(shapes, model, options);
}

nnopt_status nnopt_dataset_open(const nnopt_model *model, const char *path,
                                const nnopt_options *options, nnopt_dataset **out) {
    if (model == NULL || path == NULL || out == NULL)
        return nn_fail(NN_USAGE, "a data set needs a model, a path and a place");
    nn_input_shapes shapes;
    NN_TRY(begin(model, options, &shapes));
    nn_data_request request = {path, &shapes, options};
    nn_status status = open_path(&request, out);
    nn_input_shapes_clear(&shapes);
    return status;
}

nnopt_status nnopt_dataset_random(const nnopt_model *model, uint64_t seed, int64_t samples,
                                  const nnopt_options *options, nnopt_dataset **out) {
    if (model == NULL || out == NULL)
        return nn_fail(NN_USAGE, "a data set needs a model and a place");
    if (samples < 1) return nn_fail(NN_USAGE, "a data set of %lld samples", (long long)samples);
    nn_input_shapes shapes;
    NN_TRY(begin(model, options, &shapes));
    nn_status status = nn_dataset_random(&shapes, seed, samples, nn_data_batch(options), out);
    nn_input_shapes_clear(&shapes);
    return status;
}

static nn_status copy_arrays(const char *const *names, const nnopt_tensor *arrays, size_t count,
                             nn_named_arrays *out) {
    for (size_t i = 0; i < count; i++) {
        const nn_tensor *tensor = &arrays[i];
        nn_blob *blob;
        if (names[i] == NULL || nn_named_arrays_find(out, names[i]) != NULL)
            return nn_fail(NN_USAGE, "array %zu has no name of its own", i);
        int64_t elements;
        if (tensor->rank < 0 || tensor->rank > NN_MAX_RANK ||
            !nn_dims_count(tensor->dims, tensor->rank, &elements))
            return nn_fail(NN_USAGE, "array '%s' has no valid shape", names[i]);
        if (elements > 0 && tensor->data == NULL)
            return nn_fail(NN_USAGE, "array '%s' has no data", names[i]);
        NN_TRY(nn_blob_copy(tensor, &blob));
        NN_TRY(nn_named_arrays_add(out, names[i], blob));
    }
    return NN_OK;
}

nnopt_status nnopt_dataset_create(const nnopt_model *model, const char *const *names,
                                  const nnopt_tensor *arrays, size_t count,
                                  const nnopt_options *options, nnopt_dataset **out) {
    if (model == NULL || names == NULL || arrays == NULL || out == NULL)
        return nn_fail(NN_USAGE, "a data set needs a model, names, arrays and a place");
    nn_input_shapes shapes;
    NN_TRY(begin(model, options, &shapes));
    nn_data_request request = {"arrays", &shapes, options};
    nn_named_arrays copies = {0};
    nn_status status = copy_arrays(names, arrays, count, &copies);
    if (status == NN_OK) status = nn_dataset_named_arrays(&request, &copies, out);
    nn_named_arrays_clear(&copies);
    nn_input_shapes_clear(&shapes);
    return status;
}

void nnopt_dataset_destroy(nnopt_dataset *dataset) {
    if (dataset != NULL) dataset->destroy(dataset);
}

int64_t nnopt_dataset_samples(const nnopt_dataset *dataset) {
    return dataset->sample_count;
}
