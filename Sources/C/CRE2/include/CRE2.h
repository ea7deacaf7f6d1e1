#pragma once
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cre2_regexp cre2_regexp;

/// Compiles `pattern`; NULL with a message in `error` (always terminated) when RE2 refuses it.
cre2_regexp *cre2_compile(const char *pattern, size_t length, char *error, size_t error_capacity);
void cre2_free(cre2_regexp *regexp);
bool cre2_matches(const cre2_regexp *regexp, const char *text, size_t length);

#ifdef __cplusplus
}
#endif
