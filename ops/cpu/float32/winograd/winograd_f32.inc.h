/* The output of one form in floats (winograd_f32.h), behind its transforms; the same names are set.
 */

/* What the sums of the channels from c on are multiplied by. */
NN_INLINE vf NAME(factor)(const nn_winograd_output *out, int64_t c) {
    vf factor = vf_set(1);
    if (out->factors != NULL) factor = vf_load(out->factors + c) * vf_set(out->factor);
    return factor;
}

/* Adds residual and clips the results of `channels` channels from c on. */
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

/* A whole vector of channels of a whole tile without residual, a row at a time, which stays in
 * registers, and brings the pixels of the tile on the right to L2 before they are written; what is
 * read of the output is a copy, since stores could change it as far as the compiler knows. False
 * when a result is not finite: all are stored nevertheless. */
NN_INLINE bool NAME(output_whole)(const nn_winograd_output out, int64_t c) {
    const vf bias = vf_load(out.bias + c), factor = NAME(factor)(&out, c);
    const vf low = vf_set(out.low), high = vf_set(out.high);
    vf t[OUTPUTS][POINTS], probe = vf_zero();
    NAME(result_columns)(out.m + c, out.m_step, t);
    float *to = out.y + c;
#pragma GCC unroll 4
    for (int row = 0; row < OUTPUTS; row++, to += out.row) {
        vf y[OUTPUTS];
        NAME(output_line)(t[row], y);
#pragma GCC unroll 4
        for (int column = 0; column < OUTPUTS; column++) {
            y[column] = vf_fma(y[column], factor, bias);
            probe = vf_fma(y[column], vf_zero(), probe);
            __builtin_prefetch(to + (column + OUTPUTS) * out.pitch, 1, 2);
            vf_store(to + column * out.pitch, vf_min(high, vf_max(low, y[column])));
        }
    }
    return vf_all_equal(probe, vf_zero());
}

/* As many of `channels` as a vector has, in any tile. False, and nothing is stored, when a result
 * is not finite. */
NN_INLINE bool NAME(output_part)(const nn_winograd_output *out, int64_t c, int channels) {
    const vf bias = vf_load(out->bias + c), factor = NAME(factor)(out, c);
    vf y[OUTPUTS][OUTPUTS], probe = vf_zero();
    NAME(results)(out->m + c, out->m_step, y);
#pragma GCC unroll 4
    for (int row = 0; row < OUTPUTS; row++) {
#pragma GCC unroll 4
        for (int column = 0; column < OUTPUTS; column++) {
            y[row][column] = vf_fma(y[row][column], factor, bias);
            probe = vf_fma(y[row][column], vf_zero(), probe);
        }
    }
    if (!vf_all_equal(probe, vf_zero())) return false;
    if (channels >= VF_LANES)
        NAME(finish)(out, y, c, VF_LANES);
    else
        NAME(finish)(out, y, c, channels);
    return true;
}

static int64_t NAME(output)(const nn_winograd_output *out) {
    const bool whole = out->rows == OUTPUTS && out->columns == OUTPUTS && out->residual == NULL;
    const int64_t channels = out->channels;
    int64_t c = 0;
    if (whole)
        for (; c + VF_LANES <= channels; c += VF_LANES)
            if (!NAME(output_whole)(*out, c)) return c;
    for (; c < channels; c += VF_LANES) {
        const int64_t left = channels - c;
        const int count = left < VF_LANES ? (int)left : VF_LANES;
        if (!NAME(output_part)(out, c, count)) return c;
    }
    return channels;
}

#undef OUTPUTS
#undef POINTS
#undef NAME
