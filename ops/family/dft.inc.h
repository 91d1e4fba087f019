/* Transforms in type REAL. Values of `lanes` signals are neighbours, real and imaginary parts are
 * apart: value k of lane l is re[k * lanes + l]. */

typedef struct NAME(values) {
    REAL *re, *im;
} NAME(values);

/* One stage. Of n = radix * m values, those m apart are combined into neighbours, s at a time:
 * y[radix p + k] = w[p][k] sum_j x[p + m j] exp(-2 pi i j k / radix). */
typedef struct NAME(stage) {
    const REAL *xr, *xi, *twiddles;
    REAL *yr, *yi;
    int64_t m, s;
} NAME(stage);

static void NAME(pass_2)(const NAME(stage) * stage) {
    const int64_t m = stage->m, s = stage->s;
    for (int64_t p = 0; p < m; p++) {
        const REAL wr = stage->twiddles[2 * p], wi = stage->twiddles[2 * p + 1];
        const REAL *ar = stage->xr + s * p, *ai = stage->xi + s * p;
        const REAL *br = ar + s * m, *bi = ai + s * m;
        REAL *yr = stage->yr + s * 2 * p, *yi = stage->yi + s * 2 * p;
        _Pragma("GCC ivdep") for (int64_t q = 0; q < s; q++) {
            const REAL dr = ar[q] - br[q], di = ai[q] - bi[q];
            yr[q] = ar[q] + br[q];
            yi[q] = ai[q] + bi[q];
            yr[q + s] = dr * wr - di * wi;
            yi[q + s] = dr * wi + di * wr;
        }
    }
}

static void NAME(pass_4)(const NAME(stage) * stage) {
    const int64_t m = stage->m, s = stage->s;
    for (int64_t p = 0; p < m; p++) {
        const REAL *w = stage->twiddles + 6 * p;
        const REAL w1r = w[0], w1i = w[1], w2r = w[2], w2i = w[3], w3r = w[4], w3i = w[5];
        const REAL *xr = stage->xr + s * p, *xi = stage->xi + s * p;
        REAL *yr = stage->yr + s * 4 * p, *yi = stage->yi + s * 4 * p;
        const int64_t step = s * m;
        _Pragma("GCC ivdep") for (int64_t q = 0; q < s; q++) {
            const REAL sum_r = xr[q] + xr[q + 2 * step], sum_i = xi[q] + xi[q + 2 * step];
            const REAL dif_r = xr[q] - xr[q + 2 * step], dif_i = xi[q] - xi[q + 2 * step];
            const REAL odd_r = xr[q + step] + xr[q + 3 * step];
            const REAL odd_i = xi[q + step] + xi[q + 3 * step];
            /* -i times the difference of the odd ones */
            const REAL turn_r = xi[q + step] - xi[q + 3 * step];
            const REAL turn_i = xr[q + 3 * step] - xr[q + step];
            const REAL ar = dif_r + turn_r, ai = dif_i + turn_i;
            const REAL br = sum_r - odd_r, bi = sum_i - odd_i;
            const REAL cr = dif_r - turn_r, ci = dif_i - turn_i;
            yr[q] = sum_r + odd_r;
            yi[q] = sum_i + odd_i;
            yr[q + s] = ar * w1r - ai * w1i;
            yi[q + s] = ar * w1i + ai * w1r;
            yr[q + 2 * s] = br * w2r - bi * w2i;
            yi[q + 2 * s] = br * w2i + bi * w2r;
            yr[q + 3 * s] = cr * w3r - ci * w3i;
            yi[q + 3 * s] = cr * w3i + ci * w3r;
        }
    }
}

