/* The ends of Winograd's algorithms (ops/cpu/float32/winograd/winograd_f32.h and
 * winograd_line_f32.h) for maps of bytes: bytes are transformed as floats, and the sums that come
 * back are rounded to the integers that they are but for the rounding on the way, then requantised
 * as those of conv_u8s8.h.
 *
 * For instruction sets whose exact products of bytes are no faster than those of floats. */
#ifndef NN_WINOGRAD_U8S8_H
#define NN_WINOGRAD_U8S8_H

#include "ops/cpu/float32/winograd/winograd_line_f32.h"
#include "ops/cpu/int8/int8_product.h"

/* y = clamp(round((sum + start) multiplier) + zero, low, high), as bytes, of sums as integers. */
typedef struct nn_winograd_bytes {
    const int32_t *start;    /* per channel, of whole vectors */
    const float *multiplier; /* below 1 */
    int16_t zero, low, high;
} nn_winograd_bytes;

/* Else as nn_winograd_output and nn_line_output. */
typedef struct nn_winograd_byte_output {
    const float *m;
    int64_t m_step, channels;
    nn_winograd_bytes bytes;
    uint8_t *y;
    int64_t row, pitch;
    int rows, columns;
} nn_winograd_byte_output;

typedef struct nn_line_byte_output {
    const float *m;
    int64_t m_step, channels;
    nn_winograd_bytes bytes;
    uint8_t *y;
    int64_t y_step;
    int count;
} nn_line_byte_output;

typedef struct nn_winograd_byte_form {
    void (*input)(const nn_winograd_input *input);
    void (*output)(const nn_winograd_byte_output *output);
} nn_winograd_byte_form;

/* Of one instruction set; the forms of floats have the tiles that multiply. */
typedef struct nn_winograd_byte_forms {
    const nn_winograd_forms *floats;
    nn_winograd_byte_form two, four; /* by their outputs */
    const nn_winograd_line_form *line_floats;
    void (*line_input)(const nn_line_input *input);
    void (*line_output)(const nn_line_byte_output *output);
} nn_winograd_byte_forms;

extern const nn_winograd_byte_forms nn_winograd_u8s8_avx2;

/* ---- kernel parts ---- */

/* The exact products that these are an alternative to. */
extern const nn_winograd_rival nn_winograd_rival_u8s8;

/* A QLinearConv or QConv whose result needs no more than nn_winograd_bytes and whose weights keep
 * rounding small; on a target with dot products of bytes only where it explores. */
bool nn_winograd_bytes_accept(const nn_node_view *node, const nn_target *target);

/* Weights of output channels [first, first + count), less their zero points. */
void nn_winograd_byte_weights(const nn_node_view *node, int64_t first, int64_t count, float *out);

/* What such kernels keep of the parameters of a node. */
typedef struct nn_winograd_byte_node {
    nn_int8_setting setting;
    nn_int8_parameters parameters;
} nn_winograd_byte_node;
/* A state of `bytes` bytes with the numbers of `padded` channels behind it; NULL: no memory. With
 * the sums of the weights inputs keep their zero point; NULL: they come less it. */
void *nn_winograd_byte_state(const nn_node_view *node, nn_prepare *services, size_t bytes,
                             int64_t padded, const int32_t *w_sums, nn_winograd_byte_node *out);

/* The input of a call, and the part of it for channels from `first` on. */
nn_winograd_pixels nn_winograd_byte_pixels(const nn_int8_call *call);
nn_winograd_bytes nn_winograd_bytes_of(const nn_int8_call *call, int64_t first);

#endif
