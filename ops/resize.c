#include "ops/family/resize.h"

/* The value's place in a list of names; NN_BAD_INPUT when it is none of them. */
static nn_status choice(const nn_node_view *node, const nn_attrs *attrs, const char *name,
                        const char *const *names, int count, int fallback, int *out) {
    const char *text;
    NN_TRY(nn_attrs_string(attrs, name, names[fallback], &text));
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], text) == 0) {
            *out = i;
            return NN_OK;
        }
    return nn_view_fail(node, NN_BAD_INPUT, "attribute '%s' is '%s'", name, text);
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const coordinates[] = {"half_pixel",         "half_pixel_symmetric",
                                              "pytorch_half_pixel", "align_corners",
                                              "asymmetric",         "tf_crop_and_resize"};
    static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                            "ceil"};
    static const char *const policies[] = {"stretch", "not_larger", "not_smaller"};
    nn_resize_attrs *parsed = out;
    bool old = node->opset < 11;
    int mode = 0, coordinate = 0, rounding = 0, policy = 0;
    int64_t antialias, exclude_outside;
    NN_TRY(choice(node, attrs, "mode", modes, old ? 2 : 3, 0, &mode));
    NN_TRY(choice(node, attrs, "coordinate_transformation_mode", coordinates, 6,
                  old ? NN_COORDINATES_ASYMMETRIC : NN_COORDINATES_HALF_PIXEL, &coordinate));
    NN_TRY(choice(node, attrs, "nearest_mode", roundings, 4, 0, &rounding));
    NN_TRY(choice(node, attrs, "keep_aspect_ratio_policy", policies, 3, 0, &policy));
    NN_TRY(nn_attrs_int(attrs, "antialias", 0, &antialias));
    NN_TRY(nn_attrs_int(attrs, "exclude_outside", 0, &exclude_outside));
    NN_TRY(nn_attrs_float(attrs, "cubic_coeff_a", -0.75f, &parsed->cubic));
    NN_TRY(nn_attrs_float(attrs, "extrapolation_value", 0, &parsed->extrapolation));
    parsed->mode = (nn_resize_mode)mode;
    parsed->coordinates = (nn_resize_coordinates)coordinate;
    parsed->rounding = old ? NN_ROUND_OUTWARD : (nn_resize_rounding)rounding;
    parsed->policy = (nn_resize_policy)policy;
    parsed->antialias = antialias != 0;
    parsed->exclude_outside = exclude_outside != 0;
    parsed->roi_input = old ? -1 : 1;
    parsed->scales_input = old ? 1 : 2;
    parsed->sizes_input = old ? -1 : 3;
    return nn_list_attribute(node, attrs, "axes", NN_MAX_RANK, &parsed->axes);
}

const nn_op nn_op_resize = {
    .name = "Resize",
    .since = 10,
    .min_inputs = 1,
    .max_inputs = 4,
    NN_RESIZE_COLUMNS,
    .parse = parse,
};
