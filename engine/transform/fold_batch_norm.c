#include "engine/transform/fold_batch_norm.h"

#include "engine/graph/patch.h"

#include <math.h>
#include <stdio.h>

/* The node in front and where its channels lie. Weights are read as [outer][channel][inner], and
 * the channel of a grouped transposed convolution is group * channels per group + index. */
typedef struct fold_site {
    nn_node *norm, *front; /* `norm` may also be a Mul or Div by `scale` */
    nn_value *scale;
    nn_value *weight, *bias; /* bias NULL: none */
    int64_t channels;
    int64_t outer, per_group, inner;
    double weight_factor, bias_factor; /* alpha and beta of a Gemm */
} fold_site;

/* What becomes of the parameters: y_c = factor_c x_c + offset_c. */
typedef struct channel_affine {
    double *factor, *offset;
} channel_affine;

static bool is_float_initializer(const nn_value *value) {
    return value != NULL && value->initializer != NULL &&
           value->initializer->tensor.type == NNOPT_FLOAT;
}

static bool is_inference_norm(const nn_node *node) {
    int64_t training, spatial;
    if (node->op != &nn_op_batch_normalization) return false;
    if (nn_attrs_int(&node->attrs, "training_mode", 0, &training) != NN_OK ||
        nn_attrs_int(&node->attrs, "spatial", 1, &spatial) != NN_OK)
        return false;
    if (training != 0 || (spatial == 0 && node->opset < 9)) return false;
    for (int i = 1; i < node->out_count; i++)
        if (node->outputs[i] != NULL) return false;
    for (int i = 1; i < 5; i++)
        if (!is_float_initializer(node->inputs[i])) return false;
    return true;
}

/* Rows of ConvTranspose weights are input channels: [C][M / group][kernel]. */
static bool read_convolution(fold_site *site, bool is_transposed) {
    const nn_tensor *w = &site->weight->initializer->tensor;
    int64_t groups = 1;
    if (w->rank < 3 || nn_attrs_int(&site->front->attrs, "group", 1, &groups) != NN_OK)
        return false;
    int64_t kernel;
    if (groups < 1 || !nn_dims_count(w->dims + 2, w->rank - 2, &kernel)) return false;
    if (is_transposed) {
        if (w->dims[0] % groups != 0) return false;
        site->channels = w->dims[1] * groups;
        site->outer = w->dims[0];
        site->per_group = w->dims[1];
        site->inner = kernel;
    } else {
        site->channels = site->per_group = w->dims[0];
        site->outer = 1;
        site->inner = w->dims[1] * kernel;
    }
    return true;
}

static bool read_gemm(fold_site *site) {
    const nn_tensor *b = &site->weight->initializer->tensor;
    const nn_attrs *attrs = &site->front->attrs;
    int64_t is_transposed;
    float alpha, beta;
    if (b->rank != 2 || nn_attrs_int(attrs, "transB", 0, &is_transposed) != NN_OK ||
        nn_attrs_float(attrs, "alpha", 1, &alpha) != NN_OK ||
        nn_attrs_float(attrs, "beta", 1, &beta) != NN_OK)
        return false;
    site->channels = site->per_group = is_transposed ? b->dims[0] : b->dims[1];
    site->outer = is_transposed ? 1 : b->dims[0];
    site->inner = is_transposed ? b->dims[1] : 1;
    site->weight_factor = alpha;
    site->bias_factor = beta;
    return true;
}

/* A bias for each channel, or one for all (Gemm). */
static bool bias_fits(const fold_site *site) {
    if (site->bias == NULL) return true;
    if (!is_float_initializer(site->bias)) return false;
    const nn_tensor *bias = &site->bias->initializer->tensor;
    int64_t count = nn_tensor_count(bias);
    if (bias->rank == 2 && bias->dims[0] != 1) return false;
    return bias->rank <= 2 &&
           (count == site->channels || (count == 1 && site->front->op == &nn_op_gemm));
}

/* What makes `between`, when `norm` alone reads it and its weights can change. */
static bool find_front(nn_node *norm, const nn_value *between, fold_site *site) {
    nn_node *front = between->producer;
    if (front == NULL || nn_value_single_consumer(between) != norm) return false;
    bool is_convolution = front->op == &nn_op_conv || front->op == &nn_op_conv_transpose;
    if (!is_convolution && front->op != &nn_op_gemm && front->op != &nn_op_matmul) return false;
    if (!nn_epilogue_is_empty(&front->epilogue)) return false;
    *site = (fold_site){.norm = norm,
                        .front = front,
                        .weight = front->inputs[1],
                        .bias = front->in_count > 2 ? front->inputs[2] : NULL,
                        .weight_factor = 1,
                        .bias_factor = 1};
    if (!is_float_initializer(site->weight)) return false;
    if (is_convolution ? !read_convolution(site, front->op == &nn_op_conv_transpose)
                       : !read_gemm(site))
        return false;
    return site->channels > 0 && bias_fits(site);
}

