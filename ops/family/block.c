#include "ops/family/block.h"

nn_status nn_block_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_block_attrs *parsed = out;
    const char *mode;
    NN_TRY(nn_attrs_int(attrs, "blocksize", 0, &parsed->size));
    NN_TRY(nn_attrs_string(attrs, "mode", "DCR", &mode));
    parsed->channel_first = strcmp(mode, "CRD") == 0;
    if (!parsed->channel_first && strcmp(mode, "DCR") != 0)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'mode' is '%s'", mode);
    if (parsed->size < 1 || parsed->size > INT32_MAX)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'blocksize' is %lld",
                            (long long)parsed->size);
    return NN_OK;
}

void nn_block_steps(const nn_block_attrs *attrs, const nn_tensor *deep, int64_t dims[6],
                    int64_t deep_steps[6], int64_t wide_steps[6]) {
    int64_t block = attrs->size, height = deep->dims[2], width = deep->dims[3];
    int64_t channels = deep->dims[1] / (block * block), plane = height * width;
    int64_t row = attrs->channel_first ? block : block * channels;
    int64_t column = attrs->channel_first ? 1 : channels;
    int64_t sizes[6] = {deep->dims[0], channels, height, block, width, block};
    int64_t from[6] = {deep->dims[1] * plane,
                       (attrs->channel_first ? block * block : 1) * plane,
                       width,
                       row * plane,
                       1,
                       column * plane};
    int64_t wide_width = width * block;
    int64_t to[6] = {channels * height * block * wide_width,
                     height * block * wide_width,
                     block * wide_width,
                     wide_width,
                     block,
                     1};
    for (int i = 0; i < 6; i++) {
        dims[i] = sizes[i];
        deep_steps[i] = from[i];
        wide_steps[i] = to[i];
    }
}
