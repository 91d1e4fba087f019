#include "ops/family/box_selection.h"

#include "ops/family/copy.h"

#include <stdlib.h>

nn_status nn_box_parse(const nn_node_view *node, const nn_attrs *attrs, void *out) {
    nn_box_attrs *parsed = out;
    int64_t centered;
    NN_TRY(nn_attrs_int(attrs, "center_point_box", 0, &centered));
    if (centered != 0 && centered != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "attribute 'center_point_box' is %lld",
                            (long long)centered);
    parsed->is_centered = centered == 1;
    return NN_OK;
}

static nn_status check_one(const nn_node_view *node, int index) {
    const nn_fact *fact = nn_view_in(node, index);
    int64_t count = fact == NULL || fact->rank < 0 ? -1 : nn_fact_count(fact);
    if (count >= 0 && count != 1)
        return nn_view_fail(node, NN_BAD_INPUT, "input %d must be one number, has %lld", index,
                            (long long)count);
    return NN_OK;
}

static bool differ(int64_t a, int64_t b) {
    return nn_dim_is_known(a) && nn_dim_is_known(b) && a != b;
}

nn_status nn_box_check(const nn_node_view *node) {
    const nn_fact *boxes = node->in[0], *scores = node->in[1];
    NN_TRY(nn_check_types(node, 0, 1, NN_TYPE_BIT(NNOPT_FLOAT)));
    NN_TRY(nn_check_types(node, 2, 2, NN_TYPE_BIT(NNOPT_INT64)));
    NN_TRY(nn_check_types(node, 3, 4, NN_TYPE_BIT(NNOPT_FLOAT)));
    for (int i = 2; i < 5; i++) NN_TRY(check_one(node, i));
    for (int i = 0; i < 2; i++)
        if (node->in[i]->rank >= 0 && node->in[i]->rank != 3)
            return nn_view_fail(node, NN_BAD_INPUT, "input %d must have rank 3, has %d", i,
                                node->in[i]->rank);
    if (boxes->rank == 3 && differ(boxes->dims[2], 4))
        return nn_view_fail(node, NN_BAD_INPUT, "boxes have %lld numbers each, must have 4",
                            (long long)boxes->dims[2]);
    if (boxes->rank == 3 && scores->rank == 3 &&
        (differ(boxes->dims[0], scores->dims[0]) || differ(boxes->dims[1], scores->dims[2]))) {
        char a[200], b[200];
        return nn_view_fail(node, NN_BAD_INPUT, "boxes of shape %s do not fit scores of shape %s",
                            nn_dims_text(boxes->dims, 3, a, sizeof a),
                            nn_dims_text(scores->dims, 3, b, sizeof b));
    }
    return NN_OK;
}

int64_t nn_box_most(const nn_node_view *node) {
    const nn_fact *boxes = node->in[NN_BOXES], *given = nn_view_in(node, NN_BOX_MOST);
    const nn_tensor *most = nn_view_constant(node, NN_BOX_MOST);
    if (given == NULL) return 0;
    if (most == NULL || boxes->rank != 3 || !nn_dim_is_known(boxes->dims[1])) return -1;
    const int64_t value = nn_tensor_get_int(most, 0);
    return value < 0 ? 0 : value < boxes->dims[1] ? value : boxes->dims[1];
}

typedef struct candidate {
    float score;
    int64_t box;
} candidate;

/* The best first; of equal scores the first box. */
static int compare_candidates(const void *first, const void *second) {
    const candidate *a = first, *b = second;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return (a->box > b->box) - (a->box < b->box);
}

typedef struct corners {
    float x[2], y[2];
} corners;

static corners corners_of(const float *box, bool is_centered) {
    if (is_centered) {
        float x = box[2] / 2, y = box[3] / 2;
        return (corners){{box[0] - x, box[0] + x}, {box[1] - y, box[1] + y}};
    }
    bool x_ordered = box[1] <= box[3], y_ordered = box[0] <= box[2];
    return (corners){{box[x_ordered ? 1 : 3], box[x_ordered ? 3 : 1]},
                     {box[y_ordered ? 0 : 2], box[y_ordered ? 2 : 0]}};
}

static float area(const corners *box) {
    return (box->x[1] - box->x[0]) * (box->y[1] - box->y[0]);
}

/* Intersection over union is more than the threshold. */
static bool overlap(const corners *a, const corners *b, float threshold) {
    corners both = {{a->x[0] > b->x[0] ? a->x[0] : b->x[0], a->x[1] < b->x[1] ? a->x[1] : b->x[1]},
                    {a->y[0] > b->y[0] ? a->y[0] : b->y[0], a->y[1] < b->y[1] ? a->y[1] : b->y[1]}};
    if (!(both.x[1] > both.x[0] && both.y[1] > both.y[0])) return false;
    float shared = area(&both), first = area(a), second = area(b);
    float all = first + second - shared;
    if (!(shared > 0 && first > 0 && second > 0 && all > 0)) return false;
    return shared / all > threshold;
}

