#include "ops/family/pattern.h"

typedef struct translation {
    const char *pattern, *at;
    char *out;
    size_t used;
    bool in_class;
    bool after_quantifier; /* the last thing was one: only ? may follow, which makes it lazy */
} translation;

enum { MOST_REPETITIONS = 1000 };

static void put(translation *self, const char *text, size_t length) {
    memcpy(self->out + self->used, text, length);
    self->used += length;
}

static nn_status refuse(const translation *self, const char *what) {
    return nn_fail(NN_BAD_INPUT, "pattern '%s', byte %zu: %s", self->pattern,
                   (size_t)(self->at - self->pattern), what);
}

static bool is_digit(char c, char last) {
    return c >= '0' && c <= last;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Everything between \Q and \E stands for itself. */
static nn_status copy_quoted(translation *self) {
    const char *end = strstr(self->at, "\\E");
    size_t length = end != NULL ? (size_t)(end - self->at) + 2 : strlen(self->at);
    put(self, self->at, length);
    self->at += length;
    return NN_OK;
}

static nn_status copy_escape(translation *self) {
    const char *at = self->at;
    char c = at[1];
    if (c == 'Q') return copy_quoted(self);
    if (c == '\0') return refuse(self, "it ends with a backslash");
    size_t length = 2;
    if (is_digit(c, '9')) {
        bool is_octal = is_digit(c, '3') && is_digit(at[2], '7') && is_digit(at[3], '7');
        if (c != '0' && !is_octal) return refuse(self, "back-references are not part of RE2");
        if (is_octal) length = 4;
    } else if (is_letter(c) && strchr("aftnrvxdDsSwWpPbBAz", c) == NULL) {
        return refuse(self, c == 'k' || c == 'g' ? "back-references are not part of RE2"
                                                 : "the escape is not part of RE2");
    }
    if (self->in_class && strchr("bBAz", c) != NULL)
        return refuse(self, "the escape is not part of RE2 in a class");
    if (c == 'v')
        put(self, "\\x0b", 4); /* in PCRE2 \v is a class */
    else
        put(self, at, length);
    self->at += length;
    return NN_OK;
}

/* What stands behind "(?". */
static nn_status copy_group(translation *self) {
    const char *at = self->at + 2;
    if (at[0] == '=' || at[0] == '!' || (at[0] == '<' && (at[1] == '=' || at[1] == '!')))
        return refuse(self, "look-around is not part of RE2");
    if (at[0] == '>') return refuse(self, "atomic groups are not part of RE2");
    bool is_named = at[0] == '<' || (at[0] == 'P' && at[1] == '<');
    if (at[0] == 'P' && !is_named)
        return refuse(self, at[1] == '=' ? "back-references are not part of RE2"
                                         : "recursion is not part of RE2");
    size_t flags = strspn(at, "imsU-");
    if (!is_named && at[flags] != ')' && at[flags] != ':')
        return refuse(self, "the group is not part of RE2");
    size_t length = 2 + (is_named ? strcspn(at, ">") : flags);
    put(self, self->at, length);
    self->at += length;
    return NN_OK;
}

/* "{3}", "{3,}" and "{3,5}"; any other brace stands for itself. */
static size_t repetition_length(const char *at, int64_t *most) {
    const char *start = at++;
    *most = 0;
    for (int part = 0; part < 2; part++) {
        int64_t number = 0;
        const char *digits = at;
        for (; is_digit(*at, '9'); at++)
            if (number <= MOST_REPETITIONS) number = number * 10 + (*at - '0');
        if (part == 0 && at == digits) return 0;
        if (number > *most) *most = number;
        if (*at == '}') return (size_t)(at + 1 - start);
        if (part == 1 || *at++ != ',') return 0;
    }
    return 0;
}

static nn_status copy_quantifier(translation *self, size_t length) {
    if (self->after_quantifier)
        return refuse(self, "possessive and repeated quantifiers are not "
                            "part of RE2");
    put(self, self->at, length);
    self->at += length;
    self->after_quantifier = true;
    if (*self->at == '?') put(self, self->at++, 1);
    return NN_OK;
}

static nn_status copy_next(translation *self) {
    char c = *self->at;
    int64_t most;
    size_t repetition = c == '{' && !self->in_class ? repetition_length(self->at, &most) : 0;
    if (!self->in_class && (c == '*' || c == '+' || c == '?')) return copy_quantifier(self, 1);
    if (repetition > 0) {
        if (most > MOST_REPETITIONS) return refuse(self, "RE2 repeats at most 1000 times");
        return copy_quantifier(self, repetition);
    }
    self->after_quantifier = false;
    if (c == '\\') return copy_escape(self);
    if (!self->in_class && c == '(') {
        if (self->at[1] == '*') return refuse(self, "verbs are not part of RE2");
        if (self->at[1] == '?') return copy_group(self);
    }
    size_t length = 1;
    if (!self->in_class && c == '[') {
        self->in_class = true;
        if (self->at[1] == '^') length = 2;
        if (self->at[length] == ']') length++;
    } else if (self->in_class && c == '[' && self->at[1] == ':') {
        const char *end = strstr(self->at, ":]");
        length = end != NULL ? (size_t)(end - self->at) + 2 : 1;
    } else if (self->in_class && c == ']') {
        self->in_class = false;
    }
    put(self, self->at, length);
    self->at += length;
    return NN_OK;
}

nn_status nn_pattern_translate(const char *pattern, char **out) {
    size_t room = strlen(pattern) * 2 + 1; /* \v takes twice its length */
    translation self = {.pattern = pattern, .at = pattern, .out = nn_alloc(room)};
    nn_status status = self.out != NULL ? NN_OK : nn_fail_memory(room);
    while (status == NN_OK && *self.at != '\0') status = copy_next(&self);
    if (status != NN_OK) {
        nn_free(self.out);
        return status;
    }
    self.out[self.used] = '\0';
    *out = self.out;
    return NN_OK;
}
