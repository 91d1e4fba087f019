#include "ops/cuda/runtime/fault.h"

#include "ops/cuda/runtime/queue.h"

#include <stdio.h>

/* Codes count from 1: code i is texts[i - 1]. Nodes share a code when they say the same, so the
 * list ends with the nodes of the plans that the queue runs. */
struct nn_cuda_faults {
    int32_t *flag; /* mapped host memory: reading it costs no copy */
    char **texts;
    int32_t count, room;
};

enum { MOST_TEXT = 300 };

nn_status nn_cuda_faults_create(nn_cuda_faults **out) {
    nn_cuda_faults *faults = nn_alloc_zero(sizeof *faults);
    if (faults == NULL) return nn_fail_memory(sizeof *faults);
    nn_status status = nn_cuda_check(
        cudaHostAlloc((void **)&faults->flag, sizeof *faults->flag, cudaHostAllocMapped),
        "allocate a word of host memory");
    if (status != NN_OK) {
        nn_free(faults);
        return status;
    }
    *faults->flag = 0;
    *out = faults;
    return NN_OK;
}

void nn_cuda_faults_destroy(nn_cuda_faults *faults) {
    if (faults == NULL) return;
    (void)cudaFreeHost(faults->flag);
    for (int32_t i = 0; i < faults->count; i++) nn_free(faults->texts[i]);
    nn_free(faults->texts);
    nn_free(faults);
}

nn_status nn_cuda_faults_check(nn_cuda_faults *faults) {
    volatile int32_t *flag = faults->flag;
    const int32_t code = *flag;
    if (code == 0) return NN_OK;
    *flag = 0;
    const bool known = code > 0 && code <= faults->count;
    return nn_fail(NN_BAD_INPUT, "%s", known ? faults->texts[code - 1] : "a kernel found a fault");
}

static nn_status make_room(nn_cuda_faults *faults) {
    if (faults->count < faults->room) return NN_OK;
    const int32_t room = faults->room == 0 ? 16 : 2 * faults->room;
    const size_t bytes = (size_t)room * sizeof *faults->texts;
    char **texts = nn_alloc(bytes);
    if (texts == NULL) return nn_fail_memory(bytes);
    for (int32_t i = 0; i < faults->count; i++) texts[i] = faults->texts[i];
    nn_free(faults->texts);
    faults->texts = texts;
    faults->room = room;
    return NN_OK;
}

nn_status nn_cuda_fault_make(const nn_call *call, const char *rule, nn_cuda_fault *out) {
    nn_cuda_faults *faults = call->queue->faults;
    char text[MOST_TEXT];
    snprintf(text, sizeof text, "node '%s' (%s): %s", call->node->name, call->node->op->name, rule);
    out->flag = faults->flag;
    for (int32_t i = 0; i < faults->count; i++)
        if (strcmp(faults->texts[i], text) == 0) {
            out->code = i + 1;
            return NN_OK;
        }
    NN_TRY(make_room(faults));
    const size_t bytes = strlen(text) + 1;
    char *own = nn_alloc(bytes);
    if (own == NULL) return nn_fail_memory(bytes);
    memcpy(own, text, bytes);
    faults->texts[faults->count++] = own;
    out->code = faults->count;
    return NN_OK;
}
