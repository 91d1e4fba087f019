/* Class labels of classifiers: a list of integers or of texts in two attributes. */
#ifndef NN_FAMILY_CLASS_LABELS_H
#define NN_FAMILY_CLASS_LABELS_H

#include "ops/op.h"

typedef struct nn_class_labels {
    int64_t count;       /* at least 1 */
    const int64_t *ints; /* NULL: the labels are texts */
    const nn_text *texts;
} nn_class_labels;

/* Reads attribute `ints` or `strings`: one of them must be there, and not empty. */
nn_status nn_class_labels_parse(const nn_node_view *node, const nn_attrs *attrs, const char *ints,
                                const char *strings, nn_class_labels *out);

static inline nn_type nn_class_labels_type(const nn_class_labels *labels) {
    return labels->ints != NULL ? NNOPT_INT64 : NNOPT_STRING;
}

/* out[index] = label number `label`; texts point into the attribute. */
static inline void nn_class_labels_write(const nn_class_labels *labels, int64_t label,
                                         nn_tensor *out, int64_t index) {
    if (labels->ints != NULL)
        ((int64_t *)out->data)[index] = labels->ints[label];
    else
        ((const char **)out->data)[index] = labels->texts[label].bytes;
}

/* The label of a score that belongs to no listed class: out[index] = 1 or 0, or their texts. */
void nn_class_labels_write_sign(const nn_class_labels *labels, bool positive, nn_tensor *out,
                                int64_t index);

#endif
