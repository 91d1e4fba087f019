/* Body of winograd_f32_<isa>.c: the forms of F(2, 3), F(4, 3) and F(2, 5) in two dimensions and on
 * a line, for maps of floats. */
#include "ops/cpu/float32/winograd/winograd_line_f32.h"
#include "ops/cpu/float32/winograd/winograd_points.h"

typedef float pixel;
typedef struct pixel_rule {
    char none;
} pixel_rule;

NN_INLINE pixel_rule pixel_rule_of(uint8_t flip, int32_t zero) {
    (void)flip;
    (void)zero;
    return (pixel_rule){0};
}
NN_INLINE vf pixel_load(const pixel *from, pixel_rule rule) {
    (void)rule;
    return vf_load(from);
}
NN_INLINE vf pixel_load_first(const pixel *from, int count, pixel_rule rule) {
    (void)rule;
    return vf_load_first(from, count);
}

#define OUTPUTS    2
#define POINTS     4
#define NAME(stem) stem##_2
#include "ops/cpu/float32/winograd/winograd_transforms.inc.h"

#include "ops/cpu/float32/winograd/winograd_f32.inc.h"

#define OUTPUTS    4
#define POINTS     6
#define NAME(stem) stem##_4
#include "ops/cpu/float32/winograd/winograd_transforms.inc.h"

#include "ops/cpu/float32/winograd/winograd_f32.inc.h"

#define OUTPUTS        2
#define POINTS         6
#define INPUT_IS_KNOWN 1
#define NAME(stem)     stem##_5
#include "ops/cpu/float32/winograd/winograd_transforms.inc.h"

#include "ops/cpu/float32/winograd/winograd_f32.inc.h"

#include "ops/cpu/float32/winograd/winograd_line_input.inc.h"

#include "ops/cpu/float32/winograd/winograd_line_f32.inc.h"
