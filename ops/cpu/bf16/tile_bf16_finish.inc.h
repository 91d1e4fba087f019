/* From the sums of tiles to results (tile_bf16.h): activation, residual, rounding, a row of a panel
 * at a time from a scratch. Compiled for the instruction set of the including file. */
#include "ops/cpu/bf16/bf16.h"
#include "ops/cpu/bf16/tile_bf16.h"
#include "ops/cpu/float32/vector.h"

enum { PANEL = NN_BF16_PANEL, LANES = 16, LINE = 64 };

/* The constants of each copy of the loops. */
typedef enum residual_kind { NO_RESIDUAL, RESIDUAL_BF16, RESIDUAL_FLOAT } residual_kind;
typedef struct finish_kind {
    residual_kind residual;
    bool y_is_float, clips; /* the epilogue is a sum and a clip */
} finish_kind;

/* Rows of a block that wait to be finished. */
typedef struct unfinished {
    const float *sums; /* of the next row */
    const int32_t *outputs;
    int rows, columns;
    char *y;
    const char *residual;
} unfinished;

NN_INLINE void finish_row(const nn_bf16_work *work, finish_kind kind, const unfinished *row,
                          int32_t at, vf low, vf high) {
    const __mmask32 mask = nn_first32(row->columns);
    const __mmask16 mask0 = (__mmask16)mask, mask1 = (__mmask16)(mask >> 16);
    vf x[2] = {vf_load(row->sums), vf_load(row->sums + LANES)};
    if (!kind.clips)
        nn_bf16_activate(work->epilogue->before,
                         !kind.y_is_float && nn_bf16_before_is_last(work->epilogue), x, 2);
    if (kind.residual == RESIDUAL_BF16) {
        __m512i both = _mm512_maskz_loadu_epi16(mask, row->residual + 2 * (int64_t)at);
        x[0] += nn_widen_bf16(_mm512_castsi512_si256(both));
        x[1] += nn_widen_bf16(_mm512_extracti64x4_epi64(both, 1));
    }
    if (kind.residual == RESIDUAL_FLOAT) {
        const char *from = row->residual + 4 * (int64_t)at;
        x[0] += _mm512_maskz_loadu_ps(mask0, from);
        x[1] += _mm512_maskz_loadu_ps(mask1, from + LINE);
    }
    if (kind.clips) {
        x[0] = vf_min(high, vf_max(low, x[0]));
        x[1] = vf_min(high, vf_max(low, x[1]));
    } else {
        nn_bf16_activate(work->epilogue->after, !kind.y_is_float, x, 2);
    }
    if (kind.y_is_float) {
        char *to = row->y + 4 * (int64_t)at;
        _mm512_mask_storeu_ps(to, mask0, x[0]);
        _mm512_mask_storeu_ps(to + LINE, mask1, x[1]);
    } else {
        _mm512_mask_storeu_epi16(row->y + 2 * (int64_t)at, mask, nn_round_bf16(x[0], x[1]));
    }
}

NN_INLINE void finish_inline(const nn_bf16_work *work, finish_kind kind, unfinished *rows,
                             int count, vf low, vf high) {
    if (count > rows->rows) count = rows->rows;
    rows->rows -= count;
    for (; count > 0; count--) {
        int32_t at = *rows->outputs++;
        if (at >= 0) finish_row(work, kind, rows, at, low, high);
        rows->sums += PANEL;
    }
}

/* Activations take long beside the call. */
static __attribute__((noinline)) void finish_called(const nn_bf16_work *work, unfinished *rows,
                                                    int count) {
    const bool y_is_float = work->y_is_float;
    if (work->residual == NULL)
        finish_inline(work, (finish_kind){NO_RESIDUAL, y_is_float, false}, rows, count, vf_zero(),
                      vf_zero());
    else if (work->residual_is_float)
        finish_inline(work, (finish_kind){RESIDUAL_FLOAT, y_is_float, false}, rows, count,
                      vf_zero(), vf_zero());
    else
        finish_inline(work, (finish_kind){RESIDUAL_BF16, y_is_float, false}, rows, count, vf_zero(),
                      vf_zero());
}

NN_INLINE void finish_rows(const nn_bf16_work *work, finish_kind kind, unfinished *rows, int count,
                           vf low, vf high) {
    if (kind.clips)
        finish_inline(work, kind, rows, count, low, high);
    else if (count > 0 && rows->rows > 0)
        finish_called(work, rows, count);
}
