#include "tests/support/op_case.h"

#include <stdio.h>
#include <stdlib.h>

static op_case *cases;
static int64_t case_count, case_capacity;
static nn_arena texts;
static const char *file_path;
static int line_number;

static _Noreturn void malformed(const char *what) {
    fprintf(stderr, "%s:%d: %s\n", file_path, line_number, what);
    exit(1);
}

static void *keep(size_t size) {
    void *memory = nn_arena_alloc(&texts, size > 0 ? size : 1);
    if (memory == NULL) malformed("out of memory");
    return memory;
}

static char *next_word(char **line) {
    char *word = strtok_r(NULL, " \n", line);
    if (word == NULL) malformed("line ends early");
    return word;
}

static nn_type type_named(const char *name) {
    for (int type = 1; type <= NNOPT_FLOAT6E3M2; type++)
        if (strcmp(nnopt_type_name((nn_type)type), name) == 0) return (nn_type)type;
    malformed("unknown type");
}

/* 'TEXT with %XX for bytes that are no letters or digits. */
static const char *read_text(const char *word) {
    if (*word++ != '\'') malformed("a string must begin with '");
    char *text = keep(strlen(word) + 1), *end = text;
    for (; *word != '\0'; word++) {
        char digits[3] = {word[0], word[1], 0};
        if (*word == '%') memcpy(digits, word + 1, 2);
        *end++ = *word == '%' ? (char)strtol(digits, NULL, 16) : *word;
        if (*word == '%') word += 2;
    }
    return text;
}

static void set_element(nn_tensor *tensor, int64_t index, const char *text) {
    if (tensor->type == NNOPT_STRING)
        ((const char **)tensor->data)[index] = read_text(text);
    else if (tensor->type == NNOPT_INT64)
        ((int64_t *)tensor->data)[index] = strtoll(text, NULL, 10);
    else if (tensor->type == NNOPT_UINT64)
        ((uint64_t *)tensor->data)[index] = strtoull(text, NULL, 10);
    else if (nn_type_is_small_float(tensor->type))
        nn_packed_set(tensor->data, nn_type_bits(tensor->type), index,
                      nn_float_to_small(tensor->type, strtof(text, NULL),
                                        (nn_float_rules){.overflow = true}));
    else
        nn_tensor_set(tensor, index, strtod(text, NULL));
}

static nn_tensor read_tensor(nn_type type, char **line) {
    int64_t dims[NN_MAX_RANK];
    int rank = 0;
    char *shape = next_word(line), *rest = shape;
    if (strcmp(shape, "scalar") != 0)
        for (char *size = strtok_r(shape, "x", &rest); size; size = strtok_r(NULL, "x", &rest))
            dims[rank++] = atoll(size);
    nn_tensor tensor = {.type = type, .rank = rank};
    for (int i = 0; i < rank; i++) tensor.dims[i] = dims[i];
    tensor.data = keep((size_t)nn_tensor_bytes(&tensor) + NN_ALIGNMENT);
    nn_tensor parts = tensor; /* complex numbers are pairs of words */
    bool is_complex = type == NNOPT_COMPLEX64 || type == NNOPT_COMPLEX128;
    if (is_complex) parts.type = type == NNOPT_COMPLEX64 ? NNOPT_FLOAT : NNOPT_DOUBLE;
    for (int64_t i = 0; i < nn_tensor_count(&tensor) * (is_complex ? 2 : 1); i++)
        set_element(&parts, i, next_word(line));
    return tensor;
}

static int64_t count_words(const char *line) {
    int64_t count = 0;
    for (bool inside = false; *line != '\0'; line++) {
        bool word = *line != ' ' && *line != '\n';
        if (word && !inside) count++;
        inside = word;
    }
    return count;
}

static void read_list(nn_attr *attr, bool is_float, char **line) {
    attr->count = count_words(*line);
    float *floats = keep((size_t)attr->count * sizeof *floats);
    int64_t *ints = keep((size_t)attr->count * sizeof *ints);
    for (int64_t i = 0; i < attr->count; i++) {
        char *word = next_word(line);
        if (is_float)
            floats[i] = strtof(word, NULL);
        else
            ints[i] = strtoll(word, NULL, 10);
    }
    if (is_float)
        attr->floats = floats;
    else
        attr->ints = ints;
}

