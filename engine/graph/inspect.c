#include "engine/graph/inspect.h"

#include "base/cpu.h"
#include "engine/graph/bind.h"
#include "engine/graph/name_table.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- interface ---- */

static void add_value(nn_report *report, cJSON *list, const nn_graph *graph,
                      const nn_value *value) {
    cJSON *record = nn_report_object(report, list, NULL);
    const nn_fact *fact = &value->fact;
    nn_report_set_text(report, record, "name", value->name);
    nn_report_set_text(report, record, "type", nnopt_type_name(fact->type));
    if (fact->rank < 0) {
        nn_report_set_text(report, record, "shape", NULL);
        return;
    }
    cJSON *shape = nn_report_array(report, record, "shape");
    for (int i = 0; i < fact->rank; i++) {
        if (nn_dim_is_known(fact->dims[i]))
            nn_report_add_number(report, shape, (double)fact->dims[i]);
        else
            nn_report_add_text(report, shape, nn_graph_symbol_name(graph, fact->dims[i]));
    }
}

static void add_interface(nn_report *report, const nn_model *model) {
    const nn_graph *graph = model->graph;
    nn_report_set_text(report, report->root, "path", model->path);
    nn_report_set_number(report, report->root, "file_bytes", (double)model->file_bytes);
    nn_report_set_number(report, report->root, "ir_version", (double)model->ir_version);
    nn_report_set_text(report, report->root, "producer", model->producer_name);
    nn_report_set_text(report, report->root, "producer_version", model->producer_version);
    nn_report_set_number(report, report->root, "opset", nn_graph_opset(graph, ""));
    cJSON *opsets = nn_report_array(report, report->root, "opsets");
    for (int64_t i = 0; i < graph->opset_count; i++) {
        const char *domain = graph->opsets[i].domain;
        cJSON *record = nn_report_object(report, opsets, NULL);
        nn_report_set_text(report, record, "domain", domain[0] != '\0' ? domain : "ai.onnx");
        nn_report_set_number(report, record, "version", (double)graph->opsets[i].version);
    }
    cJSON *inputs = nn_report_array(report, report->root, "inputs");
    for (int64_t i = 0; i < graph->input_count; i++)
        add_value(report, inputs, graph, graph->inputs[i]);
    cJSON *outputs = nn_report_array(report, report->root, "outputs");
    for (int64_t i = 0; i < graph->output_count; i++)
        add_value(report, outputs, graph, graph->outputs[i]);
}

/* ---- operators and work ---- */

/* Nodes of one operator. */
typedef struct op_count {
    const nn_node *first;
    int64_t index; /* in order of appearance */
    int64_t count;
    double macs;
    /* Why this build cannot run `refused_count` of them, the first being `refused`. */
    const nn_node *refused;
    int64_t refused_count;
    char reason[160];
} op_count;

typedef struct op_survey {
    op_count *ops;
    int64_t op_count, op_capacity;
    nn_name_table places; /* "domain op" -> index in ops, as its number */
    nn_arena arena;       /* the keys */
    bool is_bound;        /* all input shapes are known */
    int64_t node_count;
    double macs, flops;
    int64_t unknown_costs; /* nodes whose shapes are not known */
    nn_target target;
} op_survey;

static nn_status find_op(op_survey *survey, const nn_node *node, op_count **out) {
    size_t size = strlen(node->domain) + strlen(node->op_type) + 2;
    char *key = nn_arena_alloc(&survey->arena, size);
    if (key == NULL) return nn_fail_memory(size);
    snprintf(key, size, "%s %s", node->domain, node->op_type);
    const nn_name_entry *known = nn_name_table_entry(&survey->places, key);
    if (known != NULL) {
        *out = &survey->ops[known->number];
        return NN_OK;
    }
    if (!NN_GROW(survey->ops, survey->op_count, survey->op_capacity))
        return nn_fail_memory(sizeof **out);
    NN_TRY(nn_name_table_put(&survey->places, key, key));
    nn_name_table_entry(&survey->places, key)->number = survey->op_count;
    *out = &survey->ops[survey->op_count];
    **out = (op_count){.first = node, .index = survey->op_count++};
    return NN_OK;
}

