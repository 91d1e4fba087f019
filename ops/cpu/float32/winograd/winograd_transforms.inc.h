/* The transforms of one form (winograd_f32.h). Set before including: OUTPUTS, POINTS, NAME(stem),
 * INPUT_IS_KNOWN where another form's transform of the input serves this one, too,
 * the transforms in one dimension (winograd_points.h), and of the elements of maps `pixel`,
 * `pixel_rule`, pixel_rule_of(flip, zero), pixel_load(from, rule) and pixel_load_first(from, count,
 * rule).
 *
 * A vector holds so many channels of one pixel. In two dimensions the transform runs down the
 * columns, then along the rows; POINTS x POINTS vectors stand between, which for F(4, 3) is more
 * than there are registers: a few go through the stack. What the tile on the right reads of floats
 * that this one does not comes to L2 meanwhile, since hardware does not see so many short pieces
 * come. Bound: loads and stores, 2 x POINTS^2 for an input vector, POINTS^2 + OUTPUTS^2 (twice with
 * a residual) for an output vector. */

#ifndef INPUT_IS_KNOWN
/* One vector of channels, `count` of which exist. What is read of the input is a copy, since stores
 * could change it as far as the compiler knows. */
NN_INLINE void NAME(input_vector)(const nn_winograd_input in, int64_t c, const bool whole,
                                  const bool scales, int count, pixel_rule rule) {
    vf t[POINTS][POINTS];
#    pragma GCC unroll 6
    for (int column = 0; column < POINTS; column++) {
        const pixel *x = (const pixel *)in.x + column * in.pitch + c;
        vf d[POINTS], o[POINTS];
#    pragma GCC unroll 6
        for (int row = 0; row < POINTS; row++, x += in.row) {
            if (sizeof *x == sizeof(float) && column >= POINTS - OUTPUTS)
                __builtin_prefetch(x + OUTPUTS * in.pitch, 0, 2);
            d[row] = whole ? pixel_load(x, rule) : pixel_load_first(x, count, rule);
        }
        NAME(input_line)(d, o);
#    pragma GCC unroll 6
        for (int row = 0; row < POINTS; row++) t[row][column] = o[row];
    }
    float *v = (float *)in.v + c;
#    pragma GCC unroll 6
    for (int row = 0; row < POINTS; row++) {
        vf o[POINTS];
        NAME(input_line)(t[row], o);
#    pragma GCC unroll 6
        for (int column = 0; column < POINTS; column++, v += in.v_step) {
            if (scales) o[column] *= vf_set(in.scales[row * POINTS + column]);
            vf_store(v, o[column]);
        }
    }
}

static void NAME(input)(const nn_winograd_input *in) {
    const pixel_rule rule = pixel_rule_of(in->flip, in->zero);
    const int64_t channels = in->channels;
    int64_t c = 0;
    for (; c + VF_LANES <= channels; c += VF_LANES)
        NAME(input_vector)(*in, c, true, false, VF_LANES, rule);
    if (c < channels) NAME(input_vector)(*in, c, false, false, (int)(channels - c), rule);
}

#endif
#undef INPUT_IS_KNOWN

/* The transform down the columns of one vector of channels, whose points lie m_step apart. */
NN_INLINE void NAME(result_columns)(const float *m, int64_t m_step, vf t[OUTPUTS][POINTS]) {
#pragma GCC unroll 6
    for (int column = 0; column < POINTS; column++, m += m_step) {
        vf d[POINTS], o[OUTPUTS];
#pragma GCC unroll 6
        for (int row = 0; row < POINTS; row++) d[row] = vf_load(m + row * POINTS * m_step);
        NAME(output_line)(d, o);
#pragma GCC unroll 4
        for (int row = 0; row < OUTPUTS; row++) t[row][column] = o[row];
    }
}

/* Sums of one vector of channels from their transform. */
NN_INLINE void NAME(results)(const float *m, int64_t m_step, vf y[OUTPUTS][OUTPUTS]) {
    vf t[OUTPUTS][POINTS];
    NAME(result_columns)(m, m_step, t);
#pragma GCC unroll 4
    for (int row = 0; row < OUTPUTS; row++) NAME(output_line)(t[row], y[row]);
}
