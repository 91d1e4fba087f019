#include "ops/cuda/int8/tile_choice.h"

#include "base/memory.h"
#include "ops/cuda/products/choice_file.h"
#include "ops/cuda/runtime/device.h"
#include "ops/cuda/runtime/workbench.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    KEY_SIZE = 256,
    VERSION = 1, /* of the forms: older choices are not read */
    MOST_TIMED = 4,
    MOST_SPLITS = 16,
    LEAST_STAGES = 4, /* of a split */
    CANDIDATES = NN_CUDA_TILES * 5,
};

static int64_t divided_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* ---- what should be fast ---- */

typedef struct candidate {
    int form, splits;
    double clocks;
} candidate;

static int64_t blocks_of(const nn_cuda_tiles *p, const nn_cuda_tile *tile, int splits) {
    return divided_up(p->rows, tile->rows) * divided_up(p->columns, tile->columns) * p->groups *
           splits;
}

/* Blocks that a multiprocessor holds at once. */
static int64_t resident(const nn_cuda_tile *tile) {
    const int threads = nn_cuda_tile_threads(tile);
    const int64_t registers = 64 + (int64_t)tile->warp_rows * tile->warp_columns / 32;
    const int64_t by_registers = 65536 / (threads * registers);
    const int64_t by_shared = (227 << 10) / (nn_cuda_tile_shared_bytes(tile) + 1024);
    const int64_t most = by_registers < by_shared ? by_registers : by_shared;
    return most > 1 ? most : 1;
}

/* A rough figure for the order in which forms are tried. A multiprocessor multiplies as fast as
 * shared memory feeds it, gets 40 bytes a clock from the second-level cache, and waits for the
 * first ones of each block. */
static double clocks_of(const nn_cuda_tiles *p, const nn_cuda_tile *tile, int splits,
                        int multiprocessors) {
    const double latency = 700, start = 1500, join = 3000;
    const double rows = tile->rows, columns = tile->columns, depth = tile->depth;
    const double fed =
        128.0 * tile->warp_rows * tile->warp_columns / (tile->warp_rows + tile->warp_columns);
    const double rate = fed < 2500 ? fed : 2500; /* products a clock */
    const double stage = fmax(rows * columns * depth / rate, (rows + columns) * depth / 40);
    const double stages = (double)divided_up(divided_up(p->depth, splits), tile->depth);
    const int64_t mine = divided_up(blocks_of(p, tile, splits), multiprocessors);
    const double rounds = (double)divided_up(mine, resident(tile));
    const double busy = (double)mine * stages * stage;
    const double waiting = rounds * stages * latency / (tile->stages - 1);
    double total = rounds * start + fmax(busy, waiting);
    if (splits > 1)
        total += join + 8.0 * splits * p->rows * (double)p->y_step / (20.0 * multiprocessors);
    return total;
}

/* Groups are columns of one matrix, whose parts lie together. */
static bool has_one_result(const nn_cuda_tiles *p) {
    return p->groups == 1 || p->y_group < p->y_step;
}

static bool takes(const nn_cuda_tiles *p, int form, int splits, int multiprocessors) {
    const nn_cuda_tile *tile = &nn_cuda_tile_forms[form];
    if (!nn_cuda_tile_takes(form, nn_cuda_tile_access(p), p->w_zero != NULL)) return false;
    if (divided_up(p->columns, tile->columns) > 65535) return false;
    if (splits == 1) return p->groups <= 65535;
    return has_one_result(p) && p->depth / tile->depth / splits >= LEAST_STAGES &&
           blocks_of(p, tile, splits) <= 4 * (int64_t)multiprocessors &&
           (int64_t)p->groups * splits <= 65535;
}

/* The most promising first. */
static int list_candidates(const nn_cuda_tiles *p, int multiprocessors, candidate *out) {
    int count = 0;
    for (int form = 0; form < NN_CUDA_TILES; form++)
        for (int splits = 1; splits <= MOST_SPLITS; splits *= 2) {
            if (!takes(p, form, splits, multiprocessors)) continue;
            const candidate one = {
                form, splits, clocks_of(p, &nn_cuda_tile_forms[form], splits, multiprocessors)};
            int at = count++;
            for (; at > 0 && out[at - 1].clocks > one.clocks; at--) out[at] = out[at - 1];
            out[at] = one;
        }
    return count;
}

