#include "CRE2.h"
#include <algorithm>
#include <cstring>
#include <re2/re2.h>
#include <re2/set.h>
#include <vector>

namespace {

// RE2's defaults are Go's dialect already (Perl classes, ^ and $ at the text's ends, UTF-8, leftmost-first).
re2::RE2::Options options(int64_t memory) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(memory);
    return options;
}

// RE2 tells an empty group from an absent one by its pointer, so an empty text must have one.
re2::StringPiece piece(const char *text, size_t length) { return {length == 0 ? "" : text, length}; }

}  // namespace

struct cre2_regexp {
    re2::RE2 re;
    cre2_regexp(re2::StringPiece pattern, int64_t memory) : re(pattern, options(memory)) {}
};

struct cre2_set {
    re2::RE2::Set set;
    cre2_set(bool anchored, int64_t memory)
        : set(options(memory), anchored ? re2::RE2::ANCHOR_START : re2::RE2::UNANCHORED) {}
};

cre2_regexp *cre2_compile(const char *pattern, size_t length, int64_t memory, cre2_error *error) {
    auto *regexp = new cre2_regexp(piece(pattern, length), memory);
    if (regexp->re.ok()) return regexp;
    const std::string &fragment = regexp->re.error_arg();
    error->code = regexp->re.error_code();
    error->fragment_length = std::min(fragment.size(), sizeof error->fragment);
    memcpy(error->fragment, fragment.data(), error->fragment_length);
    delete regexp;
    return nullptr;
}

void cre2_free(cre2_regexp *regexp) { delete regexp; }

int cre2_group_count(const cre2_regexp *regexp) { return regexp->re.NumberOfCapturingGroups(); }

int cre2_group_index(const cre2_regexp *regexp, const char *name, size_t length) {
    const auto &groups = regexp->re.NamedCapturingGroups();
    auto found = groups.find(std::string(name, length));
    return found == groups.end() ? -1 : found->second;
}

bool cre2_matches(const cre2_regexp *regexp, const char *text, size_t length) {
    return regexp->re.Match(piece(text, length), 0, length, re2::RE2::UNANCHORED, nullptr, 0);
}

bool cre2_search(const cre2_regexp *regexp, const char *text, size_t length, size_t start, cre2_span *spans, size_t count) {
    re2::StringPiece few[16];
    std::vector<re2::StringPiece> many;
    re2::StringPiece *groups = few;
    if (count > sizeof few / sizeof few[0]) {
        many.resize(count);
        groups = many.data();
    }
    const re2::StringPiece whole = piece(text, length);
    if (!regexp->re.Match(whole, start, length, re2::RE2::UNANCHORED, groups, (int)count)) return false;
    for (size_t i = 0; i < count; i++) {
        if (groups[i].data() == nullptr) {
            spans[i] = {-1, -1};
        } else {
            const ptrdiff_t begin = groups[i].data() - whole.data();
            spans[i] = {begin, begin + (ptrdiff_t)groups[i].size()};
        }
    }
    return true;
}

cre2_set *cre2_set_new(bool anchored, int64_t memory) { return new cre2_set(anchored, memory); }
void cre2_set_free(cre2_set *set) { delete set; }

int cre2_set_add(cre2_set *set, const char *pattern, size_t length) { return set->set.Add(piece(pattern, length), nullptr); }
bool cre2_set_compile(cre2_set *set) { return set->set.Compile(); }

int cre2_set_match(const cre2_set *set, const char *text, size_t length, int *indices, int capacity) {
    static thread_local std::vector<int> found;  // keeps its storage between calls
    re2::RE2::Set::ErrorInfo error = {re2::RE2::Set::kNoError};
    if (!set->set.Match(piece(text, length), &found, &error)) return error.kind == re2::RE2::Set::kNoError ? 0 : -1;
    std::copy_n(found.begin(), std::min<size_t>(found.size(), capacity), indices);
    return (int)found.size();
}
