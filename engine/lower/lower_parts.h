/* The transforms that lowering is made of. Each edits lowered->graph by one patch and records whose
 * work the new nodes do. Only engine/lower/ includes this. */
#ifndef NN_LOWER_PARTS_H
#define NN_LOWER_PARTS_H

#include "engine/graph/patch.h"
#include "engine/lower/lower.h"
#include "ops/expansion.h"

/* Operators that are written as others (ops/expansion.h) become those. */
nn_status nn_lower_expansions(nn_lowered *lowered);

/* Halves that operators hand to operators become float32. */
nn_status nn_lower_halves(nn_lowered *lowered);

/* Activations spelled out in elementary operators (x * sigmoid(x), x * clip(x + 3, 0, 6) / 6, ...)
 * become one Activation node. */
nn_status nn_lower_activations(nn_lowered *lowered);

/* Nodes that compute the same from the same become one. */
nn_status nn_lower_duplicates(nn_lowered *lowered);

/* MatMulInteger, Cast, Mul by scales, Add of a bias become MatMulIntegerToFloat. */
nn_status nn_lower_dynamic_products(nn_lowered *lowered);

/* Layer normalisation and attention that are spelled out become those operators. */
nn_status nn_lower_normalizations(nn_lowered *lowered);
nn_status nn_lower_attention(nn_lowered *lowered);

/* MatMul by a constant matrix and Add of a constant for each column become one Linear node. After
 * scales were folded into weights. */
nn_status nn_lower_linear(nn_lowered *lowered);

/* What adds numbers to or multiplies numbers with the same value several times becomes one
 * Activation node. After scales and shifts behind convolutions were folded into their weights. */
nn_status nn_lower_linear_chains(nn_lowered *lowered);

/* Functions of one 8-bit value in several operators become tables. Before the next one, which knows
 * single operators. */
nn_status nn_lower_tables(nn_lowered *lowered);

/* Operators between DequantizeLinear and QuantizeLinear become integer operators. */
nn_status nn_lower_quantized(nn_lowered *lowered);

/* Pad of zeros in front of a Conv becomes its padding. */
nn_status nn_lower_padding(nn_lowered *lowered);

/* ---- what they share ---- */

/* What an operator that writes itself as others, or its derivative, builds with. */
struct nn_expansion {
    nn_patch *patch;
    nn_node *node;    /* whose inputs and outputs, origin and name are meant */
    nn_status status; /* of the first failure outside the patch */
};

/* Collects edits in `patch`. `taken`, by position of the node, is for marking nodes that are
 * removed or changed already. */
typedef nn_status (*nn_lower_edits)(nn_lowered *lowered, nn_patch *patch, bool *taken);
/* Applies the edits that `collect` makes. */
nn_status nn_lower_edit(nn_lowered *lowered, const char *reason, nn_lower_edits collect);

#endif
