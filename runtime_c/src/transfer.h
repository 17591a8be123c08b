/* Messages: the bytes and the clock. docs/DESIGN.md, sections 4 and 6. */
#ifndef PLR_TRANSFER_H
#define PLR_TRANSFER_H

#include "plr/plr.h"

/* The three message steps. */
void plr_message_ready(const plr_t *runtime, uint32_t message);
PLR_MUST_CHECK plr_status_t plr_message_transfer(plr_t *runtime, uint32_t message, uint32_t operand);
void plr_message_await(plr_t *runtime, uint32_t message);

/* Receive a graph input from the host, or send it a graph output. */
PLR_MUST_CHECK plr_status_t plr_end_receive(plr_t *runtime, uint32_t end, uint32_t operand);
PLR_MUST_CHECK plr_status_t plr_end_send(plr_t *runtime, uint32_t end, uint32_t operand);

#endif
