/* What stands between the sums of a product of bytes and its result, on the host's side: the form
 * of the result, and the numbers of each column, which are packed where all of them are constants
 * and else filled on the device in each run. */
#ifndef NN_CUDA_NUMBERS_H
#define NN_CUDA_NUMBERS_H

#include "ops/cpu/int8/int8_operators.h"
#include "ops/cuda/int8/finish_launch.h"
#include "ops/cuda/int8/numbers_launch.h"

/* A node as one problem. */
typedef struct nn_byte_product {
    nn_int8_inputs inputs;
    nn_u8s8_shape shape;
    int64_t taps, depth, columns; /* depth: of a group; columns: of all groups */
} nn_byte_product;

/* False: no kernel of a device that keeps numbers takes the node. Weights, their zero points and
 * everything about the output are constants. */
bool nn_byte_product_of(const nn_node_view *node, nn_int8_describe *describe, nn_byte_product *out);

/* Of one column, as tile kernels take them: weights are int8, those of uint8 less 128. */
int32_t nn_byte_weight_shift(const nn_node_view *node, const nn_byte_product *product);

/* The form of the result; pointers are left NULL. */
nn_cuda_finish nn_byte_finish(const nn_node_view *node, const nn_byte_product *product);

/* Kept in a node's state. */
typedef struct nn_byte_numbers {
    bool are_constant;
    const void *packed;     /* numbers, or the sums of weights alone */
    size_t workspace_bytes; /* for what is filled in the run, at the start of the workspace */
    float y_scale, scale;
    bool divides, has_offset;
} nn_byte_numbers;

nn_status nn_byte_numbers_prepare(const nn_node_view *node, const nn_byte_product *product,
                                  nn_prepare *prepare, nn_byte_numbers *out);
/* Fills them where they are not constant, and sets the pointers of `finish`. *padding: 16 bytes of
 * the zero point of x. */
nn_status nn_byte_numbers_set(const nn_call *call, const nn_byte_product *product,
                              const nn_byte_numbers *numbers, nn_cuda_finish *finish,
                              const uint8_t **padding);

/* Bytes of a part of a workspace, aligned as memory of the device is. */
static inline size_t nn_cuda_round_up(size_t bytes) {
    return (bytes + 255) / 256 * 256;
}

/* Input `index` of a call, absent where it is negative. */
nn_cuda_parameter nn_cuda_parameter_of(const nn_call *call, int index);

#endif
