/* Plans of the double as text, and back. As with the real library a text is taken or refused as a
 * whole, and says nothing that the plan did not hold. */
#include "tests/cuda_emulator/libraries/cudnn_double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of a plan but its graph's place in the list. */
typedef struct plan_image {
    int64_t version, engine;
    int64_t knob_count, knob_types[MOST_KNOBS], knob_values[MOST_KNOBS];
    graph graph;
} plan_image;

static const char head[] = "{\"emulated plan\": \"", tail[] = "\"}";
enum {
    HEAD = sizeof head - 1,
    TAIL = sizeof tail - 1,
    TEXT = HEAD + 2 * sizeof(plan_image) + TAIL
};

cudnnStatus_t nn_double_write_plan(const descriptor *plan, int64_t limit, int64_t *count,
                                   char *out) {
    *count = TEXT;
    if (out == NULL || limit == 0) return CUDNN_STATUS_SUCCESS;
    if (limit < TEXT) return nn_double_fail(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, "text");
    plan_image *image = calloc(1, sizeof *image);
    char *text = malloc(TEXT + 1);
    if (image == NULL || text == NULL) nn_emulator_die("no memory for the text of a plan");
    image->version = CUDNN_VERSION;
    image->engine = plan->engine;
    image->knob_count = plan->knob_count;
    memcpy(image->knob_types, plan->knob_types, sizeof image->knob_types);
    memcpy(image->knob_values, plan->knob_values, sizeof image->knob_values);
    image->graph = *plan->graph;
    image->graph.next = NULL;
    memcpy(text, head, HEAD);
    for (size_t i = 0; i < sizeof *image; i++)
        snprintf(text + HEAD + 2 * i, 3, "%02x", ((const unsigned char *)image)[i]);
    memcpy(text + TEXT - TAIL, tail, TAIL);
    memcpy(out, text, TEXT);
    free(image);
    free(text);
    return CUDNN_STATUS_SUCCESS;
}

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_image(const attribute *text, plan_image *out) {
    const char *at = text->bytes;
    if (text->count != TEXT || memcmp(at, head, HEAD) != 0 ||
        memcmp(at + TEXT - TAIL, tail, TAIL) != 0)
        return false;
    at += HEAD;
    for (size_t i = 0; i < sizeof *out; i++, at += 2) {
        if (digit(at[0]) < 0 || digit(at[1]) < 0) return false;
        ((unsigned char *)out)[i] = (unsigned char)(digit(at[0]) * 16 + digit(at[1]));
    }
    return true;
}

static bool is_sound(const plan_image *image) {
    const graph *g = &image->graph;
    if (image->version != CUDNN_VERSION || image->knob_count < 0 ||
        image->knob_count > MOST_KNOBS || g->operation_count < 1 ||
        g->operation_count > MOST_OPERATIONS || g->tensor_count < 1 ||
        g->tensor_count > MOST_TENSORS)
        return false;
    for (int i = 0; i < g->operation_count; i++) {
        const operation *o = &g->operations[i];
        if (o->x < 0 || o->x >= g->tensor_count || o->b < -1 || o->b >= g->tensor_count ||
            o->y < 0 || o->y >= g->tensor_count)
            return false;
    }
    return nn_double_supports(g, image->engine);
}

cudnnStatus_t nn_double_read_plan(descriptor *plan, const attribute *text) {
    plan_image *image = calloc(1, sizeof *image);
    if (image == NULL) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    if (!read_image(text, image) || !is_sound(image)) {
        status = nn_double_fail(CUDNN_STATUS_BAD_PARAM, "this is no text of a plan");
    } else {
        plan->engine = image->engine;
        plan->knob_count = (int)image->knob_count;
        memcpy(plan->knob_types, image->knob_types, sizeof image->knob_types);
        memcpy(plan->knob_values, image->knob_values, sizeof image->knob_values);
        status = nn_double_keep_graph(&image->graph, &plan->graph);
    }
    free(image);
    return status;
}
