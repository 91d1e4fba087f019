#include "ops/family/ml/tree_ensemble.h"

#include <math.h>
#include <stdlib.h>

/* Trees on their way from the attributes to the state. A source is a node of the attributes, by its
 * place; in TreeEnsemble row j of the leaf lists is source node_count + j. */
typedef struct builder {
    const nn_node_view *node;
    const nn_tree_attrs *attrs;
    nn_arena arena;    /* of what follows */
    int64_t count;     /* sources */
    int32_t *yes, *no; /* where a source leads to; -1: it is a leaf */
    uint32_t *roots;   /* sources */
    int64_t root_count;
    int64_t *vote_start; /* of each source, and one more */
    uint32_t *votes;     /* places in the attributes, in the order of sources */
    uint32_t *height;    /* steps to the deepest leaf */
    uint32_t *place;     /* of a source among the nodes of the state, one more than it; 0: none */
    uint32_t *order;     /* the sources in that order */
    int64_t placed, leaf_count, set_count;
} builder;

static nn_status allocate(builder *build, void *out, int64_t count, size_t size) {
    int64_t bytes;
    if (!nn_mul_size(count, (int64_t)size, &bytes)) return nn_fail_memory(SIZE_MAX);
    void *memory = nn_arena_alloc(&build->arena, (size_t)bytes + 1);
    if (memory == NULL) return nn_fail_memory((size_t)bytes);
    memcpy(out, &memory, sizeof memory);
    return NN_OK;
}

/* ---- ids of trees and nodes ---- */

/* Open addressing over (tree, id); a slot holds a source, one more than it. */
typedef struct id_table {
    const int64_t *trees, *ids; /* of the sources; ids NULL: only trees are compared */
    uint32_t *slots;
    uint64_t mask;
} id_table;

static nn_status table_init(builder *build, id_table *table, const int64_t *ids) {
    int64_t size = 4;
    while (size < 2 * build->count) size *= 2;
    *table = (id_table){build->attrs->tree_ids, ids, NULL, (uint64_t)size - 1};
    return allocate(build, &table->slots, size, sizeof *table->slots);
}

static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* The slot that holds the key, or the free one where it belongs. */
static uint32_t *table_slot(const id_table *table, int64_t tree, int64_t id) {
    uint64_t at = mix((uint64_t)tree * 0x9e3779b97f4a7c15u + mix((uint64_t)id));
    for (;; at++) {
        uint32_t *slot = &table->slots[at & table->mask];
        if (*slot == 0) return slot;
        uint32_t source = *slot - 1;
        if (table->trees[source] == tree && (table->ids == NULL || table->ids[source] == id))
            return slot;
    }
}

static nn_status find_child(const builder *build, const id_table *table, int64_t source, int64_t id,
                            int32_t *out) {
    int64_t tree = build->attrs->tree_ids[source];
    uint32_t found = *table_slot(table, tree, id);
    if (found == 0)
        return nn_view_fail(build->node, NN_BAD_INPUT,
                            "node %lld of tree %lld leads to node %lld, which does not exist",
                            (long long)build->attrs->node_ids[source], (long long)tree,
                            (long long)id);
    *out = (int32_t)found - 1;
    return NN_OK;
}

static nn_status find_nodes(builder *build, id_table *table) {
    const nn_tree_attrs *attrs = build->attrs;
    id_table trees;
    NN_TRY(table_init(build, table, attrs->node_ids));
    NN_TRY(table_init(build, &trees, NULL));
    for (int64_t i = 0; i < build->count; i++) {
        uint32_t *slot = table_slot(table, attrs->tree_ids[i], attrs->node_ids[i]);
        if (*slot != 0)
            return nn_view_fail(build->node, NN_BAD_INPUT, "node %lld of tree %lld is given twice",
                                (long long)attrs->node_ids[i], (long long)attrs->tree_ids[i]);
        *slot = (uint32_t)i + 1;
        slot = table_slot(&trees, attrs->tree_ids[i], 0);
        if (*slot != 0) continue;
        *slot = (uint32_t)i + 1;
        build->roots[build->root_count++] = (uint32_t)i;
    }
    return NN_OK;
}

