/* A loaded model: the graph, what the file says beside it, and the caches that its sessions share.
 */
#ifndef NN_MODEL_H
#define NN_MODEL_H

#include "engine/graph/graph.h"

typedef struct nn_metadata {
    const char *key, *value;
} nn_metadata;

struct nnopt_model {
    _Atomic int64_t references;
    nn_graph *graph;
    nn_arena arena;   /* holds the texts below */
    const char *path; /* where it was loaded from, or "" */
    int64_t ir_version;
    const char *producer_name, *producer_version, *domain, *doc;
    int64_t model_version;
    nn_metadata *metadata;
    int64_t metadata_count;
    const void *unknown_fields; /* of ModelProto, for a round trip */
    size_t unknown_size;
    int64_t file_bytes; /* model and external data; 0 when it was never on disk */
    double load_seconds;
    struct nn_weight_cache
        *weights; /* packed weights and lowered graphs (engine/plan/weight_cache.h) */
};
typedef struct nnopt_model nn_model;

/* Takes `graph` (also on failure). */
nn_status nn_model_create(nn_graph *graph, nn_model **out);
nn_model *nn_model_retain(nn_model *model);
/* A new model with a cloned graph and the same metadata, for a pass to edit. */
nn_status nn_model_derive(const nn_model *model, nn_model **out);
nn_status nn_model_set_metadata(nn_model *model, const char *key, const char *value);
const char *nn_model_get_metadata(const nn_model *model, const char *key); /* or NULL */

/* Elements of all initialisers and of float tensors in attributes (parameters), and their bytes. */
int64_t nn_model_parameters(const nn_model *model);
int64_t nn_model_parameter_bytes(const nn_model *model);

#endif
