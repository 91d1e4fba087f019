/* The double of ops/cuda/int8/tensor_core.cuh: the same functions, where lanes bring their
 * registers together and one of them does the work of all. */
#ifndef NN_EMULATED_TENSOR_CORE_H
#define NN_EMULATED_TENSOR_CORE_H

#include "tests/cuda_emulator/emulator.h"

#include <cstdint>
#include <cstring>

struct nn_emulated_product {
    int *sums;
    const uint32_t *a, *b;
};

/* Registers of all lanes as matrices: the layouts stand in tensor_core.cuh. In 16 bits, which
 * compilers multiply and add in vectors. */
template <typename A> void nn_emulated_multiply(void *const *lanes) {
    static int16_t a[16][32], b[8][32];
    for (int lane = 0; lane < 32; lane++) {
        const auto *own = static_cast<const nn_emulated_product *>(lanes[lane]);
        const int row = lane / 4, first = lane % 4 * 4;
        for (int k = 0; k < 4; k++) {
            for (int i = 0; i < 4; i++)
                a[row + i % 2 * 8][first + k + i / 2 * 16] = static_cast<A>(own->a[i] >> 8 * k);
            for (int i = 0; i < 2; i++)
                b[row][first + k + i * 16] = static_cast<int8_t>(own->b[i] >> 8 * k);
        }
    }
    for (int lane = 0; lane < 32; lane++) {
        const auto *own = static_cast<const nn_emulated_product *>(lanes[lane]);
        for (int i = 0; i < 4; i++) {
            const int16_t *left = a[lane / 4 + i / 2 * 8], *right = b[lane % 4 * 2 + i % 2];
            int sum = 0;
            for (int k = 0; k < 32; k++) sum += left[k] * right[k];
            own->sums[i] =
                static_cast<int>(static_cast<unsigned>(own->sums[i]) + static_cast<unsigned>(sum));
        }
    }
}

template <bool SIGNED>
void nn_multiply_bytes(int (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                       int line = __builtin_LINE()) {
    nn_emulated_product own = {sums, a, b};
    nn_emulator_together(
        &own, SIGNED ? nn_emulated_multiply<int8_t> : nn_emulated_multiply<uint8_t>, line);
}

struct nn_emulated_matrices {
    uint32_t *out;
    const void *row;
};

inline void nn_emulated_load(void *const *lanes) {
    uint32_t loaded[32][4];
    for (int lane = 0; lane < 32; lane++) {
        const auto *own = static_cast<const nn_emulated_matrices *>(lanes[lane]);
        for (int reader = 0; reader < 4; reader++)
            std::memcpy(&loaded[lane % 8 * 4 + reader][lane / 8],
                        static_cast<const char *>(own->row) + 4 * reader, 4);
    }
    for (int lane = 0; lane < 32; lane++)
        std::memcpy(static_cast<const nn_emulated_matrices *>(lanes[lane])->out, loaded[lane],
                    sizeof loaded[lane]);
}

inline void nn_load_matrices(uint32_t (&out)[4], const void *row, int line = __builtin_LINE()) {
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0)
        nn_emulator_die("line %d: the row of a matrix is not aligned to 16 bytes", line);
    nn_emulated_matrices own = {out, row};
    nn_emulator_together(&own, nn_emulated_load, line);
}

template <int BYTES>
void nn_copy_async(void *shared, const void *global, bool is_wanted, int line = __builtin_LINE()) {
    nn_emulator_copy(shared, is_wanted ? global : nullptr, BYTES, line);
}
inline void nn_end_copies() {
    nn_emulator_end_group();
}
template <int LEFT> void nn_wait_copies() {
    nn_emulator_wait_groups(LEFT);
}

#endif
