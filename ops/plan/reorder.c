#include "ops/plan/reorder.h"

#include "base/integers.h"
#include "base/pool.h"
#include "ops/cpu/float32/rows_f32.h"
#include "ops/cpu/int8/int8_loops.h"

static nn_status parse_layout(const nn_node_view *node, const nn_attrs *attrs, const char *name,
                              nn_layout *out) {
    const char *text;
    NN_TRY(nn_attrs_string(attrs, name, "standard", &text));
    if (strcmp(text, "standard") == 0) {
        *out = NN_LAYOUT_STANDARD;
    } else if (strcmp(text, "channels_last") == 0) {
        *out = NN_LAYOUT_CHANNELS_LAST;
    } else {
        return nn_view_fail(node, NN_BAD_INPUT, "attribute '%s' is '%s', not a layout", name, text);
    }
    return NN_OK;
}

static nn_status parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_reorder_attrs *reorder = out;
    NN_TRY(parse_layout(node, attrs, "from", &reorder->from));
    return parse_layout(node, attrs, "to", &reorder->to);
}

static nn_status infer(const nn_node_view *node) {
    const nn_fact *x = node->in[0];
    if (node->out[0] != NULL) *node->out[0] = nn_fact_make(x->type, x->rank, x->dims);
    return NN_OK;
}

static void cost(const nn_node_view *node, nn_cost *out) {
    (void)node;
    out->flops = 0;
}

/* ---- kernel: each sample is a matrix of `rows` x `columns` to be transposed ---- */

enum {
    TILE = 32, /* elements of a side: a tile of floats is 4 KB to read and 4 KB to write */
    GRAIN_BYTES = 65536, /* worth a thread of its own */
    PIECE = 8192,        /* columns of a piece of work */
};

typedef struct transpose_job {
    const char *in;
    char *out;
    int64_t rows, columns, row_tiles, column_pieces;
    int element_bytes;
} transpose_job;

static void transpose_tile(const uint64_t *restrict in, int64_t in_step, uint64_t *restrict out,
                           int64_t out_step, int64_t columns, int64_t height) {
    for (int64_t column = 0; column < columns; column += TILE) {
        int64_t end = column + TILE < columns ? column + TILE : columns;
        for (int64_t c = column; c < end; c++)
            for (int64_t r = 0; r < height; r++) out[c * out_step + r] = in[r * in_step + c];
    }
}

/* Index i is sample i: images of three planes of bytes. */
static void interleave_samples(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const transpose_job *job = argument;
    int64_t sample_bytes = job->rows * job->columns;
    for (int64_t i = begin; i < end; i++)
        nn_int8_loops_best()->interleave_3((const uint8_t *)job->in + i * sample_bytes,
                                           (uint8_t *)job->out + i * sample_bytes, job->columns);
}

/* Index i is a piece of the columns of a tile of rows of a sample. */
static void transpose_tiles(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const transpose_job *job = argument;
    const int64_t bytes = job->element_bytes, sample_bytes = job->rows * job->columns * bytes;
    for (int64_t i = begin; i < end; i++) {
        const int64_t tile = i / job->column_pieces, column = i % job->column_pieces * PIECE;
        const int64_t sample = tile / job->row_tiles, row = tile % job->row_tiles * TILE;
        const int64_t height = nn_min(job->rows - row, TILE);
        const int64_t columns = nn_min(job->columns - column, PIECE);
        const char *in = job->in + sample * sample_bytes + (row * job->columns + column) * bytes;
        char *out = job->out + sample * sample_bytes + (column * job->rows + row) * bytes;
        switch (job->element_bytes) {
        case 1:
            nn_int8_loops_best()->transpose((const uint8_t *)in, job->columns, (uint8_t *)out,
                                            job->rows, height, columns);
            break;
        case 2:
            nn_rows_f32_best()->transpose_16((const uint16_t *)in, job->columns, (uint16_t *)out,
                                             job->rows, columns, height);
            break;
        case 4:
            nn_rows_f32_best()->transpose((const uint32_t *)in, job->columns, (uint32_t *)out,
                                          job->rows, columns, height);
            break;
        default:
            transpose_tile((const uint64_t *)in, job->columns, (uint64_t *)out, job->rows, columns,
                           height);
            break;
        }
    }
}

static bool accepts(const nn_node_view *node, const nn_target *target) {
    (void)target;
    const nn_reorder_attrs *attrs = node->attrs;
    const nn_fact *x = node->in[0];
    int bits = nn_type_bits(x->type);
    if (attrs->from == attrs->to) return bits > 0;
    return (bits == 8 || bits == 16 || bits == 32 || bits == 64) && x->rank >= 3 && x->rank <= 5;
}

static nn_status run(const nn_call *call) {
    const nn_reorder_attrs *attrs = call->node->attrs;
    const nn_tensor *x = call->in[0];
    nn_tensor *y = call->out[0];
    int64_t bytes = nn_tensor_bytes(x);
    if (bytes == 0) return NN_OK;
    if (attrs->from == attrs->to) {
        memcpy(y->data, x->data, (size_t)bytes);
        return NN_OK;
    }
    int64_t channels = attrs->from == NN_LAYOUT_STANDARD ? x->dims[1] : x->dims[x->rank - 1];
    int64_t places = nn_tensor_count(x) / x->dims[0] / channels;
    bool to_last = attrs->to == NN_LAYOUT_CHANNELS_LAST;
    transpose_job job = {.in = x->data,
                         .out = y->data,
                         .rows = to_last ? channels : places,
                         .columns = to_last ? places : channels,
                         .element_bytes = nn_type_bits(x->type) / 8};
    if (job.rows == 3 && job.element_bytes == 1) {
        nn_parallel(call->pool, x->dims[0], GRAIN_BYTES / (3 * job.columns) + 1, interleave_samples,
                    &job);
        return NN_OK;
    }
    job.row_tiles = nn_divide_up(job.rows, TILE);
    job.column_pieces = nn_divide_up(job.columns, PIECE);
    const int64_t piece_bytes =
        nn_min(job.rows, TILE) * nn_min(job.columns, PIECE) * job.element_bytes;
    nn_parallel(call->pool, x->dims[0] * job.row_tiles * job.column_pieces,
                GRAIN_BYTES / piece_bytes + 1, transpose_tiles, &job);
    return NN_OK;
}

static const nn_kernel reorder_portable = {
    .name = "reorder_portable",
    .isa = NN_ISA_PORTABLE,
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_STANDARD,
    .accepts = accepts,
    .run = run,
};

static const nn_kernel *const kernels[] = {&reorder_portable, NULL};

const nn_op nn_op_reorder = {
    .name = "Reorder",
    .domain = "nnopt",
    .since = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 1,
    .max_outputs = 1,
    .attr_size = sizeof(nn_reorder_attrs),
    .parse = parse,
    .infer = infer,
    .cost = cost,
    .quant = NN_QUANT_MOVES,
    .kernels = kernels,
};