static bool find_norm_site(nn_node *norm, fold_site *site) {
    if (!is_inference_norm(norm) || norm->inputs[0] == NULL || norm->outputs[0] == NULL)
        return false;
    if (!find_front(norm, norm->inputs[0], site) || site->front->op == &nn_op_matmul) return false;
    for (int i = 1; i < 5; i++)
        if (nn_tensor_count(&norm->inputs[i]->initializer->tensor) != site->channels) return false;
    return true;
}

/* One element, or one a channel on the channel axis of the result and nowhere else. */
static bool scale_fits(const fold_site *site) {
    const nn_fact *result = &site->front->outputs[0]->fact;
    const nn_tensor *scale = &site->scale->initializer->tensor;
    bool is_convolution =
        site->front->op == &nn_op_conv || site->front->op == &nn_op_conv_transpose;
    if (result->rank < 2 || scale->rank > result->rank) return false;
    int channel_axis = is_convolution ? 1 : result->rank - 1;
    for (int i = 0; i < scale->rank; i++) {
        bool is_channel = i + result->rank - scale->rank == channel_axis;
        if (scale->dims[i] != 1 && (!is_channel || scale->dims[i] != site->channels)) return false;
    }
    int64_t count = nn_tensor_count(scale);
    const nn_tensor *values = site->scale->fact.constant;
    for (int64_t i = 0; i < count && site->norm->op == &nn_op_div; i++)
        if (nn_tensor_get(values, i) == 0) return false;
    return count == 1 || count == site->channels;
}

static bool find_scale_site(nn_node *node, fold_site *site) {
    bool divides = node->op == &nn_op_div;
    if (node->op != &nn_op_mul && !divides) return false;
    for (int side = 1; side >= (divides ? 1 : 0); side--) {
        nn_value *scale = node->inputs[side];
        if (!is_float_initializer(scale) || !find_front(node, node->inputs[1 - side], site))
            continue;
        site->scale = scale;
        return scale_fits(site);
    }
    return false;
}

/* ---- the numbers ---- */

static nn_status read_floats(nn_value *value, int64_t count, double *out) {
    const nn_tensor *tensor;
    NN_TRY(nn_blob_pin(value->initializer, &tensor));
    const float *data = tensor->data;
    bool is_scalar = nn_tensor_count(tensor) == 1;
    for (int64_t i = 0; i < count; i++) out[i] = data[is_scalar ? 0 : i];
    nn_blob_unpin(value->initializer);
    return NN_OK;
}

static nn_status find_scale(const fold_site *site, channel_affine *out) {
    NN_TRY(read_floats(site->scale, site->channels, out->factor));
    for (int64_t i = 0; i < site->channels; i++) {
        if (site->norm->op == &nn_op_div) out->factor[i] = 1 / out->factor[i];
        out->offset[i] = 0;
    }
    return NN_OK;
}

/* scratch: 4 lists of `channels`. */
static nn_status find_affine(const fold_site *site, double *scratch, channel_affine *out) {
    if (site->scale != NULL) return find_scale(site, out);
    int64_t count = site->channels;
    float epsilon;
    double *scale = scratch, *shift = scale + count, *mean = shift + count,
           *variance = mean + count;
    NN_TRY(nn_attrs_float(&site->norm->attrs, "epsilon", 1e-5f, &epsilon));
    NN_TRY(read_floats(site->norm->inputs[1], count, scale));
    NN_TRY(read_floats(site->norm->inputs[2], count, shift));
    NN_TRY(read_floats(site->norm->inputs[3], count, mean));
    NN_TRY(read_floats(site->norm->inputs[4], count, variance));
    for (int64_t i = 0; i < count; i++) {
        out->factor[i] = scale[i] / sqrt(variance[i] + (double)epsilon);
        out->offset[i] = shift[i] - mean[i] * out->factor[i];
    }
    return NN_OK;
}

/* The new weights: those of `source`, [outer][per_group][inner], times a factor for each channel.
 */
typedef struct scaled_weights {
    nn_recipe recipe; /* first */
    nn_blob *source;
    int64_t outer, per_group, inner, rows_per_group; /* rows of outer that share factors */
    double factors[];                                /* of all channels */
} scaled_weights;

