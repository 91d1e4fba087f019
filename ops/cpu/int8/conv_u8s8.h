/* Products of 8-bit activations and constant 8-bit weights: quantised convolutions in channels-last
 * layout, and matrix products, which are convolutions of maps one pixel wide.
 *
 * An output is the sum over taps t and k of a[pixel + offset(t) + k] w[t][k][channel]. Tiles of a
 * few pixels by some vectors of channels keep their sums in registers over all taps and k, and are
 * requantised there. No im2col: a tap is an offset.
 *
 * Activations are read in place where the input needs no padding and is unsigned, else from a band:
 * a copy of the input rows that a few output rows need, with the padding filled in, values made
 * unsigned (x ^ 0x80), channels of one group side by side, so that a whole kernel row is one tap.
 *
 * Units without a dot product of bytes may save half of the multiplications (Winograd, "A New
 * Algorithm for Inner Product", 1968): of four values of k, in two steps,
 *
 *     a0 w0 + a2 w2 = (a0 + w2)(a2 + w0) - a0 a2 - w0 w2
 *
 * and so for a1 and a3. What is taken off is one number for each pixel and one for each channel.
 * All of it is exact: additions stay in int16, and sums wrap as they may.
 *
 * Weights are packed in panels of unit->vectors vectors of channels, or in the last panel as few as
 * suffice: [group][panel][tap][k / depth][channel][depth], zero where k or channel exceed. Zero
 * points are folded: w' = w - w_zero is packed, and the sums start at bias - x_zero sum(w'). Where
 * w' exceeds int8 it is split in parts that are packed as further taps at the same offsets. */
#ifndef NN_CONV_U8S8_H
#define NN_CONV_U8S8_H

#include "ops/cpu/int8/int8_product.h"
#include "ops/family/convolution.h"
#include "ops/family/qlinear_binary.h"

/* One tile. Its pixels come in two segments of even spacing, so that one tile can take two short
 * rows of a map: unit->segment pixels from a[0], the rest from a[1]; outputs alike. */
typedef struct nn_u8s8_tile {
    const uint8_t *a[2];
    int64_t a_step;      /* bytes from pixel to pixel */
    const int32_t *taps; /* offsets in bytes */
    int64_t tap_count;
    int64_t steps; /* per tap: k / depth */
    const void *w;
    const int32_t *start; /* per channel: the sums before the first product; aligned */
    const char *fetch;    /* what comes to L2 meanwhile, fetch_step bytes for every step */
    int64_t fetch_step;
    /* Not NULL: products are shared, and these are the pixels' own. A last odd step of a tap is
     * multiplied as ever. */
    const int32_t *own;

    int32_t *sums; /* not NULL: sums go here, [row][channel of the panel], and nowhere else */
    int64_t more;  /* tiles of as many pixels that lie behind this one and are done with it */
    uint8_t *y[2]; /* else y = clamp(round(sum multiplier) + zero, low, high), as bytes */
    int64_t y_step;
    const float *multiplier; /* per channel, below 1; aligned */
    int16_t zero, low, high;
    bool is_signed; /* y */
    int columns;    /* channels that exist, of those of the panel */
    /* Not NULL, of units that add: y is the sum of that and an addend, which lies as y does. */
    const nn_qbinary *sum;
    bool addend_first;
    const uint8_t *addend; /* of pixel 0 */
} nn_u8s8_tile;

enum { NN_U8S8_WIDTH = 64 }; /* channels of the widest panel */

/* What an instruction set brings. */
typedef struct nn_u8s8_unit {
    const char *name;     /* keys packed weights */
    int rows[4];          /* pixels of the largest tile of 1, 2 .. vectors */
    int segment;          /* pixels of a tile's first segment */
    int lanes, vectors;   /* channels of a vector, vectors of a panel */
    bool takes_lanes;     /* `start` and `multiplier` of tiles come in nn_u8s8_lane's order */
    int depth;            /* k's multiplied at once: 4 weights of one byte, or 2 of two */
    int activation_bytes; /* in a band. 1: unsigned; 2: int16, less the zero point */
    int weight_bytes;
    bool adds;      /* takes the sum of a QConv */
    bool continues; /* does `more` tiles that store bytes, and have one segment */
    /* vectors 1 .. unit->vectors, rows 1 .. unit->rows[vectors - 1] */
    void (*tile)(const nn_u8s8_tile *tile, int rows, int vectors);
    /* Of units that share products: those of each of `count` pixels with itself, over all taps. */
    void (*own)(const nn_u8s8_tile *tile, int64_t count, int32_t *out);
    /* `count` bytes into a band: x ^ flip, less `zero` when activations have two bytes. */
    void (*copy)(void *out, const uint8_t *x, int64_t count, uint8_t flip, int32_t zero);
    nn_int8_finish finish;
} nn_u8s8_unit;

/* Where a channel of a panel lies among the lanes of its vectors: groups of four go round them, so
 * that packing vectors to a quarter of their width (vpackssdw, vpackuswb) gives channels in order.
 */
static inline int64_t nn_u8s8_lane(int64_t channel, int vectors, int lanes) {
    int64_t group = channel / 4;
    return group % vectors * lanes + group / vectors * 4 + channel % 4;
}

/* The copy of units whose activations have two bytes; static, so that each is compiled for its own
 * instruction set. */
static inline void nn_u8s8_copy_pairs(void *out, const uint8_t *x, int64_t count, uint8_t flip,
                                      int32_t zero) {
    int16_t *values = out;
    for (int64_t i = 0; i < count; i++) values[i] = (int16_t)((x[i] ^ flip) - zero);
}

/* The problem, whatever operator it comes from. */
typedef struct nn_u8s8_shape {
    int64_t batch, groups;
    int64_t in_channels, out_channels; /* of one group */
    int64_t in_pitch, out_pitch;       /* elements from pixel to pixel */
    nn_window_axis height, width;
    int64_t w_group, w_out, w_in, w_tap; /* steps between weights, in elements */
    float scale;                         /* a factor of x_scale: QGemm's alpha, else 1 */
} nn_u8s8_shape;

nn_u8s8_shape nn_u8s8_shape_of_conv(const nn_conv_geometry *geometry);
/* a [rows, k], unsigned or signed; weights w(k, n) at element k * w_k + n * w_n. */
nn_u8s8_shape nn_u8s8_shape_of_matmul(int64_t rows, int64_t k, int64_t n, int64_t w_k, int64_t w_n);

/* Kernel parts. */
bool nn_u8s8_accepts(const nn_node_view *node, const nn_u8s8_unit *unit,
                     const nn_int8_inputs *inputs, const nn_u8s8_shape *shape);
nn_status nn_u8s8_prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare,
                          const nn_u8s8_unit *unit, const nn_int8_inputs *inputs,
                          const nn_u8s8_shape *shape);
nn_status nn_u8s8_run(const nn_call *call);

extern const nn_u8s8_unit nn_u8s8_portable, nn_u8s8_avx2, nn_u8s8_vnni;

#endif