/* An odd radix: values k and radix - k share the sums and differences of opposite inputs. */
static void NAME(pass_odd)(const NAME(stage) * stage, int radix, const REAL *roots) {
    const int64_t m = stage->m, s = stage->s;
    const int half = (radix - 1) / 2;
    for (int64_t p = 0; p < m; p++) {
        const REAL *w = stage->twiddles + 2 * (radix - 1) * p;
        const REAL *xr = stage->xr + s * p, *xi = stage->xi + s * p;
        REAL *yr = stage->yr + s * radix * p, *yi = stage->yi + s * radix * p;
        const int64_t step = s * m;
        _Pragma("GCC ivdep") for (int64_t q = 0; q < s; q++) {
            REAL sum_r[NN_DFT_MAX_RADIX / 2], sum_i[NN_DFT_MAX_RADIX / 2];
            REAL dif_r[NN_DFT_MAX_RADIX / 2], dif_i[NN_DFT_MAX_RADIX / 2];
            REAL all_r = xr[q], all_i = xi[q];
            for (int j = 0; j < half; j++) {
                const int64_t a = q + step * (j + 1), b = q + step * (radix - 1 - j);
                sum_r[j] = xr[a] + xr[b];
                sum_i[j] = xi[a] + xi[b];
                dif_r[j] = xr[a] - xr[b];
                dif_i[j] = xi[a] - xi[b];
                all_r += sum_r[j];
                all_i += sum_i[j];
            }
            yr[q] = all_r;
            yi[q] = all_i;
            for (int k = 1; k <= half; k++) {
                REAL even_r = xr[q], even_i = xi[q], odd_r = 0, odd_i = 0;
                for (int j = 0; j < half; j++) {
                    const REAL *root = roots + 2 * (k * (j + 1) % radix);
                    even_r += sum_r[j] * root[0];
                    even_i += sum_i[j] * root[0];
                    odd_r -= dif_i[j] * root[1];
                    odd_i += dif_r[j] * root[1];
                }
                const REAL ar = even_r + odd_r, ai = even_i + odd_i;
                const REAL br = even_r - odd_r, bi = even_i - odd_i;
                const REAL *u = w + 2 * (k - 1), *v = w + 2 * (radix - k - 1);
                yr[q + s * k] = ar * u[0] - ai * u[1];
                yi[q + s * k] = ar * u[1] + ai * u[0];
                yr[q + s * (radix - k)] = br * v[0] - bi * v[1];
                yi[q + s * (radix - k)] = br * v[1] + bi * v[0];
            }
        }
    }
}

/* Transforms `length` values; the result is in *a, *b is scratch. */
static void NAME(transform)(const nn_dft_plan *plan, int64_t lanes, NAME(values) * a,
                            NAME(values) * b) {
    const REAL *twiddles = plan->twiddles;
    int64_t n = plan->length, s = lanes;
    for (int f = 0; f < plan->factor_count; f++) {
        const int radix = plan->factors[f];
        const REAL *roots = twiddles;
        if (radix % 2 != 0) twiddles += 2 * radix;
        NAME(stage) stage = {a->re, a->im, twiddles, b->re, b->im, n / radix, s};
        if (radix == 4)
            NAME(pass_4)(&stage);
        else if (radix == 2)
            NAME(pass_2)(&stage);
        else
            NAME(pass_odd)(&stage, radix, roots);
        twiddles += 2 * (radix - 1) * stage.m;
        n /= radix;
        s *= radix;
        NAME(values) kept = *a;
        *a = *b;
        *b = kept;
    }
}

/* values[k] *= factors[k] for k < count. */
static void NAME(scale)(NAME(values) values, const REAL *factors, int64_t lanes, int64_t count) {
    for (int64_t k = 0; k < count; k++) {
        const REAL wr = factors[2 * k], wi = factors[2 * k + 1];
        REAL *re = values.re + k * lanes, *im = values.im + k * lanes;
        for (int64_t l = 0; l < lanes; l++) {
            const REAL xr = re[l], xi = im[l];
            re[l] = xr * wr - xi * wi;
            im[l] = xr * wi + xi * wr;
        }
    }
}

/* The convolution of the signal, times a chirp, with the opposite chirp. */
static void NAME(transform_chirp)(const nn_dft_plan *plan, int64_t lanes, NAME(values) * a,
                                  NAME(values) * b) {
    size_t tail = (size_t)((plan->length - plan->n) * lanes) * sizeof(REAL);
    NAME(scale)(*a, plan->chirp, lanes, plan->n);
    memset(a->re + plan->n * lanes, 0, tail);
    memset(a->im + plan->n * lanes, 0, tail);
    NAME(transform)(plan, lanes, a, b);
    NAME(scale)(*a, plan->filter, lanes, plan->length);
    /* Parts exchanged before and after make it the inverse. */
    NAME(values) swapped = {a->im, a->re}, scratch = {b->im, b->re};
    NAME(transform)(plan, lanes, &swapped, &scratch);
    *a = (NAME(values)){swapped.im, swapped.re};
    *b = (NAME(values)){scratch.im, scratch.re};
    NAME(scale)(*a, plan->chirp, lanes, plan->n);
}

/* ---- tables ---- */

static void NAME(set_root)(REAL *pair, int64_t index, int64_t n) {
    double angle = -2 * PI * (double)index / (double)n;
    pair[0] = (REAL)cos(angle);
    pair[1] = (REAL)sin(angle);
}

