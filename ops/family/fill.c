#include "ops/family/fill.h"

#include "ops/family/loops.h"

typedef struct fill_work {
    char *target;
    const void *value;
    size_t size;
} fill_work;

/* The compiler makes vectors of elements whose size it knows. */
#define FILL(size)                                                                                 \
    for (int64_t i = begin; i < end; i++) memcpy(work.target + i * size, value, size);             \
    return

static void fill_chunk(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const fill_work work = *(const fill_work *)argument;
    char value[16];
    memcpy(value, work.value, work.size);
    switch (work.size) {
    case 1:
        FILL(1);
    case 2:
        FILL(2);
    case 4:
        FILL(4);
    case 8:
        FILL(8);
    default:
        FILL((int64_t)work.size);
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
