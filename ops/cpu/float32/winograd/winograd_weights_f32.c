/* The packing of transformed weights, and what they make of rounding. */
#include "base/integers.h"
#include "ops/cpu/float32/winograd/winograd_f32.h"

#include <math.h>

/* ---- weights ---- */

#define P       (11.0 / 16)
#define Q       (3.0 / 2)
#define P_SCALE (2 * P * P * (P * P - Q * Q))
#define Q_SCALE (2 * Q * Q * (Q * Q - P * P))

enum { TAPS = NN_WINOGRAD_TAPS, MOST_TAPS = TAPS * TAPS };

/* G, and how the taps of a kernel are found again from their transform. */
typedef struct weight_transform {
    double g[NN_WINOGRAD_POINTS][TAPS];
    double back[TAPS][NN_WINOGRAD_POINTS];
} weight_transform;

static const weight_transform transform_2 = {
    {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}},
    {{1}, {0, 1, -1}, {0, 0, 0, 1}},
};

static const weight_transform transform_4 = {
    {{1 / (P * P * Q * Q), 0, 0},
     {1 / P_SCALE, P / P_SCALE, P *P / P_SCALE},
     {1 / P_SCALE, -P / P_SCALE, P *P / P_SCALE},
     {1 / Q_SCALE, Q / Q_SCALE, Q *Q / Q_SCALE},
     {1 / Q_SCALE, -Q / Q_SCALE, Q *Q / Q_SCALE},
     {0, 0, 1}},
    {{P * P * Q * Q}, {0, P_SCALE / (2 * P), -P_SCALE / (2 * P)}, {0, 0, 0, 0, 0, 1}},
};

/* Odd taps from the odd parts at both points, the middle one from the even part at P. */
#define ODD      (2 * P * Q * (Q * Q - P * P))
#define P_PART   (P_SCALE / ODD)
#define Q_PART   (Q_SCALE / ODD)
#define P_SQUARE (P * P)
#define Q_SQUARE (Q * Q)

static const weight_transform transform_2_of_5 = {
    {{1 / (P_SQUARE * Q_SQUARE)},
     {1 / P_SCALE, P / P_SCALE, P_SQUARE / P_SCALE, P *P_SQUARE / P_SCALE,
      P_SQUARE *P_SQUARE / P_SCALE},
     {1 / P_SCALE, -P / P_SCALE, P_SQUARE / P_SCALE, -P *P_SQUARE / P_SCALE,
      P_SQUARE *P_SQUARE / P_SCALE},
     {1 / Q_SCALE, Q / Q_SCALE, Q_SQUARE / Q_SCALE, Q *Q_SQUARE / Q_SCALE,
      Q_SQUARE *Q_SQUARE / Q_SCALE},
     {1 / Q_SCALE, -Q / Q_SCALE, Q_SQUARE / Q_SCALE, -Q *Q_SQUARE / Q_SCALE,
      Q_SQUARE *Q_SQUARE / Q_SCALE},
     {0, 0, 0, 0, 1}},
    {{P_SQUARE * Q_SQUARE},
     {0, Q *Q_SQUARE *P_PART, -Q *Q_SQUARE *P_PART, -P *P_SQUARE *Q_PART, P *P_SQUARE *Q_PART},
     {-Q_SQUARE, P_SCALE / (2 * P_SQUARE), P_SCALE / (2 * P_SQUARE), 0, 0, -P_SQUARE},
     {0, -Q *P_PART, Q *P_PART, P *Q_PART, -P *Q_PART},
     {0, 0, 0, 0, 0, 1}},
};

/* B^T of F(2, 3), and of F(4, 3) and F(2, 5). */
static const double input_2[NN_WINOGRAD_POINTS][NN_WINOGRAD_POINTS] = {
    {1, 0, -1}, {0, 1, 1}, {0, -1, 1}, {0, 1, 0, -1}};
