/* What is known of a step before it is timed: names, shapes, work, and the time the roofline
 * allows. */
#include "engine/measure/profile_parts.h"

#include "ops/plan/transfer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_int8_type(nn_type type) {
    return type == NNOPT_INT8 || type == NNOPT_UINT8;
}

/* int8 by the type of the first operands, bf16 where the kernel says so. */
static nn_arithmetic arithmetic_of(const nn_step_info *step) {
    const nn_fact *first = nn_view_in(step->node, 0);
    if (first != NULL && is_int8_type(first->type)) return NN_ARITHMETIC_INT8;
    bool is_bf16 = step->kernel != NULL && step->kernel->precision == NN_PRECISION_BF16;
    return is_bf16 ? NN_ARITHMETIC_BF16 : NN_ARITHMETIC_FLOAT;
}

static nn_op_kind kind_of(const nn_step_info *step) {
    const nn_op_kind kind = nn_op_kind_of(step->node->op);
    const bool is_depthwise = kind == NN_KIND_CONVOLUTION && step->kernel != NULL &&
                              step->node->op != &nn_op_depthwise_block &&
                              strstr(step->kernel->name, "depthwise") != NULL;
    return is_depthwise ? NN_KIND_DEPTHWISE : kind;
}

static const char *shape_text(nn_arena *arena, const nn_node_view *node) {
    char from[256] = "", to[256] = "", text[600];
    const nn_fact *in = nn_view_in(node, 0), *out = node->out_count > 0 ? node->out[0] : NULL;
    if (in != NULL) nn_dims_text(in->dims, in->rank, from, sizeof from);
    if (out != NULL) nn_dims_text(out->dims, out->rank, to, sizeof to);
    if (in != NULL && out != NULL && strcmp(from, to) == 0)
        snprintf(text, sizeof text, "%s", from);
    else
        snprintf(text, sizeof text, "%s%s%s", from, in != NULL && out != NULL ? " -> " : "", to);
    return nn_arena_strdup(arena, text);
}

/* Bytes of constants that a step reads, as they are or packed. */
static double weight_bytes(const nn_step_info *step) {
    if (step->packed_bytes > 0) return (double)step->packed_bytes;
    double bytes = 0;
    for (int i = 0; i < step->node->in_count; i++) {
        const nn_tensor *constant = nn_view_constant(step->node, i);
        if (constant != NULL) bytes += (double)nn_tensor_bytes(constant);
    }
    return bytes;
}

static double seconds_at(double amount, double per_second) {
    return amount > 0 && per_second > 0 ? amount / per_second : 0;
}

/* Operands of 16 bits in rows of a multiple of 16 bytes, or 8 bits in rows of as much. */
static bool is_aligned(const nn_fact *fact, bool is_map) {
    if (fact == NULL || fact->rank < 2) return true;
    const int64_t row = fact->dims[is_map ? 1 : fact->rank - 1];
    return row * nn_type_bits(fact->type) % 128 == 0;
}

/* Own kernels that use them say so in their names. */
static const char *without_tensor_cores(const nn_step_info *step, const char *arithmetic) {
    const char *kernel = step->kernel->name;
    const size_t length = strlen(kernel);
    const bool is_map = step->layout == NN_LAYOUT_CHANNELS_LAST;
    if (step->cost.macs == 0 || strstr(kernel, "_tensor_") != NULL) return NULL;
    if (strcmp(arithmetic, "fp32") == 0) return "type";
    if (length > 5 && strcmp(kernel + length - 5, "_cuda") == 0) return "kernel";
    if (!is_aligned(nn_view_in(step->node, 0), is_map) || !is_aligned(step->node->out[0], is_map))
        return "alignment";
    return NULL;
}

/* Everything comes from the device's memory once, copies over the bus. */
static void bound_on_device(const nn_profile *profile, const nn_step_info *step,
                            nn_profile_row *row) {
    const nn_device_roofline *roofline = &profile->device_roofline;
    row->without_tensor_cores = without_tensor_cores(step, row->device_arithmetic);
    const double bytes = step->cost.bytes_read + step->cost.bytes_written;
    if (row->is_copy) {
        const bool goes_up = ((const nn_transfer_attrs *)step->node->attrs)->to_device;
        row->memory_seconds =
            seconds_at(step->cost.bytes_read,
                       nn_device_roofline_rate(roofline, goes_up ? "upload" : "download"));
    } else {
        row->memory_seconds = seconds_at(bytes, nn_device_roofline_rate(roofline, "memory"));
        row->compute_seconds =
            seconds_at(step->cost.flops, nn_device_roofline_rate(roofline, row->device_arithmetic));
    }
    row->attainable = fmax(row->compute_seconds, row->memory_seconds);
}

