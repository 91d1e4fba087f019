/* Prepares a MatMul, Linear or Gemm node by one matrix as plain sums, for kernels that fall back to
 * them; nn_conv_f32_run runs it. */
#ifndef NN_GEMM_F32_H
#define NN_GEMM_F32_H

#include "ops/cpu/float32/conv_f32.h"
#include "ops/family/gemm.h"
#include "ops/family/matmul.h"

enum { NN_PRODUCT_NO_BIAS = 31 }; /* in place of an input */

/* Floats, and some of them. */
bool nn_product_has_work(const nn_node_view *node);

/* Are all rows of all of A multiplied by the same B? */
bool nn_product_has_one_b(const nn_matmul_geometry *geometry);

nn_status nn_product_f32_prepare(const nn_node_view *node, const nn_target *target,
                                 nn_prepare *services, const nn_tiles_f32 *tiles, int bias,
                                 nn_conv_f32_state *state);

/* C, which is input `bias`, has one row or none. */
nn_status nn_gemm_f32_prepare(const nn_node_view *node, const nn_target *target,
                              nn_prepare *services, const nn_tiles_f32 *tiles,
                              const nn_epilogue *epilogue, int bias, nn_conv_f32_state *state);

#endif
