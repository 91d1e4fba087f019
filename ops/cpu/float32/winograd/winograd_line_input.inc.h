/* The transform of inputs on a line (winograd_line_f32.h), behind those of one dimension
 * (winograd_points.h) and with the same names of elements as winograd_transforms.inc.h. Bound:
 * loads and stores, 12 for a vector of channels of a tile. */

static void line_input(const nn_line_input *in) {
    const pixel_rule rule = pixel_rule_of(in->flip, in->zero);
    for (int64_t c = 0; c < in->channels; c += VF_LANES) {
        const int64_t left = in->channels - c;
        vf d[NN_LINE_POINTS], o[NN_LINE_POINTS];
        if (left >= VF_LANES) {
#pragma GCC unroll 6
            for (int i = 0; i < NN_LINE_POINTS; i++)
                d[i] = pixel_load((const pixel *)in->x[i] + c, rule);
        } else {
#pragma GCC unroll 6
            for (int i = 0; i < NN_LINE_POINTS; i++)
                d[i] = pixel_load_first((const pixel *)in->x[i] + c, (int)left, rule);
        }
        input_line_4(d, o);
#pragma GCC unroll 6
        for (int i = 0; i < NN_LINE_POINTS; i++) {
            if (in->scales != NULL) o[i] *= vf_set(in->scales[i]);
            vf_store(in->v + i * in->v_step + c, o[i]);
        }
    }
}
