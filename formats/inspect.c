#include "engine/graph/inspect.h"

#include "formats/input_shapes.h"

static const nn_option_spec inspect_specs[] = {
    {.name = "dim",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "NAME=N",
     .repeatable = true,
     .help = "size of a symbolic dimension"},
    {.name = "shapes",
     .kind = NNOPT_OPTION_TEXT,
     .metavar = "IN:1x3x8x8,...",
     .repeatable = true,
     .help = "shapes of inputs; an empty shape is a scalar"},
};
NN_DEFINE_OPTION_TABLE(inspect, inspect_specs);

/* An open first axis is one sample; other open sizes stay open. */
static nn_status inspect_shapes(const nn_model *model, const nn_input_shapes *shapes,
                                nn_report **out) {
    size_t bytes = (size_t)(shapes->count + 1) * sizeof(nn_tensor);
    nn_tensor *inputs = nn_alloc_zero(bytes);
    if (inputs == NULL) return nn_fail_memory(bytes);
    bool has_ranks = true;
    for (int i = 0; i < shapes->count; i++) {
        const nn_input_shape *shape = &shapes->items[i];
        has_ranks &= shape->rank >= 0;
        inputs[i].type = shape->type;
        inputs[i].rank = shape->rank;
        for (int axis = 0; axis < shape->rank; axis++) {
            int64_t dim = shape->dims[axis];
            inputs[i].dims[axis] = axis == 0 && !nn_dim_is_known(dim) ? 1 : dim;
        }
    }
    nn_status status = nn_inspect(model, has_ranks ? inputs : NULL, out);
    nn_free(inputs);
    return status;
}

nnopt_status nnopt_inspect(const nnopt_model *model, const nnopt_options *options,
                           nnopt_report **out) {
    const nn_option_table *tables[] = {&nn_options_inspect};
    nn_input_shapes shapes = {0};
    if (model == NULL || out == NULL) return nn_fail(NN_USAGE, "inspect: no model or no place");
    NN_TRY(nn_options_check(options, tables, 1));
    nn_status status = nn_input_shapes_init(&shapes, model, options);
    if (status == NN_UNSUPPORTED)
        return nn_inspect(model, NULL, out); /* inputs that are no tensors: as declared */
    if (status == NN_OK) status = inspect_shapes(model, &shapes, out);
    nn_input_shapes_clear(&shapes);
    return status;
}
