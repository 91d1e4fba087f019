/* How a plan is built and run. Only engine/plan/ and the session include this. */
#ifndef NN_PLAN_PARTS_H
#define NN_PLAN_PARTS_H

#include "engine/graph/model.h"
#include "engine/lower/lower.h"
#include "engine/plan/memory_plan.h"
#include "engine/plan/plan.h"
#include "engine/plan/prepare.h"
#include "engine/run/session.h"
#include "engine/select/select.h"

typedef enum nn_memory { NN_MEMORY_HOST, NN_MEMORY_DEVICE, NN_MEMORIES } nn_memory;

typedef enum nn_place { NN_PLACE_SLAB, NN_PLACE_INPUT, NN_PLACE_CONSTANT } nn_place;

/* A tensor in memory: a value in one layout and one memory. */
typedef struct nn_plan_tensor {
    nn_tensor tensor; /* physical dims; data is set when the plan is bound and run */
    nn_memory memory;
    nn_place place;               /* of the memory's owner */
    struct nn_plan_tensor *owner; /* whose memory it shares (a view, or in place); NULL: its own */
    /* A part of what is joined, the owner: where it begins there, and whether it is some of the
     * channels of its pixels. */
    bool is_part, is_pitched;
    int64_t offset;  /* bytes */
    nn_value *value; /* CONSTANT: whose data it is, or NULL when data is set already */
    const struct nn_plan_tensor *on_host; /* CONSTANT of the device: that of the host */
    bool is_read;                         /* CONSTANT: some step reads it in run */
    int64_t readers;                      /* CONSTANT: inputs of steps that it is */
    int64_t input;                        /* INPUT: index of the graph input */
    int64_t first, last;                  /* SLAB: the steps between which the owner is in use */
    int64_t block;                        /* SLAB, owner: index in the blocks of its memory */
} nn_plan_tensor;

typedef struct nn_step {
    const nn_kernel *kernel;
    int variant;         /* that the kernel is asked for */
    const char *settled; /* what it says that it settled on, or the variant's name; "" */
    const char *reason;  /* why it was chosen; NULL: nn_choice_estimate_reason */
    nn_call call;
    nn_node_view view;
    const nn_node *node; /* of the plan's graph; NULL: a conversion */
    const char *origin;
    nn_cover cover;
    nn_plan_tensor **in, **out; /* NULL where absent */
    int64_t workspace_bytes, workspace_block;
    int64_t packed_bytes;
    const void *largest; /* of the packed constants */
    int64_t largest_bytes;
    int64_t live_bytes;
} nn_step;

typedef struct nn_plan_absence {
    const char *node, *reason;
} nn_plan_absence;

/* What kernels are given by the thread that prepares them. */
typedef struct nn_plan_worker {
    nn_arena arena;
    nn_weight_list weights; /* until they are the plan's */
    nn_prepare_room room;
} nn_plan_worker;

/* Where the tensors and workspaces of one memory lie. */
typedef struct nn_plan_slab {
    nn_memory_block *blocks;
    int64_t count, bytes;
    const void *base; /* where the tensors point now */
} nn_plan_slab;

/* Steps in a row that run on the same side. */
typedef struct nn_plan_segment {
    int64_t first, end;
    bool on_device;
    nn_device_graph *graph; /* of its steps, as they are bound now; NULL: not recorded */
} nn_plan_segment;

/* A batch in groups of samples, each run by a plan for as many: engine/plan/plan_groups.c. */
typedef struct nn_plan_groups {
    int64_t count;   /* groups of a run */
    nn_plan **plans; /* one for each thread that runs groups */
    int plan_count;
    nn_tensor **inputs; /* of each plan: room for a group's */
    nn_tensor *results; /* the outputs of a whole run */
    int64_t *offsets;   /* of those in the slab, behind the slabs of the plans */
    nn_pool *pool;
} nn_plan_groups;

