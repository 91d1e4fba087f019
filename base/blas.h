/* OpenBLAS, opened at run time so that it always runs on the right core type. */
#ifndef NN_BLAS_H
#define NN_BLAS_H

#include "base/status.h"

typedef struct nn_blas {
    /* CBLAS, row-major = 101, no-trans = 111, trans = 112, upper = 121, lower = 122 */
    void (*sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                  int lda, const float *b, int ldb, float beta, float *c, int ldc);
    void (*dgemm)(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a,
                  int lda, const double *b, int ldb, double beta, double *c, int ldc);
    void (*dsyrk)(int order, int uplo, int trans, int n, int k, double alpha, const double *a,
                  int lda, double beta, double *c, int ldc);
    /* LAPACK with its Fortran names: column-major, everything by pointer */
    void (*dpotrf)(const char *uplo, const int *n, double *a, const int *lda, int *info);
    void (*dpotrs)(const char *uplo, const int *n, const int *nrhs, const double *a, const int *lda,
                   double *b, const int *ldb, int *info);
    void (*dpotri)(const char *uplo, const int *n, double *a, const int *lda, int *info);
    void (*dtrtrs)(const char *uplo, const char *trans, const char *diag, const int *n,
                   const int *nrhs, const double *a, const int *lda, double *b, const int *ldb,
                   int *info);
    void (*dgesdd)(const char *jobz, const int *m, const int *n, double *a, const int *lda,
                   double *s, double *u, const int *ldu, double *vt, const int *ldvt, double *work,
                   const int *lwork, int *iwork, int *info);
    void (*dsyevd)(const char *jobz, const char *uplo, const int *n, double *a, const int *lda,
                   double *w, double *work, const int *lwork, int *iwork, const int *liwork,
                   int *info);
    const char *config;    /* openblas_get_config() */
    const char *core_name; /* the kernels it runs: "SkylakeX" */
} nn_blas;

/* Opens OpenBLAS once; later calls are cheap. OPENBLAS_CORETYPE is set from CPUID around the load
 * only if the user has not set it; it runs single-threaded. NN_UNSUPPORTED when it is not there. */
nn_status nn_blas_get(const nn_blas **out);

#endif
