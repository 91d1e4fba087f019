/* Windows bitmaps of 1, 4, 8, 16, 24 and 32 bits without compression. Layout of the headers:
 * https://learn.microsoft.com/windows/win32/gdi/bitmap-storage */
#include "base/image_parts.h"

enum { FILE_HEADER = 14, CORE_HEADER = 12, INFO_HEADER = 40 };
enum { PLAIN = 0, MASKS = 3 };

static uint32_t number_at(const uint8_t *bytes, int width) {
    uint32_t value = 0;
    for (int i = 0; i < width; i++) value |= (uint32_t)bytes[i] << (8 * i);
    return value;
}

/* Colours of the pixels: through a palette, or through masks over their bits. */
typedef struct bitmap {
    int64_t width, height;
    int bits;
    bool from_top;
    const uint8_t *rows;
    int64_t stride;
    const uint8_t *palette; /* blue, green, red, and a byte more where colour_size is 4 */
    int64_t colours;
    int colour_size;
    uint32_t masks[3];
} bitmap;

static nn_status read_header(const uint8_t *bytes, size_t size, bitmap *out) {
    if (size < FILE_HEADER + CORE_HEADER) return nn_fail(NN_BAD_INPUT, "the header is cut off");
    uint32_t data = number_at(bytes + 10, 4), header = number_at(bytes + 14, 4);
    bool is_core = header == CORE_HEADER;
    if ((!is_core && header < INFO_HEADER) || header > size - FILE_HEADER)
        return nn_fail(NN_BAD_INPUT, "a header of %u bytes", header);
    const uint8_t *info = bytes + FILE_HEADER;
    out->width = is_core ? (int64_t)number_at(info + 4, 2) : (int32_t)number_at(info + 4, 4);
    out->height = is_core ? (int64_t)number_at(info + 6, 2) : (int32_t)number_at(info + 8, 4);
    out->bits = (int)number_at(info + (is_core ? 10 : 14), 2);
    out->from_top = out->height < 0;
    if (out->from_top) out->height = -out->height;
    uint32_t compression = is_core ? PLAIN : number_at(info + 16, 4);
    bool has_masks = compression == MASKS && (out->bits == 16 || out->bits == 32);
    if (compression != PLAIN && !has_masks)
        return nn_fail(NN_UNSUPPORTED, "compression %u", compression);
    out->colour_size = is_core ? 3 : 4;
    size_t palette = FILE_HEADER + (size_t)header;
    if (has_masks) {
        if (size < FILE_HEADER + INFO_HEADER + 12)
            return nn_fail(NN_BAD_INPUT, "the header is cut off");
        for (int i = 0; i < 3; i++) out->masks[i] = number_at(info + INFO_HEADER + 4 * i, 4);
    } else if (out->bits == 16 || out->bits == 32) {
        int each = out->bits == 16 ? 5 : 8;
        for (int i = 0; i < 3; i++) out->masks[i] = ((1u << each) - 1) << (each * (2 - i));
    } else if (out->bits == 1 || out->bits == 4 || out->bits == 8) {
        uint32_t used = is_core ? 0 : number_at(info + 32, 4);
        out->colours = used > 0 && used < (1u << out->bits) ? (int64_t)used : 1 << out->bits;
        int64_t room = data > palette && data <= size ? (int64_t)(data - palette) : 0;
        if (out->colours * out->colour_size > room) out->colours = room / out->colour_size;
        out->palette = bytes + palette;
    } else if (out->bits != 24) {
        return nn_fail(NN_BAD_INPUT, "%d bits a pixel", out->bits);
    }
    out->stride = (out->width * out->bits + 31) / 32 * 4;
    if (out->width < 1 || out->height < 1 || data > size ||
        out->stride > (int64_t)(size - data) / out->height)
        return nn_fail(NN_BAD_INPUT, "%lldx%lld pixels of %d bits do not fit into %zu bytes",
                       (long long)out->width, (long long)out->height, out->bits, size);
    out->rows = bytes + data;
    return NN_OK;
}

static uint8_t masked(uint32_t value, uint32_t mask) {
    if (mask == 0) return 0;
    int shift = __builtin_ctz(mask);
    uint64_t most = mask >> shift, part = (value & mask) >> shift;
    return (uint8_t)(part * 255 / most);
}

static nn_status decode_row(const bitmap *map, const uint8_t *row, uint8_t *out) {
    for (int64_t x = 0; x < map->width; x++, out += 3) {
        int64_t bit = x * map->bits;
        if (map->bits == 24) {
            const uint8_t *pixel = row + 3 * x;
            for (int c = 0; c < 3; c++) out[c] = pixel[2 - c];
        } else if (map->bits > 8) {
            uint32_t value = number_at(row + bit / 8, map->bits / 8);
            for (int c = 0; c < 3; c++) out[c] = masked(value, map->masks[c]);
        } else {
            int index = row[bit / 8] >> (8 - map->bits - bit % 8) & ((1 << map->bits) - 1);
            if (index >= map->colours)
                return nn_fail(NN_BAD_INPUT, "colour %d of %lld", index, (long long)map->colours);
            const uint8_t *colour = map->palette + index * map->colour_size;
            for (int c = 0; c < 3; c++) out[c] = colour[2 - c];
        }
    }
    return NN_OK;
}

nn_status nn_image_decode_bmp(const uint8_t *bytes, size_t size, nn_image *out) {
    bitmap map = {0};
    NN_TRY(read_header(bytes, size, &map));
    NN_TRY(nn_image_init(out, map.width, map.height));
    for (int64_t y = 0; y < map.height; y++) {
        int64_t stored = map.from_top ? y : map.height - 1 - y;
        NN_TRY(decode_row(&map, map.rows + stored * map.stride, out->pixels + y * map.width * 3));
    }
    return NN_OK;
}
