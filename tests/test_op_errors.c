/* Nodes that break a rule of their operator: each must end with a message that names node,
 * operator, rule and value, at parse, inference or run. */
#include "ops/op.h"
#include "tests/support/runner.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 6, AT_RUN = -1 };

/* Inputs as text: "f 2x3" (float, shape), "i 2 = 4 5" (int64 constant), "F 1 = 0.5" (float
 * constant),
 * "-" (absent), "b", "u8", "s" for other types, "?" a dim that is not known. Attributes: "axis=1",
 * "perm=[0 1]", "scales=[f 1 2]", "mode='edge'", "alpha=0.5". */
typedef struct error_case {
    const char *op;
    int version;
    const char *inputs[MOST];
    const char *attributes[MOST];
    int outputs; /* 0: one; AT_RUN: one, and the rule is checked when the node runs */
    const char *message;
} error_case;

static const error_case cases[] = {
    {"Reshape",
     13,
     {"f 1x64x7x7", "i 2 = 1 1000"},
     {0},
     0,
     "cannot reshape 1x64x7x7 into 1x1000: 3136 elements"},
    {"Reshape", 13, {"f 2x3", "i 2 = -1 4"}, {0}, 0, "cannot reshape 2x3 into ?x4"},
    {"Reshape", 13, {"f 2x3", "i 2 = -1 -1"}, {0}, 0, "-1 twice"},
    {"Reshape", 13, {"f 2x3", "i 1 = -2"}, {0}, 0, "holds -2"},
    {"Reshape", 13, {"f 2x3", "i 3 = 2 3 0"}, {0}, 0, "copies axis 2 of an input of rank 2"},
    {"Reshape", 13, {"f 2x3", "i 2x1 = 2 3"}, {0}, 0, "must be a vector"},
    {"Reshape", 13, {"f 2x3"}, {0}, 0, "input 1 (shape) is missing"},
    {"Add", 14, {"f 2x3", "f 4"}, {0}, 0, "shapes 2x3 and 4 cannot be broadcast"},
    {"Add", 14, {"f 2x3", "u8 3"}, {0}, 0, "input 0 is float32 but input 1 is uint8"},
    {"Add", 14, {"b 2", "b 2"}, {0}, 0, "must not be of type bool"},
    {"Add", 6, {"f 2x3", "f 3"}, {0}, 0, "shapes 2x3 and 3 cannot be broadcast"},
    {"Add", 6, {"f 2x3", "f 3"}, {"broadcast=1", "axis=0"}, 0, "cannot be broadcast"},
    {"Add", 6, {"f 2x3", "f 3"}, {"broadcast=1", "axis=-7"}, 0, "'axis' is -7"},
    {"Div", 14, {"i 2 = 4 5", "i 2 = 1 0"}, {0}, AT_RUN, "element 1 of the divisor is 0"},
    {"Mod", 13, {"i 2 = 4 5", "i 2 = 0 2"}, {0}, AT_RUN, "element 0 of the divisor is 0"},
    {"Mod", 13, {"f 2", "f 2"}, {"fmod=2"}, 0, "'fmod' is 2"},
    {"Concat", 13, {"f 2x3", "f 2x4"}, {"axis=0"}, 0, "differ beside axis 0"},
    {"Concat", 13, {"f 2x3", "f 2"}, {"axis=0"}, 0, "differ beside axis 0"},
    {"Concat", 13, {"f 2x3"}, {0}, 0, "'axis' is missing"},
    {"Concat", 13, {"f 2x3"}, {"axis=2"}, 0, "axis 2 is outside of rank 2"},
    {"Transpose", 13, {"f 2x3"}, {"perm=[0 0]"}, 0, "axis 0 is given twice"},
    {"Transpose", 13, {"f 2x3"}, {"perm=[0]"}, 0, "perm has 1 values, the input has rank 2"},
    {"Transpose", 13, {"f 2x3"}, {"perm=[0 -1]"}, 0, "perm holds -1"},
    {"Transpose", 13, {"f 2x3"}, {"perm='a'"}, 0, "'perm' must be a list of ints"},
    {"Squeeze", 13, {"f 2x3", "i 1 = 1"}, {0}, 0, "axis 1 has size 3, not 1"},
    {"Squeeze", 11, {"f 2x3"}, {"axes=[5]"}, 0, "axis 5 is outside of rank 2"},
    {"Unsqueeze", 13, {"f 2x3", "i 2 = 0 0"}, {0}, 0, "axis 0 is given twice"},
    {"Flatten", 13, {"f 2x3"}, {"axis=3"}, 0, "axis 3 is outside of rank 2"},
    {"Split", 13, {"f 5"}, {0}, 2, "axis of size 5 cannot be split into 2"},
    {"Split", 13, {"f 5", "i 2 = 2 2"}, {0}, 2, "sizes add to 4, the axis has 5"},
    {"Split", 13, {"f 5", "i 2 = -1 6"}, {0}, 2, "size 0 is -1"},
    {"Split", 18, {"f 5"}, {"num_outputs=3"}, 2, "num_outputs is 3 but there are 2 outputs"},
    {"Slice", 13, {"f 5", "i 1 = 0", "i 1 = 5", "i 1 = 0", "i 1 = 0"}, {0}, 0, "step 0 is 0"},
    {"Slice", 13, {"f 5", "i 1 = 0", "i 2 = 5 6"}, {0}, 0, "starts has 1 values but ends has 2"},
    {"Slice", 13, {"f 5", "i 1 = 0", "i 1 = 5", "i 1 = 1"}, {0}, 0, "axis 1 is outside of rank 1"},
    {"Slice", 9, {"f 5"}, {"starts=[0 0]", "ends=[1 1]"}, 0, "cuts 2 axes of an input of rank 1"},
    {"Gather", 13, {"f 5", "i 2 = 1 5"}, {0}, 0, "index 5 is outside of an axis of size 5"},
    {"Gather", 13, {"f 5", "i 1 = -6"}, {0}, AT_RUN, "index -6 is outside"},
    {"Gather", 13, {"f 5", "f 2"}, {0}, 0, "input 1 must not be of type float32"},
    {"GatherElements", 13, {"f 2x2", "i 1x3 = 0 0 0"}, {"axis=0"}, 0, "only 2"},
    {"GatherElements", 13, {"f 2x2", "i 1 = 0"}, {0}, 0, "rank 2 but indices have rank 1"},
    {"Expand", 13, {"f 3", "i 1 = 4"}, {0}, 0, "shapes 3 and 4 cannot be broadcast"},
    {"Expand", 13, {"f 3", "i 1 = -3"}, {0}, 0, "size 0 of the shape is -3"},
    {"Tile", 13, {"f 3", "i 2 = 1 2"}, {0}, 0, "repeats has 2 values, the input has rank 1"},
    {"Tile", 13, {"f 3", "i 1 = -2"}, {0}, 0, "repeated -2 times"},
    {"Tile", 13, {"f 4", "i 1 = 4611686018427387904"}, {0}, 0, "too large"},
    {"Pad", 13, {"f 3", "i 1 = 1"}, {0}, 0, "pads need 2 values, got 1"},
    {"Pad", 13, {"f 3", "i 2 = -2 -2"}, {0}, 0, "cannot be padded by -2 and -2"},
    {"Pad", 13, {"f 0", "i 2 = 1 1"}, {"mode='edge'"}, 0, "nothing can be repeated"},
    {"Pad", 13, {"f 3", "i 2 = 1 1"}, {"mode='mirror'"}, 0, "'mode' is 'mirror'"},
    {"DepthToSpace", 13, {"f 1x3x2x2"}, {"blocksize=2"}, 0, "3 channels are not a multiple"},
    {"DepthToSpace", 13, {"f 1x4x2x2"}, {"blocksize=0"}, 0, "'blocksize' is 0"},
    {"SpaceToDepth", 13, {"f 1x1x3x2"}, {"blocksize=2"}, 0, "axis 2 of size 3"},
    {"BitShift", 11, {"u8 2", "u8 2"}, {0}, 0, "'direction' is missing"},
    {"BitShift", 11, {"u8 2", "u8 2"}, {"direction='UP'"}, 0, "'direction' is 'UP'"},
    {"BitShift", 11, {"i 1 = 1", "i 1 = 1"}, {"direction='LEFT'"}, 0, "type int64"},
    {"BitwiseAnd", 18, {"f 2", "f 2"}, {0}, 0, "must not be of type float32"},
    {"BitCast", 26, {"f 2"}, {"to=7"}, 0, "float32 has 32 bits but int64 has 64"},
    {"BitCast", 26, {"i 1 = 1"}, {"to=8"}, 0, "'to' is 8"},
    {"BitCast", 26, {"s 1 = a"}, {"to=7"}, 0, "must not be of type string"},
    {"Trilu", 14, {"f 3"}, {0}, 0, "rank 1, matrices need 2 axes"},
    {"CumSum", 14, {"f 2x3", "i 1 = 2"}, {0}, 0, "axis 2 is outside of rank 2"},
    {"CumSum", 14, {"f 2x3", "i 2 = 0 1"}, {0}, 0, "input 1 has 2 elements, not 1"},
    {"ScatterElements", 18, {"f 2x2", "i 1x1 = 2", "f 1x1"}, {0}, 0, "index 2 is outside"},
    {"ScatterElements", 18, {"f 2x2", "i 1x3 = 0 0 0", "f 1x3"}, {0}, 0, "only 2"},
    {"ScatterElements", 18, {"f 2x2", "i 1x1 = 0", "f 1x2"}, {0}, 0, "of the updates 2"},
    {"ScatterElements", 16, {"f 2", "i 1 = 0", "f 1"}, {"reduction='max'"}, 0, "no reduction 'max'"},
    {"ScatterND", 18, {"f 2x2", "i 1x3 = 0 0 0", "f 1"}, {0}, 0, "3 indices do not fit 2 axes"},
    {"ScatterND", 18, {"f 2x2", "i 1x1 = 0", "f 1x3"}, {0}, 0, "updates need shape 1x2, have 1x3"},
    {"ScatterND", 18, {"f 2x2", "i 1x1 = -3", "f 1x2"}, {0}, AT_RUN, "index -3 is outside"},
    {"ScatterND", 18, {"f 2x2", "i 1x1 = 0", "u8 1x2"}, {0}, 0, "data is float32 but updates"},
    {"GatherND", 13, {"f 2x2", "i 1x1 = 2"}, {0}, AT_RUN, "index 2 is outside"},
    {"GatherND", 13, {"f 2x2", "i 1x1 = 0"}, {"batch_dims=1"}, 0, "batch axis 0 has size 2"},
    {"GatherND", 13, {"f 2", "i 1x1 = 0"}, {"batch_dims=1"}, 0, "has rank 1, it needs more than 1"},
    {"TopK", 11, {"f 3", "i 1 = 4"}, {0}, 2, "k is 4 but axis 0 has size 3"},
    {"TopK", 11, {"f 3", "i 1 = -1"}, {0}, 2, "k is -1"},
    {"TopK", 9, {"f 3"}, {0}, 2, "'k' is -1"},
    {"OneHot", 11, {"f 3", "i 1 = -1", "f 2"}, {0}, 0, "depth is -1"},
    {"OneHot", 11, {"f 3", "i 1 = 2", "f 3"}, {0}, 0, "input 2 has 3 values"},
    {"EyeLike", 9, {"f 3"}, {0}, 0, "must have rank 2, has 1"},
    {"ReverseSequence", 10, {"f 2x1", "i 1 = 3"}, {0}, AT_RUN, "length 3 of sample 0"},
    {"ReverseSequence", 10, {"f 2x1", "i 2 = 1 1"}, {0}, 0, "2 lengths for a batch of 1"},
    {"ReverseSequence", 10, {"f 2x1", "i 1 = 1"}, {"time_axis=1"}, 0, "time_axis 1"},
    {"CenterCropPad", 18, {"f 2x2", "i 1 = 3"}, {0}, 0, "shape has 1 values for 2 axes"},
    {"CenterCropPad", 18, {"f 2", "i 1 = -3"}, {0}, 0, "size 0 of the shape is -3"},
    {"TensorScatter", 24, {"f 1x2x2", "f 1x3x2"}, {0}, 0, "size 3, of the cache 2"},
    {"TensorScatter", 24, {"f 1x2x2", "f 1x1x2", "i 1 = 2"}, {0}, AT_RUN, "do not fit a cache of 2"},
    {"TensorScatter", 24, {"f 1x2", "f 1x2"}, {0}, 0, "axis 0 is the batch"},
    {"Det", 11, {"f 2x3"}, {0}, 0, "not square"},
    {"LpNormalization", 1, {"f 2"}, {"p=3"}, 0, "'p' is 3"},
    {"DFT", 20, {"f 1x4x3"}, {0}, 0, "the last axis has size 3"},
    {"DFT", 20, {"f 1x4x2", "-", "i 1 = 2"}, {0}, 0, "holds the parts of complex numbers"},
    {"DFT", 20, {"f 1x4x2", "i 1 = 0"}, {0}, 0, "a transform of length 0"},
    {"DFT", 20, {"f 1x4x1"}, {"inverse=1", "onesided=1"}, 0, "must be complex"},
    {"STFT", 17, {"f 1x4x1", "i 1 = 0"}, {0}, 0, "frame_step is 0"},
    {"STFT", 17, {"f 1x4x1", "i 1 = 1", "-", "i 1 = 5"}, {0}, 0, "frames of 5 do not fit 4"},
    {"STFT", 17, {"f 1x4x1", "i 1 = 1", "f 3", "i 1 = 2"}, {0}, 0, "frame_length is 2"},
    {"HannWindow", 17, {"i 1 = -1"}, {0}, 0, "size is -1"},
    {"HannWindow", 17, {"i 1 = 1"}, {"output_datatype=8"}, 0, "'output_datatype' is 8"},
    {"Einsum", 12, {"f 2x3"}, {0}, 0, "'equation' is missing"},
    {"Einsum", 12, {"f 2x3"}, {"equation='ij,jk'"}, 0, "for 2 inputs, there are 1"},
    {"Einsum", 12, {"f 2x3"}, {"equation='ijk'"}, 0, "has rank 2, the equation gives it 3"},
    {"Einsum", 12, {"f 2x3"}, {"equation='ij->k'"}, 0, "'k' of the output is in no input"},
    {"Einsum", 12, {"f 2x3"}, {"equation='ij->ii'"}, 0, "'i' of the output is repeated"},
    {"Einsum", 12, {"f 2x3"}, {"equation='i1'"}, 0, "'1' where a letter stands"},
    {"Einsum", 12, {"f 2x3", "f 2x3"}, {"equation='ij,jk'"}, 0, "size 2 where another has 3"},
    {"RandomUniform", 1, {0}, {0}, 0, "'shape' is missing"},
    {"RandomNormal", 1, {0}, {"shape=[2]", "dtype=7"}, 0, "'dtype' is 7"},
    {"Multinomial", 7, {"f 2"}, {0}, 0, "must have rank 2, has 1"},
    {"Bernoulli", 15, {"F 2 = 0.5 2"}, {0}, AT_RUN, "element 1 is 2, which is not a probability"},
    {"ConstantOfShape", 9, {"i 1 = -1"}, {0}, 0, "size 0 of the shape is -1"},
    {"ConstantOfShape", 9, {"i 3 = 4294967296 4294967296 4"}, {0}, 0, "too many elements"},
    {"Resize", 13, {"f 1x1x2x2", "-", "-", "-"}, {0}, 0, "neither scales nor sizes"},
    {"Resize", 13, {"f 1x1x2x2", "-", "F 2 = 1 1"}, {0}, 0, "scales has 2 values for 4 axes"},
    {"Resize", 13, {"f 1x2", "-", "F 2 = 1 0"}, {0}, 0, "a scale is 0"},
    {"Resize", 13, {"f 1x2", "-", "F 2 = 1 2", "i 2 = 1 4"}, {0}, 0, "both scales and sizes"},
    {"Resize", 13, {"f 1x2", "-", "F 2 = 1 2"}, {"mode='area'"}, 0, "'mode' is 'area'"},
    {"Upsample", 7, {"f 1x2"}, {"scales=[f 2]"}, 0, "1 scales for 2 axes"},
    {"ReduceSum", 13, {"f 2x3", "i 1 = 2"}, {0}, 0, "axis 2 is outside of rank 2"},
    {"ReduceMean", 11, {"f 2x3"}, {"axes=[0 0]"}, 0, "axis 0 is given twice"},
    {"ReduceMean", 18, {"b 2x3"}, {0}, 0, "must not be of type bool"},
    {"ArgMax", 13, {"f 2x0"}, {"axis=1"}, 0, "axis 1 is empty"},
    {"ArgMin", 13, {"f 2x3"}, {"axis=-3"}, 0, "axis -3 is outside of rank 2"},
    {"Softmax", 13, {"f 2x3"}, {"axis=2"}, 0, "axis 2 is outside of rank 2"},
    {"Softmax", 13, {"i 2 = 1 2"}, {0}, 0, "must not be of type int64"},
    {"BatchNormalization",
     9,
     {"f 1x3x2", "f 3", "f 3", "f 2", "f 3"},
     {0},
     0,
     "input 3 has 2 values for 3 channels"},
    {"InstanceNormalization", 6, {"f 1x3", "f 3", "f 3"}, {0}, 0, "rank 2, less than 3"},
    {"LayerNormalization", 17, {"f 2x3", "f 4"}, {0}, 0, "input 1 of shape 4 does not cover"},
    {"GroupNormalization",
     21,
     {"f 1x4x2", "f 4", "f 4"},
     {"num_groups=3"},
     0,
     "4 channels do not divide into 3 groups"},
    {"LRN", 13, {"f 1x3x2x2"}, {"size=0"}, 0, "'size' is 0"},
    {"Attention",
     23,
     {"f 1x2x3x4", "f 1x2x3x5", "f 1x2x3x4"},
     {0},
     0,
     "axis 3 of input 1 has size 5, not 4"},
    {"Attention",
     23,
     {"f 1x3x3x4", "f 1x2x3x4", "f 1x2x3x4"},
     {0},
     0,
     "3 query heads cannot share 2"},
    {"Attention", 23, {"f 1x3x8", "f 1x3x8", "f 1x3x8"}, {0}, 0, "need attributes q_num_heads"},
    {"Attention",
     23,
     {"f 1x3x8", "f 1x3x8", "f 1x3x8"},
     {"q_num_heads=3", "kv_num_heads=1"},
     0,
     "do not divide into 3 heads"},
    {"Attention",
     25,
     {"f 1x1x3x4", "f 1x1x3x4", "f 1x1x3x4"},
     {"left_window_size=-2"},
     0,
     "'left_window_size' is -2"},
    {"Attention",
     23,
     {"f 1x1x3x4", "f 1x1x3x4", "f 1x1x3x4", "f 2x3"},
     {0},
     0,
     "axis 0 of the mask has size 2, not 3 or 1"},
    {"Attention",
     23,
     {"f 1x1x3x4", "f 1x1x3x4", "f 1x1x3x4", "f 3x4"},
     {0},
     0,
     "4 columns for 3 keys"},
    {"Attention",
     23,
     {"f 1x1x3x4", "f 1x1x3x4", "f 1x1x3x4", "-", "f 1x1x2x4"},
     {0},
     0,
     "come together only"},
    {"RotaryEmbedding",
     23,
     {"f 1x2x8", "f 1x2x2", "f 1x2x2"},
     {"num_heads=3"},
     0,
     "do not divide into 3 heads"},
    {"RotaryEmbedding",
     23,
     {"f 1x1x2x4", "f 1x2x3", "f 1x2x2"},
     {0},
     0,
     "axis 2 of input 1 has size 3, not 2"},
    {"RMSNormalization", 23, {"f 2x3", "f 4"}, {0}, 0, "scale of shape 4 does not broadcast"},
    {"LinearAttention",
     27,
     {"f 1x2x4", "f 1x2x4", "f 1x2x4"},
     {"q_num_heads=2", "kv_num_heads=2"},
     0,
     "needs input 4 (decay)"},
    {"CausalConvWithState",
     27,
     {"f 1x3x4", "f 3x2x4"},
     {0},
     0,
     "axis 1 of input 1 has size 2, not 1"},
    {"LSTM", 14, {"f 2x1x3", "f 1x8x3", "f 1x8x3"}, {0}, 0, "axis 1 of input 1 has size 8, not 12"},
    {"LSTM",
     14,
     {"f 2x1x3", "f 1x8x3", "f 1x8x2"},
     {"hidden_size=3"},
     0,
     "axis 2 of input 2 has size 2, not 3"},
    {"GRU",
     14,
     {"f 2x1x3", "f 1x6x3", "f 1x6x2"},
     {"direction='both'"},
     0,
     "'direction' is 'both'"},
    {"RNN", 14, {"f 2x1x3", "f 1x2x3", "f 1x2x2"}, {"clip=-1.5"}, 0, "'clip' is -1.5"},
    {"RNN",
     14,
     {"f 2x1x3", "f 1x2x3", "f 1x2x2", "f 1x3"},
     {0},
     0,
     "axis 1 of input 3 has size 3, not 4"},
    {"NegativeLogLikelihoodLoss",
     13,
     {"f 2x3", "i 2 = 0 3"},
     {0},
     AT_RUN,
     "class 3 is not one of 3"},
    {"NegativeLogLikelihoodLoss",
     13,
     {"f 2x3", "i 3"},
     {0},
     0,
     "axis 0 of input 1 has size 3, not 2"},
    {"SoftmaxCrossEntropyLoss",
     13,
     {"f 2x3", "i 2", "f 2"},
     {0},
     0,
     "axis 0 of input 2 has size 2, not 3"},
    {"SoftmaxCrossEntropyLoss",
     13,
     {"f 2x3", "i 2"},
     {"reduction='max'"},
     0,
     "'reduction' is 'max'"},
    {"GridSample", 16, {"f 1x1x2x2", "f 1x2x2x3"}, {0}, 0, "axis 3 of input 1 has size 3, not 2"},
    {"GridSample", 16, {"f 1x1x2x2", "f 1x2x2x2"}, {"mode='area'"}, 0, "'mode' is 'area'"},
    {"GridSample", 16, {"f 1x1x0x2", "f 1x2x2x2"}, {0}, AT_RUN, "without elements"},
    {"AffineGrid", 20, {"f 1x2x3", "i 3 = 1 1 2"}, {0}, 0, "size has 3 values"},
    {"AffineGrid", 20, {"f 1x2x3", "i 4 = 1 1 -2 2"}, {0}, 0, "size 2 of input 1 is -2"},
    {"LpPool", 18, {"f 1x1x4"}, {"kernel_shape=[2]", "p=0"}, 0, "'p' is 0"},
    {"MaxUnpool",
     11,
     {"f 1x1x2", "i 1x1x2 = 0 9"},
     {"kernel_shape=[2]", "strides=[2]"},
     AT_RUN,
     "index 9 is not in 0 to 3"},
    {"MaxUnpool",
     11,
     {"f 1x1x2", "i 1x1x2", "i 3 = 1 1 3"},
     {"kernel_shape=[2]", "strides=[2]"},
     0,
     "is 3, less than 4"},
    {"RoiAlign",
     16,
     {"f 1x1x4x4", "f 1x4", "i 1 = 1"},
     {0},
     AT_RUN,
     "index 1 is outside of an axis of size 1"},
    {"RoiAlign",
     16,
     {"f 1x1x4x4", "F 1x4 = 0 0 1e9 1", "i 1 = 0"},
     {0},
     AT_RUN,
     "bins of size 1e+09"},
    {"MaxRoiPool",
     1,
     {"f 1x1x4x4", "F 1x5 = 2 0 0 1 1"},
     {"pooled_shape=[1 1]"},
     AT_RUN,
     "of sample 2 of 1"},
    {"MaxRoiPool", 1, {"f 1x1x4x4", "f 1x5"}, {"pooled_shape=[1]"}, 0, "two positive sizes"},
    {"DeformConv",
     19,
     {"f 1x2x4x4", "f 2x2x2x2", "f 1x8x3x4"},
     {0},
     0,
     "axis 3 of input 2 has size 4, not 3"},
    {"DeformConv",
     19,
     {"f 1x3x4x4", "f 2x3x2x2", "f 1x8x3x3"},
     {"offset_group=2"},
     0,
     "3 channels do not divide into 2 groups"},
    {"Col2Im", 18, {"f 1x5x9", "i 2 = 4 4", "i 2 = 2 2"}, {0}, 0, "not a multiple of a block of 4"},
    {"Col2Im",
     18,
     {"f 1x4x8", "i 2 = 4 4", "i 2 = 2 2"},
     {0},
     0,
     "axis 2 of input 0 has size 8, not 9"},
    {"Col2Im",
     18,
     {"f 1x4x9", "i 2 = 1 4", "i 2 = 2 2"},
     {0},
     0,
     "does not fit into axis 0 of size 1"},
    {"PRelu", 16, {"f 3", "f 2x3"}, {0}, 0, "rank 2, over the input's 1"},
    {"PRelu", 6, {"f 1x3", "f 2"}, {0}, 0, "2 slopes for 3 channels"},
    {"PRelu", 6, {"f 3", "f 2"}, {0}, 0, "2 slopes for an input of rank 1"},
    {"Clip", 13, {"f 3", "F 2 = 1 2"}, {0}, 0, "bound 1 has 2 elements"},
    {"Clip", 13, {"f 3", "i 1 = 1"}, {0}, 0, "input 0 is float32 but input 1 is int64"},
    {"Where", 16, {"f 3", "f 3", "f 3"}, {0}, 0, "input 0 must not be of type float32"},
    {"Where", 16, {"b 3", "f 3", "f 2"}, {0}, 0, "cannot be broadcast"},
    {"Cast", 13, {"f 3"}, {"to=99"}, 0, "'to' is 99, which is no type"},
    {"Cast", 1, {"f 3"}, {"to='REAL'"}, 0, "'to' is 'REAL', which is no type"},
    {"Cast",
     24,
     {"f 3"},
     {"to=24", "round_mode='even'"},
     0,
     "round_mode must be up, down or nearest, got 'even'"},
    {"Cast",
     13,
     {"s 2 = 1 one"},
     {"to=1"},
     AT_RUN,
     "element 1 is 'one', which is no float32"},
    {"Cast", 13, {"s 1 = 7x"}, {"to=7"}, AT_RUN, "element 0 is '7x', which is no int64"},
    {"Cast", 13, {"s 1 = INF"}, {"to=6"}, AT_RUN, "element 0 is 'INF', which is no int32"},
    {"Cast",
     13,
     {"s 1 = 99999999999999999999"},
     {"to=7"},
     AT_RUN,
     "element 0 is '99999999999999999999', which is no int64"},
    {"QuantizeLinear", 13, {"b 3", "f 1"}, {0}, 0, "input 0 must not be of type bool"},
    {"QuantizeLinear", 21, {"f 3", "f 1"}, {"output_dtype=99"}, 0, "output_dtype is 99"},
    {"QuantizeLinear", 21, {"f 3", "f 1"}, {"output_dtype=24"}, 0, "cannot quantize to"},
    {"DequantizeLinear", 13, {"f 3", "f 1"}, {0}, 0, "input 0 must not be of type float32"},
    {"Range", 11, {"i 1 = 0", "i 1 = 5", "i 1 = 0"}, {0}, 0, "do not end"},
    {"Range", 11, {"F 1 = 0", "F 1 = 5", "F 2 = 1 1"}, {0}, 0, "input 2 is not a scalar"},
    {"Gelu", 20, {"f 3"}, {"approximate='erf'"}, 0, "'approximate' is 'erf'"},
    {"Constant", 13, {0}, {0}, 0, "needs one value, has 0"},
    {"Constant", 13, {0}, {"value_int=1", "value_float=0.5"}, 0, "needs one value, has 2"},
    {"Exp", 13, {"i 1 = 1"}, {0}, 0, "must not be of type int64"},
    {"And", 7, {"f 3", "f 3"}, {0}, 0, "must not be of type float32"},
    {"Loop", 13, {"i 1 = 1", "-", "f 2"}, {0}, AT_RUN, "attribute 'body' is missing"},
    {"Scan", 9, {"f 2"}, {"num_scan_inputs=1"}, AT_RUN, "attribute 'body' is missing"},
};