static const double input_4[NN_WINOGRAD_POINTS][NN_WINOGRAD_POINTS] = {
    {P_SQUARE * Q_SQUARE, 0, -P_SQUARE - Q_SQUARE, 0, 1},
    {0, -P *Q_SQUARE, -Q_SQUARE, P, 1},
    {0, P *Q_SQUARE, -Q_SQUARE, -P, 1},
    {0, -Q *P_SQUARE, -P_SQUARE, Q, 1},
    {0, Q *P_SQUARE, -P_SQUARE, -Q, 1},
    {0, P_SQUARE *Q_SQUARE, 0, -P_SQUARE - Q_SQUARE, 0, 1},
};

static const weight_transform *transform_of(const nn_winograd_f32_plan *plan) {
    if (nn_winograd_taps(&plan->cut.sizes) == 5) return &transform_2_of_5;
    return plan->form->outputs == 2 ? &transform_2 : &transform_4;
}

/* Floats of all transformed weights, behind which the columns' factors are. */
static int64_t transformed_floats(const nn_winograd_f32_plan *plan) {
    const int64_t points = plan->form->points * plan->form->points;
    return points * nn_winograd_point_step(&plan->cut);
}

size_t nn_winograd_packed_bytes(const nn_winograd_f32_plan *plan) {
    const int64_t factors = plan->shares ? plan->cut.padded_channels : 0;
    return (size_t)(transformed_floats(plan) + factors) * sizeof(float);
}

const float *nn_winograd_factors(const nn_winograd_f32_plan *plan, const float *packed) {
    return plan->shares ? packed + transformed_floats(plan) : NULL;
}

/* The sum of `taps` lists, `step` lists apart, times a number each. Lists are whole vectors, four
 * numbers at least, which lets the compiler take them in pieces. */
static inline __attribute__((always_inline)) void combine(const double *factors,
                                                          double (*lists)[NN_TILE_MAX_COLUMNS],
                                                          int step, const int taps, int64_t count,
                                                          double *restrict out) {
    for (int64_t j = 0; j < count; j += 4)
        for (int i = 0; i < 4; i++) {
            double sum = factors[0] * lists[0][j + i];
            for (int tap = 1; tap < taps; tap++) sum += factors[tap] * lists[tap * step][j + i];
            out[j + i] = sum;
        }
}

/* One input channel of a panel: u[point][column] from w[tap][column], in double precision. */
static inline __attribute__((always_inline)) void
transform_weights(const weight_transform *transform, const int taps, int points, int64_t columns,
                  double (*w)[NN_TILE_MAX_COLUMNS], const double *factors, float *u,
                  int64_t point_step) {
    double rows[TAPS][NN_TILE_MAX_COLUMNS];
    for (int y = 0; y < points; y++) {
        for (int kx = 0; kx < taps; kx++)
            combine(transform->g[y], w + kx, taps, taps, columns, rows[kx]);
        for (int x = 0; x < points; x++, u += point_step) {
            const double factor = factors[y * points + x];
            double values[NN_TILE_MAX_COLUMNS];
            combine(transform->g[x], rows, 1, taps, columns, values);
            for (int64_t j = 0; j < columns; j += 4)
                for (int i = 0; i < 4; i++) u[j + i] = (float)(values[j + i] * factor);
        }
    }
}

void nn_winograd_pack_panel(const nn_winograd_f32_plan *plan, int64_t panel, const float *w,
                            float *packed) {
    const int64_t width = nn_winograd_width(&plan->cut, panel),
                  columns = nn_winograd_columns(&plan->cut, panel);
    const int64_t step = nn_winograd_point_step(&plan->cut);
    const weight_transform *transform = transform_of(plan);
    const int r = nn_winograd_taps(&plan->cut.sizes), points = plan->form->points;
    double taps[MOST_TAPS][NN_TILE_MAX_COLUMNS] = {{0}};
    double factors[NN_WINOGRAD_POINTS * NN_WINOGRAD_POINTS];
    for (int i = 0; i < points * points; i++) factors[i] = 1 / plan->scales[i];
    float *u = packed + nn_winograd_weights_at(&plan->cut, panel, 0);
    for (int64_t i = 0; i < plan->cut.in_channels; i++, u += width) {
        const int64_t k = nn_winograd_packed_channel(plan, i);
        for (int64_t j = 0; j < columns; j++) {
            const float *from = w + (j * plan->cut.in_channels + k) * r * r;
            for (int tap = 0; tap < r * r; tap++) taps[tap][j] = from[tap];
        }
        if (r == 3)
            transform_weights(transform, 3, points, width, taps, factors, u, step);
        else
            transform_weights(transform, TAPS, points, width, taps, factors, u, step);
    }
    if (plan->shares)
        nn_winograd_share_panel(packed + nn_winograd_weights_at(&plan->cut, panel, 0),
                                points * points, step, plan->cut.in_channels,
                                packed + transformed_floats(plan) + panel * width);
}

