/* The ends of Winograd's algorithms (ops/cpu/float32/winograd_f32.h) for maps of bytes: bytes are
 * transformed as floats, and the sums that come back are rounded to the integers that they are but
 * for the rounding on the way, then requantised as those of conv_u8s8.h.
 *
 * For instruction sets whose exact products of bytes are no faster than those of floats. */
#ifndef NN_WINOGRAD_U8S8_H
#define NN_WINOGRAD_U8S8_H

#include "ops/cpu/float32/winograd_f32.h"

/* y = clamp(round((round(sum) + start) multiplier) + zero, low, high), as bytes; else as
 * nn_winograd_output. */
typedef struct nn_winograd_byte_output {
    const float *m;
    int64_t m_step, channels;
    const int32_t *start;    /* per channel, of whole vectors */
    const float *multiplier; /* below 1 */
    int16_t zero, low, high;
    uint8_t *y;
    int64_t row, pitch;
    int rows, columns;
} nn_winograd_byte_output;

typedef struct nn_winograd_byte_form {
    void (*input)(const nn_winograd_input *input);
    void (*output)(const nn_winograd_byte_output *output);
} nn_winograd_byte_form;

/* By their outputs; `floats` has the tiles that multiply. */
typedef struct nn_winograd_byte_forms {
    const nn_winograd_forms *floats;
    nn_winograd_byte_form two, four;
} nn_winograd_byte_forms;

extern const nn_winograd_byte_forms nn_winograd_u8s8_avx2;

#endif
