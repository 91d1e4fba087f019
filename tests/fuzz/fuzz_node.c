/* libFuzzer target: bytes become one node of any operator, with inputs, constants and attributes,
 * and the model around it is refused or runs. The operator is chosen by a hash of its name, so that
 * inputs keep their meaning when the table grows. */
#include "engine/run/session.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/operator_attrs.h"

#include <math.h>
#include <string.h>

enum {
    MOST_INPUTS = 16,
    MOST_OUTPUTS = 4,
    MOST_ELEMENTS = 4096,
    MOST_LIST = 6,
    MEMORY_BUDGET = 32 << 20, /* bytes that a model may hold; more is NNOPT_NO_MEMORY */
};

/* ---- the bytes ---- */

typedef struct source {
    const uint8_t *at, *end;
} source;

static uint8_t take(source *from) {
    return from->at < from->end ? *from->at++ : 0;
}

static int64_t take_int(source *from) {
    static const int64_t extremes[] = {INT64_MIN, INT64_MAX,        INT32_MIN, INT32_MAX,
                                       -1000,     (int64_t)1 << 40, 1000,      65536};
    int value = (int8_t)take(from);
    if (value >= 120) return extremes[value - 120];
    return value;
}

static float take_float(source *from) {
    static const float values[] = {0,    1,   -1,    0.5f,  2,      1e-30f,   1e30f,     3,
                                   0.1f, 100, -0.0f, 1e10f, -1e10f, INFINITY, -INFINITY, NAN};
    uint8_t value = take(from);
    return value < 128 ? values[value % 16] : (float)(int8_t)value / 8;
}

/* ---- memory ---- */

static size_t held;

/* The size of a block stands in front of it. */
static void *allocate(size_t size, size_t alignment, void *user) {
    (void)user;
    if (size > MEMORY_BUDGET || held + size > MEMORY_BUDGET) return NULL;
    void *block;
    if (posix_memalign(&block, alignment, size + NN_ALIGNMENT) != 0) return NULL;
    memcpy(block, &size, sizeof size);
    __atomic_fetch_add(&held, size, __ATOMIC_RELAXED);
    return (char *)block + NN_ALIGNMENT;
}

static void release(void *memory, void *user) {
    (void)user;
    char *block = (char *)memory - NN_ALIGNMENT;
    size_t size;
    memcpy(&size, block, sizeof size);
    __atomic_fetch_sub(&held, size, __ATOMIC_RELAXED);
    free(block);
}

/* ---- tensors ---- */

static const char *const texts[] = {"", "a", "abc", "1", "-2.5", "nan", "1e400", "\xc3\xa4 b"};
enum { TEXTS = sizeof texts / sizeof *texts };

/* Mostly float32 and int64, which most operators take. */
static nn_type take_type(source *from) {
    uint8_t value = take(from);
    if (value < 96) return NNOPT_FLOAT;
    if (value < 128) return NNOPT_INT64;
    return (nn_type)(1 + value % NNOPT_INT2);
}

static int64_t take_size(source *from) {
    static const uint8_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 33, 64, 100, 0};
    return sizes[take(from) % sizeof sizes];
}

/* Rank, dims: small, with zeros among them. */
static int take_dims(source *from, int64_t *dims) {
    static const uint8_t ranks[] = {4, 1, 2, 3, 0, 5, 4, 1, 2, 3, 4, 1, 6, 8, 4, 12};
    int rank = ranks[take(from) % sizeof ranks];
    for (int i = 0; i < rank; i++) dims[i] = take_size(from);
    return rank;
}