/* Votes in the order of their leaves; those of other nodes are left out. */
static nn_status sort_votes(builder *build, const uint32_t *leaves) {
    const nn_tree_attrs *attrs = build->attrs;
    for (int64_t i = 0; i < attrs->vote_count; i++)
        if (build->yes[leaves[i]] < 0) build->vote_start[leaves[i] + 1]++;
    for (int64_t i = 0; i < build->count; i++) build->vote_start[i + 1] += build->vote_start[i];
    int64_t *next = NULL;
    NN_TRY(allocate(build, &next, build->count, sizeof *next));
    memcpy(next, build->vote_start, (size_t)build->count * sizeof *next);
    for (int64_t i = 0; i < attrs->vote_count; i++)
        if (build->yes[leaves[i]] < 0) build->votes[next[leaves[i]]++] = (uint32_t)i;
    return NN_OK;
}

static nn_status link_by_ids(builder *build) {
    const nn_tree_attrs *attrs = build->attrs;
    id_table table;
    uint32_t *leaves = NULL;
    NN_TRY(find_nodes(build, &table));
    for (int64_t i = 0; i < build->count; i++) {
        nn_tree_mode mode;
        build->yes[i] = build->no[i] = -1;
        if (!nn_tree_mode_of(attrs, i, &mode) || mode == NN_TREE_LEAF) continue;
        NN_TRY(find_child(build, &table, i, attrs->true_ids[i], &build->yes[i]));
        NN_TRY(find_child(build, &table, i, attrs->false_ids[i], &build->no[i]));
    }
    NN_TRY(allocate(build, &leaves, attrs->vote_count, sizeof *leaves));
    for (int64_t i = 0; i < attrs->vote_count; i++) {
        uint32_t found = *table_slot(&table, attrs->vote_trees[i], attrs->vote_nodes[i]);
        if (found == 0)
            return nn_view_fail(build->node, NN_BAD_INPUT,
                                "vote %lld is of node %lld of tree %lld, which does not exist",
                                (long long)i, (long long)attrs->vote_nodes[i],
                                (long long)attrs->vote_trees[i]);
        leaves[i] = found - 1;
    }
    return sort_votes(build, leaves);
}

/* ---- places of TreeEnsemble ---- */

static nn_status find_place(const builder *build, int64_t source, int64_t place, bool is_leaf,
                            int32_t *out) {
    const nn_tree_attrs *attrs = build->attrs;
    int64_t count = is_leaf ? attrs->vote_count : attrs->node_count;
    if (place < 0 || place >= count)
        return nn_view_fail(build->node, NN_BAD_INPUT, "node %lld leads to %s %lld of %lld",
                            (long long)source, is_leaf ? "leaf" : "node", (long long)place,
                            (long long)count);
    *out = (int32_t)(is_leaf ? attrs->node_count + place : place);
    return NN_OK;
}

static nn_status link_by_places(builder *build) {
    const nn_tree_attrs *attrs = build->attrs;
    for (int64_t i = 0; i < attrs->node_count; i++) {
        NN_TRY(find_place(build, i, attrs->true_ids[i], attrs->true_leafs[i] != 0, &build->yes[i]));
        NN_TRY(
            find_place(build, i, attrs->false_ids[i], attrs->false_leafs[i] != 0, &build->no[i]));
    }
    for (int64_t i = 0; i < attrs->vote_count; i++) {
        int64_t source = attrs->node_count + i;
        build->yes[source] = build->no[source] = -1;
        build->votes[i] = (uint32_t)i;
        build->vote_start[source + 1] = i + 1;
    }
    for (int64_t i = 0; i < attrs->root_count; i++) {
        if (attrs->roots[i] < 0 || attrs->roots[i] >= attrs->node_count)
            return nn_view_fail(build->node, NN_BAD_INPUT, "tree %lld begins at node %lld of %lld",
                                (long long)i, (long long)attrs->roots[i],
                                (long long)attrs->node_count);
        build->roots[build->root_count++] = (uint32_t)attrs->roots[i];
    }
    return NN_OK;
}

/* ---- heights and order ---- */

enum { NEW, OPEN, DONE };

/* Finds heights below `root` depth first. A source is open while the way down to the current one
 * leads through it; branches may join, as in chains of tests of equality. */
