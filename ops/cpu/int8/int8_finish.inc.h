/* An nn_int8_finish, compiled for the instruction set of the including file. */
#include "ops/cpu/int8/int8_product.h"

static void finish(const nn_requant *requant, const int32_t *sums, const float *multiplier,
                   const float *offset, int64_t count, void *y) {
    if (requant->type == NNOPT_INT32) {
        memcpy(y, sums, (size_t)count * sizeof *sums);
        return;
    }
    float values[NN_INT8_FINISH_CHANNELS];
    for (int64_t i = 0; i < count; i++) values[i] = (float)sums[i] * multiplier[i];
    if (offset != NULL)
        for (int64_t i = 0; i < count; i++) values[i] += offset[i];
    nn_activate_array(requant->activation, values, count);
    if (requant->type == NNOPT_FLOAT) {
        memcpy(y, values, (size_t)count * sizeof *values);
        return;
    }
    if (requant->divides)
        for (int64_t i = 0; i < count; i++) values[i] /= requant->y_scale;
    uint8_t *bytes = y;
    for (int64_t i = 0; i < count; i++)
        bytes[i] =
            (uint8_t)nn_quant_round(values[i], requant->zero, requant->lowest, requant->highest);
}
