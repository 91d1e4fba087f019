#include "engine/measure/device_roofline.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* Increase when a device measures in another way, so that what older versions kept is not used. */
enum { PROBE_VERSION = 1 };

double nn_device_roofline_rate(const nn_device_roofline *roofline, const char *name) {
    for (int i = 0; i < roofline->count; i++)
        if (strcmp(roofline->ceilings[i].name, name) == 0) return roofline->ceilings[i].per_second;
    return 0;
}

const char *nn_device_arithmetic(nn_type operands, nn_precision precision) {
    switch (operands) {
    case NNOPT_INT8:
    case NNOPT_UINT8:
        return "int8";
    case NNOPT_FLOAT16:
        return "fp16";
    case NNOPT_BFLOAT16:
        return "bf16";
    default: /* floats are rounded where they are multiplied */
        return nn_precision_name(precision);
    }
}

/* ---- what is kept: a line of identity, then lines "name rate" ---- */

static char *identity_of(const nn_device_info *info) {
    return nn_format("probe %d, %s, %s", PROBE_VERSION, info->name, info->software);
}

static nn_status kept_path(const nn_device_info *info, char **out) {
    char name[192], *at = name;
    snprintf(name, sizeof name, "device-%s.txt", info->name);
    for (; *at != '\0'; at++)
        if (*at == '/' || *at == ' ') *at = '-';
    return nn_cache_path(name, out);
}

static bool read_kept(char *text, const char *identity, nn_device_roofline *out) {
    char *rest = text, *line = strsep(&rest, "\n");
    if (strcmp(line, identity) != 0) return false;
    while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
        char *number = strchr(line, ' ');
        if (number == NULL || out->count == NN_MAX_CEILINGS) return false;
        *number++ = '\0';
        double rate = strtod(number, NULL);
        if (!isfinite(rate) || rate <= 0) return false;
        snprintf(out->ceilings[out->count].name, sizeof out->ceilings[0].name, "%s", line);
        out->ceilings[out->count++].per_second = rate;
    }
    return out->count > 0;
}

static nn_status write_kept(const char *path, const char *identity,
                            const nn_device_roofline *roofline) {
    nn_new_file file;
    NN_TRY(nn_new_file_open(path, &file));
    fprintf(file.stream, "%s\n", identity);
    for (int i = 0; i < roofline->count; i++)
        fprintf(file.stream, "%s %a\n", roofline->ceilings[i].name,
                roofline->ceilings[i].per_second);
    return nn_new_file_commit(&file);
}

/* ---- measuring ---- */

static nn_status measure(nn_device *device, nn_device_roofline *out) {
    nn_device_ceiling ceilings[NN_MAX_CEILINGS];
    NN_TRY(device->calls->measure_ceilings(device, ceilings, NN_MAX_CEILINGS, &out->count));
    for (int i = 0; i < out->count; i++) {
        snprintf(out->ceilings[i].name, sizeof out->ceilings[i].name, "%s", ceilings[i].name);
        out->ceilings[i].per_second = ceilings[i].per_second;
    }
    return NN_OK;
}

nn_status nn_device_roofline_get(nn_device *device, bool remeasure, nn_device_roofline *out) {
    nn_device_roofline roofline = {0};
    char *path = NULL, *text = NULL;
    device->calls->info(device, &roofline.info);
    char *identity = identity_of(&roofline.info);
    if (identity == NULL) return nn_fail_memory(512);
    nn_status kept = kept_path(&roofline.info, &path), status = NN_OK;
    bool found = kept == NN_OK && !remeasure && access(path, R_OK) == 0 &&
                 nn_file_read(path, 4096, &text, NULL) == NN_OK &&
                 read_kept(text, identity, &roofline);
    if (!found) {
        roofline.count = 0;
        status = measure(device, &roofline);
        if (status == NN_OK && kept == NN_OK) kept = write_kept(path, identity, &roofline);
        if (status == NN_OK && kept != NN_OK)
            nn_log(NNOPT_LOG_WARNING, "the device's roofline is not kept: %s", nnopt_last_error());
    }
    if (status == NN_OK) *out = roofline;
    nn_free(identity);
    nn_free(path);
    nn_free(text);
    return status;
}