struct nn_plan {
    nn_arena arena;
    nn_plan_groups *groups;  /* NULL: the plan has steps of its own */
    nn_plan_worker *workers; /* as many as the target has threads */
    nn_graph *graph;
    nn_target target;
    bool is_kept; /* was faster than the plan with measured kernels */
    nn_covers covers;
    nn_weight_list weights;
    nn_step *steps;
    int64_t step_count, step_capacity;
    nn_plan_tensor **tensors;
    int64_t tensor_count, tensor_capacity;
    nn_plan_tensor **inputs;      /* one each, or NULL where nothing reads it */
    nn_plan_tensor **input_views; /* tensors that share the memory of an input */
    int64_t input_view_count;
    nn_plan_tensor **outputs; /* of the model, then taps; standard layout */
    nn_plan_slab slabs[NN_MEMORIES];
    nn_plan_segment *segments; /* of a plan with steps on a device; NULL: all run on the CPU */
    int64_t segment_count;
    nn_device_queue *queue;
    int64_t runs;           /* since it was bound */
    bool is_recorded;       /* the last run started recordings */
    double *device_seconds; /* of each step in the last run with a hook; NaN for the CPU's */
    double *occupancy;      /* of the device by each step then; 0: not known */
    const nn_node **joined; /* those whose inputs are made in their places */
    int64_t joined_count;
    nn_plan_absence *absences;
    int64_t absence_count;
    struct nn_dynamic *dynamic; /* what is not known before a run; NULL: nothing */
    const nn_tensor **given;    /* what the dynamic part reads of `outputs` */
};

/* What a plan is made from; all must outlive it. */
typedef struct nn_plan_request {
    const nn_graph *model; /* for the nodes that vanished */
    const nn_lowered *lowered;
    nn_weight_cache *cache;
    nn_target target;
    nn_pool *pool;
    bool reference_only, no_fusion;
    bool in_groups;        /* samples of a batch may run in groups */
    nn_selector *selector; /* NULL: the first kernel in each list */
} nn_plan_request;

/* A plan for inputs of these types and shapes (data is not read). */
nn_status nn_plan_create(const nn_plan_request *request, const nn_tensor *inputs, nn_plan **out);
void nn_plan_destroy(nn_plan *plan);

/* Memory of at least slabs[].bytes each, and the queue of a target with a device. */
typedef struct nn_plan_memory {
    void *slabs[NN_MEMORIES];
    nn_device_queue *queue;
} nn_plan_memory;

/* Points all tensors there. */
void nn_plan_bind(nn_plan *plan, const nn_plan_memory *memory);
/* Runs a bound plan. The hook may be NULL. */
nn_status nn_plan_run(nn_plan *plan, const nn_tensor *inputs, nn_step_hook hook, void *user);

/* Output `index` of the lowered graph after a run; it holds until the next one. */
const nn_tensor *nn_plan_output(const nn_plan *plan, int64_t index);
/* The same as a tensor that the caller owns; it may be gone from the plan then. */
nn_status nn_plan_take_output(nn_plan *plan, int64_t index, nn_tensor *out);

/* ---- the steps of nn_plan_create ---- */

/* engine/plan/plan_groups.c: makes plan->groups where the samples of the plan's graph keep apart
 * and groups of them are worth it. */
nn_status nn_plan_make_groups(nn_plan *plan, const nn_plan_request *request,
                              const nn_tensor *inputs);
void nn_plan_destroy_groups(nn_plan *plan);
void nn_plan_bind_groups(nn_plan *plan, const nn_plan_memory *memory);
nn_status nn_plan_run_groups(nn_plan *plan, const nn_tensor *inputs, nn_step_hook hook, void *user);
/* engine/plan/plan_graph.c: the lowered graph with these input shapes, inferred and folded. */
nn_status nn_plan_make_graph(nn_plan *plan, const nn_plan_request *request,
                             const nn_tensor *inputs);
/* engine/plan/plan_split.c: leaves in the plan's graph what is known beforehand, and makes the
 * dynamic part of the rest. */