/* What a row of a matrix makes of numbers that do not depend on each other, and of equal ones. */
static double squares_of(const double *row, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) sum += row[i] * row[i];
    return sum;
}

static double square_of_sum(const double *row, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) sum += row[i];
    return sum * sum;
}

/* Of a row of G, and of the same row of B^T for inputs that do not depend on each other and for
 * equal ones. Over two axes they are multiplied. */
typedef struct point_squares {
    double u, v, v_of_mean;
} point_squares;

static point_squares squares_of_point(const weight_transform *transform, int points, int taps,
                                      int point) {
    const double *b = points == 4 ? input_2[point] : input_4[point];
    return (point_squares){squares_of(transform->g[point], taps), squares_of(b, points),
                           square_of_sum(b, points)};
}

static point_squares both_axes(point_squares a, point_squares b) {
    return (point_squares){a.u * b.u, a.v * b.v, a.v_of_mean * b.v_of_mean};
}

/* The numbers that make both of one magnitude at each point, which is one over all points. Of an
 * input's squares `of_mean` is taken to be that of its mean: so much that errors beside those of
 * plain products are least where they are greatest, of inputs without a mean and of those that
 * hardly differ from it. */
static void scales_of(const point_squares *of, int points, double of_mean, double *scales) {
    double sum = 0;
    for (int i = 0; i < points; i++) {
        const double v = (1 - of_mean) * of[i].v + of_mean * of[i].v_of_mean;
        scales[i] = sqrt(sqrt(of[i].u / v));
        sum += sqrt(of[i].u * v);
    }
    for (int i = 0; i < points; i++) scales[i] = (double)(float)(scales[i] / sqrt(sum / points));
}

void nn_winograd_find_scales(nn_winograd_f32_plan *plan) {
    const weight_transform *transform = transform_of(plan);
    const int points = plan->form->points, taps = nn_winograd_taps(&plan->cut.sizes);
    point_squares of[NN_WINOGRAD_POINTS * NN_WINOGRAD_POINTS];
    for (int y = 0; y < points; y++)
        for (int x = 0; x < points; x++)
            of[y * points + x] = both_axes(squares_of_point(transform, points, taps, y),
                                           squares_of_point(transform, points, taps, x));
    scales_of(of, points * points, taps == 5 ? 0.6 : 0.5, plan->scales);
}

void nn_winograd_find_line_scales(double scales[NN_WINOGRAD_POINTS]) {
    point_squares of[NN_WINOGRAD_POINTS];
    for (int i = 0; i < NN_WINOGRAD_POINTS; i++)
        of[i] = squares_of_point(&transform_4, NN_WINOGRAD_POINTS, 3, i);
    scales_of(of, NN_WINOGRAD_POINTS, 0.5, scales);
}

/* Floats of an output channel. */
static int64_t floats_of(const nn_winograd_f32_plan *plan) {
    const int taps = nn_winograd_taps(&plan->cut.sizes);
    return taps * taps * plan->cut.in_channels;
}

void nn_winograd_pack(const nn_winograd_f32_plan *plan, const float *w, float *packed) {
    for (int64_t panel = 0; panel < plan->cut.panels; panel++)
        nn_winograd_pack_panel(
            plan, panel, w + nn_winograd_first_column(&plan->cut, panel) * floats_of(plan), packed);
}

