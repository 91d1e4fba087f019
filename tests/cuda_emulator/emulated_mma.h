/* The double of ops/cuda/runtime/mma.cuh: each lane fetches from the others what it needs. */
#ifndef NN_EMULATED_MMA_H
#define NN_EMULATED_MMA_H

#include "tests/cuda_emulator/emulated_device.h"

/* The two numbers of a register. */
template <typename T> void nn_emulated_unpack(uint32_t pair, float *out) {
    T items[2];
    std::memcpy(static_cast<void *>(items), &pair, sizeof items);
    for (int i = 0; i < 2; i++) out[i] = nn_to_float<T>(items[i]);
}

inline uint32_t nn_emulated_fetch(uint32_t value, int lane, int line) {
    return nn_emulated_shuffle(0xffffffffu, value, lane, line);
}

template <typename T>
void nn_multiply_halves(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                        int line = __builtin_LINE()) {
    const int lane = nn_emulated_lane(), row = lane / 4, column = lane % 4 * 2;
    float left[2][16], right[2][16];
    for (int quad = 0; quad < 4; quad++) {
        for (int i = 0; i < 4; i++)
            nn_emulated_unpack<T>(nn_emulated_fetch(a[i], row * 4 + quad, line),
                                  &left[i % 2][2 * quad + i / 2 * 8]);
        for (int c = 0; c < 2; c++) {
            const int from = (column + c) * 4 + quad;
            nn_emulated_unpack<T>(nn_emulated_fetch(b0, from, line), &right[c][2 * quad]);
            nn_emulated_unpack<T>(nn_emulated_fetch(b1, from, line), &right[c][2 * quad + 8]);
        }
    }
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 16; k++) sums[i] += left[i / 2][k] * right[i % 2][k];
}

template <typename T>
void nn_load_transposed(uint32_t (&out)[4], const T *row, int line = __builtin_LINE()) {
    const int lane = nn_emulated_lane();
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0)
        nn_emulator_die("line %d: the row of a matrix is not aligned to 16 bytes", line);
    for (int matrix = 0; matrix < 4; matrix++) {
        T items[2];
        for (int i = 0; i < 2; i++) {
            const T *from =
                nn_emulated_shuffle(0xffffffffu, row, matrix * 8 + lane % 4 * 2 + i, line);
            items[i] = from[lane / 4];
        }
        std::memcpy(&out[matrix], items, sizeof items);
    }
}

#endif
