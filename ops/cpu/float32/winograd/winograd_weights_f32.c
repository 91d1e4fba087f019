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

static const weight_transform *transform_of(const nn_winograd_f32_plan *plan) {
    if (nn_winograd_taps(&plan->cut.sizes) == 5) return &transform_2_of_5;
    return plan->form->outputs == 2 ? &transform_2 : &transform_4;
}

size_t nn_winograd_packed_bytes(const nn_winograd_f32_plan *plan) {
    int64_t points = plan->form->points * plan->form->points;
    return (size_t)(points * plan->cut.in_channels * plan->cut.padded_channels) * sizeof(float);
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
                  double (*w)[NN_TILE_MAX_COLUMNS], float *u, int64_t point_step) {
    double rows[TAPS][NN_TILE_MAX_COLUMNS];
    for (int y = 0; y < points; y++) {
        for (int kx = 0; kx < taps; kx++)
            combine(transform->g[y], w + kx, taps, taps, columns, rows[kx]);
        for (int x = 0; x < points; x++, u += point_step) {
            double values[NN_TILE_MAX_COLUMNS];
            combine(transform->g[x], rows, 1, taps, columns, values);
            for (int64_t j = 0; j < columns; j += 4)
                for (int i = 0; i < 4; i++) u[j + i] = (float)values[j + i];
        }
    }
}

void nn_winograd_pack_panel(const nn_winograd_f32_plan *plan, int64_t panel, const float *w,
                            float *packed) {
    const int64_t width = nn_winograd_width(&plan->cut, panel),
                  columns = nn_winograd_columns(&plan->cut, panel);
    const int64_t step = plan->cut.in_channels * width;
    const weight_transform *transform = transform_of(plan);
    const int r = nn_winograd_taps(&plan->cut.sizes), points = plan->form->points;
    double taps[MOST_TAPS][NN_TILE_MAX_COLUMNS] = {{0}};
    packed += nn_winograd_weights_at(&plan->cut, panel, 0);
    for (int64_t k = 0; k < plan->cut.in_channels; k++, packed += width) {
        for (int64_t j = 0; j < columns; j++) {
            const float *from = w + (j * plan->cut.in_channels + k) * r * r;
            for (int tap = 0; tap < r * r; tap++) taps[tap][j] = from[tap];
        }
        if (r == 3)
            transform_weights(transform, 3, points, width, taps, packed, step);
        else
            transform_weights(transform, TAPS, points, width, taps, packed, step);
    }
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
                        int64_t count, float (*taps)[NN_TILE_MAX_COLUMNS]) {
    const weight_transform *transform = transform_of(plan);
    const int points = plan->form->points, r = nn_winograd_taps(&plan->cut.sizes);
    for (int tap = 0; tap < r * r; tap++) {
        const double *down = transform->back[tap / r], *along = transform->back[tap % r];
        double sum[NN_TILE_MAX_COLUMNS] = {0};
        for (int y = 0; y < points; y++)
            for (int x = 0; x < points; x++) {
                const double factor = down[y] * along[x];
                const float *u = packed + (y * points + x) * point_step;
                if (factor == 0) continue;
                for (int64_t j = 0; j < count; j++) sum[j] += factor * (double)u[j];
            }
        for (int64_t j = 0; j < count; j++) taps[tap][j] = (float)sum[j];
    }
}

/* ---- accuracy ---- */

enum {
    SAMPLES = 16, /* output channels that are measured */
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

static void fill_input(const nn_winograd_form *form, int64_t channel, error_input *out) {
    enum { LANES = 16 };
    float x[PIXELS][LANES] = {{0}}, v[PIXELS][LANES];
    for (int i = 0; i < form->points * form->points; i++)
        out->x[i] = x[i][0] = noise((uint32_t)(channel * PIXELS + i));
    form->input(&(nn_winograd_input){.x = x[0],
                                     .row = form->points * LANES,
                                     .pitch = LANES,
                                     .channels = 1,
                                     .v = v[0],
                                     .v_step = LANES});
    for (int i = 0; i < PIXELS; i++) out->v[i] = v[i][0];
}

/* What one channel makes of the pixels: as packed weights transform it, and as it should be. */
typedef struct error_sums {
    float got[PIXELS];
    double want[NN_WINOGRAD_OUTPUTS * NN_WINOGRAD_OUTPUTS];
} error_sums;

/* Adds one input channel; `u` is the weight of its first point, points lie `step` floats apart. */
static void add_input(const nn_winograd_form *form, const error_input *in, const float *taps,
                      const float *u, int64_t step, error_sums *sums) {
    const int a = form->points, m = form->outputs, r = a - m + 1;
    for (int point = 0; point < a * a; point++) sums->got[point] += in->v[point] * u[point * step];
    for (int tap = 0; tap < r * r; tap++)
        for (int row = 0; row < m; row++)
            for (int column = 0; column < m; column++)
                sums->want[row * m + column] +=
                    (double)taps[tap] * in->x[(row + tap / r) * a + column + tap % r];
}

/* The error that the sums show. */
static double error_of(const nn_winograd_form *form, const error_sums *sums) {
    enum { LANES = 16, OUTPUTS = NN_WINOGRAD_OUTPUTS };
    const int m = form->outputs;
    float points[PIXELS][LANES] = {{0}}, y[OUTPUTS * OUTPUTS][LANES] = {{0}}, bias[LANES] = {0};
    float got[OUTPUTS * OUTPUTS];
    for (int i = 0; i < PIXELS; i++) points[i][0] = sums->got[i];
    const int64_t done = form->output(&(nn_winograd_output){.m = points[0],
                                                            .m_step = LANES,
                                                            .channels = 1,
                                                            .bias = bias,
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
    const nn_winograd_form *form = plan->form;
    const int64_t width = nn_winograd_width(&plan->cut, panel),
                  step = plan->cut.in_channels * width;
    const int64_t first = nn_winograd_first_column(&plan->cut, panel);
    const int64_t columns = nn_winograd_columns(&plan->cut, panel);
    const int64_t samples = nn_min(SAMPLES, plan->cut.out_channels);
    const int64_t taps = floats_of(plan) / plan->cut.in_channels;
    int64_t channels[SAMPLES], count = 0;
    error_sums sums[SAMPLES] = {{{0}, {0}}};
    for (int64_t i = 0; i < samples; i++) {
        const int64_t channel = i * plan->cut.out_channels / samples - first;
        if (channel >= 0 && channel < columns) channels[count++] = channel;
    }
    packed += nn_winograd_weights_at(&plan->cut, panel, 0);
    for (int64_t k = 0; k < plan->cut.in_channels && count > 0; k++) {
        error_input in;
        fill_input(form, k, &in);
        for (int64_t i = 0; i < count; i++)
            add_input(form, &in, w + channels[i] * floats_of(plan) + k * taps,
                      packed + k * width + channels[i], step, &sums[i]);
    }
    double error = 0;
    for (int64_t i = 0; i < count; i++) error = fmax(error, error_of(form, &sums[i]));
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
