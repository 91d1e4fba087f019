/* Body of matmul_reference.c for one element type: REAL, NAME(stem). Integers come as their
 * unsigned types, whose products wrap as the signed ones do. */

/* Row `row` of y = alpha A B + beta C. */
static void NAME(product_row)(const product *p, int64_t row) {
    const REAL *a = (const REAL *)p->a + row * p->a_row;
    const REAL *b = p->b, *c = p->c;
    REAL *y = (REAL *)p->y + row * p->n;
    for (int64_t j = 0; j < p->n; j++) y[j] = 0;
    if (p->b_column == 1) {
        for (int64_t k = 0; k < p->k; k++) {
            const REAL factor = a[k * p->a_column], *b_row = b + k * p->b_row;
            for (int64_t j = 0; j < p->n; j++) y[j] += factor * b_row[j];
        }
    } else {
        for (int64_t j = 0; j < p->n; j++) {
            const REAL *column = b + j * p->b_column;
            REAL sum = 0;
            for (int64_t k = 0; k < p->k; k++) sum += a[k * p->a_column] * column[k * p->b_row];
            y[j] = sum;
        }
    }
    if (p->alpha != 1)
        for (int64_t j = 0; j < p->n; j++) y[j] *= SCALE(p->alpha);
    if (c != NULL)
        for (int64_t j = 0; j < p->n; j++)
            y[j] += SCALE(p->beta) * c[row * p->c_row + j * p->c_column];
}
