#include "engine/lower/covers.h"

void nn_covers_clear(nn_covers *covers) {
    nn_name_table_clear(&covers->table);
    nn_arena_clear(&covers->arena);
    *covers = (nn_covers){0};
}

void nn_covers_get(const nn_covers *covers, const nn_node *node, nn_cover *out) {
    for (; covers != NULL; covers = covers->base) {
        const nn_cover *found = nn_name_table_get(&covers->table, node->name);
        if (found != NULL) {
            *out = *found;
            return;
        }
    }
    *out = (nn_cover){(const char **)&node->origin, 1};
}

static void add_new(nn_cover *cover, const nn_cover *from) {
    for (int64_t i = 0; i < from->count; i++) {
        int64_t known = 0;
        while (known < cover->count && strcmp(cover->origins[known], from->origins[i]) != 0)
            known++;
        if (known == cover->count) cover->origins[cover->count++] = from->origins[i];
    }
}

nn_status nn_covers_merge(nn_covers *covers, const nn_node *into, const nn_node *from) {
    nn_cover a, b;
    nn_covers_get(covers, into, &a);
    nn_covers_get(covers, from, &b);
    size_t size = (size_t)(a.count + b.count) * sizeof *a.origins;
    nn_cover *sum = nn_arena_alloc(&covers->arena, sizeof *sum);
    if (sum != NULL) sum->origins = nn_arena_alloc(&covers->arena, size);
    if (sum == NULL || sum->origins == NULL) return nn_fail_memory(size);
    add_new(sum, &a);
    add_new(sum, &b);
    return nn_name_table_put(&covers->table, into->name, sum);
}
