/* ConstantOfShape, EyeLike, Range, OneHot: elements that are not moved from an input. */
#include "ops/cuda/movement/generate_launch.h"

#include "ops/cuda/movement/copy.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/movement.h"

/* The inputs say a shape, which is not read. */
static nn_status reads_inputs(const nn_node_view *node, const nn_target *target,
                              nn_prepare *prepared) {
    (void)node;
    (void)target;
    nn_prepare_read(prepared, ~0u);
    return NN_OK;
}

static bool makes_bytes(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_epilogue_is_empty(&node->epilogue) && nn_cuda_moves(node->out[0]->type);
}

static nn_status run_constant_of_shape(const nn_call *call) {
    const nn_constant_attrs *attrs = call->node->attrs;
    const nn_tensor *y = call->out[0];
    nn_cuda_fill arguments = {
        .bytes = (int)nn_element_size(y->type), .y = y->data, .count = nn_tensor_count(y)};
    if (attrs->value != NULL) memcpy(&arguments.value, attrs->value->data, (size_t)arguments.bytes);
    return nn_cuda_launched(call, nn_cuda_launch_fill(&arguments, call->queue->stream));
}

static bool accepts_eye_like(const nn_node_view *node, const nn_target *target) {
    return makes_bytes(node, target) &&
           nn_type_in(node->out[0]->type, NN_TYPES_NUMBER | NN_TYPES_BOOL);
}

static nn_status run_eye_like(const nn_call *call) {
    const nn_eye_like_attrs *attrs = call->node->attrs;
    const nn_tensor *y = call->out[0];
    nn_cuda_eye arguments = {.bytes = (int)nn_element_size(y->type),
                             .count = nn_tensor_count(y),
                             .columns = nn_cuda_extent_make(y->dims[1], nn_tensor_count(y)),
                             .diagonal = attrs->diagonal,
                             .y = y->data};
    nn_tensor one = {.type = y->type, .data = &arguments.one};
    nn_tensor_set(&one, 0, 1);
    return nn_cuda_launched(call, nn_cuda_launch_eye(&arguments, call->queue->stream));
}

static bool accepts_range(const nn_node_view *node, const nn_target *target) {
    return makes_bytes(node, target) && nn_type_in(node->in[0]->type, NN_TYPES_NUMBER) &&
           nn_fact_count(node->out[0]) >= 0;
}

static nn_status run_range(const nn_call *call) {
    const nn_tensor *y = call->out[0];
    const nn_cuda_range arguments = {y->type, call->in[0]->data, call->in[2]->data, y->data,
                                     nn_tensor_count(y)};
    return nn_cuda_launched(call, nn_cuda_launch_range(&arguments, call->queue->stream));
}

static bool accepts_one_hot(const nn_node_view *node, const nn_target *target) {
    return makes_bytes(node, target) && nn_type_in(node->in[0]->type, NN_TYPES_NUMBER);
}

/* The depth is the output's size. */
static nn_status prepare_one_hot(const nn_node_view *node, const nn_target *target,
                                 nn_prepare *prepared) {
    (void)node;
    (void)target;
    nn_prepare_read(prepared, 2u);
    return NN_OK;
}

static nn_status run_one_hot(const nn_call *call) {
    const nn_axis_attrs *attrs = call->node->attrs;
    const nn_tensor *y = call->out[0];
    const int64_t count = nn_tensor_count(y);
    int axis;
    NN_TRY(nn_check_axis(call->node, attrs->axis, y->rank, &axis));
    const int64_t inner = nn_dims_product(y->dims, axis + 1, y->rank);
    const nn_cuda_one_hot arguments = {.bytes = (int)nn_element_size(y->type),
                                       .index_type = call->in[0]->type,
                                       .wraps = call->node->opset >= 11,
                                       .depth = nn_cuda_extent_make(y->dims[axis], count),
                                       .inner = nn_cuda_extent_make(inner, count),
                                       .count = count,
                                       .indices = call->in[0]->data,
                                       .values = call->in[2]->data,
                                       .y = y->data};
    return nn_cuda_launched(call, nn_cuda_launch_one_hot(&arguments, call->queue->stream));
}

#define GENERATE_KERNEL(symbol, accepts_function, prepare_function)                                \
    static const nn_kernel symbol##_cuda = {                                                       \
        .name = #symbol "_cuda",                                                                   \
        .on_device = true,                                                                         \
        .exactness = NN_EXACT,                                                                     \
        .accepts = accepts_function,                                                               \
        .prepare = prepare_function,                                                               \
        .run = run_##symbol,                                                                       \
    };                                                                                             \
    const nn_kernel *const nn_cuda_##symbol##_kernels[] = {&symbol##_cuda, NULL};
GENERATE_KERNEL(constant_of_shape, makes_bytes, reads_inputs)
GENERATE_KERNEL(eye_like, accepts_eye_like, reads_inputs)
GENERATE_KERNEL(range, accepts_range, NULL)
GENERATE_KERNEL(one_hot, accepts_one_hot, prepare_one_hot)