nn_status nn_profile_describe_row(nn_profile *profile, const nn_step_info *step,
                                  nn_profile_row *row) {
    nn_arena *arena = &profile->arena;
    const bool is_copy = step->node->op == &nn_op_transfer;
    const nn_fact *first = nn_view_in(step->node, 0);
    *row = (nn_profile_row){
        .node = nn_arena_strdup(arena, step->origin),
        .op = is_copy               ? "Copy"
              : step->is_conversion ? "Layout"
                                    : nn_arena_strdup(arena, step->node->op->name),
        .kind = kind_of(step),
        .kernel = nn_arena_strdup(arena, step->kernel != NULL ? step->kernel->name : ""),
        .variant = nn_arena_strdup(arena, step->variant),
        .chosen_by = nn_arena_strdup(arena, step->chosen_by),
        .shape = shape_text(arena, step->node),
        .covers = nn_arena_alloc(arena, sizeof *row->covers * (size_t)(step->cover_count + 1)),
        .cover_count = step->cover_count,
        .is_conversion = step->is_conversion,
        .is_copy = is_copy,
        .on_device = step->on_device,
        .device_arithmetic = step->on_device
                                 ? nn_device_arithmetic(first != NULL ? first->type : NNOPT_FLOAT,
                                                        profile->precision)
                                 : NULL,
        .arithmetic = arithmetic_of(step),
        .is_channels_last = step->layout == NN_LAYOUT_CHANNELS_LAST,
        .cost = step->cost,
        .live_bytes = step->live_bytes,
        .workspace_bytes = step->workspace_bytes,
        .packed_bytes = step->packed_bytes,
    };
    bool complete = row->node != NULL && row->op != NULL && row->kernel != NULL &&
                    row->variant != NULL && row->chosen_by != NULL && row->shape != NULL &&
                    row->covers != NULL;
    for (int64_t i = 0; complete && i < step->cover_count; i++) {
        row->covers[i] = nn_arena_strdup(arena, step->covers[i]);
        complete = row->covers[i] != NULL;
    }
    if (!complete) return nn_fail_memory(1024);
    if (row->on_device) {
        bound_on_device(profile, step, row);
        return NN_OK;
    }

    /* Weights come from wherever the whole model fits, activations from where they were just
     * written. */
    double bytes = step->cost.bytes_read + step->cost.bytes_written;
    double weights = fmin(weight_bytes(step), bytes), moved = bytes - weights;
    double footprint =
        (double)(profile->slab_bytes + profile->packed_bytes + profile->constant_bytes);
    const nn_roofline *roofline = &profile->roofline;
    int threads = profile->threads;
    row->compute_seconds =
        nn_roofline_seconds(roofline, step->cost.flops, row->arithmetic, 0, 0, threads);
    row->memory_seconds =
        nn_roofline_seconds(roofline, 0, row->arithmetic, weights, footprint, threads) +
        nn_roofline_seconds(roofline, 0, row->arithmetic, moved, moved, threads);
    row->attainable = fmax(row->compute_seconds, row->memory_seconds);
    return NN_OK;
}

static int compare_pointers(const void *a, const void *b) {
    uintptr_t x = (uintptr_t) * (const nn_tensor *const *)a,
              y = (uintptr_t) * (const nn_tensor *const *)b;
    return (x > y) - (x < y);
}

/* Constants that several steps read count once. */
static int64_t constant_bytes(const nn_plan *plan) {
    const nn_tensor **constants = NULL;
    int64_t count = 0, capacity = 0, bytes = 0;
    for (int64_t i = 0; i < nn_plan_step_count(plan); i++) {
        nn_step_info step;
        nn_plan_step(plan, i, &step);
        if (step.packed_bytes > 0) continue; /* reads its packed form instead */
        for (int in = 0; in < step.node->in_count; in++) {
            const nn_tensor *constant = nn_view_constant(step.node, in);
            if (constant == NULL) continue;
            if (!NN_GROW(constants, count, capacity)) break;
            constants[count++] = constant;
        }
    }
    if (count > 0) qsort(constants, (size_t)count, sizeof *constants, compare_pointers);
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || constants[i] != constants[i - 1]) bytes += nn_tensor_bytes(constants[i]);
    nn_free(constants);
    return bytes;
}

int64_t nn_plan_footprint(const nn_plan *plan, int64_t *constants) {
    int64_t bytes = constant_bytes(plan);
    if (constants != NULL) *constants = bytes;
    return nn_plan_slab_bytes(plan) + nn_plan_packed_bytes(plan) + bytes;
}
