#include "ops/cuda/products/cudnn_conv.h"

#include <float.h>
#include <stdio.h>

enum {
    X = NN_CUDNN_X,
    W = NN_CUDNN_W,
    BIAS = NN_CUDNN_BIAS,
    RESIDUAL = NN_CUDNN_RESIDUAL,
    Y = NN_CUDNN_Y,
    NUMBERS = NN_CUDNN_NUMBERS,
};

/* What the engine promises of memory it allocates is more; of tensors inside its slab it is this.
 */
enum { ALIGNMENT = 16 };

const char *const nn_cudnn_form_names[NN_CUDNN_FORMS] = {"fused", "biased", "plain", "product"};

nn_type nn_cudnn_conv_bias_type(const nn_cudnn_conv *problem, nn_cudnn_form form) {
    return form != NN_CUDNN_PLAIN && problem->y_type == problem->type ? problem->type : NNOPT_FLOAT;
}

static bool has_residual(const nn_cudnn_conv *problem) {
    return problem->residual_type != NNOPT_TYPE_NONE;
}

static bool has_activation(const nn_cudnn_conv *problem) {
    return problem->before.kind != NN_ACT_NONE || problem->after.kind != NN_ACT_NONE;
}

bool nn_cudnn_conv_adds_residual_first(const nn_cudnn_conv *problem) {
    return has_residual(problem) && problem->before.kind == NN_ACT_NONE;
}

/* Every pixel of y is of one pixel of x. */
static bool is_product(const nn_cudnn_conv *problem) {
    const nn_conv_geometry *g = &problem->geometry;
    bool out = !problem->is_transpose && g->groups == 1 && g->taps == 1;
    for (int i = 0; i < NN_MAX_SPATIAL; i++)
        out = out && g->axes[i].stride == 1 && g->axes[i].in == g->axes[i].out;
    return out;
}

bool nn_cudnn_conv_has_form(const nn_cudnn_conv *problem, nn_cudnn_form form) {
    switch (form) {
    case NN_CUDNN_FUSED:
        return true;
    case NN_CUDNN_BIASED:
        return has_activation(problem) &&
               (problem->has_bias || nn_cudnn_conv_adds_residual_first(problem)) &&
               problem->y_type == problem->type;
    case NN_CUDNN_PRODUCT:
        return is_product(problem);
    default:
        return problem->has_bias || has_residual(problem) || has_activation(problem);
    }
}

static cudnnDataType_t data_type(nn_type type) {
    return type == NNOPT_FLOAT16    ? CUDNN_DATA_HALF
           : type == NNOPT_BFLOAT16 ? CUDNN_DATA_BFLOAT16
                                    : CUDNN_DATA_FLOAT;
}

/* ---- tensors ---- */

/* A map of the node's input (is_output false) or output. */
static nn_cudnn_tensor map_of(const nn_cudnn_conv *problem, bool is_output, int64_t uid,
                              nn_type type) {
    const nn_conv_geometry *g = &problem->geometry;
    nn_cudnn_tensor out = {.uid = uid,
                           .type = data_type(type),
                           .rank = problem->spatial + 2,
                           .dims = {g->batch, is_output ? g->out_channels : g->in_channels},
                           .alignment = ALIGNMENT};
    for (int i = 0; i < problem->spatial; i++) {
        const nn_window_axis *axis = &g->axes[NN_MAX_SPATIAL - problem->spatial + i];
        out.dims[2 + i] = is_output == !problem->is_transpose ? axis->out : axis->in;
    }
    return out;
}

static nn_cudnn_tensor filters_of(const nn_cudnn_conv *problem) {
    const nn_conv_geometry *g = &problem->geometry;
    const int64_t filters = problem->is_transpose ? g->in_channels : g->out_channels;
    const int64_t channels = problem->is_transpose ? g->group_out_channels : g->group_in_channels;
    nn_cudnn_tensor out = {.uid = W,
                           .type = data_type(problem->type),
                           .rank = problem->spatial + 2,
                           .dims = {filters, channels},
                           .alignment = ALIGNMENT};
    for (int i = 0; i < problem->spatial; i++)
        out.dims[2 + i] = g->axes[NN_MAX_SPATIAL - problem->spatial + i].kernel;
    return out;
}

static nn_cudnn_convolution window_of(const nn_cudnn_conv *problem) {
    nn_cudnn_convolution out = {.spatial = problem->spatial, .is_gradient = problem->is_transpose};
    for (int i = 0; i < problem->spatial; i++) {
        const nn_window_axis *axis = &problem->geometry.axes[NN_MAX_SPATIAL - problem->spatial + i];
        out.stride[i] = axis->stride;
        out.dilation[i] = axis->dilation;
        out.pad_begin[i] = axis->pad_begin;
        out.pad_end[i] = axis->pad_end;
    }
    return out;
}

/* ---- what follows the convolution ---- */

/* A graph being written, operation after operation. */
typedef struct chain {
    const nn_cudnn_conv *problem;
    nn_cudnn_graph *graph;
    nn_cudnn_numbers *numbers;
    cudnnBackendDescriptor_t value; /* so far */
    int left;                       /* operations still to come */
} chain;

