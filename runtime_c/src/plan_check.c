#include "plan_check.h"

#include <stdbool.h>

#include "records.h"

#define DIMENSION_MAX 0xFFFFu

static uint64_t buffer_end(const plr_buffer_t *buffer) {
    return (uint64_t)buffer->offset_bytes + buffer->size_bytes + PLR_CANARY_BYTES;
}

static plr_status_t check_buffer(const plr_plan_t *plan, uint32_t index) {
    const plr_buffer_t buffer = plr_plan_buffer(plan, index);
    if (buffer.offset_bytes % PLR_BUFFER_ALIGNMENT != 0 || buffer_end(&buffer) > plan->header.arena_bytes) {
        return PLR_ERR_PLAN_BUFFER;
    }
    if (index == 0) {
        return buffer.first_step == 0 && buffer.end_step == plan->steps.count &&
                       buffer.size_bytes == (uint64_t)plan->header.slot_count * PLR_SLOT_BYTES
                   ? PLR_OK
                   : PLR_ERR_PLAN_BUFFER;
    }
    if (buffer.first_step >= buffer.end_step || buffer.end_step > plan->steps.count ||
        buffer.first_step < plr_plan_buffer(plan, index - 1).first_step) {
        return PLR_ERR_PLAN_BUFFER;
    }
    return PLR_OK;
}

/* The buffers are sorted by their first steps, so only those behind a buffer that begin before its end meet it. */
static plr_status_t check_overlap(const plr_plan_t *plan, uint32_t index) {
    const plr_buffer_t buffer = plr_plan_buffer(plan, index);
    for (uint32_t other_index = index + 1; other_index < plan->buffers.count; other_index++) {
        const plr_buffer_t other = plr_plan_buffer(plan, other_index);
        if (other.first_step >= buffer.end_step) {
            break;
        }
        if (buffer_end(&buffer) > other.offset_bytes && buffer_end(&other) > buffer.offset_bytes) {
            return PLR_ERR_PLAN_OVERLAP;
        }
    }
    return PLR_OK;
}

static bool ring_is_sound(const plr_plan_t *plan, uint32_t capability, uint32_t ring, uint32_t first, uint32_t size) {
    if (ring == 0) {
        return first == 0;
    }
    return first < ring && size <= ring && (plan->header.capabilities & capability) != 0;
}

static plr_status_t check_view(const plr_plan_t *plan, uint32_t index) {
    const plr_view_t view = plr_plan_view(plan, index);
    if (view.buffer == 0 || view.buffer >= plan->buffers.count || view.rows == 0 ||
        !ring_is_sound(plan, PLR_CAPABILITY_RING_ROWS, view.ring_rows, view.ring_first_row, view.rows) ||
        !ring_is_sound(plan, PLR_CAPABILITY_RING_COLUMNS, view.ring_columns, view.ring_first_column, 0)) {
        return PLR_ERR_PLAN_VIEW;
    }
    return PLR_OK;
}

/* Whether the elements of an operand's view lie in its buffer, each at a multiple of its size, and apart from each
 * other. No sum can wrap: every term is below 2^48. */
static bool view_fits(const plr_plan_t *plan, const plr_operand_t *operand, const plr_view_t *view) {
    const uint64_t rows = view->ring_rows != 0 ? view->ring_rows : view->rows;
    const uint64_t columns = view->ring_columns != 0 ? view->ring_columns : operand->columns;
    const uint64_t pixel_bytes = (uint64_t)operand->channels * operand->element_bytes;
    const uint64_t row_bytes = (columns - 1) * operand->pixel_stride_bytes + pixel_bytes;
    const uint64_t end = view->offset_bytes + (rows - 1) * view->row_stride_bytes + row_bytes;
    return end <= plr_plan_buffer(plan, view->buffer).size_bytes && columns >= operand->columns &&
           (columns == 1 || pixel_bytes <= operand->pixel_stride_bytes) &&
           (rows == 1 || row_bytes <= view->row_stride_bytes) && view->offset_bytes % operand->element_bytes == 0 &&
           view->row_stride_bytes % operand->element_bytes == 0;
}

