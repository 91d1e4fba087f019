#include "ops/family/copy.h"

#include "base/integers.h"
#include "ops/cpu/float32/rows_f32.h"

enum {
    TILE = 16,      /* elements: a tile's rows and columns share cache lines on both sides; */
    TALL_TILE = 32, /* rows where elements have 2 bytes */
    SHORT_RUN = 8,  /* elements: an innermost axis below this is not worth a run of its own */
    LONG_RUN = 4 * NN_GRAIN, /* elements: an axis above this is worth several threads */
    REPEAT = 1 << 14,        /* bytes: a source of repetition that stays in the first cache */
};

typedef struct copy_work {
    nn_loops loops; /* operand 0 the target, 1 the source */
    size_t size;
    char *target;
    const char *source;
    /* The innermost axis, taken out of the loops. */
    int64_t columns, target_column, source_column;
    int64_t rows, target_row; /* of the plane that is transposed in tiles */
    int64_t tile_rows;
    int64_t repeats; /* of a dense row, one after the other */
} copy_work;

#define COPY_ROW(suffix, type)                                                                     \
    static void copy_row_##suffix(char *target, int64_t target_step, const char *source,           \
                                  int64_t source_step, int64_t count) {                            \
        type *to = (type *)target;                                                                 \
        const type *from = (const type *)source;                                                   \
        if (source_step == 0 && target_step == 1) {                                                \
            const type value = *from;                                                              \
            for (int64_t i = 0; i < count; i++) to[i] = value;                                     \
        } else if (source_step == 1) {                                                             \
            for (int64_t i = 0; i < count; i++) to[i * target_step] = from[i];                     \
        } else {                                                                                   \
            for (int64_t i = 0; i < count; i++) to[i * target_step] = from[i * source_step];       \
        }                                                                                          \
    }

#define COPY_TILE(suffix, type)                                                                    \
    static void copy_tile_##suffix(char *target, int64_t target_row, const char *source,           \
                                   int64_t source_column, int64_t rows, int64_t columns) {         \
        type *to = (type *)target;                                                                 \
        const type *from = (const type *)source;                                                   \
        for (int64_t r = 0; r < rows; r++)                                                         \
            for (int64_t c = 0; c < columns; c++)                                                  \
                to[r * target_row + c] = from[r + c * source_column];                              \
    }

typedef struct pair {
    uint64_t halves[2];
} pair;

COPY_ROW(1, uint8_t)
COPY_ROW(2, uint16_t)
COPY_ROW(4, uint32_t)
COPY_ROW(8, uint64_t)
COPY_ROW(16, pair)
COPY_TILE(1, uint8_t)
COPY_TILE(8, uint64_t)
COPY_TILE(16, pair)

static void copy_row(size_t size, char *target, int64_t target_step, const char *source,
                     int64_t source_step, int64_t count) {
    if (target_step == 1 && source_step == 1)
        memcpy(target, source, (size_t)count * size);
    else if (size == 1)
        copy_row_1(target, target_step, source, source_step, count);
    else if (size == 2)
        copy_row_2(target, target_step, source, source_step, count);
    else if (size == 4)
        copy_row_4(target, target_step, source, source_step, count);
    else if (size == 8)
        copy_row_8(target, target_step, source, source_step, count);
    else
        copy_row_16(target, target_step, source, source_step, count);
}

static void copy_tile(size_t size, char *target, int64_t target_row, const char *source,
                      int64_t source_column, int64_t rows, int64_t columns) {
    if (size == 1)
        copy_tile_1(target, target_row, source, source_column, rows, columns);
    else if (size == 2)
        nn_rows_f32_best()->transpose_16((const uint16_t *)source, source_column,
                                         (uint16_t *)target, target_row, rows, columns);
    else if (size == 4)
        nn_rows_f32_best()->transpose((const uint32_t *)source, source_column, (uint32_t *)target,
                                      target_row, rows, columns);
    else if (size == 8)
        copy_tile_8(target, target_row, source, source_column, rows, columns);
    else
        copy_tile_16(target, target_row, source, source_column, rows, columns);
}

/* Rows of whole bytes, dense and short: as two moves that may overlap where that is possible, since
 * a call would take longer. */
#define COPY_SHORT(width)                                                                          \
    for (int64_t r = 0; r < rows; r++, target += target_step, source += source_step) {             \
        char low[width], high[width];                                                              \
        memcpy(low, source, width);                                                                \
        memcpy(high, source + bytes - width, width);                                               \
        memcpy(target, low, width);                                                                \
        memcpy(target + bytes - width, high, width);                                               \
    }

