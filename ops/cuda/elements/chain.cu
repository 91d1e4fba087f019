#include "ops/cuda/elements/chain_launch.h"

#include "ops/cuda/elements/functions.cuh"
#include "ops/cuda/elements/loops.cuh"

namespace {

constexpr int THREADS = 256;
/* Elements of a thread's turn: the cost of finding the next step is shared by them. */
constexpr int WIDTH = 4;

/* All threads take the same branch: the program is the kernel's argument. */
template <int V>
__device__ __forceinline__ void apply(int function, float (&values)[V], float p, float q) {
    typedef float T;
    switch (function) {
#define NN_FUNCTION_ROW(symbol, ...)                                                               \
    case NN_FUNCTION_##symbol:                                                                     \
        _Pragma("unroll") for (int k = 0; k < V; k++) {                                            \
            const float x = values[k];                                                             \
            values[k] = static_cast<float>(__VA_ARGS__);                                           \
        }                                                                                          \
        break;
#define NN_FUNCTION_OPERATOR(symbol, name, types, parameters, ...)                                 \
    NN_FUNCTION_ROW(symbol, __VA_ARGS__)
#include "ops/family/functions.def"
#undef NN_FUNCTION_OPERATOR
#undef NN_FUNCTION_ROW
    default:
        break;
    }
}

__device__ __forceinline__ float combine(int kind, float a, float b) {
    switch (kind) {
    case NN_CUDA_CHAIN_ADD:
        return a + b;
    case NN_CUDA_CHAIN_SUB:
        return a - b;
    case NN_CUDA_CHAIN_MUL:
        return a * b;
    case NN_CUDA_CHAIN_DIV:
        return a / b;
    case NN_CUDA_CHAIN_MAX:
        return a > b || a != a ? a : b;
    default:
        return a < b || a != a ? a : b;
    }
}

/* V elements of an operand at `place`, as floats. */
template <typename T, int V>
__device__ __forceinline__ void load(const void *data, int64_t place, int64_t step,
                                     float (&values)[V]) {
    const nn_pack<T, V> pack = nn_load_pack<V>(static_cast<const T *>(data) + place, step);
#pragma unroll
    for (int k = 0; k < V; k++) values[k] = nn_to_float(pack.items[k]);
}

template <typename T, int V>
__device__ __forceinline__ void load_operand(const nn_cuda_chain &a, int operand,
                                             const int64_t (&places)[4], float (&values)[V]) {
    /* constant indices, so that places stay in registers */
    const int64_t place = operand == 0 ? places[1] : operand == 1 ? places[2] : places[3];
    const int64_t step = a.loops.steps[operand + 1][a.loops.rank - 1];
    if (a.is_float[operand])
        load<float, V>(a.operands[operand], place, step, values);
    else
        load<T, V>(a.operands[operand], place, step, values);
}

template <typename T, int V> __global__ void __launch_bounds__(THREADS) chain(nn_cuda_chain a) {
    const int64_t packs = a.loops.count / V;
    for (int64_t i = nn_first(); i < packs; i += nn_stride()) {
        int64_t places[4];
        float values[V], others[V];
        nn_locate(a.loops, i * V, places);
        load<T, V>(a.x, i * V, 1, values);
        for (int s = 0; s < a.count; s++) {
            const nn_cuda_chain_step step = a.steps[s];
            if (step.kind == NN_CUDA_CHAIN_FUNCTION) {
                apply<V>(step.function, values, step.p, step.q);
                continue;
            }
            load_operand<T, V>(a, step.operand, places, others);
#pragma unroll
            for (int k = 0; k < V; k++)
                values[k] = step.swapped ? combine(step.kind, others[k], values[k])
                                         : combine(step.kind, values[k], others[k]);
        }
        nn_pack<T, V> out;
#pragma unroll
        for (int k = 0; k < V; k++) out.items[k] = nn_from_float<T>(values[k]);
        nn_store_pack(static_cast<T *>(a.y) + i * V, out);
    }
}

template <typename T> cudaError_t launch(const nn_cuda_chain &a, cudaStream_t stream) {
    nn_operand operands[1 + NN_CUDA_CHAIN_OPERANDS] = {{a.y, sizeof(T)}};
    for (int i = 0; i < a.operand_count; i++) {
        operands[i + 1].data = a.operands[i];
        operands[i + 1].bytes = static_cast<int>(a.is_float[i] ? sizeof(float) : sizeof(T));
    }
    const bool aligned = reinterpret_cast<uintptr_t>(a.x) % (WIDTH * sizeof(T)) == 0;
    if (aligned && a.loops.count % WIDTH == 0 &&
        nn_takes_packs(a.loops, operands, 1 + a.operand_count, WIDTH))
        return nn_launch(chain<T, WIDTH>, nn_grid_for(a.loops.count / WIDTH, THREADS), THREADS, 0,
                         stream, a);
    return nn_launch(chain<T, 1>, nn_grid_for(a.loops.count, THREADS), THREADS, 0, stream, a);
}

} // namespace

cudaError_t nn_cuda_launch_chain(const nn_cuda_chain *arguments, cudaStream_t stream) {
    return nn_by_floating(arguments->type, [&](auto element) {
        return launch<typename decltype(element)::type>(*arguments, stream);
    });
}
