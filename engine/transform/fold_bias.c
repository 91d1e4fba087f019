#include "engine/transform/fold_bias.h"

#include "engine/graph/patch.h"

typedef struct bias_site {
    nn_node *front, *add;
    nn_value *constant; /* what is added */
    nn_value *bias;     /* of the front node already; NULL: none */
    int64_t channels;
    bool is_product; /* a MatMul, which becomes a Gemm */
} bias_site;

static bool is_float_initializer(const nn_value *value) {
    return value != NULL && value->initializer != NULL &&
           value->initializer->tensor.type == NNOPT_FLOAT;
}

static bool read_front(bias_site *site) {
    const nn_node *front = site->front;
    if (front == NULL || front->in_count < 2 || !is_float_initializer(front->inputs[1]) ||
        !nn_epilogue_is_empty(&front->epilogue))
        return false;
    const nn_tensor *weights = &front->inputs[1]->initializer->tensor;
    int64_t flag = 1;
    float beta = 1;
    if (front->op == &nn_op_conv && weights->rank >= 3) {
        site->channels = weights->dims[0];
    } else if (front->op == &nn_op_conv_transpose && weights->rank >= 3) {
        if (nn_attrs_int(&front->attrs, "group", 1, &flag) != NN_OK) return false;
        site->channels = weights->dims[1] * flag;
    } else if (front->op == &nn_op_gemm && weights->rank == 2) {
        if (nn_attrs_float(&front->attrs, "beta", 1, &beta) != NN_OK || beta != 1 ||
            nn_attrs_int(&front->attrs, "transB", 0, &flag) != NN_OK)
            return false;
        site->channels = weights->dims[flag != 0 ? 0 : 1];
    } else if (front->op == &nn_op_matmul && weights->rank == 2) {
        if (front->inputs[0] == NULL || front->inputs[0]->fact.rank != 2) return false;
        site->channels = weights->dims[1];
        site->is_product = true;
    } else {
        return false;
    }
    site->bias = !site->is_product && front->in_count > 2 ? front->inputs[2] : NULL;
    if (site->bias == NULL) return true;
    return is_float_initializer(site->bias) &&
           nn_tensor_count(&site->bias->initializer->tensor) == site->channels;
}

/* The constant has one element, or one a channel on the channel axis of the result and nowhere
 * else, and does not make the result larger. */
static bool constant_fits(const bias_site *site) {
    const nn_fact *result = &site->front->outputs[0]->fact;
    const nn_tensor *constant = &site->constant->initializer->tensor;
    bool last = site->is_product || site->front->op == &nn_op_gemm;
    if (result->rank < 2 || constant->rank > result->rank) return false;
    int channel_axis = last ? result->rank - 1 : 1;
    for (int i = 0; i < constant->rank; i++) {
        bool is_channel = i + result->rank - constant->rank == channel_axis;
        if (constant->dims[i] != 1 && (!is_channel || constant->dims[i] != site->channels))
            return false;
    }
    return true;
}

static bool find_site(nn_node *add, bias_site *site) {
    if (add->op != &nn_op_add || add->in_count != 2 || !nn_epilogue_is_empty(&add->epilogue))
        return false;
    for (int i = 0; i < 2; i++) {
        *site = (bias_site){.add = add, .constant = add->inputs[1 - i]};
        const nn_value *between = add->inputs[i];
        if (between == NULL || !is_float_initializer(site->constant)) continue;
        site->front = between->producer;
        if (nn_value_single_consumer(between) == add && read_front(site) && constant_fits(site))
            return true;
    }
    return false;
}

static nn_status add_into(nn_value *value, int64_t channels, float *bias) {
    const nn_tensor *tensor;
    NN_TRY(nn_blob_pin(value->initializer, &tensor));
    bool is_scalar = nn_tensor_count(tensor) == 1;
    for (int64_t c = 0; c < channels; c++)
        bias[c] += ((const float *)tensor->data)[is_scalar ? 0 : c];
    nn_blob_unpin(value->initializer);
    return NN_OK;
}

/* The node that adds from now on: the front node, or the Gemm in its place. NULL after a failure.
 */
static nn_node *edit(nn_patch *patch, const bias_site *site, nn_blob *bias) {
    nn_value *value = nn_patch_constant(
        patch, site->bias != NULL ? site->bias->name : site->constant->name, bias);
    nn_value *result = site->add->outputs[0];
    nn_patch_remove_node(patch, site->add);
    if (site->is_product) {
        nn_value *inputs[] = {site->front->inputs[0], site->front->inputs[1], value};
        nn_patch_remove_node(patch, site->front);
        return nn_patch_node(patch, "Gemm", "", site->front->name, inputs, 3, &result, 1, NULL,
                             site->front);
    }
    if (site->front->in_count > 2)
        nn_patch_set_input(patch, site->front, 2, value);
    else
        nn_patch_append_input(patch, site->front, value);
    nn_patch_set_output(patch, site->front, 0, result);
    return site->front;
}

typedef struct listener {
    nn_bias_merge_function merged; /* NULL: nobody asks */
    void *user;
} listener;

static nn_status tell(const listener *to, const bias_site *site, const nn_node *adder) {
    if (to->merged == NULL || adder == NULL) return NN_OK;
    if (adder != site->front) NN_TRY(to->merged(to->user, adder, site->front));
    return to->merged(to->user, adder, site->add);
}

static nn_status fold(nn_graph *graph, const char *pass, const bias_site *site,
                      const listener *to) {
    nn_blob *bias;
    nn_patch *patch = NULL;
    NN_TRY(nn_blob_create(NNOPT_FLOAT, &site->channels, 1, &bias));
    nn_status status = add_into(site->constant, site->channels, bias->tensor.data);
    if (status == NN_OK && site->bias != NULL)
        status = add_into(site->bias, site->channels, bias->tensor.data);
    if (status == NN_OK)
        status = nn_patch_begin(graph, pass, "an added constant becomes the bias", &patch);
    if (status == NN_OK) {
        status = tell(to, site, edit(patch, site, bias));
        if (status == NN_OK)
            status = nn_patch_apply(patch);
        else
            nn_patch_abort(patch);
    }
    nn_blob_release(bias);
    return status;
}

nn_status nn_graph_fold_bias(nn_graph *graph, const char *pass, nn_bias_merge_function merged,
                             void *user) {
    listener to = {merged, user};
    for (int64_t n = 0; n < graph->node_count;) {
        bias_site site;
        if (!find_site(graph->nodes[n], &site)) {
            n++;
            continue;
        }
        NN_TRY(fold(graph, pass, &site, &to));
        /* positions moved: what was at n is gone, its neighbours are near */
        if (n > 0) n--;
    }
    return NN_OK;
}
