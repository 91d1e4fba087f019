/* A hash table from names to objects. Names are borrowed. Safe against names chosen to collide: the
 * hash is keyed by a number drawn once per process; nothing depends on the order of the table. */
#ifndef NN_NAME_TABLE_H
#define NN_NAME_TABLE_H

#include "base/memory.h"

typedef struct nn_name_entry {
    const char *name; /* NULL: free */
    uint64_t hash;
    void *object;   /* NULL: removed */
    int64_t number; /* for the owner's use; 0 at first */
} nn_name_entry;

typedef struct nn_name_table {
    nn_name_entry *entries;
    int64_t capacity; /* 0 or a power of two */
    int64_t used;     /* entries that are not free, removed ones included */
} nn_name_table;

/* Starts as {0}. */
void nn_name_table_clear(nn_name_table *table);
/* The object, or NULL. */
void *nn_name_table_get(const nn_name_table *table, const char *name);
/* Room for `extra` more names: so many puts then cannot fail. */
nn_status nn_name_table_reserve(nn_name_table *table, int64_t extra);
/* Adds a name or replaces its object (not NULL). */
nn_status nn_name_table_put(nn_name_table *table, const char *name, void *object);
void nn_name_table_remove(nn_name_table *table, const char *name);
/* The live entry of a name, or NULL; valid until the next put or reserve. */
nn_name_entry *nn_name_table_entry(nn_name_table *table, const char *name);

#endif
