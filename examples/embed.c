/* Runs an ONNX model from C on inputs of zeros, and prints each output's name and first values.
 *
 *     cc embed.c $(pkg-config --cflags --libs nnopt) -o embed && ./embed model.onnx
 */
#include <nnopt.h>

#include <stdio.h>
#include <stdlib.h>

/* Prints what the library says of a failure; true when there was one. */
static bool failed(nnopt_status status) {
    if (status == NNOPT_OK) return false;
    fprintf(stderr, "embed: %s\n", nnopt_last_error());
    return true;
}

/* An input of zeros: dimensions that the model leaves open become 1. */
static nnopt_tensor zeros_for(const nnopt_value_info *info) {
    nnopt_tensor tensor = {.type = info->type, .rank = info->rank};
    for (int i = 0; i < info->rank; i++) tensor.dims[i] = info->dims[i] >= 0 ? info->dims[i] : 1;
    tensor.data = calloc(1, (size_t)nnopt_tensor_bytes(&tensor));
    return tensor;
}

static void print_output(const char *name, const nnopt_tensor *output) {
    printf("%s (%s):", name, nnopt_type_name(output->type));
    int64_t count = nnopt_tensor_count(output);
    if (output->type == NNOPT_FLOAT)
        for (int64_t i = 0; i < count && i < 8; i++) printf(" %g", ((const float *)output->data)[i]);
    printf("%s\n", count > 8 ? " ..." : "");
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: embed MODEL.onnx\n");
        return 2;
    }

    nnopt_model *model = NULL;
    if (failed(nnopt_model_load(argv[1], &model))) return 2;

    nnopt_session *session = NULL;
    if (failed(nnopt_session_create(model, NULL, &session))) {
        nnopt_model_destroy(model);
        return 2;
    }

    size_t input_count = nnopt_model_input_count(model);
    size_t output_count = nnopt_model_output_count(model);
    nnopt_tensor *inputs = calloc(input_count, sizeof *inputs);
    nnopt_tensor *outputs = calloc(output_count, sizeof *outputs);
    for (size_t i = 0; i < input_count; i++) {
        nnopt_value_info info;
        nnopt_model_input(model, i, &info);
        inputs[i] = zeros_for(&info);
    }

    bool error = failed(nnopt_session_run(session, inputs, input_count, outputs));
    for (size_t i = 0; !error && i < output_count; i++) {
        nnopt_value_info info;
        nnopt_model_output(model, i, &info);
        print_output(info.name, &outputs[i]);
    }

    for (size_t i = 0; i < input_count; i++) free(inputs[i].data);
    free(inputs);
    free(outputs); /* the tensors in it belong to the session */
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
    return error ? 2 : 0;
}
