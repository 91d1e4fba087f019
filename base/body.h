/* A body (subgraph) as the operator that holds it sees it: something to be run. The engine feeds
 * what the body reads from outside. */
#ifndef NN_BODY_H
#define NN_BODY_H

#include "base/tensor.h"

typedef struct nn_body nn_body;

struct nn_body {
    int in_count, out_count; /* as the graph states them */
    nn_status (*run)(nn_body *body, const nn_tensor *in, nn_tensor *out);
    /* What is known of an output before any run. */
    const nn_fact *(*output)(const nn_body *body, int index);
};

/* Runs the body once on in[in_count]; fills out[out_count] with tensors that the caller owns
 * (nn_tensor_clear each). Inputs are only read. Nothing is left to clear after a failure. A body
 * may be run again while results of earlier runs are in use, but not from two threads. */
static inline nn_status nn_body_run(nn_body *body, const nn_tensor *in, nn_tensor *out) {
    return body->run(body, in, out);
}

#endif
