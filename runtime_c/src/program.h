/* The interpreter. */
#ifndef PLR_PROGRAM_H
#define PLR_PROGRAM_H

#include "plr/plr.h"

/* Run the loaded program once, from the clock's 0 on a freshly painted arena, and fill the runtime's report. Sends
 * TRACE frames as step records accumulate, and OUTPUT frames at the end. */
PLR_MUST_CHECK plr_status_t plr_program_run(plr_t *runtime);

#endif
