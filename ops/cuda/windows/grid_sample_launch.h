#ifndef NN_CUDA_GRID_SAMPLE_LAUNCH_H
#define NN_CUDA_GRID_SAMPLE_LAUNCH_H

#include <cuda_runtime_api.h>
#include <nnopt.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NN_CUDA_SAMPLE_AXES = 3 };

/* y [batch, channels, out_pixels] holds x [batch, channels, in[0], in[1], in[2]] at the places that
 * grid [batch, out_pixels, axes] names. Axes that x does not have come first and have size 1. */
typedef struct nn_cuda_grid_sample {
    nnopt_type type, grid_type; /* grid: float of 16 to 64 bits */
    int bytes;                  /* of an element; only what is nearest is moved unread */
    int taps;                   /* 1 nearest, 2 linear, 4 cubic */
    int padding;                /* nn_sample_padding of ops/family/grid_sample.h */
    bool align_corners, channels_last;
    int axes;
    int64_t batch, channels, in[NN_CUDA_SAMPLE_AXES], in_pixels, out_pixels;
    const void *x, *grid;
    void *y;
} nn_cuda_grid_sample;
cudaError_t nn_cuda_launch_grid_sample(const nn_cuda_grid_sample *arguments, cudaStream_t stream);

/* grid [batch, out[0], out[1], out[2], axes] = theta [batch, axes, axes + 1] (places, 1):
 * AffineGrid. One type: float of 16 to 64 bits. */
typedef struct nn_cuda_affine_grid {
    nnopt_type type;
    bool align_corners;
    int axes; /* 2 or 3 */
    int64_t batch, out[NN_CUDA_SAMPLE_AXES], pixels;
    const void *theta;
    void *grid;
} nn_cuda_affine_grid;
cudaError_t nn_cuda_launch_affine_grid(const nn_cuda_affine_grid *arguments, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
