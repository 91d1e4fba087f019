#include "optim/simplify.h"

#include "engine/graph/patch.h"
#include "engine/transform/fold.h"
#include "engine/transform/fold_batch_norm.h"
#include "engine/transform/fold_bias.h"
#include "engine/transform/fold_identity.h"

static nn_status simplify(nn_graph *graph, const char *pass) {
    NN_TRY(nn_graph_infer(graph));
    NN_TRY(nn_graph_fold_constants(graph, pass, 0));
    NN_TRY(nn_graph_remove_identities(graph, pass));
    NN_TRY(nn_graph_fold_bias(graph, pass, NULL, NULL));
    NN_TRY(nn_graph_fold_batch_norm(graph, pass, false, NULL, NULL));
    NN_TRY(nn_graph_fold_bias(graph, pass, NULL, NULL));
    return nn_graph_prune_unused(graph, pass);
}

nn_status nn_simplify_model(const nn_model *model, const char *pass, nn_model **out) {
    nn_model *edited = NULL, *compact = NULL;
    NN_TRY(nn_model_derive(model, &edited));
    nn_status status = simplify(edited->graph, pass);
    if (status == NN_OK) status = nn_model_derive(edited, &compact);
    nnopt_model_destroy(edited);
    NN_TRY(status);
    status = nn_graph_infer(compact->graph);
    if (status == NN_OK) status = nn_graph_pin_constants(compact->graph);
    if (status != NN_OK) {
        nnopt_model_destroy(compact);
        return status;
    }
    *out = compact;
    return NN_OK;
}
