#include "formats/input_shapes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int nn_input_shapes_find(const nn_input_shapes *shapes, const char *name) {
    for (int i = 0; i < shapes->count; i++)
        if (strcmp(shapes->items[i].name, name) == 0) return i;
    return -1;
}

const char *nn_input_shapes_symbol(const nn_input_shapes *shapes, int64_t dim) {
    return nn_dim_is_symbol(dim) ? shapes->symbols[nn_dim_symbol_index(dim)] : "?";
}

const char *nn_input_shape_text(const nn_input_shapes *shapes, int input, char *buffer,
                                size_t size) {
    const nn_input_shape *shape = &shapes->items[input];
    if (shape->rank <= 0) {
        snprintf(buffer, size, shape->rank == 0 ? "scalar" : "any shape");
        return buffer;
    }
    size_t used = 0;
    for (int i = 0; i < shape->rank && used < size; i++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)shape->dims[i]);
        int written =
            snprintf(buffer + used, size - used, "%s%s", i == 0 ? "" : "x",
                     shape->dims[i] >= 0 ? number : nn_input_shapes_symbol(shapes, shape->dims[i]));
        used += (size_t)written;
    }
    return buffer;
}

/* ---- options ---- */

static bool parse_size(const char *text, size_t length, int64_t *out) {
    char digits[24], *end;
    if (length == 0 || length >= sizeof digits || text[0] < '0' || text[0] > '9') return false;
    memcpy(digits, text, length);
    digits[length] = '\0';
    errno = 0;
    *out = strtoll(digits, &end, 10);
    return errno == 0 && *end == '\0';
}

static void replace_dim(nn_input_shapes *shapes, int64_t dim, int64_t size) {
    for (int i = 0; i < shapes->count; i++)
        for (int axis = 0; axis < shapes->items[i].rank; axis++)
            if (shapes->items[i].dims[axis] == dim) shapes->items[i].dims[axis] = size;
}

/* "N=4" */
static nn_status apply_dim(nn_input_shapes *shapes, const char *text) {
    const char *equals = strrchr(text, '=');
    int64_t size;
    if (equals == NULL || !parse_size(equals + 1, strlen(equals + 1), &size))
        return nn_fail(NN_USAGE, "option 'dim': '%s' is not NAME=SIZE", text);
    size_t length = (size_t)(equals - text);
    for (int64_t i = 0; i < shapes->symbol_count; i++) {
        const char *symbol = shapes->symbols[i];
        if (strlen(symbol) != length || memcmp(symbol, text, length) != 0) continue;
        replace_dim(shapes, nn_dim_symbol((int)i), size);
        return NN_OK;
    }
    char *name = nn_arena_strndup(&shapes->arena, text, length);
    if (name == NULL) return nn_fail_memory(length);
    const char *near = nn_nearest_name(name, shapes->symbols, (size_t)shapes->symbol_count);
    return nn_fail(NN_USAGE, "option 'dim': the inputs have no dimension '%s'%s%s%s", name,
                   near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
                   near != NULL ? "'" : "");
}

static nn_status fail_shape(const nn_input_shapes *shapes, int input, const char *text) {
    char declared[256];
    return nn_fail(NN_USAGE, "option 'shapes': '%s' does not fit input '%s', which is %s", text,
                   shapes->items[input].name,
                   nn_input_shape_text(shapes, input, declared, sizeof declared));
}

/* "name:1x3x8x8": the last colon splits, an empty shape is a scalar. */
static nn_status apply_shape(nn_input_shapes *shapes, char *text) {
    char *colon = strrchr(text, ':');
    if (colon == NULL) return nn_fail(NN_USAGE, "option 'shapes': '%s' is not NAME:SHAPE", text);
    *colon = '\0';
    int input = nn_input_shapes_find(shapes, text);
    if (input < 0) return nn_fail(NN_USAGE, "option 'shapes': the model has no input '%s'", text);
    nn_input_shape *shape = &shapes->items[input];
    int64_t dims[NN_MAX_RANK];
    int rank = 0;
    const char *at = colon + 1;
    while (*at != '\0') {
        size_t length = strcspn(at, "x");
        if (rank == NN_MAX_RANK || !parse_size(at, length, &dims[rank++]) ||
            (at[length] == 'x' && at[length + 1] == '\0'))
            return nn_fail(NN_USAGE, "option 'shapes': '%s' of input '%s' is no shape", colon + 1,
                           text);
        at += length + (at[length] == 'x');
    }
    if (shape->rank == NN_RANK_UNKNOWN) {
        shape->rank = rank;
        memcpy(shape->dims, dims, sizeof dims);
        return NN_OK;
    }
    if (rank != shape->rank) return fail_shape(shapes, input, colon + 1);
    for (int i = 0; i < rank; i++) {
        if (shape->dims[i] >= 0 && shape->dims[i] != dims[i])
            return fail_shape(shapes, input, colon + 1);
        if (nn_dim_is_symbol(shape->dims[i])) replace_dim(shapes, shape->dims[i], dims[i]);
        shape->dims[i] = dims[i];
    }
    return NN_OK;
}

