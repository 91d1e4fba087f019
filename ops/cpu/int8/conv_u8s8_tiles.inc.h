/* A function for every size of tile: EACH_ROWS(X) lists the counts of rows up to ROWS, and tile(t,
 * rows, vectors) is inlined with constants. */
#define TILE(rows)                                                                                 \
    static void tile_##rows##x1(const nn_u8s8_tile *t) {                                           \
        tile(t, rows, 1);                                                                          \
    }                                                                                              \
    static void tile_##rows##x2(const nn_u8s8_tile *t) {                                           \
        tile(t, rows, 2);                                                                          \
    }
#define ENTRY(rows) {tile_##rows##x1, tile_##rows##x2},
EACH_ROWS(TILE)

static void run_tile(const nn_u8s8_tile *t, int rows, int vectors) {
    static void (*const tiles[ROWS][2])(const nn_u8s8_tile *) = {EACH_ROWS(ENTRY)};
    tiles[rows - 1][vectors - 1](t);
}
