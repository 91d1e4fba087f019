#include "ops/family/cosine_window.h"

NN_COSINE_WINDOW(hann_window, "HannWindow", 0.5, 0.5, 0)
