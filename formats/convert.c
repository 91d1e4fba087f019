#include "formats/convert.h"

static bool is_whole(nn_type type) {
    return nn_type_is_integer(type) || type == NNOPT_BOOL;
}

nn_status nn_convert_check(nn_type from, nn_type to, const char *subject) {
    if (from == to) return NN_OK;
    if (nn_type_is_float(to) && (nn_type_is_float(from) || is_whole(from))) return NN_OK;
    if (is_whole(to) && is_whole(from)) return NN_OK;
    return nn_fail(NN_BAD_INPUT, "%s: the data is %s, the model wants %s%s", subject,
                   nnopt_type_name(from), nnopt_type_name(to),
                   nn_type_is_float(from) && is_whole(to)
                       ? ", and that would lose what is behind the point"
                       : "");
}

static nn_status convert_whole(const nn_tensor *from, int64_t first, int64_t count, nn_tensor *to,
                               const char *subject) {
    int bits = to->type == NNOPT_BOOL ? 1 : nn_type_bits(to->type);
    bool to_unsigned = to->type == NNOPT_BOOL || !nn_type_is_signed(to->type);
    for (int64_t i = 0; i < count; i++) {
        int64_t value = nn_tensor_get_int(from, first + i);
        bool is_huge = from->type == NNOPT_UINT64 && value < 0;
        int64_t limit =
            bits == 64 ? INT64_MAX : ((int64_t)1 << (to_unsigned ? bits : bits - 1)) - 1;
        int64_t lowest = to_unsigned ? 0 : -limit - 1;
        if (value < lowest || value > limit || is_huge)
            return nn_fail(NN_BAD_INPUT, "%s: value %lld does not fit %s", subject,
                           (long long)value, nnopt_type_name(to->type));
        if (bits == 64)
            ((int64_t *)to->data)[i] = value;
        else
            nn_tensor_set(to, i, (double)value);
    }
    return NN_OK;
}

nn_status nn_convert(const nn_tensor *from, int64_t first, int64_t count, nn_tensor *to,
                     const char *subject) {
    if (is_whole(to->type)) return convert_whole(from, first, count, to, subject);
    if (to->type == NNOPT_FLOAT && from->type == NNOPT_UINT8) {
        const uint8_t *values = (const uint8_t *)from->data + first;
        for (int64_t i = 0; i < count; i++) ((float *)to->data)[i] = values[i];
    } else if (to->type == NNOPT_FLOAT && from->type == NNOPT_DOUBLE) {
        const double *values = (const double *)from->data + first;
        for (int64_t i = 0; i < count; i++) ((float *)to->data)[i] = (float)values[i];
    } else {
        for (int64_t i = 0; i < count; i++) nn_tensor_set(to, i, nn_tensor_get(from, first + i));
    }
    return NN_OK;
}
