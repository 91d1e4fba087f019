/* What the double computes: every tensor as floats, operation after operation. */
#include "tests/cuda_emulator/libraries/cudnn_double.h"

#include "base/tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct values {
    float *items[MOST_TENSORS];
} values;

static float *new_values(int64_t count) {
    float *out = calloc((size_t)count, sizeof *out);
    if (out == NULL) nn_emulator_die("no memory for what cuDNN computes");
    return out;
}

/* To 10 bits behind the point, as tensor cores take floats. */
static float to_tf32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0xfffu + (bits >> 13 & 1)) & ~0x1fffu;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void load(const tensor *t, const void *from, float number, bool rounds, float *out) {
    for (int64_t i = 0; i < t->count; i++) {
        if (t->is_by_value)
            out[i] = number;
        else if (t->type == CUDNN_DATA_FLOAT)
            out[i] = rounds ? to_tf32(((const float *)from)[i]) : ((const float *)from)[i];
        else if (t->type == CUDNN_DATA_HALF)
            out[i] = nn_half_to_float(((const uint16_t *)from)[i]);
        else
            out[i] = nn_bfloat16_to_float(((const uint16_t *)from)[i]);
    }
}

static void store(const tensor *t, const float *from, void *out) {
    for (int64_t i = 0; i < t->count; i++) {
        if (t->type == CUDNN_DATA_FLOAT)
            ((float *)out)[i] = from[i];
        else if (t->type == CUDNN_DATA_HALF)
            ((uint16_t *)out)[i] = nn_float_to_half(from[i]);
        else
            ((uint16_t *)out)[i] = nn_float_to_bfloat16(from[i]);
    }
}

/* ---- convolutions, channels last ---- */

typedef struct window {
    int64_t batch, channels, filters, groups, x_dims[3], y_dims[3], taps[3];
    int64_t stride[3], dilation[3], pad[3];
} window;

static window window_of(const operation *o, const tensor *x, const tensor *w, const tensor *y) {
    window out = {x->dims[0], x->dims[1], y->dims[1], x->dims[1] / w->dims[1],
                  {1, 1, 1},  {1, 1, 1},  {1, 1, 1},  {1, 1, 1},
                  {1, 1, 1},  {0, 0, 0}};
    for (int i = 0; i < o->spatial; i++) {
        const int at = 3 - o->spatial + i;
        out.x_dims[at] = x->dims[2 + i];
        out.y_dims[at] = y->dims[2 + i];
        out.taps[at] = w->dims[2 + i];
        out.stride[at] = o->stride[i];
        out.dilation[at] = o->dilation[i];
        out.pad[at] = o->pad_begin[i];
    }
    return out;
}

static void split(int64_t index, const int64_t *dims, int64_t *out) {
    for (int i = 2; i >= 0; i--) {
        out[i] = index % dims[i];
        index /= dims[i];
    }
}

/* The pixel of x that tap `tap` of the window at `pixel` of y lies on; -1: padding. */
static int64_t pixel_of(const window *c, const int64_t *pixel, const int64_t *tap) {
    int64_t at = 0;
    for (int i = 0; i < 3; i++) {
        const int64_t place = pixel[i] * c->stride[i] + tap[i] * c->dilation[i] - c->pad[i];
        if (place < 0 || place >= c->x_dims[i]) return -1;
        at = at * c->x_dims[i] + place;
    }
    return at;
}

/* One pixel of y through one tap: forward y += w x, backward x += w y. */
static void add_tap(const window *c, bool is_gradient, float *x, const float *w, float *y,
                    int64_t tap, int64_t taps) {
    const int64_t in = c->channels / c->groups, out = c->filters / c->groups;
    for (int64_t filter = 0; filter < c->filters; filter++) {
        const float *weights = w + (filter * taps + tap) * in;
        float *from = x + filter / out * in, sum = 0;
        if (is_gradient)
            for (int64_t i = 0; i < in; i++) from[i] += weights[i] * y[filter];
        else
            for (int64_t i = 0; i < in; i++) sum += weights[i] * from[i];
        if (!is_gradient) y[filter] += sum;
    }
}

