/* The operator descriptor: everything nnopt knows about one ONNX operator, in one constant.
 *
 * Operators see facts, tensors and attributes; never a graph, protobuf or a file. There is no
 * enumeration of operators and no switch over them: code that must know one compares pointers
 * (node->op == &nn_op_conv). Adding one: docs/adding-an-operator.md. */
#ifndef NN_OP_H
#define NN_OP_H

#include "base/attr.h"
#include "base/body.h"
#include "base/cpu.h"
#include "base/device.h"
#include "base/libraries.h"
#include "base/pool.h"
#include "ops/epilogue.h"

typedef struct nn_op nn_op;
typedef struct nn_kernel nn_kernel;

enum { NN_MAX_OUTPUTS = 16, NN_ANY_COUNT = 0x7fffffff, NN_OPSET_NEWEST = 28 };

/* A node as an operator sees it, at any stage: while shapes are inferred, planned, or reported. */
typedef struct nn_node_view {
    const char *name; /* for messages */
    const nn_op *op;
    const void *attrs; /* op->attr_size bytes written by op->parse; NULL when attr_size is 0 */
    int opset;         /* version of the operator's domain that the model imports */
    int in_count, out_count;
    const nn_fact *const *in; /* NULL where an optional input is absent */
    nn_fact *const *out;      /* NULL where an optional output is not wanted */
    nn_epilogue epilogue;     /* all zero except in plans */
    /* In plans, channels last, for kernels that say so: elements from one pixel to the next of each
     * input, then of each output, 0 where that is its channels. NULL: all are so. */
    const int64_t *pitches;
} nn_node_view;

static inline const nn_fact *nn_view_in(const nn_node_view *node, int index) {
    return index < node->in_count ? node->in[index] : NULL;
}
/* Masks of inputs hold the first 32. */
static inline bool nn_has_bit(uint32_t bits, int index) {
    return index < 32 && (bits >> index & 1) != 0;
}
/* Elements from one pixel to the next, which has so many channels. */
static inline int64_t nn_view_in_pitch(const nn_node_view *node, int index, int64_t channels) {
    const int64_t pitch = node->pitches != NULL ? node->pitches[index] : 0;
    return pitch > 0 ? pitch : channels;
}
static inline int64_t nn_view_out_pitch(const nn_node_view *node, int index, int64_t channels) {
    const int64_t pitch = node->pitches != NULL ? node->pitches[node->in_count + index] : 0;
    return pitch > 0 ? pitch : channels;
}
/* The constant value of input `index`, or NULL when absent or not known. */
static inline const nn_tensor *nn_view_constant(const nn_node_view *node, int index) {
    const nn_fact *fact = nn_view_in(node, index);
    return fact ? fact->constant : NULL;
}

