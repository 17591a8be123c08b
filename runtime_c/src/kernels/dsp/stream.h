/* Whether constants of the DSP variant are what its kernels rely on. */
#ifndef PLR_DSP_STREAM_H
#define PLR_DSP_STREAM_H

#include "../kernel.h"

/* Words before the groups of a stream of pairs: words of all groups, and of those that may write a second byte. */
enum { PLR_DSP_ALL_WORDS, PLR_DSP_PAIRED_WORDS, PLR_DSP_HEADER_WORDS };

/* A stream of pairs writes every one of `channels` once, and no byte beyond the last. */
plr_status_t plr_dsp_check_pairs(const plr_plan_t *plan, const plr_parameters_t *parameters, uint32_t channels);

plr_status_t plr_dsp_check_channels(const plr_plan_t *plan, const plr_parameters_t *parameters, uint32_t channels);

#endif