void nn_winograd_unpack(const nn_winograd_f32_plan *plan, const float *packed, int64_t point_step,
                        const float *factors, int64_t count, float (*taps)[NN_TILE_MAX_COLUMNS]) {
    const weight_transform *transform = transform_of(plan);
    const int points = plan->form->points, r = nn_winograd_taps(&plan->cut.sizes);
    for (int tap = 0; tap < r * r; tap++) {
        const double *down = transform->back[tap / r], *along = transform->back[tap % r];
        double sum[NN_TILE_MAX_COLUMNS] = {0};
        for (int y = 0; y < points; y++)
            for (int x = 0; x < points; x++) {
                const double factor = down[y] * along[x] * plan->scales[y * points + x];
                const float *u = packed + (y * points + x) * point_step;
                if (factor == 0) continue;
                for (int64_t j = 0; j < count; j++) sum[j] += factor * (double)u[j];
            }
        for (int64_t j = 0; j < count; j++)
            taps[tap][j] = (float)(factors != NULL ? sum[j] * (double)factors[j] : sum[j]);
    }
}

/* ---- accuracy ---- */

enum {
    SAMPLES = 16,    /* output channels that are measured */
    NOISE_SCALE = 2, /* the power of two that brings noise to a root mean square of one */
    PIXELS = NN_WINOGRAD_POINTS * NN_WINOGRAD_POINTS
};

/* Uniform in [-1, 1), a different number for each index. */
static float noise(uint32_t index) {
    uint32_t x = index * 2654435761u + 12345u;
    x = (x ^ (x >> 15)) * 2246822519u;
    x = (x ^ (x >> 13)) * 3266489917u;
    return (float)((x ^ (x >> 16)) >> 8) / (float)(1 << 23) - 1;
}

/* The error of one output channel relative to its greatest result. */
static double channel_error(const nn_winograd_form *form, const double *want, const float *got) {
    const int outputs = form->outputs * form->outputs;
    double error = 0, greatest = 0;
    for (int i = 0; i < outputs; i++) {
        if (!isfinite(want[i]) || !isfinite(got[i])) return INFINITY;
        error = fmax(error, fabs((double)got[i] - want[i]));
        greatest = fmax(greatest, fabs(want[i]));
    }
    return error == 0 ? 0 : error / greatest;
}

/* Random pixels of one tile and input channel and their transform. */
typedef struct error_input {
    float x[PIXELS], v[PIXELS];
} error_input;

static void fill_input(const nn_winograd_f32_plan *plan, int64_t channel, error_input *out) {
    enum { LANES = 16 };
    const nn_winograd_form *form = plan->form;
    float x[PIXELS][LANES] = {{0}}, v[PIXELS][LANES];
    for (int i = 0; i < form->points * form->points; i++)
        out->x[i] = x[i][0] = noise((uint32_t)(channel * PIXELS + i));
    form->input(&(nn_winograd_input){.x = x[0],
                                     .row = form->points * LANES,
                                     .pitch = LANES,
                                     .channels = 1,
                                     .v = v[0],
                                     .v_step = LANES});
    for (int i = 0; i < form->points * form->points; i++)
        out->v[i] = v[i][0] * (float)(plan->shares ? NOISE_SCALE * plan->scales[i] : 1);
}

/* What one channel makes of the pixels: as packed weights transform it, and as it should be. */
typedef struct error_sums {
    float got[PIXELS];
    float first_v[PIXELS], first_u[PIXELS]; /* where products are shared, of the last three */
    float own[PIXELS];
    double want[NN_WINOGRAD_OUTPUTS * NN_WINOGRAD_OUTPUTS];
} error_sums;

/* Adds a product at each point, as tiles that share them do (winograd_shared_f32.h). */
static void add_product(int points, const error_input *in, const float *u, int64_t step,
                        const nn_shared_channel *at, error_sums *sums) {
    const float sign = at->sign;
    for (int i = 0; i < points; i++) {
        const float v1 = in->v[i], u1 = u[i * step];
        if (at->role == NN_SHARED_FIRST) {
            sums->first_v[i] = v1;
            sums->first_u[i] = u1;
        } else if (at->role == NN_SHARED_SECOND) {
            const float v0 = sums->first_v[i], u0 = sums->first_u[i];
            sums->got[i] += sign * ((u1 + sign * v0) * (u0 + sign * v1));
            sums->own[i] += sign * (v0 * v1) + sign * (u0 * u1);
        } else {
            sums->got[i] += v1 * u1;
        }
    }
}