static void destroy_scaled(nn_recipe *recipe) {
    scaled_weights *self = (scaled_weights *)recipe;
    nn_blob_release(self->source);
    nn_free(self);
}

/* `from` may lie at any address, and be `to`. In pieces of a whole number of vectors, which the
 * compiler sees. Bound: reading of weights that no cache holds. */
static void scale_row(const char *from, double factor, int64_t count, float *to) {
    enum { PIECE = 16, AHEAD = 2048 };
    int64_t done = 0;
    for (; done + PIECE <= count; done += PIECE) {
        float piece[PIECE];
        memcpy(piece, from + (size_t)done * sizeof *piece, sizeof piece);
        __builtin_prefetch(from + (size_t)done * sizeof *piece + AHEAD);
        for (int i = 0; i < PIECE; i++) to[done + i] = (float)(piece[i] * factor);
    }
    for (; done < count; done++) {
        float value;
        memcpy(&value, from + (size_t)done * sizeof value, sizeof value);
        to[done] = (float)(value * factor);
    }
}

/* Elements [begin, begin + count), which begin and end anywhere in a row. */
static void scale_elements(const scaled_weights *self, int64_t begin, int64_t count,
                           const char *from, float *to) {
    int64_t offset = begin % self->inner, row = begin / self->inner;
    int64_t o = row / self->per_group, c = row % self->per_group;
    while (count > 0) {
        const double *factors = self->factors + o / self->rows_per_group * self->per_group;
        for (; c < self->per_group && count > 0; c++) {
            const int64_t left = self->inner - offset, size = left < count ? left : count;
            scale_row(from, factors[c], size, to);
            from += (size_t)size * sizeof *to;
            to += size;
            count -= size;
            offset = 0;
        }
        c = 0;
        o++;
    }
}

static nn_status make_scaled(const nn_recipe *recipe, int64_t begin, int64_t count, void *out) {
    const scaled_weights *self = (const scaled_weights *)recipe;
    const void *from;
    if (self->source->recipe != NULL) {
        NN_TRY(nn_blob_read(self->source, begin, count, out, &from));
        scale_elements(self, begin, count, from, out);
        return NN_OK;
    }
    scale_elements(self, begin, count, nn_blob_view(self->source, begin, count), out);
    nn_blob_drop_view(self->source, begin, count);
    return NN_OK;
}

static nn_status make_weight(const fold_site *site, const channel_affine *affine, bool defers,
                             nn_blob **out) {
    nn_blob *old = site->weight->initializer;
    const nn_tensor *shape = &old->tensor;
    const size_t bytes = sizeof(scaled_weights) + (size_t)site->channels * sizeof(double);
    scaled_weights *self = nn_alloc_zero(bytes);
    if (self == NULL) return nn_fail_memory(bytes);
    *self = (scaled_weights){.recipe = {make_scaled, destroy_scaled},
                             .source = nn_blob_retain(old),
                             .outer = site->outer,
                             .per_group = site->per_group,
                             .inner = site->inner,
                             .rows_per_group = site->outer * site->per_group / site->channels};
    for (int64_t c = 0; c < site->channels; c++)
        self->factors[c] = affine->factor[c] * site->weight_factor;
    if (defers && nn_tensor_bytes(shape) > NN_SMALL_CONSTANT)
        return nn_blob_derive(NNOPT_FLOAT, shape->dims, shape->rank, &self->recipe, out);
    nn_status status = nn_blob_create(NNOPT_FLOAT, shape->dims, shape->rank, out);
    if (status == NN_OK)
        status = make_scaled(&self->recipe, 0, nn_tensor_count(shape), (*out)->tensor.data);
    destroy_scaled(&self->recipe);
    return status;
}

static nn_status make_bias(const fold_site *site, const channel_affine *affine, double *scratch,
                           nn_blob **out) {
    NN_TRY(nn_blob_create(NNOPT_FLOAT, &site->channels, 1, out));
    float *target = (*out)->tensor.data;
    if (site->bias != NULL) NN_TRY(read_floats(site->bias, site->channels, scratch));
    for (int64_t c = 0; c < site->channels; c++) {
        double bias = site->bias != NULL ? scratch[c] * site->bias_factor : 0;
        target[c] = (float)(bias * affine->factor[c] + affine->offset[c]);
    }
    return NN_OK;
}

/* ---- the edit ---- */

