#include "base/options.h"

#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct option_entry {
    char *name;
    char *value; /* NULL: a flag */
} option_entry;

struct nnopt_options {
    option_entry *entries;
    int64_t count, capacity;
};

/* ---- the set of values ---- */

nnopt_status nnopt_options_create(nnopt_options **out) {
    if (out == NULL) return nn_fail(NN_USAGE, "options: no place for the result");
    nnopt_options *options = nn_alloc_zero(sizeof *options);
    if (options == NULL) return nn_fail_memory(sizeof *options);
    *out = options;
    return NN_OK;
}

void nnopt_options_destroy(nnopt_options *options) {
    if (options == NULL) return;
    for (int64_t i = 0; i < options->count; i++) {
        nn_free(options->entries[i].name);
        nn_free(options->entries[i].value);
    }
    nn_free(options->entries);
    nn_free(options);
}

nnopt_status nnopt_options_set(nnopt_options *options, const char *name, const char *value) {
    if (options == NULL) return nn_fail(NN_USAGE, "options: no object to set an option in");
    if (name == NULL || name[0] == '\0') return nn_fail(NN_USAGE, "an option needs a name");
    if (!NN_GROW(options->entries, options->count, options->capacity))
        return nn_fail_memory(sizeof *options->entries);
    option_entry entry = {.name = nn_strdup(name), .value = value ? nn_strdup(value) : NULL};
    if (entry.name == NULL || (value != NULL && entry.value == NULL)) {
        nn_free(entry.name);
        nn_free(entry.value);
        return nn_fail_memory(strlen(name) + (value ? strlen(value) : 0) + 2);
    }
    options->entries[options->count++] = entry;
    return NN_OK;
}

/* The last entry with this name, or NULL. */
static const option_entry *find_entry(const nnopt_options *options, const char *name) {
    if (options == NULL) return NULL;
    for (int64_t i = options->count - 1; i >= 0; i--)
        if (strcmp(options->entries[i].name, name) == 0) return &options->entries[i];
    return NULL;
}

static const nn_option_spec *find_spec(const nn_option_table *table, const char *name) {
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->specs[i].name, name) == 0) return &table->specs[i];
    return NULL;
}

/* ---- values of each kind ---- */

static locale_t c_locale;
static void make_c_locale(void) {
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* strtod with a decimal point, whatever locale the process runs in. */
static double parse_decimal(const char *text, char **end) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_c_locale);
    return c_locale != (locale_t)0 ? strtod_l(text, end, c_locale) : strtod(text, end);
}

static bool parse_int(const char *text, int64_t *out) {
    char *end = NULL;
    if (isspace((unsigned char)text[0])) return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno == ERANGE) return false;
    *out = value;
    return true;
}

static bool parse_number(const char *text, double *out) {
    char *end = NULL;
    if (isspace((unsigned char)text[0])) return false;
    double value = parse_decimal(text, &end);
    if (end == text || *end != '\0' || !isfinite(value)) return false;
    *out = value;
    return true;
}

static bool parse_time(const char *text, double *out) {
    static const struct {
        const char *suffix;
        double seconds;
    } units[] = {{"", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"s", 1}, {"m", 60}, {"h", 3600}};
    char *end = NULL;
    if (isspace((unsigned char)text[0])) return false;
    double value = parse_decimal(text, &end);
    if (end == text || !isfinite(value)) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].suffix) != 0) continue;
        *out = value * units[i].seconds;
        return true;
    }
    return false;
}

static bool is_choice(const char *choices, const char *value) {
    size_t length = strlen(value);
    if (length == 0) return false;
    for (const char *at = choices; *at != '\0';) {
        size_t size = strcspn(at, "|");
        if (size == length && strncmp(at, value, size) == 0) return true;
        at += size;
        if (*at == '|') at++;
    }
    return false;
}

static nn_status check_bounds(const nn_option_spec *spec, double value, const char *text) {
    if (!(spec->maximum > spec->minimum)) return NN_OK;
    if (value >= spec->minimum && value <= spec->maximum) return NN_OK;
    if (isinf(spec->maximum))
        return nn_fail(NN_USAGE, "option '%s' must be at least %g, got '%s'", spec->name,
                       spec->minimum, text);
    return nn_fail(NN_USAGE, "option '%s' must be from %g to %g, got '%s'", spec->name,
                   spec->minimum, spec->maximum, text);
}

static nn_status check_value(const nn_option_spec *spec, const char *text) {
    int64_t whole;
    double real;
    if (spec->kind == NNOPT_OPTION_FLAG) {
        if (text == NULL) return NN_OK;
        return nn_fail(NN_USAGE, "option '%s' takes no value, got '%s'", spec->name, text);
    }
    if (text == NULL)
        return nn_fail(NN_USAGE, "option '%s' needs a value (%s)", spec->name,
                       spec->choices   ? spec->choices
                       : spec->metavar ? spec->metavar
                                       : "VALUE");
    switch (spec->kind) {
    case NNOPT_OPTION_INT:
        if (!parse_int(text, &whole))
            return nn_fail(NN_USAGE, "option '%s' must be a whole number, got '%s'", spec->name,
                           text);
        return check_bounds(spec, (double)whole, text);
    case NNOPT_OPTION_NUMBER:
        if (!parse_number(text, &real))
            return nn_fail(NN_USAGE, "option '%s' must be a number, got '%s'", spec->name, text);
        return check_bounds(spec, real, text);
    case NNOPT_OPTION_TIME:
        if (!parse_time(text, &real))
            return nn_fail(NN_USAGE,
                           "option '%s' must be a time in seconds or with ms, s, m or h, got '%s'",
                           spec->name, text);
        return check_bounds(spec, real, text);
    case NNOPT_OPTION_CHOICE:
        if (!is_choice(spec->choices, text))
            return nn_fail(NN_USAGE, "option '%s' must be one of %s, got '%s'", spec->name,
                           spec->choices, text);
        return NN_OK;
    default:
        return NN_OK;
    }
}

