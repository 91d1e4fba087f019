/* Iteration over tensors of one shape with a step per axis and operand: broadcasting,
 * transposition, slices. Nothing is allocated. */
#ifndef NN_FAMILY_LOOPS_H
#define NN_FAMILY_LOOPS_H

#include "ops/op.h"

enum {
    NN_LOOP_OPERANDS = 4,
    NN_LOOP_RANK = 2 * NN_MAX_RANK, /* Tile and block rearrangements split every axis in two */
    NN_GRAIN = 16384,               /* elements that are worth a thread of their own */
};

/* Axes outermost first. Steps count elements; 0 repeats, negative walks backwards. */
typedef struct nn_loops {
    int operands, rank;
    int64_t count; /* product of dims */
    int64_t dims[NN_LOOP_RANK];
    int64_t steps[NN_LOOP_OPERANDS][NN_LOOP_RANK];
} nn_loops;

void nn_loops_init(nn_loops *loops, const int64_t *dims, int rank);
void nn_loops_add(nn_loops *loops, const int64_t *steps); /* one step per axis */
/* Adds an operand of shape `dims`, broadcast to the shape of the loops. */
void nn_loops_add_broadcast(nn_loops *loops, const int64_t *dims, int rank);
/* The pixels of the operand that was added last, of `channels` elements along the last axis, lie
 * `pitch` apart. */
void nn_loops_set_pitch(nn_loops *loops, int64_t channels, int64_t pitch);
/* Drops axes of size 1 and joins axes that every operand walks as one. Rank is at least 1 after. */
void nn_loops_collapse(nn_loops *loops);

/* Row-major steps of a dense tensor. */
void nn_dense_steps(const int64_t *dims, int rank, int64_t *steps);
/* Makes of them those of one whose pixels, of `channels` elements along the last axis, lie `pitch`
 * apart. */
void nn_pitch_steps(int64_t *steps, int rank, int64_t channels, int64_t pitch);

/* Position in loops, which moves from run to run; a run is a piece of the innermost axis. */
typedef struct nn_cursor {
    const nn_loops *loops;
    int64_t left, run;
    int64_t index[NN_LOOP_RANK];
    int64_t offset[NN_LOOP_OPERANDS]; /* elements, at the start of the run */
} nn_cursor;

/* Elements [begin, end) in row-major order of collapsed loops. */
void nn_cursor_start(nn_cursor *cursor, const nn_loops *loops, int64_t begin, int64_t end);
int64_t nn_cursor_next(nn_cursor *cursor); /* length of the next run, 0 when all are done */

/* Calls body with cursors that together cover the loops, in parallel when that is worth it. */
typedef void (*nn_loops_body)(void *argument, nn_cursor *cursor);
void nn_loops_run(const nn_loops *loops, nn_pool *pool, nn_loops_body body, void *argument);

/* Where a logical axis lies in memory, and what a place in memory is logically. */
int nn_physical_axis(nn_layout layout, int rank, int axis);
int nn_logical_axis(nn_layout layout, int rank, int place);

/* Adds an input of a call, broadcast to output 0, whose physical dims the loops have. With channels
 * last, inputs of the rank of output 0 come channels last and others in standard order. */
void nn_loops_add_input(nn_loops *loops, nn_layout layout, const nn_tensor *input);
/* The same for standard order whatever the rank: logical dims. */
void nn_loops_add_standard(nn_loops *loops, nn_layout layout, const int64_t *dims, int rank);

#endif
