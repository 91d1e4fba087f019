#include "ops/device_kernels.h"

#define NN_OP(symbol, kind) &nn_op_##symbol,
const nn_op *const nn_op_table[] = {
#include "ops/op_table.def"
    NULL};
#undef NN_OP

#define NN_OP(symbol, kind) NN_KIND_##kind,
static const nn_op_kind kinds[] = {
#include "ops/op_table.def"
};
#undef NN_OP

nn_op_kind nn_op_kind_of(const nn_op *op) {
    for (int i = 0; nn_op_table[i] != NULL; i++)
        if (nn_op_table[i] == op) return kinds[i];
    return NN_KIND_OTHER;
}

const char *nn_op_kind_name(nn_op_kind kind) {
    static const char *const names[NN_KIND_COUNT] = {
        [NN_KIND_CONVOLUTION] = "convolution",
        [NN_KIND_DEPTHWISE] = "depthwise convolution",
        [NN_KIND_PRODUCT] = "matrix product",
        [NN_KIND_RECURRENT] = "recurrent and control flow",
        [NN_KIND_NORMALIZATION] = "normalisation and softmax",
        [NN_KIND_ELEMENTWISE] = "elementwise",
        [NN_KIND_REDUCTION] = "pooling and reduction",
        [NN_KIND_MOVEMENT] = "data movement",
        [NN_KIND_QUANTIZATION] = "quantise and dequantise",
        [NN_KIND_OTHER] = "other",
    };
    return names[kind];
}

static const nn_op *find(const char *domain, const char *name, int version) {
    for (const nn_op *const *row = nn_op_table; *row != NULL; row++) {
        const nn_op *op = *row;
        if (strcmp(op->name, name) != 0 || strcmp(op->domain, domain) != 0) continue;
        if (op->since <= version && (op->until == 0 || version <= op->until)) return op;
    }
    return NULL;
}

const nn_op *nn_op_find(const char *domain, const char *name, int version) {
    if (strcmp(domain, "ai.onnx") == 0) domain = "";
    const nn_op *op = find(domain, name, version);
    if (op == NULL && strcmp(domain, "nnopt") == 0) op = find("", name, version);
    if (op == NULL && strcmp(domain, "nnopt") == 0) op = find("com.microsoft", name, version);
    return op;
}

/* Plans of a lower precision may give a product inputs of both types, which float kernels do not
 * tell apart. */
static bool mixes_types(const nn_node_view *node) {
    bool has_float = false, has_other = false;
    for (int i = 0; i <= node->in_count; i++) {
        const nn_fact *fact = i < node->in_count ? node->in[i] : node->out[0];
        if (fact == NULL) continue;
        has_float = has_float || fact->type == NNOPT_FLOAT;
        has_other = has_other || fact->type == NNOPT_BFLOAT16 || fact->type == NNOPT_FLOAT16;
    }
    return has_float && has_other;
}

static const nn_kernel *const *device_kernels(const nn_op *op, const nn_target *target) {
    return target->device != NULL ? nn_device_kernels(target->device, op) : NULL;
}

/* Has the operator kernels that take both types in plans of this precision? */
static bool is_mixed_product(const nn_op *op, const nn_target *target) {
    const nn_kernel *const *kernels = device_kernels(op, target);
    if (target->device != NULL) return kernels != NULL && kernels[0]->mixes_types;
    return target->precision == NN_PRECISION_BF16 && op->kernels[0]->precision == target->precision;
}

static bool takes(const nn_kernel *kernel, const nn_node_view *node, const nn_target *target) {
    /* beside a device the CPU computes in float */
    const nn_precision precision = target->device != NULL ? NN_PRECISION_FP32 : target->precision;
    if (kernel->isa > target->isa) return false;
    if (kernel->precision != NN_PRECISION_FP32 && kernel->precision != precision) return false;
    if (!kernel->on_device && kernel->precision == NN_PRECISION_FP32 &&
        is_mixed_product(node->op, target) && mixes_types(node))
        return false;
    if (kernel->accepts == NULL) return nn_epilogue_is_empty(&node->epilogue);
    return kernel->accepts(node, target);
}