/* ---- reading the texts ---- */

static nn_arena arena;

static nn_type type_of(const char *text) {
    static const struct {
        const char *name;
        nn_type type;
    } types[] = {{"f ", NNOPT_FLOAT}, {"F ", NNOPT_FLOAT}, {"i ", NNOPT_INT64},
                 {"b ", NNOPT_BOOL},  {"u8", NNOPT_UINT8}, {"s ", NNOPT_STRING}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strncmp(text, types[i].name, 2) == 0) return types[i].type;
    ck_abort_msg("unknown type in '%s'", text);
    return NNOPT_TYPE_NONE;
}

static void read_tensor(const char *text, nn_tensor *tensor, bool *constant) {
    *tensor = (nn_tensor){.type = type_of(text)};
    const char *at = strchr(text, ' ') + 1;
    do {
        char *end;
        tensor->dims[tensor->rank++] = strtoll(at, &end, 10);
        at = end + 1;
    } while (at[-1] == 'x');
    tensor->data = nn_arena_alloc(&arena, (size_t)nn_tensor_bytes(tensor) + NN_ALIGNMENT);
    const char *values = strchr(text, '=');
    *constant = values != NULL;
    for (int64_t i = 0; *constant && i < nn_tensor_count(tensor); i++) {
        char *end;
        if (tensor->type == NNOPT_STRING) {
            const char *word = values + 1 + strspn(values + 1, " ");
            end = strchrnul(word, ' ');
            ((const char **)tensor->data)[i] =
                nn_arena_strndup(&arena, word, (size_t)(end - word));
        } else if (tensor->type == NNOPT_INT64)
            ((int64_t *)tensor->data)[i] = strtoll(values + 1, &end, 10);
        else
            nn_tensor_set(tensor, i, strtod(values + 1, &end));
        values = end - 1;
    }
}