/* nn_fail with "node 'NAME' (OP): " before the text. */
nn_status nn_view_fail(const nn_node_view *node, nn_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "'name' (Conv: float32 1x3x8x8, int8 4x3x3x3)", as much as there is room for (size > 0). */
const char *nn_view_describe(const nn_node_view *node, char *text, size_t size);

/* ---- columns of the descriptor ----------------------------------------------------------------
 */

typedef struct nn_cost {
    double macs;  /* multiply-accumulates of convolutions and matrix products; else 0 */
    double flops; /* floating or integer operations, 2 per MAC */
    double bytes_read, bytes_written; /* minimum traffic: every tensor once */
} nn_cost;

/* How one axis of one value follows one axis of another: what pruning, layout and streaming read.
 */
typedef enum nn_axis_kind {
    NN_AXIS_SAME,     /* index i of a belongs to index i of b */
    NN_AXIS_OFFSET,   /* index i of a is index i + offset of b (Concat, Split, Slice with step 1) */
    NN_AXIS_MERGE,    /* index i of a becomes indices (o * size_a + i) * inner + r of b (Flatten) */
    NN_AXIS_CONTRACT, /* a and b are multiplied and summed over (input channel with weight column)
                       */
    NN_AXIS_GROUP,    /* SAME, but only whole groups of `groups` may go (grouped convolution) */
    NN_AXIS_WINDOW,   /* b slides over a: kernel, stride, dilation, padding (spatial axes) */
    NN_AXIS_MIXED,    /* b depends on all of a: nothing may be removed without changing the rest */
} nn_axis_kind;

typedef struct nn_axis_end {
    bool is_output;
    int16_t index; /* of the input or output */
    int16_t axis;  /* not negative */
} nn_axis_end;

typedef struct nn_axis_relation {
    nn_axis_kind kind;
    nn_axis_end a, b;
    int64_t offset;                                       /* OFFSET */
    int64_t inner, outer;                                 /* MERGE */
    int64_t groups;                                       /* GROUP */
    int64_t kernel, stride, dilation, pad_begin, pad_end; /* WINDOW */
} nn_axis_relation;

enum { NN_MAX_RELATIONS = 64 };
typedef struct nn_axis_relations {
    int count;
    nn_axis_relation items[NN_MAX_RELATIONS];
} nn_axis_relations;

typedef enum nn_quant_class {
    NN_QUANT_FLOAT,    /* stays float */
    NN_QUANT_COMPUTES, /* has an integer form: inputs and outputs get their own scales */
    NN_QUANT_MOVES,    /* only moves data: output 0 keeps the scale of input 0 */
} nn_quant_class;

typedef enum nn_exactness {
    NN_EXACT,    /* the same bits as the reference kernel */
    NN_ROUNDING, /* differs by rounding and order of summation */
    NN_RANDOM,
} nn_exactness;

struct nn_expansion;
struct nn_grad;
struct nn_stream_rule; /* how the operator runs frame by frame; absent: it cannot */

struct nn_op {
    const char *name;   /* "Conv" */
    const char *domain; /* "" for ai.onnx, "com.microsoft", "nnopt" (plans only, never saved) */
    int since, until; /* opset versions this descriptor implements; until 0: to the newest known */
    int min_inputs, max_inputs, min_outputs, max_outputs;
    size_t attr_size;
    /* Reads attributes and opset into out (zeroed, attr_size bytes), so that no other function has
     * to know versions. Lists may borrow from `attrs`. `node` has name, op, opset and counts only.
     */
    nn_status (*parse)(const nn_node_view *node, const nn_attrs *attrs, void *out);
    /* Writes type, rank, dims of each wanted output from the input facts, which may be unknown in
     * part; checks every rule of shapes, types and constants it can. Where shapes depend on values
     * it is called again in the run, and then small tensors and containers are constants, so a
     * missing constant leaves dims unknown and a present one decides them. Counts were checked: the
     * first min_inputs inputs and min_outputs outputs are there, and lists of any length have no
     * gaps. */
    nn_status (*infer)(const nn_node_view *node);
    /* MACs and FLOPs of concrete shapes; bytes are filled by the caller (nn_op_cost). NULL: one
     * FLOP per output element. */
    void (*cost)(const nn_node_view *node, nn_cost *out);
    /* NULL: every axis is mixed. Shapes may be symbolic, ranks are known. */
    nn_status (*axes)(const nn_node_view *node, nn_axis_relations *out);
    nn_quant_class quant;
    /* Output 0 is input 0 with other dims: the plan shares the memory and runs nothing. */
    bool is_view;
    /* Names of the attributes that are graphs, NULL ends the list; NULL: none. Nodes with bodies
     * run on values whose shapes are found in the run; infer leaves their outputs unknown. */
    const char *const *bodies;
    /* Never folded: random, or reads state. */
    bool is_impure;
    const struct nn_stream_rule *stream;
    nn_library_index library; /* without which its kernels cannot run */
    /* The gradients of its inputs (ops/grad.h); NULL: it has none. */
    nn_status (*grad)(struct nn_grad *grad);
    /* Writes the node as other operators (ops/expansion.h); such operators have no kernels. */
    nn_status (*expand)(const nn_node_view *node, struct nn_expansion *expansion);
    const nn_kernel *const *kernels; /* CPU, best first, portable reference last, NULL ends it;
                                        those of devices: ops/device_kernels.h */
};

/* Do the kernels make their outputs? */
bool nn_op_makes_outputs(const nn_op *op);

/* Cost with bytes filled in from the facts. Facts must be concrete; weights count once. */
void nn_op_cost(const nn_node_view *node, nn_cost *out);

/* ---- kernels ----------------------------------------------------------------------------------
 */

/* Physical order of the tensors a kernel works on. Standard: as ONNX says. Channels last: N,
 * spatial axes, C for values of rank 3 to 5. */
typedef enum nn_layout { NN_LAYOUT_STANDARD, NN_LAYOUT_CHANNELS_LAST, NN_LAYOUT_ANY } nn_layout;

/* Of convolutions and matrix products. FP32 is what the standard says; TF32 rounds what is
 * multiplied to 10 bits, on devices only, values stay float. */
typedef enum nn_precision {
    NN_PRECISION_FP32,
    NN_PRECISION_BF16,
    NN_PRECISION_TF32,
    NN_PRECISION_FP16,
} nn_precision;

const char *nn_precision_name(nn_precision precision); /* "fp32" */
/* NN_USAGE where there is none of this name. */
nn_status nn_precision_find(const char *name, nn_precision *out);
/* Of values that a plan keeps in its precision: float unless it is a smaller type. */
nn_type nn_precision_type(nn_precision precision);

/* What a plan is made for. */
typedef struct nn_target {
    nn_isa isa;
    int threads;
    nn_precision precision;
    nn_device *device; /* whose kernels come before those of the CPU; NULL: the CPU alone */
    /* `accepts` is asked for what can run, also where another kernel is expected to be faster:
     * times decide (engine/select/select.h). */
    bool explores;
    /* The same bits whatever the thread count, and no transform that changes what is summed: a
     * kernel that cannot promise it does not accept. */
    bool deterministic;
} nn_target;

typedef struct nn_prepare nn_prepare; /* services of the planner, below */

/* One execution. Tensors have concrete, physical dims (permuted when layout is channels last). */
typedef struct nn_call {
    const nn_node_view *node; /* attributes, epilogue, name; logical facts */
    const void *state;        /* what prepare left with nn_prepare_state, or NULL */
    int in_count, out_count;
    const nn_tensor *const *in; /* NULL where absent */
    nn_tensor *const *out;
    nn_layout layout; /* never ANY */
    void *workspace;  /* bytes asked for in prepare, aligned, contents undefined; NULL when 0 */
    /* Packed constants that the next step with any will read, for a kernel with memory bandwidth to
     * spare to bring nearer; 0 bytes: none are known. */
    const void *upcoming;
    int64_t upcoming_bytes;
    nn_pool *pool;
    nn_device_queue *queue; /* that a kernel of a device puts its work into; NULL for the CPU's */
    nn_body *const *bodies; /* one for each name in op->bodies; NULL where absent */
    nn_arena *texts;        /* for new strings; their outputs may point here, or into the inputs */
} nn_call;

/* A new string for an output, of `length` bytes without a zero among them. */
nn_status nn_call_text(const nn_call *call, const char *bytes, size_t length, const char **out);

/* Input or output `index`, NULL where it is absent. */
static inline const nn_tensor *nn_call_in(const nn_call *call, int index) {
    return index < call->in_count ? call->in[index] : NULL;
}
static inline nn_tensor *nn_call_out(const nn_call *call, int index) {
    return index < call->out_count ? call->out[index] : NULL;
}
/* What the epilogue adds, NULL where it adds nothing. */
static inline const nn_tensor *nn_call_residual(const nn_call *call) {
    const nn_epilogue *epilogue = &call->node->epilogue;
    return epilogue->has_residual ? call->in[epilogue->residual] : NULL;
}
static inline const void *nn_call_residual_data(const nn_call *call) {
    const nn_tensor *residual = nn_call_residual(call);
    return residual != NULL ? residual->data : NULL;
}

/* Where an input stands in an output. */
typedef struct nn_joined_part {
    int axis; /* logical, not negative */
    int64_t begin;
    bool is_changed; /* by the kernel: it is no copy */
} nn_joined_part;

struct nn_kernel {
    const char *name; /* unique, as profiles show it: "conv_f32_nhwc_avx512" */
    nn_isa isa;       /* not asked where the target has less */
    /* BF16: asked only in plans of that precision, where its inputs and outputs may be bf16 as well
     * as float, each by itself; operands say which. */
    nn_precision precision;
    /* Runs by putting work into call->queue; tensors, packed constants and workspace are in the
     * device's memory, state is the host's. Asked in plans for that device only, whatever their
     * precision: `accepts` sees it in the target. */
    bool on_device;
    /* On a device: a product whose inputs and output 0 may be float or the type of the plan's
     * precision, each by itself; it rounds what is float. */
    bool mixes_types;
    nn_exactness exactness;
    nn_layout layout;
    /* CHANNELS_LAST and ANY: bit i = input i is handed over channels last (weights are not).
     * Residual inputs of the epilogue always are. Outputs all are. */
    uint32_t layout_inputs;
    /* Which of these inputs a node takes in standard layout all the same. NULL: none. */
    uint32_t (*standard_inputs)(const nn_node_view *node);
    /* Bit i: output 0 may share memory with input i when types and sizes agree. */
    uint32_t in_place;
    /* Channels last, bit i: input i, and output 0, may be some of the channels of a larger tensor,
     * so that pixels lie nn_view_in_pitch and nn_view_out_pitch apart. The output may not where a
     * map is added to it (a residual, QConv's addend). */
    uint32_t pitched_inputs;
    bool pitched_output;
    /* Is input `index` a part of output 0? Run leaves out those that are copies and lie in their
     * place already. NULL: the kernel joins nothing. */
    bool (*part)(const nn_node_view *node, int index, nn_joined_part *out);
    /* Run makes its outputs: their shapes depend on values, or they are containers. out[i] is a
     * tensor of no type and no data, to be made with nn_tensor_init or nn_tensor_copy; it belongs
     * to the caller, also after a failure. All kernels of an operator say the same. */
    bool makes_outputs;
    /* Names of the ways it can be made to run a node (tile, form, split) beside what prepare
     * settles on by itself, NULL ends the list; NULL: there is one way. Selection by measurement
     * tries them: prepare finds with nn_prepare_variant which one it is asked for, and takes the
     * nearest where the node does not allow it. */
    const char *const *variants;
    /* Bit i: prepare reads constant input i with nn_prepare_piece only, so that a large one need
     * not be in memory as a whole. */
    uint32_t reads_pieces;
    /* The only answer to "does this kernel run this node?": types, shapes (concrete), constants,
     * epilogue. isa and layout are checked by the caller. NULL: every node without an epilogue. */
    bool (*accepts)(const nn_node_view *node, const nn_target *target);
    /* Once per plan: packs constants, asks for workspace, precomputes state. NULL: nothing to do.
     */
    nn_status (*prepare)(const nn_node_view *node, const nn_target *target, nn_prepare *prepare);
    /* Allocates nothing. Fails only for values it cannot know before (indices out of range). */
    nn_status (*run)(const nn_call *call);
};

/* State of `size` zeroed bytes that lives as long as the plan; NULL when out of memory. */
void *nn_prepare_state(nn_prepare *prepare, size_t size);
/* Workspace that run will find; the planner shares it between nodes. Call at most once. */
void nn_prepare_workspace(nn_prepare *prepare, size_t bytes);
/* Does the kernel take input `index` of the node channels last, where it runs it so? */
static inline bool nn_kernel_takes_last(const nn_kernel *kernel, const nn_node_view *node,
                                        int index) {
    const uint32_t standard = kernel->standard_inputs ? kernel->standard_inputs(node) : 0;
    return nn_has_bit(kernel->layout_inputs & ~standard, index);
}

/* Which layout the planner gave this node. */
nn_layout nn_prepare_layout(const nn_prepare *prepare);

/* What the planner asks for: 0: what suits, else kernel->variants[it - 1]. */
int nn_prepare_variant(const nn_prepare *prepare);
/* What prepare settled on ("6x64, 3 passes"): reports show it behind the kernel's name, and of
 * candidates that say the same only one is measured. Cut to 63 bytes. */
void nn_prepare_describe(nn_prepare *prepare, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Packed constants, shared by all plans and sessions of a model. `inputs`: bit i = the packing
 * depends on constant input i; `variant`: tile and format, as text; both key the cache. On a miss
 * `pack` fills `bytes` zeroed bytes. *out is aligned and lives as long as the plan. Kernels must
 * not read a packed input's own data in run: the planner may have dropped it. For kernels of a
 * device `pack` fills host memory, and *out is a copy in the device's. */
typedef nn_status (*nn_pack_function)(const nn_node_view *node, const void *argument, void *out);
nn_status nn_prepare_pack(nn_prepare *prepare, uint32_t inputs, const char *variant, size_t bytes,
                          nn_pack_function pack, const void *argument, const void **out);
/* Bit i: prepare has read constant input i, run does not; a device gets no copy of it. */
void nn_prepare_read(nn_prepare *prepare, uint32_t inputs);

/* For packing, elements [begin, begin + count) of constant `input`, valid until the next call. */
nn_status nn_prepare_piece(nn_prepare *prepare, int input, int64_t begin, int64_t count,
                           const void **out);
/* What suits the caches as one piece. */
enum { NN_PIECE_BYTES = 512 << 10 };

/* ---- the table (op_table.def)
 * -------------------------------------------------------------------- */

/* What most of an operator's work is: reports group rows by it. */
typedef enum nn_op_kind {
    NN_KIND_CONVOLUTION,
    NN_KIND_DEPTHWISE, /* of nodes, never in the table */
    NN_KIND_PRODUCT,
    NN_KIND_RECURRENT,
    NN_KIND_NORMALIZATION,
    NN_KIND_ELEMENTWISE,
    NN_KIND_REDUCTION,
    NN_KIND_MOVEMENT,
    NN_KIND_QUANTIZATION,
    NN_KIND_OTHER,
    NN_KIND_COUNT,
} nn_op_kind;

const char *nn_op_kind_name(nn_op_kind kind); /* "matrix product" */
nn_op_kind nn_op_kind_of(const nn_op *op);

#define NN_OP(symbol, kind) extern const nn_op nn_op_##symbol;
#include "ops/op_table.def"
#undef NN_OP

extern const nn_op *const nn_op_table[]; /* NULL ends it */

/* The descriptor for an operator of a model that imports `version` of `domain` ("ai.onnx" is ""),
 * or NULL when the table has none. Domain "nnopt" holds its own operators,
 * then those of ai.onnx and com.microsoft. */
const nn_op *nn_op_find(const char *domain, const char *name, int version);

/* First kernel that takes the node on this target, those of its device before those of the CPU;
 * NULL: none. Only the reference kernels are asked when the process forces them. The second leaves
 * out kernels that work channels last only. */
const nn_kernel *nn_kernel_select(const nn_node_view *node, const nn_target *target);
const nn_kernel *nn_kernel_select_standard(const nn_node_view *node, const nn_target *target);
/* All kernels that take the node on this target, in the order of the list, up to `limit` of them
 * (which may be 0); how many there are. */
int nn_kernel_candidates(const nn_node_view *node, const nn_target *target, const nn_kernel **out,
                         int limit);
/* Its place in that order. */
int nn_kernel_rank(const nn_op *op, const nn_target *target, const nn_kernel *kernel);
/* The last kernel of the list, when it takes the node. */
const nn_kernel *nn_kernel_select_reference(const nn_node_view *node, const nn_target *target);

#endif
