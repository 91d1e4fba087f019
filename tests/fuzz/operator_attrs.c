#include "tests/fuzz/operator_attrs.h"

#include <stdlib.h>

static operator_attrs *asked; /* the one whose operator is being asked; NULL: none */

static void record(const char *name, nn_attr_kind kind) {
    if (asked == NULL || asked->count == OPERATOR_ATTRS) return;
    for (int i = 0; i < asked->count; i++)
        if (strcmp(asked->names[i], name) == 0) return;
    asked->names[asked->count] = strdup(name);
    asked->kinds[asked->count++] = kind;
}

/* The linker's --wrap gives both names their meaning. */
#define WRAP(function, kind, parameters, ...)                                                      \
    nn_status __real_##function parameters;                                                        \
    nn_status __wrap_##function parameters;                                                        \
    nn_status __wrap_##function parameters {                                                       \
        record(name, kind);                                                                        \
        return __real_##function(__VA_ARGS__);                                                     \
    }

WRAP(nn_attrs_int, NN_ATTR_INT,
     (const nn_attrs *attrs, const char *name, int64_t fallback, int64_t *out), attrs, name,
     fallback, out)
WRAP(nn_attrs_float, NN_ATTR_FLOAT,
     (const nn_attrs *attrs, const char *name, float fallback, float *out), attrs, name, fallback,
     out)
WRAP(nn_attrs_string, NN_ATTR_STRING,
     (const nn_attrs *attrs, const char *name, const char *fallback, const char **out), attrs, name,
     fallback, out)
WRAP(nn_attrs_ints, NN_ATTR_INTS,
     (const nn_attrs *attrs, const char *name, const int64_t **out, int64_t *count), attrs, name,
     out, count)
WRAP(nn_attrs_floats, NN_ATTR_FLOATS,
     (const nn_attrs *attrs, const char *name, const float **out, int64_t *count), attrs, name, out,
     count)
WRAP(nn_attrs_tensor, NN_ATTR_TENSOR,
     (const nn_attrs *attrs, const char *name, const nn_tensor **out), attrs, name, out)

/* An attribute of this kind that most rules let pass. */
static nn_attr usual(const char *name, nn_attr_kind kind) {
    static const int64_t ints[] = {1};
    static const float floats[] = {1};
    nn_attr attr = {.name = name, .kind = kind, .count = 1};
    if (kind == NN_ATTR_INT) attr.i = 1;
    if (kind == NN_ATTR_FLOAT) attr.f = 1;
    if (kind == NN_ATTR_STRING) attr.s = (nn_text){"", 0};
    if (kind == NN_ATTR_INTS) attr.ints = ints;
    if (kind == NN_ATTR_FLOATS) attr.floats = floats;
    return attr;
}

/* Parses with the attributes whose bit is set in `chosen`. */
static void ask(operator_attrs *self, int opset, uint32_t chosen) {
    nn_attr items[OPERATOR_ATTRS];
    nn_attrs attrs = {.items = items};
    for (int i = 0; i < self->count; i++)
        if ((chosen >> i & 1) && self->kinds[i] != NN_ATTR_TENSOR)
            items[attrs.count++] = usual(self->names[i], self->kinds[i]);
    void *parsed = calloc(1, self->op->attr_size + 1);
    if (parsed == NULL) abort();
    nn_node_view view = {.name = "asked",
                         .op = self->op,
                         .opset = opset,
                         .in_count = self->op->min_inputs,
                         .out_count = self->op->min_outputs};
    self->op->parse(&view, &attrs, parsed);
    free(parsed);
}

static void find_attrs(operator_attrs *self) {
    const nn_op *op = self->op;
    if (op->attr_size == 0 || op->parse == NULL) return;
    asked = self;
    int newest = op->until > 0 ? op->until : 28;
    for (int before = -1; before < self->count;) {
        before = self->count;
        for (int opset = op->since; opset <= newest; opset++) {
            ask(self, opset, 0);
            ask(self, opset, UINT32_MAX);
            for (int i = 0; i < self->count; i++) {
                ask(self, opset, 1u << i);
                ask(self, opset, ~(1u << i));
            }
        }
    }
    asked = NULL;
}

static uint16_t hash(const nn_op *op) {
    uint32_t value = 2166136261u;
    for (const char *c = op->domain; *c != '\0'; c++) value = (value ^ (uint8_t)*c) * 16777619u;
    for (const char *c = op->name; *c != '\0'; c++) value = (value ^ (uint8_t)*c) * 16777619u;
    return (uint16_t)(value ^ value >> 16);
}

static int by_key(const void *a, const void *b) {
    const operator_attrs *left = a, *right = b;
    if (left->key != right->key) return left->key < right->key ? -1 : 1;
    return left->op->since - right->op->since;
}

const operator_attrs *operator_attrs_table(int *count) {
    static operator_attrs table[1024];
    int rows = 0;
    for (const nn_op *const *op = nn_op_table; *op != NULL; op++) {
        if (strcmp((*op)->domain, "nnopt") == 0) continue; /* plans only: a file cannot name it */
        if (rows == (int)(sizeof table / sizeof *table)) abort();
        table[rows] = (operator_attrs){.op = *op, .key = hash(*op)};
        find_attrs(&table[rows++]);
    }
    qsort(table, (size_t)rows, sizeof *table, by_key);
    *count = rows;
    return table;
}
