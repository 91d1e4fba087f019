#include "ops/family/cast_text.h"

#include "ops/family/cast.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NUMBER_SIZE = 40,
    PLAIN_DIGITS = 8, /* whole numbers up to here are written without an exponent */
};

/* ---- numbers to text ---- */

static bool is_same(nn_type type, double value, double read) {
    if (type == NNOPT_DOUBLE) return read == value;
    if (type == NNOPT_FLOAT16)
        return nn_half_to_float(nn_float_to_half(nn_double_to_float_odd(read))) == value;
    if (type == NNOPT_BFLOAT16)
        return nn_bfloat16_to_float(nn_float_to_bfloat16(nn_double_to_float_odd(read))) == value;
    if (nn_type_is_small_float(type)) {
        nn_float_rules rules = {.overflow = false};
        unsigned code = nn_float_to_small(type, nn_double_to_float_odd(read), rules);
        return nn_small_to_float(type, code) == value;
    }
    return (float)read == (float)value;
}

static int digits_before_point(double value) {
    int digits = 1;
    for (double limit = 10; fabs(value) >= limit && digits <= PLAIN_DIGITS; limit *= 10) digits++;
    return digits;
}

/* The shortest decimal that the type reads back as this value. */
static void print_float(nn_type type, double value, char text[NUMBER_SIZE]) {
    if (isnan(value)) {
        snprintf(text, NUMBER_SIZE, "NaN");
    } else if (isinf(value)) {
        snprintf(text, NUMBER_SIZE, "%s", value < 0 ? "-INF" : "INF");
    } else {
        int whole = digits_before_point(value);
        for (int digits = whole <= PLAIN_DIGITS ? whole : 1; digits <= 17; digits++) {
            snprintf(text, NUMBER_SIZE, "%.*g", digits, value);
            if (is_same(type, value, strtod(text, NULL))) return;
        }
    }
}

static void print_element(const nn_tensor *in, int64_t index, char text[NUMBER_SIZE]) {
    if (in->type == NNOPT_UINT64)
        snprintf(text, NUMBER_SIZE, "%llu",
                 (unsigned long long)((const uint64_t *)in->data)[index]);
    else if (nn_type_is_float(in->type))
        print_float(in->type, nn_tensor_get(in, index), text);
    else
        snprintf(text, NUMBER_SIZE, "%lld", (long long)nn_tensor_get_int(in, index));
}

/* ---- text to numbers ---- */

static bool ends(const char *rest) {
    return rest[strspn(rest, " \t\r\n")] == '\0';
}

static bool read_double(const char *text, double *out) {
    char *rest;
    *out = strtod(text, &rest);
    return rest != text && ends(rest);
}

/* Digits as they are; other numbers towards zero. Out of the range of 64 bits: false. */
static bool read_whole(const char *text, int64_t *out) {
    char *rest;
    double value;
    errno = 0;
    bool is_negative = text[strspn(text, " \t\r\n")] == '-';
    if (is_negative)
        *out = strtoll(text, &rest, 10);
    else
        *out = (int64_t)strtoull(text, &rest, 10);
    if (rest != text && ends(rest)) return errno == 0;
    if (!read_double(text, &value) || !(value > -0x1p63 && value < 0x1p64)) return false;
    *out = value < 0x1p63 ? (int64_t)value : (int64_t)(uint64_t)value;
    return true;
}

static nn_status read_element(const nn_call *call, const char *text, int64_t index) {
    const nn_cast_attrs *attrs = call->node->attrs;
    nn_tensor *out = call->out[0];
    double value = 0;
    int64_t whole = 0;
    bool is_whole = nn_type_is_integer(out->type);
    if (!(is_whole ? read_whole(text, &whole) : read_double(text, &value)))
        return nn_view_fail(call->node, NN_BAD_INPUT, "element %lld is '%s', which is no %s",
                            (long long)index, text, nnopt_type_name(out->type));
    int bits = nn_type_bits(out->type);
    if (is_whole && bits >= 8)
        nn_store_int(out->type, &whole, nn_at_out(out->data, out->type, index), 1);
    else if (is_whole)
        nn_packed_set(out->data, bits, index, (unsigned)whole & ((1u << bits) - 1));
    else if (out->type == NNOPT_FLOAT)
        ((float *)out->data)[index] = strtof(text, NULL);
    else if (nn_type_is_small_float(out->type))
        nn_packed_set(out->data, bits, index,
                      nn_float_to_small(out->type, nn_double_to_float_odd(value), attrs->rules));
    else
        nn_tensor_set(out, index, value);
    return NN_OK;
}

static nn_status convert(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    int64_t count = nn_tensor_count(in);
    char text[NUMBER_SIZE];
    for (int64_t i = 0; i < count; i++) {
        if (in->type == NNOPT_STRING) {
            NN_TRY(read_element(call, ((const char *const *)in->data)[i], i));
        } else {
            print_element(in, i, text);
            NN_TRY(nn_call_text(call, text, strlen(text), &((const char **)out->data)[i]));
        }
    }
    return NN_OK;
}

/* With a decimal point, whatever locale the process runs in. */
nn_status nn_cast_text_run(const nn_call *call) {
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) return nn_fail_memory(sizeof plain);
    locale_t before = uselocale(plain);
    nn_status status = convert(call);
    uselocale(before);
    freelocale(plain);
    return status;
}
