/* One tile width of tile_f32.h. Set before including: TILE_ROWS, TILE_VECTORS, TILE_NAME(stem);
 * TILE_STREAMS and TILE_PLAIN where an instruction set gains by them.
 *
 * Registers: TILE_ROWS x TILE_VECTORS accumulators, TILE_VECTORS of weights, one broadcast. Each
 * step of k does rows x vectors FMAs for rows + vectors loads, so wider and taller tiles are
 * further from the limit of the load ports. The literal array bounds keep the accumulators in
 * registers: gcc 12 puts an array whose bounds are parameters in memory, even when it inlines them
 * as constants. */

NN_INLINE void TILE_NAME(step)(vf acc[TILE_ROWS][TILE_VECTORS], const float *a0, const float *a1,
                               vf_rows steps, const float *w, int rows, int bytes) {
    vf b[TILE_VECTORS];
#pragma GCC unroll 4
    for (int j = 0; j < TILE_VECTORS; j++) b[j] = vf_load(w + j * VF_LANES);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        const float *base = i < NN_TILE_SEGMENT ? a0 : a1;
        if (TILE_VECTORS == 1) {
            acc[i][0] = vf_accumulate_row(base, steps, i % NN_TILE_SEGMENT, bytes, b[0], acc[i][0]);
            continue;
        }
        vf x = vf_broadcast_row(base, steps, i % NN_TILE_SEGMENT, bytes);
#pragma GCC unroll 4
        for (int j = 0; j < TILE_VECTORS; j++) acc[i][j] = vf_accumulate(x, b[j], acc[i][j]);
    }
}

/* What is brought to L2 next, and how much further that is for each two steps of k: two lines at
 * most, of which some processors would bring the second by themselves. */
typedef struct TILE_NAME(fetch) {
    const char *next;
    int64_t step;
} TILE_NAME(fetch);

NN_INLINE TILE_NAME(fetch) TILE_NAME(fetch_of)(const nn_tile_f32 *t) {
    /* In 32 bits, which are divided in half the time. */
    const uint32_t pairs = (uint32_t)(t->k / 2 * t->tap_count * (t->more + 1));
    const uint32_t bytes = (uint32_t)t->prefetch_bytes;
    return (TILE_NAME(fetch)){
        t->prefetch ? t->prefetch : (const void *)t->w,
        pairs > 0 && bytes > 0 ? (bytes + pairs - 1) / pairs : 0,
    };
}

NN_INLINE void TILE_NAME(start)(const nn_tile_f32 *t, vf acc[TILE_ROWS][TILE_VECTORS], int rows,
                                int64_t index) {
#pragma GCC unroll 4
    for (int j = 0; j < TILE_VECTORS; j++) {
        const vf start = t->start ? vf_load(t->start + j * VF_LANES) : vf_zero();
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++) acc[i][j] = start;
    }
    for (int n = 0; n < NN_TILE_ADDENDS && t->addends[n] != NULL; n++) {
        const float *addend = t->addends[n] + index * rows * t->addend_step;
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++, addend += t->addend_step)
#pragma GCC unroll 4
            for (int j = 0; j < TILE_VECTORS; j++) acc[i][j] += vf_load(addend + j * VF_LANES);
    }
}

/* Sums over k of one tap, which is unrolled by two: less leaves loop overhead, more gained nothing.
 */
NN_INLINE void TILE_NAME(sum)(vf acc[TILE_ROWS][TILE_VECTORS], const float *a0, const float *a1,
                              const float *w, int64_t k, vf_rows steps, int rows,
                              TILE_NAME(fetch) *fetch) {
    enum { COLUMNS = TILE_VECTORS * VF_LANES, LINE_BYTES = 64 };
    for (; k >= 2; k -= 2) {
        __builtin_prefetch(fetch->next, 0, 2);
        __builtin_prefetch(fetch->next + LINE_BYTES, 0, 2);
        fetch->next += fetch->step;
        TILE_NAME(step)(acc, a0, a1, steps, w, rows, 0);
        TILE_NAME(step)(acc, a0, a1, steps, w + COLUMNS, rows, sizeof(float));
        a0 += 2;
        a1 += 2;
        w += 2 * COLUMNS;
    }
    if (k > 0) TILE_NAME(step)(acc, a0, a1, steps, w, rows, 0);
}

/* Sums over all taps. */
NN_INLINE void TILE_NAME(accumulate)(const nn_tile_f32 *t, vf acc[TILE_ROWS][TILE_VECTORS],
                                     int rows, int64_t at, TILE_NAME(fetch) *fetch) {
    const vf_rows steps = vf_rows_make((size_t)t->a_step);
    TILE_NAME(fetch) next = *fetch; /* of which no address is taken */
    for (const nn_tile_tap *tap = t->taps, *end = tap + t->tap_count; tap < end; tap++)
        TILE_NAME(sum)(acc, t->a[0] + at + tap->a, t->a[1] + at + tap->a, t->w + tap->w, t->k,
                       steps, rows, &next);
    *fetch = next;
}