/* alpha and beta are in the new weights. */
static nn_status drop_gemm_factors(nn_patch *patch, nn_node *gemm) {
    size_t bytes = (size_t)(gemm->attrs.count + 1) * sizeof(nn_attr);
    nn_attr *items = nn_alloc(bytes);
    if (items == NULL) return nn_fail_memory(bytes);
    nn_attrs kept = {items, 0};
    for (int64_t i = 0; i < gemm->attrs.count; i++) {
        const char *name = gemm->attrs.items[i].name;
        if (strcmp(name, "alpha") != 0 && strcmp(name, "beta") != 0)
            items[kept.count++] = gemm->attrs.items[i];
    }
    nn_patch_set_attrs(patch, gemm, &kept);
    nn_free(items);
    return NN_OK;
}

static void replace_input(nn_patch *patch, nn_node *node, int input, const char *stem,
                          nn_blob *blob) {
    nn_value *value = nn_patch_constant(patch, stem, blob);
    if (input < node->in_count)
        nn_patch_set_input(patch, node, input, value);
    else
        nn_patch_append_input(patch, node, value);
}

static void remove_unread(nn_patch *patch, nn_value *value, const nn_node *reader) {
    if (nn_value_single_consumer(value) == reader) nn_patch_remove_initializer(patch, value);
}

static nn_status apply(nn_graph *graph, const char *pass, const fold_site *site, nn_blob *weight,
                       nn_blob *bias) {
    nn_patch *patch;
    char reason[256];
    snprintf(reason, sizeof reason, "%s '%.200s' is part of the weights",
             site->scale != NULL ? "scale" : "normalisation", site->norm->name);
    NN_TRY(nn_patch_begin(graph, pass, reason, &patch));
    replace_input(patch, site->front, 1, site->weight->name, weight);
    if (bias != NULL)
        replace_input(patch, site->front, 2,
                      site->bias != NULL ? site->bias->name : site->front->name, bias);
    nn_status status = NN_OK;
    if (site->front->op == &nn_op_gemm) status = drop_gemm_factors(patch, site->front);
    nn_patch_remove_node(patch, site->norm);
    nn_patch_set_output(patch, site->front, 0, site->norm->outputs[0]);
    remove_unread(patch, site->weight, site->front);
    if (site->bias != NULL) remove_unread(patch, site->bias, site->front);
    for (int i = 0; i < site->norm->in_count; i++)
        if (is_float_initializer(site->norm->inputs[i]))
            remove_unread(patch, site->norm->inputs[i], site->norm);
    if (status != NN_OK) {
        nn_patch_abort(patch);
        return status;
    }
    return nn_patch_apply(patch);
}

static nn_status fold_site_now(nn_graph *graph, const char *pass, const fold_site *site,
                               bool defers) {
    size_t bytes = (size_t)site->channels * 6 * sizeof(double);
    double *lists = nn_alloc(bytes);
    if (lists == NULL) return nn_fail_memory(bytes);
    channel_affine affine = {lists, lists + site->channels};
    double *scratch = lists + 2 * site->channels;
    nn_blob *weight = NULL, *bias = NULL;
    nn_status status = NN_OK;
    NN_TRY_DONE(find_affine(site, scratch, &affine));
    NN_TRY_DONE(make_weight(site, &affine, defers, &weight));
    if (site->bias != NULL || site->scale == NULL)
        NN_TRY_DONE(make_bias(site, &affine, scratch, &bias));
    status = apply(graph, pass, site, weight, bias);
done:
    nn_blob_release(weight);
    nn_blob_release(bias);
    nn_free(lists);
    return status;
}

static nn_status fold_all(nn_graph *graph, const char *pass, bool (*find)(nn_node *, fold_site *),
                          bool defers, nn_merge_function merged, void *user) {
    int64_t i = 0;
    while (i < graph->node_count) {
        fold_site site;
        nn_node *node = graph->nodes[i];
        if (!find(node, &site)) {
            i++;
            continue;
        }
        if (merged != NULL) NN_TRY(merged(user, site.front, node));
        NN_TRY(fold_site_now(graph, pass, &site, defers));
        i = i > 0 ? i - 1 : 0; /* the list closed its gap; the front may meet another one */
    }
    return NN_OK;
}

nn_status nn_graph_fold_batch_norm(nn_graph *graph, const char *pass, bool defers,
                                   nn_merge_function merged, void *user) {
    return fold_all(graph, pass, find_norm_site, defers, merged, user);
}

nn_status nn_graph_fold_scale(nn_graph *graph, const char *pass, bool defers,
                              nn_merge_function merged, void *user) {
    return fold_all(graph, pass, find_scale_site, defers, merged, user);
}
