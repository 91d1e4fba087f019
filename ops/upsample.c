#include "ops/family/resize.h"

/* What Resize became: no options, coordinates divided by the scale, the nearest element below. */
static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_resize_attrs *parsed = out;
    const char *mode;
    const float *scales;
    int64_t count;
    NN_TRY(nn_attrs_string(attrs, "mode", "nearest", &mode));
    bool linear = strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0;
    if (!linear && strcmp(mode, "nearest") != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'mode' is '%s'", mode);
    *parsed = (nn_resize_attrs){.mode = linear ? NN_RESIZE_LINEAR : NN_RESIZE_NEAREST,
                                .coordinates = NN_COORDINATES_ASYMMETRIC,
                                .rounding = NN_ROUND_OUTWARD,
                                .roi_input = -1,
                                .scales_input = node->opset >= 9 ? 1 : -1,
                                .sizes_input = -1};
    if (node->opset >= 9) return NN_OK;
    if (node->opset < 7) {
        parsed->scale_count = 4;
        parsed->scales[0] = parsed->scales[1] = 1;
        NN_TRY(nn_attrs_float(attrs, "height_scale", 0, &parsed->scales[2]));
        return nn_attrs_float(attrs, "width_scale", 0, &parsed->scales[3]);
    }
    NN_TRY(nn_attrs_floats(attrs, "scales", &scales, &count));
    if (count < 1 || count > NN_MAX_RANK)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'scales' has %lld values",
                            (long long)count);
    parsed->scale_count = (int)count;
    for (int i = 0; i < count; i++) parsed->scales[i] = scales[i];
    return NN_OK;
}

const nn_op nn_op_upsample = {
    .name = "Upsample",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 2,
    NN_RESIZE_COLUMNS,
    .parse = parse,
};
