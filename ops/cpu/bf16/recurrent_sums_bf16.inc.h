/* The sums of recurrent_step_f32.inc.h, by sum_tiles (recurrent_step_bf16.inc.h). */
typedef void (*sums_function)(const nn_block_weights *from, const float *x, int64_t pitch,
                              float *sums, int rows);

#define SUMS(gates, blocks)                                                                        \
    static void sums_##gates##x##blocks(const nn_block_weights *from, const float *x,              \
                                        int64_t pitch, float *sums, int rows) {                    \
        sum_tiles(from, x, pitch, sums, rows, gates, blocks);                                      \
    }
SUMS(1, 1)
SUMS(1, 4)
SUMS(2, 1)
SUMS(2, 2)
SUMS(3, 1)
SUMS(4, 1)
