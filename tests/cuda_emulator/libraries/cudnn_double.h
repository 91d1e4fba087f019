/* A double of cuDNN for the tests: of its backend interface what nnopt uses, strict where the
 * vendor documents a rule, and computed on the CPU in the order of the emulated streams.
 *
 * Which engines take which graphs follows what the real library (9.19, described GPU H200) answered
 * to such graphs. */
#ifndef NN_CUDNN_DOUBLE_H
#define NN_CUDNN_DOUBLE_H

#include "tests/cuda_emulator/emulator.h"
#include "tests/cuda_emulator/failures.h"

#include <cudnn.h>
#include <stdint.h>

enum {
    MOST_AXES = 5,
    MOST_TENSORS = 64,
    MOST_OPERATIONS = 32,
    MOST_ATTRIBUTES = 16,
    MOST_KNOBS = 4
};

/* A value that was set, with the bytes of its elements behind it. */
typedef struct attribute {
    cudnnBackendAttributeName_t name;
    cudnnBackendAttributeType_t type;
    int64_t count;
    void *bytes;
} attribute;

typedef struct descriptor {
    cudnnBackendDescriptorType_t type;
    int references;
    bool is_finalized;
    int attribute_count;
    attribute attributes[MOST_ATTRIBUTES];
    struct graph *graph; /* of an operation graph, an engine, a configuration, a plan */
    int64_t engine;      /* of an engine, a configuration, a plan */
    int64_t knob_types[MOST_KNOBS], knob_values[MOST_KNOBS];
    int knob_count;
    int64_t workspace; /* of a plan */
} descriptor;

typedef struct tensor {
    int64_t uid;
    cudnnDataType_t type;
    int rank;
    int64_t dims[MOST_AXES], strides[MOST_AXES];
    int64_t alignment;
    bool is_virtual, is_by_value;
    int64_t count; /* elements, which lie dense */
} tensor;

typedef enum operation_kind { CONVOLVE, GRADIENT, POINTWISE } operation_kind;

typedef struct operation {
    operation_kind kind;
    int x, b, y; /* places in graph.tensors; b: filters or second operand, -1: none */
    int spatial;
    int64_t stride[3], dilation[3], pad_begin[3], pad_end[3];
    cudnnPointwiseMode_t mode;
    double low, high, slope, beta;
} operation;

/* Lives as long as the process: what is recorded may run after the plan's end. */
typedef struct graph {
    struct graph *next;
    int tensor_count, operation_count;
    tensor tensors[MOST_TENSORS];
    operation operations[MOST_OPERATIONS];
} graph;

struct cudnnContext {
    cudaStream_t stream;
};

/* ---- descriptors (cudnn_descriptors.c) ---- */

/* Keeps the text for cudnnGetLastErrorString. */
cudnnStatus_t nn_double_fail(cudnnStatus_t status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* NULL: it was not set. */
const attribute *nn_double_find(const descriptor *from, cudnnBackendAttributeName_t name);
descriptor *nn_double_part(const descriptor *from, cudnnBackendAttributeName_t name);
int64_t nn_double_size_of(cudnnDataType_t type);

/* ---- graphs (cudnn_graphs.c) ---- */

cudnnStatus_t nn_double_check_tensor(const descriptor *d);
cudnnStatus_t nn_double_check_window(const descriptor *d);
cudnnStatus_t nn_double_check_operation(const descriptor *d);
cudnnStatus_t nn_double_make_graph(const descriptor *d, graph **out);
/* A copy that lives as long as the process. */
cudnnStatus_t nn_double_keep_graph(const graph *from, graph **out);

/* ---- plans as text (cudnn_text.c) ---- */

/* out NULL: only the size. */
cudnnStatus_t nn_double_write_plan(const descriptor *plan, int64_t limit, int64_t *count,
                                   char *out);
cudnnStatus_t nn_double_read_plan(descriptor *plan, const attribute *text);

/* For tests: plans that were made from engines, and not from their text, in this process. */
NN_EMULATOR_API int64_t nn_double_made_plans(void);

/* ---- engines (cudnn_engines.c) ---- */

typedef struct engine_choice {
    int64_t engine;
    int64_t knob_type, knob_value; /* -1: it has none */
} engine_choice;

/* What the heuristics propose, best first. */
int nn_double_propose(const graph *graph, cudnnBackendHeurMode_t mode, engine_choice *out,
                      int limit);
bool nn_double_supports(const graph *graph, int64_t engine);
uint32_t nn_double_notes(int64_t engine); /* bit per numerical note */
bool nn_double_compiles(int64_t engine);
int64_t nn_double_workspace(int64_t engine);
bool nn_double_rounds_to_tf32(int64_t engine);

/* ---- computing (cudnn_compute.c) ---- */

/* pointers: of each tensor that lies in memory; numbers of those by value. */
typedef struct execution {
    graph *graph;
    int64_t engine;
    void *pointers[MOST_TENSORS];
    float numbers[MOST_TENSORS];
    void *workspace;
    int64_t workspace_bytes;
} execution;
void nn_double_execute(void *state);

#endif