/* Adds an input channel; `u` is the weight of its first point, points lie `step` floats apart. */
static void add_input(const nn_winograd_f32_plan *plan, const nn_shared_channel *at,
                      const error_input *in, const float *taps, const float *u, int64_t step,
                      error_sums *sums) {
    const int a = plan->form->points, m = plan->form->outputs, r = a - m + 1;
    add_product(a * a, in, u, step, at, sums);
    for (int tap = 0; tap < r * r; tap++)
        for (int row = 0; row < m; row++)
            for (int column = 0; column < m; column++)
                sums->want[row * m + column] +=
                    (double)taps[tap] * in->x[(row + tap / r) * a + column + tap % r];
}

/* The error that the sums show; `factor` is that of the column where products are shared. */
static double error_of(const nn_winograd_f32_plan *plan, float factor, const error_sums *sums) {
    const nn_winograd_form *form = plan->form;
    enum { LANES = 16, OUTPUTS = NN_WINOGRAD_OUTPUTS };
    const int m = form->outputs;
    float points[PIXELS][LANES] = {{0}}, y[OUTPUTS * OUTPUTS][LANES] = {{0}}, bias[LANES] = {0};
    const float factors[LANES] = {factor};
    float got[OUTPUTS * OUTPUTS];
    for (int i = 0; i < PIXELS; i++) points[i][0] = sums->got[i] - sums->own[i];
    const int64_t done =
        form->output(&(nn_winograd_output){.m = points[0],
                                           .m_step = LANES,
                                           .channels = 1,
                                           .bias = bias,
                                           .factors = plan->shares ? factors : NULL,
                                           .factor = 1.0f / NOISE_SCALE,
                                           .y = y[0],
                                           .row = m * LANES,
                                           .pitch = LANES,
                                           .rows = m,
                                           .columns = m,
                                           .low = -INFINITY,
                                           .high = INFINITY});
    if (done < 1) return INFINITY;
    for (int i = 0; i < m * m; i++) got[i] = y[i][0];
    return channel_error(form, sums->want, got);
}

double nn_winograd_panel_error(const nn_winograd_f32_plan *plan, int64_t panel, const float *w,
                               const float *packed) {
    const int64_t width = nn_winograd_width(&plan->cut, panel),
                  step = nn_winograd_point_step(&plan->cut);
    const float *factors = nn_winograd_factors(plan, packed);
    const int64_t first = nn_winograd_first_column(&plan->cut, panel);
    const int64_t columns = nn_winograd_columns(&plan->cut, panel);
    const int64_t samples = nn_min(SAMPLES, plan->cut.out_channels);
    const int64_t taps = floats_of(plan) / plan->cut.in_channels;
    int64_t channels[SAMPLES], count = 0;
    error_sums sums[SAMPLES] = {0};
    for (int64_t i = 0; i < samples; i++) {
        const int64_t channel = i * plan->cut.out_channels / samples - first;
        if (channel >= 0 && channel < columns) channels[count++] = channel;
    }
    packed += nn_winograd_weights_at(&plan->cut, panel, 0);
    for (int64_t i = 0; i < plan->cut.in_channels && count > 0; i++) {
        nn_shared_channel at = {.channel = i, .role = NN_SHARED_PLAIN};
        error_input in;
        if (plan->shares) at = nn_winograd_shared_channel(plan->cut.in_channels, i);
        fill_input(plan, at.channel, &in);
        for (int64_t j = 0; j < count; j++)
            add_input(plan, &at, &in, w + channels[j] * floats_of(plan) + at.channel * taps,
                      packed + i * width + channels[j], step, &sums[j]);
    }
    double error = 0;
    for (int64_t i = 0; i < count; i++) {
        const float factor = factors != NULL ? factors[first + channels[i]] : 1;
        error = fmax(error, error_of(plan, factor, &sums[i]));
    }
    return error;
}

double nn_winograd_error(const nn_winograd_f32_plan *plan, const float *w, const float *packed) {
    double error = 0;
    for (int64_t panel = 0; panel < plan->cut.panels; panel++) {
        const float *from = w + nn_winograd_first_column(&plan->cut, panel) * floats_of(plan);
        error = fmax(error, nn_winograd_panel_error(plan, panel, from, packed));
    }
    return error;
}
