#include "engine/graph/graph_parts.h"
#include "engine/graph/patch.h"

nn_status nn_patch_log_add(nn_graph *graph, const char *pass, const char *reason,
                           const char *const *nodes, int64_t node_count) {
    nn_graph *top = nn_graph_top(graph);
    nn_arena *arena = &top->arena;
    struct nn_patch_log *log = top->log != NULL ? top->log : nn_arena_alloc(arena, sizeof *log);
    nn_patch_record *record = nn_arena_alloc(arena, sizeof *record);
    size_t bytes = (size_t)node_count * sizeof(const char *);
    const char **names = nn_arena_alloc(arena, bytes);
    if (log == NULL || record == NULL || names == NULL) return nn_fail_memory(bytes);
    record->pass = nn_arena_strdup(arena, pass);
    record->reason = nn_arena_strdup(arena, reason);
    if (record->pass == NULL || record->reason == NULL) return nn_fail_memory(strlen(reason) + 1);
    for (int64_t i = 0; i < node_count; i++) {
        names[i] = nn_arena_strdup(arena, nodes[i]);
        if (names[i] == NULL) return nn_fail_memory(strlen(nodes[i]) + 1);
    }
    record->nodes = names;
    record->node_count = node_count;
    NN_TRY(NN_ARENA_APPEND(arena, log->records, log->count, record));
    log->count++;
    top->log = log;
    return NN_OK;
}

nn_status nn_patch_log_copy(const nn_graph *from, nn_graph *to) {
    for (int64_t i = 0; i < nn_patch_log_count(from); i++) {
        const nn_patch_record *record = nn_patch_log_get(from, i);
        NN_TRY(
            nn_patch_log_add(to, record->pass, record->reason, record->nodes, record->node_count));
    }
    return NN_OK;
}

int64_t nn_patch_log_count(const nn_graph *graph) {
    while (graph->parent != NULL) graph = graph->parent;
    return graph->log != NULL ? graph->log->count : 0;
}

const nn_patch_record *nn_patch_log_get(const nn_graph *graph, int64_t index) {
    while (graph->parent != NULL) graph = graph->parent;
    return graph->log->records[index];
}