static void read_list(nn_attr *attr, const char *text) {
    bool is_float = strncmp(text, "[f", 2) == 0;
    float *floats = nn_arena_alloc(&arena, 32 * sizeof *floats);
    int64_t *ints = nn_arena_alloc(&arena, 32 * sizeof *ints);
    const char *at = text + (is_float ? 2 : 1);
    for (char *end; *at != ']' && *at != '\0'; at = end, attr->count++) {
        ints[attr->count] = strtoll(at, &end, 10);
        floats[attr->count] = (float)ints[attr->count];
    }
    attr->kind = is_float ? NN_ATTR_FLOATS : NN_ATTR_INTS;
    if (is_float)
        attr->floats = floats;
    else
        attr->ints = ints;
}

static nn_attr read_attribute(const char *text) {
    const char *value = strchr(text, '=') + 1;
    nn_attr attr = {.name = nn_arena_strndup(&arena, text, (size_t)(value - 1 - text))};
    if (value[0] == '\'') {
        attr.kind = NN_ATTR_STRING;
        attr.s.length = (int64_t)strlen(value) - 2;
        attr.s.bytes = nn_arena_strndup(&arena, value + 1, (size_t)attr.s.length);
    } else if (value[0] == '[') {
        read_list(&attr, value);
    } else if (strchr(value, '.') != NULL) {
        attr.kind = NN_ATTR_FLOAT;
        attr.f = strtof(value, NULL);
    } else {
        attr.kind = NN_ATTR_INT;
        attr.i = strtoll(value, NULL, 10);
    }
    return attr;
}

