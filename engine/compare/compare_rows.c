/* Which steps of other models do the work of which node of the base, and the verdict on each. */
#include "engine/compare/compare.h"

#include "engine/graph/name_table.h"

#include <math.h>
#include <stdio.h>

/* The timer cannot tell less from nothing. */
static const double least_sample = 1e-9;

typedef struct row_matcher {
    nn_compare_table *table;
    const nn_profile *const *profiles;
    const nn_graph *const *graphs;
    int64_t count;
    nn_name_table rows; /* name of a covered node -> entry whose number is the row's index */
} row_matcher;

/* ---- rows ---- */

static nn_status add_row(row_matcher *self, const char *node, bool is_of_base) {
    nn_compare_table *table = self->table;
    size_t size = (size_t)self->count * sizeof(nn_compare_cell);
    nn_compare_cell *cells = nn_arena_alloc(&table->arena, size);
    if (cells == NULL || !NN_GROW(table->rows, table->row_count, table->row_capacity))
        return nn_fail_memory(size);
    for (int64_t k = 0; k < self->count; k++) cells[k].leader = -1;
    table->rows[table->row_count++] = (nn_compare_row){node, is_of_base, cells};
    return NN_OK;
}

/* Names of nodes lead to the last row, unless they lead to another. */
static nn_status name_row(row_matcher *self, const char *name) {
    if (nn_name_table_get(&self->rows, name) != NULL) return NN_OK;
    NN_TRY(nn_name_table_put(&self->rows, name, self));
    nn_name_table_entry(&self->rows, name)->number = self->table->row_count - 1;
    return NN_OK;
}

static int64_t find_row(row_matcher *self, const char *name) {
    const nn_name_entry *entry = nn_name_table_entry(&self->rows, name);
    return entry != NULL ? entry->number : -1;
}

static nn_status add_base_rows(row_matcher *self) {
    const nn_profile *base = self->profiles[0];
    /* The keys first: a node that one step covers and another is named after is its own row. */
    for (int64_t i = 0; i < base->row_count; i++) {
        if (find_row(self, base->rows[i].node) >= 0) continue;
        NN_TRY(add_row(self, base->rows[i].node, true));
        NN_TRY(name_row(self, base->rows[i].node));
    }
    for (int64_t i = 0; i < base->row_count; i++) {
        int64_t row = find_row(self, base->rows[i].node);
        for (int64_t c = 0; c < base->rows[i].cover_count; c++) {
            const char *name = base->rows[i].covers[c];
            if (find_row(self, name) >= 0) continue;
            NN_TRY(nn_name_table_put(&self->rows, name, self));
            nn_name_table_entry(&self->rows, name)->number = row;
        }
    }
    return NN_OK;
}

/* ---- matching ---- */

static int64_t find_producer(row_matcher *self, const char *value) {
    const nn_graph *base = self->graphs[0];
    const nn_value *found = base != NULL ? nn_graph_find(base, value) : NULL;
    return found != NULL && found->producer != NULL ? find_row(self, found->producer->origin) : -1;
}

