#include "ops/family/loops.h"

void nn_dense_steps(const int64_t *dims, int rank, int64_t *steps) {
    int64_t step = 1;
    for (int axis = rank - 1; axis >= 0; axis--) {
        steps[axis] = step;
        step *= dims[axis];
    }
}

void nn_loops_init(nn_loops *loops, const int64_t *dims, int rank) {
    loops->operands = 0;
    loops->rank = rank;
    loops->count = 1;
    for (int axis = 0; axis < rank; axis++) {
        loops->dims[axis] = dims[axis];
        loops->count *= dims[axis];
    }
}

void nn_loops_add(nn_loops *loops, const int64_t *steps) {
    int64_t *own = loops->steps[loops->operands++];
    for (int axis = 0; axis < loops->rank; axis++) own[axis] = steps[axis];
}

void nn_loops_add_broadcast(nn_loops *loops, const int64_t *dims, int rank) {
    int64_t steps[NN_LOOP_RANK], step = 1;
    for (int axis = loops->rank - 1; axis >= 0; axis--) {
        int own = axis - (loops->rank - rank);
        int64_t size = own >= 0 ? dims[own] : 1;
        steps[axis] = size == 1 ? 0 : step;
        step *= size;
    }
    nn_loops_add(loops, steps);
}

void nn_pitch_steps(int64_t *steps, int rank, int64_t channels, int64_t pitch) {
    for (int axis = 0; axis < rank - 1 && pitch != channels; axis++)
        steps[axis] = steps[axis] / channels * pitch;
}

void nn_loops_set_pitch(nn_loops *loops, int64_t channels, int64_t pitch) {
    nn_pitch_steps(loops->steps[loops->operands - 1], loops->rank, channels, pitch);
}

static bool walks_as_one(const nn_loops *loops, int outer, int inner) {
    for (int k = 0; k < loops->operands; k++)
        if (loops->steps[k][outer] != loops->steps[k][inner] * loops->dims[inner]) return false;
    return true;
}

static void move_axis(nn_loops *loops, int to, int from) {
    loops->dims[to] = loops->dims[from];
    for (int k = 0; k < loops->operands; k++) loops->steps[k][to] = loops->steps[k][from];
}

void nn_loops_collapse(nn_loops *loops) {
    int rank = 0;
    for (int axis = 0; axis < loops->rank; axis++) {
        if (loops->dims[axis] == 1) continue;
        if (rank > 0 && walks_as_one(loops, rank - 1, axis)) {
            int64_t size = loops->dims[rank - 1] * loops->dims[axis];
            move_axis(loops, rank - 1, axis);
            loops->dims[rank - 1] = size;
        } else {
            move_axis(loops, rank++, axis);
        }
    }
    if (rank == 0) {
        loops->dims[0] = 1;
        for (int k = 0; k < loops->operands; k++) loops->steps[k][0] = 1;
        rank = 1;
    }
    loops->rank = rank;
}

void nn_cursor_start(nn_cursor *cursor, const nn_loops *loops, int64_t begin, int64_t end) {
    cursor->loops = loops;
    cursor->run = 0;
    cursor->left = end - begin;
    for (int k = 0; k < loops->operands; k++) cursor->offset[k] = 0;
    for (int axis = loops->rank - 1; axis >= 0 && begin < end; axis--) {
        cursor->index[axis] = begin % loops->dims[axis];
        begin /= loops->dims[axis];
        for (int k = 0; k < loops->operands; k++)
            cursor->offset[k] += cursor->index[axis] * loops->steps[k][axis];
        if (begin == 0) {
            for (int outer = axis - 1; outer >= 0; outer--) cursor->index[outer] = 0;
            break;
        }
    }
}

static void leave_run(nn_cursor *cursor) {
    const nn_loops *loops = cursor->loops;
    int axis = loops->rank - 1;
    cursor->index[axis] += cursor->run;
    for (int k = 0; k < loops->operands; k++)
        cursor->offset[k] += cursor->run * loops->steps[k][axis];
    while (axis > 0 && cursor->index[axis] == loops->dims[axis]) {
        cursor->index[axis] = 0;
        for (int k = 0; k < loops->operands; k++)
            cursor->offset[k] +=
                loops->steps[k][axis - 1] - loops->dims[axis] * loops->steps[k][axis];
        cursor->index[--axis]++;
    }
}

int64_t nn_cursor_next(nn_cursor *cursor) {
    if (cursor->left <= 0) return 0;
    if (cursor->run > 0) leave_run(cursor);
    int last = cursor->loops->rank - 1;
    int64_t row = cursor->loops->dims[last] - cursor->index[last];
    cursor->run = row < cursor->left ? row : cursor->left;
    cursor->left -= cursor->run;
    return cursor->run;
}

typedef struct loops_work {
    const nn_loops *loops;
    nn_loops_body body;
    void *argument;
} loops_work;

static void run_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const loops_work *work = argument;
    nn_cursor cursor;
    nn_cursor_start(&cursor, work->loops, begin, end);
    work->body(work->argument, &cursor);
}

void nn_loops_run(const nn_loops *loops, nn_pool *pool, nn_loops_body body, void *argument) {
    loops_work work = {loops, body, argument};
    nn_parallel(pool, loops->count, NN_GRAIN, run_chunk, &work);
}

static bool lies_channels_last(nn_layout layout, int rank) {
    return layout == NN_LAYOUT_CHANNELS_LAST && rank >= 3 && rank <= 5;
}

int nn_physical_axis(nn_layout layout, int rank, int axis) {
    if (!lies_channels_last(layout, rank) || axis == 0) return axis;
    return axis == 1 ? rank - 1 : axis - 1;
}

int nn_logical_axis(nn_layout layout, int rank, int place) {
    if (!lies_channels_last(layout, rank) || place == 0) return place;
    return place == rank - 1 ? 1 : place + 1;
}

void nn_loops_add_input(nn_loops *loops, nn_layout layout, const nn_tensor *input) {
    if (input->rank == loops->rank)
        nn_loops_add_broadcast(loops, input->dims, input->rank);
    else
        nn_loops_add_standard(loops, layout, input->dims, input->rank);
}

void nn_loops_add_standard(nn_loops *loops, nn_layout layout, const int64_t *dims, int rank) {
    nn_loops_add_broadcast(loops, dims, rank);
    int64_t *steps = loops->steps[loops->operands - 1], logical[NN_LOOP_RANK];
    for (int axis = 0; axis < loops->rank; axis++) logical[axis] = steps[axis];
    for (int place = 0; place < loops->rank; place++)
        steps[place] = logical[nn_logical_axis(layout, loops->rank, place)];
}
