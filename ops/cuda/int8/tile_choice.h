/* Which form of the tile kernel, and how many splits of the depth, a product gets. */
#ifndef NN_CUDA_TILE_CHOICE_H
#define NN_CUDA_TILE_CHOICE_H

#include "base/device.h"
#include "ops/cuda/int8/tiles_launch.h"

typedef struct nn_tile_choice {
    int form, splits;
    int tried; /* that were timed against each other; 0: known from before */
} nn_tile_choice;

/* The fastest on the device of the few that should be, kept for the process and in the cache
 * folder. Pointers of the problem need not be set, alignment of x is taken as that of memory. All
 * choices give the same bits. */
nn_status nn_tile_choose(nn_device *device, const nn_cuda_tiles *problem, size_t x_bytes,
                         nn_tile_choice *out);

/* Names of choices that can be asked for: each form alone, then with its depth in parts. */
extern const char *const nn_tile_variants[];
/* What variant `number` (from 1 on) stands for; false: the problem does not allow it. */
bool nn_tile_variant(const nn_cuda_tiles *problem, int number, nn_tile_choice *out);

/* Sets the splits. */
void nn_tile_split(nn_cuda_tiles *tiles, const nn_tile_choice *choice);
/* Room for their parts. */
size_t nn_tile_part_bytes(const nn_cuda_tiles *tiles);

#endif