/* Commas part the shapes; a comma inside a name is one that no colon follows before the next comma.
 */
static nn_status apply_shapes(nn_input_shapes *shapes, const char *list) {
    char *copy = nn_arena_strdup(&shapes->arena, list);
    if (copy == NULL) return nn_fail_memory(strlen(list) + 1);
    char *start = copy;
    for (char *at = copy;; at++) {
        if (*at != ',' && *at != '\0') continue;
        bool is_end = *at == '\0';
        const char *colon = memchr(start, ':', (size_t)(at - start));
        if (colon == NULL && !is_end) continue;
        *at = '\0';
        NN_TRY(apply_shape(shapes, start));
        if (is_end) return NN_OK;
        start = at + 1;
    }
}

/* ---- declared shapes ---- */

static nn_status copy_declared(nn_input_shapes *shapes, const nn_model *model) {
    const nn_graph *graph = model->graph;
    shapes->count = (int)graph->input_count;
    shapes->symbol_count = graph->symbol_count;
    size_t bytes = (size_t)(graph->input_count + 1) * sizeof *shapes->items;
    size_t symbol_bytes = (size_t)(graph->symbol_count + 1) * sizeof *shapes->symbols;
    shapes->items = nn_arena_alloc(&shapes->arena, bytes);
    shapes->symbols = nn_arena_alloc(&shapes->arena, symbol_bytes);
    if (shapes->items == NULL || shapes->symbols == NULL)
        return nn_fail_memory(bytes + symbol_bytes);
    for (int64_t i = 0; i < graph->symbol_count; i++) {
        shapes->symbols[i] = nn_arena_strdup(&shapes->arena, graph->symbols[i]);
        if (shapes->symbols[i] == NULL) return nn_fail_memory(symbol_bytes);
    }
    for (int i = 0; i < shapes->count; i++) {
        const nn_value *value = graph->inputs[i];
        nn_input_shape *shape = &shapes->items[i];
        if (value->declared.type == NNOPT_TYPE_NONE)
            return nn_fail(NN_UNSUPPORTED, "input '%s' is not declared with a known type",
                           value->name);
        shape->name = nn_arena_strdup(&shapes->arena, value->name);
        if (shape->name == NULL) return nn_fail_memory(strlen(value->name) + 1);
        shape->type = value->declared.type;
        shape->rank = value->declared.rank;
        memcpy(shape->dims, value->declared.dims, sizeof shape->dims);
    }
    return NN_OK;
}

static nn_status apply_options(nn_input_shapes *shapes, const nnopt_options *options) {
    const char *text;
    for (size_t i = 0; (text = nn_option_at(options, "dim", i)) != NULL; i++)
        NN_TRY(apply_dim(shapes, text));
    for (size_t i = 0; (text = nn_option_at(options, "shapes", i)) != NULL; i++)
        NN_TRY(apply_shapes(shapes, text));
    return NN_OK;
}

nn_status nn_input_shapes_init(nn_input_shapes *shapes, const nn_model *model,
                               const nnopt_options *options) {
    *shapes = (nn_input_shapes){0};
    nn_status status = copy_declared(shapes, model);
    if (status == NN_OK) status = apply_options(shapes, options);
    if (status != NN_OK) nn_input_shapes_clear(shapes);
    return status;
}

void nn_input_shapes_clear(nn_input_shapes *shapes) {
    nn_arena_clear(&shapes->arena);
    *shapes = (nn_input_shapes){0};
}

/* ---- bindings ---- */

nn_status nn_binding_init(nn_binding *binding, const nn_input_shapes *shapes) {
    size_t bytes = (size_t)(shapes->symbol_count + 1) * sizeof *binding->sizes;
    binding->sizes = nn_alloc(bytes);
    if (binding->sizes == NULL) return nn_fail_memory(bytes);
    for (int64_t i = 0; i <= shapes->symbol_count; i++) binding->sizes[i] = -1;
    return NN_OK;
}

void nn_binding_clear(nn_binding *binding) {
    nn_free(binding->sizes);
    binding->sizes = NULL;
}

bool nn_binding_take(nn_binding *binding, int64_t dim, int64_t size) {
    if (nn_dim_is_known(dim)) return dim == size;
    if (!nn_dim_is_symbol(dim)) return true;
    int64_t *bound = &binding->sizes[nn_dim_symbol_index(dim)];
    if (*bound == -1) *bound = size;
    return *bound == size;
}
