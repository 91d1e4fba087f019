/* The transforms of one form (winograd_f32.h). Set before including: OUTPUTS, POINTS, NAME(stem),
 * the transforms in one dimension (winograd_points.h), and of the elements of maps `pixel`,
 * `pixel_rule`, pixel_rule_of(flip, zero), pixel_load(from, rule) and pixel_load_first(from, count,
 * rule).
 *
 * A vector holds so many channels of one pixel. In two dimensions the transform runs down the
 * columns, then along the rows; POINTS x POINTS vectors stand between, which for F(4, 3) is more
 * than there are registers: a few go through the stack. Bound: loads and stores, 2 x POINTS^2 for
 * an input vector, POINTS^2 + OUTPUTS^2 (twice with a residual) for an output vector. */

static void NAME(input)(const nn_winograd_input *in) {
    const pixel_rule rule = pixel_rule_of(in->flip, in->zero);
    for (int64_t c = 0; c < in->channels; c += VF_LANES) {
        const int64_t left = in->channels - c;
        vf t[POINTS][POINTS];
#pragma GCC unroll 6
        for (int column = 0; column < POINTS; column++) {
            const pixel *x = (const pixel *)in->x + column * in->pitch + c;
            vf d[POINTS], o[POINTS];
            if (left >= VF_LANES) {
#pragma GCC unroll 6
                for (int row = 0; row < POINTS; row++) d[row] = pixel_load(x + row * in->row, rule);
            } else {
#pragma GCC unroll 6
                for (int row = 0; row < POINTS; row++)
                    d[row] = pixel_load_first(x + row * in->row, (int)left, rule);
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

/* Sums of one vector of channels from their transform, whose points lie m_step apart. */
NN_INLINE void NAME(results)(const float *m, int64_t m_step, vf y[OUTPUTS][OUTPUTS]) {
    vf t[OUTPUTS][POINTS];
#pragma GCC unroll 6
    for (int column = 0; column < POINTS; column++, m += m_step) {
        vf d[POINTS], o[OUTPUTS];
#pragma GCC unroll 6
        for (int row = 0; row < POINTS; row++) d[row] = vf_load(m + row * POINTS * m_step);
        NAME(output_line)(d, o);
#pragma GCC unroll 4
        for (int row = 0; row < OUTPUTS; row++) t[row][column] = o[row];
    }
#pragma GCC unroll 4
    for (int row = 0; row < OUTPUTS; row++) NAME(output_line)(t[row], y[row]);
}
