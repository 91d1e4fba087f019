#include "ops/cuda/products/cudnn_choice.h"

#include "base/memory.h"
#include "ops/cuda/elements/element_host.h"
#include "ops/cuda/products/choice_file.h"
#include "ops/cuda/products/plan_file.h"
#include "ops/cuda/runtime/device.h"
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

/* ---- plans ---- */

/* The plan of an engine from the cache folder; false: it is to be made. */
static bool recall_plan(const nn_plan_key *key, nn_cudnn_place place, const nn_cudnn_rules *rules,
                        nn_cudnn_plan *out) {
    char *text = NULL;
    size_t bytes;
    if (!nn_plan_recall(key, &text, &bytes)) return false;
    nn_status status = nn_cudnn_plan_read(place, rules, text, bytes, out);
    nn_free(text);
    return status == NN_OK;
}

/* Engines whose plans have no text are compiled in each process. */
static void remember_plan(const nn_plan_key *key, const nn_cudnn *cudnn,
                          const nn_cudnn_plan *plan) {
    char *text = NULL;
    size_t bytes;
    if (plan->descriptor == NULL || nn_cudnn_plan_write(cudnn, plan, &text, &bytes) != NN_OK)
        return;
    nn_plan_remember(key, text, bytes);
    nn_free(text);
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
    uint64_t graph; /* digest of the one being tried */
    bool is_found;
    nn_cudnn_conv_plan best;
    uint64_t best_graph;
    double best_seconds;
} search;

static nn_plan_key plan_key_of(const search *s, uint64_t graph, const char *engine) {
    return (nn_plan_key){s->bench->device, "cudnn", s->place.cudnn->GetVersion(), graph, engine};
}

/* An engine did not do it: OK where the next one may be tried, else what stands in the way of all
 * of them. */
static nn_status skip_engine(const search *s, nn_status status) {
    return status == NN_NO_MEMORY ? status : nn_cuda_wait(s->bench->queue);
}

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
static nn_status judge(search *s, nn_cudnn_conv_plan *plan) {
    double seconds = 0;
    if (s->is_timed) {
        const timed argument = {s, plan};
        nn_status status = allocate_operands(s);
        if (status == NN_OK) status = allocate_workspace(s, plan->workspace);
        if (status == NN_OK) status = nn_workbench_time(s->bench, run_once, &argument, &seconds);
        if (status != NN_OK || (s->is_found && seconds >= s->best_seconds)) {
            nn_cudnn_plan_clear(s->place.cudnn, &plan->plan);
            return status != NN_OK ? skip_engine(s, status) : NN_OK;
        }
    }
    nn_cudnn_plan_clear(s->place.cudnn, &s->best.plan);
    s->is_found = true;
    s->best = *plan;
    s->best_graph = s->graph;
    s->best_seconds = seconds;
    return NN_OK;
}

static nn_cudnn_conv_plan plan_of(nn_cudnn_form form, const nn_cudnn_numbers *numbers,
                                  const char *engine) {
    nn_cudnn_conv_plan out = {.form = form, .numbers = *numbers};
    snprintf(out.engine, sizeof out.engine, "%s", engine);
    return out;
}

static nn_status make(const search *s, const nn_cudnn_graph *graph, nn_cudnn_conv_plan *out) {
    NN_TRY(nn_cudnn_plan_make(graph, &s->rules, out->engine, &out->plan));
    out->workspace = out->plan.workspace;
    return NN_OK;
}

/* How many engines of a form are tried. */
typedef struct form_limits {
    nn_cudnn_form form;
    int ready;    /* those whose kernels come with cuDNN */
    int compiled; /* those that compile one, which takes up to seconds */
} form_limits;

static nn_status try_engines(search *s, const nn_cudnn_graph *graph, const form_limits *limits,
                             const nn_cudnn_numbers *numbers, const nn_cudnn_engine *engines,
                             int count) {
    int ready = limits->ready, compiled = limits->compiled;
    for (int i = 0; i < count; i++) {
        nn_cudnn_conv_plan plan = plan_of(limits->form, numbers, engines[i].text);
        int *left = nn_cudnn_engine_compiles(&engines[i]) ? &compiled : &ready;
        if (*left == 0) continue;
        nn_status status = make(s, graph, &plan);
        if (status != NN_OK) {
            NN_TRY(skip_engine(s, status));
            continue;
        }
        NN_TRY(judge(s, &plan));
        --*left;
        if (!s->is_timed) break;
    }
    return NN_OK;
}

