/* Row of the table: an image, a folder of images, or a folder with one folder of images per class.
 */
#include "base/file.h"
#include "formats/dataset.h"
#include "formats/image.h"

#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char suffixes[] = ".jpg .jpeg .png";

typedef struct image_file {
    const char *path;
    int64_t label;
} image_file;

typedef struct image_size {
    int height, width; /* 0: not given */
} image_size;

typedef struct image_data {
    nn_dataset base;
    nn_arena arena;
    image_file *files;
    int64_t file_capacity;
    const char *name[1];
    bool cut[1];
    nn_input_shape shape;
    int batch_axes; /* 1: axis 0 counts images; 0: one image has the rank of the input */
    int channel_axis, channels;
    image_size input; /* that the model fixes */
    image_size stretch, crop;
    int shorter_side; /* 0: stretch */
    bool is_bgr;
    float scale, mean[3], std[3];
    nn_tensor tensor; /* what the last read gave */
    int64_t tensor_bytes;
    int64_t label;
    nn_tensor labels;
} image_data;

/* ---- pixels to an input ---- */

static nn_status crop_image(const image_data *self, const char *path, image_size size,
                            nn_image *image) {
    if (size.height == image->height && size.width == image->width) return NN_OK;
    if (size.height > image->height || size.width > image->width)
        return nn_fail(NN_BAD_INPUT,
                       "%s: %dx%d pixels (height, width), and %dx%d are to be cut out", path,
                       image->height, image->width, size.height, size.width);
    (void)self;
    size_t left = (size_t)(image->width - size.width) / 2;
    size_t top = (size_t)(image->height - size.height) / 2;
    for (size_t y = 0; y < (size_t)size.height; y++)
        memmove(image->pixels + y * (size_t)size.width * 3,
                image->pixels + ((y + top) * (size_t)image->width + left) * 3,
                (size_t)size.width * 3);
    image->width = size.width;
    image->height = size.height;
    return NN_OK;
}

/* Resizes and cuts to what the options and the model ask for. */
static nn_status fit_image(const image_data *self, const char *path, nn_image *image) {
    image_size wanted = self->stretch, cut = self->crop;
    if (cut.height == 0) cut = self->input;
    if (self->shorter_side > 0) {
        int64_t width = image->width, height = image->height, side = self->shorter_side;
        wanted.height = (int)(height <= width ? side : (height * side + width / 2) / width);
        wanted.width = (int)(width <= height ? side : (width * side + height / 2) / height);
    } else if (wanted.height == 0 && self->crop.height == 0) {
        wanted = self->input;
    }
    if (wanted.height == 0) wanted = (image_size){image->height, image->width};
    if (cut.height == 0) cut = wanted;
    if (wanted.height != image->height || wanted.width != image->width) {
        nn_image resized;
        NN_TRY(nn_image_resize(image, wanted.width, wanted.height, &resized));
        nn_image_clear(image);
        *image = resized;
    }
    return crop_image(self, path, cut, image);
}