void nn_tile_split(nn_cuda_tiles *tiles, const nn_tile_choice *choice) {
    const int depth = nn_cuda_tile_forms[choice->form].depth;
    const int64_t stages = divided_up(tiles->depth, depth);
    const int64_t mine = divided_up(stages, choice->splits);
    tiles->splits = (int)divided_up(stages, mine); /* none is empty */
    tiles->split_depth = (int)mine * depth;
}

size_t nn_tile_part_bytes(const nn_cuda_tiles *tiles) {
    if (tiles->splits == 1) return 0;
    return (size_t)tiles->splits * (size_t)tiles->rows * (size_t)tiles->y_step * sizeof(int32_t);
}

/* ---- what was asked for ---- */

#define NAME(rows, columns, depth, ...) #rows "x" #columns "x" #depth,
#define PART(rows, columns, depth, ...) #rows "x" #columns "x" #depth " in parts",
const char *const nn_tile_variants[] = {NN_CUDA_TILE_ROWS(NAME) NN_CUDA_TILE_ROWS(PART) NULL};
#undef NAME
#undef PART

bool nn_tile_variant(const nn_cuda_tiles *problem, int number, nn_tile_choice *out) {
    enum { PARTS = 3 };
    const int form = (number - 1) % NN_CUDA_TILES;
    if (!takes(problem, form, 1, 1)) return false;
    *out = (nn_tile_choice){form, 1, 0};
    if (number <= NN_CUDA_TILES) return true;
    out->splits = PARTS;
    return has_one_result(problem);
}

/* ---- what is fast ---- */

typedef struct trial {
    nn_cuda_tiles tiles;
    int form;
} trial;

static nn_status run_once(const void *argument, nn_device_queue *queue) {
    const trial *own = argument;
    return nn_cuda_check(nn_cuda_launch_tiles(&own->tiles, own->form, queue->stream), "multiply");
}

static nn_status allocate(nn_workbench *bench, nn_cuda_tiles *p, size_t x_bytes) {
    const size_t columns = (size_t)p->y_step + (size_t)p->groups * (size_t)p->columns;
    const size_t size = p->finish.type == NNOPT_FLOAT || p->finish.type == NNOPT_INT32 ? 4 : 1;
    const size_t rows = (size_t)p->rows * (p->y_group > p->y_step ? (size_t)p->groups : 1);
    const size_t results = rows * (size_t)p->y_step;
    const size_t weights = (size_t)p->groups * (size_t)p->columns * (size_t)p->w_step;
    void *x, *w, *numbers, *addend, *y, *parts;
    NN_TRY(nn_workbench_allocate(bench, x_bytes, &x));
    NN_TRY(nn_workbench_allocate(bench, weights, &w));
    NN_TRY(nn_workbench_allocate(bench, columns * sizeof(float), &numbers));
    NN_TRY(nn_workbench_allocate(bench, results, &addend));
    NN_TRY(nn_workbench_allocate(bench, results * size, &y));
    NN_TRY(nn_workbench_allocate(bench, (size_t)MOST_SPLITS * results * sizeof(int32_t), &parts));
    p->x = x;
    p->w = w;
    p->padding = numbers;
    if (p->w_zero != NULL) p->w_zero = numbers;
    p->finish.start = numbers;
    p->finish.multiplier = numbers;
    if (p->finish.offset != NULL) p->finish.offset = numbers;
    if (p->finish.addend != NULL) p->finish.addend = addend;
    p->y = y;
    p->parts = parts;
    return NN_OK;
}

