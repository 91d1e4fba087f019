#include "optim/prune_plan.h"

#include "base/blas.h"
#include "optim/regression.h"

#include <math.h>

/* More columns of one structure than this (Flatten over a large map) are judged without their
 * coupling. */
enum { MAX_BLOCK = 128, MAX_SIDE = 6000, POSITIONS_PER_COLUMN = 8, MIN_POSITIONS = 4000 };

static const double damping = 1e-3;

/* What a consumer's weights and inputs say: W, and the inverse of its damped Gram matrix. */
typedef struct consumer {
    double *weights; /* outputs x side */
    double *inverse; /* side x side */
    double energy;   /* tr(W H W^T) */
} consumer;

static void clear(consumer *self) {
    nn_free(self->weights);
    nn_free(self->inverse);
}

static double mean_diagonal(const nn_moments *moments) {
    double sum = 0;
    for (int64_t i = 0; i < moments->side; i++) sum += moments->gram[i * moments->side + i];
    return sum / (double)moments->side;
}

static nn_status prepare_consumer(const nn_linear_node *linear, const nn_moments *moments,
                                  consumer *out) {
    const nn_blas *blas;
    NN_TRY(nn_blas_get(&blas));
    int side = (int)linear->side, info;
    memset(out, 0, sizeof *out);
    size_t square = (size_t)side * (size_t)side * sizeof(double);
    out->weights = nn_alloc((size_t)(linear->outputs * side) * sizeof(double));
    out->inverse = nn_alloc(square);
    if (out->weights == NULL || out->inverse == NULL) {
        clear(out);
        return nn_fail_memory(square);
    }
    nn_linear_get(linear, 0, out->weights);
    double lambda = damping * mean_diagonal(moments) + 1e-12;
    for (int64_t o = 0; o < linear->outputs; o++) {
        const double *w = out->weights + o * side;
        for (int64_t i = 0; i < side; i++) {
            double product = lambda * w[i];
            for (int64_t j = 0; j < side; j++) product += moments->gram[i * side + j] * w[j];
            out->energy += product * w[i];
        }
    }
    memcpy(out->inverse, moments->gram, square);
    for (int64_t i = 0; i < side; i++) out->inverse[i * side + i] += lambda;
    blas->dpotrf("U", &side, out->inverse, &side, &info);
    if (info == 0) blas->dpotri("U", &side, out->inverse, &side, &info);
    if (info != 0) {
        clear(out);
        return nn_fail(NN_INTERNAL, "node '%s' (%s): its damped Gram matrix cannot be inverted",
                       linear->node->name, linear->node->op_type);
    }
    /* LAPACK's upper triangle, column-major, is the lower one here */
    for (int64_t i = 0; i < side; i++)
        for (int64_t j = i + 1; j < side; j++)
            out->inverse[i * side + j] = out->inverse[j * side + i];
    return NN_OK;
}

/* tr(W_S ((H^-1)_SS)^-1 W_S^T): solves with the Cholesky factor of the small block. */
static double removal_error(const consumer *self, const nn_linear_node *linear,
                            const int64_t *columns, int count) {
    int64_t side = linear->side;
    double block[MAX_BLOCK * MAX_BLOCK], v[MAX_BLOCK], error = 0;
    if (count > MAX_BLOCK) {
        for (int64_t o = 0; o < linear->outputs; o++)
            for (int c = 0; c < count; c++) {
                double w = self->weights[o * side + columns[c]];
                error += w * w / self->inverse[columns[c] * side + columns[c]];
            }
        return error;
    }
    for (int i = 0; i < count; i++)
        for (int j = 0; j <= i; j++) {
            double sum = self->inverse[columns[i] * side + columns[j]];
            for (int k = 0; k < j; k++) sum -= block[i * MAX_BLOCK + k] * block[j * MAX_BLOCK + k];
            block[i * MAX_BLOCK + j] =
                i == j ? sqrt(fmax(sum, 1e-300)) : sum / block[j * MAX_BLOCK + j];
        }
    for (int64_t o = 0; o < linear->outputs; o++)
        for (int i = 0; i < count; i++) { /* |L^-1 w|^2 */
            double sum = self->weights[o * side + columns[i]];
            for (int k = 0; k < i; k++) sum -= block[i * MAX_BLOCK + k] * v[k];
            v[i] = sum / block[i * MAX_BLOCK + i];
            error += v[i] * v[i];
        }
    return error;
}