static nn_status measure(builder *build, uint8_t *state, uint32_t *stack, uint32_t root) {
    int64_t depth = 0;
    stack[depth++] = root;
    while (depth > 0) {
        uint32_t at = stack[depth - 1];
        const int32_t next[2] = {build->no[at], build->yes[at]};
        if (state[at] == NEW && next[0] >= 0) {
            state[at] = OPEN;
            for (int i = 0; i < 2; i++) {
                if (state[next[i]] == OPEN)
                    return nn_view_fail(build->node, NN_BAD_INPUT,
                                        "nodes lead in a circle through place %d", (int)next[i]);
                if (state[next[i]] == NEW) stack[depth++] = (uint32_t)next[i];
            }
            continue;
        }
        if (state[at] == OPEN) {
            uint32_t a = build->height[next[0]], b = build->height[next[1]];
            build->height[at] = 1 + (a > b ? a : b);
        }
        state[at] = DONE;
        depth--;
    }
    return NN_OK;
}

static void place_source(builder *build, int32_t source) {
    if (source < 0 || build->place[source] != 0) return;
    build->order[build->placed++] = (uint32_t)source;
    build->place[source] = (uint32_t)build->placed;
}

/* Breadth first, tree after tree: the first steps of a tree stay within few cache lines. */
static nn_status arrange(builder *build) {
    uint8_t *state = NULL;
    uint32_t *stack = NULL;
    NN_TRY(allocate(build, &state, build->count, sizeof *state));
    NN_TRY(allocate(build, &stack, 2 * build->count + 2, sizeof *stack));
    int64_t next = 0;
    for (int64_t t = 0; t < build->root_count; t++) {
        NN_TRY(measure(build, state, stack, build->roots[t]));
        place_source(build, (int32_t)build->roots[t]);
        for (; next < build->placed; next++) {
            uint32_t source = build->order[next];
            place_source(build, build->no[source]);
            place_source(build, build->yes[source]);
            if (build->yes[source] < 0) build->leaf_count++;
        }
    }
    return NN_OK;
}

/* ---- writing the state ---- */

/* The largest number of the type that is less than x; NaN where there is none. */
static double number_below(nn_type type, double x) {
    if (x == -INFINITY) return NAN;
    return type == NNOPT_FLOAT ? (double)nextafterf((float)x, -INFINITY) : nextafter(x, -INFINITY);
}

/* A node's test as "at most", with its branches exchanged where that takes it. */
typedef struct node_test {
    double threshold;
    uint8_t tests;
    bool exchanged;
} node_test;

static node_test make_test(nn_type type, nn_tree_mode mode, double threshold, bool nan_is_true) {
    node_test test = {.threshold = threshold};
    bool is_above = mode == NN_TREE_GTE || mode == NN_TREE_GT;
    if (mode == NN_TREE_EQ || mode == NN_TREE_NEQ || (is_above && isnan(threshold)))
        test.tests = NN_TREE_TEST_EQUAL; /* nothing equals NaN */
    if (mode == NN_TREE_MEMBER) test.tests = NN_TREE_TEST_MEMBER;
    test.exchanged = mode == NN_TREE_NEQ || (is_above && !isnan(threshold));
    if (mode == NN_TREE_LT || mode == NN_TREE_GTE)
        test.threshold = isnan(threshold) ? threshold : number_below(type, threshold);
    /* NaN differs from everything. */
    if (mode != NN_TREE_NEQ && nan_is_true != test.exchanged) test.tests |= NN_TREE_TEST_NAN;
    return test;
}

typedef struct writer {
    builder *build;
    nn_tree_ensemble *trees;
    uint32_t *roots, *heights, *vote_start, *vote_targets, *set_start;
    uint8_t *tests;
    void *nodes, *weights, *set_values;
    double *base;
} writer;

static void set_real(void *data, nn_type type, int64_t index, double value) {
    if (type == NNOPT_FLOAT)
        ((float *)data)[index] = (float)value;
    else
        ((double *)data)[index] = value;
}

static void write_node(writer *write, int64_t index, double threshold, bool has_number,
                       uint32_t number, uint32_t feature, uint32_t no, uint32_t yes) {
    if (write->trees->type == NNOPT_FLOAT) {
        nn_tree_node_f32 *out = (nn_tree_node_f32 *)write->nodes + index;
        *out = (nn_tree_node_f32){.feature = feature, .next = {no, yes}};
        if (has_number)
            out->leaf = number;
        else
            out->threshold = (float)threshold;
    } else {
        nn_tree_node_f64 *out = (nn_tree_node_f64 *)write->nodes + index;
        *out = (nn_tree_node_f64){.feature = feature, .next = {no, yes}};
        if (has_number)
            out->leaf = number;
        else
            out->threshold = threshold;
    }
}

