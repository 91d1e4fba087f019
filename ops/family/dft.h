/* Discrete Fourier transforms of many signals: mixed radix (Stockham's order, radix 4, 2, 3, 5 and
 * odd primes up to 13), and Bluestein's chirp transform where a larger prime divides the length.
 * Two real signals share one complex transform. Float and half types compute in float, double in
 * double. */
#ifndef NN_FAMILY_DFT_H
#define NN_FAMILY_DFT_H

#include "ops/family/types.h"
#include "ops/op.h"

enum { NN_DFT_MAX_FACTORS = 64, NN_DFT_MAX_RADIX = 13 };

/* A transform of one length. Tables are float, or double where `is_double`. */
typedef struct nn_dft_plan {
    bool is_double, is_chirp;
    int64_t n;      /* length of the signals */
    int64_t length; /* of the transform by factors: n, or a power of two with room for the chirp */
    int factor_count;
    int factors[NN_DFT_MAX_FACTORS];
    void *twiddles;        /* of each stage in turn: re, im */
    void *chirp, *filter;  /* n and `length` pairs */
    int64_t twiddle_count; /* pairs */
    int axis;              /* of the operator's input */
} nn_dft_plan;

/* Makes a plan for n >= 1, with tables that live as long as the planner's plan. */
nn_status nn_dft_plan_make(const nn_node_view *node, int64_t n, bool is_double, nn_prepare *prepare,
                           nn_dft_plan **out);

typedef enum nn_dft_kind {
    NN_DFT_COMPLEX, /* complex signals to complex spectra, or back */
    NN_DFT_REAL,    /* real signals to spectra */
    NN_DFT_TO_REAL, /* the first half of the spectra of real signals, back to these */
} nn_dft_kind;

/* Where signals lie: signal i = outer * inner_count + inner begins at outer * outer_step + inner *
 * inner_step; its samples are `step` elements apart, and parts of a complex sample are neighbours.
 */
typedef struct nn_dft_signals {
    nn_type type;
    int64_t inner_count, outer_step, inner_step, step;
    int64_t length; /* samples; what the transform has more is zero, what it has less is left out */
} nn_dft_signals;

typedef struct nn_dft_job {
    const nn_dft_plan *plan;
    nn_dft_kind kind;
    bool inverse;  /* and divides by n */
    int64_t count; /* signals */
    nn_dft_signals in, out;
    const void *x, *window; /* window: one factor for each sample, of the type of x; may be NULL */
    void *y;
} nn_dft_job;

size_t nn_dft_workspace(const nn_dft_plan *plan, int threads);
void nn_dft_run(const nn_dft_job *job, nn_pool *pool, void *workspace);

#endif
