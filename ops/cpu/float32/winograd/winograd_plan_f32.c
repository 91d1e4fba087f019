/* When convolutions are done by Winograd's algorithms in floats, and how they are cut up. */
#include "base/integers.h"
#include "ops/cpu/float32/winograd/winograd_f32.h"

#include <math.h>

/* ---- choice ---- */

/* Time is counted in vector FMAs of one core. */
typedef struct winograd_cost {
    int outputs, points;
    double input, output; /* transforms of one vector of channels of one tile */
} winograd_cost;

/* What weights take that stream from L3 or memory while others multiply, in bytes in the time of an
 * FMA: 16 GB/s beside 6.4 G vector FMAs a second on a Zen 2. A Sapphire Rapids has 5 and a Zen 4
 * has 7.5, with which maps of 14x14 would take F(4x4, 3x3) by 15 % less time and more than twice
 * the memory. */
static const double weight_bytes_per_fma = 2.5;

/* Two cores stream twice as much as one (16 and 32 GB/s on a Zen 2, 25 and 50 on a Sapphire
 * Rapids); more of them share what memory gives. */
static const int streaming_cores = 2;

/* Weights of F(4x4, 3x3) take 2.25 times the memory of those of F(2x2, 3x3): it must save a third
 * of the time. Maps of 14x14 save a quarter on AVX2, 2 % of ResNet-50's time for a quarter of its
 * file. */
static const double worth_its_weights = 2.0 / 3;

const nn_winograd_rival nn_winograd_rival_f32 = {1, sizeof(float)};

static double form_time(const nn_conv_geometry *g, const winograd_cost *form,
                        const nn_winograd_rival *rate, int lanes, int threads) {
    const nn_window_axis *height = &g->axes[NN_HEIGHT], *width = &g->axes[NN_WIDTH];
    double tiles = (double)g->batch * (double)nn_divide_up(height->out, form->outputs) *
                   (double)nn_divide_up(width->out, form->outputs);
    double points = (double)form->points * form->points;
    double in_vectors = (double)nn_divide_up(g->in_channels, lanes);
    double out_vectors = (double)nn_divide_up(g->out_channels, lanes);
    double products =
        rate->product * points * tiles * (double)g->in_channels * out_vectors / threads;
    double weights = points * (double)g->in_channels * (double)g->out_channels *
                     rate->weight_bytes / weight_bytes_per_fma /
                     (double)nn_min(threads, streaming_cores);
    double transforms = tiles * (in_vectors * form->input + out_vectors * form->output) / threads;
    return fmax(products, weights) + transforms;
}

int nn_winograd_choose(const nn_conv_geometry *g, const nn_winograd_rival *direct, nn_isa isa,
                       int threads) {
    /* Direct convolution is the form of one output and as many points as the kernel has taps,
     * without transforms. A transform costs its loads, stores and arithmetic, which wait for each
     * other. */
    const int64_t taps = g->axes[NN_WIDTH].kernel;
    /* Measured where an FMA takes as long as a load of a whole vector, and where it takes half. */
    const bool is_slow = isa >= NN_ISA_AVX512 && nn_cpu_get()->halves_512;
    const winograd_cost forms[] = {{1, (int)taps, 0, 0},
                                   {2, 4, 80, 80},
                                   {4, 6, 320, 300},
                                   {2, 6, is_slow ? 200 : 400, is_slow ? 200 : 250}};
    enum { FORMS = sizeof forms / sizeof *forms };
    const int lanes = isa >= NN_ISA_AVX512 ? 16 : isa == NN_ISA_AVX2 ? 8 : 4;
    /* Direct convolution fills such vectors with several pixels. */
    if (2 * g->out_channels <= lanes) return 1;
    int best = 0;
    double times[FORMS];
    for (int i = 0; i < FORMS; i++) {
        if (forms[i].points - forms[i].outputs + 1 != taps) continue;
        const nn_winograd_rival *rate = i == 0 ? direct : &nn_winograd_rival_f32;
        times[i] = form_time(g, &forms[i], rate, lanes, threads);
        const double needed = i == 2 && best == 1 ? worth_its_weights : 1;
        if (times[i] < needed * times[best]) best = i;
    }
    return forms[best].outputs;
}

/* ---- cut ---- */

void nn_winograd_f32_plan_make(const nn_conv_geometry *g, const nn_winograd_form *form,
                               nn_sharing sharing, int threads, const nn_epilogue *epilogue,
                               nn_winograd_f32_plan *out) {
    const nn_tiles_f32 *tiles = form->tiles;
    const bool shares = nn_winograd_shares(form->shared, sharing, g->in_channels, g->out_channels);
    nn_winograd_sizes sizes = {
        .outputs = form->outputs,
        .points = form->points,
        .lanes = tiles->lanes,
        .rows = {tiles->shapes[0]->rows, tiles->shapes[1]->rows},
        .vectors = 2, /* wide tiles have the most rows, so the least traffic of weights */
        .v_bytes = sizeof(float),
        .weight_bytes = sizeof(float),
        .depth = 1,
    };
    *out = (nn_winograd_f32_plan){
        .form = form, .input = form->input, .epilogue = *epilogue, .shares = shares};
    if (shares) {
        sizes.rows[0] = form->shared->rows;
        sizes.vectors = 1;
        sizes.own_values = NN_WINOGRAD_OWN_VALUES;
        sizes.own_channels = 1;
        out->input = form->shared_input;
    }
    /* Where 512-bit operations run as two halves, half a vector takes half the time. */
    if (!shares && form->narrow != NULL && nn_cpu_get()->halves_512 &&
        g->in_channels <= form->narrow->tiles->lanes)
        out->input = form->narrow->input;
    out->tile_finishes = nn_epilogue_as_clip(epilogue, &out->low, &out->high);
    nn_winograd_plan_make(g, &sizes, threads, &out->cut);
    for (int i = 0; i < form->points * form->points; i++) out->scales[i] = 1;
    if (shares) nn_winograd_find_scales(out);
}
