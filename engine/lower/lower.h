/* Lowering: from the portable model graph to the graph that plans are made from, for any shapes.
 *
 * Lowered graphs may hold operators of domain "nnopt" and are never saved. Patches make them, so
 * that every node knows the node of the model it came from. */
#ifndef NN_LOWER_H
#define NN_LOWER_H

#include "engine/lower/covers.h"
#include "engine/plan/weight_cache.h"

typedef struct nn_lowered {
    nn_graph *graph; /* outputs: those of the model, then tapped values that are none of them */
    nn_covers covers;
    int64_t *tap_outputs; /* index in graph->outputs of each tap */
    int64_t tap_count;
} nn_lowered;

/* `kind` PLAIN folds constants and changes nothing else. `taps` are names of values of the model:
 * each exists as a value of the result with the same elements. NN_USAGE names a tap that is no
 * value. */
nn_status nn_lower(const nn_graph *model, nn_lowered_kind kind, const char *const *taps,
                   int64_t tap_count, nn_lowered **out);
void nn_lowered_destroy(nn_lowered *lowered); /* NULL allowed */

/* NN_UNSUPPORTED with one message that lists every node without an operator or a kernel. */
nn_status nn_lowered_check_supported(const nn_lowered *lowered);

#endif
