/* int8 without calibration data: dynamic ranges for matrix products, or weights alone. */
#ifndef NN_QUANTIZE_DYNAMIC_H
#define NN_QUANTIZE_DYNAMIC_H

#include "engine/graph/model.h"
#include "engine/report.h"
#include "optim/quantize_static.h"

/* MatMul and Gemm with constant weights become DynamicQuantizeLinear, MatMulInteger, and a scale;
 * the range of the activations is found at each run. Everything else stays float. */
nn_status nn_quantize_dynamic(nn_model *model, const nn_static_options *options, nn_report *report);

/* Weights of Conv, ConvTranspose, Gemm and MatMul are stored as int8 behind DequantizeLinear: the
 * file shrinks, the arithmetic stays float32. */
nn_status nn_quantize_weights_only(nn_model *model, const nn_static_options *options,
                                   nn_report *report);

#endif
