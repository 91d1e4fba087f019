/* NonMaxSuppression in two, for plans for devices: how much it finds is known only when it has run,
 * so it would be left to the CPU with all that it reads. SelectBoxes has room for the most that can
 * be found and runs on the device; a Slice in the dynamic part takes what there is. */
#include "engine/graph/patch.h"
#include "engine/plan/plan_parts.h"
#include "ops/family/box_selection.h"

/* More triples than this are not worth copying back. */
enum { MOST_ROWS = 1 << 20 };

static bool matches(const nn_node *node) {
    nn_view_storage storage;
    nn_node_view view;
    int64_t rows;
    if (node->op != &nn_op_non_max_suppression || nn_node_is_folded(node)) return false;
    const nn_fact *scores = &node->inputs[NN_BOX_SCORES]->fact;
    if (!nn_fact_is_concrete(scores) || !nn_fact_is_concrete(&node->inputs[NN_BOXES]->fact))
        return false;
    if (nn_node_view_init(node, &storage, &view) != NN_OK) return false;
    const int64_t most = nn_box_most(&view);
    nn_node_view_clear(&storage);
    return most > 0 && nn_mul_size(scores->dims[0] * scores->dims[1], most, &rows) &&
           rows <= MOST_ROWS;
}

static nn_status make_zero(nn_patch *patch, const nn_node *node, nn_value **out) {
    const int64_t one = 1;
    nn_blob *blob;
    NN_TRY(nn_blob_create(NNOPT_INT64, &one, 1, &blob));
    *out = nn_patch_constant(patch, node->name, blob);
    nn_blob_release(blob);
    return NN_OK;
}

static nn_status divide(nn_plan *plan, nn_patch *patch, nn_node *node) {
    nn_value *found[2] = {nn_patch_value(patch, node->name), nn_patch_value(patch, node->name)};
    nn_value *zero;
    NN_TRY(make_zero(patch, node, &zero));
    nn_patch_remove_node(patch, node);
    const nn_node *selection =
        nn_patch_node(patch, "SelectBoxes", "nnopt", node->name, node->inputs, node->in_count,
                      found, 2, &node->attrs, node);
    nn_value *const inputs[4] = {found[0], zero, found[1], zero}; /* rows 0 to what was found */
    const nn_node *slice =
        nn_patch_node(patch, "Slice", "", node->name, inputs, 4, node->outputs, 1, NULL, node);
    if (selection == NULL || slice == NULL) return NN_OK; /* apply says why */
    NN_TRY(nn_covers_merge(&plan->covers, selection, node));
    return nn_covers_merge(&plan->covers, slice, node);
}

static nn_status divide_all(void *argument, nn_patch *patch, bool *taken) {
    nn_plan *plan = ((const nn_plan_edit *)argument)->plan;
    (void)taken;
    for (int64_t i = 0; i < plan->graph->node_count; i++)
        if (matches(plan->graph->nodes[i])) NN_TRY(divide(plan, patch, plan->graph->nodes[i]));
    return NN_OK;
}

nn_status nn_plan_divide_boxes(nn_plan *plan, const nn_plan_request *request) {
    nn_plan_edit edits = {plan, &request->target};
    return nn_patch_edit(plan->graph, "plan", "boxes selected on the device", divide_all, &edits);
}
