/* The one function that the library exports. */
#include "ops/cuda/runtime/device.h"
#include "ops/op.h"

#define NN_CUDA_ROW(domain, name, symbol)                                                          \
    extern const nn_kernel *const nn_cuda_##symbol##_kernels[];
#include "ops/cuda/kernel_table.def"
#undef NN_CUDA_ROW

#define NN_CUDA_ROW(domain, name, symbol) {domain, name, nn_cuda_##symbol##_kernels},
static const nn_device_row rows[] = {
#include "ops/cuda/kernel_table.def"
    {NULL, NULL, NULL}};
#undef NN_CUDA_ROW

static const nn_device_calls calls = {
    .close = nn_cuda_close,
    .info = nn_cuda_info,
    .sensors = nn_cuda_sensors,
    .measure_ceilings = nn_cuda_measure_ceilings,
    .allocate = nn_cuda_allocate,
    .release = nn_cuda_release,
    .allocate_host = nn_cuda_allocate_host,
    .release_host = nn_cuda_release_host,
    .write = nn_cuda_write,
    .create_queue = nn_cuda_create_queue,
    .destroy_queue = nn_cuda_destroy_queue,
    .upload = nn_cuda_upload,
    .download = nn_cuda_download,
    .wait = nn_cuda_wait,
    .begin_recording = nn_cuda_begin_recording,
    .end_recording = nn_cuda_end_recording,
    .start = nn_cuda_start,
    .destroy_graph = nn_cuda_destroy_graph,
    .mark = nn_cuda_mark,
    .elapsed = nn_cuda_elapsed,
    .launches = nn_cuda_launches,
    .begin_range = nn_cuda_begin_range,
    .end_range = nn_cuda_end_range,
};

__attribute__((visibility("default"))) nn_device_entry nnopt_cuda_open;

nn_status nnopt_cuda_open(const nn_device_host *host, int index, nn_device **out) {
    nn_status_share(host->message_buffer);
    if (strcmp(host->abi, NN_DEVICE_ABI) != 0)
        return nn_fail(NN_UNSUPPORTED,
                       "the CUDA library was built from other headers (%s) than nnopt (%s): build "
                       "both from the same source",
                       NN_DEVICE_ABI, host->abi);
    nn_cuda_device *device;
    NN_TRY(nn_cuda_open_device(index, &device));
    device->shared.calls = &calls;
    device->shared.rows = rows;
    *out = &device->shared;
    return NN_OK;
}
