#include "optim/inputs.h"

#include "formats/dataset.h"

nn_status nn_random_inputs(nn_model *model, uint64_t seed, int64_t runs,
                           const nnopt_options *options, nn_dataset **out) {
    nnopt_options *selected = NULL;
    int64_t batch =
        nn_option_has(options, "batch") ? nn_option_int(options, &nn_options_dataset, "batch") : 1;
    NN_TRY(nn_options_select(options, &nn_options_dataset, &selected));
    nn_status status = nnopt_dataset_random(model, seed, runs * batch, selected, out);
    nnopt_options_destroy(selected);
    return status;
}

nn_status nn_check_same_inputs(const nn_model *first, const nn_model *other, const char *name) {
    const nn_graph *a = first->graph, *b = other->graph;
    bool same = a->input_count == b->input_count;
    for (int64_t i = 0; same && i < a->input_count; i++)
        same = strcmp(a->inputs[i]->name, b->inputs[i]->name) == 0;
    return same ? NN_OK
                : nn_fail(NN_USAGE,
                          "%s: its inputs are not those of the first model, so they "
                          "cannot share data",
                          name);
}