/* Dims beside those of the first input, as operators ask for them. */
static int take_dims_beside(source *from, const nn_fact *first, int64_t *dims) {
    int rank = first->rank;
    switch (take(from) % 10) {
    case 0: /* the same */
    case 1:
        memcpy(dims, first->dims, sizeof first->dims);
        return rank;
    case 2: /* one of each channel */
        dims[0] = rank > 1 ? first->dims[1] : 1;
        return 1;
    case 3: /* one of each element of the last axis */
        dims[0] = rank > 0 ? first->dims[rank - 1] : 1;
        return 1;
    case 4: /* broadcast */
        for (int i = 0; i < rank; i++) dims[i] = take(from) % 2 == 0 ? first->dims[i] : 1;
        return rank;
    case 5: /* weights of a convolution */
        for (int i = 0; i < rank; i++) dims[i] = 1 + take(from) % 4;
        if (rank > 1) dims[1] = first->dims[1];
        return rank;
    case 6: /* the right side of a product */
        if (rank < 2) return take_dims(from, dims);
        memcpy(dims, first->dims, sizeof first->dims);
        dims[rank - 2] = first->dims[rank - 1];
        dims[rank - 1] = take_size(from);
        return rank;
    case 7: /* a scalar */
        return 0;
    case 8: /* one of each axis */
        dims[0] = rank;
        return 1;
    default:
        return take_dims(from, dims);
    }
}

/* The fact of an input or constant; `first` NULL: it is the first. */
static nn_fact take_fact(source *from, const nn_fact *first) {
    int64_t dims[NN_MAX_RANK] = {0}, count = 1;
    uint8_t form = take(from);
    nn_type type = first != NULL && form % 4 < 2 ? first->type : take_type(from);
    int rank = first != NULL ? take_dims_beside(from, first, dims) : take_dims(from, dims);
    for (int i = 0; i < rank; i++) {
        if (count * dims[i] > MOST_ELEMENTS) dims[i] = 1;
        count *= dims[i];
    }
    return nn_fact_make(type, rank, dims);
}

static void fill(source *from, nn_tensor *tensor) {
    int64_t count = nn_tensor_count(tensor);
    uint8_t mode = take(from), seed = take(from);
    if (tensor->type == NNOPT_STRING) {
        for (int64_t i = 0; i < count; i++)
            ((const char **)tensor->data)[i] = texts[(uint64_t)(i * mode + seed) % TEXTS];
        return;
    }
    bool is_complex = tensor->type == NNOPT_COMPLEX64 || tensor->type == NNOPT_COMPLEX128;
    if (mode % 5 == 4 || is_complex) { /* any bits */
        uint32_t state = seed + 1u;
        for (int64_t i = 0; i < nn_tensor_bytes(tensor); i++) {
            state = state * 1664525u + 1013904223u;
            ((uint8_t *)tensor->data)[i] = (uint8_t)(state >> 24);
        }
        return;
    }
    double all = (double)take_int(from);
    for (int64_t i = 0; i < count; i++) {
        double value = all;
        if (mode % 5 == 0) value = (double)take_int(from);
        if (mode % 5 == 1) value = (double)(i % (seed + 1));
        if (mode % 5 == 2) value = (double)take_float(from);
        nn_tensor_set(tensor, i, value);
    }
}

static bool take_blob(source *from, const nn_fact *first, nn_blob **out) {
    nn_fact fact = take_fact(from, first);
    if (fact.type == NNOPT_STRING) fact.type = NNOPT_FLOAT;
    if (nn_blob_create(fact.type, fact.dims, fact.rank, out) != NN_OK) return false;
    fill(from, &(*out)->tensor);
    return true;
}

/* ---- the node ---- */

typedef struct subject {
    nn_graph *graph;
    nn_fact first; /* of input 0, when has_first */
    bool has_first;
    nn_value *values[MOST_INPUTS], *outputs[MOST_OUTPUTS];
    int in_count, out_count;
    nn_tensor inputs[MOST_INPUTS]; /* of the graph: the inputs that are no constants */
    int input_count;
    nn_attr attrs[OPERATOR_ATTRS];
    int attr_count;
    int64_t ints[OPERATOR_ATTRS][MOST_LIST];
    float floats[OPERATOR_ATTRS][MOST_LIST];
    char strings[OPERATOR_ATTRS][32];
} subject;

