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
        x[i] = V(xor)(V(load_first)(pixel, r->channels), V(set_byte)(r->flip));
    }
    BYTES low01 = V(unpack_low_8)(x[0], x[1]), high01 = V(unpack_high_8)(x[0], x[1]);
    BYTES low23 = V(unpack_low_8)(x[2], x[3]), high23 = V(unpack_high_8)(x[2], x[3]);
    out[0] = V(quads)(V(unpack_low_16)(low01, low23));
    out[1] = V(quads)(V(unpack_high_16)(low01, low23));
    out[2] = V(quads)(V(unpack_low_16)(high01, high23));
    out[3] = V(quads)(V(unpack_high_16)(high01, high23));
}

/* The same for any column of the padded row. */
INLINE void V(load_column)(const nn_depthwise_row *r, int64_t column, int first, int rows,
                           QUADS out[4]) {
    if ((uint64_t)column < (uint64_t)r->in_columns) {
        V(interleave)(r, column, first, rows, out);
    } else {
        UNROLL for (int q = 0; q < 4; q++) out[q] = V(quads)(V(set_byte)(r->x_zero));
    }
}

/* Numbers of the block's channels in the order of the sums. */
INLINE void V(load_numbers)(const void *numbers, BYTES out[4]) {
    UNROLL for (int q = 0; q < 4; q++) out[q] = V(gather_fours)((const char *)numbers + 16 * q);
}

INLINE void V(store)(const nn_depthwise_row *r, int64_t column, const BYTES sums[4],
                     const BYTES multiplier[4]) {
    if (r->sums != NULL) {
        int32_t *target = r->sums + column * VECTOR_BYTES;
        UNROLL for (int q = 0; q < 4; q++) V(scatter_fours)(target + 4 * q, sums[q]);
        return;
    }
    BYTES rounded[4];
    UNROLL for (int q = 0; q < 4; q++) rounded[q] = V(scale)(sums[q], multiplier[q]);
    BYTES first = V(pack_32)(rounded[0], rounded[1]), second = V(pack_32)(rounded[2], rounded[3]);
    if (!r->is_plain) {
        BYTES zero = V(set_16)(r->zero), low = V(set_16)(r->low), high = V(set_16)(r->high);
        first = V(min_16)(V(max_16)(V(add_16)(first, zero), low), high);
        second = V(min_16)(V(max_16)(V(add_16)(second, zero), low), high);
    }
    V(store_first)(r->y + column * r->y_step, V(narrow)(r->is_signed, first, second), r->channels);
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
            UNROLL for (int quad = 0; quad < quads; quad++) {
                const int rows = kernel_rows - 4 * quad < 4 ? kernel_rows - 4 * quad : 4;
                QUADS x[4];
                V(load_column)(r, newest * stride + phase - r->pad_begin, 4 * quad, rows, x);
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
