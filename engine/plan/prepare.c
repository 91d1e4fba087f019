#include "engine/plan/prepare.h"

#include <stdarg.h>
#include <stdio.h>

/* The arena aligns to 16 bytes; state and packed constants hold vectors. */
static void *alloc_aligned(nn_arena *arena, size_t size) {
    if (size > SIZE_MAX - NN_ALIGNMENT) return NULL;
    char *memory = nn_arena_alloc(arena, size + NN_ALIGNMENT);
    if (memory == NULL) return NULL;
    const size_t before = -(uintptr_t)memory & (NN_ALIGNMENT - 1);
    nn_arena_forbid(memory + before + size, NN_ALIGNMENT - before);
    return memory + before;
}

void *nn_prepare_state(nn_prepare *prepare, size_t size) {
    prepare->state = alloc_aligned(prepare->arena, size);
    return prepare->state;
}

void nn_prepare_workspace(nn_prepare *prepare, size_t bytes) {
    prepare->workspace_bytes = bytes;
}

nn_layout nn_prepare_layout(const nn_prepare *prepare) {
    return prepare->layout;
}

int nn_prepare_variant(const nn_prepare *prepare) {
    return prepare->variant;
}

void nn_prepare_describe(nn_prepare *prepare, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prepare->description, sizeof prepare->description, format, arguments);
    va_end(arguments);
}

void nn_prepare_read(nn_prepare *prepare, uint32_t inputs) {
    prepare->packed_inputs |= inputs;
}

static bool room_grow(nn_prepare_room *room, size_t bytes) {
    if (room->bytes >= bytes) return true;
    nn_prepare_room_clear(room);
    room->data = nn_alloc(bytes);
    if (room->data == NULL) return false;
    room->bytes = bytes;
    return true;
}

void nn_prepare_room_clear(nn_prepare_room *room) {
    nn_free(room->data);
    *room = (nn_prepare_room){0};
}

nn_status nn_prepare_piece(nn_prepare *prepare, int input, int64_t begin, int64_t count,
                           const void **out) {
    const nn_tensor *constant = nn_view_constant(prepare->node, input);
    const size_t size = (size_t)nn_type_bits(constant->type) / 8;
    const nn_blob *blob = prepare->constants != NULL ? prepare->constants[input] : NULL;
    if (blob == NULL || constant != &blob->tensor) { /* or pinned */
        *out = (const char *)constant->data + (size_t)begin * size;
        return NN_OK;
    }
    const size_t bytes = count > 0 ? (size_t)count * size : size;
    if (!room_grow(prepare->room, bytes)) return nn_fail_memory(bytes);
    return nn_blob_read(blob, begin, count, prepare->room->data, out);
}

typedef struct pack_call {
    const nn_node_view *node;
    nn_pack_function pack;
    const void *argument;
} pack_call;

static nn_status call_pack(const void *argument, void *out) {
    const pack_call *call = argument;
    return call->pack(call->node, call->argument, out);
}

enum { MAX_PACKED_INPUTS = 32 };

static bool is_shared(const nn_prepare *prepare, uint32_t inputs) {
    if (prepare->weights == NULL) return false;
    for (int i = 0; i < MAX_PACKED_INPUTS && i < prepare->node->in_count; i++) {
        if ((inputs >> i & 1) && prepare->node->in[i] != NULL && prepare->blobs[i] == 0)
            return false;
    }
    return true;
}

static nn_status pack_shared(nn_prepare *prepare, uint32_t inputs, const char *variant,
                             size_t bytes, const pack_call *call, const void **out) {
    uint64_t blobs[MAX_PACKED_INPUTS];
    int count = 0;
    for (int i = 0; i < MAX_PACKED_INPUTS && i < prepare->node->in_count; i++) {
        if (inputs >> i & 1) blobs[count++] = prepare->blobs[i];
    }
    nn_weight_key key = {prepare->device, prepare->node->op, blobs, count, variant, bytes};
    const nn_weight *weight;
    NN_TRY(nn_weight_list_get(prepare->weights, &key, call_pack, call, &weight));
    *out = weight->data;
    return NN_OK;
}

/* Of constants that are no initialisers: under a key that nobody else has. */
static nn_status pack_on_device(nn_prepare *prepare, size_t bytes, const pack_call *call,
                                const void **out) {
    const uint64_t id = nn_weight_new_id();
    nn_weight_key key = {prepare->device, prepare->node->op, &id, 1, "", bytes};
    const nn_weight *weight;
    NN_TRY(nn_weight_list_get(prepare->weights, &key, call_pack, call, &weight));
    *out = weight->data;
    return NN_OK;
}

nn_status nn_prepare_pack(nn_prepare *prepare, uint32_t inputs, const char *variant, size_t bytes,
                          nn_pack_function pack, const void *argument, const void **out) {
    pack_call call = {prepare->node, pack, argument};
    if (is_shared(prepare, inputs)) {
        NN_TRY(pack_shared(prepare, inputs, variant, bytes, &call, out));
    } else if (prepare->device != NULL) {
        NN_TRY(pack_on_device(prepare, bytes, &call, out));
    } else {
        void *memory = alloc_aligned(prepare->arena, bytes);
        if (memory == NULL) return nn_fail_memory(bytes);
        NN_TRY(pack(prepare->node, argument, memory));
        *out = memory;
    }
    prepare->packed_inputs |= inputs;
    prepare->packed_bytes += (int64_t)bytes;
    if ((int64_t)bytes > prepare->largest_bytes) {
        prepare->largest = *out;
        prepare->largest_bytes = (int64_t)bytes;
    }
    return NN_OK;
}

void nn_prepare_clear(nn_prepare *prepare) {
    if (prepare->weights != NULL) nn_weight_list_clear(prepare->weights);
}

nn_status nn_run_node(const nn_node_view *node, const nn_kernel *kernel, const nn_target *target,
                      nn_pool *pool, const nn_tensor *const *in, nn_tensor *const *out) {
    nn_arena arena = {0};
    nn_prepare prepare = {.node = node, .arena = &arena, .layout = NN_LAYOUT_STANDARD};
    nn_call call = {.node = node,
                    .in_count = node->in_count,
                    .out_count = node->out_count,
                    .in = in,
                    .out = out,
                    .layout = NN_LAYOUT_STANDARD,
                    .pool = pool};
    nn_status status = NN_OK;
    if (kernel->prepare != NULL) NN_TRY_DONE(kernel->prepare(node, target, &prepare));
    if (prepare.workspace_bytes > 0) {
        call.workspace = nn_alloc(prepare.workspace_bytes);
        if (call.workspace == NULL) {
            status = nn_fail_memory(prepare.workspace_bytes);
            goto done;
        }
    }
    call.state = prepare.state;
    NN_TRY_DONE(kernel->run(&call));
done:
    nn_free(call.workspace);
    nn_arena_clear(&arena);
    return status;
}