static void convolve(const operation *o, const graph *g, const values *v) {
    const window c = window_of(o, &g->tensors[o->x], &g->tensors[o->b], &g->tensors[o->y]);
    const int64_t y_pixels = c.y_dims[0] * c.y_dims[1] * c.y_dims[2];
    const int64_t x_pixels = c.x_dims[0] * c.x_dims[1] * c.x_dims[2];
    const int64_t taps = c.taps[0] * c.taps[1] * c.taps[2];
    for (int64_t sample = 0; sample < c.batch; sample++)
        for (int64_t pixel = 0; pixel < y_pixels; pixel++)
            for (int64_t tap = 0; tap < taps; tap++) {
                int64_t at[3], offset[3];
                split(pixel, c.y_dims, at);
                split(tap, c.taps, offset);
                const int64_t from = pixel_of(&c, at, offset);
                if (from < 0) continue;
                add_tap(&c, o->kind == GRADIENT,
                        v->items[o->x] + (sample * x_pixels + from) * c.channels, v->items[o->b],
                        v->items[o->y] + (sample * y_pixels + pixel) * c.filters, tap, taps);
            }
}

/* ---- pointwise ---- */

static double apply(const operation *o, double x, double b) {
    switch (o->mode) {
    case CUDNN_POINTWISE_ADD:
        return x + b;
    case CUDNN_POINTWISE_MUL:
        return x * b;
    case CUDNN_POINTWISE_MAX:
        return x > b ? x : b;
    case CUDNN_POINTWISE_MIN:
        return x < b ? x : b;
    case CUDNN_POINTWISE_RELU_FWD:
        return x < o->low ? o->low + o->slope * (x - o->low) : x > o->high ? o->high : x;
    case CUDNN_POINTWISE_SIGMOID_FWD:
        return 1 / (1 + exp(-x));
    case CUDNN_POINTWISE_TANH_FWD:
        return tanh(x);
    case CUDNN_POINTWISE_SWISH_FWD:
        return x / (1 + exp(-o->beta * x));
    case CUDNN_POINTWISE_GELU_FWD:
        return x / 2 * (1 + erf(x * 0.70710678118654752));
    case CUDNN_POINTWISE_GELU_APPROX_TANH_FWD:
        return x / 2 * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
    default:
        nn_emulator_die("the double of cuDNN does not compute pointwise mode %d", (int)o->mode);
    }
}

/* Where the element of b lies that belongs to element i of y, channels last. */
static int64_t broadcast(const tensor *y, const tensor *b, int64_t i) {
    int64_t rest = i, at = 0;
    static const int channel = 1;
    at += b->dims[channel] == 1 ? 0 : rest % y->dims[channel];
    rest /= y->dims[channel];
    for (int axis = y->rank - 1; axis >= 2; axis--) {
        if (b->dims[axis] != 1) at += rest % y->dims[axis] * b->strides[axis];
        rest /= y->dims[axis];
    }
    return b->dims[0] != 1 ? at + rest * b->strides[0] : at;
}

static void compute_pointwise(const operation *o, const graph *g, const values *v) {
    const tensor *y = &g->tensors[o->y];
    for (int64_t i = 0; i < y->count; i++) {
        const double b = o->b >= 0 ? (double)v->items[o->b][broadcast(y, &g->tensors[o->b], i)] : 0;
        v->items[o->y][i] = (float)apply(o, (double)v->items[o->x][i], b);
    }
}

/* ---- a graph ---- */

static bool is_written(const graph *g, int index) {
    for (int i = 0; i < g->operation_count; i++) {
        const operation *o = &g->operations[i];
        if ((o->kind == GRADIENT ? o->x : o->y) == index) return true;
    }
    return false;
}

void nn_double_execute(void *state) {
    const execution *e = state;
    const graph *g = e->graph;
    values v = {{NULL}};
    const operation *first = &g->operations[0];
    for (int i = 0; i < g->tensor_count; i++) {
        const tensor *t = &g->tensors[i];
        const bool is_factor = i == first->x || i == first->b || i == first->y;
        v.items[i] = new_values(t->count);
        if (!t->is_virtual && !is_written(g, i))
            load(t, e->pointers[i], e->numbers[i], is_factor && nn_double_rounds_to_tf32(e->engine),
                 v.items[i]);
    }
    if (e->workspace_bytes > 0) memset(e->workspace, 0xff, (size_t)e->workspace_bytes);
    for (int i = 0; i < g->operation_count; i++) {
        if (g->operations[i].kind == POINTWISE)
            compute_pointwise(&g->operations[i], g, &v);
        else
            convolve(&g->operations[i], g, &v);
    }
    for (int i = 0; i < g->tensor_count; i++) {
        if (!g->tensors[i].is_virtual && is_written(g, i))
            store(&g->tensors[i], v.items[i], e->pointers[i]);
        free(v.items[i]);
    }
}
