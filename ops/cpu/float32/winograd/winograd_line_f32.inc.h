/* The output of winograd_line_f32.h in floats, behind the transforms of one dimension. Bound: loads
 * and stores, 10 (14 with a residual) for a vector of channels of a tile. */
#include "ops/cpu/float32/winograd/winograd_line_f32.h"

/* Adds the residual to `channels` channels from c on, clips and stores them. */
NN_INLINE void line_finish(const nn_line_output *out, const vf y[NN_LINE_OUTPUTS], int64_t c,
                           const int channels) {
#pragma GCC unroll 4
    for (int i = 0; i < NN_LINE_OUTPUTS; i++) {
        if (i >= out->count) break;
        const int64_t at = i * out->y_step + c;
        vf v = y[i];
        if (out->residual != NULL)
            v += channels == VF_LANES ? vf_load(out->residual + at)
                                      : vf_load_first(out->residual + at, channels);
        v = vf_min(vf_set(out->high), vf_max(vf_set(out->low), v));
        if (channels == VF_LANES)
            vf_store(out->y + at, v);
        else
            vf_store_first(out->y + at, v, channels);
    }
}

static int64_t line_output(const nn_line_output *out) {
    for (int64_t c = 0; c < out->channels; c += VF_LANES) {
        const int64_t left = out->channels - c;
        const vf bias = vf_load(out->bias + c);
        vf m[NN_LINE_POINTS], y[NN_LINE_OUTPUTS], probe = vf_zero(), factor = vf_set(1);
        if (out->factors != NULL) factor = vf_load(out->factors + c) * vf_set(out->factor);
#pragma GCC unroll 6
        for (int i = 0; i < NN_LINE_POINTS; i++) m[i] = vf_load(out->m + i * out->m_step + c);
        output_line_4(m, y);
#pragma GCC unroll 4
        for (int i = 0; i < NN_LINE_OUTPUTS; i++) {
            y[i] = vf_fma(y[i], factor, bias);
            probe = vf_fma(y[i], vf_zero(), probe);
        }
        if (!vf_all_equal(probe, vf_zero())) return c;
        if (left >= VF_LANES)
            line_finish(out, y, c, VF_LANES);
        else
            line_finish(out, y, c, (int)left);
    }
    return out->channels;
}