static nn_status time_all(nn_device *device, const nn_cuda_tiles *problem, size_t x_bytes,
                          const candidate *candidates, int count, nn_tile_choice *out) {
    nn_workbench *bench;
    trial own = {.tiles = *problem};
    double best = INFINITY, seconds;
    NN_TRY(nn_workbench_take(device, &bench));
    nn_status status = allocate(bench, &own.tiles, x_bytes);
    for (int i = 0; status == NN_OK && i < count; i++) {
        const nn_tile_choice choice = {candidates[i].form, candidates[i].splits, count};
        own.form = choice.form;
        nn_tile_split(&own.tiles, &choice);
        status = nn_workbench_time(bench, run_once, &own, &seconds);
        if (status != NN_OK || seconds >= best) continue;
        best = seconds;
        *out = choice;
    }
    nn_workbench_leave(bench);
    return status;
}

/* ---- what is known ---- */

typedef struct known_choice {
    struct known_choice *next;
    const nn_device *device;
    char key[KEY_SIZE];
    nn_tile_choice choice;
} known_choice;

static struct {
    pthread_mutex_t lock;
    known_choice *first;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void key_of(const nn_cuda_tiles *p, char *key) {
    const nn_cuda_tile_axis *h = &p->height, *w = &p->width;
    snprintf(key, KEY_SIZE,
             "%s %d rows %d columns %d channels %d groups %d bytes, %dx%d by %d,%d of %dx%d stride "
             "%d,%d to %s%s%s%s",
             p->is_signed ? "signed" : "unsigned", p->rows, p->columns, p->channels, p->groups,
             nn_cuda_tile_access(p), h->kernel, w->kernel, h->dilation, w->dilation, h->in, w->in,
             h->stride, w->stride, nnopt_type_name(p->finish.type),
             p->finish.is_simple ? "" : " not simple", p->finish.addend != NULL ? " sum" : "",
             p->w_zero != NULL ? " zeros" : "");
}

static bool find(const nn_device *device, const char *key, nn_tile_choice *out) {
    pthread_mutex_lock(&known.lock);
    const known_choice *at = known.first;
    while (at != NULL && (at->device != device || strcmp(at->key, key) != 0)) at = at->next;
    if (at != NULL) *out = at->choice;
    pthread_mutex_unlock(&known.lock);
    return at != NULL;
}

static nn_status keep(const nn_device *device, const char *key, const nn_tile_choice *choice) {
    known_choice *made = nn_alloc_zero(sizeof *made);
    if (made == NULL) return nn_fail_memory(sizeof *made);
    made->device = device;
    made->choice = *choice;
    snprintf(made->key, sizeof made->key, "%s", key);
    pthread_mutex_lock(&known.lock);
    made->next = known.first;
    known.first = made;
    pthread_mutex_unlock(&known.lock);
    return NN_OK;
}

static bool recall(const nn_choice_key *line, const nn_cuda_tiles *problem, int multiprocessors,
                   nn_tile_choice *out) {
    char text[64];
    int form, splits;
    if (!nn_choice_recall(line, text, sizeof text) ||
        sscanf(text, "form %d splits %d", &form, &splits) != 2)
        return false;
    if (form < 0 || form >= NN_CUDA_TILES || splits < 1 || splits > MOST_SPLITS ||
        !takes(problem, form, splits, multiprocessors))
        return false;
    *out = (nn_tile_choice){form, splits, 0};
    return true;
}

nn_status nn_tile_choose(nn_device *device, const nn_cuda_tiles *problem, size_t x_bytes,
                         nn_tile_choice *out) {
    const int multiprocessors = nn_cuda_device_of(device)->properties.multiProcessorCount;
    candidate candidates[CANDIDATES];
    char key[KEY_SIZE], text[64];
    key_of(problem, key);
    if (find(device, key, out)) return NN_OK;
    const nn_choice_key line = {device, "tiles", VERSION, key};
    if (!recall(&line, problem, multiprocessors, out)) {
        int count = list_candidates(problem, multiprocessors, candidates);
        if (count == 0) return nn_fail(NN_UNSUPPORTED, "no tile takes %s", key);
        if (count > MOST_TIMED) count = MOST_TIMED;
        NN_TRY(time_all(device, problem, x_bytes, candidates, count, out));
        snprintf(text, sizeof text, "form %d splits %d", out->form, out->splits);
        nn_choice_remember(&line, text);
    }
    return keep(device, key, out);
}
