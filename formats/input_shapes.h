/* What a model's inputs ask of data: declared shapes with the options --dim and --shapes applied.
 */
#ifndef NN_INPUT_SHAPES_H
#define NN_INPUT_SHAPES_H

#include "base/options.h"
#include "engine/graph/model.h"

typedef struct nn_input_shape {
    const char *name;
    nn_type type;
    int rank;                  /* NN_RANK_UNKNOWN, or the number of dims */
    int64_t dims[NN_MAX_RANK]; /* as of nn_fact: a size, NN_DIM_UNKNOWN, or a symbol */
} nn_input_shape;

typedef struct nn_input_shapes {
    nn_arena arena; /* holds all texts */
    nn_input_shape *items;
    int count;
    const char **symbols; /* nn_dim_symbol(i) is symbols[i] */
    int64_t symbol_count;
} nn_input_shapes;

/* Reads the options "dim" (N=4, repeatable) and "shapes" (a:1x3x8x8,b:1x4). NN_USAGE for a name
 * that the model does not have or a shape that contradicts it; NN_UNSUPPORTED for inputs of no
 * known type. */
nn_status nn_input_shapes_init(nn_input_shapes *shapes, const nn_model *model,
                               const nnopt_options *options);
void nn_input_shapes_clear(nn_input_shapes *shapes);
int nn_input_shapes_find(const nn_input_shapes *shapes, const char *name); /* -1: no such input */
/* The name of a dimension: its symbol, or "?". */
const char *nn_input_shapes_symbol(const nn_input_shapes *shapes, int64_t dim);
/* "1x3xHxW"; returns buffer. */
const char *nn_input_shape_text(const nn_input_shapes *shapes, int input, char *buffer,
                                size_t size);

/* Sizes of symbols while shapes are compared; `sizes` has symbol_count entries, -1: free. */
typedef struct nn_binding {
    int64_t *sizes;
} nn_binding;
nn_status nn_binding_init(nn_binding *binding, const nn_input_shapes *shapes);
void nn_binding_clear(nn_binding *binding);
/* Does dim (declared) take this size? Binds a free symbol. */
bool nn_binding_take(nn_binding *binding, int64_t dim, int64_t size);

#endif
