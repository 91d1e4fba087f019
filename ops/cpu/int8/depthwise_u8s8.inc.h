/* One block width of depthwise_u8s8.h. Set before including: VECTOR_BYTES; BYTES, the type of a
 * vector of any integers; V(stem), the name of the operation or function for this width.
 *
 * A block has as many channels as a vector has bytes, so its sums are four vectors. Registers, for
 * a 3x3 kernel: 12 sums, 12 weights, 4 interleaved inputs. */

/* Bytes of up to four rows at one column, as four vectors of [channel][row]; missing rows repeat
 * the last, and meet weights that are zero. */
INLINE void V(interleave)(const nn_depthwise_row *r, int64_t column, int first, int rows,
                          QUADS out[4]) {
    BYTES x[4];
    UNROLL for (int i = 0; i < 4; i++) {
        int row = first + (i < rows ? i : rows - 1);
        const uint8_t *pixel = r->rows[row] + column * r->row_steps[row];
        x[i] = V(load_first)(pixel, r->channels);
    }
    if (r->flip != 0) UNROLL for (int i = 0; i < 4; i++) x[i] = V(xor)(x[i], V(set_byte)(r->flip));
    BYTES low01 = V(unpack_low_8)(x[0], x[1]), high01 = V(unpack_high_8)(x[0], x[1]);
    BYTES low23 = V(unpack_low_8)(x[2], x[3]), high23 = V(unpack_high_8)(x[2], x[3]);
    out[0] = V(quads)(V(unpack_low_16)(low01, low23));
    out[1] = V(quads)(V(unpack_high_16)(low01, low23));
    out[2] = V(quads)(V(unpack_low_16)(high01, high23));
    out[3] = V(quads)(V(unpack_high_16)(high01, high23));
}

INLINE bool V(is_inside)(const nn_depthwise_row *r, int64_t column) {
    return (uint64_t)column < (uint64_t)r->in_columns;
}

/* Padding that is 0 adds nothing. */
INLINE bool V(matters)(const nn_depthwise_row *r, int64_t column) {
    return r->x_zero != 0 || V(is_inside)(r, column);
}

/* The same for any column of the padded row. */
INLINE void V(load_column)(const nn_depthwise_row *r, int64_t column, int first, int rows,
                           QUADS out[4]) {
    if (V(is_inside)(r, column)) {
        V(interleave)(r, column, first, rows, out);
    } else {
        UNROLL for (int q = 0; q < 4; q++) out[q] = V(quads)(V(set_byte)(r->x_zero));
    }
}

/* Numbers of the block's channels. */
INLINE void V(load_numbers)(const void *numbers, BYTES out[4]) {
    UNROLL for (int q = 0; q < 4; q++) out[q] = ((const BYTES *)numbers)[q];
}

INLINE void V(store_bytes)(const nn_depthwise_row *r, uint8_t *y, const BYTES sums[4],
                           const BYTES multiplier[4]) {
    BYTES rounded[4];
    UNROLL for (int q = 0; q < 4; q++) rounded[q] = V(scale)(sums[q], multiplier[q]);
    BYTES first = V(pack_32)(rounded[0], rounded[1]), second = V(pack_32)(rounded[2], rounded[3]);
    if (!r->is_plain) {
        BYTES zero = V(set_16)(r->zero), low = V(set_16)(r->low), high = V(set_16)(r->high);
        first = V(min_16)(V(max_16)(V(add_16)(first, zero), low), high);
        second = V(min_16)(V(max_16)(V(add_16)(second, zero), low), high);
    }
    V(store_first)(y, V(narrow)(r->is_signed, first, second), r->channels);
}

INLINE void V(store)(const nn_depthwise_row *r, int64_t column, const BYTES sums[4],
                     const BYTES multiplier[4]) {
    if (r->sums == NULL) {
        V(store_bytes)(r, r->y + column * r->y_step, sums, multiplier);
        return;
    }
    int32_t *target = r->sums + column * VECTOR_BYTES;
    UNROLL for (int q = 0; q < 4; q++) V(scatter_fours)(target + 4 * q, sums[q]);
}

/* Stride 1 or 2 and dilation 1, all constant where this is inlined: input columns are read once,
 * and the sums of the `live` outputs whose windows cover a column are kept in registers. */
INLINE void V(slide)(const nn_depthwise_row *r, const int kernel_rows, const int kernel_columns,
                     const int stride) {
    enum { MAX_LIVE = 5, STEP = VECTOR_BYTES * WEIGHT_BYTES };
    const int live = (kernel_columns + stride - 1) / stride, quads = (kernel_rows + 3) / 4;
    BYTES sum[MAX_LIVE][4], start[4], multiplier[4];
    V(load_numbers)(r->start, start);
    V(load_numbers)(r->multiplier, multiplier);
    UNROLL for (int k = 0; k < live; k++) UNROLL for (int q = 0; q < 4; q++) sum[k][q] = start[q];
    /* sum[live - 1] belongs to output `newest`, whose window starts at its first phase. */
    for (int64_t newest = 0; newest < r->out_columns + live - 1; newest++) {
        UNROLL for (int phase = 0; phase < stride; phase++) {
            const int64_t in = newest * stride + phase - r->pad_begin;
            UNROLL for (int quad = 0; quad < quads; quad++) {
                if (!V(matters)(r, in)) break;
                const int rows = kernel_rows - 4 * quad < 4 ? kernel_rows - 4 * quad : 4;
                QUADS x[4];
                V(load_column)(r, in, 4 * quad, rows, x);
                UNROLL for (int k = 0; k < live; k++) {
                    const int column = phase + k * stride;
                    if (column >= kernel_columns) continue;
                    const int8_t *w = r->w + (column * quads + quad) * 4 * STEP;
                    UNROLL for (int q = 0; q < 4; q++) sum[live - 1 - k][q] =
                        V(dot)(sum[live - 1 - k][q], x[q], w + q * STEP);
                }
            }
            const bool completes = phase == kernel_columns - 1 - (live - 1) * stride;
            if (completes && newest >= live - 1)
                V(store)(r, newest - (live - 1), sum[0], multiplier);
        }
        UNROLL for (int k = 0; k < live; k++) UNROLL for (int q = 0; q < 4; q++) sum[k][q] =
            k + 1 < live ? sum[k + 1][q] : start[q];
    }
}

