#include "ops/cuda/products/cudnn_plan.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_KNOBS = 24, MOST_PER_MODE = 32 };

static nn_status set_one(const nn_cudnn *cudnn, cudnnBackendDescriptor_t object,
                         cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                         const void *value, const char *what) {
    return nn_cudnn_check(cudnn, cudnn->BackendSetAttribute(object, name, type, 1, value), what);
}

static nn_status create(const nn_cudnn *cudnn, cudnnBackendDescriptorType_t type,
                        cudnnBackendDescriptor_t *out) {
    *out = NULL;
    return nn_cudnn_check(cudnn, cudnn->BackendCreateDescriptor(type, out), "descriptor");
}

static void destroy(const nn_cudnn *cudnn, cudnnBackendDescriptor_t object) {
    if (object != NULL) cudnn->BackendDestroyDescriptor(object);
}

/* ---- what an engine is ---- */

/* Bits of a list of notes, which are enumerations from 0 on. */
static nn_status read_notes(const nn_cudnn *cudnn, cudnnBackendDescriptor_t engine,
                            cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                            uint32_t *bits) {
    int values[32]; /* enumerations of C */
    int64_t count = 0;
    *bits = 0;
    NN_TRY(nn_cudnn_check(cudnn, cudnn->BackendGetAttribute(engine, name, type, 32, &count, values),
                          "notes of an engine"));
    for (int64_t i = 0; i < count && i < 32; i++)
        if (values[i] >= 0 && values[i] < 32) *bits |= 1u << values[i];
    return NN_OK;
}

static nn_status write_knobs(const nn_cudnn *cudnn, cudnnBackendDescriptor_t config,
                             nn_cudnn_engine *out) {
    cudnnBackendDescriptor_t knobs[MOST_KNOBS] = {NULL};
    int64_t count = 0;
    nn_status status = NN_OK;
    size_t used = strlen(out->text);
    for (int i = 0; i < MOST_KNOBS; i++)
        NN_TRY_DONE(create(cudnn, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, &knobs[i]));
    NN_TRY_DONE(nn_cudnn_check(cudnn,
                               cudnn->BackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                                          CUDNN_TYPE_BACKEND_DESCRIPTOR, MOST_KNOBS,
                                                          &count, knobs),
                               "knobs of an engine"));
    for (int64_t i = 0; i < count && i < MOST_KNOBS; i++) {
        cudnnBackendKnobType_t type;
        int64_t value, one;
        NN_TRY_DONE(
            nn_cudnn_check(cudnn,
                           cudnn->BackendGetAttribute(knobs[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE,
                                                      CUDNN_TYPE_KNOB_TYPE, 1, &one, &type),
                           "type of a knob"));
        NN_TRY_DONE(
            nn_cudnn_check(cudnn,
                           cudnn->BackendGetAttribute(knobs[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE,
                                                      CUDNN_TYPE_INT64, 1, &one, &value),
                           "value of a knob"));
        int length = snprintf(out->text + used, sizeof out->text - used, " %d=%lld", (int)type,
                              (long long)value);
        used += (size_t)length;
        if (used >= sizeof out->text)
            NN_TRY_DONE(nn_fail(NN_UNSUPPORTED, "cuDNN: an engine has too many knobs"));
    }
done:
    for (int i = 0; i < MOST_KNOBS; i++) destroy(cudnn, knobs[i]);
    return status;
}

static nn_status describe(const nn_cudnn *cudnn, cudnnBackendDescriptor_t config,
                          nn_cudnn_engine *out) {
    cudnnBackendDescriptor_t engine;
    int64_t count, index;
    nn_status status;
    NN_TRY_DONE(create(cudnn, CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine));
    NN_TRY_DONE(nn_cudnn_check(cudnn,
                               cudnn->BackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                                          CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
                                                          &engine),
                               "engine"));
    NN_TRY_DONE(nn_cudnn_check(cudnn,
                               cudnn->BackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX,
                                                          CUDNN_TYPE_INT64, 1, &count, &index),
                               "number of an engine"));
    *out = (nn_cudnn_engine){.text = ""};
    snprintf(out->text, sizeof out->text, "%lld", (long long)index);
    NN_TRY_DONE(read_notes(cudnn, engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                           CUDNN_TYPE_NUMERICAL_NOTE, &out->numerical_notes));
    NN_TRY_DONE(read_notes(cudnn, engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE,
                           &out->behaviour_notes));
    status = write_knobs(cudnn, config, out);
done:
    destroy(cudnn, engine);
    return status;
}