/* Input channels of the node that the structure removes, as columns of its matrix. */
static int structure_columns(const nn_structure *structure, const nn_linear_node *linear,
                             int64_t *columns, int capacity) {
    const nn_value *x = linear->node->inputs[0];
    int axis = linear->is_conv ? 1 : x->fact.rank - 1, count = 0;
    for (int64_t m = 0; m < structure->member_count; m++) {
        const nn_channel_member *member = &structure->members[m];
        if (member->value != x || member->axis != axis) continue;
        for (int64_t t = 0; t < linear->taps && count < capacity; t++)
            columns[count++] = member->index * linear->taps + t;
    }
    return count;
}

static nn_status add_consumer(nn_prune_plan *plan, const nn_linear_node *linear,
                              const nn_moments *moments, int64_t *columns) {
    consumer self;
    NN_TRY(prepare_consumer(linear, moments, &self));
    for (int64_t s = 0; s < plan->groups.structure_count; s++) {
        int count = structure_columns(&plan->groups.structures[s], linear, columns, MAX_SIDE);
        if (count > 0 && self.energy > 0)
            plan->importance[s] += removal_error(&self, linear, columns, count) / self.energy;
    }
    clear(&self);
    return NN_OK;
}

typedef struct importance_work {
    nn_prune_plan *plan;
    const nn_linear_node **nodes;
    int64_t *columns;
} importance_work;

static nn_status add_gram(void *user, int64_t index, const nn_moments *moments) {
    importance_work *self = user;
    NN_TRY(nn_check_interrupt());
    return add_consumer(self->plan, self->nodes[index], moments, self->columns);
}

/* The dense nodes that some structure would take input channels from. */
static int64_t list_consumers(const nn_prune_plan *plan, const nn_linear_node **nodes) {
    int64_t count = 0;
    for (int64_t n = 0; n < plan->node_count; n++) {
        const nn_linear_node *linear = &plan->nodes[n].linear;
        if (linear->groups > 1 || linear->side > MAX_SIDE) continue;
        int64_t column;
        for (int64_t s = 0; s < plan->groups.structure_count; s++)
            if (structure_columns(&plan->groups.structures[s], linear, &column, 1) > 0) {
                nodes[count++] = linear;
                break;
            }
    }
    return count;
}

nn_status nn_prune_importance(nn_prune_plan *plan, nn_dataset *calib, int64_t max_samples,
                              uint64_t seed) {
    importance_work self = {.plan = plan};
    self.nodes = nn_alloc(((size_t)plan->node_count + 1) * sizeof *self.nodes);
    self.columns = nn_alloc(MAX_SIDE * sizeof *self.columns);
    nn_status status = NN_OK;
    if (self.nodes == NULL || self.columns == NULL) {
        status = nn_fail_memory(MAX_SIDE * sizeof *self.columns);
    } else {
        nn_gram_request request = {.model = plan->model,
                                   .nodes = self.nodes,
                                   .count = list_consumers(plan, self.nodes),
                                   .max_samples = max_samples,
                                   .rows_per_column = POSITIONS_PER_COLUMN,
                                   .least_rows = MIN_POSITIONS,
                                   .seed = seed};
        status = nn_for_each_gram(&request, calib, add_gram, &self);
    }
    nn_free(self.nodes);
    nn_free(self.columns);
    return status;
}

/* Squared norm of what a structure takes from one constant. */
static double slice_norm(const nn_channel_member *member) {
    const nn_tensor *tensor = member->value->fact.constant;
    if (tensor == NULL || tensor->type != NNOPT_FLOAT) return 0;
    int64_t inner = 1, outer = 1, size = tensor->dims[member->axis];
    for (int i = 0; i < member->axis; i++) outer *= tensor->dims[i];
    for (int i = member->axis + 1; i < tensor->rank; i++) inner *= tensor->dims[i];
    double sum = 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            double value = ((const float *)tensor->data)[(o * size + member->index) * inner + i];
            sum += value * value;
        }
    return sum;
}

void nn_prune_importance_by_norm(nn_prune_plan *plan) {
    const nn_channel_groups *groups = &plan->groups;
    for (int64_t s = 0; s < groups->structure_count; s++) {
        plan->importance[s] = 0;
        for (int64_t m = 0; m < groups->structures[s].member_count; m++)
            plan->importance[s] += slice_norm(&groups->structures[s].members[m]);
    }
    for (int64_t f = 0; f < groups->family_count; f++) {
        double sum = 0;
        for (int64_t s = 0; s < groups->structure_count; s++)
            if (groups->structures[s].family == f) sum += plan->importance[s];
        for (int64_t s = 0; s < groups->structure_count && sum > 0; s++)
            if (groups->structures[s].family == f) plan->importance[s] /= sum;
    }
}
