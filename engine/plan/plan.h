/* A plan: one model for one set of concrete shapes, a target and a thread count. Steps in order,
 * each a kernel on tensors whose places in one slab were computed beforehand. */
#ifndef NN_PLAN_H
#define NN_PLAN_H

#include "engine/graph/graph.h"

typedef struct nn_plan nn_plan;

/* What a profile needs to know of a step; borrowed from the plan. */
typedef struct nn_step_info {
    const nn_node_view *node; /* logical facts, attributes, epilogue */
    const nn_kernel *kernel;
    const char *variant;   /* what the kernel settled on: tile, form, split; "" */
    const char *chosen_by; /* why this kernel: the only one, the first in the list, measured */
    const char *name;      /* of the node in the lowered graph */
    const char *origin; /* ONNX node that the row is keyed by: the most expensive one it covers */
    const char *const *covers; /* all ONNX nodes whose work this step does (fused ones too) */
    int64_t cover_count;
    nn_layout layout;
    bool is_conversion; /* of layout or memory, put in by the planner; origin is its reader */
    bool on_device;     /* runs there; a copy to or from the device counts as such */
    nn_cost cost;
    int64_t live_bytes; /* slab bytes in use while the step runs */
    int64_t workspace_bytes;
    int64_t packed_bytes; /* packed constants it reads */
} nn_step_info;

int64_t nn_plan_step_count(const nn_plan *plan);
/* How often each step runs, for another group of the batch's samples each time. With several
 * threads a hook sees the groups of one of them. */
int64_t nn_plan_group_count(const nn_plan *plan);
void nn_plan_step(const nn_plan *plan, int64_t index, nn_step_info *out);
int64_t nn_plan_slab_bytes(const nn_plan *plan);
int64_t nn_plan_device_slab_bytes(const nn_plan *plan);
/* What step `index` took on the device in the last run with a hook; NaN: it ran on the CPU. */
double nn_plan_device_seconds(const nn_plan *plan, int64_t index);
/* Threads in flight over those that fit, in that run; 0: not known. */
double nn_plan_occupancy(const nn_plan *plan, int64_t index);
/* Did the last run start recorded work (and not each step by itself)? */
bool nn_plan_is_recorded(const nn_plan *plan);
int64_t nn_plan_packed_bytes(const nn_plan *plan); /* packed weights the plan borrows */
/* Nodes of the model that cost nothing here: folded at plan time, or views of memory. */
int64_t nn_plan_absent_count(const nn_plan *plan);
const char *nn_plan_absent(const nn_plan *plan, int64_t index, const char **reason);

#endif