static void copy_dense_rows(char *target, int64_t target_step, const char *source,
                            int64_t source_step, int64_t bytes, int64_t rows) {
    if (bytes >= 4 && bytes <= 8) {
        COPY_SHORT(4)
    } else if (bytes > 8 && bytes <= 16) {
        COPY_SHORT(8)
    } else if (bytes > 16 && bytes <= 32) {
        COPY_SHORT(16)
    } else if (bytes > 32 && bytes <= 64) {
        COPY_SHORT(32)
    } else {
        for (int64_t r = 0; r < rows; r++, target += target_step, source += source_step)
            memcpy(target, source, (size_t)bytes);
    }
}

/* A dense row over and over: what is written already is the source of twice as much. */
static void repeat_row(char *target, const char *source, int64_t bytes, int64_t repeats) {
    int64_t total = bytes * repeats, limit = bytes > REPEAT ? bytes : REPEAT / bytes * bytes;
    if (total > 0) memcpy(target, source, (size_t)bytes);
    for (int64_t done = bytes; done < total;) {
        int64_t next = nn_min(done, limit);
        if (next > total - done) next = total - done;
        memcpy(target + done, target, (size_t)next);
        done += next;
    }
}

static void copy_runs(void *argument, nn_cursor *cursor) {
    const copy_work *work = argument;
    const int64_t size = (int64_t)work->size;
    int last = work->loops.rank - 1;
    int64_t target_step = work->loops.steps[0][last] * size;
    int64_t source_step = work->loops.steps[1][last] * size, run;
    bool dense = work->target_column == 1 && work->source_column == 1;
    while ((run = nn_cursor_next(cursor)) > 0) {
        char *target = work->target + cursor->offset[0] * size;
        const char *source = work->source + cursor->offset[1] * size;
        if (work->repeats > 1) {
            for (int64_t r = 0; r < run; r++)
                repeat_row(target + r * target_step, source + r * source_step, work->columns * size,
                           work->repeats);
        } else if (dense) {
            copy_dense_rows(target, target_step, source, source_step, work->columns * size, run);
        } else {
            for (int64_t r = 0; r < run; r++)
                copy_row(work->size, target + r * target_step, work->target_column,
                         source + r * source_step, work->source_column, work->columns);
        }
    }
}

/* One long row is not taken out whole: threads share it. */
static void copy_long_runs(void *argument, nn_cursor *cursor) {
    const copy_work *work = argument;
    const int64_t size = (int64_t)work->size;
    int last = work->loops.rank - 1;
    int64_t run;
    while ((run = nn_cursor_next(cursor)) > 0)
        copy_row(work->size, work->target + cursor->offset[0] * size, work->loops.steps[0][last],
                 work->source + cursor->offset[1] * size, work->loops.steps[1][last], run);
}

static void copy_runs_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    copy_work *work = argument;
    nn_cursor cursor;
    nn_cursor_start(&cursor, &work->loops, begin, end);
    copy_runs(work, &cursor);
}

/* Removes the innermost axis of the loops. */
static void drop_last_axis(nn_loops *loops) {
    int last = loops->rank - 1;
    loops->count /= loops->dims[last];
    loops->dims[last] = 1;
    nn_loops_collapse(loops);
}

/* Takes the innermost axis out of the loops, and the next one where it repeats a dense row. */
static void take_row(copy_work *work) {
    nn_loops *loops = &work->loops;
    int last = loops->rank - 1;
    work->columns = loops->dims[last];
    work->target_column = loops->steps[0][last];
    work->source_column = loops->steps[1][last];
    work->repeats = 1;
    bool dense = work->target_column == 1 && work->source_column == 1;
    bool repeats = dense && last > 0 && loops->steps[1][last - 1] == 0 &&
                   loops->steps[0][last - 1] == work->columns;
    int64_t times = repeats ? loops->dims[last - 1] : 1;
    drop_last_axis(loops);
    if (!repeats || work->columns * times > LONG_RUN) return;
    work->repeats = times;
    drop_last_axis(loops);
}

/* The loops count planes times bands of rows; each is transposed tile by tile. */
static void copy_bands(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const copy_work *work = argument;
    int64_t size = (int64_t)work->size;
    const int64_t height = work->tile_rows, bands = nn_divide_up(work->rows, height);
    int64_t plane = begin / bands, band = begin % bands;
    nn_cursor cursor; /* the divisions of its start take as long as a tile */
    for (int64_t i = begin; i < end; i++, band++) {
        if (band == bands) {
            band = 0;
            plane++;
        }
        if (band == 0 || i == begin) {
            nn_cursor_start(&cursor, &work->loops, plane, plane + 1);
            nn_cursor_next(&cursor);
        }
        const int64_t row = band * height, left = work->rows - row;
        const int64_t rows = nn_min(left, height);
        for (int64_t column = 0; column < work->columns; column += TILE) {
            int64_t columns = work->columns - column < TILE ? work->columns - column : TILE;
            copy_tile(work->size,
                      work->target + (cursor.offset[0] + row * work->target_row + column) * size,
                      work->target_row,
                      work->source + (cursor.offset[1] + row + column * work->source_column) * size,
                      work->source_column, rows, columns);
        }
    }
}

