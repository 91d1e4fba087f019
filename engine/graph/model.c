#include "engine/graph/model.h"
#include "engine/plan/weight_cache.h"

#include <stdatomic.h>

/* ---- life ---- */

static void destroy(nn_model *model) {
    nn_weight_cache_destroy(model->weights);
    nn_graph_destroy(model->graph);
    nn_arena_clear(&model->arena);
    nn_free(model);
}

nn_status nn_model_create(nn_graph *graph, nn_model **out) {
    nn_model *model = nn_alloc_zero(sizeof *model);
    if (model == NULL) {
        nn_graph_destroy(graph);
        return nn_fail_memory(sizeof *model);
    }
    atomic_init(&model->references, 1);
    model->graph = graph;
    model->path = model->producer_name = model->producer_version = "";
    model->domain = model->doc = "";
    nn_status status = nn_weight_cache_create(&model->weights);
    if (status != NN_OK) {
        destroy(model);
        return status;
    }
    *out = model;
    return NN_OK;
}

nn_model *nn_model_retain(nn_model *model) {
    atomic_fetch_add(&model->references, 1);
    return model;
}

void nnopt_model_destroy(nnopt_model *model) {
    if (model != NULL && atomic_fetch_sub(&model->references, 1) == 1) destroy(model);
}

static nn_status copy_text(nn_model *model, const char *text, const char **out) {
    *out = nn_arena_strdup(&model->arena, text);
    return *out != NULL ? NN_OK : nn_fail_memory(strlen(text) + 1);
}

static nn_status copy_texts(const nn_model *from, nn_model *to) {
    to->ir_version = from->ir_version;
    to->model_version = from->model_version;
    NN_TRY(copy_text(to, from->path, &to->path));
    NN_TRY(copy_text(to, from->producer_name, &to->producer_name));
    NN_TRY(copy_text(to, from->producer_version, &to->producer_version));
    NN_TRY(copy_text(to, from->domain, &to->domain));
    NN_TRY(copy_text(to, from->doc, &to->doc));
    for (int64_t i = 0; i < from->metadata_count; i++)
        NN_TRY(nn_model_set_metadata(to, from->metadata[i].key, from->metadata[i].value));
    if (from->unknown_size == 0) return NN_OK;
    to->unknown_fields = nn_arena_copy(&to->arena, from->unknown_fields, from->unknown_size);
    to->unknown_size = from->unknown_size;
    return to->unknown_fields != NULL ? NN_OK : nn_fail_memory(from->unknown_size);
}

nn_status nn_model_derive(const nn_model *model, nn_model **out) {
    nn_graph *graph;
    nn_model *derived;
    NN_TRY(nn_graph_clone(model->graph, &graph));
    NN_TRY(nn_model_create(graph, &derived));
    nn_status status = copy_texts(model, derived);
    if (status != NN_OK) {
        destroy(derived);
        return status;
    }
    *out = derived;
    return NN_OK;
}

/* ---- metadata ---- */

enum { MAX_METADATA = 4096 }; /* the list is searched for every key */

static nn_metadata *find_metadata(const nn_model *model, const char *key) {
    for (int64_t i = 0; i < model->metadata_count; i++)
        if (strcmp(model->metadata[i].key, key) == 0) return &model->metadata[i];
    return NULL;
}

nn_status nn_model_set_metadata(nn_model *model, const char *key, const char *value) {
    const char *copy;
    NN_TRY(copy_text(model, value, &copy));
    nn_metadata *entry = find_metadata(model, key);
    if (entry != NULL) {
        entry->value = copy;
        return NN_OK;
    }
    int64_t count = model->metadata_count;
    if (count >= MAX_METADATA)
        return nn_fail(NN_BAD_INPUT, "more than %d metadata entries", (int)MAX_METADATA);
    if ((count & (count - 1)) == 0) {
        size_t bytes = (size_t)(count == 0 ? 1 : 2 * count) * sizeof(nn_metadata);
        nn_metadata *grown = nn_arena_alloc(&model->arena, bytes);
        if (grown == NULL) return nn_fail_memory(bytes);
        if (count > 0) memcpy(grown, model->metadata, (size_t)count * sizeof *grown);
        model->metadata = grown;
    }
    const char *name;
    NN_TRY(copy_text(model, key, &name));
    model->metadata[model->metadata_count++] = (nn_metadata){name, copy};
    return NN_OK;
}

const char *nn_model_get_metadata(const nn_model *model, const char *key) {
    const nn_metadata *entry = find_metadata(model, key);
    return entry != NULL ? entry->value : NULL;
}

const char *nnopt_model_metadata(const nnopt_model *model, const char *key) {
    return nn_model_get_metadata(model, key);
}

/* ---- inputs, outputs, size ---- */

size_t nnopt_model_input_count(const nnopt_model *model) {
    return (size_t)model->graph->input_count;
}

size_t nnopt_model_output_count(const nnopt_model *model) {
    return (size_t)model->graph->output_count;
}

static void describe(const nn_graph *graph, const nn_value *value, nnopt_value_info *out) {
    *out = (nnopt_value_info){.name = value->name,
                              .type = value->fact.type,
                              .rank = value->fact.rank < 0 ? -1 : value->fact.rank};
    for (int i = 0; i < value->fact.rank; i++) {
        int64_t dim = value->fact.dims[i];
        out->dims[i] = nn_dim_is_known(dim) ? dim : -1;
        out->symbols[i] = nn_graph_symbol_name(graph, dim);
    }
}

void nnopt_model_input(const nnopt_model *model, size_t index, nnopt_value_info *out) {
    describe(model->graph, model->graph->inputs[index], out);
}

void nnopt_model_output(const nnopt_model *model, size_t index, nnopt_value_info *out) {
    describe(model->graph, model->graph->outputs[index], out);
}

typedef struct parameter_sum {
    int64_t elements, bytes;
} parameter_sum;

static void add_tensor(const nn_blob *blob, parameter_sum *sum) {
    sum->elements += nn_tensor_count(&blob->tensor);
    sum->bytes += nn_tensor_bytes(&blob->tensor);
}

static void add_graph(const nn_graph *graph, parameter_sum *sum) {
    for (int64_t i = 0; i < graph->value_count; i++)
        if (graph->values[i]->initializer != NULL) add_tensor(graph->values[i]->initializer, sum);
    for (int64_t i = 0; i < graph->node_count; i++) {
        const nn_attrs *attrs = &graph->nodes[i]->attrs;
        for (int64_t k = 0; k < attrs->count; k++) {
            if (attrs->items[k].kind == NN_ATTR_TENSOR &&
                nn_type_is_float(attrs->items[k].tensor->tensor.type))
                add_tensor(attrs->items[k].tensor, sum);
            if (attrs->items[k].kind == NN_ATTR_GRAPH) add_graph(attrs->items[k].graph, sum);
        }
    }
}

int64_t nn_model_parameters(const nn_model *model) {
    parameter_sum sum = {0};
    add_graph(model->graph, &sum);
    return sum.elements;
}

int64_t nn_model_parameter_bytes(const nn_model *model) {
    parameter_sum sum = {0};
    add_graph(model->graph, &sum);
    return sum.bytes;
}