static plr_status_t check_operand(const plr_plan_t *plan, uint32_t index) {
    const plr_operand_t operand = plr_plan_operand(plan, index);
    if (operand.view_count == 0 || operand.view_count > PLR_PIECES_MAX || operand.first_view > plan->views.count ||
        operand.view_count > plan->views.count - operand.first_view ||
        (operand.element_bytes != 1 && operand.element_bytes != 4) || operand.columns == 0 || operand.channels == 0 ||
        operand.pixel_stride_bytes % operand.element_bytes != 0) {
        return PLR_ERR_PLAN_OPERAND;
    }
    if (operand.table != PLR_NO_INDEX) {
        const plr_status_t status = plr_constant_check(plan, operand.table, PLR_TABLE_BYTES, 1, 1, 1);
        if (status != PLR_OK) {
            return status;
        }
    }
    uint32_t rows = 0;
    for (uint32_t i = 0; i < operand.view_count; i++) {
        const plr_view_t view = plr_plan_view(plan, operand.first_view + i);
        if (!view_fits(plan, &operand, &view)) {
            return PLR_ERR_PLAN_VIEW;
        }
        rows += view.rows;
    }
    return rows <= DIMENSION_MAX ? PLR_OK : PLR_ERR_PLAN_OPERAND;
}

static bool buffer_is_live(const plr_plan_t *plan, uint32_t index, uint32_t step) {
    const plr_buffer_t buffer = plr_plan_buffer(plan, index);
    return step >= buffer.first_step && step < buffer.end_step;
}

/* Whether every buffer of an operand is live at a step. */
static bool operand_is_live(const plr_plan_t *plan, uint32_t index, uint32_t step) {
    const plr_operand_t operand = plr_plan_operand(plan, index);
    for (uint32_t i = 0; i < operand.view_count; i++) {
        if (!buffer_is_live(plan, plr_plan_view(plan, operand.first_view + i).buffer, step)) {
            return false;
        }
    }
    return true;
}

/* The step of a message that has the given opcode. */
static uint32_t message_step(const plr_message_t *message, uint32_t opcode) {
    return opcode == PLR_OPCODE_READY      ? message->ready_step
           : opcode == PLR_OPCODE_TRANSFER ? message->transfer_step
                                           : message->await_step;
}

static bool runs_no_kernel(const plr_step_t *step) {
    return step->kernel == 0 && step->variant == 0 && step->packing == 0 && step->parameters == PLR_NO_INDEX &&
           step->scratch_buffer == PLR_NO_INDEX && step->scratch_bytes == 0;
}

static plr_status_t check_message_step(const plr_plan_t *plan, uint32_t index, const plr_step_t *step) {
    const uint32_t operands = step->opcode == PLR_OPCODE_TRANSFER ? 1 : 0;
    if (!runs_no_kernel(step) || step->predicted_ns != 0 || step->operand_count != operands) {
        return PLR_ERR_PLAN_STEP;
    }
    if (step->message >= plan->messages.count) {
        return PLR_ERR_PLAN_MESSAGE;
    }
    const plr_message_t message = plr_plan_message(plan, step->message);
    return message_step(&message, step->opcode) == index ? PLR_OK : PLR_ERR_PLAN_MESSAGE;
}

/* A step that is no loop, at a place in the program. */
static plr_status_t check_plain_step(const plr_plan_t *plan, uint32_t index, const plr_step_t *step) {
    if (step->opcode < PLR_OPCODE_KERNEL || step->opcode > PLR_OPCODE_AWAIT || step->iterations != 0 ||
        step->first_operand > plan->operands.count ||
        step->operand_count > plan->operands.count - step->first_operand) {
        return PLR_ERR_PLAN_STEP;
    }
    const plr_status_t status =
        step->opcode == PLR_OPCODE_KERNEL ? plr_kernel_check(plan, step) : check_message_step(plan, index, step);
    if (status != PLR_OK) {
        return status;
    }
    for (uint32_t i = 0; i < step->operand_count; i++) {
        if (!operand_is_live(plan, step->first_operand + i, index)) {
            return PLR_ERR_PLAN_LIFESPAN;
        }
    }
    const bool is_without = step->scratch_buffer == PLR_NO_INDEX;
    return is_without || buffer_is_live(plan, step->scratch_buffer, index) ? PLR_OK : PLR_ERR_PLAN_LIFESPAN;
}