static void NAME(fill_twiddles)(const nn_dft_plan *plan) {
    REAL *twiddles = plan->twiddles;
    int64_t n = plan->length;
    for (int f = 0; f < plan->factor_count; f++) {
        const int radix = plan->factors[f];
        if (radix % 2 != 0) {
            for (int k = 0; k < radix; k++) NAME(set_root)(twiddles + 2 * k, k, radix);
            twiddles += 2 * radix;
        }
        for (int64_t p = 0; p < n / radix; p++)
            for (int k = 1; k < radix; k++, twiddles += 2) NAME(set_root)(twiddles, p * k, n);
        n /= radix;
    }
}

/* The chirp exp(-pi i k^2 / n), and the spectrum of the opposite one, divided by the length. */
static nn_status NAME(fill_chirp)(const nn_dft_plan *plan) {
    const int64_t n = plan->n, length = plan->length;
    size_t bytes = (size_t)(4 * length) * sizeof(REAL);
    REAL *chirp = plan->chirp, *filter = plan->filter, *scratch = nn_alloc_zero(bytes);
    if (scratch == NULL) return nn_fail_memory(bytes);
    NAME(values) a = {scratch, scratch + length}, b = {a.im + length, a.im + 2 * length};
    for (int64_t k = 0; k < n; k++) {
        NAME(set_root)
        (chirp + 2 * k, (int64_t)((unsigned __int128)k * (uint64_t)k % (uint64_t)(2 * n)), 2 * n);
        int64_t mirror = k == 0 ? 0 : length - k;
        a.re[k] = a.re[mirror] = chirp[2 * k] / (REAL)length;
        a.im[k] = a.im[mirror] = -chirp[2 * k + 1] / (REAL)length;
    }
    NAME(transform)(plan, 1, &a, &b);
    for (int64_t k = 0; k < length; k++) {
        filter[2 * k] = a.re[k];
        filter[2 * k + 1] = a.im[k];
    }
    nn_free(scratch);
    return NN_OK;
}

/* ---- signals ---- */

static inline REAL NAME(load)(nn_type type, const void *data, int64_t i) {
    if (type == REAL_TYPE) return ((const REAL *)data)[i];
    uint16_t bits = ((const uint16_t *)data)[i];
    return (REAL)(type == NNOPT_FLOAT16 ? nn_half_to_float(bits) : nn_bfloat16_to_float(bits));
}

static inline void NAME(store)(nn_type type, void *data, int64_t i, REAL value) {
    if (type == REAL_TYPE)
        ((REAL *)data)[i] = value;
    else if (type == NNOPT_FLOAT16)
        ((uint16_t *)data)[i] = nn_float_to_half((float)value);
    else
        ((uint16_t *)data)[i] = nn_float_to_bfloat16((float)value);
}

/* Part 0 or 1 of the samples of a signal, times the window, into every `lanes`-th place. */
static void NAME(load_part)(const nn_dft_job *job, int64_t signal, int part, int64_t lanes,
                            REAL *to) {
    const nn_dft_signals *in = &job->in;
    const int64_t n = job->plan->n, known = in->length < n ? in->length : n;
    const int64_t first = signal_offset(in, signal) + part;
    for (int64_t k = 0; k < known; k++) {
        REAL value = NAME(load)(in->type, job->x, first + k * in->step);
        if (job->window != NULL) value *= NAME(load)(in->type, job->window, k);
        to[k * lanes] = value;
    }
    for (int64_t k = known; k < n; k++) to[k * lanes] = 0;
}

/* The spectrum of a + i b from the first halves of the spectra of real a and b (-1: no b). */
static void NAME(load_halves)(const nn_dft_job *job, int64_t a, int64_t b, int64_t lanes, REAL *re,
                              REAL *im) {
    const nn_dft_signals *in = &job->in;
    const int64_t n = job->plan->n, from_a = signal_offset(in, a);
    const int64_t from_b = b >= 0 ? signal_offset(in, b) : 0;
    for (int64_t k = 0; k <= n / 2; k++) {
        REAL ar = 0, ai = 0, br = 0, bi = 0;
        const bool is_real = k == 0 || 2 * k == n;
        if (k < in->length) {
            ar = NAME(load)(in->type, job->x, from_a + k * in->step);
            if (!is_real) ai = NAME(load)(in->type, job->x, from_a + k * in->step + 1);
        }
        if (k < in->length && b >= 0) {
            br = NAME(load)(in->type, job->x, from_b + k * in->step);
            if (!is_real) bi = NAME(load)(in->type, job->x, from_b + k * in->step + 1);
        }
        const int64_t mirror = k == 0 ? 0 : n - k;
        re[mirror * lanes] = ar + bi;
        im[mirror * lanes] = br - ai;
        re[k * lanes] = ar - bi;
        im[k * lanes] = br + ai;
    }
}

