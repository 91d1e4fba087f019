/* Static int8 in QDQ form: which nodes become integer, and where QuantizeLinear/DequantizeLinear
 * stand. */
#ifndef NN_QUANTIZE_STATIC_H
#define NN_QUANTIZE_STATIC_H

#include "base/dataset.h"
#include "engine/graph/model.h"
#include "engine/report.h"
#include "optim/quant_range.h"

typedef struct nn_static_options {
    nn_range_method method;
    nn_type activation_type;       /* int8 (default) or uint8 */
    bool per_channel;              /* weights */
    int64_t max_samples;           /* of the calibration data; 0: all */
    const char *const *keep_float; /* names of nodes */
    int64_t keep_float_count;
} nn_static_options;

/* Why a node stays float, in words; NULL: it becomes integer. */
const char *nn_static_refusal(const nn_node *node, const nn_static_options *options);

/* Edits `model` (derived, BatchNorm folded, opset 13 or newer) in place. Statistics come from runs
 * of the model itself before any edit. "changes" and "refused" of the report get one entry a node.
 */
nn_status nn_quantize_static(nn_model *model, nn_dataset *calib, const nn_static_options *options,
                             nn_report *report);

#endif
