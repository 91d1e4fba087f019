/* One test case. */
#include "base/file.h"
#include "engine/run/session.h"
#include "formats/compare.h"
#include "formats/onnx_test.h"
#include "formats/tensor_pb.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct tolerance {
    double rtol, atol;
} tolerance;

/* ---- tolerance.json ---- */

static nn_status read_number(const cJSON *object, const char *key, double *out) {
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, key);
    if (number == NULL) return NN_OK;
    if (!cJSON_IsNumber(number) || !(number->valuedouble >= 0) || isinf(number->valuedouble))
        return nn_fail(NN_BAD_INPUT, "tolerance.json: '%s' is no tolerance", key);
    *out = number->valuedouble;
    return NN_OK;
}

static nn_status read_tolerance(const char *folder, const nnopt_options *options, tolerance *out) {
    out->rtol = nn_option_number(options, &nn_options_test, "rtol");
    out->atol = nn_option_number(options, &nn_options_test, "atol");
    char *path = nn_format("%s/tolerance.json", folder), *text;
    size_t size;
    if (path == NULL) return nn_fail_memory(strlen(folder));
    nn_status status = NN_OK;
    if (access(path, F_OK) == 0) {
        status = nn_file_read(path, 1 << 20, &text, &size);
        if (status == NN_OK) {
            cJSON *json = cJSON_ParseWithLength(text, size);
            status = cJSON_IsObject(json)
                         ? read_number(json, "rtol", &out->rtol)
                         : nn_fail(NN_BAD_INPUT, "tolerance.json is no JSON object");
            if (status == NN_OK) status = read_number(json, "atol", &out->atol);
            cJSON_Delete(json);
            nn_free(text);
        }
    }
    nn_free(path);
    return status;
}

/* ---- data ---- */

/* Files PREFIX0.pb, PREFIX1.pb, ... as aligned blobs. */
typedef struct tensor_files {
    nn_blob **blobs;
    nn_tensor *tensors;
    int64_t count, capacity, tensor_capacity;
} tensor_files;

static void clear_files(tensor_files *files) {
    for (int64_t i = 0; i < files->count; i++) nn_blob_release(files->blobs[i]);
    nn_free(files->blobs);
    nn_free(files->tensors);
    *files = (tensor_files){0};
}

/* `values`: what the model declares of them. */
static nn_status load_files(const char *folder, const char *prefix, nn_value *const *values,
                            int64_t value_count, bool adds_axes, tensor_files *out) {
    for (;;) {
        char *path = nn_format("%s/%s_%lld.pb", folder, prefix, (long long)out->count);
        if (path == NULL) return nn_fail_memory(strlen(folder));
        bool exists = access(path, F_OK) == 0;
        nn_blob *blob = NULL;
        nn_fact declared =
            out->count < value_count ? values[out->count]->declared : nn_fact_unknown();
        int rank = adds_axes ? declared.rank : NN_RANK_UNKNOWN;
        nn_status status =
            exists ? nn_tensor_pb_load_aligned(path, declared.type, rank, &blob) : NN_OK;
        nn_free(path);
        if (status != NN_OK || !exists) return status;
        if (!NN_GROW(out->blobs, out->count, out->capacity) ||
            !NN_GROW(out->tensors, out->count, out->tensor_capacity)) {
            nn_blob_release(blob);
            return nn_fail_memory(sizeof *out->tensors);
        }
        out->tensors[out->count] = blob->tensor;
        out->blobs[out->count++] = blob;
    }
}

static nn_status compare_all(const nn_model *model, const tensor_files *expected,
                             const nn_tensor *actual, tolerance allowed) {
    for (int64_t i = 0; i < expected->count; i++) {
        nn_status status =
            nn_tensor_compare(&expected->tensors[i], &actual[i], allowed.rtol, allowed.atol);
        if (status != NN_OK)
            return nn_fail_context(status, "output '%s'", model->graph->outputs[i]->name);
    }
    return NN_OK;
}

