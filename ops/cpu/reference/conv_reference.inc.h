/* Body of conv_reference.c for one element type: REAL, NAME(stem). */

/* Adds weight * x to the part of the plane y where the tap at (depth, height, width) is on data. */
static void NAME(add_tap)(const nn_conv_geometry *g, const int64_t tap[NN_MAX_SPATIAL], REAL weight,
                          const REAL *x, REAL *y) {
    const nn_window_axis *depth = &g->axes[NN_DEPTH], *height = &g->axes[NN_HEIGHT];
    const nn_window_axis *width = &g->axes[NN_WIDTH];
    int64_t begin[NN_MAX_SPATIAL], end[NN_MAX_SPATIAL], offset[NN_MAX_SPATIAL];
    for (int i = 0; i < NN_MAX_SPATIAL; i++) {
        nn_window_valid(&g->axes[i], tap[i], &begin[i], &end[i]);
        offset[i] = tap[i] * g->axes[i].dilation - g->axes[i].pad_begin;
    }
    for (int64_t d = begin[0]; d < end[0]; d++) {
        const REAL *x_plane = x + (d * depth->stride + offset[0]) * height->in * width->in;
        REAL *y_plane = y + d * height->out * width->out;
        for (int64_t h = begin[1]; h < end[1]; h++) {
            const REAL *x_row = x_plane + (h * height->stride + offset[1]) * width->in;
            REAL *y_row = y_plane + h * width->out;
            for (int64_t w = begin[2]; w < end[2]; w++)
                y_row[w] += weight * x_row[w * width->stride + offset[2]];
        }
    }
}

/* Plane `index` of the output, counted over batch and channels. */
static void NAME(conv_plane)(const nn_conv_planes *job, int64_t index) {
    const nn_conv_geometry *g = &job->geometry;
    int64_t image = index / g->out_channels, channel = index % g->out_channels;
    int64_t group = channel / g->group_out_channels;
    const REAL *x = (const REAL *)job->x +
                    (image * g->in_channels + group * g->group_in_channels) * g->in_pixels;
    const REAL *w = (const REAL *)job->w + channel * g->group_in_channels * g->taps;
    const REAL *bias = job->bias;
    REAL *y = (REAL *)job->y + index * g->out_pixels;
    for (int64_t i = 0; i < g->out_pixels; i++) y[i] = bias ? bias[channel] : 0;
    for (int64_t c = 0; c < g->group_in_channels; c++, x += g->in_pixels) {
        int64_t tap[NN_MAX_SPATIAL];
        for (tap[0] = 0; tap[0] < g->axes[0].kernel; tap[0]++)
            for (tap[1] = 0; tap[1] < g->axes[1].kernel; tap[1]++)
                for (tap[2] = 0; tap[2] < g->axes[2].kernel; tap[2]++)
                    NAME(add_tap)(g, tap, *w++, x, y);
    }
}