static void write_leaf(writer *write, int64_t index, uint32_t source, uint32_t leaf) {
    const builder *build = write->build;
    const nn_tree_attrs *attrs = build->attrs;
    nn_tree_ensemble *trees = write->trees;
    int64_t first = build->vote_start[source], end = build->vote_start[source + 1];
    if (trees->votes == NN_TREE_VOTES_ONE) {
        write_node(write, index, nn_tree_number(&attrs->votes, build->votes[first]), false, 0, 0,
                   (uint32_t)index, (uint32_t)index);
        return;
    }
    write_node(write, index, 0, true, leaf, 0, (uint32_t)index, (uint32_t)index);
    bool dense = trees->votes == NN_TREE_VOTES_DENSE;
    int64_t at = dense ? leaf * trees->target_count : (int64_t)write->vote_start[leaf];
    for (int64_t i = first; i < end; i++, at++) {
        uint32_t vote = build->votes[i];
        set_real(write->weights, trees->type, at, nn_tree_number(&attrs->votes, vote));
        if (!dense) write->vote_targets[at] = (uint32_t)attrs->vote_targets[vote];
    }
    if (!dense) write->vote_start[leaf + 1] = (uint32_t)at;
}

/* The number of the set of each node that tests membership, by source. */
static nn_status write_sets(writer *write, uint32_t *set_of);

static nn_status write_nodes(writer *write) {
    builder *build = write->build;
    const nn_tree_attrs *attrs = build->attrs;
    nn_tree_ensemble *trees = write->trees;
    uint32_t *set_of = NULL, leaf = 0, tests = 0;
    NN_TRY(allocate(build, &set_of, build->count, sizeof *set_of));
    NN_TRY(write_sets(write, set_of));
    for (int64_t i = 0; i < build->placed; i++) {
        uint32_t source = build->order[i];
        if (build->yes[source] < 0) {
            write_leaf(write, i, source, leaf++);
            continue;
        }
        nn_tree_mode mode = NN_TREE_LEQ;
        nn_tree_mode_of(attrs, source, &mode);
        bool nan_is_true = attrs->missing != NULL && attrs->missing[source] != 0;
        double threshold = nn_tree_number(&attrs->thresholds, source);
        if (trees->type == NNOPT_FLOAT) threshold = (float)threshold;
        node_test test = make_test(trees->type, mode, threshold, nan_is_true);
        uint32_t no = build->place[build->no[source]] - 1;
        uint32_t yes = build->place[build->yes[source]] - 1;
        write->tests[i] = test.tests;
        tests |= test.tests;
        write_node(write, i, test.threshold, mode == NN_TREE_MEMBER, set_of[source],
                   (uint32_t)attrs->features[source] * NN_TREE_LANES, test.exchanged ? yes : no,
                   test.exchanged ? no : yes);
    }
    trees->walk = tests == 0                  ? NN_TREE_WALK_PLAIN
                  : tests == NN_TREE_TEST_NAN ? NN_TREE_WALK_NAN
                                              : NN_TREE_WALK_GENERAL;
    return NN_OK;
}