static float channel_of(const image_data *self, const uint8_t *pixel, int channel) {
    if (self->channels == 1) /* ITU-R BT.601 luma, rounded as 8-bit images are */
        return (float)((pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16);
    return pixel[self->is_bgr ? 2 - channel : channel];
}

static void fill_tensor(const image_data *self, const nn_image *image, nn_tensor *tensor) {
    int64_t pixels = (int64_t)image->width * image->height;
    bool channels_first = self->channel_axis == self->batch_axes;
    bool is_float = nn_type_is_float(tensor->type);
    for (int c = 0; c < self->channels; c++) {
        for (int64_t i = 0; i < pixels; i++) {
            float value = channel_of(self, image->pixels + 3 * i, c);
            int64_t at = channels_first ? c * pixels + i : i * self->channels + c;
            if (is_float) value = (value * self->scale - self->mean[c]) / self->std[c];
            if (tensor->type == NNOPT_FLOAT)
                ((float *)tensor->data)[at] = value;
            else
                nn_tensor_set(tensor, at, value);
        }
    }
}

static nn_status shape_tensor(image_data *self, const nn_image *image, nn_tensor *tensor) {
    int at = 0;
    *tensor = (nn_tensor){.type = self->shape.type, .rank = self->shape.rank, .data = tensor->data};
    if (self->batch_axes == 1) tensor->dims[at++] = 1;
    if (self->channel_axis == at) tensor->dims[at++] = self->channels;
    tensor->dims[at++] = image->height;
    tensor->dims[at++] = image->width;
    if (at < tensor->rank) tensor->dims[at] = self->channels;
    int64_t bytes = nn_tensor_bytes(tensor);
    if (bytes > self->tensor_bytes) {
        nn_free(tensor->data);
        self->tensor_bytes = 0;
        tensor->data = nn_alloc((size_t)bytes);
        if (tensor->data == NULL) return nn_fail_memory((size_t)bytes);
        self->tensor_bytes = bytes;
    }
    return NN_OK;
}

static nn_status image_read(nn_dataset *base, int64_t index, nn_feed *out) {
    image_data *self = (image_data *)base;
    if (index < 0 || index >= base->feed_count)
        return nn_fail(NN_USAGE, "%s: feed %lld of %lld", base->name, (long long)index,
                       (long long)base->feed_count);
    const image_file *file = &self->files[index];
    nn_image image;
    NN_TRY(nn_image_load(file->path, &image));
    nn_status status = fit_image(self, file->path, &image);
    if (status == NN_OK) status = shape_tensor(self, &image, &self->tensor);
    if (status == NN_OK) fill_tensor(self, &image, &self->tensor);
    nn_image_clear(&image);
    NN_TRY(status);
    self->label = file->label;
    *out = (nn_feed){.inputs = &self->tensor,
                     .sample_count = 1,
                     .cut = base->feed_count > 1,
                     .labels = base->has_labels ? &self->labels : NULL};
    return NN_OK;
}

static nn_status image_hash(nn_dataset *base, int64_t index, uint64_t *out) {
    nn_feed feed;
    NN_TRY(image_read(base, index, &feed));
    *out = nn_hash_bytes(0, feed.inputs[0].data, (size_t)nn_tensor_bytes(&feed.inputs[0]));
    return NN_OK;
}

static void image_destroy(nn_dataset *base) {
    image_data *self = (image_data *)base;
    nn_free(self->tensor.data);
    nn_free(self->files);
    nn_arena_clear(&self->arena);
    nn_free(self);
}

/* ---- files ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

typedef struct name_list {
    const char **items;
    int64_t count, capacity;
} name_list;

/* Names in a folder, sorted: images to `files`, folders to `folders`. */
static nn_status list_folder(nn_arena *arena, const char *path, name_list *files,
                             name_list *folders) {
    DIR *folder = opendir(path);
    if (folder == NULL) return nn_fail(NN_IO, "cannot read '%s': %s", path, strerror(errno));
    nn_status status = NN_OK;
    for (struct dirent *entry; status == NN_OK && (entry = readdir(folder)) != NULL;) {
        struct stat info;
        if (entry->d_name[0] == '.') continue;
        char *full = nn_format("%s/%s", path, entry->d_name);
        char *name = full != NULL ? nn_arena_strdup(arena, full) : NULL;
        nn_free(full);
        name_list *list = NULL;
        if (name == NULL)
            status = nn_fail_memory(strlen(path));
        else if (stat(name, &info) == 0 && S_ISDIR(info.st_mode))
            list = folders;
        else if (nn_data_has_suffix(name, suffixes))
            list = files;
        if (list == NULL) continue;
        if (!NN_GROW(list->items, list->count, list->capacity))
            status = nn_fail_memory((size_t)list->capacity * sizeof *list->items);
        else
            list->items[list->count++] = name;
    }
    closedir(folder);
    if (status != NN_OK) return status;
    if (files->count > 1)
        qsort(files->items, (size_t)files->count, sizeof *files->items, compare_names);
    if (folders->count > 1)
        qsort(folders->items, (size_t)folders->count, sizeof *folders->items, compare_names);
    return NN_OK;
}

static void clear_list(name_list *list) {
    nn_free(list->items);
    *list = (name_list){0};
}

static nn_status add_files(image_data *self, const name_list *list, int64_t label) {
    for (int64_t i = 0; i < list->count; i++) {
        if (!NN_GROW(self->files, self->base.sample_count, self->file_capacity))
            return nn_fail_memory((size_t)self->file_capacity * sizeof *self->files);
        self->files[self->base.sample_count++] = (image_file){list->items[i], label};
    }
    return NN_OK;
}

/* The number of the line that holds `name`; -1: none. */
static int64_t find_line(const char *text, const char *name) {
    size_t length = strlen(name);
    int64_t line = 0;
    for (const char *at = text; *at != '\0'; line++) {
        size_t size = strcspn(at, "\r\n");
        if (size == length && memcmp(at, name, length) == 0) return line;
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return -1;
}

/* `classes` (NULL: none) lists class names; otherwise classes count in the order of their names. */
static nn_status add_classes(image_data *self, const name_list *folders, const char *classes) {
    for (int64_t i = 0; i < folders->count; i++) {
        const char *name = strrchr(folders->items[i], '/') + 1;
        int64_t label = classes != NULL ? find_line(classes, name) : i;
        if (label < 0)
            return nn_fail(NN_BAD_INPUT, "%s: class '%s' is not in the list of classes",
                           self->base.name, name);
        name_list files = {0}, inner = {0};
        nn_status status = list_folder(&self->arena, folders->items[i], &files, &inner);
        if (status == NN_OK && inner.count > 0)
            status = nn_fail(NN_BAD_INPUT, "%s: folders inside the folder of a class",
                             folders->items[i]);
        if (status == NN_OK) status = add_files(self, &files, label);
        clear_list(&files);
        clear_list(&inner);
        NN_TRY(status);
    }
    self->base.has_labels = true;
    return NN_OK;
}

static nn_status find_files(image_data *self, const nn_data_request *request) {
    struct stat info;
    name_list files = {0}, folders = {0};
    char *classes = NULL;
    nn_status status = NN_OK;
    const char *labels = nn_option_text(request->options, &nn_options_dataset, "labels");
    if (stat(request->path, &info) == 0 && S_ISDIR(info.st_mode)) {
        status = list_folder(&self->arena, request->path, &files, &folders);
    } else {
        files.items = nn_alloc(sizeof *files.items);
        if (files.items == NULL) return nn_fail_memory(sizeof *files.items);
        files.items[files.count++] = self->base.name;
    }
    if (status == NN_OK && files.count > 0 && folders.count > 0)
        status = nn_fail(NN_BAD_INPUT,
                         "%s: images beside folders: either all in one folder, or each "
                         "class in its own",
                         request->path);
    if (status == NN_OK && labels != NULL && folders.count > 0) {
        size_t size;
        status = nn_file_read(labels, (size_t)16 << 20, &classes, &size);
    }
    if (status == NN_OK)
        status =
            folders.count > 0 ? add_classes(self, &folders, classes) : add_files(self, &files, 0);
    if (status == NN_OK && self->base.sample_count == 0)
        status = nn_fail(NN_BAD_INPUT, "%s: no .jpg or .png image", request->path);
    if (status == NN_OK && labels != NULL && folders.count == 0) {
        nn_blob *numbers;
        status = nn_data_labels(request->options, &numbers);
        if (status == NN_OK) {
            const nn_tensor *tensor = &numbers->tensor;
            if (!nn_type_is_integer(tensor->type) ||
                nn_tensor_count(tensor) != self->base.sample_count)
                status =
                    nn_fail(NN_BAD_INPUT, "%s: %lld labels for %lld images", labels,
                            (long long)nn_tensor_count(tensor), (long long)self->base.sample_count);
            for (int64_t i = 0; status == NN_OK && i < self->base.sample_count; i++)
                self->files[i].label = nn_tensor_get_int(tensor, i);
            self->base.has_labels = status == NN_OK;
            nn_blob_release(numbers);
        }
    }
    clear_list(&files);
    clear_list(&folders);
    nn_free(classes);
    return status;
}

/* ---- options and the model's input ---- */

static nn_status read_size(const nnopt_options *options, const char *name, image_size *out,
                           int *one_number) {
    const char *text = nn_option_text(options, &nn_options_dataset, name);
    if (text == NULL) return NN_OK;
    char *end;
    long height = strtol(text, &end, 10), width = 0;
    bool is_pair = *end == 'x';
    if (is_pair) width = strtol(end + 1, &end, 10);
    if (*end != '\0' || height < 1 || height > 65535 || (is_pair && (width < 1 || width > 65535)) ||
        (!is_pair && one_number == NULL))
        return nn_fail(NN_USAGE, "option '%s': '%s' is not %sHxW", name, text,
                       one_number != NULL ? "N or " : "");
    if (is_pair)
        *out = (image_size){(int)height, (int)width};
    else
        *one_number = (int)height;
    return NN_OK;
}

/* One number for all channels or one for each. */
static nn_status read_channels(const nnopt_options *options, const char *name, int channels,
                               float fallback, bool positive, float *out) {
    const char *text = nn_option_text(options, &nn_options_dataset, name), *at = text;
    for (int c = 0; c < 3; c++) out[c] = fallback;
    if (text == NULL) return NN_OK;
    int count = 0;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) return nn_fail_memory(sizeof plain);
    for (; count < channels; count++) {
        char *end;
        out[count] = strtof_l(at, &end, plain);
        if (end == at || !isfinite(out[count]) || (positive && out[count] <= 0)) break;
        at = end + (*end == ',');
        if (*end != ',') {
            count += *end == '\0';
            break;
        }
    }
    freelocale(plain);
    if (*at != '\0' || (count != 1 && count != channels))
        return nn_fail(NN_USAGE, "option '%s': '%s' is not 1 or %d %snumbers", name, text, channels,
                       positive ? "positive " : "");
    for (int c = 1; count == 1 && c < 3; c++) out[c] = out[0];
    return NN_OK;
}

static int fixed_size(int64_t dim) {
    return dim > 0 && dim <= 65535 ? (int)dim : 0;
}

/* Where the channels are: an axis of size 1 or 3 (as the option says), first or last. */
static nn_status find_channels(image_data *self, const nnopt_options *options) {
    const nn_input_shape *shape = &self->shape;
    const char *order = nn_option_text(options, &nn_options_dataset, "channel-order");
    int wanted = order == NULL ? 0 : strcmp(order, "gray") == 0 ? 1 : 3;
    self->is_bgr = order != NULL && strcmp(order, "bgr") == 0;
    self->batch_axes = shape->rank - 3;
    int places[2] = {self->batch_axes, self->batch_axes + 2};
    for (int i = 0; i < 2; i++) {
        int64_t size = shape->dims[places[i]];
        if ((size != 1 && size != 3) || (wanted != 0 && size != wanted)) continue;
        self->channel_axis = places[i];
        self->channels = (int)size;
        return NN_OK;
    }
    self->channel_axis = places[0];
    self->channels = wanted != 0 ? wanted : 3;
    return nn_dim_is_known(shape->dims[places[0]])
               ? nn_fail(NN_BAD_INPUT, "%s: input '%s' has no axis of %s channels, first or last",
                         self->base.name, shape->name,
                         wanted == 0   ? "1 or 3"
                         : wanted == 1 ? "1"
                                       : "3")
               : NN_OK;
}

static nn_status read_options(image_data *self, const nnopt_options *options) {
    bool is_float = nn_type_is_float(self->shape.type);
    NN_TRY(find_channels(self, options));
    bool channels_first = self->channel_axis == self->batch_axes;
    int rows = self->batch_axes + (channels_first ? 1 : 0);
    self->input =
        (image_size){fixed_size(self->shape.dims[rows]), fixed_size(self->shape.dims[rows + 1])};
    if ((self->input.height == 0) != (self->input.width == 0))
        return nn_fail(NN_UNSUPPORTED,
                       "%s: input '%s' fixes height or width alone: give both with "
                       "--shapes",
                       self->base.name, self->shape.name);
    NN_TRY(read_size(options, "resize", &self->stretch, &self->shorter_side));
    NN_TRY(read_size(options, "crop", &self->crop, NULL));
    if (self->crop.height != 0 && self->input.height != 0 &&
        (self->crop.height != self->input.height || self->crop.width != self->input.width))
        return nn_fail(NN_USAGE, "option 'crop': %dx%d, and input '%s' takes %dx%d",
                       self->crop.height, self->crop.width, self->shape.name, self->input.height,
                       self->input.width);
    for (int i = 0; !is_float && i < 3; i++) {
        static const char *const names[] = {"scale", "mean", "std"};
        if (nn_option_has(options, names[i]))
            return nn_fail(NN_USAGE,
                           "option '%s': input '%s' takes %s, which get the pixels as they are",
                           names[i], self->shape.name, nnopt_type_name(self->shape.type));
    }
    self->scale = (float)nn_option_number(options, &nn_options_dataset, "scale");
    NN_TRY(read_channels(options, "mean", self->channels, 0.0f, false, self->mean));
    return read_channels(options, "std", self->channels, 1.0f, true, self->std);
}

static nn_status fill(image_data *self, const nn_data_request *request) {
    const nn_input_shapes *shapes = request->shapes;
    self->base.name = nn_arena_strdup(&self->arena, request->path);
    if (self->base.name == NULL) return nn_fail_memory(strlen(request->path) + 1);
    if (shapes->count != 1 || (shapes->items[0].rank != 4 && shapes->items[0].rank != 3))
        return nn_fail(NN_BAD_INPUT, "%s: images feed models with one input of rank 3 or 4",
                       request->path);
    self->shape = shapes->items[0];
    self->shape.name = nn_arena_strdup(&self->arena, shapes->items[0].name);
    if (self->shape.name == NULL) return nn_fail_memory(strlen(shapes->items[0].name) + 1);
    if (!nn_type_is_float(self->shape.type) && self->shape.type != NNOPT_UINT8)
        return nn_fail(NN_BAD_INPUT, "%s: images cannot feed input '%s' of type %s", request->path,
                       self->shape.name, nnopt_type_name(self->shape.type));
    NN_TRY(read_options(self, request->options));
    NN_TRY(find_files(self, request));
    self->name[0] = self->shape.name;
    self->cut[0] = self->batch_axes == 1;
    self->base.input_count = 1;
    self->base.input_names = self->name;
    self->base.cut_inputs = self->cut;
    self->base.feed_count = self->base.sample_count;
    self->base.feed_samples = 1;
    self->labels = (nn_tensor){.type = NNOPT_INT64, .rank = 1, .dims = {1}, .data = &self->label};
    return NN_OK;
}

static nn_status open_images(const nn_data_request *request, nn_dataset **out) {
    image_data *self = nn_alloc_zero(sizeof *self);
    if (self == NULL) return nn_fail_memory(sizeof *self);
    self->base.read = image_read;
    self->base.hash = image_hash;
    self->base.destroy = image_destroy;
    nn_status status = fill(self, request);
    if (status != NN_OK) {
        image_destroy(&self->base);
        return status;
    }
    int64_t batch = nn_data_batch(request->options),
            fixed = self->batch_axes == 1 ? self->shape.dims[0] : 1;
    if (batch != 0 && nn_dim_is_known(fixed) && batch != fixed) {
        image_destroy(&self->base);
        return nn_fail(NN_USAGE, "option 'batch': %lld, and the model takes %lld images at a time",
                       (long long)batch, (long long)fixed);
    }
    if (batch == 0 && fixed > 1) batch = fixed;
    if (fixed > 1 && self->base.sample_count % fixed != 0) {
        status = nn_fail(NN_BAD_INPUT, "%s: %lld images cannot be cut into feeds of %lld",
                         request->path, (long long)self->base.sample_count, (long long)fixed);
        image_destroy(&self->base);
        return status;
    }
    if (batch <= 1) {
        *out = &self->base;
        return NN_OK;
    }
    NN_TRY(nn_dataset_rebatch_take(&self->base, batch, out));
    if (fixed > 1) (*out)->fixed_batch = fixed;
    return NN_OK;
}

/* Asked last: any folder that no other row took. */
static bool takes_folder(const char *path) {
    (void)path;
    return true;
}

const nn_data_format nn_data_format_image = {"image", suffixes, takes_folder, open_images};
