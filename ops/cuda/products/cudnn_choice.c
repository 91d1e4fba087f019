#include "ops/cuda/products/cudnn_choice.h"

#include "base/memory.h"
#include "ops/cuda/elements/element_host.h"
#include "ops/cuda/products/choice_file.h"
#include "ops/cuda/runtime/workbench.h"

#include <stdio.h>

enum {
    KEY_SIZE = 640,
    MOST_TIMED = 5, /* engines of one form */
};

/* Holds the intermediate results of all but the largest layers. */
static const size_t most_workspace = (size_t)256 << 20;

typedef struct choice {
    struct choice *next;
    const nn_device *device;
    char key[KEY_SIZE];
    nn_cudnn_conv_plan plan;
} choice;

/* Of the process; changed by the one who holds the workbench. */
static choice *choices;

static const choice *find(const nn_device *device, const char *key) {
    const choice *at = choices;
    while (at != NULL && (at->device != device || strcmp(at->key, key) != 0)) at = at->next;
    return at;
}

/* ---- the file ---- */

/* "FORM ENGINE" */
enum { CHOICE_SIZE = NN_CUDNN_ENGINE_TEXT + 16 };

static bool recall(const nn_choice_key *key, nn_cudnn_conv_plan *out) {
    char text[CHOICE_SIZE];
    if (!nn_choice_recall(key, text, sizeof text)) return false;
    char *engine = strchr(text, ' ');
    if (engine == NULL) return false;
    *engine++ = '\0';
    for (int form = 0; form < NN_CUDNN_FORMS; form++) {
        if (strcmp(text, nn_cudnn_form_names[form]) != 0) continue;
        out->form = (nn_cudnn_form)form;
        snprintf(out->engine, sizeof out->engine, "%s", engine);
        return true;
    }
    return false;
}

static void remember(const nn_choice_key *key, const nn_cudnn_conv_plan *plan) {
    char text[CHOICE_SIZE];
    snprintf(text, sizeof text, "%s %s", nn_cudnn_form_names[plan->form], plan->engine);
    nn_choice_remember(key, text);
}

/* ---- choosing ---- */

typedef struct search {
    nn_workbench *bench;
    nn_cudnn_place place;
    nn_cudnn_rules rules;
    const nn_cudnn_conv *problem;
    bool is_timed;
    bool has_operands;
    nn_cudnn_conv_operands operands;
    size_t workspace_bytes;
    bool has_product; /* of cuBLASLt, already chosen */
    nn_product product;
    nn_product_plan product_plan;
    bool is_found;
    nn_cudnn_conv_plan best;
    double best_seconds;
} search;

static nn_status allocate_operands(search *s) {
    const nn_conv_geometry *g = &s->problem->geometry;
    const nn_cudnn_conv *p = s->problem;
    const int64_t filters = p->is_transpose ? g->in_channels * g->group_out_channels
                                            : g->out_channels * g->group_in_channels;
    const int64_t outputs = g->batch * g->out_channels * g->out_pixels;
    nn_cudnn_conv_operands *o = &s->operands;
    if (s->has_operands) return NN_OK;
    void *x, *w, *bias, *residual = NULL;
    NN_TRY(nn_workbench_allocate(
        s->bench, nn_element_bytes(g->batch * g->in_channels * g->in_pixels, p->type), &x));
    NN_TRY(nn_workbench_allocate(s->bench, nn_element_bytes(filters * g->taps, p->type), &w));
    NN_TRY(nn_workbench_allocate(s->bench, nn_element_bytes(g->out_channels, NNOPT_FLOAT), &bias));
    if (p->residual_type != NNOPT_TYPE_NONE)
        NN_TRY(nn_workbench_allocate(s->bench, nn_element_bytes(outputs, p->residual_type),
                                     &residual));
    NN_TRY(nn_workbench_allocate(s->bench, nn_element_bytes(outputs, p->y_type), &o->y));
    o->x = x;
    o->w = w;
    o->bias = bias;
    o->residual = residual;
    s->has_operands = true;
    return NN_OK;
}

static nn_status allocate_workspace(search *s, size_t bytes) {
    if (bytes <= s->workspace_bytes) return NN_OK;
    s->workspace_bytes = 0;
    NN_TRY(nn_workbench_allocate(s->bench, bytes, &s->operands.workspace));
    s->workspace_bytes = bytes;
    return NN_OK;
}