/* ---- checking ---- */

static nn_status fail_unknown(const char *name, const nn_option_table *const *tables,
                              size_t table_count) {
    const char *nearest = NULL;
    size_t total = 0;
    for (size_t t = 0; t < table_count; t++) total += tables[t]->count;
    const char **names = nn_alloc(total * sizeof *names);
    if (names != NULL) {
        size_t count = 0;
        for (size_t t = 0; t < table_count; t++)
            for (size_t i = 0; i < tables[t]->count; i++) names[count++] = tables[t]->specs[i].name;
        nearest = nn_nearest_name(name, names, count);
        nn_free(names);
    }
    if (nearest == NULL) return nn_fail(NN_USAGE, "unknown option '%s'", name);
    return nn_fail(NN_USAGE, "unknown option '%s', did you mean '%s'?", name, nearest);
}

nn_status nn_options_check(const nnopt_options *options, const nn_option_table *const *tables,
                           size_t table_count) {
    if (options == NULL) return NN_OK;
    for (int64_t i = 0; i < options->count; i++) {
        const option_entry *entry = &options->entries[i];
        const nn_option_spec *spec = NULL;
        for (size_t t = 0; t < table_count && spec == NULL; t++)
            spec = find_spec(tables[t], entry->name);
        if (spec == NULL) return fail_unknown(entry->name, tables, table_count);
        NN_TRY(check_value(spec, entry->value));
    }
    return NN_OK;
}

/* ---- reading ---- */

bool nn_option_has(const nnopt_options *options, const char *name) {
    return find_entry(options, name) != NULL;
}

bool nn_option_flag(const nnopt_options *options, const char *name) {
    return find_entry(options, name) != NULL;
}

const char *nn_option_text(const nnopt_options *options, const nn_option_table *table,
                           const char *name) {
    const option_entry *entry = find_entry(options, name);
    if (entry != NULL) return entry->value;
    const nn_option_spec *spec = find_spec(table, name);
    return spec != NULL ? spec->fallback : NULL;
}

int64_t nn_option_int(const nnopt_options *options, const nn_option_table *table,
                      const char *name) {
    const char *text = nn_option_text(options, table, name);
    int64_t value = 0;
    return text != NULL && parse_int(text, &value) ? value : 0;
}

double nn_option_number(const nnopt_options *options, const nn_option_table *table,
                        const char *name) {
    const char *text = nn_option_text(options, table, name);
    double value = 0;
    return text != NULL && parse_number(text, &value) ? value : 0;
}

double nn_option_time(const nnopt_options *options, const nn_option_table *table,
                      const char *name) {
    const char *text = nn_option_text(options, table, name);
    double value = 0;
    return text != NULL && parse_time(text, &value) ? value : 0;
}

const char *nn_option_at(const nnopt_options *options, const char *name, size_t index) {
    if (options == NULL) return NULL;
    for (int64_t i = 0; i < options->count; i++) {
        if (strcmp(options->entries[i].name, name) != 0) continue;
        if (index-- == 0) return options->entries[i].value;
    }
    return NULL;
}

nn_status nn_options_select(const nnopt_options *options, const nn_option_table *table,
                            nnopt_options **out) {
    nnopt_options *selected = NULL;
    NN_TRY(nnopt_options_create(&selected));
    for (int64_t i = 0; options != NULL && i < options->count; i++) {
        const option_entry *entry = &options->entries[i];
        if (find_spec(table, entry->name) == NULL) continue;
        nn_status status = nnopt_options_set(selected, entry->name, entry->value);
        if (status != NN_OK) {
            nnopt_options_destroy(selected);
            return status;
        }
    }
    *out = selected;
    return NN_OK;
}

/* ---- nearest name ---- */

enum { MAX_WORD = 64 };

/* Edit distance with transpositions of neighbours as one edit (optimal string alignment). */
static size_t edit_distance(const char *a, const char *b) {
    size_t length_a = strlen(a), length_b = strlen(b);
    size_t rows[3][MAX_WORD + 1];
    size_t *before = rows[0], *previous = rows[1], *current = rows[2];
    for (size_t j = 0; j <= length_b; j++) previous[j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        current[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            int letter_a = tolower((unsigned char)a[i - 1]);
            int letter_b = tolower((unsigned char)b[j - 1]);
            size_t best = previous[j - 1] + (letter_a != letter_b);
            if (previous[j] + 1 < best) best = previous[j] + 1;
            if (current[j - 1] + 1 < best) best = current[j - 1] + 1;
            if (i > 1 && j > 1 && letter_a == tolower((unsigned char)b[j - 2]) &&
                letter_b == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            current[j] = best;
        }
        size_t *spare = before;
        before = previous;
        previous = current;
        current = spare;
    }
    return previous[length_b];
}

const char *nn_nearest_name(const char *word, const char *const *names, size_t count) {
    const char *nearest = NULL;
    size_t length = strlen(word);
    if (length == 0 || length > MAX_WORD) return NULL;
    size_t limit = length < 4 ? 1 : length / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > MAX_WORD) continue;
        size_t distance = edit_distance(word, names[i]);
        if (distance > limit || (nearest != NULL && distance == limit)) continue;
        nearest = names[i];
        limit = distance;
    }
    return nearest;
}

const char *nnopt_nearest_name(const char *word, const char *const *names, size_t count) {
    return word != NULL && names != NULL ? nn_nearest_name(word, names, count) : NULL;
}