nn_status nn_plan_split(nn_plan *plan, const nn_plan_request *request);
/* What the edits of a plan's graph are given, as the argument of nn_patch_edit. */
typedef struct nn_plan_edit {
    nn_plan *plan;
    const nn_target *target;
} nn_plan_edit;

/* engine/plan/plan_divide_boxes.c: NonMaxSuppression as a part with known shapes and a Slice, for
 * devices. */
nn_status nn_plan_divide_boxes(nn_plan *plan, const nn_plan_request *request);
/* engine/plan/plan_fuse.c: gives nodes the activations and sums behind them as epilogues, where a
 * kernel takes them so. */
nn_status nn_plan_fuse(nn_plan *plan, const nn_plan_request *request);
/* engine/plan/plan_fuse_sums.c: quantised convolutions take over quantised sums behind them. */
nn_status nn_plan_fuse_sums(nn_plan *plan, const nn_plan_request *request);
/* engine/plan/plan_types.c: which values of a plan in bf16 or fp16 are kept so. */
nn_status nn_plan_choose_types(nn_plan *plan, const nn_plan_request *request);
/* engine/plan/plan_fuse_blocks.c: depthwise convolutions with the 1x1 convolutions around them
 * become one node where what stands between them is too large for the cache. */
nn_status nn_plan_fuse_blocks(nn_plan *plan, const nn_plan_request *request);
/* engine/plan/plan_fuse_scales.c: 1x1 convolutions take over the scaling of the channels they read.
 */
nn_status nn_plan_fuse_scales(nn_plan *plan, const nn_plan_request *request);
/* engine/plan/plan_fuse_chains.c: runs of elementwise operators become one, for devices. */
nn_status nn_plan_fuse_chains(nn_plan *plan, const nn_plan_request *request);
/* engine/plan/plan_graph.c: the kernel of each node that runs, by position; views have none. */
nn_status nn_plan_select_kernels(nn_plan *plan, const nn_plan_request *request, nn_choice *choices);
/* engine/select/select.c: replaces choices by what the request's selector knows or measures. */
nn_status nn_plan_select_measured(nn_plan *plan, const nn_plan_request *request,
                                  nn_choice *choices);
/* engine/select/select_prove.c: puts the plan without measured kernels in the place of one that is
 * not faster, and keeps what was learnt. */
nn_status nn_plan_prove_selection(const nn_plan_request *request, const nn_tensor *inputs,
                                  nn_plan **plan);
/* A node whose outputs are all known has nothing to do. */
bool nn_node_is_folded(const nn_node *node);
/* A node that only gives its input other dims. */
bool nn_node_is_view(const nn_node *node);

/* engine/plan/plan_steps.c: steps on tensors, with layouts and conversions. */
nn_status nn_plan_make_steps(nn_plan *plan, const nn_plan_request *request,
                             const nn_choice *choices);
/* engine/plan/plan_concat.c: lets steps write what is joined behind them where it belongs. */
nn_status nn_plan_join(nn_plan *plan, const nn_plan_request *request);
/* engine/plan/plan_prepare.c: asks each kernel for its state, workspace and packed constants. */
nn_status nn_plan_prepare_steps(nn_plan *plan, const nn_plan_request *request);

/* engine/plan/plan_segments.c: cuts the steps where they go from one side to the other. */
nn_status nn_plan_make_segments(nn_plan *plan);
/* Ends what was recorded: tensors lie elsewhere now. */
void nn_plan_forget_recordings(nn_plan *plan);
/* Runs all steps of a plan with segments. */
nn_status nn_plan_run_segments(nn_plan *plan, nn_step_hook hook, void *user);

/* engine/plan/plan_memory.c: the last owner in a chain of shared memory. */
nn_plan_tensor *nn_plan_tensor_owner(nn_plan_tensor *tensor);
/* Elements from one pixel to the next where the tensor is some of the channels of something else,
 * or 0. */
int64_t nn_plan_tensor_pitch(const nn_plan_tensor *tensor);
/* engine/plan/plan_memory.c: in place, lifetimes, offsets. */
nn_status nn_plan_place_tensors(nn_plan *plan);

#endif
