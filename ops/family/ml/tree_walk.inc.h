/* Walks down trees for one precision: REAL, NODE and WALK(name) are defined by the including file.
 * LANES walks go on in turn, so that the loads of one wait while the others compute. */

/* One step of every lane; a lane at a leaf stays there. `X(lane, feature)` is the feature's value,
 * and features stand LANES apart in nodes. */
#define STEP(X)                                                                                    \
    _Pragma("GCC unroll 16") for (int lane = 0; lane < LANES; lane++) {                            \
        const NODE *node = &nodes[at[lane]];                                                       \
        at[lane] = node->next[X(lane, node->feature) <= node->threshold];                          \
    }
#define STEP_NAN(X)                                                                                \
    _Pragma("GCC unroll 16") for (int lane = 0; lane < LANES; lane++) {                            \
        const NODE *node = &nodes[at[lane]];                                                       \
        const REAL x = X(lane, node->feature);                                                     \
        at[lane] = node->next[(x <= node->threshold) | ((x != x) & tests[at[lane]])];              \
    }
#define OF_ROW(lane, feature)    rows[lane][(feature) / LANES]
#define OF_COLUMN(lane, feature) columns[(feature) + (uint32_t)(lane)]

static inline bool WALK(arrived)(const NODE *nodes, const uint32_t *at) {
    bool all = true;
    for (int lane = 0; lane < LANES; lane++) all &= nodes[at[lane]].next[0] == at[lane];
    return all;
}

/* Repeats `step` at most `height` times, and looks now and then whether all lanes have arrived. */
#define DESCEND(step)                                                                              \
    for (uint32_t left = height, run; left > 0 && !WALK(arrived)(nodes, at); left -= run) {        \
        run = left < 4 ? left : 4;                                                                 \
        for (uint32_t done = 0; done < run; done++) {                                              \
            step                                                                                   \
        }                                                                                          \
    }