static bool is_allowed(const nn_cudnn_engine *engine, const nn_cudnn_rules *rules) {
#define NOTE(name) (1u << CUDNN_NUMERICAL_NOTE_##name)
    uint32_t forbidden = NOTE(REDUCED_PRECISION_REDUCTION) | NOTE(WINOGRAD_TILE_13x13);
    if (rules->precision == NN_PRECISION_FP32)
        forbidden |= NOTE(DOWN_CONVERT_INPUTS) | NOTE(TENSOR_CORE);
    if (rules->precision == NN_PRECISION_FP16 || rules->precision == NN_PRECISION_BF16)
        forbidden |= NOTE(WINOGRAD) | NOTE(FFT) | NOTE(WINOGRAD_TILE_4x4) | NOTE(WINOGRAD_TILE_6x6);
    if (rules->deterministic) forbidden |= NOTE(NONDETERMINISTIC);
#undef NOTE
    const uint32_t reordered = (1u << CUDNN_BEHAVIOR_NOTE_REQUIRES_FILTER_INT8x32_REORDER) |
                               (1u << CUDNN_BEHAVIOR_NOTE_REQUIRES_BIAS_INT8x32_REORDER);
    return (engine->numerical_notes & forbidden) == 0 && (engine->behaviour_notes & reordered) == 0;
}

/* ---- heuristics ---- */

typedef struct engine_list {
    nn_cudnn_engine *items;
    int count, limit;
} engine_list;

static void add_engine(const nn_cudnn_engine *engine, engine_list *list) {
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->items[i].text, engine->text) == 0) return;
    if (list->count < list->limit) list->items[list->count++] = *engine;
}

static nn_status start_heuristics(const nn_cudnn_graph *graph, cudnnBackendHeurMode_t mode,
                                  cudnnBackendDescriptor_t *out) {
    const nn_cudnn *cudnn = graph->place.cudnn;
    NN_TRY(create(cudnn, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, out));
    NN_TRY(set_one(cudnn, *out, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
                   CUDNN_TYPE_BACKEND_DESCRIPTOR, &graph->whole, "graph of heuristics"));
    NN_TRY(set_one(cudnn, *out, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, &mode,
                   "mode of heuristics"));
    if (graph->place.described != NULL)
        NN_TRY(set_one(cudnn, *out, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                       &graph->place.described, "device of heuristics"));
    return nn_cudnn_check(cudnn, cudnn->BackendFinalize(*out), "heuristics");
}

static nn_status ask(const nn_cudnn_graph *graph, cudnnBackendHeurMode_t mode,
                     const nn_cudnn_rules *rules, engine_list *list) {
    const nn_cudnn *cudnn = graph->place.cudnn;
    cudnnBackendDescriptor_t heuristics = NULL, configs[MOST_PER_MODE] = {NULL};
    int64_t count = 0;
    nn_status status;
    NN_TRY_DONE(start_heuristics(graph, mode, &heuristics));
    for (int i = 0; i < MOST_PER_MODE; i++)
        NN_TRY_DONE(create(cudnn, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &configs[i]));
    NN_TRY_DONE(nn_cudnn_check(cudnn,
                               cudnn->BackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                                          CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                                          MOST_PER_MODE, &count, configs),
                               "results of heuristics"));
    for (int64_t i = 0; i < count && i < MOST_PER_MODE; i++) {
        nn_cudnn_engine engine;
        nn_status described = describe(cudnn, configs[i], &engine);
        if (described == NN_NO_MEMORY) NN_TRY_DONE(described);
        if (described == NN_OK && is_allowed(&engine, rules)) add_engine(&engine, list);
    }
done:
    for (int i = 0; i < MOST_PER_MODE; i++) destroy(cudnn, configs[i]);
    destroy(cudnn, heuristics);
    return status;
}

nn_status nn_cudnn_engines(const nn_cudnn_graph *graph, const nn_cudnn_rules *rules,
                           nn_cudnn_engine *out, int limit, int *count) {
    static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B,
                                                   CUDNN_HEUR_MODE_FALLBACK};
    engine_list list = {out, 0, limit};
    nn_status status = NN_OK;
    for (int i = 0; i < 3; i++) {
        nn_status answer = ask(graph, modes[i], rules, &list);
        if (answer == NN_NO_MEMORY) return answer;
        if (answer != NN_OK) status = answer;
    }
    *count = list.count;
    if (list.count > 0) return NN_OK;
    return status != NN_OK ? status : nn_fail(NN_UNSUPPORTED, "cuDNN has no engine for this graph");
}

/* ---- plans ---- */

/* An engine's configuration and the parts that it was made of. */
typedef struct engine_parts {
    cudnnBackendDescriptor_t engine, config, knobs[MOST_KNOBS];
    int knob_count;
} engine_parts;

