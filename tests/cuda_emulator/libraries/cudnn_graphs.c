/* Graphs of the double: the rules of tensors and operations, and the graph that they make. */
#include "tests/cuda_emulator/libraries/cudnn_double.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

int64_t nn_double_size_of(cudnnDataType_t type) {
    return type == CUDNN_DATA_FLOAT ? 4 : 2;
}

static bool is_set(const descriptor *d, cudnnBackendAttributeName_t name) {
    const attribute *found = nn_double_find(d, name);
    return found != NULL && *(bool *)found->bytes;
}

static int64_t integer(const descriptor *d, cudnnBackendAttributeName_t name) {
    return *(int64_t *)nn_double_find(d, name)->bytes;
}

static void read_tensor(const descriptor *d, tensor *out) {
    const attribute *dims = nn_double_find(d, CUDNN_ATTR_TENSOR_DIMENSIONS);
    const attribute *strides = nn_double_find(d, CUDNN_ATTR_TENSOR_STRIDES);
    *out =
        (tensor){.uid = integer(d, CUDNN_ATTR_TENSOR_UNIQUE_ID),
                 .type = *(cudnnDataType_t *)nn_double_find(d, CUDNN_ATTR_TENSOR_DATA_TYPE)->bytes,
                 .rank = (int)dims->count,
                 .alignment = integer(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT),
                 .is_virtual = is_set(d, CUDNN_ATTR_TENSOR_IS_VIRTUAL),
                 .is_by_value = is_set(d, CUDNN_ATTR_TENSOR_IS_BY_VALUE),
                 .count = 1};
    for (int i = 0; i < out->rank; i++) {
        out->dims[i] = ((int64_t *)dims->bytes)[i];
        out->strides[i] = i < strides->count ? ((int64_t *)strides->bytes)[i] : 0;
        out->count *= out->dims[i];
    }
}

/* Dense and channels last, which is all that nnopt hands over. */
static bool is_channels_last(const tensor *t) {
    int64_t step = t->dims[1];
    bool fits = t->strides[1] == 1;
    for (int i = t->rank - 1; i >= 2; i--) {
        fits = fits && t->strides[i] == step;
        step *= t->dims[i];
    }
    return fits && t->strides[0] == step;
}

cudnnStatus_t nn_double_check_tensor(const descriptor *d) {
    tensor t;
    read_tensor(d, &t);
    if (nn_double_find(d, CUDNN_ATTR_TENSOR_STRIDES)->count != t.rank)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "as many strides as axes are needed");
    for (int i = 0; i < t.rank; i++)
        if (t.dims[i] < 1) return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "axis %d is empty", i);
    if (t.type != CUDNN_DATA_FLOAT && t.type != CUDNN_DATA_HALF && t.type != CUDNN_DATA_BFLOAT16)
        return nn_double_fail(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "type %d", (int)t.type);
    if (t.alignment < nn_double_size_of(t.type) || (t.alignment & (t.alignment - 1)) != 0)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "alignment %d", (int)t.alignment);
    if (!is_channels_last(&t))
        return nn_double_fail(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT, "a tensor is not channels last");
    if (t.is_by_value && (t.count != 1 || t.is_virtual))
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "only one number goes by value");
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t nn_double_check_window(const descriptor *d) {
    static const cudnnBackendAttributeName_t lists[] = {
        CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS,
        CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES};
    const int64_t spatial = integer(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS);
    for (int i = 0; i < 4; i++) {
        const attribute *list = nn_double_find(d, lists[i]);
        if (list->count != spatial)
            return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "a list has not one value for each axis");
        for (int64_t j = 0; j < spatial; j++)
            if (((int64_t *)list->bytes)[j] < (i < 2 ? 0 : 1))
                return nn_double_fail(CUDNN_STATUS_BAD_PARAM,
                                      "a pad, dilation or stride is too small");
    }
    if (*(cudnnDataType_t *)nn_double_find(d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE)->bytes !=
        CUDNN_DATA_FLOAT)
        return nn_double_fail(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "sums are of floats");
    if (*(cudnnConvolutionMode_t *)nn_double_find(d, CUDNN_ATTR_CONVOLUTION_CONV_MODE)->bytes !=
        CUDNN_CROSS_CORRELATION)
        return nn_double_fail(CUDNN_STATUS_NOT_SUPPORTED, "only cross-correlation is emulated");
    return CUDNN_STATUS_SUCCESS;
}

