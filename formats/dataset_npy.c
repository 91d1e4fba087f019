/* Rows of the table: .npz and .npy. */
#include "formats/dataset.h"

static nn_status open_npz(const nn_data_request *request, nn_dataset **out) {
    nn_named_arrays arrays = {0};
    NN_TRY(nn_npz_load(request->path, &arrays));
    nn_status status = nn_dataset_named_arrays(request, &arrays, out);
    nn_named_arrays_clear(&arrays);
    return status;
}

const nn_data_format nn_data_format_npz = {"npz", ".npz", NULL, open_npz};

static nn_status open_npy(const nn_data_request *request, nn_dataset **out) {
    if (request->shapes->count != 1)
        return nn_fail(NN_BAD_INPUT, "%s: one array, and the model has %d inputs: use an .npz",
                       request->path, request->shapes->count);
    nn_blob *blob, *labels;
    NN_TRY(nn_data_labels(request->options, &labels));
    nn_status status = nn_npy_load(request->path, &blob);
    if (status != NN_OK) {
        nn_blob_release(labels);
        return status;
    }
    return nn_dataset_arrays(request->path, request->shapes, &blob, labels,
                             nn_data_batch(request->options), out);
}

const nn_data_format nn_data_format_npy = {"npy", ".npy", NULL, open_npy};
