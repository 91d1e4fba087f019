/* Products of matrices of floats by one step of Strassen's algorithm in Winograd's form, which
 * multiplies 7 halves for 8 (Strassen, "Gaussian Elimination is not Optimal", 1969; Winograd, "On
 * Multiplication of 2 x 2 Matrices", 1971).
 *
 *     A = A0 A1    B = B0 B1    C = C0 C1
 *         A2 A3        B2 B3        C2 C3
 *
 * Products of forms, and what the results are made of:
 *
 *     p0 = A0 B0                      p4 = (A2 + A3) (B1 - B0)
 *     p1 = A1 B2                      p5 = (A2 + A3 - A0) (B0 - B1 + B3)
 *     p2 = (A0 + A1 - A2 - A3) B3     p6 = (A0 - A2) (B3 - B1)
 *     p3 = A3 (B2 - B0 + B1 - B3)
 *
 *     C0 = p0 + p1                    C2 = p0 + p5 + p6 + p3
 *     C1 = p0 + p5 + p4 + p2          C3 = p0 + p5 + p6 + p4
 *
 * Rows of A come in blocks, and the halves of a block are the upper and the lower; its forms take a
 * load and a store for each number, which bounds what thin results gain. B is constant. Its forms
 * are made for a panel at a time, which a block of many rows hides, or are packed, which is 1.75
 * times its bytes. p0 + p5 and p4 stay in L1, in tiles as wide as a panel, and the other products
 * start with them in registers.
 *
 * Rounding. Numbers meet that do not in the plain sum: two rows of a block, two halves of k, two
 * halves of the columns. So an error is relative to the greatest of what meets. Columns of too
 * different weights are brought near each other by powers of two, and their results back. Blocks
 * with numbers that are not finite, or so great that a form might not be, are multiplied plainly,
 * and so are, where it is asked for, those in which rows of too different magnitude meet. */
#ifndef NN_STRASSEN_F32_H
#define NN_STRASSEN_F32_H

#include "ops/cpu/float32/tile_f32.h"

/* Rows and columns that meet may differ so much, rows in their greatest magnitude, columns in their
 * root mean square: the error of the lesser one is that of the greater one, which is some units in
 * its last place. */
#define NN_STRASSEN_MOST_RATIO 32

/* The forms of B as products come: those that are parts of it and, from NN_STRASSEN_P5 on, those
 * that are not. */
typedef enum nn_strassen_slot {
    NN_STRASSEN_P0, /* B0 */
    NN_STRASSEN_P1, /* B2 */
    NN_STRASSEN_P2, /* B3 */
    NN_STRASSEN_P5,
    NN_STRASSEN_P4,
    NN_STRASSEN_P6,
    NN_STRASSEN_P3,
    NN_STRASSEN_SLOTS
} nn_strassen_slot;

/* Forms of A that are no part of it. */
enum { NN_STRASSEN_A4, NN_STRASSEN_A5, NN_STRASSEN_A2, NN_STRASSEN_A6, NN_STRASSEN_FORMS };

/* The forms of a block of rows of A: row i of its `upper` rows meets row upper + i of the block,
 * for i < lower, and zeros for the one that may be left. */
typedef struct nn_strassen_split {
    bool compares_rows;
    const float *a; /* the block's first row */
    int64_t a_step, upper, lower, half_k;
    float
        *forms; /* [NN_STRASSEN_FORMS][upper] rows of half_k, whole vectors of which are written */
    int64_t form_step, row_step;
} nn_strassen_split;

/* What a block's numbers are. */
typedef struct nn_strassen_seen {
    float greatest; /* magnitude; NaN where one is, or an infinity */
    float ratio; /* most that rows that meet differ in their greatest magnitude; 1: not compared */
} nn_strassen_seen;

/* y[i][j] = clip(start[j] + p[i][j] + q[i][j] + residual[i][j]) for whole vectors of columns. */
typedef struct nn_strassen_sum {
    const float *p, *q;    /* `columns` floats from row to row */
    const float *start;    /* NULL: zeros */
    const float *residual; /* NULL: none; may be y */
    int64_t residual_step;
    float *y;
    int64_t y_step, rows, columns;
    float low, high;
} nn_strassen_sum;

/* The forms of a panel of B from its quarters, `count` floats of each, whole vectors. made[slot]
 * may be the place of a quarter. */
typedef struct nn_strassen_weights {
    const float *b[4];
    float *made[NN_STRASSEN_SLOTS]; /* from NN_STRASSEN_P5 on */
    int64_t count;
} nn_strassen_weights;

/* Of one instruction set. */
typedef struct nn_strassen_form {
    const nn_tiles_f32 *tiles;
    nn_strassen_seen (*split)(const nn_strassen_split *split);
    void (*sum)(const nn_strassen_sum *sum);
    void (*make)(const nn_strassen_weights *weights);
} nn_strassen_form;

extern const nn_strassen_form nn_strassen_f32_avx2, nn_strassen_f32_avx512;