/* Whether the views of an operand stay in their buffers in all iterations of a loop. The shift is a product of numbers
 * of 16, 16 and 32 bits. */
static bool operand_stays(const plr_plan_t *plan, uint32_t index, uint32_t iterations) {
    const plr_operand_t operand = plr_plan_operand(plan, index);
    for (uint32_t i = 0; i < operand.view_count; i++) {
        plr_view_t view = plr_plan_view(plan, operand.first_view + i);
        const uint64_t shift_bytes = (uint64_t)(iterations - 1) * view.advance_columns * operand.pixel_stride_bytes;
        if (shift_bytes > plr_plan_buffer(plan, view.buffer).size_bytes - view.offset_bytes) {
            return false;
        }
        view.offset_bytes += (uint32_t)shift_bytes;
        if (!view_fits(plan, &operand, &view)) {
            return false;
        }
    }
    return true;
}

static plr_status_t check_looped_step(const plr_plan_t *plan, uint32_t index, uint32_t iterations, uint32_t body) {
    const plr_step_t step = plr_plan_body(plan, body);
    if (step.opcode != PLR_OPCODE_KERNEL) {
        return PLR_ERR_PLAN_STEP;
    }
    const plr_status_t status = check_plain_step(plan, index, &step);
    if (status != PLR_OK) {
        return status;
    }
    for (uint32_t i = 0; i < step.operand_count; i++) {
        if (!operand_stays(plan, step.first_operand + i, iterations)) {
            return PLR_ERR_PLAN_VIEW;
        }
    }
    return PLR_OK;
}

static plr_status_t check_loop(const plr_plan_t *plan, uint32_t index, const plr_step_t *loop) {
    if (!runs_no_kernel(loop) || loop->message != PLR_NO_INDEX || loop->iterations == 0 ||
        loop->iterations > DIMENSION_MAX || loop->operand_count == 0 || loop->first_operand > plan->bodies.count ||
        loop->operand_count > plan->bodies.count - loop->first_operand ||
        (plan->header.capabilities & PLR_CAPABILITY_LOOPS) == 0) {
        return PLR_ERR_PLAN_STEP;
    }
    for (uint32_t i = 0; i < loop->operand_count; i++) {
        const plr_status_t status = check_looped_step(plan, index, loop->iterations, loop->first_operand + i);
        if (status != PLR_OK) {
            return status;
        }
    }
    return PLR_OK;
}

static plr_status_t check_step(const plr_plan_t *plan, uint32_t index) {
    const plr_step_t step = plr_plan_step(plan, index);
    return step.opcode == PLR_OPCODE_LOOP ? check_loop(plan, index, &step) : check_plain_step(plan, index, &step);
}

static bool is_step_of(const plr_plan_t *plan, uint32_t index, uint32_t opcode, uint32_t message) {
    const plr_step_t step = plr_plan_step(plan, index);
    return step.opcode == opcode && step.message == message;
}

static bool is_other_node(const plr_plan_t *plan, uint32_t node) {
    return node < plan->header.nodes && node != plan->header.node;
}

static bool token_is_sound(const plr_plan_t *plan, const plr_message_t *message, uint32_t node) {
    return node == PLR_NO_NODE || (message->direction == PLR_DIRECTION_SEND && is_other_node(plan, node));
}