static nn_status make_knob(const nn_cudnn *cudnn, engine_parts *parts, int number, int64_t value) {
    const cudnnBackendKnobType_t type = (cudnnBackendKnobType_t)number;
    if (parts->knob_count == MOST_KNOBS)
        return nn_fail(NN_UNSUPPORTED, "cuDNN: an engine has too many knobs");
    cudnnBackendDescriptor_t *out = &parts->knobs[parts->knob_count];
    NN_TRY(create(cudnn, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, out));
    parts->knob_count++;
    NN_TRY(set_one(cudnn, *out, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, &type,
                   "type of a knob"));
    NN_TRY(set_one(cudnn, *out, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, &value,
                   "value of a knob"));
    return nn_cudnn_check(cudnn, cudnn->BackendFinalize(*out), "knob");
}

/* Numbers that a damaged cache may hold are refused by the engine itself. */
static nn_status read_engine(const nn_cudnn_graph *graph, const char *text, engine_parts *parts) {
    const nn_cudnn *cudnn = graph->place.cudnn;
    char *at;
    int64_t index = strtoll(text, &at, 10);
    if (at == text) return nn_fail(NN_BAD_INPUT, "cuDNN: '%s' names no engine", text);
    NN_TRY(create(cudnn, CUDNN_BACKEND_ENGINE_DESCRIPTOR, &parts->engine));
    NN_TRY(set_one(cudnn, parts->engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH,
                   CUDNN_TYPE_BACKEND_DESCRIPTOR, &graph->whole, "graph of an engine"));
    NN_TRY(set_one(cudnn, parts->engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, &index,
                   "number of an engine"));
    if (graph->place.described != NULL)
        NN_TRY(set_one(cudnn, parts->engine, CUDNN_ATTR_ENGINE_DEVICEPROP,
                       CUDNN_TYPE_BACKEND_DESCRIPTOR, &graph->place.described,
                       "device of an engine"));
    NN_TRY(nn_cudnn_check(cudnn, cudnn->BackendFinalize(parts->engine), "engine"));
    while (*at != '\0') {
        int knob, length = 0;
        long long value;
        if (sscanf(at, " %d=%lld%n", &knob, &value, &length) != 2 || length == 0)
            return nn_fail(NN_BAD_INPUT, "cuDNN: '%s' names no engine", text);
        NN_TRY(make_knob(cudnn, parts, knob, value));
        at += length;
    }
    return NN_OK;
}

static nn_status configure(const nn_cudnn_graph *graph, const char *text, engine_parts *parts) {
    const nn_cudnn *cudnn = graph->place.cudnn;
    NN_TRY(read_engine(graph, text, parts));
    NN_TRY(create(cudnn, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &parts->config));
    NN_TRY(set_one(cudnn, parts->config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                   &parts->engine, "configuration of an engine"));
    if (parts->knob_count > 0)
        NN_TRY(nn_cudnn_check(cudnn,
                              cudnn->BackendSetAttribute(
                                  parts->config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                  CUDNN_TYPE_BACKEND_DESCRIPTOR, parts->knob_count, parts->knobs),
                              "knobs of an engine"));
    return nn_cudnn_check(cudnn, cudnn->BackendFinalize(parts->config),
                          "configuration of an engine");
}

/* A plan's descriptor that says where it runs; the caller adds what it is made of. */
static nn_status start_plan(nn_cudnn_place place, nn_cudnn_plan *out) {
    const nn_cudnn *cudnn = place.cudnn;
    *out = (nn_cudnn_plan){.descriptor = NULL};
    NN_TRY(create(cudnn, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &out->descriptor));
    if (place.handle != NULL)
        NN_TRY(set_one(cudnn, out->descriptor, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE,
                       &place.handle, "handle of a plan"));
    if (place.described != NULL)
        NN_TRY(set_one(cudnn, out->descriptor, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP,
                       CUDNN_TYPE_BACKEND_DESCRIPTOR, &place.described, "device of a plan"));
    return NN_OK;
}

static nn_status finish_plan(const nn_cudnn *cudnn, const nn_cudnn_rules *rules,
                             nn_cudnn_plan *out) {
    int64_t workspace = 0, count;
    NN_TRY(nn_cudnn_check(cudnn, cudnn->BackendFinalize(out->descriptor), "plan"));
    NN_TRY(nn_cudnn_check(cudnn,
                          cudnn->BackendGetAttribute(out->descriptor,
                                                     CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                                     CUDNN_TYPE_INT64, 1, &count, &workspace),
                          "workspace of a plan"));
    if (workspace < 0) return nn_fail(NN_INTERNAL, "cuDNN: a plan has no size of workspace");
    out->workspace = (size_t)workspace;
    if (out->workspace > rules->most_workspace)
        return nn_fail(NN_UNSUPPORTED, "cuDNN: an engine needs %zu bytes of workspace, over %zu",
                       out->workspace, rules->most_workspace);
    return NN_OK;
}