/* All kernels of an operator in the order in which they are asked: the device's, then the CPU's.
 * Start at 0; NULL ends it. */
static const nn_kernel *kernel_at(const nn_op *op, const nn_target *target, int index) {
    const nn_kernel *const *lists[] = {device_kernels(op, target), op->kernels};
    for (int i = 0; i < 2; i++) {
        const nn_kernel *const *kernel = lists[i];
        if (kernel == NULL || *kernel == NULL) continue;
        if (nn_cpu_get()->reference_only) {
            if (i == 0) continue;
            while (kernel[1] != NULL) kernel++;
        }
        for (; *kernel != NULL; kernel++)
            if (index-- == 0) return *kernel;
    }
    return NULL;
}

int nn_kernel_rank(const nn_op *op, const nn_target *target, const nn_kernel *kernel) {
    int rank = 0;
    for (const nn_kernel *it; (it = kernel_at(op, target, rank)) != NULL && it != kernel;) rank++;
    return rank;
}

static const nn_kernel *select_kernel(const nn_node_view *node, const nn_target *target,
                                      bool standard_only) {
    const nn_kernel *kernel;
    for (int i = 0; (kernel = kernel_at(node->op, target, i)) != NULL; i++) {
        if (standard_only && kernel->layout == NN_LAYOUT_CHANNELS_LAST) continue;
        if (takes(kernel, node, target)) return kernel;
    }
    return NULL;
}

const nn_kernel *nn_kernel_select(const nn_node_view *node, const nn_target *target) {
    return select_kernel(node, target, false);
}

const nn_kernel *nn_kernel_select_standard(const nn_node_view *node, const nn_target *target) {
    return select_kernel(node, target, true);
}

int nn_kernel_candidates(const nn_node_view *node, const nn_target *target, const nn_kernel **out,
                         int limit) {
    const nn_kernel *kernel;
    int count = 0;
    for (int i = 0; (kernel = kernel_at(node->op, target, i)) != NULL; i++) {
        if (!takes(kernel, node, target)) continue;
        if (count < limit) out[count] = kernel;
        count++;
    }
    return count;
}

bool nn_op_makes_outputs(const nn_op *op) {
    return op->kernels != NULL && op->kernels[0] != NULL && op->kernels[0]->makes_outputs;
}

const nn_kernel *nn_kernel_select_reference(const nn_node_view *node, const nn_target *target) {
    const nn_kernel *const *kernel = node->op->kernels;
    if (kernel == NULL || *kernel == NULL) return NULL;
    while (kernel[1] != NULL) kernel++;
    return takes(*kernel, node, target) ? *kernel : NULL;
}

static double fact_bytes(const nn_fact *fact) {
    int64_t bytes = fact ? nn_fact_bytes(fact) : 0;
    return bytes > 0 ? (double)bytes : 0;
}

static bool seen_before(const nn_node_view *node, int index) {
    for (int i = 0; i < index; i++)
        if (node->in[i] == node->in[index]) return true;
    return false;
}

void nn_op_cost(const nn_node_view *node, nn_cost *out) {
    *out = (nn_cost){0};
    const nn_fact *result = node->out_count > 0 ? node->out[0] : NULL;
    double elements = result && nn_fact_count(result) > 0 ? (double)nn_fact_count(result) : 0;
    if (!node->op->is_view) {
        for (int i = 0; i < node->in_count; i++)
            if (!seen_before(node, i)) out->bytes_read += fact_bytes(node->in[i]);
        for (int i = 0; i < node->out_count; i++) out->bytes_written += fact_bytes(node->out[i]);
    }
    if (node->op->cost)
        node->op->cost(node, out);
    else if (!node->op->is_view)
        out->flops = elements;
    if (node->epilogue.before.kind != NN_ACT_NONE) out->flops += elements;
    if (node->epilogue.has_residual) out->flops += elements;
    if (node->epilogue.after.kind != NN_ACT_NONE) out->flops += elements;
}