static void read_attr(op_case *test, char **line) {
    if (test->attrs.count >= OP_CASE_ATTRS) malformed("too many attributes");
    nn_attr *attr = &test->attr_items[test->attrs.count++];
    attr->name = nn_arena_strdup(&texts, next_word(line));
    const char *kind = next_word(line);
    if (strcmp(kind, "int") == 0) {
        attr->kind = NN_ATTR_INT;
        attr->i = strtoll(next_word(line), NULL, 10);
    } else if (strcmp(kind, "float") == 0) {
        attr->kind = NN_ATTR_FLOAT;
        attr->f = strtof(next_word(line), NULL);
    } else if (strcmp(kind, "string") == 0) {
        attr->kind = NN_ATTR_STRING;
        attr->s.bytes = nn_arena_strdup(&texts, next_word(line));
        attr->s.length = (int64_t)strlen(attr->s.bytes);
    } else if (strcmp(kind, "ints") == 0 || strcmp(kind, "floats") == 0) {
        attr->kind = kind[0] == 'i' ? NN_ATTR_INTS : NN_ATTR_FLOATS;
        read_list(attr, kind[0] == 'f', line);
    } else if (strcmp(kind, "strings") == 0) {
        attr->kind = NN_ATTR_STRINGS;
        attr->count = count_words(*line);
        nn_text *list = keep((size_t)attr->count * sizeof *list);
        for (int64_t i = 0; i < attr->count; i++) {
            list[i].bytes = read_text(next_word(line));
            list[i].length = (int64_t)strlen(list[i].bytes);
        }
        attr->strings = list;
    } else if (strcmp(kind, "tensor") == 0) {
        nn_type type = type_named(next_word(line));
        attr->kind = NN_ATTR_TENSOR;
        attr->tensor = keep(sizeof *attr->tensor);
        attr->tensor->tensor = read_tensor(type, line);
    } else {
        malformed("unknown kind of attribute");
    }
}

static void read_value(nn_tensor *tensors, bool *present, int *count, char **line) {
    if (*count >= OP_CASE_TENSORS) malformed("too many tensors");
    const char *type = next_word(line);
    present[*count] = strcmp(type, "none") != 0;
    if (present[*count]) tensors[*count] = read_tensor(type_named(type), line);
    ++*count;
}

static op_case *add_case(const char *name) {
    if (!NN_GROW(cases, case_count, case_capacity)) malformed("out of memory");
    op_case *test = &cases[case_count++];
    *test = (op_case){.name = nn_arena_strdup(&texts, name)};
    return test;
}

static void read_line(op_case **test, char *text) {
    char *line, *key = strtok_r(text, " \n", &line);
    if (key == NULL) return;
    if (strcmp(key, "case") == 0) {
        *test = add_case(next_word(&line));
    } else if (*test == NULL) {
        malformed("line before the first case");
    } else if (strcmp(key, "op") == 0) {
        (*test)->op_type = nn_arena_strdup(&texts, next_word(&line));
        (*test)->opset = atoi(next_word(&line));
        (*test)->domain = nn_arena_strdup(&texts, next_word(&line));
    } else if (strcmp(key, "attr") == 0) {
        read_attr(*test, &line);
    } else if (strcmp(key, "in") == 0) {
        read_value((*test)->in, (*test)->has_in, &(*test)->in_count, &line);
    } else if (strcmp(key, "out") == 0) {
        read_value((*test)->out, (*test)->has_out, &(*test)->out_count, &line);
    } else if (strcmp(key, "within") == 0) {
        (*test)->rtol = strtod(next_word(&line), NULL);
        (*test)->atol = strtod(next_word(&line), NULL);
    } else {
        malformed("unknown key");
    }
}

void op_cases_load(const char *path) {
    file_path = path;
    line_number = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) malformed("cannot be opened");
    char *text = NULL;
    size_t size = 0;
    op_case *test = NULL;
    while (getline(&text, &size, file) >= 0) {
        line_number++;
        read_line(&test, text);
    }
    free(text);
    fclose(file);
    for (int64_t i = 0; i < case_count; i++) cases[i].attrs.items = cases[i].attr_items;
}

void op_cases_clear(void) {
    nn_free(cases);
    cases = NULL;
    case_count = case_capacity = 0;
    nn_arena_clear(&texts);
}

int op_cases_count(void) {
    return (int)case_count;
}

const op_case *op_cases_get(int index) {
    return &cases[index];
}