typedef struct timed {
    const search *search;
    const nn_cudnn_conv_plan *plan;
} timed;

static nn_status run_once(const void *argument, nn_device_queue *queue) {
    const timed *t = argument;
    return nn_cudnn_conv_run(t->search->problem, t->plan, &t->search->operands, queue);
}

/* Takes the plan, where it runs and is the fastest so far, or drops it. */
static void judge(search *s, nn_cudnn_conv_plan *plan) {
    double seconds = 0;
    if (s->is_timed) {
        const timed argument = {s, plan};
        nn_status status = allocate_operands(s);
        if (status == NN_OK) status = allocate_workspace(s, plan->workspace);
        if (status == NN_OK) status = nn_workbench_time(s->bench, run_once, &argument, &seconds);
        if (status != NN_OK || (s->is_found && seconds >= s->best_seconds)) {
            nn_cudnn_plan_clear(s->place.cudnn, &plan->plan);
            return;
        }
    }
    nn_cudnn_plan_clear(s->place.cudnn, &s->best.plan);
    s->is_found = true;
    s->best = *plan;
    s->best_seconds = seconds;
}

static nn_status make(const search *s, nn_cudnn_graph *graph, nn_cudnn_form form,
                      const char *engine, const nn_cudnn_numbers *numbers,
                      nn_cudnn_conv_plan *out) {
    *out = (nn_cudnn_conv_plan){.form = form, .numbers = *numbers};
    snprintf(out->engine, sizeof out->engine, "%s", engine);
    NN_TRY(nn_cudnn_plan_make(graph, &s->rules, engine, &out->plan));
    out->workspace = out->plan.workspace;
    return NN_OK;
}

/* How many engines of a form are tried. */
typedef struct form_limits {
    nn_cudnn_form form;
    int ready;    /* those whose kernels come with cuDNN */
    int compiled; /* those that compile one: it takes up to seconds, in each process again */
} form_limits;

static nn_status try_form(search *s, const form_limits *limits) {
    static const int most = NN_CUDNN_MOST_CANDIDATES;
    nn_cudnn_engine *engines = nn_alloc(sizeof *engines * (size_t)most);
    nn_cudnn_graph graph;
    nn_cudnn_numbers numbers;
    int count = 0, ready = limits->ready, compiled = limits->compiled;
    nn_status status = nn_cudnn_conv_graph(s->problem, limits->form, s->place, &graph, &numbers);
    if (status == NN_OK && engines == NULL) status = nn_fail_memory(sizeof *engines * (size_t)most);
    if (status == NN_OK) status = nn_cudnn_engines(&graph, &s->rules, engines, most, &count);
    for (int i = 0; status == NN_OK && i < count; i++) {
        nn_cudnn_conv_plan plan;
        int *left = nn_cudnn_engine_compiles(&engines[i]) ? &compiled : &ready;
        if (*left == 0 || make(s, &graph, limits->form, engines[i].text, &numbers, &plan) != NN_OK)
            continue;
        judge(s, &plan);
        --*left;
        if (!s->is_timed) break;
    }
    nn_cudnn_graph_clear(&graph);
    nn_free(engines);
    return status;
}

static nn_cudnn_conv_plan product_of(const search *s) {
    return (nn_cudnn_conv_plan){.form = NN_CUDNN_PRODUCT,
                                .workspace = s->product_plan.workspace,
                                .product = s->product,
                                .product_plan = s->product_plan};
}

static void try_product(search *s) {
    nn_cudnn_conv_plan plan = product_of(s);
    if (s->has_product) judge(s, &plan);
}

/* The first that runs, preferably one that need not be compiled. */
static nn_status search_first(search *s) {
    static const form_limits order[] = {{NN_CUDNN_FUSED, 1, 0},
                                        {NN_CUDNN_BIASED, 1, 0},
                                        {NN_CUDNN_PLAIN, 1, 0},
                                        {NN_CUDNN_FUSED, 1, 1}};
    nn_status status = NN_OK;
    try_product(s);
    for (int i = 0; i < 4 && !s->is_found; i++)
        if (nn_cudnn_conv_has_form(s->problem, order[i].form)) status = try_form(s, &order[i]);
    return status;
}