/* ---- the tests ---- */

static nn_status run_reference(nn_node_view *node, const nn_tensor *in) {
    const nn_tensor *in_list[MOST];
    nn_tensor out[MOST], *out_list[MOST];
    for (int i = 0; i < node->in_count; i++) in_list[i] = node->in[i] ? &in[i] : NULL;
    for (int i = 0; i < node->out_count; i++) {
        const nn_fact *fact = node->out[i];
        out[i] = (nn_tensor){.type = fact->type, .rank = fact->rank};
        for (int k = 0; k < fact->rank; k++) out[i].dims[k] = fact->dims[k];
        out[i].data = nn_arena_alloc(&arena, (size_t)nn_tensor_bytes(&out[i]) + NN_ALIGNMENT);
        out_list[i] = &out[i];
    }
    const nn_target target = {.threads = 1};
    const nn_kernel *const *kernel = node->op->kernels;
    while (kernel[1] != NULL) kernel++;
    while (kernel > node->op->kernels && (*kernel)->accepts != NULL &&
           !(*kernel)->accepts(node, &target))
        kernel--;
    nn_call call = {.node = node,
                    .in_count = node->in_count,
                    .out_count = node->out_count,
                    .in = in_list,
                    .out = out_list};
    return (*kernel)->run(&call);
}

