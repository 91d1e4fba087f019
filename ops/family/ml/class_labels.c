#include "ops/family/ml/class_labels.h"

nn_status nn_class_labels_parse(const nn_node_view *node, const nn_attrs *attrs, const char *ints,
                                const char *strings, nn_class_labels *out) {
    const int64_t *numbers;
    const nn_text *texts;
    int64_t number_count, text_count;
    NN_TRY(nn_attrs_ints(attrs, ints, &numbers, &number_count));
    NN_TRY(nn_attrs_strings(attrs, strings, &texts, &text_count));
    if ((number_count > 0) == (text_count > 0))
        return nn_view_fail(node, NN_BAD_INPUT,
                            "needs either '%s' or '%s', has %lld and %lld values", ints, strings,
                            (long long)number_count, (long long)text_count);
    out->count = number_count > 0 ? number_count : text_count;
    out->ints = number_count > 0 ? numbers : NULL;
    out->texts = text_count > 0 ? texts : NULL;
    return NN_OK;
}

void nn_class_labels_write_sign(const nn_class_labels *labels, bool positive, nn_tensor *out,
                                int64_t index) {
    if (labels->ints != NULL)
        ((int64_t *)out->data)[index] = positive;
    else
        ((const char **)out->data)[index] = positive ? "1" : "0";
}
