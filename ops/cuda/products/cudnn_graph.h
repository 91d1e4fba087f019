/* Graphs of cuDNN's backend: tensors and the operations between them.
 *
 * The first failure is kept and makes the later calls do nothing, so that a graph is written down
 * without a check after each line; nn_cudnn_graph_finish reports it. */
#ifndef NN_CUDNN_GRAPH_H
#define NN_CUDNN_GRAPH_H

#include "ops/cuda/runtime/cudnn_library.h"

enum { NN_CUDNN_MAX_RANK = 5, NN_CUDNN_MOST_OBJECTS = 96, NN_CUDNN_MOST_OPERATIONS = 24 };

/* Where graphs run: on the device of a handle, or on one that is only described, which makes plans
 * but cannot run them. */
typedef struct nn_cudnn_place {
    const nn_cudnn *cudnn;
    cudnnHandle_t handle;               /* NULL with a description */
    cudnnBackendDescriptor_t described; /* of type DEVICEPROP, or NULL */
} nn_cudnn_place;

typedef struct nn_cudnn_graph {
    nn_cudnn_place place;
    nn_status status;
    cudnnBackendDescriptor_t objects[NN_CUDNN_MOST_OBJECTS];
    cudnnBackendDescriptor_t operations[NN_CUDNN_MOST_OPERATIONS];
    cudnnBackendDescriptor_t whole; /* after nn_cudnn_graph_finish */
    int object_count, operation_count;
    int64_t virtual_uid; /* of the last tensor between operations, counted down from 0 */
    uint64_t digest;     /* of all that was written: names the graph in every process */
} nn_cudnn_graph;

void nn_cudnn_graph_start(nn_cudnn_graph *graph, nn_cudnn_place place);
void nn_cudnn_graph_clear(nn_cudnn_graph *graph);

/* A tensor in memory, N C spatial, of which the channels lie innermost. */
typedef struct nn_cudnn_tensor {
    int64_t uid; /* positive; 0: between operations, never in memory */
    cudnnDataType_t type;
    int rank;
    int64_t dims[NN_CUDNN_MAX_RANK];
    int64_t alignment; /* bytes */
    bool is_by_value;  /* one number, handed over with the call */
} nn_cudnn_tensor;

cudnnBackendDescriptor_t nn_cudnn_graph_tensor(nn_cudnn_graph *graph,
                                               const nn_cudnn_tensor *tensor);

/* Cross-correlation over `spatial` axes with sums in float; y from x, or, where it is the gradient
 * for the data, x from y. */
typedef struct nn_cudnn_convolution {
    int spatial;
    int64_t stride[3], dilation[3], pad_begin[3], pad_end[3];
    bool is_gradient;
} nn_cudnn_convolution;

void nn_cudnn_graph_convolve(nn_cudnn_graph *graph, const nn_cudnn_convolution *convolution,
                             cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t w,
                             cudnnBackendDescriptor_t y);

/* y = mode(x, b) in float, or y = mode(x) where b is NULL. RELU_FWD bounds by low and high and
 * multiplies what lies below by slope; SWISH_FWD takes beta. Others ignore the numbers. */
typedef struct nn_cudnn_pointwise {
    cudnnPointwiseMode_t mode;
    double low, high, slope, beta;
} nn_cudnn_pointwise;

void nn_cudnn_graph_apply(nn_cudnn_graph *graph, const nn_cudnn_pointwise *pointwise,
                          cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t b,
                          cudnnBackendDescriptor_t y);

nn_status nn_cudnn_graph_finish(nn_cudnn_graph *graph);

#endif
