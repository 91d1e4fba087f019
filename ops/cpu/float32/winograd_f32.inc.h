/* The output of one form in floats (winograd_f32.h), behind its transforms; the same names are set.
 */

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
        vf y[OUTPUTS][OUTPUTS], probe = vf_zero();
        NAME(results)(out->m + c, out->m_step, y);
#pragma GCC unroll 4
        for (int row = 0; row < OUTPUTS; row++) {
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
