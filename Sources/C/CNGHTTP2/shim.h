#pragma once
#include <stdlib.h>
#include <nghttp2/nghttp2.h>

static inline void *cnghttp2_malloc(size_t size) { return malloc(size); }
static inline void cnghttp2_free(void *block) { free(block); }
