/* Products of bytes by the tile kernel, whatever operator they come from. */
#ifndef NN_CUDA_TILE_PRODUCT_H
#define NN_CUDA_TILE_PRODUCT_H

#include "ops/cpu/int8/int8_operators.h"
#include "ops/cuda/int8/tile_choice.h"

/* Columns of kernels; `describe` says what the node is. */
bool nn_tile_product_accepts(const nn_node_view *node, nn_int8_describe *describe);
nn_status nn_tile_product_prepare(const nn_node_view *node, const nn_target *target,
                                  nn_prepare *prepare, nn_int8_describe *describe);
nn_status nn_tile_product_run(const nn_call *call);

/* "64x64x64, 2 splits, fastest of 4" */
void nn_tile_describe(nn_prepare *prepare, const nn_cuda_tiles *tiles,
                      const nn_tile_choice *choice);

#endif