/* ---- operations ---- */

/* Names of the parts: window or function, x, second operand, y; by kind. */
static const cudnnBackendAttributeName_t part_names[3][4] = {
    {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
    {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY},
    {CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_ATTR_OPERATION_POINTWISE_XDESC,
     CUDNN_ATTR_OPERATION_POINTWISE_BDESC, CUDNN_ATTR_OPERATION_POINTWISE_YDESC}};

static operation_kind kind_of(const descriptor *d) {
    return d->type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR         ? CONVOLVE
           : d->type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR ? GRADIENT
                                                                                     : POINTWISE;
}

static void read_list(const descriptor *d, cudnnBackendAttributeName_t name, int64_t *out) {
    const attribute *list = nn_double_find(d, name);
    memcpy(out, list->bytes, (size_t)list->count * sizeof *out);
}

static double number(const descriptor *d, cudnnBackendAttributeName_t name, double otherwise) {
    const attribute *found = nn_double_find(d, name);
    return found != NULL ? *(double *)found->bytes : otherwise;
}

static void read_parameters(const descriptor *d, operation *out) {
    const descriptor *what = nn_double_part(d, part_names[kind_of(d)][0]);
    out->kind = kind_of(d);
    if (out->kind == POINTWISE) {
        out->mode = *(cudnnPointwiseMode_t *)nn_double_find(what, CUDNN_ATTR_POINTWISE_MODE)->bytes;
        out->low = number(what, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, 0);
        out->high = number(what, CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, 3.4028234663852886e38);
        out->slope = number(what, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, 0);
        out->beta = number(what, CUDNN_ATTR_POINTWISE_SWISH_BETA, 1);
        return;
    }
    out->spatial = (int)integer(what, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS);
    read_list(what, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, out->stride);
    read_list(what, CUDNN_ATTR_CONVOLUTION_DILATIONS, out->dilation);
    read_list(what, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, out->pad_begin);
    read_list(what, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, out->pad_end);
}

static cudnnStatus_t check_convolution(const operation *o, const tensor *x, const tensor *w,
                                       const tensor *y) {
    if (x->rank != o->spatial + 2 || w->rank != x->rank || y->rank != x->rank)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "ranks of a convolution");
    if (x->dims[0] != y->dims[0] || w->dims[0] != y->dims[1] || x->dims[1] % w->dims[1] != 0 ||
        y->dims[1] % (x->dims[1] / w->dims[1]) != 0)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, "channels of a convolution");
    for (int i = 0; i < o->spatial; i++) {
        const int64_t room = x->dims[2 + i] + o->pad_begin[i] + o->pad_end[i] -
                             (w->dims[2 + i] - 1) * o->dilation[i] - 1;
        if (room < 0 || room / o->stride[i] + 1 != y->dims[2 + i])
            return nn_double_fail(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, "axis %d of a convolution",
                                  i);
    }
    const tensor *data = o->kind == CONVOLVE ? x : y; /* what is read */
    return data->type == w->type
               ? CUDNN_STATUS_SUCCESS
               : nn_double_fail(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "map and filters differ");
}

static bool is_binary(cudnnPointwiseMode_t mode) {
    return mode == CUDNN_POINTWISE_ADD || mode == CUDNN_POINTWISE_MUL ||
           mode == CUDNN_POINTWISE_MAX || mode == CUDNN_POINTWISE_MIN;
}

