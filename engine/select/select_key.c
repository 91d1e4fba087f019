/* What identifies a node to wisdom. */
#include "base/memory.h"
#include "engine/select/select.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { MOST_TEXT = 2048 };

typedef struct key_writer {
    char text[MOST_TEXT];
    size_t used;
    bool is_full; /* such a node is not measured */
} key_writer;

static void add(key_writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(key_writer *writer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length =
        vsnprintf(writer->text + writer->used, MOST_TEXT - writer->used, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= MOST_TEXT - writer->used)
        writer->is_full = true;
    else
        writer->used += (size_t)length;
}

/* Bytes that a line of the file cannot hold become their numbers. */
static void add_bytes(key_writer *writer, const char *bytes, int64_t length) {
    for (int64_t i = 0; i < length && !writer->is_full; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        if (c > ' ' && c < 0x7f && c != '%')
            add(writer, "%c", c);
        else
            add(writer, "%%%02x", c);
    }
}

static void add_fact(key_writer *writer, const nn_fact *fact) {
    char dims[256];
    nn_dims_text(fact->dims, fact->rank, dims, sizeof dims);
    add(writer, " %s:%s%s", nnopt_type_name(fact->type), dims, fact->constant != NULL ? "!" : "");
}

static bool add_attr(key_writer *writer, const nn_attr *attr) {
    add(writer, " ");
    add_bytes(writer, attr->name, (int64_t)strlen(attr->name));
    add(writer, "=");
    switch (attr->kind) {
    case NN_ATTR_INT:
        add(writer, "%" PRId64, attr->i);
        return true;
    case NN_ATTR_FLOAT:
        add(writer, "%a", (double)attr->f);
        return true;
    case NN_ATTR_STRING:
        add_bytes(writer, attr->s.bytes, attr->s.length);
        return true;
    case NN_ATTR_INTS:
        for (int64_t i = 0; i < attr->count && !writer->is_full; i++)
            add(writer, "%s%" PRId64, i > 0 ? "," : "", attr->ints[i]);
        return true;
    case NN_ATTR_FLOATS:
        for (int64_t i = 0; i < attr->count && !writer->is_full; i++)
            add(writer, "%s%a", i > 0 ? "," : "", (double)attr->floats[i]);
        return true;
    case NN_ATTR_STRINGS:
        for (int64_t i = 0; i < attr->count && !writer->is_full; i++) {
            add(writer, "%s", i > 0 ? "," : "");
            add_bytes(writer, attr->strings[i].bytes, attr->strings[i].length);
        }
        return true;
    default:
        return false;
    }
}

static void add_epilogue(key_writer *writer, const nn_epilogue *epilogue) {
    if (nn_epilogue_is_empty(epilogue)) return;
    add(writer, "; before %d", epilogue->before.kind);
    if (epilogue->has_residual) add(writer, " residual");
    add(writer, " after %d", epilogue->after.kind);
}

/* Can the node be run alone, on made-up values? */
static bool is_measurable(const nn_node_view *view) {
    if (view->op->bodies != NULL || nn_op_makes_outputs(view->op)) return false;
    if (view->op->library != NN_LIBRARY_NONE) return false;
    for (int i = 0; i < view->in_count; i++) {
        const nn_fact *fact = view->in[i];
        if (fact == NULL) continue;
        if (!nn_fact_is_concrete(fact) || !nn_type_is_plain(fact->type)) return false;
    }
    for (int i = 0; i < view->out_count; i++) {
        const nn_fact *fact = view->out[i];
        if (fact == NULL) continue;
        if (!nn_fact_is_concrete(fact) || !nn_type_is_plain(fact->type)) return false;
    }
    return view->out_count > 0;
}

nn_status nn_select_key(const nn_node *node, const nn_node_view *view, const nn_target *target,
                        const nn_kernel *first, nn_arena *arena, const char **out) {
    key_writer writer = {.used = 0};
    bool is_known = is_measurable(view);
    *out = NULL;
    add(&writer, "%s.%d", view->op->name, view->opset);
    for (int i = 0; i < view->in_count && is_known; i++) {
        if (view->in[i] != NULL)
            add_fact(&writer, view->in[i]);
        else
            add(&writer, " -");
    }
    add(&writer, " ->");
    for (int i = 0; i < view->out_count && is_known; i++)
        if (view->out[i] != NULL) add_fact(&writer, view->out[i]);
    add(&writer, ";");
    for (int64_t i = 0; i < node->attrs.count && is_known; i++)
        is_known = add_attr(&writer, &node->attrs.items[i]);
    add_epilogue(&writer, &view->epilogue);
    add(&writer, "; layout %d, %d threads%s", first->layout, target->threads,
        target->precision == NN_PRECISION_BF16 ? ", bf16" : "");
    if (!is_known || writer.is_full) return NN_OK;
    *out = nn_arena_strdup(arena, writer.text);
    return *out != NULL ? NN_OK : nn_fail_memory(writer.used + 1);
}
