#include "tests/support/maker.h"

#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

maker make(int opset) {
    maker m;
    ck_assert_ok(nn_graph_create("test", &m.graph));
    ck_assert_ok(nn_graph_set_opset(m.graph, "", opset));
    ck_assert_ok(nn_graph_set_opset(m.graph, "com.microsoft", 1));
    return m;
}

/* Cuts `text` at `separator` and calls `each` with a copy of every piece. */
static int split(const char *text, char separator, void (*each)(void *, int, const char *),
                 void *user) {
    char copy[1024];
    ck_assert_uint_lt(strlen(text), sizeof copy);
    strcpy(copy, text);
    int count = 0;
    if (copy[0] == '\0') return 0;
    for (char *piece = copy; piece != NULL; count++) {
        char *end = strchr(piece, separator);
        if (end != NULL) *end++ = '\0';
        each(user, count, piece);
        piece = end;
    }
    return count;
}

typedef struct dims_reader {
    nn_graph *graph;
    int64_t dims[NN_MAX_RANK];
} dims_reader;

static void read_dim(void *user, int index, const char *text) {
    dims_reader *reader = user;
    ck_assert_int_lt(index, NN_MAX_RANK);
    char *end;
    reader->dims[index] = strtoll(text, &end, 10);
    if (*end == '\0') return;
    reader->dims[index] = NN_DIM_UNKNOWN;
    if (strcmp(text, "?") == 0) return;
    ck_assert_ptr_nonnull(reader->graph);
    ck_assert_ok(nn_graph_symbol(reader->graph, text, &reader->dims[index]));
}

static nn_value *value(maker *m, const char *name) {
    nn_value *found = nn_graph_find(m->graph, name);
    if (found == NULL) ck_assert_ok(nn_graph_add_value(m->graph, name, &found));
    return found;
}

void make_input(maker *m, const char *name, nn_type type, const char *dims) {
    dims_reader reader = {.graph = m->graph};
    int rank = split(dims, ',', read_dim, &reader);
    nn_value *made = value(m, name);
    made->fact = nn_fact_make(type, rank, reader.dims);
    made->declared = made->fact;
    ck_assert_ok(nn_graph_add_input(m->graph, made));
}

static nn_blob *blob(nn_type type, const char *dims) {
    dims_reader reader = {0};
    int rank = split(dims, ',', read_dim, &reader);
    nn_blob *made;
    ck_assert_ok(nn_blob_create(type, reader.dims, rank, &made));
    return made;
}

static void set_constant(maker *m, const char *name, nn_blob *made) {
    ck_assert_ok(nn_graph_set_initializer(m->graph, value(m, name), made));
    nn_blob_release(made);
}

void make_floats(maker *m, const char *name, const char *dims, const float *values) {
    nn_blob *made = blob(NNOPT_FLOAT, dims);
    memcpy(made->tensor.data, values, (size_t)nn_tensor_bytes(&made->tensor));
    set_constant(m, name, made);
}

void make_ints(maker *m, const char *name, nn_type type, const char *dims, const int64_t *values) {
    nn_blob *made = blob(type, dims);
    for (int64_t i = 0; i < nn_tensor_count(&made->tensor); i++) {
        nn_tensor_set(&made->tensor, i, (double)values[i]);
    }
    set_constant(m, name, made);
}

static void fill_random(nn_tensor *tensor, uint64_t seed) {
    nn_random random = nn_random_seed(seed);
    for (int64_t i = 0; i < nn_tensor_count(tensor); i++) {
        ((float *)tensor->data)[i] = (float)(0.5 * nn_random_normal(&random));
    }
}

void make_random(maker *m, const char *name, const char *dims, uint64_t seed) {
    nn_blob *made = blob(NNOPT_FLOAT, dims);
    fill_random(&made->tensor, seed);
    set_constant(m, name, made);
}

typedef struct values_reader {
    maker *m;
    nn_value *values[64];
} values_reader;

static void read_value(void *user, int index, const char *name) {
    values_reader *reader = user;
    ck_assert_int_lt(index, 64);
    reader->values[index] = name[0] == '\0' ? NULL : value(reader->m, name);
}

/* Storage of the attributes of one node while it is made. */
typedef struct attrs_reader {
    nn_attr items[16];
    char names[16][64], texts[16][64];
    int64_t ints[16][32];
    float floats[16][32];
    int64_t count;
} attrs_reader;

static void read_list_item(void *user, int index, const char *text) {
    attrs_reader *reader = user;
    int64_t *ints = reader->ints[reader->count];
    float *floats = reader->floats[reader->count];
    ck_assert_int_lt(index, 32);
    ints[index] = strtoll(text, NULL, 10);
    floats[index] = strtof(text, NULL);
}

