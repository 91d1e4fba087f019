/* Operators that combine broadcast inputs element by element. */
#include "ops/family/binary.h"

#include "ops/cuda/elements/binary_launch.h"
#include "ops/cuda/elements/loops.h"
#include "ops/cuda/movement/copy.h"
#include "ops/cuda/runtime/fault.h"
#include "ops/cuda/runtime/queue.h"
#include "ops/family/unary.h"

enum {
    FLOATS = NN_TYPES_FLOAT,
    INTEGERS = NN_TYPES_INTEGER,
    NUMBERS = NN_TYPES_NUMBER,
    NUMBERS_AND_BOOL = NN_TYPES_NUMBER | NN_TYPES_BOOL,
    BOOL = NN_TYPES_BOOL,
};

typedef enum kind {
    arithmetic, /* the result has the type of the inputs */
    comparison, /* it is bool */
    variadic,   /* any number of inputs, folded from the left */
    modulo,     /* Mod */
    power,      /* Pow: exponents of any type */
    shift,      /* BitShift */
    gated,      /* SwiGLU */
} kind;

typedef struct row {
    const char *name;
    nn_type_set types;
    nn_cuda_binary_function function;
    kind kind;
} row;

#define NN_CUDA_BINARY(symbol, name, types, kind) {name, types, NN_CUDA_BINARY_##symbol, kind},
static const row rows[] = {
#include "ops/cuda/elements/binary_functions.def"
    {NULL, 0, NN_CUDA_BINARIES, arithmetic},
};
#undef NN_CUDA_BINARY

static const row *row_of(const nn_node_view *node) {
    const row *found = rows;
    while (found->name != NULL && strcmp(found->name, node->op->name) != 0) found++;
    return found;
}

/* Before version 7 input 1 may lie over the axes of input 0 from any on. */
static bool broadcasts_from_the_end(const nn_node_view *node) {
    return node->opset >= 7 || node->in_count < 2 || node->in[0]->rank == node->in[1]->rank ||
           nn_fact_count(node->in[1]) == 1;
}

/* What stands behind a sum is computed in float. */
static bool takes_epilogue(const nn_node_view *node, const row *own) {
    if (nn_epilogue_is_empty(&node->epilogue)) return true;
    const nn_type type = node->in[0]->type;
    return own->function == NN_CUDA_BINARY_add &&
           nn_type_in(type, NN_TYPES_HALF | NN_TYPE_BIT(NNOPT_FLOAT));
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    const row *own = row_of(node);
    if (!takes_epilogue(node, own) || !broadcasts_from_the_end(node)) return false;
    if (own->kind == power)
        return nn_type_in(node->in[0]->type, own->types) &&
               nn_type_in(node->in[1]->type, own->types);
    return nn_type_in(node->in[0]->type, own->types) &&
           nn_in_types_are(node, 0, -1, node->in[0]->type);
}

/* ---- running ---- */

static void make_loops(const nn_call *call, const nn_tensor *a, const nn_tensor *b,
                       nn_cuda_loops *out) {
    nn_loops loops;
    const nn_tensor *y = call->out[0];
    nn_loops_init(&loops, y->dims, y->rank);
    nn_loops_add_broadcast(&loops, y->dims, y->rank);
    nn_loops_add_input(&loops, call->layout, a);
    nn_loops_add_input(&loops, call->layout, b);
    nn_loops_collapse(&loops);
    nn_cuda_loops_make(&loops, out);
}

static double option_of(const nn_node_view *node) {
    switch (row_of(node)->kind) {
    case modulo:
        return ((const nn_mod_attrs *)node->attrs)->truncates;
    case shift:
        return ((const nn_bit_shift_attrs *)node->attrs)->right;
    case gated:
        return (double)((const nn_alpha_beta *)node->attrs)->alpha;
    default:
        return 1;
    }
}

static nn_status combine(const nn_call *call, const nn_tensor *a, const nn_tensor *b, double p) {
    const row *own = row_of(call->node);
    const nn_epilogue *epilogue = &call->node->epilogue;
    nn_cuda_binary arguments = {.function = own->function,
                                .type = a->type,
                                .exponent_type = b->type,
                                .a = a->data,
                                .b = b->data,
                                .y = call->out[0]->data,
                                .p = p,
                                .has_epilogue = !nn_epilogue_is_empty(epilogue),
                                .before = epilogue->before,
                                .after = epilogue->after,
                                .residual = nn_call_residual_data(call)};
    make_loops(call, a, b, &arguments.loops);
    if (nn_type_is_integer(a->type) &&
        (own->function == NN_CUDA_BINARY_div || own->function == NN_CUDA_BINARY_mod))
        NN_TRY(nn_cuda_fault_make(call, "an element of the divisor is 0", &arguments.fault));
    return nn_cuda_launched(call, nn_cuda_launch_binary(&arguments, call->queue->stream));
}

static nn_status run(const nn_call *call) {
    return combine(call, call->in[0], call->in[1], option_of(call->node));
}

/* Sums are kept in the output. Halves are rounded after each input. */
static nn_status run_variadic(const nn_call *call) {
    const int count = call->in_count;
    const bool is_mean = row_of(call->node)->function == NN_CUDA_BINARY_mean;
    if (count == 1) return nn_cuda_copy_tensor(call, call->in[0], call->out[0]);
    for (int i = 1; i < count; i++)
        NN_TRY(combine(call, i == 1 ? call->in[0] : call->out[0], call->in[i],
                       is_mean && i == count - 1 ? 1.0 / count : 1));
    return NN_OK;
}

/* ---- kernels: where the output may lie, how they run, by kind ---- */

#define PLACES_arithmetic  3
#define PLACES_comparison  0
#define PLACES_variadic    0 /* later inputs are read after the first sum was written */
#define PLACES_modulo      3
#define PLACES_power       1
#define PLACES_shift       3
#define PLACES_gated       3
#define RUN_arithmetic     run
#define RUN_comparison     run
#define RUN_variadic       run_variadic
#define RUN_modulo         run
#define RUN_power          run
#define RUN_shift          run
#define RUN_gated          run
#define PASTE(a, b)        a##b
#define COLUMN(name, kind) PASTE(name, kind)

#define NN_CUDA_BINARY(symbol, name_, types, kind)                                                 \
    static const nn_kernel symbol##_cuda = {                                                       \
        .name = #symbol "_cuda",                                                                   \
        .on_device = true,                                                                         \
        .exactness = NN_ROUNDING,                                                                  \
        .layout = NN_LAYOUT_ANY,                                                                   \
        .layout_inputs = UINT32_MAX,                                                               \
        .in_place = COLUMN(PLACES_, kind),                                                         \
        .accepts = accepts,                                                                        \
        .run = COLUMN(RUN_, kind),                                                                 \
    };                                                                                             \
    const nn_kernel *const nn_cuda_##symbol##_kernels[] = {&symbol##_cuda, NULL};
#include "ops/cuda/elements/binary_functions.def"
