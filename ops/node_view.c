/* What kernels say of their node; apart from the table of operators, which a device's library does
 * without. */
#include "ops/op.h"

#include <stdarg.h>
#include <stdio.h>

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