nn_status nn_cudnn_plan_make(const nn_cudnn_graph *graph, const nn_cudnn_rules *rules,
                             const char *engine, nn_cudnn_plan *out) {
    const nn_cudnn *cudnn = graph->place.cudnn;
    engine_parts parts = {.knob_count = 0};
    nn_status status;
    *out = (nn_cudnn_plan){.descriptor = NULL};
    NN_TRY_DONE(configure(graph, engine, &parts));
    NN_TRY_DONE(start_plan(graph->place, out));
    NN_TRY_DONE(set_one(cudnn, out->descriptor, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                        CUDNN_TYPE_BACKEND_DESCRIPTOR, &parts.config, "engine of a plan"));
    NN_TRY_DONE(finish_plan(cudnn, rules, out));
done:
    if (status != NN_OK) nn_cudnn_plan_clear(cudnn, out);
    destroy(cudnn, parts.config);
    for (int i = 0; i < parts.knob_count; i++) destroy(cudnn, parts.knobs[i]);
    destroy(cudnn, parts.engine);
    return status;
}

/* ---- plans as text ---- */

nn_status nn_cudnn_plan_write(const nn_cudnn *cudnn, const nn_cudnn_plan *plan, char **out,
                              size_t *bytes) {
    static const cudnnBackendAttributeName_t name = CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION;
    int64_t size = 0, written = 0;
    NN_TRY(nn_cudnn_check(
        cudnn, cudnn->BackendGetAttribute(plan->descriptor, name, CUDNN_TYPE_CHAR, 0, &size, NULL),
        "size of a plan's text"));
    if (size <= 0) return nn_fail(NN_UNSUPPORTED, "cuDNN: a plan has no text");
    char *text = nn_alloc_zero((size_t)size + 1);
    if (text == NULL) return nn_fail_memory((size_t)size + 1);
    nn_status status = nn_cudnn_check(
        cudnn,
        cudnn->BackendGetAttribute(plan->descriptor, name, CUDNN_TYPE_CHAR, size, &written, text),
        "text of a plan");
    if (status == NN_OK && (written <= 0 || written > size))
        status = nn_fail(NN_INTERNAL, "cuDNN: a plan's text has changed its size");
    if (status != NN_OK) {
        nn_free(text);
        return status;
    }
    *out = text;
    *bytes = (size_t)written;
    return NN_OK;
}

nn_status nn_cudnn_plan_read(nn_cudnn_place place, const nn_cudnn_rules *rules, const char *text,
                             size_t bytes, nn_cudnn_plan *out) {
    const nn_cudnn *cudnn = place.cudnn;
    nn_status status;
    NN_TRY_DONE(start_plan(place, out));
    NN_TRY_DONE(nn_cudnn_check(
        cudnn,
        cudnn->BackendSetAttribute(out->descriptor, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                                   CUDNN_TYPE_CHAR, (int64_t)bytes, text),
        "text of a plan"));
    NN_TRY_DONE(finish_plan(cudnn, rules, out));
done:
    if (status != NN_OK) nn_cudnn_plan_clear(cudnn, out);
    return status;
}

void nn_cudnn_plan_clear(const nn_cudnn *cudnn, nn_cudnn_plan *plan) {
    destroy(cudnn, plan->descriptor);
    plan->descriptor = NULL;
}

/* Sessions share plans, which engines of cuDNN do not promise to be safe from several threads.
 * Recorded runs do not come here. */
static pthread_mutex_t execution = PTHREAD_MUTEX_INITIALIZER;

nn_status nn_cudnn_plan_run(const nn_cudnn *cudnn, cudnnHandle_t handle, const nn_cudnn_plan *plan,
                            int count, const int64_t *uids, void *const *pointers,
                            void *workspace) {
    cudnnBackendDescriptor_t pack;
    nn_status status;
    NN_TRY_DONE(create(cudnn, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack));
    NN_TRY_DONE(nn_cudnn_check(cudnn,
                               cudnn->BackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS,
                                                          CUDNN_TYPE_INT64, count, uids),
                               "names of operands"));
    NN_TRY_DONE(
        nn_cudnn_check(cudnn,
                       cudnn->BackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                                                  CUDNN_TYPE_VOID_PTR, count, pointers),
                       "operands"));
    NN_TRY_DONE(set_one(cudnn, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR,
                        &workspace, "workspace"));
    NN_TRY_DONE(nn_cudnn_check(cudnn, cudnn->BackendFinalize(pack), "operands"));
    pthread_mutex_lock(&execution);
    cudnnStatus_t result = cudnn->BackendExecute(handle, plan->descriptor, pack);
    pthread_mutex_unlock(&execution);
    status = nn_cudnn_check(cudnn, result, "execution of a plan");
done:
    destroy(cudnn, pack);
    return status;
}