/* What the next operation writes: the last one the output, others a number that never lies in
 * memory. */
static cudnnBackendDescriptor_t next_value(chain *c) {
    const bool is_last = --c->left == 0;
    nn_cudnn_tensor out =
        map_of(c->problem, true, is_last ? Y : 0, is_last ? c->problem->y_type : NNOPT_FLOAT);
    return nn_cudnn_graph_tensor(c->graph, &out);
}

static void apply(chain *c, const nn_cudnn_pointwise *what, cudnnBackendDescriptor_t b) {
    cudnnBackendDescriptor_t y = next_value(c);
    nn_cudnn_graph_apply(c->graph, what, c->value, b, y);
    c->value = y;
}

static void apply_mode(chain *c, cudnnPointwiseMode_t mode, cudnnBackendDescriptor_t b) {
    apply(c, &(nn_cudnn_pointwise){.mode = mode}, b);
}

static void apply_number(chain *c, cudnnPointwiseMode_t mode, float number) {
    nn_cudnn_tensor scalar = {.uid = NUMBERS + c->numbers->count,
                              .type = CUDNN_DATA_FLOAT,
                              .rank = c->problem->spatial + 2,
                              .dims = {1, 1, 1, 1, 1},
                              .alignment = (int64_t)sizeof(float),
                              .is_by_value = true};
    if (c->numbers->count == NN_CUDNN_MOST_NUMBERS) return; /* two activations have four at most */
    c->numbers->values[c->numbers->count++] = number;
    apply_mode(c, mode, nn_cudnn_graph_tensor(c->graph, &scalar));
}

static void clip(chain *c, float low, float high) {
    apply(c, &(nn_cudnn_pointwise){CUDNN_POINTWISE_RELU_FWD, low, high, 0, 0}, NULL);
}

/* How many operations apply_activation adds. */
static int operations_of(nn_activation a) {
    switch (a.kind) {
    case NN_ACT_NONE:
        return 0;
    case NN_ACT_CLIP:
    case NN_ACT_LINEAR:
        return 2;
    case NN_ACT_HARD_SIGMOID:
        return 3;
    case NN_ACT_HARD_SWISH:
        return 4;
    default:
        return 1;
    }
}

static void apply_activation(chain *c, nn_activation a) {
    const cudnnBackendDescriptor_t before = c->value;
    switch (a.kind) {
    case NN_ACT_RELU:
        clip(c, 0, FLT_MAX);
        break;
    case NN_ACT_CLIP:
        apply_number(c, CUDNN_POINTWISE_MAX, a.alpha);
        apply_number(c, CUDNN_POINTWISE_MIN, a.beta);
        break;
    case NN_ACT_LEAKY_RELU:
        apply(c, &(nn_cudnn_pointwise){CUDNN_POINTWISE_RELU_FWD, 0, FLT_MAX, a.alpha, 0}, NULL);
        break;
    case NN_ACT_SIGMOID:
        apply_mode(c, CUDNN_POINTWISE_SIGMOID_FWD, NULL);
        break;
    case NN_ACT_TANH:
        apply_mode(c, CUDNN_POINTWISE_TANH_FWD, NULL);
        break;
    case NN_ACT_HARD_SIGMOID:
    case NN_ACT_HARD_SWISH:
        apply_number(c, CUDNN_POINTWISE_MUL, a.alpha);
        apply_number(c, CUDNN_POINTWISE_ADD, a.beta);
        clip(c, 0, 1);
        if (a.kind == NN_ACT_HARD_SWISH) apply_mode(c, CUDNN_POINTWISE_MUL, before);
        break;
    case NN_ACT_SILU:
        apply(c, &(nn_cudnn_pointwise){.mode = CUDNN_POINTWISE_SWISH_FWD, .beta = 1}, NULL);
        break;
    case NN_ACT_GELU:
        apply_mode(c, CUDNN_POINTWISE_GELU_FWD, NULL);
        break;
    case NN_ACT_GELU_TANH:
        apply_mode(c, CUDNN_POINTWISE_GELU_APPROX_TANH_FWD, NULL);
        break;
    case NN_ACT_LINEAR:
        apply_number(c, CUDNN_POINTWISE_MUL, a.alpha);
        apply_number(c, CUDNN_POINTWISE_ADD, a.beta);
        break;
    default:
        break;
    }
}

static void add_residual(chain *c) {
    const nn_cudnn_conv *problem = c->problem;
    if (problem->residual_type == NNOPT_TYPE_NONE) return;
    nn_cudnn_tensor residual = map_of(problem, true, RESIDUAL, problem->residual_type);
    apply_mode(c, CUDNN_POINTWISE_ADD, nn_cudnn_graph_tensor(c->graph, &residual));
}

static void add_bias(chain *c) {
    const nn_cudnn_conv *problem = c->problem;
    if (!problem->has_bias) return;
    nn_cudnn_tensor bias = {.uid = BIAS,
                            .type = data_type(nn_cudnn_conv_bias_type(problem, NN_CUDNN_FUSED)),
                            .rank = problem->spatial + 2,
                            .dims = {1, problem->geometry.out_channels, 1, 1, 1},
                            .alignment = ALIGNMENT};
    apply_mode(c, CUDNN_POINTWISE_ADD, nn_cudnn_graph_tensor(c->graph, &bias));
}

