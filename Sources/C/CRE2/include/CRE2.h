// RE2 without C++ in its interface. Every function may be called on any thread; a regexp or a compiled set is immutable
// and may be used by several threads at once. The caller frees what a `…_compile` or `…_new` returned.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cre2_regexp cre2_regexp;
typedef struct cre2_set cre2_set;

/// Byte offsets of a group within the text; -1 and -1 for a group that took no part in the match.
typedef struct {
    ptrdiff_t start, end;
} cre2_span;

/// Why RE2 refused a pattern.
typedef struct {
    int code;                ///< RE2::ErrorCode
    size_t fragment_length;  ///< of the offending part of the pattern, cut to its capacity
    char fragment[128];
} cre2_error;

/// Compiles `pattern`; NULL with `error` filled when RE2 refuses it or needs more than `memory` bytes.
cre2_regexp *cre2_compile(const char *pattern, size_t length, int64_t memory, cre2_error *error);
void cre2_free(cre2_regexp *regexp);

/// The number of capturing groups, the whole match not counted.
int cre2_group_count(const cre2_regexp *regexp);
/// The number of the group of that name, -1 if there is none.
int cre2_group_index(const cre2_regexp *regexp, const char *name, size_t length);

/// Whether a match starts anywhere in the text.
bool cre2_matches(const cre2_regexp *regexp, const char *text, size_t length);
/// Finds the leftmost match at or after `start`; fills the first `count` spans (the whole match, group 1, …).
/// What stands before `start` still counts as context: `^` matches at 0 only.
bool cre2_search(const cre2_regexp *regexp, const char *text, size_t length, size_t start, cre2_span *spans, size_t count);

/// A set matches all its patterns in one pass, anywhere in the text or only from its beginning.
cre2_set *cre2_set_new(bool anchored, int64_t memory);
void cre2_set_free(cre2_set *set);
/// The index of the pattern in the set, -1 if RE2 refuses it.
int cre2_set_add(cre2_set *set, const char *pattern, size_t length);
/// False when the memory does not suffice. No pattern may be added afterwards.
bool cre2_set_compile(cre2_set *set);
/// Writes the indices of the matching patterns in no particular order and returns how many match (it may exceed
/// `capacity`); -1 when the automaton's memory does not suffice for this text.
int cre2_set_match(const cre2_set *set, const char *text, size_t length, int *indices, int capacity);

#ifdef __cplusplus
}
#endif
