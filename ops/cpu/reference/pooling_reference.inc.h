/* Body of pooling_reference.c for one element type: TYPE, NAME(stem), LOWEST. */

/* Largest element of each window of plane `plane`, NaN left out, and where it is. */
static void NAME(max_plane)(const pool_job *job, int64_t plane) {
    const nn_pool_geometry *g = &job->geometry;
    const nn_window_axis *axes = g->axes;
    const TYPE *x = (const TYPE *)job->x + plane * g->in_pixels;
    TYPE *y = (TYPE *)job->y + plane * g->out_pixels;
    int64_t *indices = job->indices ? job->indices + plane * g->out_pixels : NULL;
    for (int64_t i = 0; i < g->out_pixels; i++) {
        pool_window window = window_at(g, i);
        TYPE largest = LOWEST;
        int64_t best[NN_MAX_SPATIAL] = {0}, at[NN_MAX_SPATIAL];
        for (at[0] = window.begin[0]; at[0] < window.end[0]; at[0] += axes[0].dilation)
            for (at[1] = window.begin[1]; at[1] < window.end[1]; at[1] += axes[1].dilation)
                for (at[2] = window.begin[2]; at[2] < window.end[2]; at[2] += axes[2].dilation) {
                    TYPE value = x[(at[0] * axes[1].in + at[1]) * axes[2].in + at[2]];
                    if (!(value > largest)) continue;
                    largest = value;
                    memcpy(best, at, sizeof best);
                }
        y[i] = largest;
        if (indices) indices[i] = plane * g->in_pixels + index_of(job, best);
    }
}