static bool list_is_concrete(const nn_fact *const *facts, int count) {
    for (int i = 0; i < count; i++)
        if (facts[i] != NULL && !nn_fact_is_concrete(facts[i])) return false;
    return true;
}

static bool inputs_are_concrete(const nn_node_view *view) {
    return list_is_concrete(view->in, view->in_count);
}

static bool facts_are_concrete(const nn_node_view *view) {
    return inputs_are_concrete(view) &&
           list_is_concrete((const nn_fact *const *)view->out, view->out_count);
}

/* Computed when a plan is made, if at all. */
static bool is_constant(const nn_node *node) {
    for (int i = 0; i < node->out_count; i++)
        if (node->outputs[i] != NULL && !nn_value_is_constant(node->outputs[i])) return false;
    return true;
}

static void refuse(op_count *op, const nn_node *node, const char *reason) {
    if (op->refused_count++ > 0) return;
    op->refused = node;
    snprintf(op->reason, sizeof op->reason, "%s", reason);
}

/* Kernels are asked where shapes are known; elsewhere having one is the best answer there is. */
static void check_support(const op_survey *survey, const nn_node *node, const nn_node_view *view,
                          op_count *op) {
    char reason[160];
    if (node->op == NULL) {
        snprintf(reason, sizeof reason, "operator not known at opset %d", node->opset);
        refuse(op, node, reason);
    } else if (node->op->is_view || node->op->expand != NULL || is_constant(node)) {
        return;
    } else if (node->op->kernels == NULL || node->op->kernels[0] == NULL) {
        refuse(op, node, "no kernel");
    } else if (survey->is_bound && inputs_are_concrete(view) && !facts_are_concrete(view)) {
        refuse(op, node, "the shape of its output depends on data");
    } else if (facts_are_concrete(view) && nn_kernel_select(view, &survey->target) == NULL) {
        const nn_fact *fact =
            view->in_count > 0 && view->in[0] != NULL ? view->in[0] : view->out[0];
        char text[96];
        snprintf(reason, sizeof reason, "no kernel for %s", nn_fact_text(fact, text, sizeof text));
        refuse(op, node, reason);
    }
}

static nn_status survey_graph(op_survey *survey, const nn_graph *graph);

static nn_status survey_node(op_survey *survey, const nn_node *node) {
    op_count *op = NULL;
    nn_view_storage storage;
    nn_node_view view;
    NN_TRY(find_op(survey, node, &op));
    op->count++;
    survey->node_count++;
    NN_TRY(nn_node_view_init(node, &storage, &view));
    check_support(survey, node, &view, op);
    if (node->op != NULL && !is_constant(node)) {
        nn_cost cost = {0};
        if (facts_are_concrete(&view))
            nn_op_cost(&view, &cost);
        else
            survey->unknown_costs++;
        op->macs += cost.macs;
        survey->macs += cost.macs;
        survey->flops += cost.flops;
    } else if (node->op == NULL) {
        survey->unknown_costs++;
    }
    nn_node_view_clear(&storage);
    for (int64_t i = 0; i < node->attrs.count; i++)
        if (node->attrs.items[i].kind == NN_ATTR_GRAPH)
            NN_TRY(survey_graph(survey, node->attrs.items[i].graph));
    return NN_OK;
}

static nn_status survey_graph(op_survey *survey, const nn_graph *graph) {
    for (int64_t i = 0; i < graph->node_count; i++) NN_TRY(survey_node(survey, graph->nodes[i]));
    return NN_OK;
}

static const char *domain_name(const nn_node *node) {
    return node->domain[0] != '\0' ? node->domain : "ai.onnx";
}

/* The most frequent first, then in the order of the graph. */
static int compare_ops(const void *a, const void *b) {
    const op_count *one = a, *other = b;
    if (one->count != other->count) return one->count > other->count ? -1 : 1;
    return one->index < other->index ? -1 : 1;
}

