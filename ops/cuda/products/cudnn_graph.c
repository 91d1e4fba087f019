#include "ops/cuda/products/cudnn_graph.h"

#include "base/dataset.h"

#include <stdio.h>

void nn_cudnn_graph_start(nn_cudnn_graph *graph, nn_cudnn_place place) {
    *graph = (nn_cudnn_graph){.place = place};
}

void nn_cudnn_graph_clear(nn_cudnn_graph *graph) {
    for (int i = graph->object_count - 1; i >= 0; i--)
        graph->place.cudnn->BackendDestroyDescriptor(graph->objects[i]);
    graph->object_count = graph->operation_count = 0;
    graph->whole = NULL;
}

/* ---- what the graph is called ---- */

static void digest(nn_cudnn_graph *graph, const void *bytes, size_t size) {
    graph->digest = nn_hash_bytes(graph->digest, bytes, size);
}

static size_t element_bytes(cudnnBackendAttributeType_t type) {
    switch (type) {
    case CUDNN_TYPE_BOOLEAN:
        return sizeof(bool);
    case CUDNN_TYPE_INT64:
        return sizeof(int64_t);
    case CUDNN_TYPE_DOUBLE:
        return sizeof(double);
    default:
        return sizeof(int); /* enumerations of C */
    }
}

/* Parts by their number, so that equal graphs have equal digests in every process. */
static void digest_attribute(nn_cudnn_graph *graph, cudnnBackendDescriptor_t object,
                             cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                             int64_t count, const void *values) {
    const int64_t head[] = {(int64_t)name, (int64_t)type, count};
    const bool has_parts = type == CUDNN_TYPE_BACKEND_DESCRIPTOR;
    if (type == CUDNN_TYPE_HANDLE) return;
    digest(graph, head, sizeof head);
    if (!has_parts) digest(graph, values, (size_t)count * element_bytes(type));
    for (int64_t i = -1; i < (has_parts ? count : 0); i++) {
        const cudnnBackendDescriptor_t part =
            i < 0 ? object : ((const cudnnBackendDescriptor_t *)values)[i];
        int number = 0;
        while (number < graph->object_count && graph->objects[number] != part) number++;
        digest(graph, &number, sizeof number);
    }
}

/* ---- parts ---- */

static cudnnBackendDescriptor_t create(nn_cudnn_graph *graph, cudnnBackendDescriptorType_t type) {
    cudnnBackendDescriptor_t object = NULL;
    if (graph->status != NN_OK) return NULL;
    if (graph->object_count == NN_CUDNN_MOST_OBJECTS) {
        graph->status = nn_fail(NN_INTERNAL, "a graph for cuDNN has too many parts");
        return NULL;
    }
    graph->status = nn_cudnn_check(graph->place.cudnn,
                                   graph->place.cudnn->BackendCreateDescriptor(type, &object),
                                   "part of a graph");
    if (graph->status == NN_OK) graph->objects[graph->object_count++] = object;
    digest(graph, &type, sizeof type);
    return object;
}

static void set(nn_cudnn_graph *graph, cudnnBackendDescriptor_t object,
                cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                const void *values) {
    char what[48];
    if (graph->status != NN_OK) return;
    digest_attribute(graph, object, name, type, count, values);
    snprintf(what, sizeof what, "attribute %d of a graph", (int)name);
    graph->status = nn_cudnn_check(
        graph->place.cudnn,
        graph->place.cudnn->BackendSetAttribute(object, name, type, count, values), what);
}

static void set_int64(nn_cudnn_graph *graph, cudnnBackendDescriptor_t object,
                      cudnnBackendAttributeName_t name, int64_t value) {
    set(graph, object, name, CUDNN_TYPE_INT64, 1, &value);
}

static void set_double(nn_cudnn_graph *graph, cudnnBackendDescriptor_t object,
                       cudnnBackendAttributeName_t name, double value) {
    set(graph, object, name, CUDNN_TYPE_DOUBLE, 1, &value);
}

static void set_bool(nn_cudnn_graph *graph, cudnnBackendDescriptor_t object,
                     cudnnBackendAttributeName_t name, bool value) {
    set(graph, object, name, CUDNN_TYPE_BOOLEAN, 1, &value);
}

static void set_type(nn_cudnn_graph *graph, cudnnBackendDescriptor_t object,
                     cudnnBackendAttributeName_t name, cudnnDataType_t type) {
    set(graph, object, name, CUDNN_TYPE_DATA_TYPE, 1, &type);
}

static void set_part(nn_cudnn_graph *graph, cudnnBackendDescriptor_t object,
                     cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t part) {
    set(graph, object, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part);
}

static void finish(nn_cudnn_graph *graph, cudnnBackendDescriptor_t object, const char *what) {
    if (graph->status != NN_OK) return;
    graph->status =
        nn_cudnn_check(graph->place.cudnn, graph->place.cudnn->BackendFinalize(object), what);
}

