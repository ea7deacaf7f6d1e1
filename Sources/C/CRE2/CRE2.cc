#include "CRE2.h"
#include <cstring>
#include <re2/re2.h>

struct cre2_regexp {
    re2::RE2 re;
    cre2_regexp(re2::StringPiece pattern, const re2::RE2::Options &options) : re(pattern, options) {}
};

cre2_regexp *cre2_compile(const char *pattern, size_t length, char *error, size_t error_capacity) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    auto *regexp = new cre2_regexp(re2::StringPiece(pattern, length), options);
    if (regexp->re.ok()) return regexp;
    if (error_capacity > 0) {
        strncpy(error, regexp->re.error().c_str(), error_capacity - 1);
        error[error_capacity - 1] = 0;
    }
    delete regexp;
    return nullptr;
}

void cre2_free(cre2_regexp *regexp) { delete regexp; }

bool cre2_matches(const cre2_regexp *regexp, const char *text, size_t length) {
    return re2::RE2::PartialMatch(re2::StringPiece(text, length), regexp->re);
}