static nn_status try_case(const error_case *test) {
    nn_tensor in[MOST];
    nn_fact in_facts[MOST], out_facts[MOST];
    const nn_fact *in_list[MOST];
    nn_fact *out_list[MOST];
    nn_attr attr_items[MOST];
    nn_attrs attrs = {attr_items, 0};
    nn_node_view node = {.name = "x",
                         .op = nn_op_find("", test->op, test->version),
                         .opset = test->version,
                         .out_count = test->outputs > 0 ? test->outputs : 1,
                         .in = in_list,
                         .out = out_list};
    ck_assert_msg(node.op != NULL, "no operator %s", test->op);
    for (; node.in_count < MOST && test->inputs[node.in_count] != NULL; node.in_count++) {
        int i = node.in_count;
        bool constant;
        in_list[i] = NULL;
        if (test->inputs[i][0] == '-') continue;
        read_tensor(test->inputs[i], &in[i], &constant);
        in_facts[i] = nn_fact_of_tensor(&in[i], constant && test->outputs != AT_RUN);
        in_list[i] = &in_facts[i];
    }
    while (attrs.count < MOST && test->attributes[attrs.count] != NULL) {
        attr_items[attrs.count] = read_attribute(test->attributes[attrs.count]);
        attrs.count++;
    }
    for (int i = 0; i < node.out_count; i++) {
        out_facts[i] = nn_fact_unknown();
        out_list[i] = &out_facts[i];
    }
    void *parsed = nn_arena_alloc(&arena, node.op->attr_size + 1);
    node.attrs = parsed;
    if (node.op->parse != NULL) NN_TRY(node.op->parse(&node, &attrs, parsed));
    nn_status status = node.op->infer(&node);
    if (test->outputs != AT_RUN) return status;
    ck_assert_msg(status == NN_OK, "%s: %s", test->op, nnopt_last_error());
    return run_reference(&node, in);
}

START_TEST(broken_rule_is_named) {
    const error_case *test = &cases[_i];
    nn_status status = try_case(test);
    const char *message = nnopt_last_error();
    ck_assert_msg(status == NN_BAD_INPUT, "%s %d: case %d is accepted or has status %s", test->op,
                  test->version, _i, nnopt_status_name(status));
    ck_assert_msg(strstr(message, test->message) != NULL, "%s: '%s' lacks '%s'", test->op, message,
                  test->message);
    char prefix[64];
    snprintf(prefix, sizeof prefix, "node 'x' (%s): ", test->op);
    bool from_attributes = strncmp(message, "attribute '", 11) == 0;
    ck_assert_msg(from_attributes || strncmp(message, prefix, strlen(prefix)) == 0, "%s", message);
    nn_arena_clear(&arena);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("operator errors");
    TCase *tcase = tcase_create("errors");
    tcase_add_loop_test(tcase, broken_rule_is_named, 0, (int)(sizeof cases / sizeof cases[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