cudnnBackendDescriptor_t nn_cudnn_graph_tensor(nn_cudnn_graph *graph,
                                               const nn_cudnn_tensor *tensor) {
    cudnnBackendDescriptor_t out = create(graph, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    int64_t strides[NN_CUDNN_MAX_RANK], step = tensor->dims[1];
    strides[1] = 1;
    for (int axis = tensor->rank - 1; axis >= 2; axis--) {
        strides[axis] = step;
        step *= tensor->dims[axis];
    }
    strides[0] = step;
    bool is_virtual = tensor->uid == 0;
    set_type(graph, out, CUDNN_ATTR_TENSOR_DATA_TYPE, tensor->type);
    set(graph, out, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, tensor->rank, tensor->dims);
    set(graph, out, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, tensor->rank, strides);
    set_int64(graph, out, CUDNN_ATTR_TENSOR_UNIQUE_ID,
              is_virtual ? --graph->virtual_uid : tensor->uid);
    set_int64(graph, out, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, tensor->alignment);
    if (is_virtual) set_bool(graph, out, CUDNN_ATTR_TENSOR_IS_VIRTUAL, true);
    if (tensor->is_by_value) set_bool(graph, out, CUDNN_ATTR_TENSOR_IS_BY_VALUE, true);
    finish(graph, out, "tensor");
    return out;
}

static cudnnBackendDescriptor_t window(nn_cudnn_graph *graph, const nn_cudnn_convolution *c) {
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    cudnnBackendDescriptor_t out = create(graph, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    set_int64(graph, out, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, c->spatial);
    set_type(graph, out, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
    set(graph, out, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    const struct {
        cudnnBackendAttributeName_t name;
        const int64_t *values;
    } lists[] = {
        {CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, c->pad_begin},
        {CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, c->pad_end},
        {CUDNN_ATTR_CONVOLUTION_DILATIONS, c->dilation},
        {CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, c->stride},
    };
    for (int i = 0; i < 4; i++)
        set(graph, out, lists[i].name, CUDNN_TYPE_INT64, c->spatial, lists[i].values);
    finish(graph, out, "convolution");
    return out;
}

static void add_operation(nn_cudnn_graph *graph, cudnnBackendDescriptor_t operation,
                          const char *what) {
    finish(graph, operation, what);
    if (graph->status != NN_OK) return;
    if (graph->operation_count == NN_CUDNN_MOST_OPERATIONS)
        graph->status = nn_fail(NN_INTERNAL, "a graph for cuDNN has too many operations");
    else
        graph->operations[graph->operation_count++] = operation;
}

void nn_cudnn_graph_convolve(nn_cudnn_graph *graph, const nn_cudnn_convolution *convolution,
                             cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t w,
                             cudnnBackendDescriptor_t y) {
    /* by is_gradient */
    static const cudnnBackendDescriptorType_t types[2] = {
        CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
        CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR};
    static const cudnnBackendAttributeName_t names[2][6] = {
        {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
        {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA}};
    const int form = convolution->is_gradient ? 1 : 0;
    cudnnBackendDescriptor_t parts[4] = {window(graph, convolution), x, w, y};
    cudnnBackendDescriptor_t out = create(graph, types[form]);
    for (int i = 0; i < 4; i++) set_part(graph, out, names[form][i], parts[i]);
    set_double(graph, out, names[form][4], 1);
    set_double(graph, out, names[form][5], 0);
    add_operation(graph, out, "convolution in a graph");
}

static cudnnBackendDescriptor_t function(nn_cudnn_graph *graph, const nn_cudnn_pointwise *p) {
    cudnnBackendDescriptor_t out = create(graph, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    set(graph, out, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &p->mode);
    set_type(graph, out, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
    if (p->mode == CUDNN_POINTWISE_RELU_FWD) {
        set_double(graph, out, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, p->low);
        set_double(graph, out, CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, p->high);
        set_double(graph, out, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, p->slope);
    }
    if (p->mode == CUDNN_POINTWISE_SWISH_FWD)
        set_double(graph, out, CUDNN_ATTR_POINTWISE_SWISH_BETA, p->beta);
    finish(graph, out, "pointwise function");
    return out;
}

void nn_cudnn_graph_apply(nn_cudnn_graph *graph, const nn_cudnn_pointwise *pointwise,
                          cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t b,
                          cudnnBackendDescriptor_t y) {
    cudnnBackendDescriptor_t what = function(graph, pointwise);
    cudnnBackendDescriptor_t out = create(graph, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    set_part(graph, out, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, what);
    set_part(graph, out, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b != NULL) set_part(graph, out, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
    set_part(graph, out, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    add_operation(graph, out, "pointwise operation");
}

nn_status nn_cudnn_graph_finish(nn_cudnn_graph *graph) {
    cudnnBackendDescriptor_t out = create(graph, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    if (graph->place.handle != NULL)
        set(graph, out, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1,
            &graph->place.handle);
    set(graph, out, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
        graph->operation_count, graph->operations);
    finish(graph, out, "graph");
    graph->whole = out;
    return graph->status;
}
