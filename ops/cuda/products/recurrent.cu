#include "ops/cuda/products/recurrent_launch.h"
#include "ops/cuda/runtime/elements.cuh"
#include "ops/gate_kind.h"

/* A warp computes one hidden unit of one direction for up to SAMPLES samples: its lanes share the
 * rows of R that belong to the unit, and lane s finishes sample s. */

namespace {

constexpr int WARPS = 8, LANES = 32;

__device__ __forceinline__ float read(const nn_cuda_states &from, int64_t direction, int64_t sample,
                                      int64_t unit) {
    if (from.data == nullptr) return 0.0f;
    return nn_load_as(from.type, from.data,
                      direction * from.direction + sample * from.sample + unit);
}

__device__ __forceinline__ void write(const nn_cuda_states &to, int64_t direction, int64_t sample,
                                      int64_t unit, float x) {
    if (to.data != nullptr)
        nn_store_as(to.type, to.data, direction * to.direction + sample * to.sample + unit, x);
}

/* NaN stays. */
__device__ __forceinline__ float bound(float x, float low, float high) {
    return x < low ? low : x > high ? high : x;
}

__device__ float gate_value(const nn_cuda_gate &f, float x) {
    switch (f.kind) {
    case NN_GATE_RELU:
        return x < 0.0f ? 0.0f : x;
    case NN_GATE_TANH:
        return tanhf(x);
    case NN_GATE_SIGMOID:
        return 1.0f / (1.0f + expf(-x));
    case NN_GATE_AFFINE:
        return f.alpha * x + f.beta;
    case NN_GATE_LEAKY_RELU:
        return x >= 0.0f ? x : f.alpha * x;
    case NN_GATE_THRESHOLDED_RELU:
        return x < f.alpha ? 0.0f : x;
    case NN_GATE_SCALED_TANH:
        return f.alpha * tanhf(f.beta * x);
    case NN_GATE_HARD_SIGMOID:
        return bound(f.alpha * x + f.beta, 0.0f, 1.0f);
    case NN_GATE_ELU:
        return x >= 0.0f ? x : f.alpha * expm1f(x);
    case NN_GATE_SOFTSIGN:
        return x / (1.0f + fabsf(x));
    default:
        return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
    }
}

/* One unit of one sample in one direction. */
struct place {
    int64_t direction, sample, unit;
    int64_t at; /* where in time its step lies; the step itself beyond its length */
    bool is_beyond;
};

__device__ place place_of(const nn_cuda_recurrent &a, int64_t direction, int64_t sample,
                          int64_t unit) {
    int64_t length = a.lengths != nullptr ? a.lengths[sample] : a.steps;
    length = length < 0 ? 0 : length > a.steps ? a.steps : length;
    const bool reverse = direction == 0 ? a.first_is_reverse != 0 : a.second_is_reverse != 0;
    const bool beyond = a.step >= length;
    return {direction, sample, unit, reverse && !beyond ? length - 1 - a.step : a.step, beyond};
}

__device__ __forceinline__ float product_at(const nn_cuda_recurrent &a, const place &p, int gate) {
    return a.products[p.at * a.product_step + p.sample * a.product_sample +
                      p.direction * a.product_direction + gate * a.hidden + p.unit];
}

__device__ __forceinline__ float bias_at(const nn_cuda_recurrent &a, const place &p, int gate,
                                         int of_state) {
    if (a.bias == nullptr) return 0.0f;
    return nn_load_as(a.bias_type, a.bias,
                      (2 * p.direction + of_state) * a.gates * a.hidden + gate * a.hidden + p.unit);
}

__device__ __forceinline__ float activate(const nn_cuda_recurrent &a, const place &p, int function,
                                          float x) {
    if (a.clip > 0.0f) x = bound(x, -a.clip, a.clip);
    return gate_value(a.functions[p.direction][function], x);
}

/* A gate whose sum is of the inputs, the state and both biases. */
__device__ __forceinline__ float sum_of(const nn_cuda_recurrent &a, const place &p, int gate,
                                        float state) {
    return product_at(a, p, gate) + state + bias_at(a, p, gate, 0) + bias_at(a, p, gate, 1);
}

__device__ void finish(const nn_cuda_recurrent &a, const place &p, float h) {
    if (a.y != nullptr)
        nn_store_as(a.y_type, a.y,
                    p.at * a.y_step + p.direction * a.y_direction + p.sample * a.y_sample + p.unit,
                    p.is_beyond ? 0.0f : h);
    write(a.h_to, p.direction, p.sample, p.unit, h);
    if (a.step == a.steps - 1) write(a.last_h, p.direction, p.sample, p.unit, h);
}

__device__ void finish_cell(const nn_cuda_recurrent &a, const place &p, float c) {
    write(a.c_to, p.direction, p.sample, p.unit, c);
    if (a.step == a.steps - 1) write(a.last_c, p.direction, p.sample, p.unit, c);
}

__device__ __forceinline__ float peephole(const nn_cuda_recurrent &a, const place &p, int which) {
    if (a.peepholes == nullptr) return 0.0f;
    return nn_load_as(a.peephole_type, a.peepholes, (3 * p.direction + which) * a.hidden + p.unit);
}

/* What is left of each unit when the products of the state are there. */
struct rnn {
    static constexpr int gates = 1, first = 0;
    static __device__ void finish_unit(const nn_cuda_recurrent &a, const place &p, const float *s) {
        const float before = read(a.h_from, p.direction, p.sample, p.unit);
        finish(a, p, p.is_beyond ? before : activate(a, p, 0, sum_of(a, p, 0, s[0])));
    }
};

/* Input, output, forget, cell. */
struct lstm {
    static constexpr int gates = 4, first = 0;
    static __device__ void finish_unit(const nn_cuda_recurrent &a, const place &p, const float *s) {
        const float c = read(a.c_from, p.direction, p.sample, p.unit);
        if (p.is_beyond) {
            finish_cell(a, p, c);
            finish(a, p, read(a.h_from, p.direction, p.sample, p.unit));
            return;
        }
        const float enter = activate(a, p, 0, sum_of(a, p, 0, s[0]) + peephole(a, p, 0) * c);
        const float keep = a.input_forget != 0
                               ? 1.0f - enter
                               : activate(a, p, 0, sum_of(a, p, 2, s[2]) + peephole(a, p, 2) * c);
        const float now = keep * c + enter * activate(a, p, 1, sum_of(a, p, 3, s[3]));
        const float leave = activate(a, p, 0, sum_of(a, p, 1, s[1]) + peephole(a, p, 1) * now);
        finish_cell(a, p, now);
        finish(a, p, leave * gate_value(a.functions[p.direction][2], now));
    }
};

/* Update, reset, hidden; the reset gate multiplies the product of the state. */
struct gru_linear {
    static constexpr int gates = 3, first = 0;
    static __device__ void finish_unit(const nn_cuda_recurrent &a, const place &p, const float *s) {
        const float h = read(a.h_from, p.direction, p.sample, p.unit);
        const float z = activate(a, p, 0, sum_of(a, p, 0, s[0]));
        const float r = activate(a, p, 0, sum_of(a, p, 1, s[1]));
        const float n = activate(
            a, p, 1, product_at(a, p, 2) + bias_at(a, p, 2, 0) + r * (s[2] + bias_at(a, p, 2, 1)));
        finish(a, p, p.is_beyond ? h : (1.0f - z) * n + z * h);
    }
};

/* The reset gate multiplies the state, so the last gate waits for all units. */
struct gru_gates {
    static constexpr int gates = 2, first = 0;
    static __device__ void finish_unit(const nn_cuda_recurrent &a, const place &p, const float *s) {
        const int64_t at = (p.direction * a.batch + p.sample) * a.hidden + p.unit;
        a.update[at] = activate(a, p, 0, sum_of(a, p, 0, s[0]));
        a.reset[at] = activate(a, p, 0, sum_of(a, p, 1, s[1])) *
                      read(a.h_from, p.direction, p.sample, p.unit);
    }
};
struct gru_hidden {
    static constexpr int gates = 1, first = 2;
    static __device__ void finish_unit(const nn_cuda_recurrent &a, const place &p, const float *s) {
        const int64_t at = (p.direction * a.batch + p.sample) * a.hidden + p.unit;
        const float h = read(a.h_from, p.direction, p.sample, p.unit), z = a.update[at];
        const float n = activate(a, p, 1, sum_of(a, p, 2, s[0]));
        finish(a, p, p.is_beyond ? h : (1.0f - z) * n + z * h);
    }
};

__device__ __forceinline__ float sum_of_warp(float x) {
    for (int lanes = LANES / 2; lanes > 0; lanes /= 2) x += __shfl_xor_sync(0xffffffffu, x, lanes);
    return x;
}

/* `states` is what R multiplies. */
template <typename CELL, typename R, int SAMPLES>
__global__ __launch_bounds__(WARPS *LANES) void step(const nn_cuda_recurrent a,
                                                     const nn_cuda_states states) {
    constexpr int GATES = CELL::gates;
    const int lane = threadIdx.x % LANES;
    const int64_t direction = blockIdx.z;
    for (int64_t unit = static_cast<int64_t>(blockIdx.x) * WARPS + threadIdx.x / LANES;
         unit < a.hidden; unit += static_cast<int64_t>(gridDim.x) * WARPS)
        for (int64_t first = static_cast<int64_t>(blockIdx.y) * SAMPLES; first < a.batch;
             first += static_cast<int64_t>(gridDim.y) * SAMPLES) {
            const R *rows = static_cast<const R *>(a.r) +
                            (direction * a.gates + CELL::first) * a.hidden * a.hidden +
                            unit * a.hidden;
            float sums[SAMPLES][GATES] = {};
            for (int64_t k = lane; k < a.hidden; k += LANES) {
                float r[GATES];
#pragma unroll
                for (int g = 0; g < GATES; g++) r[g] = nn_load(rows + g * a.hidden * a.hidden + k);
#pragma unroll
                for (int s = 0; s < SAMPLES; s++) {
                    const float h =
                        first + s < a.batch ? read(states, direction, first + s, k) : 0.0f;
#pragma unroll
                    for (int g = 0; g < GATES; g++) sums[s][g] += r[g] * h;
                }
            }
            float own[GATES] = {};
#pragma unroll
            for (int s = 0; s < SAMPLES; s++)
#pragma unroll
                for (int g = 0; g < GATES; g++) {
                    const float sum = sum_of_warp(sums[s][g]);
                    if (lane == s) own[g] = sum;
                }
            if (lane < SAMPLES && first + lane < a.batch)
                CELL::finish_unit(a, place_of(a, direction, first + lane, unit), own);
        }
}

template <typename CELL, typename R, int SAMPLES>
cudaError_t launch_samples(const nn_cuda_recurrent &a, const nn_cuda_states &states,
                           cudaStream_t stream) {
    const int64_t most = 65535, blocks = (a.hidden + WARPS - 1) / WARPS;
    const int64_t groups = (a.batch + SAMPLES - 1) / SAMPLES;
    const dim3 grid(static_cast<unsigned>(blocks < most ? blocks : most),
                    static_cast<unsigned>(groups < most ? groups : most),
                    static_cast<unsigned>(a.directions));
    return nn_launch(step<CELL, R, SAMPLES>, grid, WARPS * LANES, 0, stream, a, states);
}

template <typename CELL, typename R>
cudaError_t launch_r(const nn_cuda_recurrent &a, const nn_cuda_states &states,
                     cudaStream_t stream) {
    return a.batch == 1 ? launch_samples<CELL, R, 1>(a, states, stream)
                        : launch_samples<CELL, R, 8>(a, states, stream);
}

template <typename CELL>
cudaError_t launch(const nn_cuda_recurrent &a, const nn_cuda_states &states, cudaStream_t stream) {
    return nn_by_floating(a.r_type, [&](auto element) {
        return launch_r<CELL, typename decltype(element)::type>(a, states, stream);
    });
}

} // namespace

cudaError_t nn_cuda_launch_recurrent_step(const nn_cuda_recurrent *arguments, cudaStream_t stream) {
    const nn_cuda_recurrent &a = *arguments;
    if (a.gates == 1) return launch<rnn>(a, a.h_from, stream);
    if (a.gates == 4) return launch<lstm>(a, a.h_from, stream);
    if (a.linear_before_reset != 0) return launch<gru_linear>(a, a.h_from, stream);
    const nn_cuda_states reset = {NNOPT_FLOAT, a.reset, a.batch * a.hidden, a.hidden};
    const cudaError_t error = launch<gru_gates>(a, a.h_from, stream);
    return error == cudaSuccess ? launch<gru_hidden>(a, reset, stream) : error;
}
