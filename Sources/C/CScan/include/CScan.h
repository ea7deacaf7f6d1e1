#ifndef CSCAN_H
#define CSCAN_H
// Sixteen bytes looked at by one instruction: what a program in Swift cannot ask of the processor. Bit i of a result stands for
// byte i; all results are the same on every machine.

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>

/// Bytes of `low` and the `more` values behind it: unsigned x is one of them when x - low <= more.
static inline __m128i cscan_within(__m128i bytes, char low, char more) {
    __m128i offset = _mm_sub_epi8(bytes, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8(more)), offset);
}

static inline __m128i cscan_letters(__m128i bytes) { return cscan_within(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 25); }

/// Bytes that are neither letters, digits nor hyphens.
static inline uint32_t cscan_no_word(const void *at) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)at);
    __m128i letters = cscan_letters(bytes), digits = cscan_within(bytes, '0', 9);
    __m128i hyphens = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
    return ~(uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letters, digits), hyphens)) & 0xFFFF;
}

/// Of eight bytes, those that are neither letters, digits, hyphens nor dots.
static inline uint32_t cscan_no_name(const void *at) {
    __m128i bytes = _mm_loadl_epi64((const __m128i *)at);
    // '-', '.', '/' and the digits stand in a row; the slash is taken out.
    __m128i letters = cscan_letters(bytes), others = cscan_within(bytes, '-', 12);
    __m128i slashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('/'));
    return ~(uint32_t)_mm_movemask_epi8(_mm_or_si128(letters, _mm_andnot_si128(slashes, others))) & 0xFF;
}

/// Bytes below 0x20, TAB among them, and 0x7F.
static inline uint32_t cscan_control(const void *at) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)at);
    __m128i below = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(below, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F))));
}

/// Bytes from 0x00 to 0x20, and 0x7F.
static inline uint32_t cscan_control_or_space(const void *at) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)at);
    __m128i below = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x20)), bytes);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(below, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F))));
}

/// Colons.
static inline uint32_t cscan_colon(const void *at) {
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)at), _mm_set1_epi8(':')));
}

/// Bytes that differ from those at `other` when the bit 0x20 is set in them.
static inline uint32_t cscan_differs_folded(const void *at, const void *other) {
    __m128i folded = _mm_or_si128(_mm_loadu_si128((const __m128i *)at), _mm_set1_epi8(0x20));
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(folded, _mm_loadu_si128((const __m128i *)other))) ^ 0xFFFF;
}

#else

#define CSCAN_MASK(condition) \
    uint8_t bytes[16]; \
    uint32_t mask = 0; \
    memcpy(bytes, at, 16); \
    for (int i = 0; i < 16; i++) { uint8_t b = bytes[i]; mask |= (uint32_t)(condition) << i; } \
    return mask;

static inline uint32_t cscan_no_word(const void *at) {
    CSCAN_MASK(!((uint8_t)((b | 0x20) - 'a') < 26 || (uint8_t)(b - '0') < 10 || b == '-'))
}
static inline uint32_t cscan_no_name(const void *at) {
    const uint8_t *bytes = (const uint8_t *)at;
    uint32_t mask = 0;
    for (int i = 0; i < 8; i++) {
        uint8_t b = bytes[i];
        mask |= (uint32_t)!((uint8_t)((b | 0x20) - 'a') < 26 || (uint8_t)(b - '0') < 10 || b == '-' || b == '.') << i;
    }
    return mask;
}
static inline uint32_t cscan_control(const void *at) { CSCAN_MASK(b < 0x20 || b == 0x7F) }
static inline uint32_t cscan_control_or_space(const void *at) { CSCAN_MASK(b <= 0x20 || b == 0x7F) }
static inline uint32_t cscan_colon(const void *at) { CSCAN_MASK(b == ':') }
static inline uint32_t cscan_differs_folded(const void *at, const void *other) { CSCAN_MASK((b | 0x20) != ((const uint8_t *)other)[i]) }

#endif
#endif
