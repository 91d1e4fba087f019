/* Row of the table: a WAV file, mixed to one channel, cut into windows where the model fixes their
 * length. */
#include "base/integers.h"
#include "formats/dataset.h"

#include <sndfile.h>

/* All frames of the file, the mean of its channels. */
static nn_status load_frames(const char *path, float **out, int64_t *count) {
    static const int64_t limit = (int64_t)1 << 28; /* values, 1 GB */
    SF_INFO info = {0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    if (file == NULL) return nn_fail(NN_BAD_INPUT, "%s: %s", path, sf_strerror(NULL));
    nn_status status = NN_OK;
    int64_t values;
    float *frames = NULL;
    if (info.channels < 1 || info.frames < 0 || !nn_mul_size(info.frames, info.channels, &values) ||
        values > limit) {
        status = nn_fail(NN_BAD_INPUT, "%s: claims %lld frames of %d channels", path,
                         (long long)info.frames, info.channels);
        goto done;
    }
    frames = nn_alloc((size_t)values * sizeof *frames + 1);
    if (frames == NULL) {
        status = nn_fail_memory((size_t)values * sizeof *frames);
        goto done;
    }
    if (sf_readf_float(file, frames, info.frames) != info.frames) {
        status =
            nn_fail(NN_BAD_INPUT, "%s: ends before its %lld frames", path, (long long)info.frames);
        goto done;
    }
    for (int64_t i = 0; info.channels > 1 && i < info.frames; i++) {
        float sum = 0;
        for (int c = 0; c < info.channels; c++) sum += frames[i * info.channels + c];
        frames[i] = sum / (float)info.channels;
    }
    *out = frames;
    *count = info.frames;
    frames = NULL;
done:
    sf_close(file);
    nn_free(frames);
    return status;
}

/* The axis that the samples run along: the longest fixed one, or the first free one behind axis 0
 * (axis 0 itself in a list). The others must take size 1. */
static nn_status find_axis(const char *path, const nn_input_shape *shape, int *out) {
    int axis = -1;
    for (int i = 0; i < shape->rank; i++)
        if (nn_dim_is_known(shape->dims[i]) && shape->dims[i] > 1 &&
            (axis < 0 || shape->dims[i] > shape->dims[axis]))
            axis = i;
    for (int i = shape->rank == 1 ? 0 : 1; i < shape->rank && axis < 0; i++)
        if (!nn_dim_is_known(shape->dims[i])) axis = i;
    bool fits = axis >= 0;
    for (int i = 0; i < shape->rank && fits; i++)
        fits = i == axis || !nn_dim_is_known(shape->dims[i]) || shape->dims[i] == 1;
    *out = axis;
    return fits ? NN_OK
                : nn_fail(NN_BAD_INPUT, "%s: input '%s' has no one axis for audio samples", path,
                          shape->name);
}

static nn_status open_audio(const nn_data_request *request, nn_dataset **out) {
    const nn_input_shapes *shapes = request->shapes;
    if (shapes->count != 1 || shapes->items[0].rank < 1 || !nn_type_is_float(shapes->items[0].type))
        return nn_fail(NN_BAD_INPUT, "%s: audio feeds models with one floating input of known rank",
                       request->path);
    const nn_input_shape *shape = &shapes->items[0];
    int axis;
    float *frames = NULL;
    int64_t count = 0, dims[NN_MAX_RANK];
    nn_blob *blob = NULL, *labels = NULL;
    NN_TRY(find_axis(request->path, shape, &axis));
    NN_TRY(load_frames(request->path, &frames, &count));
    /* Windows of a fixed length go along axis 0; the last one is filled up with silence. */
    int64_t length = nn_dim_is_known(shape->dims[axis]) ? shape->dims[axis] : count;
    int64_t windows = length > 0 ? nn_divide_up(count, length) : 0;
    for (int i = 0; i < shape->rank; i++) dims[i] = 1;
    dims[axis] = length;
    nn_status status = NN_OK;
    if (count == 0)
        status = nn_fail(NN_BAD_INPUT, "%s: holds no sound", request->path);
    else if (axis == 0 && windows > 1)
        status = nn_fail(NN_BAD_INPUT, "%s: %lld samples, and input '%s' takes %lld", request->path,
                         (long long)count, shape->name, (long long)length);
    if (axis != 0) dims[0] = windows;
    if (status == NN_OK) status = nn_blob_create(NNOPT_FLOAT, dims, shape->rank, &blob);
    if (status == NN_OK) {
        memcpy(blob->tensor.data, frames, (size_t)count * sizeof *frames);
        status = nn_data_labels(request->options, &labels);
    }
    nn_free(frames);
    if (status != NN_OK) {
        nn_blob_release(blob);
        return status;
    }
    return nn_dataset_arrays(request->path, shapes, &blob, labels, nn_data_batch(request->options),
                             out);
}

const nn_data_format nn_data_format_audio = {"audio", ".wav", NULL, open_audio};