#if TILE_STREAMS > 1
/* Sums of the only row over the one tap. Its weights are read once, mostly from memory, which gives
 * more to several streams: so many parts of k are summed side by side. */
NN_INLINE void TILE_NAME(accumulate_streams)(const nn_tile_f32 *t,
                                             vf acc[TILE_ROWS][TILE_VECTORS]) {
    enum { COLUMNS = TILE_VECTORS * VF_LANES };
    const int64_t part = t->k / TILE_STREAMS, step = part * COLUMNS;
    const float *a = t->a[0] + t->taps->a, *w = t->w + t->taps->w;
    vf sums[TILE_STREAMS][TILE_VECTORS];
#pragma GCC unroll 4
    for (int s = 0; s < TILE_STREAMS; s++)
#pragma GCC unroll 4
        for (int j = 0; j < TILE_VECTORS; j++) sums[s][j] = vf_zero();
    for (int64_t k = 0; k < part; k++, w += COLUMNS) {
#pragma GCC unroll 4
        for (int s = 0; s < TILE_STREAMS; s++) {
            const vf x = vf_set(a[s * part + k]);
#pragma GCC unroll 4
            for (int j = 0; j < TILE_VECTORS; j++)
                sums[s][j] = vf_fma(x, vf_load(w + s * step + j * VF_LANES), sums[s][j]);
        }
    }
    const vf_rows steps = vf_rows_make(0);
    a += TILE_STREAMS * part;
    w += (TILE_STREAMS - 1) * step;
    for (int64_t k = TILE_STREAMS * part; k < t->k; k++, a++, w += COLUMNS)
        TILE_NAME(step)(acc, a, a, steps, w, 1, 0);
#pragma GCC unroll 4
    for (int s = 0; s < TILE_STREAMS; s++)
#pragma GCC unroll 4
        for (int j = 0; j < TILE_VECTORS; j++) acc[0][j] += sums[s][j];
}
#endif

/* `last` columns exist in the last vector. What is read of the tile is a copy, since stores could
 * change the tile as far as the compiler knows. */
NN_INLINE void TILE_NAME(store)(const nn_tile_f32 end, vf acc[TILE_ROWS][TILE_VECTORS], int rows,
                                int64_t index, const bool adds, const bool clips, const int last) {
    const int64_t behind = index * rows * end.y_step;
    const int64_t residual_behind = index * rows * end.residual_step;
    const vf low = vf_set(end.low), high = vf_set(end.high);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        const int segment = i / NN_TILE_SEGMENT, row = i % NN_TILE_SEGMENT;
        float *y = end.y[segment] + behind + row * end.y_step;
        const float *residual =
            adds ? end.residual[segment] + residual_behind + row * end.residual_step : NULL;
#pragma GCC unroll 4
        for (int j = 0; j < TILE_VECTORS; j++) {
            const bool whole = j < TILE_VECTORS - 1 || last == VF_LANES;
            const int64_t at = j * VF_LANES;
            vf v = acc[i][j];
            if (adds) v += whole ? vf_load(residual + at) : vf_load_first(residual + at, last);
            if (clips && whole) {
                vf_store_clipped(y + at, v, low, high);
                continue;
            }
            if (clips) v = vf_min(high, vf_max(low, v));
            if (whole)
                vf_store(y + at, v);
            else
                vf_store_first(y + at, v, last);
        }
    }
}

NN_INLINE void TILE_NAME(finish)(const nn_tile_f32 *t, vf acc[TILE_ROWS][TILE_VECTORS], int rows,
                                 int64_t index) {
    const int last = t->columns - (TILE_VECTORS - 1) * VF_LANES;
    if (last == VF_LANES && t->residual[0] == NULL)
        TILE_NAME(store)(*t, acc, rows, index, false, true, VF_LANES);
    else if (last == VF_LANES)
        TILE_NAME(store)(*t, acc, rows, index, true, true, VF_LANES);
    else
        TILE_NAME(store)(*t, acc, rows, index, t->residual[0] != NULL, true, last);
}

/* Stores wait for their lines one after the other, so these are asked for before the sums are made.
 * Measured with AVX2 alone; AVX-512 does without. */
NN_INLINE void TILE_NAME(claim)(const nn_tile_f32 *t, int rows, int64_t index) {
    const int64_t behind = index * rows * t->y_step;
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++)
        __builtin_prefetch(t->y[i / NN_TILE_SEGMENT] + behind + i % NN_TILE_SEGMENT * t->y_step, 1,
                           3);
}

#if TILE_PLAIN
/* Whole vectors, as nearly all products have: each tile continues where the last one ended, so that
 * what lies between two of them is half as long. The taps of a tile with one are part of its
 * addresses. */
