#ifndef NN_CUDA_DEFORM_LAUNCH_H
#define NN_CUDA_DEFORM_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NN_CUDA_DEFORM_AXES = 3 };

typedef struct nn_cuda_deform_axis {
    int64_t in, out, kernel, stride, dilation, pad;
} nn_cuda_deform_axis;

/* columns [channels, taps, out_pixels] of one sample: what each tap of each
 * output reads (ops/family/deform.h). All of one type: float, float16 or
 * bfloat16. */
typedef struct nn_cuda_deform {
    nnopt_type type;
    int axes; /* the last entries of `axis`; the others have size 1 */
    nn_cuda_deform_axis axis[NN_CUDA_DEFORM_AXES];
    int64_t channels, offset_group, in_pixels, out_pixels, taps;
    const void *x, *offsets, *mask; /* of the sample; mask NULL: ones */
    void *columns;
} nn_cuda_deform;
cudaError_t nn_cuda_launch_deform(const nn_cuda_deform *arguments, cudaStream_t stream);

/* y [rows, columns] = w [rows, k] x [k, columns] + bias of the row: for where
 * there is no library of products. */
typedef struct nn_cuda_deform_product {
    nnopt_type type;
    int64_t rows, columns, k;
    const void *w, *x, *bias; /* bias may be NULL */
    void *y;
} nn_cuda_deform_product;
cudaError_t nn_cuda_launch_deform_product(const nn_cuda_deform_product *arguments,
                                          cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
