/* Every shape of the register tiles of floats against sums in double precision: all heights,
 * several taps, columns that are missing, addends, residuals and tiles that continue. */
#include "base/cpu.h"
#include "ops/cpu/float32/tile_f32.h"
#include "tests/support/expected.h"
#include "tests/support/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TAPS = 3, MOST_K = 9, TILES = 3, ROW_GAP = 2 };

typedef struct tile_case {
    int rows, columns, taps;
    int64_t k, more;
    int addends;
    bool adds, clips;
} tile_case;

static uint32_t seed;

static float number(void) {
    seed = seed * 1664525 + 1013904223;
    return (float)(seed >> 8) / (1 << 23) - 1;
}

static float *numbers(int64_t count) {
    float *out = malloc((size_t)count * sizeof *out);
    ck_assert_ptr_nonnull(out);
    for (int64_t i = 0; i < count; i++) out[i] = number();
    return out;
}

/* Rows lie ROW_GAP floats further apart than they are long, and tiles in some cases as much
 * further than their rows: what is between must stay. */
static void check_tile(const nn_tile_shape *shape, const tile_case *c) {
    const int64_t rows = c->rows * (c->more + 1), a_step = c->k + ROW_GAP;
    const int64_t a_skip = c->more % 2 * ROW_GAP;
    const int64_t y_step = c->columns + ROW_GAP, tap_weights = c->k * shape->columns;
    float *a = numbers((rows + c->taps) * a_step + c->more * a_skip),
          *w = numbers(c->taps * tap_weights);
    float *start = numbers(shape->columns), *residual = numbers(rows * y_step);
    float *addends[NN_TILE_ADDENDS];
    for (int i = 0; i < NN_TILE_ADDENDS; i++) addends[i] = numbers(rows * shape->columns);
    float *y = numbers(rows * y_step), *before = malloc((size_t)(rows * y_step) * sizeof *y);
    ck_assert_ptr_nonnull(before);
    memcpy(before, y, (size_t)(rows * y_step) * sizeof *y);
    nn_tile_tap taps[MOST_TAPS];
    for (int i = 0; i < c->taps; i++) taps[i] = (nn_tile_tap){i * a_step, i * tap_weights};
    nn_tile_f32 tile = {.a_step = a_step,
                        .a_skip = a_skip,
                        .w = w,
                        .taps = taps,
                        .tap_count = c->taps,
                        .k = c->k,
                        .start = start,
                        .addend_step = shape->columns,
                        .residual_step = y_step,
                        .y_step = y_step,
                        .columns = c->columns,
                        .more = c->more,
                        .low = c->clips ? -0.5f : -INFINITY,
                        .high = c->clips ? 1 : INFINITY};
    for (int i = 0; i < c->addends; i++) tile.addends[i] = addends[i];
    const int second = c->rows < NN_TILE_SEGMENT ? c->rows : NN_TILE_SEGMENT;
    for (int i = 0; i < 2; i++) {
        tile.a[i] = a + i * second * a_step;
        tile.y[i] = y + i * second * y_step;
        tile.residual[i] = c->adds ? residual + i * second * y_step : NULL;
    }
    shape->run[c->rows](&tile);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t j = 0; j < y_step; j++) {
            const int64_t at = row * y_step + j;
            double sum = before[at];
            if (j < c->columns) {
                sum = start[j] + (c->adds ? (double)residual[at] : 0);
                for (int i = 0; i < c->addends; i++)
                    sum += (double)addends[i][row * shape->columns + j];
                for (int tap = 0; tap < c->taps; tap++)
                    for (int64_t k = 0; k < c->k; k++)
                        sum += (double)a[(row + tap) * a_step + row / c->rows * a_skip + k] *
                               w[tap * tap_weights + k * shape->columns + j];
                sum = fmin(tile.high, fmax(tile.low, sum));
            }
            ck_assert_msg(fabs(y[at] - sum) <= 2e-6,
                          "%d rows, %d of %d columns, %d taps of %lld: row %lld, column %lld is "
                          "%.9g, must be %.9g",
                          c->rows, c->columns, shape->columns, c->taps, (long long)c->k,
                          (long long)row, (long long)j, (double)y[at], sum);
        }
    free(a);
    free(w);
    free(start);
    free(residual);
    for (int i = 0; i < NN_TILE_ADDENDS; i++) free(addends[i]);
    free(y);
    free(before);
}

/* `lanes`: columns may be missing in the last vector. */
static void check_shape(const nn_tile_shape *shape, int lanes, bool takes_addends) {
    for (int rows = 1; rows <= shape->rows; rows++)
        for (int columns = shape->columns - lanes + 1; columns <= shape->columns; columns++)
            for (int taps = 1; taps <= MOST_TAPS; taps += 2) {
                const tile_case c = {.rows = rows,
                                     .columns = columns,
                                     .taps = taps,
                                     .k = 1 + (rows + columns) % MOST_K,
                                     .more = (rows + taps) % TILES,
                                     .addends = takes_addends ? (rows + taps) % 3 : 0,
                                     .adds = (rows + columns) % 2 == 0,
                                     .clips = columns % 3 != 0};
                check_tile(shape, &c);
            }
}

START_TEST(tiles_sum_what_they_should) {
    static const struct {
        const nn_tiles_f32 *tiles;
        nn_isa isa;
    } sets[] = {
        {&nn_tiles_f32_portable, NN_ISA_PORTABLE},
#if defined(__x86_64__)
        {&nn_tiles_f32_avx2, NN_ISA_AVX2},
        {&nn_tiles_f32_avx512, NN_ISA_AVX512},
#endif
    };
    seed = 5;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const nn_tiles_f32 *tiles = sets[i].tiles;
        if (nn_cpu_get()->isa < sets[i].isa) continue;
        for (int j = 0; j < tiles->count; j++) check_shape(tiles->shapes[j], tiles->lanes, true);
        if (tiles->with_half != NULL) check_shape(tiles->with_half, tiles->lanes / 2, false);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("register tiles of floats");
    TCase *tiles = tcase_create("tiles");
    tcase_add_test(tiles, tiles_sum_what_they_should);
    suite_add_tcase(suite, tiles);
    return suite;
}