/* Rows of A that are pixels of maps and lie apart, in floats. */
typedef struct nn_strassen_pixels {
    int64_t height, width; /* in rows of A; 0: rows follow each other */
    int64_t column_step, row_step, image_step;
} nn_strassen_pixels;

/* A [rows, k] by B [k, columns]; k is even, and half of the columns are whole vectors. */
typedef struct nn_strassen_product {
    int64_t rows, k, columns;
    nn_strassen_pixels pixels; /* are copied first */
    bool compares_rows;        /* those that meet are of about the same magnitude, or plain */
    int64_t a_step, y_step;    /* floats from row to row; residuals have y_step, too */
} nn_strassen_product;

/* Of dense matrices, whose rows are often of very different magnitude. */
static inline nn_strassen_product nn_strassen_matrix_product(int64_t rows, int64_t k,
                                                             int64_t columns) {
    return (nn_strassen_product){
        .rows = rows,
        .k = k,
        .columns = columns,
        .compares_rows = true,
        .a_step = k,
        .y_step = columns,
    };
}

typedef struct nn_strassen_plan {
    nn_strassen_product product;
    const nn_strassen_form *form;
    int64_t half_k, half_columns;
    const nn_tile_shape *shape, *last_shape; /* of all panels but the last, of the last */
    int64_t panels;                          /* of half of the columns */
    int64_t block_rows, blocks;              /* a unit of work: a block of rows */
    int64_t panel_block, panel_blocks;       /* and some panels */
    int64_t row_step, form_step;             /* of the forms of A */
    int64_t copied_step;                     /* from row to row of copied pixels */
    bool packs_forms;                        /* of B */
    int64_t weight_floats;
    int64_t raw_rows; /* of results on their way through an epilogue that tiles cannot do */
    size_t copied_bytes, forms_bytes, sums_bytes, raw_bytes, worker_bytes;
    nn_epilogue epilogue;
    bool claims;        /* nn_tile_f32 */
    bool tile_finishes; /* the epilogue is a residual and a clip */
    float low, high;
} nn_strassen_plan;

/* Is such a product taken, and estimated to be faster than the plain one? */
bool nn_strassen_suits(const nn_strassen_product *product, nn_isa isa);
bool nn_strassen_pays(const nn_strassen_product *product, nn_isa isa, int threads);

void nn_strassen_plan_make(const nn_strassen_product *product, const nn_strassen_form *form,
                           int threads, const nn_epilogue *epilogue, nn_strassen_plan *out);

/* What the weights of a product are. */
typedef struct nn_strassen_found {
    float limit;    /* the greatest magnitude that numbers of A may have; 0: not all are finite, and
                       the product is not to be used */
    bool is_scaled; /* results are to be multiplied by the factors */
} nn_strassen_found;

/* What is packed: what was found, a factor for each column, and the weights as
 * [panel][part][half_k][columns of the panel]; parts are B0, B2, B3 and B1 or, instead of B1, the
 * other forms. `packed` is all of it from here on, and `parts` those of a panel. */
size_t nn_strassen_packed_bytes(const nn_strassen_plan *plan);
const nn_strassen_found *nn_strassen_found_of(const float *packed);
/* NULL: there are none. */
const float *nn_strassen_factors(const float *packed);
const float *nn_strassen_weights_at(const nn_strassen_plan *plan, const float *packed,
                                    int64_t panel);
/* Columns of panel `panel` of half of the columns, and the first of them. */
int64_t nn_strassen_panel_columns(const nn_strassen_plan *plan, int64_t panel);
int64_t nn_strassen_panel_begin(const nn_strassen_plan *plan, int64_t panel);
/* Its numbers among the weights, which begin at this one. */
int64_t nn_strassen_panel_place(const nn_strassen_plan *plan, int64_t panel);
/* The quarters of a panel's `count` floats each, without places for what is made of them. */
nn_strassen_weights nn_strassen_weights_of(const float *parts, int64_t count);
/* Names all that packing depends on. */
void nn_strassen_variant(const nn_strassen_plan *plan, char *text, size_t size);
/* Columns [column, column + count) of one panel, each as k numbers. */
void nn_strassen_pack_columns(const nn_strassen_plan *plan, int64_t column, int64_t count,
                              const float *w, float *packed);
/* Rows [begin, end) of B, which hold all columns. */
void nn_strassen_pack_rows(const nn_strassen_plan *plan, int64_t begin, int64_t end, const float *w,
                           float *packed);
/* When all columns are packed: scales those that are too small for what they meet, and makes the
 * forms of all panels. */
void nn_strassen_finish(const nn_strassen_plan *plan, float *packed);

size_t nn_strassen_workspace(const nn_strassen_plan *plan, int threads);

/* `bias` has a value for each column; residual is NULL unless the epilogue has one; it may be y. */
typedef struct nn_strassen_operands {
    const float *packed, *bias;
    const float *a, *residual;
    float *y;
} nn_strassen_operands;
void nn_strassen_run(const nn_strassen_plan *plan, const nn_strassen_operands *operands,
                     nn_pool *pool, void *workspace);

#endif
