/* Descriptors of the double: what can be set in which, when, and what must be. */
#include "tests/cuda_emulator/libraries/cudnn_double.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char last_error[256];

cudnnStatus_t nn_double_fail(cudnnStatus_t status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return status;
}

static cudnnStatus_t fail_as_wanted(void) {
    return nn_double_fail(CUDNN_STATUS_INTERNAL_ERROR, "a test wants this call to fail");
}

size_t cudnnGetVersion(void) {
    return CUDNN_VERSION;
}

const char *cudnnGetErrorString(cudnnStatus_t status) {
    static _Thread_local char text[48];
    snprintf(text, sizeof text, "emulated status %d", (int)status);
    return status == CUDNN_STATUS_SUCCESS ? "CUDNN_STATUS_SUCCESS" : text;
}

void cudnnGetLastErrorString(char *message, size_t size) {
    snprintf(message, size, "%s", last_error);
}

/* ---- handles ---- */

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle) {
    if (nn_emulator_call_fails()) return fail_as_wanted();
    void *memory;
    /* the real one allocates on the device, so a recording must allow it */
    if (cudaMalloc(&memory, 64) != cudaSuccess)
        return nn_double_fail(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED,
                              "memory of a handle");
    cudaFree(memory);
    *handle = calloc(1, sizeof **handle);
    return *handle != NULL ? CUDNN_STATUS_SUCCESS
                           : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
    free(handle);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
    if (nn_emulator_call_fails()) return fail_as_wanted();
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

/* ---- attributes ---- */

typedef struct rule {
    cudnnBackendDescriptorType_t owner;
    cudnnBackendAttributeName_t name;
    cudnnBackendAttributeType_t type;
    int64_t least, most; /* elements */
    bool is_required;
} rule;

#define PART CUDNN_TYPE_BACKEND_DESCRIPTOR
static const rule rules[] = {
#define RULE(owner, name, type, least, most, required)                                             \
    {CUDNN_BACKEND_##owner##_DESCRIPTOR, CUDNN_ATTR_##name, type, least, most, required},
    RULE(TENSOR, TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, 1,
         true) RULE(TENSOR, TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 3, MOST_AXES,
                    true) RULE(TENSOR, TENSOR_STRIDES, CUDNN_TYPE_INT64, 3, MOST_AXES,
                               true) RULE(TENSOR, TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, 1, true)
        RULE(TENSOR, TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, 1,
             true) RULE(TENSOR, TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, 1,
                        false) RULE(TENSOR, TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, 1, false)
            RULE(CONVOLUTION, CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, 1,
                 true) RULE(CONVOLUTION, CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, 1, true)
                RULE(CONVOLUTION, CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, 1,
                     true) RULE(CONVOLUTION, CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, 3, true)
                    RULE(CONVOLUTION, CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, 3, true) RULE(
                        CONVOLUTION, CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2,
                        3, true) RULE(CONVOLUTION, CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2,
                                      3, true) RULE(POINTWISE, POINTWISE_MODE,
                                                    CUDNN_TYPE_POINTWISE_MODE, 1, 1, true)
                        RULE(POINTWISE, POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, 1,
                             true) RULE(POINTWISE, POINTWISE_RELU_LOWER_CLIP, CUDNN_TYPE_DOUBLE,
                                        1, 1, false) RULE(POINTWISE, POINTWISE_RELU_UPPER_CLIP,
                                                          CUDNN_TYPE_DOUBLE, 1, 1, false)
                            RULE(POINTWISE, POINTWISE_RELU_LOWER_CLIP_SLOPE, CUDNN_TYPE_DOUBLE, 1,
                                 1, false) RULE(POINTWISE, POINTWISE_SWISH_BETA, CUDNN_TYPE_DOUBLE,
                                                1, 1, false)
#define CONVOLUTION_RULES(owner, names, x, y)                                                      \
    RULE(owner, names##_CONV_DESC, PART, 1, 1, true)                                               \
    RULE(owner, names##_##x, PART, 1, 1, true)                                                     \
    RULE(owner, names##_W, PART, 1, 1, true)                                                       \
    RULE(owner, names##_##y, PART, 1, 1, true)                                                     \
    RULE(owner, names##_ALPHA, CUDNN_TYPE_DOUBLE, 1, 1, true)                                      \
    RULE(owner, names##_BETA, CUDNN_TYPE_DOUBLE, 1, 1, true)
                                CONVOLUTION_RULES(
                                    OPERATION_CONVOLUTION_FORWARD, OPERATION_CONVOLUTION_FORWARD, X,
                                    Y) CONVOLUTION_RULES(OPERATION_CONVOLUTION_BACKWARD_DATA,
                                                         OPERATION_CONVOLUTION_BWD_DATA, DX,
                                                         DY) RULE(OPERATION_POINTWISE,
                                                                  OPERATION_POINTWISE_PW_DESCRIPTOR,
                                                                  PART, 1, 1, true)
                                    RULE(OPERATION_POINTWISE, OPERATION_POINTWISE_XDESC, PART, 1, 1,
                                         true) RULE(OPERATION_POINTWISE, OPERATION_POINTWISE_BDESC,
                                                    PART, 1, 1, false)
                                        RULE(OPERATION_POINTWISE, OPERATION_POINTWISE_YDESC, PART,
                                             1, 1, true) RULE(OPERATIONGRAPH, OPERATIONGRAPH_HANDLE,
                                                              CUDNN_TYPE_HANDLE, 1, 1, true)
                                            RULE(OPERATIONGRAPH, OPERATIONGRAPH_OPS, PART, 1,
                                                 MOST_OPERATIONS,
                                                 true) RULE(ENGINEHEUR, ENGINEHEUR_OPERATION_GRAPH,
                                                            PART,
                                                            1, 1, true) RULE(ENGINEHEUR,
                                                                             ENGINEHEUR_MODE,
                                                                             CUDNN_TYPE_HEUR_MODE,
                                                                             1, 1, true)
                                                RULE(ENGINE, ENGINE_OPERATION_GRAPH, PART, 1, 1,
                                                     true) RULE(ENGINE, ENGINE_GLOBAL_INDEX,
                                                                CUDNN_TYPE_INT64, 1, 1, true)
                                                    RULE(
                                                        KNOB_CHOICE,
                                                        KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE,
                                                        1, 1,
                                                        true) RULE(KNOB_CHOICE,
                                                                   KNOB_CHOICE_KNOB_VALUE,
                                                                   CUDNN_TYPE_INT64, 1, 1, true)
                                                        RULE(
                                                            ENGINECFG,
                                                            ENGINECFG_ENGINE,
                                                            PART, 1,
                                                            1, true) RULE(ENGINECFG,
                                                                          ENGINECFG_KNOB_CHOICES,
                                                                          PART, 1, MOST_KNOBS,
                                                                          false)
                                                            RULE(
                                                                EXECUTION_PLAN,
                                                                EXECUTION_PLAN_HANDLE,
                                                                CUDNN_TYPE_HANDLE, 1, 1,
                                                                true) RULE(EXECUTION_PLAN,
                                                                           EXECUTION_PLAN_ENGINE_CONFIG,
                                                                           PART, 1, 1, false)
                                                                RULE(
                                                                    EXECUTION_PLAN,
                                                                    EXECUTION_PLAN_JSON_REPRESENTATION,
                                                                    CUDNN_TYPE_CHAR, 1, 1 << 20,
                                                                    false) RULE(VARIANT_PACK,
                                                                                VARIANT_PACK_UNIQUE_IDS,
                                                                                CUDNN_TYPE_INT64,
                                                                                1, MOST_TENSORS,
                                                                                true)
                                                                    RULE(VARIANT_PACK,
                                                                         VARIANT_PACK_DATA_POINTERS,
                                                                         CUDNN_TYPE_VOID_PTR, 1,
                                                                         MOST_TENSORS, true)
                                                                        RULE(VARIANT_PACK,
                                                                             VARIANT_PACK_WORKSPACE,
                                                                             CUDNN_TYPE_VOID_PTR, 1,
                                                                             1, true)};
enum { RULES = sizeof rules / sizeof rules[0] };

static size_t element_bytes(cudnnBackendAttributeType_t type) {
    switch (type) {
    case CUDNN_TYPE_BOOLEAN:
        return sizeof(bool);
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
        return 8;
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
        return sizeof(void *);
    case CUDNN_TYPE_CHAR:
        return 1;
    default:
        return sizeof(int); /* enumerations */
    }
}

static const rule *find_rule(cudnnBackendDescriptorType_t owner, cudnnBackendAttributeName_t name) {
    for (int i = 0; i < RULES; i++)
        if (rules[i].owner == owner && rules[i].name == name) return &rules[i];
    return NULL;
}

const attribute *nn_double_find(const descriptor *from, cudnnBackendAttributeName_t name) {
    for (int i = 0; i < from->attribute_count; i++)
        if (from->attributes[i].name == name) return &from->attributes[i];
    return NULL;
}

descriptor *nn_double_part(const descriptor *from, cudnnBackendAttributeName_t name) {
    const attribute *found = nn_double_find(from, name);
    return found != NULL ? *(descriptor **)found->bytes : NULL;
}

static void drop(descriptor *d);

static void clear_attribute(attribute *a) {
    descriptor **parts = a->bytes;
    for (int64_t i = 0; a->type == CUDNN_TYPE_BACKEND_DESCRIPTOR && i < a->count; i++)
        drop(parts[i]);
    free(a->bytes);
}

static void drop(descriptor *d) {
    if (--d->references > 0) return;
    for (int i = 0; i < d->attribute_count; i++) clear_attribute(&d->attributes[i]);
    free(d);
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t *out) {
    if (nn_emulator_call_fails()) return fail_as_wanted();
    descriptor *made = calloc(1, sizeof *made);
    if (made == NULL) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    made->type = type;
    made->references = 1;
    *out = made;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t out) {
    if (out != NULL) drop(out);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t take_parts(const void *elements, int64_t count) {
    descriptor *const *parts = elements;
    for (int64_t i = 0; i < count; i++)
        if (parts[i] == NULL || !parts[i]->is_finalized)
            return nn_double_fail(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "part %d is not finalized",
                                  (int)i);
    for (int64_t i = 0; i < count; i++) parts[i]->references++;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t of,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count,
                                       const void *elements) {
    if (nn_emulator_call_fails()) return fail_as_wanted();
    descriptor *d = of;
    if (d == NULL || elements == NULL) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
    const rule *known = find_rule(d->type, name);
    if (known == NULL)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "descriptor %d has no attribute %d",
                              (int)d->type, (int)name);
    if (d->is_finalized)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "a finalized descriptor is changed");
    if (known->type != type || count < known->least || count > known->most)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE,
                              "attribute %d: type %d, %d elements", (int)name, (int)type,
                              (int)count);
    if (nn_double_find(d, name) != NULL)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "attribute %d is set twice", (int)name);
    if (d->attribute_count == MOST_ATTRIBUTES) nn_emulator_die("too many attributes for cuDNN");
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        cudnnStatus_t status = take_parts(elements, count);
        if (status != CUDNN_STATUS_SUCCESS) return status;
    }
    const size_t bytes = (size_t)count * element_bytes(type);
    attribute *made = &d->attributes[d->attribute_count++];
    *made = (attribute){name, type, count, malloc(bytes)};
    if (made->bytes == NULL) nn_emulator_die("no memory for an attribute");
    memcpy(made->bytes, elements, bytes);
    return CUDNN_STATUS_SUCCESS;
}

/* ---- finalizing ---- */

static cudnnStatus_t check_required(const descriptor *d) {
    for (int i = 0; i < RULES; i++)
        if (rules[i].owner == d->type && rules[i].is_required &&
            nn_double_find(d, rules[i].name) == NULL)
            return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "attribute %d is missing",
                                  (int)rules[i].name);
    return CUDNN_STATUS_SUCCESS;
}

static void share_graph(descriptor *d, const descriptor *from) {
    d->graph = from->graph;
    d->engine = from->engine;
    d->knob_count = from->knob_count;
    memcpy(d->knob_types, from->knob_types, sizeof d->knob_types);
    memcpy(d->knob_values, from->knob_values, sizeof d->knob_values);
}

static cudnnStatus_t finalize_engine(descriptor *d) {
    share_graph(d, nn_double_part(d, CUDNN_ATTR_ENGINE_OPERATION_GRAPH));
    d->engine = *(int64_t *)nn_double_find(d, CUDNN_ATTR_ENGINE_GLOBAL_INDEX)->bytes;
    return nn_double_supports(d->graph, d->engine)
               ? CUDNN_STATUS_SUCCESS
               : nn_double_fail(CUDNN_STATUS_NOT_SUPPORTED, "engine %d does not run this graph",
                                (int)d->engine);
}

static cudnnStatus_t finalize_config(descriptor *d) {
    const attribute *knobs = nn_double_find(d, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES);
    share_graph(d, nn_double_part(d, CUDNN_ATTR_ENGINECFG_ENGINE));
    for (int64_t i = 0; knobs != NULL && i < knobs->count; i++) {
        const descriptor *knob = ((descriptor **)knobs->bytes)[i];
        d->knob_types[d->knob_count] =
            *(int *)nn_double_find(knob, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE)->bytes;
        d->knob_values[d->knob_count++] =
            *(int64_t *)nn_double_find(knob, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE)->bytes;
    }
    return CUDNN_STATUS_SUCCESS;
}

static _Atomic int64_t made_plans;

int64_t nn_double_made_plans(void) {
    return made_plans;
}

static cudnnStatus_t finalize_plan(descriptor *d) {
    const descriptor *config = nn_double_part(d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
    const attribute *text = nn_double_find(d, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    if ((config == NULL) == (text == NULL))
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "a plan is of an engine or of a text");
    if (config != NULL) {
        share_graph(d, config);
        made_plans++;
    } else {
        status = nn_double_read_plan(d, text);
    }
    d->workspace = nn_double_workspace(d->engine);
    return status;
}

static cudnnStatus_t finalize_pack(const descriptor *d) {
    const attribute *uids = nn_double_find(d, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const attribute *pointers = nn_double_find(d, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    if (uids->count != pointers->count)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "as many pointers as names are needed");
    for (int64_t i = 0; i < uids->count; i++)
        for (int64_t j = 0; j < i; j++)
            if (((int64_t *)uids->bytes)[i] == ((int64_t *)uids->bytes)[j])
                return nn_double_fail(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES,
                                      "a tensor is named twice");
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t finalize(descriptor *d) {
    switch (d->type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
        return nn_double_check_tensor(d);
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
        return nn_double_check_window(d);
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
        return nn_double_check_operation(d);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
        return nn_double_make_graph(d, &d->graph);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
        share_graph(d, nn_double_part(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH));
        return CUDNN_STATUS_SUCCESS;
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
        return finalize_engine(d);
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
        return finalize_config(d);
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
        return finalize_plan(d);
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
        return finalize_pack(d);
    default:
        return CUDNN_STATUS_SUCCESS;
    }
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t of) {
    if (nn_emulator_call_fails()) return fail_as_wanted();
    descriptor *d = of;
    if (d->is_finalized) return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "finalized twice");
    cudnnStatus_t status = check_required(d);
    if (status == CUDNN_STATUS_SUCCESS) status = finalize(d);
    d->is_finalized = status == CUDNN_STATUS_SUCCESS;
    return status;
}

/* ---- what can be asked ---- */

static cudnnStatus_t get_engines(const descriptor *d, int64_t limit, int64_t *count,
                                 descriptor *const *out) {
    engine_choice choices[16];
    cudnnBackendHeurMode_t mode =
        *(cudnnBackendHeurMode_t *)nn_double_find(d, CUDNN_ATTR_ENGINEHEUR_MODE)->bytes;
    int found = nn_double_propose(d->graph, mode, choices, 16);
    *count = found < limit ? found : limit;
    for (int64_t i = 0; i < *count; i++) {
        if (out[i] == NULL || out[i]->type != CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)
            return nn_double_fail(CUDNN_STATUS_BAD_PARAM, "results need created descriptors");
        share_graph(out[i], d);
        out[i]->is_finalized = true;
        out[i]->engine = choices[i].engine;
        out[i]->knob_count = choices[i].knob_type >= 0 ? 1 : 0;
        out[i]->knob_types[0] = choices[i].knob_type;
        out[i]->knob_values[0] = choices[i].knob_value;
    }
    return found > 0 ? CUDNN_STATUS_SUCCESS
                     : nn_double_fail(CUDNN_STATUS_NOT_SUPPORTED, "no engine for this graph");
}

static cudnnStatus_t get_knobs(const descriptor *d, int64_t limit, int64_t *count,
                               descriptor *const *out) {
    *count = d->knob_count < limit ? d->knob_count : limit;
    for (int64_t i = 0; i < *count; i++) {
        out[i]->is_finalized = true;
        out[i]->knob_types[0] = d->knob_types[i];
        out[i]->knob_values[0] = d->knob_values[i];
    }
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t get_notes(const descriptor *d, int64_t limit, int64_t *count, int *out) {
    const uint32_t notes = nn_double_notes(d->engine);
    *count = 0;
    for (int i = 0; i < 32 && *count < limit; i++)
        if ((notes >> i & 1) != 0) out[(*count)++] = i;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const of,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t limit,
                                       int64_t *count, void *out) {
    if (nn_emulator_call_fails()) return fail_as_wanted();
    const descriptor *d = of;
    (void)type;
    if (!d->is_finalized)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
                              "what is asked is not finalized");
    *count = 1;
    switch (name) {
    case CUDNN_ATTR_ENGINEHEUR_RESULTS:
        return get_engines(d, limit, count, out);
    case CUDNN_ATTR_ENGINECFG_ENGINE: {
        descriptor *engine = *(descriptor **)out;
        share_graph(engine, d);
        engine->is_finalized = true;
        return CUDNN_STATUS_SUCCESS;
    }
    case CUDNN_ATTR_ENGINECFG_KNOB_CHOICES:
        return get_knobs(d, limit, count, out);
    case CUDNN_ATTR_ENGINE_GLOBAL_INDEX:
        *(int64_t *)out = d->engine;
        return CUDNN_STATUS_SUCCESS;
    case CUDNN_ATTR_ENGINE_NUMERICAL_NOTE:
        return get_notes(d, limit, count, out);
    case CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE:
        *count = nn_double_compiles(d->engine) ? 1 : 0;
        if (*count > 0) *(int *)out = CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
        return CUDNN_STATUS_SUCCESS;
    case CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE:
        *(int *)out = (int)d->knob_types[0];
        return CUDNN_STATUS_SUCCESS;
    case CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE:
        *(int64_t *)out = d->knob_values[0];
        return CUDNN_STATUS_SUCCESS;
    case CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION:
        return nn_double_write_plan(d, limit, count, out);
    case CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
        *(int64_t *)out = d->workspace;
        return CUDNN_STATUS_SUCCESS;
    default:
        nn_emulator_die("the double of cuDNN does not tell attribute %d", (int)name);
    }
}

/* ---- execution ---- */

static cudnnStatus_t find_operand(const descriptor *pack, const tensor *t, void **out) {
    const attribute *uids = nn_double_find(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const attribute *pointers = nn_double_find(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    for (int64_t i = 0; i < uids->count; i++)
        if (((int64_t *)uids->bytes)[i] == t->uid) *out = ((void **)pointers->bytes)[i];
    if (*out == NULL)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no pointer for tensor %d",
                              (int)t->uid);
    if ((uintptr_t)*out % (uintptr_t)t->alignment != 0)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER, "tensor %d lies at %p",
                              (int)t->uid, *out);
    const size_t bytes = (size_t)(t->count * nn_double_size_of(t->type));
    if (!t->is_by_value && !nn_emulator_is_device_memory(*out, bytes))
        nn_emulator_die("cuDNN: tensor %d, %zu bytes at %p, is not inside a block of the device",
                        (int)t->uid, bytes, *out);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t of,
                                  cudnnBackendDescriptor_t with) {
    if (nn_emulator_call_fails()) return fail_as_wanted();
    const descriptor *plan = of, *pack = with;
    execution work = {.graph = plan->graph, .engine = plan->engine};
    if (!plan->is_finalized || !pack->is_finalized)
        return nn_double_fail(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "plan or operands");
    for (int i = 0; i < plan->graph->tensor_count; i++) {
        const tensor *t = &plan->graph->tensors[i];
        if (t->is_virtual) continue;
        cudnnStatus_t status = find_operand(pack, t, &work.pointers[i]);
        if (status != CUDNN_STATUS_SUCCESS) return status;
        if (t->is_by_value) work.numbers[i] = *(float *)work.pointers[i];
    }
    work.workspace = *(void **)nn_double_find(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE)->bytes;
    work.workspace_bytes = plan->workspace;
    if (plan->workspace > 0 &&
        !nn_emulator_is_device_memory(work.workspace, (size_t)plan->workspace))
        nn_emulator_die("cuDNN: workspace of %d bytes at %p is not inside a block of the device",
                        (int)plan->workspace, work.workspace);
    return nn_emulator_submit(handle->stream, nn_double_execute, &work, sizeof work) == cudaSuccess
               ? CUDNN_STATUS_SUCCESS
               : nn_double_fail(CUDNN_STATUS_EXECUTION_FAILED_CUDART, "stream");
}
