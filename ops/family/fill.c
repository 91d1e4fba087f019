#include "ops/family/fill.h"

#include "ops/family/loops.h"

typedef struct fill_work {
    char *target;
    const void *value;
    size_t size;
} fill_work;

static void fill_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const fill_work *work = argument;
    char *start = work->target + (size_t)begin * work->size;
    size_t bytes = (size_t)(end - begin) * work->size, done = work->size;
    if (bytes == 0) return;
    memcpy(start, work->value, work->size);
    while (done < bytes) { /* what is there doubles, up to a piece that stays in cache */
        size_t piece = done < 4096 ? done : 4096 / work->size * work->size;
        if (piece > bytes - done) piece = bytes - done;
        memcpy(start + done, start, piece);
        done += piece;
    }
}

void nn_fill(nn_pool *pool, void *target, const void *value, size_t size, int64_t count) {
    fill_work work = {target, value, size};
    nn_parallel(pool, count, NN_GRAIN, fill_chunk, &work);
}

void nn_fill_zero(nn_type type, void *target, int64_t count) {
    if (type == NNOPT_STRING)
        for (int64_t i = 0; i < count; i++) ((const char **)target)[i] = "";
    else if (count > 0)
        memset(target, 0, (size_t)count * (size_t)nn_type_bits(type) / 8);
}
