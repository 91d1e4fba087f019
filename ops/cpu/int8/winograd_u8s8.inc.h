/* The output of one form in bytes (winograd_u8s8.h), behind its transforms
 * (winograd_transforms.inc.h); the same names are set. */

NN_INLINE void NAME(store)(const nn_winograd_byte_output *out, const byte_finish *finish,
                           vf y[OUTPUTS][OUTPUTS], int64_t c, const int channels) {
#pragma GCC unroll 4
    for (int i = 0; i < OUTPUTS * OUTPUTS; i += 4) {
        __m128i pairs[2];
        vf sums[4];
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) sums[j] = y[(i + j) / OUTPUTS][(i + j) % OUTPUTS];
        bytes_of_four(finish, sums, pairs);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            const int row = (i + j) / OUTPUTS, column = (i + j) % OUTPUTS;
            if (row < out->rows && column < out->columns)
                store_bytes(out->y + row * out->row + column * out->pitch + c, pairs[j / 2], j % 2,
                            channels);
        }
    }
}

static void NAME(output)(const nn_winograd_byte_output *out) {
    for (int64_t c = 0; c < out->channels; c += VF_LANES) {
        const int64_t left = out->channels - c;
        const byte_finish finish = byte_finish_of(&out->bytes, c);
        vf y[OUTPUTS][OUTPUTS];
        NAME(results)(out->m + c, out->m_step, y);
        if (left >= VF_LANES)
            NAME(store)(out, &finish, y, c, VF_LANES);
        else
            NAME(store)(out, &finish, y, c, (int)left);
    }
}

#undef OUTPUTS
#undef POINTS
#undef NAME