static nn_status try_form(search *s, const form_limits *limits) {
    static const int most = NN_CUDNN_MOST_CANDIDATES;
    nn_cudnn_engine *engines = nn_alloc(sizeof *engines * (size_t)most);
    nn_cudnn_graph graph;
    nn_cudnn_numbers numbers;
    int count = 0;
    if (engines == NULL) return nn_fail_memory(sizeof *engines * (size_t)most);
    nn_status status = nn_cudnn_conv_graph(s->problem, limits->form, s->place, &graph, &numbers);
    if (status == NN_OK) status = nn_cudnn_engines(&graph, &s->rules, engines, most, &count);
    s->graph = graph.digest;
    status = status == NN_OK ? try_engines(s, &graph, limits, &numbers, engines, count)
                             : skip_engine(s, status);
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

static nn_status try_product(search *s) {
    nn_cudnn_conv_plan plan = product_of(s);
    return s->has_product ? judge(s, &plan) : NN_OK;
}

/* The first that runs, preferably one that need not be compiled. */
static nn_status search_first(search *s) {
    static const form_limits order[] = {{NN_CUDNN_FUSED, 1, 0},
                                        {NN_CUDNN_BIASED, 1, 0},
                                        {NN_CUDNN_PLAIN, 1, 0},
                                        {NN_CUDNN_FUSED, 1, 1}};
    NN_TRY(try_product(s));
    for (int i = 0; i < 4 && !s->is_found; i++)
        if (nn_cudnn_conv_has_form(s->problem, order[i].form)) NN_TRY(try_form(s, &order[i]));
    return NN_OK;
}

/* Halves are not rounded before a bias or a residual is added, unless there is no other way. */
static nn_status search_fastest(search *s) {
    static const form_limits fused = {NN_CUDNN_FUSED, 5, 1}, biased = {NN_CUDNN_BIASED, 3, 0},
                             plain = {NN_CUDNN_PLAIN, 2, 0};
    NN_TRY(try_product(s));
    NN_TRY(try_form(s, &fused));
    if (nn_cudnn_conv_has_form(s->problem, NN_CUDNN_BIASED)) NN_TRY(try_form(s, &biased));
    if (nn_cudnn_conv_has_form(s->problem, NN_CUDNN_PLAIN) &&
        (!s->is_found || s->problem->y_type == NNOPT_FLOAT))
        NN_TRY(try_form(s, &plain));
    return NN_OK;
}

/* What was found before a failure ends with it. */
static nn_status search_all(search *s) {
    nn_status status = s->is_timed ? search_fastest(s) : search_first(s);
    if (status != NN_OK) {
        nn_cudnn_plan_clear(s->place.cudnn, &s->best.plan);
        return status;
    }
    return s->is_found ? NN_OK : nn_fail(NN_UNSUPPORTED, "cuDNN runs no engine for it");
}

/* The engine that the file names, with its plan. *is_known false: there is none, or none that works
 * here. */
static nn_status rebuild(search *s, const nn_choice_key *line, bool *is_known) {
    nn_cudnn_conv_plan known;
    nn_cudnn_numbers numbers;
    nn_cudnn_graph graph;
    *is_known = false;
    if (!recall(line, &known) || !nn_cudnn_conv_has_form(s->problem, known.form)) return NN_OK;
    if (known.form == NN_CUDNN_PRODUCT) {
        s->best = product_of(s);
        *is_known = s->has_product;
        return NN_OK;
    }
    nn_status status = nn_cudnn_conv_graph(s->problem, known.form, s->place, &graph, &numbers);
    s->best = plan_of(known.form, &numbers, known.engine);
    const nn_plan_key key = plan_key_of(s, graph.digest, s->best.engine);
    if (status == NN_OK && recall_plan(&key, s->place, &s->rules, &s->best.plan)) {
        s->best.workspace = s->best.plan.workspace;
    } else if (status == NN_OK) {
        status = make(s, &graph, &s->best);
        if (status == NN_OK) remember_plan(&key, s->place.cudnn, &s->best.plan);
    }
    nn_cudnn_graph_clear(&graph);
    *is_known = status == NN_OK;
    return status == NN_OK ? NN_OK : skip_engine(s, status);
}

static nn_status find_plan(search *s, const nn_choice_key *line) {
    bool is_known;
    NN_TRY(rebuild(s, line, &is_known));
    if (is_known) return NN_OK;
    s->best = (nn_cudnn_conv_plan){.workspace = 0};
    NN_TRY(search_all(s));
    remember(line, &s->best);
    const nn_plan_key key = plan_key_of(s, s->best_graph, s->best.engine);
    remember_plan(&key, s->place.cudnn, &s->best.plan);
    return NN_OK;
}

static nn_status choose(search *s, const char *key, const nn_cudnn_conv_plan **out) {
    choice *made = nn_alloc_zero(sizeof *made);
    if (made == NULL) return nn_fail_memory(sizeof *made);
    nn_status status = nn_cudnn_handle(s->bench->queue, &s->place.cudnn, &s->place.handle);
    if (status == NN_OK) {
        const nn_choice_key line = {s->bench->device, "cudnn", s->place.cudnn->GetVersion(), key};
        status = find_plan(s, &line);
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

/* A product of cuBLASLt, where the problem is one and there is one. */
static nn_status prepare_product(search *s, const nn_target *target) {
    s->product = nn_cudnn_conv_product(s->problem, s->rules.precision, target->deterministic);
    if (!nn_cudnn_conv_has_form(s->problem, NN_CUDNN_PRODUCT)) return NN_OK;
    nn_status status = nn_product_prepare(target->device, &s->product, &s->product_plan);
    s->has_product = status == NN_OK;
    return status == NN_UNSUPPORTED ? NN_OK : status;
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
    NN_TRY(prepare_product(&s, target));
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
