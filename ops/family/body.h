/* What operators with bodies share: running one, values that go from iteration to iteration, and
 * results that are put together over the iterations. */
#ifndef NN_FAMILY_BODY_H
#define NN_FAMILY_BODY_H

#include "ops/op.h"

/* The body of attribute number `index`, which must be given and have this many outputs (-1: any).
 */
nn_status nn_find_body(const nn_call *call, int index, int in_count, int out_count, nn_body **out);

/* ---- values of iterations ---- */

/* Tensors in one block: what the body reads, and what it made. */
typedef struct nn_rounds {
    nn_body *body;
    nn_tensor *in;  /* body->in_count, all borrowed but those of `owned` */
    nn_tensor *out; /* body->out_count, of the last run, to be taken or cleared */
    bool *owned;    /* in[i] is to be cleared */
    int64_t count;  /* runs so far */
} nn_rounds;

nn_status nn_rounds_init(nn_rounds *rounds, nn_body *body);
nn_status nn_rounds_run(nn_rounds *rounds);
/* Input `to` of the next run is output `from` of the last. */
void nn_rounds_carry(nn_rounds *rounds, int from, int to);
/* Hands input `index` over: itself where it is owned, else a copy. */
nn_status nn_rounds_take(nn_rounds *rounds, int index, nn_tensor *out);
void nn_rounds_clear(nn_rounds *rounds);

/* ---- results put together along a new axis ---- */

/* Pieces of one shape, row after row. The block for all is made when the first has come, for as
 * many as `expected` says, or grows. */
typedef struct nn_stack {
    nn_tensor piece; /* type and shape of each; no data */
    nn_tensor rows;  /* of shape count x piece */
    int64_t expected, capacity;
    nn_arena texts; /* of strings */
} nn_stack;

/* Appends `piece`, whose shape must be that of the others. */
nn_status nn_stack_add(const nn_node_view *node, nn_stack *stack, int64_t index,
                       const nn_tensor *piece);
/* The result, with the rows along `axis` (of the rank it has), backwards if so said. `body` and
 * `output` tell its type and shape when there are no pieces. */
nn_status nn_stack_finish(const nn_call *call, nn_stack *stack, const nn_body *body, int output,
                          int64_t axis, bool backwards, nn_tensor *out);
void nn_stack_clear(nn_stack *stack);

#endif
