/* Bodies of nodes as the engine runs them. */
#ifndef NN_ENGINE_BODY_H
#define NN_ENGINE_BODY_H

#include "engine/run/dynamic.h"

/* A body of a node of the graph that `owner` runs, from whose values its captures are read. */
nn_status nn_body_create(const nn_graph *body, const nn_plan_request *request,
                         const nn_dynamic *owner, nn_body **out);
void nn_body_destroy(nn_body *body); /* NULL allowed */

#endif