static void read_attr(void *user, int index, const char *text) {
    attrs_reader *reader = user;
    ck_assert_int_lt(index, 16);
    nn_attr *attr = &reader->items[reader->count];
    const char *equals = strchr(text, '=');
    ck_assert_ptr_nonnull(equals);
    snprintf(reader->names[index], sizeof reader->names[index], "%.*s", (int)(equals - text), text);
    attr->name = reader->names[index];
    const char *content = equals + 1;
    if (content[0] == '[') {
        char list[256];
        snprintf(list, sizeof list, "%.*s", (int)strlen(content) - 2, content + 1);
        attr->count = split(list, ',', read_list_item, reader);
        bool real = strchr(list, '.') != NULL;
        attr->kind = real ? NN_ATTR_FLOATS : NN_ATTR_INTS;
        if (real)
            attr->floats = reader->floats[reader->count];
        else
            attr->ints = reader->ints[reader->count];
    } else if (content[0] == '\'') {
        attr->kind = NN_ATTR_STRING;
        snprintf(reader->texts[index], sizeof reader->texts[index], "%.*s",
                 (int)strlen(content) - 2, content + 1);
        attr->s = (nn_text){reader->texts[index], (int64_t)strlen(reader->texts[index])};
    } else if (strchr(content, '.') != NULL) {
        attr->kind = NN_ATTR_FLOAT;
        attr->f = strtof(content, NULL);
    } else {
        attr->kind = NN_ATTR_INT;
        attr->i = strtoll(content, NULL, 10);
    }
    reader->count++;
}

nn_node *make_node(maker *m, const char *op_type, const char *name, const char *inputs,
                   const char *outputs, const char *attrs) {
    values_reader in = {.m = m}, out = {.m = m};
    int in_count = split(inputs, ',', read_value, &in);
    int out_count = split(outputs, ',', read_value, &out);
    attrs_reader reader = {0};
    if (attrs != NULL) split(attrs, ' ', read_attr, &reader);
    nn_attrs list = {reader.items, reader.count};
    char domain[64] = "";
    const char *colon = strchr(op_type, ':');
    if (colon != NULL) {
        snprintf(domain, sizeof domain, "%.*s", (int)(colon - op_type), op_type);
        op_type = colon + 1;
    }
    nn_node *node;
    ck_assert_ok(nn_graph_add_node(m->graph, op_type, domain, name, in.values, in_count, out.values,
                                   out_count, &list, &node));
    return node;
}

nn_model *make_model(maker *m, const char *outputs) {
    values_reader out = {.m = m};
    int count = split(outputs, ',', read_value, &out);
    for (int i = 0; i < count; i++) ck_assert_ok(nn_graph_add_output(m->graph, out.values[i]));
    ck_assert_ok(nn_graph_sort(m->graph));
    ck_assert_ok(nn_graph_infer(m->graph));
    ck_assert_ok(nn_graph_verify(m->graph));
    nn_model *model;
    ck_assert_ok(nn_model_create(m->graph, &model));
    return model;
}

nn_tensor random_tensor(const char *dims, uint64_t seed) {
    dims_reader reader = {0};
    int rank = split(dims, ',', read_dim, &reader);
    nn_tensor tensor;
    ck_assert_ok(nn_tensor_init(&tensor, NNOPT_FLOAT, reader.dims, rank));
    fill_random(&tensor, seed);
    return tensor;
}

nn_tensor run_model(nn_model *model, const nn_session_options *options, const nn_tensor *inputs,
                    size_t input_count, int64_t index) {
    nn_session_options none = {.threads = 1};
    nn_session *session;
    nn_tensor outputs[16], copy;
    ck_assert_int_le(model->graph->output_count, 16);
    ck_assert_ok(nn_session_open(model, options != NULL ? options : &none, &session));
    ck_assert_ok(nnopt_session_run(session, inputs, input_count, outputs));
    const nn_tensor *output = &outputs[index];
    ck_assert_ok(nn_tensor_init(&copy, output->type, output->dims, output->rank));
    int64_t bytes = nn_tensor_bytes(output);
    if (bytes > 0) memcpy(copy.data, output->data, (size_t)bytes);
    nnopt_session_destroy(session);
    return copy;
}

void check_close(const nn_tensor *a, const nn_tensor *b, double rtol, double atol) {
    ck_assert_int_eq(a->type, b->type);
    ck_assert(nn_dims_equal(a->dims, a->rank, b->dims, b->rank));
    for (int64_t i = 0; i < nn_tensor_count(a); i++) {
        double x = nn_tensor_get(a, i), y = nn_tensor_get(b, i);
        bool close = isnan(y) ? isnan(x) : fabs(x - y) <= atol + rtol * fabs(y);
        ck_assert_msg(close, "element %lld: %.9g, expected %.9g", (long long)i, x, y);
    }
}
