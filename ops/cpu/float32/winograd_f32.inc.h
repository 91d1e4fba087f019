/* The transforms of one form (winograd_f32.h). Set before including: OUTPUTS, POINTS, NAME(stem),
 * and input_NAME, output_NAME, the transforms in one dimension.
 *
 * A vector holds so many channels of one pixel. In two dimensions the transform runs down the
 * columns, then along the rows; POINTS x POINTS vectors stand between, which for F(4, 3) is more
 * than there are registers: a few go through the stack. Bound: loads and stores, 2 x POINTS^2 for
 * an input vector, POINTS^2 + OUTPUTS^2 (twice with a residual) for an output vector. */

static void NAME(input)(const nn_winograd_input *in) {
    for (int64_t c = 0; c < in->channels; c += VF_LANES) {
        const int64_t left = in->channels - c;
        vf t[POINTS][POINTS];
#pragma GCC unroll 6
        for (int column = 0; column < POINTS; column++) {
            const float *x = in->x + column * in->pitch + c;
            vf d[POINTS], o[POINTS];
            if (left >= VF_LANES) {
#pragma GCC unroll 6
                for (int row = 0; row < POINTS; row++) d[row] = vf_load(x + row * in->row);
            } else {
#pragma GCC unroll 6
                for (int row = 0; row < POINTS; row++)
                    d[row] = vf_load_first(x + row * in->row, (int)left);
            }
            NAME(input_line)(d, o);
#pragma GCC unroll 6
            for (int row = 0; row < POINTS; row++) t[row][column] = o[row];
        }
#pragma GCC unroll 6
        for (int row = 0; row < POINTS; row++) {
            vf o[POINTS];
            NAME(input_line)(t[row], o);
#pragma GCC unroll 6
            for (int column = 0; column < POINTS; column++)
                vf_store(in->v + (row * POINTS + column) * in->v_step + c, o[column]);
        }
    }
}

/* Adds bias and residual and clips the results of `channels` channels from c on. */
NN_INLINE void NAME(finish)(const nn_winograd_output *out, vf y[OUTPUTS][OUTPUTS], int64_t c,
                            int channels) {
    const vf low = vf_set(out->low), high = vf_set(out->high);
#pragma GCC unroll 4
    for (int row = 0; row < OUTPUTS; row++) {
        if (row >= out->rows) break;
#pragma GCC unroll 4
        for (int column = 0; column < OUTPUTS; column++) {
            if (column >= out->columns) break;
            const int64_t at = row * out->row + column * out->pitch + c;
            vf v = y[row][column];
            if (out->residual != NULL)
                v += channels == VF_LANES ? vf_load(out->residual + at)
                                          : vf_load_first(out->residual + at, channels);
            v = vf_min(high, vf_max(low, v));
            if (channels == VF_LANES)
                vf_store(out->y + at, v);
            else
                vf_store_first(out->y + at, v, channels);
        }
    }
}

static int64_t NAME(output)(const nn_winograd_output *out) {
    for (int64_t c = 0; c < out->channels; c += VF_LANES) {
        const int64_t left = out->channels - c;
        const vf bias = vf_load(out->bias + c);
        vf t[OUTPUTS][POINTS], y[OUTPUTS][OUTPUTS], probe = vf_zero();
#pragma GCC unroll 6
        for (int column = 0; column < POINTS; column++) {
            const float *m = out->m + column * out->m_step + c;
            vf d[POINTS], o[OUTPUTS];
#pragma GCC unroll 6
            for (int row = 0; row < POINTS; row++) d[row] = vf_load(m + row * POINTS * out->m_step);
            NAME(output_line)(d, o);
#pragma GCC unroll 4
            for (int row = 0; row < OUTPUTS; row++) t[row][column] = o[row];
        }
#pragma GCC unroll 4
        for (int row = 0; row < OUTPUTS; row++) {
            NAME(output_line)(t[row], y[row]);
#pragma GCC unroll 4
            for (int column = 0; column < OUTPUTS; column++) {
                y[row][column] += bias;
                probe = vf_fma(y[row][column], vf_zero(), probe);
            }
        }
        if (!vf_all_equal(probe, vf_zero())) return c;
        if (left >= VF_LANES)
            NAME(finish)(out, y, c, VF_LANES);
        else
            NAME(finish)(out, y, c, (int)left);
    }
    return out->channels;
}

#undef OUTPUTS
#undef POINTS
#undef NAME