NN_INLINE void TILE_NAME(run_plain)(const nn_tile_f32 *t, const int rows, const bool one_tap,
                                    const bool adds, const bool clips) {
    const int segments = rows > NN_TILE_SEGMENT ? 2 : 1;
    nn_tile_f32 here = *t;
    const vf_rows steps = vf_rows_make((size_t)t->a_step);
    TILE_NAME(fetch) fetch = TILE_NAME(fetch_of)(t);
    int64_t index = 0;
    const int64_t to_next = rows * t->a_step + t->a_skip;
    for (int i = 0; i < segments && one_tap; i++) here.a[i] += t->taps->a;
    if (one_tap) here.w += t->taps->w;
    do {
        if (VF_LANES < 16 && here.claims) TILE_NAME(claim)(&here, rows, 0);
        vf acc[TILE_ROWS][TILE_VECTORS];
        TILE_NAME(start)(t, acc, rows, index++);
        const nn_tile_tap *tap = here.taps, *end = tap + here.tap_count;
        do {
            const int64_t a = one_tap ? 0 : tap->a, w = one_tap ? 0 : tap->w;
            TILE_NAME(sum)(acc, here.a[0] + a, here.a[segments - 1] + a, here.w + w, here.k, steps,
                           rows, &fetch);
        } while (!one_tap && ++tap < end);
        /* Loaded here each time, since registers are all in use before. */
        here.low = t->low;
        here.high = t->high;
        TILE_NAME(store)(here, acc, rows, 0, adds, clips, VF_LANES);
        for (int i = 0; i < segments; i++) {
            here.a[i] += to_next;
            here.y[i] += rows * here.y_step;
            if (adds) here.residual[i] += rows * here.residual_step;
        }
    } while (index <= t->more);
}

NN_INLINE bool TILE_NAME(is_plain)(const nn_tile_f32 *t, int rows) {
    return t->tap_count >= 1 && t->columns == TILE_VECTORS * VF_LANES &&
           (rows > 1 || !t->is_only_row);
}
#endif

NN_INLINE void TILE_NAME(run)(const nn_tile_f32 *t, const int rows) {
#if TILE_PLAIN
    if (TILE_NAME(is_plain)(t, rows)) {
        /* Beside the FMAs of AVX2's first cores a minimum and a maximum take their time; with
         * AVX-512 on a Zen 4 they keep the stores that follow apart, which is faster than without.
         */
        const bool clips = VF_LANES == 16 || t->low != -INFINITY || t->high != INFINITY;
        if (t->tap_count > 1 && t->residual[0] != NULL)
            TILE_NAME(run_plain)(t, rows, false, true, true);
        else if (t->tap_count > 1)
            TILE_NAME(run_plain)(t, rows, false, false, true);
        else if (t->residual[0] != NULL)
            TILE_NAME(run_plain)(t, rows, true, true, true);
        else if (clips)
            TILE_NAME(run_plain)(t, rows, true, false, true);
        else
            TILE_NAME(run_plain)(t, rows, true, false, false);
        return;
    }
#endif
    TILE_NAME(fetch) fetch = TILE_NAME(fetch_of)(t);
    int64_t index = 0;
    do {
        if (VF_LANES < 16 && t->claims) TILE_NAME(claim)(t, rows, index);
        vf acc[TILE_ROWS][TILE_VECTORS];
        TILE_NAME(start)(t, acc, rows, index);
#if TILE_STREAMS > 1
        if (rows == 1 && t->is_only_row && t->tap_count == 1)
            TILE_NAME(accumulate_streams)(t, acc);
        else
#endif
            TILE_NAME(accumulate)
            (t, acc, rows, index * (rows * t->a_step + t->a_skip), &fetch);
        TILE_NAME(finish)(t, acc, rows, index);
    } while (index++ < t->more);
}

#define TILE(rows)                                                                                 \
    static void TILE_NAME(run_##rows)(const nn_tile_f32 *t) {                                      \
        TILE_NAME(run)(t, rows);                                                                   \
    }
#define TILE_ENTRY(rows) [rows] = TILE_NAME(run_##rows),
#if TILE_ROWS >= 14
#    define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#elif TILE_ROWS >= 9
#    define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)
#elif TILE_ROWS >= 6
#    define TILE_EACH(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
#    define TILE_EACH(X) X(1) X(2) X(3) X(4)
#endif
TILE_EACH(TILE)
static const nn_tile_shape TILE_NAME(shape) = {
    TILE_ROWS, TILE_VECTORS *VF_LANES, {TILE_EACH(TILE_ENTRY)}};

#undef TILE
#undef TILE_ENTRY
#undef TILE_EACH
#undef TILE_ROWS
#undef TILE_VECTORS
#undef TILE_NAME
