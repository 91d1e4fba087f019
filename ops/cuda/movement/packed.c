#include "ops/cuda/movement/packed.h"

#include "ops/cuda/elements/small_launch.h"
#include "ops/cuda/movement/copy.h"
#include "ops/cuda/runtime/queue.h"

bool nn_cuda_packed_accepts(const nn_node_view *node, const nn_target *target) {
    return nn_packed_fits(node) || nn_cuda_moves_bytes(node, target);
}

static nn_status unpack(const nn_call *call, const nn_tensor *packed, void *bytes) {
    const nn_cuda_packing arguments = {nn_type_bits(packed->type), packed->data, bytes,
                                       nn_tensor_count(packed)};
    return nn_cuda_launched(call, nn_cuda_launch_unpack(&arguments, call->queue->stream));
}

static nn_status pack(const nn_call *call, const void *bytes, const nn_tensor *packed) {
    const nn_cuda_packing arguments = {nn_type_bits(packed->type), bytes, packed->data,
                                       nn_tensor_count(packed)};
    return nn_cuda_launched(call, nn_cuda_launch_pack(&arguments, call->queue->stream));
}

nn_status nn_cuda_packed_run(const nn_call *call, nn_status (*run)(const nn_call *call)) {
    static const nn_packed_ways ways = {unpack, pack};
    return nn_packed_run_by(call, run, &ways);
}