static bool add_input(subject *self, source *from) {
    uint8_t form = take(from);
    char name[16];
    snprintf(name, sizeof name, "x%d", self->in_count);
    nn_value **value = &self->values[self->in_count++];
    *value = NULL;
    if (form % 16 == 15) return true; /* absent */
    const nn_fact *first = self->has_first ? &self->first : NULL;
    if (nn_graph_add_value(self->graph, name, value) != NN_OK) return false;
    if (form % 2 == 1) {
        nn_blob *blob;
        if (!take_blob(from, first, &blob)) return false;
        if (first == NULL) self->first = nn_fact_of_tensor(&blob->tensor, false);
        self->has_first = true;
        bool added = nn_graph_set_initializer(self->graph, *value, blob) == NN_OK;
        nn_blob_release(blob);
        return added;
    }
    nn_tensor *tensor = &self->inputs[self->input_count];
    (*value)->fact = take_fact(from, first);
    if (first == NULL) self->first = (*value)->fact;
    self->has_first = true;
    tensor->type = (*value)->fact.type;
    tensor->rank = (*value)->fact.rank;
    memcpy(tensor->dims, (*value)->fact.dims, sizeof tensor->dims);
    for (int i = 0; i < tensor->rank && form % 8 == 2; i++) /* dims known at run time only */
        (*value)->fact.dims[i] = NN_DIM_UNKNOWN;
    (*value)->declared = (*value)->fact;
    int64_t count = nn_tensor_count(tensor);
    size_t bytes = tensor->type == NNOPT_STRING ? (size_t)count * sizeof(char *)
                                                : (size_t)nn_tensor_bytes(tensor);
    tensor->data = malloc(bytes > 0 ? bytes : 1);
    if (tensor->data == NULL) return false;
    self->input_count++;
    fill(from, tensor);
    return nn_graph_add_input(self->graph, *value) == NN_OK;
}

static bool add_attr(subject *self, source *from, const char *name, nn_attr_kind kind) {
    uint8_t form = take(from);
    if (form % 4 == 3) return true; /* absent */
    int index = self->attr_count;
    nn_attr *attr = &self->attrs[index];
    *attr = (nn_attr){.name = name, .kind = kind};
    int most = form / 4 % (MOST_LIST + 1);
    switch (kind) {
    case NN_ATTR_INT:
        attr->i = take_int(from);
        break;
    case NN_ATTR_FLOAT:
        attr->f = take_float(from);
        break;
    case NN_ATTR_STRING:
        while (attr->s.length < (int64_t)sizeof self->strings[0] - 1) {
            char c = (char)take(from);
            if (c == '\0') break;
            self->strings[index][attr->s.length++] = c;
        }
        attr->s.bytes = self->strings[index];
        break;
    case NN_ATTR_INTS:
        for (; attr->count < most; attr->count++) self->ints[index][attr->count] = take_int(from);
        attr->ints = self->ints[index];
        break;
    case NN_ATTR_FLOATS:
        for (; attr->count < most; attr->count++)
            self->floats[index][attr->count] = take_float(from);
        attr->floats = self->floats[index];
        break;
    case NN_ATTR_TENSOR:
        if (!take_blob(from, NULL, &attr->tensor)) return false;
        break;
    default:
        return true;
    }
    self->attr_count++;
    return true;
}

static bool add_node(subject *self, source *from, const operator_attrs *row) {
    const nn_op *op = row->op;
    int newest = op->until > 0 ? op->until : 28;
    int version = op->since + take(from) % (newest - op->since + 1);
    if (nn_graph_set_opset(self->graph, op->domain, version) != NN_OK) return false;
    int least = op->min_inputs, most = op->max_inputs < MOST_INPUTS ? op->max_inputs : MOST_INPUTS;
    if (least > MOST_INPUTS || op->min_outputs > MOST_OUTPUTS) return false;
    int count = most > least ? least + take(from) % (most - least + 1) : least;
    for (int i = 0; i < count; i++)
        if (!add_input(self, from)) return false;
    least = op->min_outputs;
    most = op->max_outputs < MOST_OUTPUTS ? op->max_outputs : MOST_OUTPUTS;
    count = most > least ? least + take(from) % (most - least + 1) : least;
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "y%d", i);
        if (nn_graph_add_value(self->graph, name, &self->outputs[self->out_count++]) != NN_OK)
            return false;
    }
    for (int i = 0; i < row->count; i++)
        if (!add_attr(self, from, row->names[i], row->kinds[i])) return false;
    nn_attrs attrs = {self->attrs, self->attr_count};
    nn_node *node;
    return nn_graph_add_node(self->graph, op->name, op->domain, "node", self->values,
                             self->in_count, self->outputs, self->out_count, &attrs,
                             &node) == NN_OK;
}

