/* Wisdom: which kernels were fastest on this machine, kept in a text file between processes.
 *
 *     nnopt wisdom 1
 *     library 0.1.0 4f1d...      version, and a hash over the names of all kernels and variants
 *     cpu 806f8 AMX              CPUID signature and instruction set level
 *     l2 2097152 cores 2
 *     entries 21 sum 91ab...     of the lines that follow
 *     KEY<tab>KERNEL<tab>VARIANT<tab>OVER<tab>GAIN<tab>e|m
 *
 * A file that was made by another build or machine, or is damaged, is as good as none. */
#ifndef NN_WISDOM_H
#define NN_WISDOM_H

#include "engine/graph/name_table.h"

/* Texts are printable ASCII; `variant` is "" where the kernel decides. */
typedef struct nn_wisdom_entry {
    const char *key;
    const char *kernel, *variant;
    const char *over; /* the first in the list, with its variant */
    double gain;      /* its time divided by that of `kernel`; 1 where it is the same */
    bool is_exhaustive;
} nn_wisdom_entry;

/* Starts as {0}. */
typedef struct nn_wisdom {
    nn_arena arena;
    nn_name_table table; /* of entries, by key */
    nn_wisdom_entry **entries;
    int64_t count, capacity;
} nn_wisdom;

void nn_wisdom_clear(nn_wisdom *wisdom);
const nn_wisdom_entry *nn_wisdom_find(const nn_wisdom *wisdom, const char *key); /* or NULL */
/* Adds a copy, or replaces the entry with this key. */
nn_status nn_wisdom_put(nn_wisdom *wisdom, const nn_wisdom_entry *entry);

/* Adds what the file holds and `wisdom` does not. Nothing, with a line in the log, when the file
 * cannot be used; fails only for want of memory. */
nn_status nn_wisdom_load(nn_wisdom *wisdom, const char *path);
/* Replaces the file as a whole. */
nn_status nn_wisdom_save(const nn_wisdom *wisdom, const char *path);

#endif
