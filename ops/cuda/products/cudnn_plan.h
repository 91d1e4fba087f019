/* From a graph of cuDNN's backend to a plan that runs it: engines as the heuristics propose them,
 * those left out that would compute something else, and the text that names an engine again. */
#ifndef NN_CUDNN_PLAN_H
#define NN_CUDNN_PLAN_H

#include "ops/cuda/products/cudnn_graph.h"
#include "ops/op.h"

enum { NN_CUDNN_MOST_CANDIDATES = 64, NN_CUDNN_ENGINE_TEXT = 192 };

/* What engines may do. */
typedef struct nn_cudnn_rules {
    nn_precision precision; /* FP32: nothing is rounded to fewer bits, no tensor cores on floats */
    bool deterministic;
    size_t most_workspace; /* bytes */
} nn_cudnn_rules;

/* An engine with the values of its knobs: "12 2=4 13=1", where "12" numbers the engine. */
typedef struct nn_cudnn_engine {
    char text[NN_CUDNN_ENGINE_TEXT];
    uint32_t numerical_notes, behaviour_notes; /* bit per note */
} nn_cudnn_engine;

/* Is its kernel compiled when a plan is made, which takes up to seconds? */
static inline bool nn_cudnn_engine_compiles(const nn_cudnn_engine *engine) {
    return (engine->behaviour_notes >> CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION & 1) != 0;
}

/* Engines that may run the finished graph, most promising first, each once. */
nn_status nn_cudnn_engines(const nn_cudnn_graph *graph, const nn_cudnn_rules *rules,
                           nn_cudnn_engine *out, int limit, int *count);

/* A plan that can run; needs its graph no longer. */
typedef struct nn_cudnn_plan {
    cudnnBackendDescriptor_t descriptor;
    size_t workspace;
} nn_cudnn_plan;

/* NN_UNSUPPORTED where the engine does not take this graph, or needs more workspace than allowed.
 */
nn_status nn_cudnn_plan_make(const nn_cudnn_graph *graph, const nn_cudnn_rules *rules,
                             const char *engine, nn_cudnn_plan *out);
void nn_cudnn_plan_clear(const nn_cudnn *cudnn, nn_cudnn_plan *plan);

/* The plan with the machine code of its kernels, as text that nn_cudnn_plan_read takes in any
 * process with this version of cuDNN and a GPU of this kind. Free with nn_free. */
nn_status nn_cudnn_plan_write(const nn_cudnn *cudnn, const nn_cudnn_plan *plan, char **out,
                              size_t *bytes);
/* Fails where cuDNN does not take the text, or as nn_cudnn_plan_make does. */
nn_status nn_cudnn_plan_read(nn_cudnn_place place, const nn_cudnn_rules *rules, const char *text,
                             size_t bytes, nn_cudnn_plan *out);

/* Puts the plan's work into the stream of `handle`. Pointers of tensors in memory belong to the
 * device, those of numbers by value to the host. */
nn_status nn_cudnn_plan_run(const nn_cudnn *cudnn, cudnnHandle_t handle, const nn_cudnn_plan *plan,
                            int count, const int64_t *uids, void *const *pointers, void *workspace);

#endif
