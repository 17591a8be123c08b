/* Records of a plan by their index, which must be in range. */
#ifndef PLR_RECORDS_H
#define PLR_RECORDS_H

#include <stddef.h>

#include "plr/plan.h"

static inline plr_buffer_t plr_plan_buffer(const plr_plan_t *plan, uint32_t index) {
    return plr_buffer_read(plan->buffers.bytes + index * (size_t)PLR_BUFFER_BYTES);
}

static inline plr_step_t plr_plan_step(const plr_plan_t *plan, uint32_t index) {
    return plr_step_read(plan->steps.bytes + index * (size_t)PLR_STEP_BYTES);
}

/* A step of a loop. */
static inline plr_step_t plr_plan_body(const plr_plan_t *plan, uint32_t index) {
    return plr_step_read(plan->bodies.bytes + index * (size_t)PLR_STEP_BYTES);
}

static inline plr_operand_t plr_plan_operand(const plr_plan_t *plan, uint32_t index) {
    return plr_operand_read(plan->operands.bytes + index * (size_t)PLR_OPERAND_BYTES);
}

static inline plr_view_t plr_plan_view(const plr_plan_t *plan, uint32_t index) {
    return plr_view_read(plan->views.bytes + index * (size_t)PLR_VIEW_BYTES);
}

static inline plr_parameters_t plr_plan_parameters(const plr_plan_t *plan, uint32_t index) {
    return plr_parameters_read(plan->parameters.bytes + index * (size_t)PLR_PARAMETERS_BYTES);
}

static inline plr_message_t plr_plan_message(const plr_plan_t *plan, uint32_t index) {
    return plr_message_read(plan->messages.bytes + index * (size_t)PLR_MESSAGE_BYTES);
}

static inline plr_end_t plr_plan_end(const plr_plan_t *plan, uint32_t index) {
    return plr_end_read(plan->ends.bytes + index * (size_t)PLR_END_BYTES);
}

#endif