/* Elements of an operand, below 2^64: rows and columns have 16 bits, channels 32. */
static uint64_t operand_elements(const plr_plan_t *plan, const plr_operand_t *operand) {
    uint64_t rows = 0;
    for (uint32_t i = 0; i < operand->view_count; i++) {
        rows += plr_plan_view(plan, operand->first_view + i).rows;
    }
    return rows * operand->columns * operand->channels;
}

static plr_status_t check_message(const plr_plan_t *plan, uint32_t index) {
    const plr_message_t message = plr_plan_message(plan, index);
    if (message.ready_step >= message.transfer_step || message.transfer_step >= message.await_step ||
        message.await_step >= plan->steps.count || !is_step_of(plan, message.ready_step, PLR_OPCODE_READY, index) ||
        !is_step_of(plan, message.transfer_step, PLR_OPCODE_TRANSFER, index) ||
        !is_step_of(plan, message.await_step, PLR_OPCODE_AWAIT, index)) {
        return PLR_ERR_PLAN_MESSAGE;
    }
    const plr_operand_t operand = plr_plan_operand(plan, plr_plan_step(plan, message.transfer_step).first_operand);
    if (message.size_bytes % operand.element_bytes != 0 ||
        message.size_bytes / operand.element_bytes != operand_elements(plan, &operand) ||
        message.direction > PLR_DIRECTION_RECEIVE || !is_other_node(plan, message.peer) ||
        !token_is_sound(plan, &message, message.token_from) || !token_is_sound(plan, &message, message.token_to) ||
        (message.port != PLR_NO_PORT && message.port >= plan->header.port_count)) {
        return PLR_ERR_PLAN_MESSAGE;
    }
    if (message.slot >= plan->header.slot_count) {
        return PLR_ERR_PLAN_SLOT;
    }
    if (index > 0) {
        const plr_message_t before = plr_plan_message(plan, index - 1);
        if (before.tag >= message.tag || before.transfer_step >= message.transfer_step) {
            return PLR_ERR_PLAN_MESSAGE;
        }
    }
    return PLR_OK;
}

static plr_status_t check_slot(const plr_plan_t *plan, uint32_t index) {
    const plr_message_t message = plr_plan_message(plan, index);
    for (uint32_t other_index = index + 1; other_index < plan->messages.count; other_index++) {
        const plr_message_t other = plr_plan_message(plan, other_index);
        if (other.slot == message.slot && message.await_step >= other.ready_step &&
            other.await_step >= message.ready_step) {
            return PLR_ERR_PLAN_SLOT;
        }
    }
    return PLR_OK;
}

static plr_status_t check_end(const plr_plan_t *plan, uint32_t index) {
    const plr_end_t end = plr_plan_end(plan, index);
    if (end.operand >= plan->operands.count || end.direction > PLR_DIRECTION_RECEIVE || end.reserved != 0 ||
        end.reserved2 != 0) {
        return PLR_ERR_PLAN_OPERAND;
    }
    const uint32_t step = end.direction == PLR_DIRECTION_RECEIVE ? 0 : plan->steps.count - 1;
    return operand_is_live(plan, end.operand, step) ? PLR_OK : PLR_ERR_PLAN_LIFESPAN;
}

typedef plr_status_t (*check_t)(const plr_plan_t *plan, uint32_t index);

plr_status_t plr_plan_check(const plr_plan_t *plan) {
    const struct {
        check_t check;
        uint32_t count;
    } checks[] = {
        {check_buffer, plan->buffers.count}, {check_overlap, plan->buffers.count},
        {check_view, plan->views.count},     {check_operand, plan->operands.count},
        {check_step, plan->steps.count},     {check_message, plan->messages.count},
        {check_slot, plan->messages.count},  {check_end, plan->ends.count},
    };
    if (plan->buffers.count == 0) {
        return PLR_ERR_PLAN_BUFFER;
    }
    for (uint32_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        for (uint32_t index = 0; index < checks[i].count; index++) {
            const plr_status_t status = checks[i].check(plan, index);
            if (status != PLR_OK) {
                return status;
            }
        }
    }
    return PLR_OK;
}
