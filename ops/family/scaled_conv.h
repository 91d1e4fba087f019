/* Inputs of ScaledConv (domain nnopt, plans only), a 1x1 convolution whose input channels are
 * scaled first, by other factors for each image, as squeeze-and-excitation blocks do:
 *
 *     y [N, M, H, W] = sum over c of w [M, C] * scale [N, C] * x [N, C, H, W] + bias [M] */
#ifndef NN_FAMILY_SCALED_CONV_H
#define NN_FAMILY_SCALED_CONV_H

enum {
    NN_SCALED_X,
    NN_SCALED_W,     /* [M, C, 1, 1] */
    NN_SCALED_SCALE, /* [N, C, 1, 1] */
    NN_SCALED_BIAS,
    NN_SCALED_INPUTS
};

#endif