static void NAME(store_spectrum)(const nn_dft_job *job, int64_t signal, int64_t lanes,
                                 const REAL *re, const REAL *im, REAL scale) {
    const nn_dft_signals *out = &job->out;
    const int64_t first = signal_offset(out, signal);
    for (int64_t k = 0; k < out->length; k++) {
        NAME(store)(out->type, job->y, first + k * out->step, re[k * lanes] * scale);
        NAME(store)(out->type, job->y, first + k * out->step + 1, im[k * lanes] * scale);
    }
}

/* The spectra of real a and b (-1: no b) from that of a + i b. */
static void NAME(store_pair)(const nn_dft_job *job, int64_t a, int64_t b, int64_t lanes,
                             const REAL *re, const REAL *im, REAL scale) {
    const nn_dft_signals *out = &job->out;
    const int64_t to_a = signal_offset(out, a), to_b = b >= 0 ? signal_offset(out, b) : 0;
    const REAL half = scale / 2;
    for (int64_t k = 0; k < out->length; k++) {
        const int64_t mirror = (k == 0 ? 0 : job->plan->n - k) * lanes, place = k * out->step;
        const REAL zr = re[k * lanes], zi = im[k * lanes], cr = re[mirror], ci = -im[mirror];
        NAME(store)(out->type, job->y, to_a + place, (zr + cr) * half);
        NAME(store)(out->type, job->y, to_a + place + 1, (zi + ci) * half);
        if (b < 0) continue;
        NAME(store)(out->type, job->y, to_b + place, (zi - ci) * half);
        NAME(store)(out->type, job->y, to_b + place + 1, (cr - zr) * half);
    }
}

static void NAME(store_real)(const nn_dft_job *job, int64_t signal, int64_t lanes, const REAL *re,
                             REAL scale) {
    const nn_dft_signals *out = &job->out;
    const int64_t first = signal_offset(out, signal);
    for (int64_t k = 0; k < out->length; k++)
        NAME(store)(out->type, job->y, first + k * out->step, re[k * lanes] * scale);
}

/* Transforms `lanes` signals, or pairs of them, from `first` on. */
static void NAME(run_lanes)(const nn_dft_job *job, int64_t first, int64_t lanes, void *workspace) {
    const nn_dft_plan *plan = job->plan;
    const int64_t size = plan->length * lanes, per_lane = job->kind == NN_DFT_COMPLEX ? 1 : 2;
    REAL *memory = workspace;
    NAME(values) a = {memory, memory + size}, b = {memory + 2 * size, memory + 3 * size};
    for (int64_t l = 0; l < lanes; l++) {
        const int64_t signal = (first + l) * per_lane;
        const int64_t other = signal + 1 < job->count ? signal + 1 : -1;
        if (job->kind == NN_DFT_TO_REAL) {
            NAME(load_halves)(job, signal, other, lanes, a.re + l, a.im + l);
            continue;
        }
        NAME(load_part)(job, signal, 0, lanes, a.re + l);
        if (job->kind == NN_DFT_COMPLEX)
            NAME(load_part)(job, signal, 1, lanes, a.im + l);
        else if (other >= 0)
            NAME(load_part)(job, other, 0, lanes, a.im + l);
        else
            for (int64_t k = 0; k < plan->n; k++) a.im[k * lanes + l] = 0;
    }
    if (job->inverse) {
        a = (NAME(values)){a.im, a.re};
        b = (NAME(values)){b.im, b.re};
    }
    if (plan->is_chirp)
        NAME(transform_chirp)(plan, lanes, &a, &b);
    else
        NAME(transform)(plan, lanes, &a, &b);
    if (job->inverse) a = (NAME(values)){a.im, a.re};
    const REAL scale = job->inverse ? 1 / (REAL)plan->n : 1;
    for (int64_t l = 0; l < lanes; l++) {
        const int64_t signal = (first + l) * per_lane;
        const int64_t other = signal + 1 < job->count ? signal + 1 : -1;
        if (job->kind == NN_DFT_COMPLEX) {
            NAME(store_spectrum)(job, signal, lanes, a.re + l, a.im + l, scale);
        } else if (job->kind == NN_DFT_REAL) {
            NAME(store_pair)(job, signal, other, lanes, a.re + l, a.im + l, scale);
        } else {
            NAME(store_real)(job, signal, lanes, a.re + l, scale);
            if (other >= 0) NAME(store_real)(job, other, lanes, a.im + l, scale);
        }
    }
}
