/* Regular expressions in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax), translated
 * to PCRE2's. */
#ifndef NN_FAMILY_PATTERN_H
#define NN_FAMILY_PATTERN_H

#include "base/memory.h"

/* The pattern in PCRE2's syntax, to be freed with nn_free. NN_BAD_INPUT, with the byte, for what
 * RE2 does not have: back-references, look-around, atomic groups, possessive quantifiers,
 * conditions, recursion, verbs, and escapes with another or no meaning. What both refuse is left to
 * PCRE2. */
nn_status nn_pattern_translate(const char *pattern, char **out);

#endif