#if WEIGHT_BYTES == 1
/* What two output rows of a 3x3 kernel have of one block; sums are [row][output % 3][vector]. */
typedef struct V(pair_sums) {
    BYTES start[4], multiplier[4];
    uint8_t *y;   /* of the first row's next output */
    int64_t done; /* outputs, from -2 on: those before the first are not kept */
} V(pair_sums);

/* The column that completes output `done`, whose sums are number `oldest`. */
INLINE void V(add_column)(const nn_depthwise_row *r, V(pair_sums) * p, BYTES sum[2][3][4],
                          const int oldest) {
    const int64_t column = p->done + 2 - r->pad_begin;
    if (V(matters)(r, column)) {
        QUADS x[4];
        V(load_column)(r, column, 0, 4, x);
        UNROLL for (int q = 0; q < 4; q++) {
            const QUADS below = V(next_rows)(x[q]);
            UNROLL for (int k = 0; k < 3; k++)
                V(dot_both)(&sum[0][(oldest + k) % 3][q], &sum[1][(oldest + k) % 3][q], x[q], below,
                            r->w + ((2 - k) * 4 + q) * VECTOR_BYTES);
        }
    }
    if (p->done >= 0) {
        UNROLL for (int i = 0; i < 2; i++)
            V(store_bytes)(r, p->y + i * r->y_row, sum[i][oldest], p->multiplier);
        p->y += r->y_step;
    }
    p->done++;
    UNROLL for (int i = 0; i < 2; i++) UNROLL for (int q = 0; q < 4; q++) sum[i][oldest][q] =
        p->start[q];
}

/* Two output rows of a 3x3 kernel of stride 1 from four input rows, interleaved once: moved down by
 * a row, they meet the same weights for the second. Registers: 24 sums, 4 interleaved inputs, one
 * of them moved, 1 weight. */
static void V(slide_pair)(const nn_depthwise_row *r) {
    BYTES sum[2][3][4];
    V(pair_sums) p = {.y = r->y, .done = -2};
    V(load_numbers)(r->start, p.start);
    V(load_numbers)(r->multiplier, p.multiplier);
    UNROLL for (int i = 0; i < 2; i++) UNROLL for (int k = 0; k < 3; k++)
        UNROLL for (int q = 0; q < 4; q++) sum[i][k][q] = p.start[q];
    for (;;) {
        V(add_column)(r, &p, sum, 0);
        if (p.done == r->out_columns) break;
        V(add_column)(r, &p, sum, 1);
        if (p.done == r->out_columns) break;
        V(add_column)(r, &p, sum, 2);
        if (p.done == r->out_columns) break;
    }
}
#endif

/* Any kernel, stride and dilation. */
static void V(general)(const nn_depthwise_row *r) {
    enum { STEP = VECTOR_BYTES * WEIGHT_BYTES };
    const int kernel_rows = (int)r->kernel_rows, quads = (kernel_rows + 3) / 4;
    BYTES start[4], multiplier[4];
    V(load_numbers)(r->start, start);
    V(load_numbers)(r->multiplier, multiplier);
    for (int64_t out = 0; out < r->out_columns; out++) {
        BYTES sum[4] = {start[0], start[1], start[2], start[3]};
        const int8_t *w = r->w;
        for (int64_t column = 0; column < r->kernel_columns; column++) {
            int64_t in = out * r->stride + column * r->dilation - r->pad_begin;
            for (int quad = 0; quad < quads; quad++, w += 4 * STEP) {
                const int rows = kernel_rows - 4 * quad < 4 ? kernel_rows - 4 * quad : 4;
                QUADS x[4];
                V(load_column)(r, in, 4 * quad, rows, x);
                UNROLL for (int q = 0; q < 4; q++) sum[q] = V(dot)(sum[q], x[q], w + q * STEP);
            }
        }
        V(store)(r, out, sum, multiplier);
    }
}

static void V(slide_3_1)(const nn_depthwise_row *r) {
    V(slide)(r, 3, 3, 1);
}
static void V(slide_3_2)(const nn_depthwise_row *r) {
    V(slide)(r, 3, 3, 2);
}
static void V(slide_5_1)(const nn_depthwise_row *r) {
    V(slide)(r, 5, 5, 1);
}
static void V(slide_5_2)(const nn_depthwise_row *r) {
    V(slide)(r, 5, 5, 2);
}

static void V(run)(const nn_depthwise_row *r) {
    bool square = r->kernel_rows == r->kernel_columns && r->dilation == 1;
    if (square && r->kernel_rows == 3 && r->stride == 1)
        V(slide_3_1)(r);
    else if (square && r->kernel_rows == 3 && r->stride == 2)
        V(slide_3_2)(r);
    else if (square && r->kernel_rows == 5 && r->stride == 1)
        V(slide_5_1)(r);
    else if (square && r->kernel_rows == 5 && r->stride == 2)
        V(slide_5_2)(r);
    else
        V(general)(r);
}