static nn_status check_counts(const nn_model *model, const tensor_files *inputs,
                              const tensor_files *expected) {
    const nn_graph *graph = model->graph;
    if (inputs->count != graph->input_count)
        return nn_fail(NN_BAD_INPUT, "%lld input files, the model has %lld inputs",
                       (long long)inputs->count, (long long)graph->input_count);
    if (expected->count != graph->output_count)
        return nn_fail(NN_BAD_INPUT, "%lld output files, the model has %lld outputs",
                       (long long)expected->count, (long long)graph->output_count);
    return NN_OK;
}

static nn_status run_set(nn_session *session, const nn_model *model, const char *folder,
                         tolerance allowed) {
    const nn_graph *graph = model->graph;
    tensor_files inputs = {0}, expected = {0};
    size_t bytes = (size_t)(model->graph->output_count + 1) * sizeof(nn_tensor);
    nn_tensor *results = nn_alloc_zero(bytes);
    nn_status status = results != NULL ? NN_OK : nn_fail_memory(bytes);
    if (status == NN_OK)
        status = load_files(folder, "input", graph->inputs, graph->input_count, true, &inputs);
    if (status == NN_OK)
        status =
            load_files(folder, "output", graph->outputs, graph->output_count, false, &expected);
    if (status == NN_OK) status = check_counts(model, &inputs, &expected);
    if (status == NN_OK)
        status = nnopt_session_run(session, inputs.tensors, (size_t)inputs.count, results);
    if (status == NN_OK) status = compare_all(model, &expected, results, allowed);
    clear_files(&inputs);
    clear_files(&expected);
    nn_free(results);
    return status;
}

/* ---- the case ---- */

static int is_data_set(const struct dirent *entry) {
    return strncmp(entry->d_name, "test_data_set_", strlen("test_data_set_")) == 0;
}

static nn_status session_options(const nnopt_options *options, nnopt_options **out) {
    static const char *const names[] = {"device", "threads", "precision"};
    NN_TRY(nnopt_options_create(out));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = nn_option_text(options, &nn_options_test, names[i]);
        nn_status status = value != NULL ? nnopt_options_set(*out, names[i], value) : NN_OK;
        if (status != NN_OK) {
            nnopt_options_destroy(*out);
            return status;
        }
    }
    return NN_OK;
}

static nn_status open_session(const char *folder, const nnopt_options *options, nn_model **model,
                              nn_session **session) {
    char *path = nn_format("%s/model.onnx", folder);
    if (path == NULL) return nn_fail_memory(strlen(folder));
    nn_status status = nnopt_model_load(path, model);
    nn_free(path);
    NN_TRY(status);
    nnopt_options *chosen;
    NN_TRY(session_options(options, &chosen));
    status = nnopt_session_create(*model, chosen, session);
    nnopt_options_destroy(chosen);
    return status;
}

static nn_status run_sets(const char *folder, struct dirent **sets, int count,
                          const nnopt_options *options) {
    nn_model *model = NULL;
    nn_session *session = NULL;
    tolerance allowed;
    nn_status status = read_tolerance(folder, options, &allowed);
    if (status == NN_OK) status = open_session(folder, options, &model, &session);
    for (int i = 0; i < count && status == NN_OK; i++) {
        char *set = nn_format("%s/%s", folder, sets[i]->d_name);
        status =
            set != NULL ? run_set(session, model, set, allowed) : nn_fail_memory(strlen(folder));
        if (status != NN_OK) nn_fail_context(status, "%s", sets[i]->d_name);
        nn_free(set);
    }
    nnopt_session_destroy(session);
    nnopt_model_destroy(model);
    return status;
}

nn_status nn_test_case_run(const nn_test_case *test, const nnopt_options *options, bool *skipped) {
    struct dirent **sets;
    *skipped = false;
    int count = scandir(test->folder, &sets, is_data_set, alphasort);
    if (count < 0) return nn_fail(NN_IO, "cannot read '%s': %s", test->folder, strerror(errno));
    nn_status status = NN_OK;
    if (count == 0) {
        *skipped = true;
        status = nn_fail(NN_BAD_INPUT, "no test_data_set_N beside the model");
    } else {
        status = run_sets(test->folder, sets, count, options);
    }
    for (int i = 0; i < count; i++) free(sets[i]);
    free(sets);
    return status;
}