static bool end_graph(subject *self) {
    for (int i = 0; i < self->out_count; i++)
        if (nn_graph_add_output(self->graph, self->outputs[i]) != NN_OK) return false;
    return nn_graph_sort(self->graph) == NN_OK && nn_graph_infer(self->graph) == NN_OK &&
           nn_graph_verify(self->graph) == NN_OK;
}

/* ---- running ---- */

/* What inference said of an output must be what a run gives. */
static void check_output(const nn_fact *fact, const nn_tensor *output) {
    bool same = fact->type == NNOPT_TYPE_NONE || fact->type == output->type;
    same = same && (fact->rank == NN_RANK_UNKNOWN || fact->rank == output->rank);
    for (int i = 0; same && fact->rank != NN_RANK_UNKNOWN && i < fact->rank; i++)
        same = !nn_dim_is_known(fact->dims[i]) || fact->dims[i] == output->dims[i];
    if (!same) fuzz_fail("an output has another shape or type than was inferred");
}

/* Reads every byte, so that a sanitizer sees memory that is not there. */
static void read_output(const nn_tensor *output) {
    static volatile unsigned sum;
    if (output->type == NNOPT_STRING) {
        for (int64_t i = 0; i < nn_tensor_count(output); i++)
            sum += (unsigned)strlen(((const char *const *)output->data)[i]);
        return;
    }
    const uint8_t *bytes = output->data;
    for (int64_t i = 0, count = nn_tensor_bytes(output); i < count; i++) sum += bytes[i];
}

static void run(const subject *self, nn_model *model, const nn_session_options *options) {
    nn_session *session;
    nn_tensor outputs[MOST_OUTPUTS];
    nn_status status = nn_session_open(model, options, &session);
    if (status == NN_INTERNAL) fuzz_fail("planning broke an invariant");
    if (status != NN_OK) return;
    for (int turn = 0; turn < 2 && status == NN_OK; turn++) {
        status = nnopt_session_run(session, self->inputs, (size_t)self->input_count, outputs);
        if (status == NN_INTERNAL) fuzz_fail("running broke an invariant");
        for (int i = 0; status == NN_OK && i < self->out_count; i++) {
            check_output(&self->outputs[i]->fact, &outputs[i]);
            read_output(&outputs[i]);
        }
    }
    nnopt_session_destroy(session);
}

static const operator_attrs *rows;
static int row_count;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    static const nnopt_allocator budget = {allocate, release, NULL};
    (void)argc;
    (void)argv;
    nnopt_set_allocator(&budget);
    rows = operator_attrs_table(&row_count);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    source from = {bytes, bytes + size};
    subject self = {0};
    nn_model *model = NULL;
    uint16_t key = (uint16_t)(take(&from) << 8);
    key = (uint16_t)(key | take(&from));
    int row = 0;
    while (row + 1 < row_count && rows[row].key < key) row++;
    int threads = 1 + take(&from) % 2;
    if (nn_graph_create("fuzz", &self.graph) != NN_OK) return 0;
    bool made = add_node(&self, &from, &rows[row]) && end_graph(&self);
    for (int i = 0; i < self.attr_count; i++)
        if (self.attrs[i].kind == NN_ATTR_TENSOR) nn_blob_release(self.attrs[i].tensor);
    if (!made)
        nn_graph_destroy(self.graph);
    else if (nn_model_create(self.graph, &model) == NN_OK) {
        run(&self, model, &(nn_session_options){.threads = threads});
        run(&self, model, &(nn_session_options){.threads = 1, .reference_only = true});
        nnopt_model_destroy(model);
    }
    for (int i = 0; i < self.input_count; i++) free(self.inputs[i].data);
    if (held > 0) fuzz_fail("memory stayed after the model went");
    return 0;
}
