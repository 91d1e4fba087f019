#include "engine/lower/activation_pattern.h"

/* Equal up to the rounding of constants that were written down or computed. */
static bool near(float a, float b) {
    return a > b * 0.999999f && a < b * 1.000001f;
}

/* value = clip(x + offset, 0, limit) */
static bool match_shifted_clip(nn_pattern *p, const nn_value *value, nn_value **x, float *offset,
                               float *limit) {
    nn_activation clip;
    nn_value *sum;
    if (value->producer == NULL || !nn_match_activation(value->producer, &sum, &clip)) return false;
    if (clip.kind != NN_ACT_CLIP || clip.alpha != 0) return false;
    *limit = clip.beta;
    return nn_pattern_take(p, value) && nn_pattern_number(p, sum, &nn_op_add, true, x, offset);
}

/* value = 1 + erf(x / sqrt 2) */
static bool match_shifted_erf(nn_pattern *p, const nn_value *value, nn_value **x) {
    float one, scale = 1;
    nn_value *erf;
    if (!nn_pattern_number(p, value, &nn_op_add, true, &erf, &one) || one != 1) return false;
    if (!nn_is_made_by(erf, &nn_op_erf) || !nn_pattern_take(p, erf)) return false;
    *x = nn_pattern_strip_scale(p, erf->producer->inputs[0], &scale);
    return near(scale, 0.70710678f);
}

/* The activation x gate(x) where the gate is an operator of its own. */
static bool match_plain_gate(nn_pattern *p, const nn_value *gate, nn_value **x,
                             nn_activation *out) {
    if (gate->producer == NULL || !nn_match_activation(gate->producer, x, out)) return false;
    if (out->kind == NN_ACT_SIGMOID) {
        out->kind = NN_ACT_SILU;
    } else if (out->kind == NN_ACT_HARD_SIGMOID) {
        out->kind = NN_ACT_HARD_SWISH;
    } else {
        return false;
    }
    return nn_pattern_take(p, gate);
}

/* The activation scale * x * gate, where gate is made from x. */
static bool match_gate(nn_pattern *p, const nn_value *gate, float scale, nn_value **x,
                       nn_activation *out) {
    nn_pattern start = *p;
    float offset, limit;
    if (near(scale, 1) && match_plain_gate(p, gate, x, out)) return true;
    *p = start;
    if (match_shifted_clip(p, gate, x, &offset, &limit) && near(scale * limit, 1)) {
        *out = (nn_activation){NN_ACT_HARD_SWISH, 1 / limit, offset / limit};
        return true;
    }
    *p = start;
    if (near(scale, 0.5f) && match_shifted_erf(p, gate, x)) {
        *out = (nn_activation){.kind = NN_ACT_GELU};
        return true;
    }
    return false;
}

/* value = scale * x * gate(x), the numbers anywhere in the products */
static bool match_gated(nn_pattern *p, nn_value *value, nn_value **x, nn_activation *out) {
    float scale = 1;
    nn_value *product = nn_pattern_strip_scale(p, value, &scale);
    if (!nn_is_made_by(product, &nn_op_mul) || !nn_pattern_take(p, product)) return false;
    nn_value *const *factors = product->producer->inputs;
    nn_pattern start = *p;
    for (int side = 0; side < 2; side++) {
        float total = scale;
        *p = start;
        nn_value *factor = nn_pattern_strip_scale(p, factors[side], &total);
        nn_value *gate = nn_pattern_strip_scale(p, factors[1 - side], &total);
        if (match_gate(p, gate, total, x, out) && *x == factor) return true;
    }
    return false;
}

/* value = scale * clip(x + offset, 0, 1 / scale) */
static bool match_hard_sigmoid(nn_pattern *p, nn_value *value, nn_value **x, nn_activation *out) {
    float scale = 1, offset, limit;
    nn_value *clipped = nn_pattern_strip_scale(p, value, &scale);
    if (!match_shifted_clip(p, clipped, x, &offset, &limit)) return false;
    if (!near(scale * limit, 1)) return false;
    *out = (nn_activation){NN_ACT_HARD_SIGMOID, 1 / limit, offset / limit};
    return true;
}

/* value = alpha * x + beta in several steps */
bool nn_match_linear_chain(nn_pattern *p, nn_value *value, nn_value **x, nn_activation *out) {
    *p = (nn_pattern){0};
    nn_activation step;
    nn_value *from;
    *out = (nn_activation){NN_ACT_LINEAR, 1, 0};
    while (value->producer != NULL && nn_match_activation(value->producer, &from, &step) &&
           step.kind == NN_ACT_LINEAR && nn_pattern_take(p, value)) {
        out->beta += out->alpha * step.beta;
        out->alpha *= step.alpha;
        value = *x = from;
    }
    return p->count > 1;
}

bool nn_match_spelled_activation(nn_pattern *p, nn_value *last, nn_value **x, nn_activation *out) {
    *p = (nn_pattern){0};
    if (match_gated(p, last, x, out)) return true;
    *p = (nn_pattern){0};
    return match_hard_sigmoid(p, last, x, out);
}

/* ---- runs ---- */

static bool append(nn_pattern *p, const nn_pattern *part) {
    if (p->count + part->count > NN_MOST_PATTERN_NODES) return false;
    for (int i = 0; i < part->count; i++) p->nodes[p->count++] = part->nodes[i];
    return true;
}

/* One function in front of `value`: spelled out, or a single operator. */
static bool match_link(nn_value *value, nn_pattern *part, nn_value **x) {
    nn_activation activation;
    if (value->producer == NULL) return false;
    if (nn_match_spelled_activation(part, value, x, &activation)) return true;
    *part = (nn_pattern){0};
    return nn_match_activation(value->producer, x, &activation) && nn_pattern_take(part, value);
}

static bool is_clamp(const nn_node *node) {
    return node->op == &nn_op_relu || node->op == &nn_op_clip;
}

bool nn_match_activation_run(nn_value *last, nn_activation_run *out) {
    nn_pattern part;
    nn_value *value = last, *x;
    *out = (nn_activation_run){0};
    while ((value == last || nn_value_single_consumer(value) != NULL) &&
           match_link(value, &part, &x) && append(&out->nodes, &part)) {
        value = x;
    }
    /* spelled out functions end with a product: a clamp in front stands alone */
    while (out->nodes.count > 0 && is_clamp(out->nodes.nodes[out->nodes.count - 1]) &&
           out->nodes.nodes[out->nodes.count - 1]->inputs[0] == value) {
        value = out->nodes.nodes[--out->nodes.count]->outputs[0];
    }
    out->x = value;
    return out->nodes.count > 0;
}
