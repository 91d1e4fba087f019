#include "ops/family/top_k.h"

#include "ops/cpu/float32/rows_f32.h"

/* Order-keeping map of signed numbers and of the bits of floating ones to unsigned numbers. */
static inline uint64_t key_of_int(int64_t x) {
    return (uint64_t)x ^ UINT64_C(1) << 63;
}

static inline uint64_t key_of_double(double x) {
    uint64_t bits;
    if (x != x) return UINT64_MAX;
    x += 0.0; /* -0 + 0 is 0 */
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static inline uint64_t key_of_float(float x) {
    uint32_t bits;
    if (x != x) return UINT64_MAX;
    x += 0.0f;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

#define KEYS_CASE(TYPE, type, expression)                                                          \
    case NNOPT_##TYPE: {                                                                           \
        const type *xs = x_;                                                                       \
        for (int64_t i = 0; i < count; i++) {                                                      \
            const type x = xs[i * step];                                                           \
            keys[i] = (expression) ^ flip;                                                         \
        }                                                                                          \
        break;                                                                                     \
    }
#define SIGNED_CASE(TYPE, type, suffix)   KEYS_CASE(TYPE, type, key_of_int(x))
#define UNSIGNED_CASE(TYPE, type, suffix) KEYS_CASE(TYPE, type, (uint64_t)x)

/* Keys of `count` elements, `step` apart: larger keys are better. */
static void load_keys(nn_type type, const void *x_, int64_t step, bool largest, uint64_t *keys,
                      int64_t count) {
    const uint64_t flip = largest ? 0 : UINT64_MAX;
    switch (type) {
        KEYS_CASE(FLOAT, float, key_of_float(x))
        KEYS_CASE(DOUBLE, double, key_of_double(x))
        KEYS_CASE(FLOAT16, uint16_t, key_of_float(nn_half_to_float(x)))
        KEYS_CASE(BFLOAT16, uint16_t, key_of_float(nn_bfloat16_to_float(x)))
        NN_EACH_SIGNED(SIGNED_CASE)
        NN_EACH_UNSIGNED(UNSIGNED_CASE)
    default:
        break;
    }
}

/* Of equal keys the lower index makes the larger candidate. */
static nn_candidate candidate_of(uint64_t key, int64_t index) {
    return (nn_candidate)key << 64 | ~(uint64_t)index;
}

int64_t nn_candidate_index(nn_candidate candidate) {
    return (int64_t) ~(uint64_t)candidate;
}

/* Lets `fresh` sink from `place` to where no candidate below it is smaller. */
static void sift_down(nn_candidate *heap, int64_t count, int64_t place, nn_candidate fresh) {
    for (int64_t child = 2 * place + 1; child < count; child = 2 * place + 1) {
        if (child + 1 < count && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= fresh) break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = fresh;
}

/* Turns a heap with the smallest at the root into a list that begins with the largest. */
static void sort_heap(nn_candidate *heap, int64_t count) {
    for (int64_t last = count - 1; last > 0; last--) {
        nn_candidate smallest = heap[0];
        sift_down(heap, last, 0, heap[last]);
        heap[last] = smallest;
    }
}

/* Neighbouring floats of which none is better than the worst candidate. */
static bool none_is_better(const float *x, int64_t count, float worst, bool largest) {
    const nn_rows_f32 *rows = nn_rows_f32_best();
    return largest ? rows->maximum(x, count) <= worst : rows->minimum(x, count) >= worst;
}

enum { SKIPPED = 128 }; /* floats that are looked at together once the heap is full */

void nn_top_k_find(nn_type type, const void *x, int64_t size, int64_t step, int64_t k, bool largest,
                   nn_candidate *heap) {
    uint64_t keys[NN_BLOCK];
    bool skips = type == NNOPT_FLOAT && step == 1;
    for (int64_t begin = 0, count; begin < size && k > 0; begin += count) {
        int64_t most = skips && begin >= k ? SKIPPED : NN_BLOCK, i = 0;
        count = size - begin < most ? size - begin : most;
        if (skips && begin >= k) {
            const float *row = x;
            float worst = row[nn_candidate_index(heap[0])];
            if (none_is_better(row + begin, count, worst, largest)) continue;
        }
        load_keys(type, nn_at(x, type, begin * step), step, largest, keys, count);
        for (; i < count && begin + i < k; i++) {
            heap[begin + i] = candidate_of(keys[i], begin + i);
            if (begin + i + 1 < k) continue;
            for (int64_t place = k / 2 - 1; place >= 0; place--)
                sift_down(heap, k, place, heap[place]);
        }
        if (i == count) continue;
        /* Whoever comes later must be better than the worst, not only as good. */
        for (uint64_t worst = (uint64_t)(heap[0] >> 64); i < count; i++) {
            if (keys[i] <= worst) continue;
            sift_down(heap, k, 0, candidate_of(keys[i], begin + i));
            worst = (uint64_t)(heap[0] >> 64);
        }
    }
    if (k > 0) sort_heap(heap, k);
}
