#include "optim/data_split.h"

#include "base/random.h"

#include <stdlib.h>

enum { LEAST_SAMPLES = 16 };

static int compare_hashes(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Indices of the samples of `data` that are not in `calib` (NULL: all), in a seeded order. */
static nn_status distinct_samples(nn_dataset *data, nn_dataset *calib, uint64_t seed,
                                  int64_t *indices, int64_t *count) {
    int64_t known_count = calib != NULL ? calib->sample_count : 0;
    uint64_t *known = nn_alloc(((size_t)known_count + 1) * sizeof *known);
    if (known == NULL) return nn_fail_memory((size_t)known_count * sizeof *known);
    nn_status status = NN_OK;
    for (int64_t s = 0; status == NN_OK && s < known_count; s++)
        status = calib->hash(calib, s, &known[s]);
    qsort(known, (size_t)known_count, sizeof *known, compare_hashes);
    nn_random random = nn_random_seed(seed);
    nn_random_order(&random, indices, data->sample_count);
    *count = 0;
    for (int64_t s = 0; status == NN_OK && s < data->sample_count; s++) {
        uint64_t hash = 0;
        if (known_count > 0) status = data->hash(data, indices[s], &hash);
        if (known_count > 0 &&
            bsearch(&hash, known, (size_t)known_count, sizeof hash, compare_hashes) != NULL)
            continue;
        indices[(*count)++] = indices[s];
    }
    nn_free(known);
    return status;
}

/* Takes the next `count` indices as a data set. */
static nn_status take(nn_dataset *data, const int64_t **indices, int64_t count, const char *purpose,
                      nn_dataset **out) {
    if (count < LEAST_SAMPLES)
        return nn_fail(NN_BAD_INPUT, "%s: %lld samples remain to %s with; at least %d are needed",
                       data->name, (long long)count, purpose, LEAST_SAMPLES);
    NN_TRY(nn_dataset_subset(data, *indices, count, out));
    *indices += count;
    return NN_OK;
}

static nn_status split(nn_dataset *data, nn_dataset *calib, const int64_t *indices, int64_t count,
                       nn_data_split *out) {
    int64_t search = calib != NULL ? count / 3 : count / 4;
    if (calib != NULL) {
        out->calibrate = calib;
    } else {
        NN_TRY(take(data, &indices, count / 4, "calibrate", &out->calibrate));
        out->owns_calibrate = true;
        count -= count / 4;
    }
    NN_TRY(take(data, &indices, search, "search", &out->search));
    return take(data, &indices, count - search, "test", &out->test);
}

nn_status nn_data_split_create(nn_dataset *data, nn_dataset *calib, uint64_t seed,
                               nn_data_split *out) {
    memset(out, 0, sizeof *out);
    int64_t count = 0;
    int64_t *indices = nn_alloc(((size_t)data->sample_count + 1) * sizeof *indices);
    if (indices == NULL) return nn_fail_memory((size_t)data->sample_count * sizeof *indices);
    nn_status status = distinct_samples(data, calib, seed, indices, &count);
    if (status == NN_OK && calib != NULL && count == 0) {
        nn_log(NNOPT_LOG_WARNING,
               "%s: every sample is in the calibration data too; a seeded part of it "
               "calibrates instead",
               data->name);
        calib = NULL;
        status = distinct_samples(data, NULL, seed, indices, &count);
    }
    out->removed = calib != NULL ? data->sample_count - count : 0;
    if (status == NN_OK) status = split(data, calib, indices, count, out);
    nn_free(indices);
    if (status != NN_OK) nn_data_split_clear(out);
    return status;
}

void nn_data_split_clear(nn_data_split *split) {
    if (split->owns_calibrate) nnopt_dataset_destroy(split->calibrate);
    nnopt_dataset_destroy(split->search);
    nnopt_dataset_destroy(split->test);
    memset(split, 0, sizeof *split);
}