static bool is_number(const char *text) {
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* By the longest beginning of `name` that the base knows as a node or value. A rest that is but a
 * number says nothing: "Conv_12" is no part of "Conv". */
static nn_status find_by_beginning(row_matcher *self, const char *name, int64_t *out) {
    char *beginning = nn_strdup(name);
    if (beginning == NULL) return nn_fail_memory(strlen(name) + 1);
    *out = -1;
    for (size_t length = strlen(name); length > 1 && *out < 0; length--) {
        char mark = name[length - 1];
        if (mark != '_' && mark != '/' && mark != ':') continue;
        if (is_number(name + length)) continue;
        beginning[length - 1] = '\0';
        *out = find_row(self, beginning);
        if (*out < 0) *out = find_producer(self, beginning);
    }
    nn_free(beginning);
    return NN_OK;
}

static nn_status match_name(row_matcher *self, int64_t model, const char *name, int64_t *out) {
    const nn_graph *graph = self->graphs[model];
    const nn_node *node = graph != NULL ? nn_graph_find_node(graph, name) : NULL;
    *out = find_row(self, name);
    for (int i = 0; node != NULL && i < node->out_count && *out < 0; i++)
        if (node->outputs[i] != NULL) *out = find_producer(self, node->outputs[i]->name);
    if (*out < 0) NN_TRY(find_by_beginning(self, name, out));
    for (int i = 0; node != NULL && i < node->out_count && *out < 0; i++)
        if (node->outputs[i] != NULL) NN_TRY(find_by_beginning(self, node->outputs[i]->name, out));
    return NN_OK;
}

/* The row that a step is shown in, a new one where the base has none. */
static nn_status match_step(row_matcher *self, int64_t model, const nn_profile_row *step,
                            int64_t *out) {
    NN_TRY(match_name(self, model, step->node, out));
    for (int64_t c = 0; c < step->cover_count && *out < 0; c++)
        NN_TRY(match_name(self, model, step->covers[c], out));
    if (*out >= 0) return NN_OK;
    *out = self->table->row_count;
    NN_TRY(add_row(self, step->node, false));
    return name_row(self, step->node);
}

/* ---- cells ---- */

static nn_status add_samples(nn_samples *sum, const nn_profile_row *step, double timer) {
    for (int64_t i = 0; i < step->samples.count; i++) {
        if (i == sum->count) NN_TRY(nn_samples_add(sum, 0));
        sum->values[i] += fmax(0, step->samples.values[i] - timer);
    }
    return NN_OK;
}

static nn_status add_step(nn_compare_cell *cell, const nn_profile *profile,
                          const nn_profile_row *step) {
    if (!NN_GROW(cell->steps, cell->step_count, cell->step_capacity))
        return nn_fail_memory(sizeof *cell->steps);
    cell->steps[cell->step_count++] = step;
    cell->seconds += step->median;
    bool is_heavier = cell->row == NULL || cell->row->is_conversion ||
                      (!step->is_conversion && step->median > cell->row->median);
    if (is_heavier) cell->row = step;
    return add_samples(&cell->samples, step, profile->timer_seconds);
}

static int64_t find_leader(const nn_compare_table *table, int64_t model, int64_t row) {
    while (table->rows[row].cells[model].leader >= 0) row = table->rows[row].cells[model].leader;
    return row;
}

/* A row without a step of its own, whose work the step of another row does: both are judged
 * together. */
static nn_status join_covered(row_matcher *self, int64_t model, int64_t row,
                              const nn_profile_row *step) {
    nn_compare_table *table = self->table;
    for (int64_t c = 0; c < step->cover_count; c++) {
        int64_t other;
        NN_TRY(match_name(self, model, step->covers[c], &other));
        if (other < 0 || other == row || table->rows[other].cells[model].row != NULL) continue;
        int64_t leader = find_leader(table, model, row);
        if (find_leader(table, model, other) == other && leader != other)
            table->rows[other].cells[model].leader = leader;
    }
    return NN_OK;
}

static nn_status add_model(row_matcher *self, int64_t model) {
    const nn_profile *profile = self->profiles[model];
    int64_t row;
    for (int64_t i = 0; i < profile->row_count; i++) {
        NN_TRY(match_step(self, model, &profile->rows[i], &row));
        NN_TRY(add_step(&self->table->rows[row].cells[model], profile, &profile->rows[i]));
    }
    for (int64_t i = 0; i < profile->row_count && model > 0; i++) {
        if (profile->rows[i].is_conversion) continue;
        NN_TRY(match_step(self, model, &profile->rows[i], &row));
        NN_TRY(join_covered(self, model, row, &profile->rows[i]));
    }
    return NN_OK;
}

/* ---- what is not there ---- */

static const char *absence_of(row_matcher *self, int64_t model, int64_t row) {
    const nn_compare_table *table = self->table;
    const nn_profile *profile = self->profiles[model];
    int64_t leader = find_leader(table, model, row);
    if (leader != row && table->rows[leader].cells[model].row != NULL) {
        char text[512];
        snprintf(text, sizeof text, "fused into '%.480s'", table->rows[leader].node);
        return nn_arena_strdup(&self->table->arena, text);
    }
    for (int64_t i = 0; i < profile->absent_count; i++)
        if (strcmp(profile->absent_nodes[i], table->rows[row].node) == 0)
            return profile->absent_reasons[i];
    return model == 0 ? "not in this model" : "removed";
}

/* ---- verdicts ---- */

static nn_status sum_group(const nn_compare_table *table, int64_t model, int64_t side,
                           int64_t leader, nn_samples *out) {
    for (int64_t r = 0; r < table->row_count; r++) {
        if (find_leader(table, model, r) != leader) continue;
        const nn_samples *samples = &table->rows[r].cells[side].samples;
        for (int64_t i = 0; i < samples->count; i++) {
            if (i == out->count) NN_TRY(nn_samples_add(out, 0));
            out->values[i] += samples->values[i];
        }
    }
    for (int64_t i = 0; i < out->count; i++) out->values[i] = fmax(out->values[i], least_sample);
    return NN_OK;
}

/* Judges the group that a leader stands for, and hands the verdict to all of it. */
static nn_status judge_group(nn_compare_table *table, int64_t model, int64_t leader) {
    nn_samples base = {0}, other = {0};
    nn_comparison versus;
    nn_status status = sum_group(table, model, 0, leader, &base);
    if (status == NN_OK) status = sum_group(table, model, model, leader, &other);
    bool is_judged = status == NN_OK && base.count > 0 && other.count > 0;
    if (is_judged) status = nn_samples_compare(&base, &other, &versus);
    for (int64_t r = 0; r < table->row_count && is_judged && status == NN_OK; r++) {
        if (find_leader(table, model, r) != leader) continue;
        table->rows[r].cells[model].versus = versus;
        table->rows[r].cells[model].has_versus = true;
    }
    nn_samples_clear(&base);
    nn_samples_clear(&other);
    return status;
}

/* The heaviest row of a group leads it. */
static void elect_leaders(nn_compare_table *table, int64_t model) {
    for (int64_t r = 0; r < table->row_count; r++) {
        int64_t leader = find_leader(table, model, r);
        if (leader == r || table->rows[r].cells[0].seconds <= table->rows[leader].cells[0].seconds)
            continue;
        table->rows[leader].cells[model].leader = r;
        table->rows[r].cells[model].leader = -1;
    }
    /* straight to the leader */
    for (int64_t r = 0; r < table->row_count; r++) {
        int64_t leader = find_leader(table, model, r);
        if (leader != r) table->rows[r].cells[model].leader = leader;
    }
}

static nn_status finish(row_matcher *self) {
    nn_compare_table *table = self->table;
    for (int64_t k = 0; k < self->count; k++) {
        if (k > 0) elect_leaders(table, k);
        for (int64_t r = 0; r < table->row_count; r++) {
            nn_compare_cell *cell = &table->rows[r].cells[k];
            if (cell->row == NULL) {
                cell->absence = absence_of(self, k, r);
                if (cell->absence == NULL) return nn_fail_memory(64);
            }
            if (k > 0 && cell->leader < 0) NN_TRY(judge_group(table, k, r));
        }
    }
    return NN_OK;
}

nn_status nn_compare_rows(const nn_profile *const *profiles, const nn_graph *const *graphs,
                          int64_t count, nn_compare_table *out) {
    nn_compare_table table = {.model_count = count};
    row_matcher self = {.table = &table, .profiles = profiles, .graphs = graphs, .count = count};
    nn_status status = add_base_rows(&self);
    for (int64_t k = 0; k < count && status == NN_OK; k++) status = add_model(&self, k);
    if (status == NN_OK) status = finish(&self);
    nn_name_table_clear(&self.rows);
    if (status == NN_OK)
        *out = table;
    else
        nn_compare_table_clear(&table);
    return status;
}

void nn_compare_table_clear(nn_compare_table *table) {
    for (int64_t r = 0; r < table->row_count; r++)
        for (int64_t k = 0; k < table->model_count; k++) {
            nn_free(table->rows[r].cells[k].steps);
            nn_samples_clear(&table->rows[r].cells[k].samples);
        }
    nn_free(table->rows);
    nn_arena_clear(&table->arena);
    *table = (nn_compare_table){0};
}
