#pragma once
#include <ares.h>

// Status codes: macros up to c-ares 1.19, an enumeration from 1.20 on, which Swift imports differently.
static const int ccares_success = ARES_SUCCESS;
static const int ccares_no_data = ARES_ENODATA;
static const int ccares_not_found = ARES_ENOTFOUND;
static const int ccares_timeout = ARES_ETIMEOUT;
static const int ccares_cancelled = ARES_ECANCELLED;
static const int ccares_destruction = ARES_EDESTRUCTION;