/* Takes the plane out of the loops: the innermost axis of the target, and the axis along which the
 * source is contiguous. False when there is no such plane. */
static bool take_plane(copy_work *work) {
    nn_loops *loops = &work->loops;
    int last = loops->rank - 1, other = -1;
    if (loops->steps[0][last] != 1 || loops->steps[1][last] == 1) return false;
    for (int axis = 0; axis < last; axis++)
        if (loops->steps[1][axis] == 1) other = axis;
    if (other < 0 || loops->dims[other] < 4 || loops->dims[last] < 4) return false;
    work->rows = loops->dims[other];
    work->target_row = loops->steps[0][other];
    work->columns = loops->dims[last];
    work->source_column = loops->steps[1][last];
    loops->count /= work->rows * work->columns;
    loops->dims[other] = 1;
    loops->dims[last] = 1;
    nn_loops_collapse(loops);
    return true;
}

/* The order of the axes does not matter: where the innermost one is short, a longer one along which
 * the source is contiguous takes its place. */
static void lengthen_runs(nn_loops *loops) {
    int last = loops->rank - 1, better = -1;
    if (loops->dims[last] >= SHORT_RUN) return;
    for (int axis = 0; axis < last; axis++)
        if (loops->steps[1][axis] == 1 && loops->dims[axis] > loops->dims[last]) better = axis;
    if (better < 0) return;
    for (int k = -1; k < 2; k++) {
        int64_t *values = k < 0 ? loops->dims : loops->steps[k], moved = values[better];
        for (int axis = better; axis < last; axis++) values[axis] = values[axis + 1];
        values[last] = moved;
    }
}

void nn_copy_strided(nn_pool *pool, size_t size, const int64_t *dims, int rank, void *target,
                     const int64_t *target_steps, const void *source, const int64_t *source_steps) {
    copy_work work = {.size = size, .target = target, .source = source};
    nn_loops_init(&work.loops, dims, rank);
    if (work.loops.count == 0) return;
    nn_loops_add(&work.loops, target_steps);
    nn_loops_add(&work.loops, source_steps);
    nn_loops_collapse(&work.loops);
    if (!take_plane(&work)) {
        lengthen_runs(&work.loops);
        if (work.loops.dims[work.loops.rank - 1] > LONG_RUN) {
            nn_loops_run(&work.loops, pool, copy_long_runs, &work);
            return;
        }
        take_row(&work);
        int64_t grain_rows = NN_GRAIN / (work.columns * work.repeats);
        nn_parallel(pool, work.loops.count, grain_rows > 0 ? grain_rows : 1, copy_runs_chunk,
                    &work);
        return;
    }
    work.tile_rows = size == 2 ? TALL_TILE : TILE;
    int64_t bands = nn_divide_up(work.rows, work.tile_rows);
    int64_t grain = NN_GRAIN / (work.tile_rows * work.columns);
    nn_parallel(pool, work.loops.count * bands, grain > 0 ? grain : 1, copy_bands, &work);
}

size_t nn_element_size(nn_type type) {
    return nn_type_in(type, NN_TYPES_BYTES) ? (size_t)nn_type_bits(type) / 8 : 0;
}

typedef struct move_work {
    char *target;
    const char *source;
} move_work;

static void move_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const move_work *work = argument;
    memcpy(work->target + begin, work->source + begin, (size_t)(end - begin));
}

nn_status nn_copy_run(const nn_call *call) {
    const nn_tensor *in = call->in[0];
    nn_tensor *out = call->out[0];
    if (in->data == out->data) return NN_OK;
    move_work work = {out->data, in->data};
    nn_parallel(call->pool, nn_tensor_bytes(out), 1 << 18, move_chunk, &work);
    return NN_OK;
}

bool nn_moves_bytes(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_element_size(node->in[0]->type) > 0 && nn_epilogue_is_empty(&node->epilogue);
}

static bool is_dense(const nn_node_view *node, const nn_target *target) {
    (void)target;
    return nn_type_bits(node->in[0]->type) > 0 && nn_epilogue_is_empty(&node->epilogue);
}

const nn_kernel nn_copy_kernel = {
    .name = "copy_reference",
    .exactness = NN_EXACT,
    .layout = NN_LAYOUT_STANDARD,
    .in_place = 1,
    .accepts = is_dense,
    .run = nn_copy_run,
};

const nn_kernel *const nn_copy_kernels[] = {&nn_copy_kernel, NULL};

void nn_cost_of_moving(const nn_node_view *node, nn_cost *out) {
    (void)node;
    (void)out;
}

void nn_cost_of_header(const nn_node_view *node, nn_cost *out) {
    (void)node;
    out->bytes_read = 0;
}