static int compare_floats(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static nn_status write_sets(writer *write, uint32_t *set_of) {
    const builder *build = write->build;
    const nn_tree_attrs *attrs = build->attrs;
    bool is_float = write->trees->type == NNOPT_FLOAT;
    int64_t next = 0, stored = 0, set = 0;
    for (int64_t i = 0; i < attrs->node_count; i++) {
        nn_tree_mode mode;
        if (!nn_tree_mode_of(attrs, i, &mode) || mode != NN_TREE_MEMBER) continue;
        if (next >= attrs->members.count)
            return nn_view_fail(build->node, NN_BAD_INPUT,
                                "'membership_values' has no set for node %lld", (long long)i);
        set_of[i] = (uint32_t)set;
        int64_t first = stored;
        for (; next < attrs->members.count; next++) {
            double value = nn_tree_number(&attrs->members, next);
            if (isnan(value)) break;
            set_real(write->set_values, write->trees->type, stored++, value);
        }
        next++;
        size_t size = is_float ? sizeof(float) : sizeof(double);
        qsort((char *)write->set_values + (size_t)first * size, (size_t)(stored - first), size,
              is_float ? compare_floats : compare_doubles);
        write->set_start[++set] = (uint32_t)stored;
    }
    return NN_OK;
}

/* ---- planning the state ---- */

static bool is_double(const nn_tree_numbers *numbers) {
    return numbers->floats == NULL && numbers->tensor != NULL &&
           numbers->tensor->type == NNOPT_DOUBLE;
}

static void describe_votes(const builder *build, nn_tree_ensemble *trees) {
    const nn_tree_attrs *attrs = build->attrs;
    bool one = true, dense = true, same = true;
    trees->votes_are_positive = true;
    for (int64_t i = 0; i < attrs->vote_count; i++) {
        if (nn_tree_number(&attrs->votes, i) < 0) trees->votes_are_positive = false;
        if (attrs->vote_targets[i] != attrs->vote_targets[0]) same = false;
    }
    for (int64_t i = 0; i < build->placed; i++) {
        uint32_t source = build->order[i];
        if (build->yes[source] >= 0) continue;
        int64_t first = build->vote_start[source], count = build->vote_start[source + 1] - first;
        if (count != 1) one = false;
        if (count != trees->target_count) dense = false;
        for (int64_t k = 0; dense && k < count; k++)
            dense = attrs->vote_targets[build->votes[first + k]] == k;
    }
    same = same && attrs->vote_count > 0;
    trees->votes_for_one = same && trees->target_count == 2;
    trees->only_target = same ? attrs->vote_targets[0] : 0;
    if (one && same)
        trees->votes = NN_TREE_VOTES_ONE;
    else
        trees->votes = dense ? NN_TREE_VOTES_DENSE : NN_TREE_VOTES_SPARSE;
}

/* Cuts pieces out of one block, or only measures it while base is NULL. */
typedef struct carver {
    char *base;
    size_t used;
} carver;

static void *carve(carver *carve_, int64_t count, size_t size) {
    void *piece = carve_->base != NULL ? carve_->base + carve_->used : NULL;
    carve_->used += ((size_t)count * size + NN_ALIGNMENT - 1) & ~(size_t)(NN_ALIGNMENT - 1);
    return piece;
}

static void carve_all(carver *block, writer *write) {
    const builder *build = write->build;
    const nn_tree_ensemble *trees = write->trees;
    bool is_float = trees->type == NNOPT_FLOAT;
    size_t real = is_float ? sizeof(float) : sizeof(double);
    int64_t weights = trees->votes == NN_TREE_VOTES_ONE ? 0 : build->vote_start[build->count];
    bool sparse = trees->votes == NN_TREE_VOTES_SPARSE;
    carve(block, 1, sizeof *trees);
    write->nodes =
        carve(block, build->placed, is_float ? sizeof(nn_tree_node_f32) : sizeof(nn_tree_node_f64));
    write->tests = carve(block, build->placed, sizeof *write->tests);
    write->roots = carve(block, build->root_count, sizeof *write->roots);
    write->heights = carve(block, build->root_count, sizeof *write->heights);
    write->weights = carve(block, weights, real);
    write->vote_start = carve(block, sparse ? build->leaf_count + 1 : 0, sizeof(uint32_t));
    write->vote_targets = carve(block, sparse ? weights : 0, sizeof(uint32_t));
    write->set_start = carve(block, build->attrs->node_count + 1, sizeof(uint32_t));
    write->set_values = carve(block, build->attrs->members.count, real);
    write->base = carve(block, build->attrs->base.count, sizeof(double));
}

static void write_trees(writer *write) {
    const builder *build = write->build;
    const nn_tree_attrs *attrs = build->attrs;
    nn_tree_ensemble *trees = write->trees;
    double sum = 0;
    for (int64_t t = 0; t < build->root_count; t++) {
        uint32_t height = build->height[build->roots[t]];
        write->roots[t] = build->place[build->roots[t]] - 1;
        write->heights[t] = height;
        if (height > trees->height) trees->height = height;
        sum += height;
    }
    trees->mean_height = sum / (double)build->root_count;
    for (int64_t i = 0; i < attrs->base.count; i++)
        write->base[i] = nn_tree_number(&attrs->base, i);
    trees->roots = write->roots;
    trees->heights = write->heights;
    trees->nodes = write->nodes;
    trees->tests = write->tests;
    trees->vote_start = write->vote_start;
    trees->vote_targets = write->vote_targets;
    trees->weights = write->weights;
    trees->set_start = write->set_start;
    trees->set_values = write->set_values;
    trees->base = write->base;
    trees->base_count = attrs->base.count;
    trees->tree_count = build->root_count;
    trees->leaf_count = build->leaf_count;
}

static nn_status build_trees(builder *build, nn_type type, nn_prepare *prepare,
                             nn_tree_ensemble **out) {
    const nn_tree_attrs *attrs = build->attrs;
    bool by_places = attrs->modes != NULL;
    build->count = attrs->node_count + (by_places ? attrs->vote_count : 0);
    NN_TRY(allocate(build, &build->yes, build->count, sizeof *build->yes));
    NN_TRY(allocate(build, &build->no, build->count, sizeof *build->no));
    NN_TRY(allocate(build, &build->roots, by_places ? attrs->root_count : build->count,
                    sizeof *build->roots));
    NN_TRY(allocate(build, &build->vote_start, build->count + 1, sizeof *build->vote_start));
    NN_TRY(allocate(build, &build->votes, attrs->vote_count, sizeof *build->votes));
    NN_TRY(allocate(build, &build->height, build->count, sizeof *build->height));
    NN_TRY(allocate(build, &build->place, build->count, sizeof *build->place));
    NN_TRY(allocate(build, &build->order, build->count, sizeof *build->order));
    NN_TRY(by_places ? link_by_places(build) : link_by_ids(build));
    NN_TRY(arrange(build));

    nn_tree_ensemble trees = {.type = type, .target_count = attrs->target_count};
    describe_votes(build, &trees);
    writer write = {.build = build, .trees = &trees};
    carver block = {0};
    carve_all(&block, &write);
    block = (carver){.base = nn_prepare_state(prepare, block.used)};
    if (block.base == NULL) return nn_fail_memory(block.used);
    carve_all(&block, &write);
    write_trees(&write);
    NN_TRY(write_nodes(&write));
    memcpy(block.base, &trees, sizeof trees);
    *out = (nn_tree_ensemble *)(void *)block.base;
    return NN_OK;
}

enum {
    BLOCK = 64,               /* samples: their sums and the tree stay in the first cache */
    TURNED_COLUMNS = 512,     /* more features than that are read where they are */
    BLOCK_BYTES = 256 * 1024, /* of converted features, and of sums */
};

static nn_status plan_workspace(const nn_node_view *node, const nn_target *target,
                                nn_tree_ensemble *trees, nn_prepare *prepare) {
    const nn_fact *x = node->in[0];
    int64_t real = trees->type == NNOPT_FLOAT ? sizeof(float) : sizeof(double);
    int64_t columns = x->dims[x->rank - 1], copies = x->type != trees->type;
    trees->turns = columns <= TURNED_COLUMNS && trees->walk != NN_TREE_WALK_GENERAL;
    if (trees->turns) copies++;
    int64_t sample, bytes, targets, total, leaves;
    bool fits = nn_mul_size(columns, copies, &sample) &&
                nn_add_size(sample, trees->target_count, &sample) &&
                nn_mul_size(sample, real, &sample) &&
                nn_add_size(sample, trees->target_count, &sample);
    if (!fits) return nn_fail_memory(SIZE_MAX);
    trees->block = BLOCK;
    while (trees->block > NN_TREE_LANES && trees->block * sample > BLOCK_BYTES) trees->block /= 2;
    fits = nn_mul_size(trees->block, sample, &bytes) &&
           nn_mul_size(trees->target_count, sizeof(double), &targets) &&
           nn_add_size(bytes, targets + 4 * NN_ALIGNMENT, &bytes) &&
           nn_mul_size(bytes, target->threads > 0 ? target->threads : 1, &total) &&
           nn_mul_size(trees->tree_count, NN_TREE_LANES * sizeof(uint32_t), &leaves) &&
           nn_add_size(total, leaves, &total);
    if (!fits) return nn_fail_memory(SIZE_MAX);
    trees->worker_bytes = (size_t)bytes & ~(size_t)(NN_ALIGNMENT - 1);
    nn_prepare_workspace(prepare, (size_t)total);
    return NN_OK;
}

nn_status nn_tree_prepare(const nn_node_view *node, const nn_target *target, nn_prepare *prepare) {
    const nn_tree_attrs *attrs = node->attrs;
    bool doubles = node->in[0]->type == NNOPT_DOUBLE || is_double(&attrs->thresholds) ||
                   is_double(&attrs->votes) || is_double(&attrs->base) ||
                   is_double(&attrs->members);
    builder build = {.node = node, .attrs = attrs};
    nn_tree_ensemble *trees = NULL;
    nn_status status = build_trees(&build, doubles ? NNOPT_DOUBLE : NNOPT_FLOAT, prepare, &trees);
    nn_arena_clear(&build.arena);
    NN_TRY(status);
    return plan_workspace(node, target, trees, prepare);
}