static void add_ops(nn_report *report, const op_survey *survey) {
    cJSON *ops = nn_report_array(report, report->root, "ops");
    cJSON *unsupported = nn_report_array(report, report->root, "unsupported");
    for (int64_t i = 0; i < survey->op_count; i++) {
        const op_count *op = &survey->ops[i];
        cJSON *record = nn_report_object(report, ops, NULL);
        nn_report_set_text(report, record, "op", op->first->op_type);
        nn_report_set_text(report, record, "domain", domain_name(op->first));
        nn_report_set_number(report, record, "count", (double)op->count);
        nn_report_set_number(report, record, "macs", op->macs);
        if (op->refused_count == 0) continue;
        record = nn_report_object(report, unsupported, NULL);
        nn_report_set_text(report, record, "op", op->first->op_type);
        nn_report_set_text(report, record, "domain", domain_name(op->first));
        nn_report_set_number(report, record, "opset", op->first->opset);
        nn_report_set_number(report, record, "count", (double)op->refused_count);
        nn_report_set_text(report, record, "node", op->refused->name);
        nn_report_set_text(report, record, "reason", op->reason);
    }
}

/* The shapes that macs hold for. */
static void add_counted_shapes(nn_report *report, const nn_graph *graph) {
    cJSON *list = nn_report_array(report, report->root, "macs_inputs");
    for (int64_t i = 0; i < graph->input_count; i++)
        add_value(report, list, graph, graph->inputs[i]);
}

static void add_work(nn_report *report, const nn_model *model, const nn_graph *graph,
                     const op_survey *survey) {
    bool is_known = survey->unknown_costs == 0;
    nn_report_set_number(report, report->root, "nodes", (double)survey->node_count);
    nn_report_set_number(report, report->root, "params", (double)nn_model_parameters(model));
    nn_report_set_number(report, report->root, "param_bytes",
                         (double)nn_model_parameter_bytes(model));
    if (is_known) {
        nn_report_set_number(report, report->root, "macs", survey->macs);
        nn_report_set_number(report, report->root, "flops", survey->flops);
    } else {
        nn_report_set_text(report, report->root, "macs", NULL);
        nn_report_set_text(report, report->root, "flops", NULL);
    }
    nn_report_set_number(report, report->root, "nodes_of_unknown_shape",
                         (double)survey->unknown_costs);
    add_counted_shapes(report, graph);
}

static nn_status inspect_graph(nn_report *report, const nn_model *model, nn_graph *graph,
                               const nn_tensor *inputs) {
    op_survey survey = {.target = {.isa = nn_cpu_get()->isa, .threads = 1}};
    if (inputs != NULL) NN_TRY(nn_graph_bind_inputs(graph, inputs));
    survey.is_bound = true;
    for (int64_t i = 0; i < graph->input_count; i++)
        survey.is_bound &= nn_fact_is_concrete(&graph->inputs[i]->fact);
    nn_status status = survey_graph(&survey, graph);
    if (status == NN_OK) {
        if (survey.op_count > 0)
            qsort(survey.ops, (size_t)survey.op_count, sizeof *survey.ops, compare_ops);
        add_work(report, model, graph, &survey);
        add_ops(report, &survey);
    }
    nn_free(survey.ops);
    nn_name_table_clear(&survey.places);
    nn_arena_clear(&survey.arena);
    return status;
}

nn_status nn_inspect(const nn_model *model, const nn_tensor *inputs, nn_report **out) {
    nn_report *report;
    nn_graph *graph;
    NN_TRY(nn_graph_clone(model->graph, &graph));
    nn_status status = nn_report_create("inspect", &report);
    if (status == NN_OK) {
        add_interface(report, model);
        status = inspect_graph(report, model, graph, inputs);
        if (status == NN_OK)
            status = nn_report_finish(report, out);
        else
            nnopt_report_destroy(report);
    }
    nn_graph_destroy(graph);
    return status;
}
