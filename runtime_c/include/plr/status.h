/* Status codes: 0 is success, everything else is negative. The list is generated into layout.h. */
#ifndef PLR_STATUS_H
#define PLR_STATUS_H

#include <stdint.h>

#include "plr/layout.h"

typedef int32_t plr_status_t;

#if defined(__GNUC__)
#define PLR_MUST_CHECK __attribute__((warn_unused_result))
#else
#define PLR_MUST_CHECK
#endif

/* Name of a status code without its prefix, "UNKNOWN" for a number that is none. Never NULL. */
const char *plr_status_name(plr_status_t status);

#endif
