/* Strided copies of elements of every size: planes around the edges of the tiles that they are
 * transposed in, and what lies beside the target. */
#include "ops/family/copy.h"
#include "tests/support/runner.h"

enum { MOST = 37, BESIDE = 3 };

static const size_t sizes[] = {1, 2, 4, 8, 16};

static uint8_t byte_of(int64_t element, size_t byte) {
    return (uint8_t)(element * 7 + (int64_t)byte * 31 + element / 251);
}

START_TEST(planes_are_transposed) {
    const size_t size = sizes[_i];
    static uint8_t source[MOST * MOST * 16], target[MOST * (MOST + BESIDE) * 16];
    for (int64_t i = 0; i < MOST * MOST; i++)
        for (size_t b = 0; b < size; b++) source[(size_t)i * size + b] = byte_of(i, b);
    for (int64_t rows = 1; rows <= MOST; rows += rows < 18 ? 1 : 5)
        for (int64_t columns = 1; columns <= MOST; columns++) {
            const int64_t pitch = columns + BESIDE;
            memset(target, 0xee, sizeof target);
            nn_copy_strided(NULL, size, (int64_t[]){rows, columns}, 2, target,
                            (int64_t[]){pitch, 1}, source, (int64_t[]){1, rows});
            for (int64_t r = 0; r < rows; r++)
                for (int64_t c = 0; c < pitch; c++)
                    for (size_t b = 0; b < size; b++) {
                        uint8_t want = c < columns ? byte_of(c * rows + r, b) : 0xee;
                        ck_assert_msg(target[(size_t)(r * pitch + c) * size + b] == want,
                                      "%lldx%lld elements of %zu bytes, row %lld, column %lld",
                                      (long long)rows, (long long)columns, size, (long long)r,
                                      (long long)c);
                    }
        }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("copies");
    TCase *tcase = tcase_create("planes");
    tcase_add_loop_test(tcase, planes_are_transposed, 0, 5);
    suite_add_tcase(suite, tcase);
    return suite;
}
