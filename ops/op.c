#include "ops/op.h"

#include <stdarg.h>
#include <stdio.h>

#define NN_OP(symbol) &nn_op_##symbol,
const nn_op *const nn_op_table[] = {
#include "ops/op_table.def"
    NULL};
#undef NN_OP

nn_status nn_view_fail(const nn_node_view *node, nn_status code, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return nn_fail(code, "node '%s' (%s): %s", node->name, node->op->name, text);
}

const char *nn_view_describe(const nn_node_view *node, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "'%s' (%s:", node->name, node->op->name);
    for (int i = 0; i < node->in_count && used < size; i++) {
        char fact[128] = "absent";
        if (node->in[i] != NULL) nn_fact_text(node->in[i], fact, sizeof fact);
        used += (size_t)snprintf(text + used, size - used, "%s %s", i > 0 ? "," : "", fact);
    }
    if (used < size) snprintf(text + used, size - used, ")");
    return text;
}

nn_status nn_call_text(const nn_call *call, const char *bytes, size_t length, const char **out) {
    char *text = nn_arena_alloc(call->texts, length + 1);
    if (text == NULL) return nn_fail_memory(length + 1);
    if (length > 0) memcpy(text, bytes, length);
    *out = text;
    return NN_OK;
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

/* Plans in bf16 may give a product inputs of both types, which float kernels do not tell apart. */
static bool mixes_types(const nn_node_view *node) {
    bool has_float = false, has_bf16 = false;
    for (int i = 0; i <= node->in_count; i++) {
        const nn_fact *fact = i < node->in_count ? node->in[i] : node->out[0];
        if (fact == NULL) continue;
        has_float = has_float || fact->type == NNOPT_FLOAT;
        has_bf16 = has_bf16 || fact->type == NNOPT_BFLOAT16;
    }
    return has_float && has_bf16;
}

static bool takes(const nn_kernel *kernel, const nn_node_view *node, const nn_target *target) {
    if (kernel->isa > target->isa || kernel->precision > target->precision) return false;
    if (kernel->precision < target->precision &&
        node->op->kernels[0]->precision == target->precision && mixes_types(node))
        return false;
    if (kernel->accepts == NULL) return nn_epilogue_is_empty(&node->epilogue);
    return kernel->accepts(node, target);
}

static const nn_kernel *select_kernel(const nn_node_view *node, const nn_target *target,
                                      bool standard_only) {
    const nn_kernel *const *kernel = node->op->kernels;
    if (kernel == NULL || *kernel == NULL) return NULL;
    if (nn_cpu_get()->reference_only)
        while (kernel[1] != NULL) kernel++;
    for (; *kernel != NULL; kernel++) {
        if (standard_only && (*kernel)->layout == NN_LAYOUT_CHANNELS_LAST) continue;
        if (takes(*kernel, node, target)) return *kernel;
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
    const nn_kernel *const *kernel = node->op->kernels;
    int count = 0;
    if (kernel == NULL || *kernel == NULL) return 0;
    if (nn_cpu_get()->reference_only)
        while (kernel[1] != NULL) kernel++;
    for (; *kernel != NULL; kernel++) {
        if (!takes(*kernel, node, target)) continue;
        if (count < limit) out[count] = *kernel;
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