/* Halves are not rounded before a bias or a residual is added, unless there is no other way. */
static nn_status search_fastest(search *s) {
    static const form_limits fused = {NN_CUDNN_FUSED, 5, 1}, biased = {NN_CUDNN_BIASED, 3, 0},
                             plain = {NN_CUDNN_PLAIN, 2, 0};
    try_product(s);
    nn_status status = try_form(s, &fused);
    if (nn_cudnn_conv_has_form(s->problem, NN_CUDNN_BIASED)) status = try_form(s, &biased);
    if (nn_cudnn_conv_has_form(s->problem, NN_CUDNN_PLAIN) &&
        (!s->is_found || s->problem->y_type == NNOPT_FLOAT))
        status = try_form(s, &plain);
    return status;
}

static nn_status search_all(search *s) {
    nn_status status = s->is_timed ? search_fastest(s) : search_first(s);
    if (s->is_found) return NN_OK;
    return status != NN_OK ? status : nn_fail(NN_UNSUPPORTED, "cuDNN runs no engine for it");
}

static bool rebuild(search *s, const nn_choice_key *key) {
    nn_cudnn_conv_plan known;
    nn_cudnn_numbers numbers;
    nn_cudnn_graph graph;
    if (!recall(key, &known) || !nn_cudnn_conv_has_form(s->problem, known.form)) return false;
    if (known.form == NN_CUDNN_PRODUCT) {
        s->best = product_of(s);
        return s->has_product;
    }
    nn_status status = nn_cudnn_conv_graph(s->problem, known.form, s->place, &graph, &numbers);
    if (status == NN_OK) status = make(s, &graph, known.form, known.engine, &numbers, &s->best);
    nn_cudnn_graph_clear(&graph);
    return status == NN_OK;
}

static nn_status choose(search *s, const char *key, const nn_cudnn_conv_plan **out) {
    choice *made;
    NN_TRY(nn_cudnn_handle(s->bench->queue, &s->place.cudnn, &s->place.handle));
    made = nn_alloc_zero(sizeof *made);
    if (made == NULL) return nn_fail_memory(sizeof *made);
    nn_status status = NN_OK;
    const nn_choice_key line = {s->bench->device, "cudnn", s->place.cudnn->GetVersion(), key};
    if (!rebuild(s, &line)) {
        status = search_all(s);
        if (status == NN_OK) remember(&line, &s->best);
    }
    if (status != NN_OK) {
        nn_free(made);
        return status;
    }
    *made = (choice){.next = choices, .device = s->bench->device, .plan = s->best};
    snprintf(made->key, sizeof made->key, "%s", key);
    choices = made;
    *out = &made->plan;
    return NN_OK;
}

nn_status nn_cudnn_choose(const nn_target *target, const nn_cudnn_conv *problem,
                          const nn_cudnn_conv_plan **out) {
    static const char *const precisions[] = {"fp32", "bf16", "tf32", "fp16"};
    char key[KEY_SIZE];
    nn_precision precision = problem->type == NNOPT_FLOAT16    ? NN_PRECISION_FP16
                             : problem->type == NNOPT_BFLOAT16 ? NN_PRECISION_BF16
                                                               : target->precision;
    size_t used = (size_t)snprintf(key, sizeof key, "%s%s ", precisions[precision],
                                   target->deterministic ? " deterministic" : "");
    search s = {.problem = problem,
                .rules = {precision, target->deterministic, most_workspace},
                .is_timed = !target->deterministic};
    nn_cudnn_conv_key(problem, key + used, sizeof key - used);
    s.product = nn_cudnn_conv_product(problem, precision, target->deterministic);
    s.has_product = nn_cudnn_conv_has_form(problem, NN_CUDNN_PRODUCT) &&
                    nn_product_prepare(target->device, &s.product, &s.product_plan) == NN_OK;
    NN_TRY(nn_workbench_take(target->device, &s.bench));
    const choice *known = find(target->device, key);
    nn_status status = NN_OK;
    if (known != NULL)
        *out = &known->plan;
    else
        status = choose(&s, key, out);
    nn_workbench_leave(s.bench);
    return status;
}
