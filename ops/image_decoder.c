#include "base/image.h"
#include "ops/family/infer.h"

typedef enum pixel_format { PIXELS_RGB, PIXELS_BGR, PIXELS_GRAY } pixel_format;

typedef struct decoder_attrs {
    pixel_format format;
} decoder_attrs;

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    static const char *const names[] = {"RGB", "BGR", "Grayscale"};
    decoder_attrs *parsed = out;
    const char *name;
    NN_TRY(nn_attrs_string(attrs, "pixel_format", "RGB", &name));
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        parsed->format = (pixel_format)i;
        return NN_OK;
    }
    return nn_view_fail(node, NN_BAD_INPUT, "attribute 'pixel_format' is '%s'", name);
}

static nn_status infer(const nn_node_view *node) {
    const decoder_attrs *attrs = node->attrs;
    NN_TRY(nn_check_types(node, 0, 0, NN_TYPE_BIT(NNOPT_UINT8)));
    if (node->in[0]->rank >= 0 && node->in[0]->rank != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "the bytes must be a vector, have rank %d",
                            node->in[0]->rank);
    int64_t channels = attrs->format == PIXELS_GRAY ? 1 : 3;
    return nn_set_output(node, 0, NNOPT_UINT8, 3,
                         (int64_t[]){NN_DIM_UNKNOWN, NN_DIM_UNKNOWN, channels});
}

static void swap_channels(uint8_t *pixels, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        uint8_t red = pixels[3 * i];
        pixels[3 * i] = pixels[3 * i + 2];
        pixels[3 * i + 2] = red;
    }
}

/* ITU-R 601 luma in 16 bits of fraction, which is what PIL computes. */
static void to_gray(const uint8_t *pixels, uint8_t *out, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        out[i] = (uint8_t)((pixels[3 * i] * 19595u + pixels[3 * i + 1] * 38470u +
                            pixels[3 * i + 2] * 7471u + 0x8000u) >>
                           16);
}

static nn_status run(const nn_call *call) {
    const decoder_attrs *attrs = call->node->attrs;
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    nn_image image = {0};
    if (in->rank != 1)
        return nn_view_fail(call->node, NN_BAD_INPUT, "the bytes have rank %d", in->rank);
    nn_status status = nn_image_decode(in->data, (size_t)in->dims[0], &image);
    if (status != NN_OK)
        return nn_fail_context(status, "node '%s' (%s)", call->node->name, call->node->op->name);
    int64_t count = (int64_t)image.width * image.height;
    if (attrs->format == PIXELS_GRAY) {
        status = nn_tensor_init(out, NNOPT_UINT8, (int64_t[]){image.height, image.width, 1}, 3);
        if (status == NN_OK) to_gray(image.pixels, out->data, count);
        nn_image_clear(&image);
        return status;
    }
    if (attrs->format == PIXELS_BGR) swap_channels(image.pixels, count);
    *out = (nn_tensor){.type = NNOPT_UINT8,
                       .rank = 3,
                       .dims = {image.height, image.width, 3},
                       .data = image.pixels};
    return NN_OK;
}

static const nn_kernel reference = {
    .name = "image_decoder_reference",
    .exactness = NN_EXACT,
    .makes_outputs = true,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reference, NULL};

const nn_op nn_op_image_decoder = {
    .name = "ImageDecoder",
    .domain = "",
    .since = 20,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(decoder_attrs),
    .parse = parse,
    .infer = infer,
    .kernels = kernels,
};
