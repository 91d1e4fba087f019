#include "ops/family/cosine_window.h"

NN_COSINE_WINDOW(blackman_window, "BlackmanWindow", 0.42, 0.5, 0.08)