static cudnnStatus_t check_pointwise(const operation *o, const tensor *x, const tensor *b,
                                     const tensor *y) {
    if (is_binary(o->mode) != (b != NULL))
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "operands of pointwise mode %d",
                              (int)o->mode);
    for (int i = 0; i < y->rank; i++) {
        if (x->rank != y->rank || x->dims[i] != y->dims[i])
            return nn_double_fail(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH,
                                  "x of a pointwise operation");
        if (b != NULL && (b->rank != y->rank || (b->dims[i] != y->dims[i] && b->dims[i] != 1)))
            return nn_double_fail(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH,
                                  "b of a pointwise operation");
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t nn_double_check_operation(const descriptor *d) {
    const cudnnBackendAttributeName_t *names = part_names[kind_of(d)];
    operation o = {.b = -1};
    tensor tensors[3];
    bool has_b = nn_double_part(d, names[2]) != NULL;
    for (int i = 0; i < 3; i++)
        if (nn_double_part(d, names[1 + i]) != NULL)
            read_tensor(nn_double_part(d, names[1 + i]), &tensors[i]);
    read_parameters(d, &o);
    if (o.kind == POINTWISE)
        return check_pointwise(&o, &tensors[0], has_b ? &tensors[1] : NULL, &tensors[2]);
    return check_convolution(&o, &tensors[0], &tensors[1], &tensors[2]);
}

/* ---- graphs ---- */

static int add_tensor(graph *g, const descriptor *d) {
    tensor t;
    if (d == NULL) return -1;
    read_tensor(d, &t);
    for (int i = 0; i < g->tensor_count; i++) {
        if (g->tensors[i].uid != t.uid) continue;
        if (memcmp(&g->tensors[i], &t, sizeof t) != 0)
            nn_emulator_die("cuDNN: two tensors are called %d", (int)t.uid);
        return i;
    }
    if (g->tensor_count == MOST_TENSORS) nn_emulator_die("cuDNN: too many tensors");
    g->tensors[g->tensor_count] = t;
    return g->tensor_count++;
}

/* What operation `o` writes. */
static int output_of(const operation *o) {
    return o->kind == GRADIENT ? o->x : o->y;
}

/* Values between operations are written by one before they are read, and the last is in memory. */
static cudnnStatus_t check_order(const graph *g) {
    bool written[MOST_TENSORS] = {false};
    for (int i = 0; i < g->operation_count; i++) {
        const operation *o = &g->operations[i];
        const int reads[] = {o->kind == GRADIENT ? o->y : o->x, o->b};
        for (int j = 0; j < 2; j++)
            if (reads[j] >= 0 && g->tensors[reads[j]].is_virtual && !written[reads[j]])
                return nn_double_fail(CUDNN_STATUS_BAD_PARAM,
                                      "operation %d reads what is not there", i);
        if (written[output_of(o)])
            return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "operation %d writes again", i);
        written[output_of(o)] = true;
    }
    return g->tensors[output_of(&g->operations[g->operation_count - 1])].is_virtual
               ? nn_double_fail(CUDNN_STATUS_BAD_PARAM, "the result lies nowhere")
               : CUDNN_STATUS_SUCCESS;
}

static struct {
    pthread_mutex_t lock;
    graph *first;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

cudnnStatus_t nn_double_keep_graph(const graph *from, graph **out) {
    graph *g = malloc(sizeof *g);
    if (g == NULL) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    *g = *from;
    pthread_mutex_lock(&all.lock);
    g->next = all.first;
    all.first = g;
    pthread_mutex_unlock(&all.lock);
    *out = g;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t nn_double_make_graph(const descriptor *d, graph **out) {
    static const graph empty;
    const attribute *operations = nn_double_find(d, CUDNN_ATTR_OPERATIONGRAPH_OPS);
    cudnnStatus_t status = nn_double_keep_graph(&empty, out);
    if (status != CUDNN_STATUS_SUCCESS) return status;
    graph *g = *out;
    for (int64_t i = 0; i < operations->count; i++) {
        const descriptor *from = ((descriptor **)operations->bytes)[i];
        operation *o = &g->operations[g->operation_count++];
        const cudnnBackendAttributeName_t *names = part_names[kind_of(from)];
        read_parameters(from, o);
        o->x = add_tensor(g, nn_double_part(from, names[1]));
        o->b = add_tensor(g, nn_double_part(from, names[2]));
        o->y = add_tensor(g, nn_double_part(from, names[3]));
    }
    return check_order(g);
}
