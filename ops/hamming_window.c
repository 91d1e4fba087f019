#include "ops/family/cosine_window.h"

/* 0.54 and 0.46 before they were rounded. */
NN_COSINE_WINDOW(hamming_window, "HammingWindow", 25.0 / 46, 21.0 / 46, 0)