static bool WALK(is_member)(const nn_tree_ensemble *trees, uint32_t set, REAL x) {
    const REAL *values = trees->set_values;
    uint32_t low = trees->set_start[set], high = trees->set_start[set + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (values[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low < trees->set_start[set + 1] && values[low] == x;
}

static uint32_t WALK(general)(const nn_tree_ensemble *trees, const REAL *row, uint32_t at) {
    const NODE *nodes = trees->nodes;
    while (nodes[at].next[0] != at || nodes[at].next[1] != at) {
        const NODE *node = &nodes[at];
        const uint8_t test = trees->tests[at];
        const REAL x = row[node->feature / LANES];
        bool yes;
        if (x != x)
            yes = test & NN_TREE_TEST_NAN;
        else if (test & NN_TREE_TEST_MEMBER)
            yes = WALK(is_member)(trees, node->leaf, x);
        else if (test & NN_TREE_TEST_EQUAL)
            yes = x == node->threshold;
        else
            yes = x <= node->threshold;
        at = node->next[yes];
    }
    return at;
}

/* How features without NaN are walked: as if no node tested it. */
static nn_tree_walk WALK(walk_of)(const nn_tree_ensemble *trees, const REAL *x, int64_t count) {
    if (trees->walk != NN_TREE_WALK_NAN) return trees->walk;
    int found = 0;
    for (int64_t i = 0; i < count; i++) found |= x[i] != x[i];
    return found ? NN_TREE_WALK_NAN : NN_TREE_WALK_PLAIN;
}

/* Takes every lane from at[lane] to its leaf, at most `height` steps away. */
static void WALK(down_rows)(const nn_tree_ensemble *trees, nn_tree_walk walk, uint32_t height,
                            const REAL *const *rows, uint32_t *out) {
    const NODE *nodes = trees->nodes;
    const uint8_t *tests = trees->tests;
    uint32_t at[LANES];
    memcpy(at, out, sizeof at);
    if (walk == NN_TREE_WALK_GENERAL) {
        for (int lane = 0; lane < LANES; lane++)
            at[lane] = WALK(general)(trees, rows[lane], at[lane]);
    } else if (walk == NN_TREE_WALK_NAN) {
        DESCEND(STEP_NAN(OF_ROW))
    } else {
        DESCEND(STEP(OF_ROW))
    }
    memcpy(out, at, sizeof at);
}

/* The same from one root for samples whose values of a feature stand side by side. */
static void WALK(down_columns)(const nn_tree_ensemble *trees, nn_tree_walk walk, int64_t tree,
                               const REAL *columns, uint32_t *out) {
    const NODE *nodes = trees->nodes;
    const uint8_t *tests = trees->tests;
    const uint32_t height = trees->heights[tree], root = trees->roots[tree];
    uint32_t at[LANES];
    for (int lane = 0; lane < LANES; lane++) at[lane] = root;
    if (walk == NN_TREE_WALK_NAN)
        DESCEND(STEP_NAN(OF_COLUMN))
    else
        DESCEND(STEP(OF_COLUMN))
    memcpy(out, at, sizeof at);
}

/* Adds the votes of the leaf at `node` to the sums of one sample. */
static void WALK(vote)(const nn_tree_ensemble *trees, nn_tree_aggregate aggregate, const NODE *node,
                       REAL *sums, uint8_t *seen) {
    int64_t first = 0, count = trees->target_count;
    const REAL *weights = trees->weights;
    const uint32_t *targets = NULL;
    if (trees->votes == NN_TREE_VOTES_ONE) {
        weights = &node->threshold;
        sums += trees->only_target;
        seen += trees->only_target;
        count = 1;
    } else if (trees->votes == NN_TREE_VOTES_DENSE) {
        weights += node->leaf * count;
    } else {
        first = trees->vote_start[node->leaf];
        count = trees->vote_start[node->leaf + 1] - first;
        weights += first;
        targets = trees->vote_targets + first;
    }
    bool adds = aggregate == NN_TREE_SUM || aggregate == NN_TREE_AVERAGE;
    if (adds && targets == NULL) {
        for (int64_t i = 0; i < count; i++) sums[i] += weights[i];
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t t = targets != NULL ? targets[i] : i;
        if (adds)
            sums[t] += weights[i];
        else if (!seen[t] ||
                 (aggregate == NN_TREE_MIN ? weights[i] < sums[t] : weights[i] > sums[t]))
            sums[t] = weights[i];
        seen[t] = 1;
    }
}

/* What every vote of the ensemble needs before the first one. */
static void WALK(start)(const nn_tree_ensemble *trees, nn_tree_aggregate aggregate, int64_t samples,
                        REAL *sums, uint8_t *seen) {
    size_t count = (size_t)(samples * trees->target_count);
    bool adds = aggregate == NN_TREE_SUM || aggregate == NN_TREE_AVERAGE;
    memset(sums, 0, count * sizeof *sums);
    memset(seen, adds && trees->votes == NN_TREE_VOTES_DENSE, count);
    if (trees->votes == NN_TREE_VOTES_ONE && adds)
        for (int64_t i = 0; i < samples; i++)
            seen[i * trees->target_count + trees->only_target] = 1;
}

/* Groups of LANES samples, feature by feature; the last group is filled up with its first sample.
 */
static void WALK(turn)(const REAL *x, int64_t columns, int64_t samples, REAL *turned) {
    for (int64_t s = 0; s < samples; s += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
            const REAL *row = x + (s + lane < samples ? s + lane : s) * columns;
            for (int64_t i = 0; i < columns; i++) turned[i * LANES + lane] = row[i];
        }
        turned += columns * LANES;
    }
}

/* Sums of at most trees->block samples. `turned` NULL: the features are read where they are. */
static void WALK(block)(const nn_tree_ensemble *trees, nn_tree_aggregate aggregate, const REAL *x,
                        int64_t columns, int64_t samples, REAL *turned, REAL *sums, uint8_t *seen) {
    const NODE *nodes = trees->nodes;
    int64_t targets = trees->target_count;
    bool adds = aggregate == NN_TREE_SUM || aggregate == NN_TREE_AVERAGE;
    nn_tree_walk walk = WALK(walk_of)(trees, x, samples * columns);
    WALK(start)(trees, aggregate, samples, sums, seen);
    if (turned != NULL) WALK(turn)(x, columns, samples, turned);
    for (int64_t t = 0; t < trees->tree_count; t++) {
        for (int64_t s = 0; s < samples; s += LANES) {
            uint32_t at[LANES];
            int lanes = samples - s < LANES ? (int)(samples - s) : LANES;
            if (turned != NULL) {
                WALK(down_columns)(trees, walk, t, turned + s * columns, at);
            } else {
                const REAL *rows[LANES];
                for (int lane = 0; lane < LANES; lane++) {
                    rows[lane] = x + (s + (lane < lanes ? lane : 0)) * columns;
                    at[lane] = trees->roots[t];
                }
                WALK(down_rows)(trees, walk, trees->heights[t], rows, at);
            }
            if (adds && trees->votes == NN_TREE_VOTES_ONE) {
                REAL *sum = sums + s * targets + trees->only_target;
                for (int lane = 0; lane < lanes; lane++)
                    sum[lane * targets] += nodes[at[lane]].threshold;
                continue;
            }
            for (int lane = 0; lane < lanes; lane++) WALK(vote)
            (trees, aggregate, &nodes[at[lane]], sums + (s + lane) * targets,
             seen + (s + lane) * targets);
        }
    }
}

/* Leaves of trees [begin, end) for one sample. */
static void WALK(trees)(const nn_tree_ensemble *trees, nn_tree_walk walk, const REAL *x,
                        int64_t begin, int64_t end, uint32_t *leaves) {
    const REAL *rows[LANES];
    for (int lane = 0; lane < LANES; lane++) rows[lane] = x;
    for (int64_t t = begin; t < end; t += LANES) {
        uint32_t at[LANES], height = 0;
        int lanes = end - t < LANES ? (int)(end - t) : LANES;
        for (int lane = 0; lane < LANES; lane++) {
            int64_t tree = t + (lane < lanes ? lane : 0);
            at[lane] = trees->roots[tree];
            if (trees->heights[tree] > height) height = trees->heights[tree];
        }
        WALK(down_rows)(trees, walk, height, rows, at);
        memcpy(leaves + t, at, (size_t)lanes * sizeof *at);
    }
}

/* Sums of one sample from the leaves of all trees. */
static void WALK(gather)(const nn_tree_ensemble *trees, nn_tree_aggregate aggregate,
                         const uint32_t *leaves, REAL *sums, uint8_t *seen) {
    const NODE *nodes = trees->nodes;
    WALK(start)(trees, aggregate, 1, sums, seen);
    for (int64_t t = 0; t < trees->tree_count; t++)
        WALK(vote)(trees, aggregate, &nodes[leaves[t]], sums, seen);
}

#undef STEP
#undef STEP_NAN
#undef OF_ROW
#undef OF_COLUMN
#undef DESCEND
