/* Row of the table: a test_data_set folder, inputs as input_N.pb in the model's order. */
#include "formats/dataset.h"
#include "formats/tensor_pb.h"

#include <unistd.h>

static bool takes_folder(const char *path) {
    char *file = nn_format("%s/input_0.pb", path);
    bool found = file != NULL && access(file, F_OK) == 0;
    nn_free(file);
    return found;
}

static nn_status load_input(const nn_data_request *request, int index, nn_named_arrays *arrays) {
    const char *name = request->shapes->items[index].name;
    char *file = nn_format("%s/input_%d.pb", request->path, index);
    if (file == NULL) return nn_fail_memory(strlen(request->path) + 16);
    nn_blob *blob;
    nn_status status = nn_tensor_pb_load_aligned(file, request->shapes->items[index].rank, &blob);
    nn_free(file);
    NN_TRY(status);
    return nn_named_arrays_add(arrays, name, blob);
}

static nn_status open_test_set(const nn_data_request *request, nn_dataset **out) {
    nn_named_arrays arrays = {0};
    nn_status status = NN_OK;
    for (int i = 0; i < request->shapes->count && status == NN_OK; i++)
        status = load_input(request, i, &arrays);
    if (status == NN_OK) status = nn_dataset_named_arrays(request, &arrays, out);
    nn_named_arrays_clear(&arrays);
    return status;
}

const nn_data_format nn_data_format_test_set = {"test_set", "", takes_folder, open_test_set};