/* Operations that the form puts behind the convolution. */
static int operations_behind(const nn_cudnn_conv *problem, nn_cudnn_form form) {
    if (form == NN_CUDNN_PLAIN) return 0;
    int out = problem->has_bias ? 1 : 0;
    if (form == NN_CUDNN_BIASED) return out + (nn_cudnn_conv_adds_residual_first(problem) ? 1 : 0);
    return out + (has_residual(problem) ? 1 : 0) + operations_of(problem->before) +
           operations_of(problem->after);
}

static void write_epilogue(chain *c, nn_cudnn_form form) {
    const bool is_first = nn_cudnn_conv_adds_residual_first(c->problem);
    if (form == NN_CUDNN_PLAIN) return;
    if (is_first) add_residual(c);
    add_bias(c);
    if (form == NN_CUDNN_BIASED) return;
    apply_activation(c, c->problem->before);
    if (!is_first) add_residual(c);
    apply_activation(c, c->problem->after);
}

nn_status nn_cudnn_conv_graph(const nn_cudnn_conv *problem, nn_cudnn_form form,
                              nn_cudnn_place place, nn_cudnn_graph *graph,
                              nn_cudnn_numbers *numbers) {
    chain c = {.problem = problem, .graph = graph, .numbers = numbers, .left = 1};
    nn_cudnn_tensor x = map_of(problem, false, X, problem->type), w = filters_of(problem);
    nn_cudnn_convolution window = window_of(problem);
    nn_cudnn_graph_start(graph, place);
    numbers->count = 0;
    c.left += operations_behind(problem, form);
    cudnnBackendDescriptor_t in = nn_cudnn_graph_tensor(graph, &x);
    cudnnBackendDescriptor_t filters = nn_cudnn_graph_tensor(graph, &w);
    c.value = next_value(&c);
    if (problem->is_transpose)
        nn_cudnn_graph_convolve(graph, &window, c.value, filters, in);
    else
        nn_cudnn_graph_convolve(graph, &window, in, filters, c.value);
    write_epilogue(&c, form);
    return nn_cudnn_graph_finish(graph);
}

/* ---- names ---- */

static size_t add_activation(char *text, size_t used, size_t size, const char *name,
                             nn_activation a) {
    if (a.kind == NN_ACT_NONE || used >= size) return used;
    return used + (size_t)snprintf(text + used, size - used, " %s %d %a %a", name, (int)a.kind,
                                   (double)a.alpha, (double)a.beta);
}

void nn_cudnn_conv_key(const nn_cudnn_conv *problem, char *text, size_t size) {
    const nn_conv_geometry *g = &problem->geometry;
    size_t used = (size_t)snprintf(
        text, size, "%s n%lld c%lld m%lld g%lld %s-%s%s%s%s",
        problem->is_transpose ? "transpose" : "conv", (long long)g->batch,
        (long long)g->in_channels, (long long)g->out_channels, (long long)g->groups,
        nnopt_type_name(problem->type), nnopt_type_name(problem->y_type),
        problem->has_bias ? " bias" : "",
        problem->residual_type != NNOPT_TYPE_NONE ? " residual " : "",
        problem->residual_type != NNOPT_TYPE_NONE ? nnopt_type_name(problem->residual_type) : "");
    for (int i = NN_MAX_SPATIAL - problem->spatial; i < NN_MAX_SPATIAL && used < size; i++) {
        const nn_window_axis *axis = &g->axes[i];
        used +=
            (size_t)snprintf(text + used, size - used, " %lld:%lld k%lld s%lld d%lld p%lld,%lld",
                             (long long)axis->in, (long long)axis->out, (long long)axis->kernel,
                             (long long)axis->stride, (long long)axis->dilation,
                             (long long)axis->pad_begin, (long long)axis->pad_end);
    }
    used = add_activation(text, used, size, "before", problem->before);
    add_activation(text, used, size, "after", problem->after);
}

/* ---- products ---- */

nn_product nn_cudnn_conv_product(const nn_cudnn_conv *problem, nn_precision precision,
                                 bool deterministic) {
    const nn_conv_geometry *g = &problem->geometry;
    return (nn_product){
        .gemm = {.batch = 1,
                 .m = g->batch * g->out_pixels,
                 .n = g->out_channels,
                 .k = g->in_channels,
                 .transpose_b = true,
                 .a_row = g->in_channels,
                 .b_row = g->in_channels,
                 .type = problem->type,
                 .alpha = 1,
                 .alignment = ALIGNMENT,
                 .precision = precision,
                 .deterministic = deterministic},
        .y_type = problem->y_type,
        .bias_type = problem->has_bias ? nn_cudnn_conv_bias_type(problem, NN_CUDNN_PRODUCT)
                                       : NNOPT_TYPE_NONE,
        .residual_type = problem->residual_type,
        .bias_column = 1,
        .bias_scale = 1,
        .before = problem->before,
        .after = problem->after,
    };
}