typedef struct suppression {
    int64_t boxes, most;
    float overlap_limit, score_limit;
    bool has_score_limit, is_centered;
    candidate *candidates; /* of one class */
    corners *kept;         /* of one class */
    nn_box_list *list;
} suppression;

static nn_status keep(suppression *work, int64_t batch, int64_t class, int64_t box) {
    nn_box_list *list = work->list;
    if (list->count == list->capacity) {
        int64_t wanted = list->capacity < 64 ? 64 : list->capacity * 2;
        size_t old = (size_t)list->capacity * 3 * sizeof *list->triples;
        size_t size = (size_t)wanted * 3 * sizeof *list->triples;
        int64_t *grown = nn_realloc(list->triples, old, size);
        if (grown == NULL) return nn_fail_memory(size);
        list->triples = grown;
        list->capacity = wanted;
    }
    int64_t *triple = list->triples + 3 * list->count++;
    triple[0] = batch;
    triple[1] = class;
    triple[2] = box;
    return NN_OK;
}

static nn_status select_class(suppression *work, const float *boxes, const float *scores,
                              int64_t batch, int64_t class) {
    int64_t count = 0, kept = 0;
    for (int64_t i = 0; i < work->boxes; i++) {
        if (scores[i] != scores[i] || (work->has_score_limit && !(scores[i] > work->score_limit)))
            continue;
        work->candidates[count++] = (candidate){scores[i], i};
    }
    qsort(work->candidates, (size_t)count, sizeof *work->candidates, compare_candidates);
    for (int64_t i = 0; i < count && kept < work->most; i++) {
        int64_t box = work->candidates[i].box;
        corners own = corners_of(boxes + 4 * box, work->is_centered);
        bool is_suppressed = false;
        for (int64_t k = 0; k < kept && !is_suppressed; k++)
            is_suppressed = overlap(&own, &work->kept[k], work->overlap_limit);
        if (is_suppressed) continue;
        work->kept[kept++] = own;
        NN_TRY(keep(work, batch, class, box));
    }
    return NN_OK;
}

static nn_status select_all(suppression *work, const nn_tensor *boxes, const nn_tensor *scores) {
    int64_t batches = scores->dims[0], classes = scores->dims[1];
    for (int64_t batch = 0; batch < batches; batch++)
        for (int64_t class = 0; class < classes; class ++)
            NN_TRY(
                select_class(work, (const float *)boxes->data + batch * work->boxes * 4,
                             (const float *)scores->data + (batch * classes + class) * work->boxes,
                             batch, class));
    return NN_OK;
}

nn_status nn_box_select(const nn_call *call, nn_box_list *list) {
    const nn_box_attrs *attrs = call->node->attrs;
    const nn_tensor *most = nn_call_in(call, NN_BOX_MOST),
                    *overlaps = nn_call_in(call, NN_BOX_OVERLAP),
                    *limit = nn_call_in(call, NN_BOX_SCORE_LIMIT);
    suppression work = {
        .boxes = call->in[0]->dims[1], .is_centered = attrs->is_centered, .list = list};
    *list = (nn_box_list){0};
    if (most != NULL) work.most = *(const int64_t *)most->data;
    if (overlaps != NULL) work.overlap_limit = *(const float *)overlaps->data;
    if (limit != NULL) work.score_limit = *(const float *)limit->data;
    work.has_score_limit = limit != NULL;
    if (!(work.overlap_limit >= 0 && work.overlap_limit <= 1))
        return nn_view_fail(call->node, NN_BAD_INPUT, "iou_threshold is %g, outside of 0 to 1",
                            (double)work.overlap_limit);
    if (work.most > work.boxes) work.most = work.boxes;
    nn_status status = NN_OK;
    if (work.most > 0) {
        size_t candidate_bytes = (size_t)work.boxes * sizeof *work.candidates;
        size_t kept_bytes = (size_t)work.most * sizeof *work.kept;
        work.candidates = nn_alloc(candidate_bytes);
        work.kept = nn_alloc(kept_bytes);
        status = work.candidates != NULL && work.kept != NULL
                     ? select_all(&work, call->in[0], call->in[1])
                     : nn_fail_memory(candidate_bytes + kept_bytes);
    }
    nn_free(work.candidates);
    nn_free(work.kept);
    return status;
}
