#pragma once
#include <malloc.h>
#include <stdlib.h>
#include <nghttp2/nghttp2.h>

static inline void *cnghttp2_malloc(size_t size) { return malloc(size); }
static inline void cnghttp2_free(void *block) { free(block); }
static inline size_t cnghttp2_usable_size(void *block) { return malloc_usable_size(block); }
