#include "base/integers.h"
#include "ops/family/ml/tree_ensemble.h"

enum { LANES = NN_TREE_LANES };

#define REAL       float
#define NODE       nn_tree_node_f32
#define WALK(name) name##_f32
#include "ops/family/ml/tree_walk.inc.h"
#undef REAL
#undef NODE
#undef WALK

#define REAL       double
#define NODE       nn_tree_node_f64
#define WALK(name) name##_f64
#include "ops/family/ml/tree_walk.inc.h"
#undef REAL
#undef NODE
#undef WALK

typedef struct tree_work {
    const nn_call *call;
    const nn_tree_ensemble *trees;
    nn_tree_finish finish;
    nn_tree_aggregate aggregate;
    const nn_tensor *x;
    int64_t columns;
    uint32_t *leaves; /* of few samples: [sample][tree] */
} tree_work;

/* The workspace of one thread. */
typedef struct tree_scratch {
    double *scores;                 /* of one sample */
    void *sums, *features, *turned; /* turned NULL: see nn_tree_ensemble.turns */
    uint8_t *seen;
} tree_scratch;

static tree_scratch scratch_of(const tree_work *work, int worker) {
    const nn_tree_ensemble *trees = work->trees;
    size_t real = trees->type == NNOPT_FLOAT ? sizeof(float) : sizeof(double);
    size_t sums = (size_t)(trees->block * trees->target_count);
    char *memory = (char *)work->call->workspace + (size_t)worker * trees->worker_bytes;
    tree_scratch scratch = {.scores = (double *)(void *)memory};
    memory += (size_t)trees->target_count * sizeof(double);
    scratch.sums = memory;
    memory += sums * real;
    scratch.features = memory;
    size_t features = (size_t)(trees->block * work->columns) * real;
    if (work->x->type != trees->type) memory += features;
    if (trees->turns) {
        scratch.turned = memory;
        memory += features;
    }
    scratch.seen = (uint8_t *)memory;
    return scratch;
}

/* Rows [begin, begin + count) in the precision of the trees. */
static const void *load_rows(const tree_work *work, const tree_scratch *scratch, int64_t begin,
                             int64_t count) {
    const nn_tensor *x = work->x;
    int64_t first = begin * work->columns, elements = count * work->columns;
    const void *rows = nn_at(x->data, x->type, first);
    if (x->type == work->trees->type) return rows;
    if (work->trees->type == NNOPT_DOUBLE)
        nn_load_double(x->type, rows, scratch->features, elements);
    else if (x->type == NNOPT_FLOAT16)
        nn_load_float(x->type, rows, scratch->features, elements);
    else
        nn_load_features(x, first, elements, scratch->features);
    return scratch->features;
}

static void finish_sample(const tree_work *work, const tree_scratch *scratch, int64_t sample,
                          int64_t index) {
    int64_t targets = work->trees->target_count, first = index * targets;
    for (int64_t t = 0; t < targets; t++)
        scratch->scores[t] = work->trees->type == NNOPT_FLOAT
                                 ? (double)((const float *)scratch->sums)[first + t]
                                 : ((const double *)scratch->sums)[first + t];
    work->finish(work->call, work->trees, sample, scratch->scores, scratch->seen + first);
}

static void run_samples(void *argument, int64_t begin, int64_t end, int worker) {
    const tree_work *work = argument;
    const nn_tree_ensemble *trees = work->trees;
    tree_scratch scratch = scratch_of(work, worker);
    for (int64_t i = begin; i < end; i += trees->block) {
        int64_t count = end - i < trees->block ? end - i : trees->block;
        const void *rows = load_rows(work, &scratch, i, count);
        if (trees->type == NNOPT_FLOAT)
            block_f32(trees, work->aggregate, rows, work->columns, count, scratch.turned,
                      scratch.sums, scratch.seen);
        else
            block_f64(trees, work->aggregate, rows, work->columns, count, scratch.turned,
                      scratch.sums, scratch.seen);
        for (int64_t k = 0; k < count; k++) finish_sample(work, &scratch, i + k, k);
    }
}

/* A chunk is a range of groups of LANES trees; the rows stand in the scratch of worker 0. */
typedef struct group_work {
    const tree_work *work;
    const void *row;
    nn_tree_walk walk;
    uint32_t *leaves;
} group_work;

static void run_groups(void *argument, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const group_work *group = argument;
    const nn_tree_ensemble *trees = group->work->trees;
    int64_t first = begin * LANES, last = end * LANES;
    if (last > trees->tree_count) last = trees->tree_count;
    if (trees->type == NNOPT_FLOAT)
        trees_f32(trees, group->walk, group->row, first, last, group->leaves);
    else
        trees_f64(trees, group->walk, group->row, first, last, group->leaves);
}

/* Few samples: several trees at once for each. Votes are added in the order of the trees, as they
 * are for many samples. */
static void run_few(tree_work *work, int64_t samples, int64_t grain) {
    const nn_tree_ensemble *trees = work->trees;
    tree_scratch scratch = scratch_of(work, 0);
    for (int64_t i = 0; i < samples; i++) {
        const void *row = load_rows(work, &scratch, i, 1);
        nn_tree_walk walk = trees->type == NNOPT_FLOAT ? walk_of_f32(trees, row, work->columns)
                                                       : walk_of_f64(trees, row, work->columns);
        group_work group = {work, row, walk, work->leaves};
        nn_parallel(work->call->pool, nn_divide_up(trees->tree_count, LANES), grain, run_groups,
                    &group);
        if (trees->type == NNOPT_FLOAT)
            gather_f32(trees, work->aggregate, work->leaves, scratch.sums, scratch.seen);
        else
            gather_f64(trees, work->aggregate, work->leaves, scratch.sums, scratch.seen);
        finish_sample(work, &scratch, i, 0);
    }
}

enum { GRAIN_STEPS = 16384 /* steps down a tree that are worth a thread */ };

nn_status nn_tree_run(const nn_call *call, nn_tree_finish finish) {
    const nn_tree_attrs *attrs = call->node->attrs;
    const nn_tree_ensemble *trees = call->state;
    tree_work work = {.call = call,
                      .trees = trees,
                      .finish = finish,
                      .aggregate = attrs->aggregate,
                      .x = call->in[0],
                      .columns = nn_features_columns(call->in[0])};
    int64_t samples = nn_features_rows(call->in[0]), threads = nn_pool_threads(call->pool);
    double steps = (double)trees->tree_count * (trees->mean_height + 4);
    if (samples < LANES && trees->tree_count > samples) {
        work.leaves =
            (uint32_t *)(void *)((char *)call->workspace + (size_t)threads * trees->worker_bytes);
        double group = LANES * (trees->mean_height + 4);
        run_few(&work, samples, (int64_t)(GRAIN_STEPS / group) + 1);
        return NN_OK;
    }
    int64_t grain = (int64_t)(GRAIN_STEPS / steps) / LANES * LANES + LANES;
    nn_parallel(call->pool, samples, grain, run_samples, &work);
    return NN_OK;
}
