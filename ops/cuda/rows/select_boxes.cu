#include "ops/cuda/rows/select_boxes_launch.h"

#include "ops/cuda/rows/lanes.cuh"

namespace {

enum { BLOCK = 256 };

/* Products are rounded by themselves, as on the CPU: thresholds are compared with them. */
struct box {
    float x[2], y[2];
    __device__ __forceinline__ float area() const { return __fmul_rn(x[1] - x[0], y[1] - y[0]); }
};

__device__ __forceinline__ box box_at(const float *given, bool is_centered) {
    if (is_centered) {
        const float x = given[2] / 2, y = given[3] / 2;
        return {{given[0] - x, given[0] + x}, {given[1] - y, given[1] + y}};
    }
    const bool x_ordered = given[1] <= given[3], y_ordered = given[0] <= given[2];
    return {{given[x_ordered ? 1 : 3], given[x_ordered ? 3 : 1]},
            {given[y_ordered ? 0 : 2], given[y_ordered ? 2 : 0]}};
}

/* Intersection over union is more than the threshold. */
__device__ __forceinline__ bool overlap(const box &a, const box &b, float threshold) {
    const box both = {{a.x[0] > b.x[0] ? a.x[0] : b.x[0], a.x[1] < b.x[1] ? a.x[1] : b.x[1]},
                      {a.y[0] > b.y[0] ? a.y[0] : b.y[0], a.y[1] < b.y[1] ? a.y[1] : b.y[1]}};
    if (!(both.x[1] > both.x[0] && both.y[1] > both.y[0])) return false;
    const float shared = both.area(), first = a.area(), second = b.area();
    const float all = __fsub_rn(__fadd_rn(first, second), shared);
    if (!(shared > 0 && first > 0 && second > 0 && all > 0)) return false;
    return __fdiv_rn(shared, all) > threshold;
}

struct candidate {
    float score;
    int index; /* -1: none */
};

/* The better one; of equal scores the first box. */
struct better {
    __device__ __forceinline__ candidate operator()(candidate a, candidate b) const {
        if (a.index < 0) return b;
        if (b.index < 0) return a;
        if (a.score != b.score) return a.score > b.score ? a : b;
        return a.index < b.index ? a : b;
    }
};

/* A block for each class of each sample finds one box after the other; while it looks for the next
 * best it drops what the last one overlaps. Dropped scores are NaN. */
__global__ void __launch_bounds__(BLOCK) select(nn_cuda_select_boxes a) {
    const int64_t groups = a.samples * a.classes;
    const float wanted = a.overlap != nullptr ? *a.overlap : 0.0f;
    if (!(wanted >= 0 && wanted <= 1) && a.fault.flag != nullptr) *a.fault.flag = a.fault.code;
    const int boxes = static_cast<int>(a.boxes), most = static_cast<int>(a.most);
    for (int64_t group = blockIdx.x; group < groups; group += gridDim.x) {
        const float *scores = a.scores + group * boxes;
        const float *corners = a.corners + group / a.classes * boxes * 4;
        float *left = a.left + group * boxes;
        int count = 0, last = -1;
        for (int i = static_cast<int>(threadIdx.x); i < boxes; i += BLOCK) {
            const float score = scores[i];
            const bool is_out = a.score_limit != nullptr && !(score > *a.score_limit);
            left[i] = is_out ? NAN : score;
        }
        for (; count < most; count++) {
            candidate best = {0.0f, -1};
            const box held = last >= 0 ? box_at(corners + 4 * last, a.is_centered) : box();
            for (int i = static_cast<int>(threadIdx.x); i < boxes; i += BLOCK) {
                const float score = left[i]; /* written by this thread alone */
                if (score != score) continue;
                if (last >= 0 &&
                    (i == last || overlap(box_at(corners + 4 * i, a.is_centered), held, wanted))) {
                    left[i] = NAN;
                    continue;
                }
                best = better()(best, {score, i});
            }
            best = nn_join_block(best, candidate{0.0f, -1}, better());
            last = best.index;
            if (last < 0) break;
            if (threadIdx.x == 0) a.found[group * most + count] = last;
        }
        if (threadIdx.x == 0) a.found_count[group] = count;
        __syncthreads(); /* before the next group joins */
    }
}

struct sum {
    __device__ __forceinline__ int64_t operator()(int64_t x, int64_t y) const { return x + y; }
};

/* A block for each group writes its triples behind those of the groups before it. */
__global__ void __launch_bounds__(BLOCK) list(nn_cuda_select_boxes a) {
    const int64_t groups = a.samples * a.classes;
    for (int64_t group = blockIdx.x; group < groups; group += gridDim.x) {
        int64_t before = 0;
        for (int64_t i = threadIdx.x; i < group; i += BLOCK) before += a.found_count[i];
        before = nn_join_block(before, static_cast<int64_t>(0), sum());
        const int count = a.found_count[group];
        for (int i = static_cast<int>(threadIdx.x); i < count; i += BLOCK) {
            int64_t *triple = a.triples + 3 * (before + i);
            triple[0] = group / a.classes;
            triple[1] = group % a.classes;
            triple[2] = a.found[group * a.most + i];
        }
        if (group == groups - 1 && threadIdx.x == 0) *a.count = before + count;
    }
}

} // namespace

cudaError_t nn_cuda_launch_select_boxes(const nn_cuda_select_boxes *arguments,
                                        cudaStream_t stream) {
    const unsigned grid = nn_blocks_for(arguments->samples * arguments->classes);
    const cudaError_t error = nn_launch(select, grid, BLOCK, 0, stream, *arguments);
    return error != cudaSuccess ? error : nn_launch(list, grid, BLOCK, 0, stream, *arguments);
}
