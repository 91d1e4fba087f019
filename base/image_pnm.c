/* Portable bitmaps, graymaps and pixmaps, as text (P1 to P3) and binary (P4 to P6):
 * https://netpbm.sourceforge.net/doc/pnm.html */
#include "base/image_parts.h"

typedef struct pnm_text {
    const uint8_t *at, *end;
} pnm_text;

static bool is_space(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* White space and comments. */
static void skip(pnm_text *text) {
    while (text->at < text->end && (is_space(*text->at) || *text->at == '#')) {
        bool is_comment = *text->at++ == '#';
        while (is_comment && text->at < text->end && *text->at != '\n' && *text->at != '\r')
            text->at++;
    }
}

/* A number below 2^24; single digits when `is_bit`. */
static nn_status read_number(pnm_text *text, bool is_bit, uint32_t *out) {
    skip(text);
    const uint8_t *begin = text->at;
    *out = 0;
    while (text->at < text->end && *text->at >= '0' && *text->at <= '9' && *out < (1 << 20)) {
        *out = *out * 10 + (uint32_t)(*text->at++ - '0');
        if (is_bit) break;
    }
    if (text->at == begin || *out >= (1 << 24)) return nn_fail(NN_BAD_INPUT, "a number is missing");
    return NN_OK;
}

static nn_status put(uint32_t value, uint32_t most, uint8_t *out) {
    if (value > most) return nn_fail(NN_BAD_INPUT, "a sample is %u of %u", value, most);
    *out = (uint8_t)(most == 255 ? value : (value * 255 + most / 2) / most);
    return NN_OK;
}

static nn_status read_samples(pnm_text *text, char kind, uint32_t most, int64_t row, int64_t count,
                              uint8_t *out) {
    bool is_bit = kind == '1' || kind == '4';
    if (kind < '4') {
        for (int64_t i = 0; i < count; i++) {
            uint32_t value;
            NN_TRY(read_number(text, is_bit, &value));
            NN_TRY(put(is_bit ? 1 - (value & 1) : value, most, &out[i]));
        }
        return NN_OK;
    }
    int64_t width = most > 255 ? 2 : 1, rows = row > 0 ? count / row : 0;
    int64_t needed = is_bit ? rows * ((row + 7) / 8) : count * width;
    if (text->end - text->at < needed)
        return nn_fail(NN_BAD_INPUT, "%lld bytes of samples, %lld are needed",
                       (long long)(text->end - text->at), (long long)needed);
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *at = text->at + i * width;
        if (is_bit) {
            at = text->at + i / row * ((row + 7) / 8) + i % row / 8;
            out[i] = *at >> (7 - i % row % 8) & 1 ? 0 : 255;
        } else {
            NN_TRY(put(width == 2 ? (uint32_t)at[0] << 8 | at[1] : at[0], most, &out[i]));
        }
    }
    return NN_OK;
}

nn_status nn_image_decode_pnm(const uint8_t *bytes, size_t size, nn_image *out) {
    pnm_text text = {bytes + 2, bytes + size};
    char kind = (char)bytes[1];
    bool is_bit = kind == '1' || kind == '4', is_colour = kind == '3' || kind == '6';
    uint32_t width, height, most = 1;
    NN_TRY(read_number(&text, false, &width));
    NN_TRY(read_number(&text, false, &height));
    if (!is_bit) NN_TRY(read_number(&text, false, &most));
    if (most < 1 || most > 65535) return nn_fail(NN_BAD_INPUT, "samples to %u", most);
    if (kind >= '4') {
        if (text.at == text.end || !is_space(*text.at))
            return nn_fail(NN_BAD_INPUT, "the header is damaged");
        text.at++;
    }
    NN_TRY(nn_image_init(out, width, height));
    int64_t count = (int64_t)width * height;
    int64_t channels = is_colour ? 3 : 1;
    NN_TRY(read_samples(&text, kind, most, width, count * channels, out->pixels));
    for (int64_t i = count - 1; !is_colour && i >= 0; i--)
        memset(out->pixels + 3 * i, out->pixels[i], 3);
    return NN_OK;
}
