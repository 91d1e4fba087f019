/* Activations as attributes of operators that only plans have: kind, alpha, beta. */
#ifndef NN_FAMILY_ACTIVATION_H
#define NN_FAMILY_ACTIVATION_H

#include "ops/op.h"

/* Names of the kinds, as the attribute `kind` has them: "Relu". */
extern const char *const nn_activation_names[NN_ACT_KINDS];

/* op->parse for attributes that are exactly an nn_activation. */
nn_status nn_activation_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);

/* The activation that FusedConv and FusedGemm name, with `count` numbers of its own (alpha, beta; of
 * Clip the bounds), the operator's defaults where there are none; NULL: none. */
nn_status nn_activation_of_fused(const nn_node_view *node, const char *name, const float *numbers,
                                 int64_t count, nn_activation *out);

/* Activations one after the other; none at all changes nothing. */
enum { NN_MOST_ACTIVATIONS = 8 };
typedef struct nn_activation_chain {
    int count;
    nn_activation items[NN_MOST_ACTIVATIONS];
} nn_activation_chain;

/* op->parse for attributes that are exactly a chain: lists `kinds`, `alphas`, `betas`. */
nn_status nn_activation_chain_parse(const nn_node_view *node, const nn_attrs *attrs, void *out);
float nn_activate_chain(const nn_activation_chain *chain, float x);

#endif
