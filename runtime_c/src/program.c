#include "program.h"

#include <string.h>

#include "arena.h"
#include "kernels/kernel.h"
#include "link.h"
#include "records.h"
#include "transfer.h"

static uint64_t work_to_ns(const plr_config_t *config, uint64_t work) {
    const uint64_t whole = work / config->ns_denominator;
    const uint64_t rest = work % config->ns_denominator;
    return whole * config->ns_numerator + rest * config->ns_numerator / config->ns_denominator;
}

static void run_loop(plr_t *runtime, const plr_step_t *loop) {
    for (uint32_t iteration = 0; iteration < loop->iterations; iteration++) {
        for (uint32_t i = 0; i < loop->operand_count; i++) {
            const plr_step_t step = plr_plan_body(&runtime->plan, loop->first_operand + i);
            plr_kernel_run(&runtime->plan, &step, iteration, runtime->arena, runtime->frame.rows);
        }
    }
}

/* Run a kernel or a loop; returns its work. */
static uint64_t run_work(plr_t *runtime, const plr_step_t *step) {
    const uint64_t begin = runtime->hal->work(runtime->hal->context);
    if (step->opcode == PLR_OPCODE_LOOP) {
        run_loop(runtime, step);
    } else {
        plr_kernel_run(&runtime->plan, step, 0, runtime->arena, runtime->frame.rows);
    }
    const uint64_t work = runtime->hal->work(runtime->hal->context) - begin;
    const uint64_t elapsed_ns = (runtime->config.flags & PLR_CONFIG_FLAG_PREDICTED_CLOCK) != 0
                                    ? step->predicted_ns
                                    : work_to_ns(&runtime->config, work);
    runtime->clock_ns += elapsed_ns;
    runtime->report.compute_ns += elapsed_ns;
    runtime->report.work += work;
    return work;
}

static plr_status_t run_step(plr_t *runtime, const plr_step_t *step, uint64_t *work) {
    *work = 0;
    switch (step->opcode) {
    case PLR_OPCODE_KERNEL:
    case PLR_OPCODE_LOOP:
        *work = run_work(runtime, step);
        return PLR_OK;
    case PLR_OPCODE_READY:
        plr_message_ready(runtime, step->message);
        return PLR_OK;
    case PLR_OPCODE_TRANSFER:
        return plr_message_transfer(runtime, step->message, step->first_operand);
    default:
        plr_message_await(runtime, step->message);
        return PLR_OK;
    }
}

/* Send the step records that wait. */
static plr_status_t send_trace(plr_t *runtime) {
    const uint32_t waiting = runtime->trace_length;
    if (waiting == 0) {
        return PLR_OK;
    }
    memcpy(plr_link_payload(runtime), runtime->trace, waiting * (size_t)PLR_STEP_REPORT_BYTES);
    runtime->trace_length = 0;
    return plr_link_send(runtime, (plr_frame_header_t){.kind = PLR_FRAME_KIND_TRACE,
                                                       .target = runtime->config.host,
                                                       .tag = runtime->report.step_count - waiting,
                                                       .length = (uint16_t)(waiting * PLR_STEP_REPORT_BYTES)});
}

static plr_status_t trace_step(plr_t *runtime, uint64_t work) {
    const plr_step_report_t record = {.work = work, .end_ns = runtime->clock_ns};
    plr_step_report_write(runtime->trace + runtime->trace_length * (size_t)PLR_STEP_REPORT_BYTES, &record);
    runtime->trace_length++;
    runtime->report.step_count++;
    return runtime->trace_length == PLR_TRACE_STEPS ? send_trace(runtime) : PLR_OK;
}

/* Pass the graph inputs before the program, or the graph outputs after it. */
static plr_status_t pass_ends(plr_t *runtime, uint8_t direction) {
    uint32_t number = 0;
    for (uint32_t i = 0; i < runtime->plan.ends.count; i++) {
        const plr_end_t end = plr_plan_end(&runtime->plan, i);
        if (end.direction != direction) {
            continue;
        }
        const plr_status_t status = direction == PLR_DIRECTION_RECEIVE ? plr_end_receive(runtime, number, end.operand)
                                                                       : plr_end_send(runtime, number, end.operand);
        if (status != PLR_OK) {
            return status;
        }
        number++;
    }
    return PLR_OK;
}

static void reset(plr_t *runtime) {
    runtime->clock_ns = 0;
    memset(runtime->port_free_ns, 0, sizeof runtime->port_free_ns);
    runtime->report = (plr_report_t){0};
    runtime->next_buffer = 0;
    runtime->trace_length = 0;
    plr_arena_paint(runtime);
    plr_arena_begin_buffers(runtime, 0);
}

static plr_status_t run_steps(plr_t *runtime) {
    for (runtime->step = 0; runtime->step < runtime->plan.steps.count; runtime->step++) {
        const plr_step_t step = plr_plan_step(&runtime->plan, runtime->step);
        uint64_t work;
        plr_arena_begin_buffers(runtime, runtime->step);
        plr_status_t status = run_step(runtime, &step, &work);
        if (status == PLR_OK) {
            runtime->report.canaries_broken += plr_arena_end_buffers(runtime);
            status = trace_step(runtime, work);
        }
        if (status != PLR_OK) {
            return status;
        }
    }
    runtime->step = PLR_NO_INDEX;
    return send_trace(runtime);
}

plr_status_t plr_program_run(plr_t *runtime) {
    reset(runtime);
    plr_status_t status = pass_ends(runtime, PLR_DIRECTION_RECEIVE);
    if (status == PLR_OK) {
        status = run_steps(runtime);
    }
    if (status == PLR_OK) {
        status = pass_ends(runtime, PLR_DIRECTION_SEND);
    }
    if (status == PLR_OK) {
        runtime->report.end_ns = runtime->clock_ns;
        runtime->report.stack_peak_bytes = runtime->hal->stack_peak_bytes(runtime->hal->context);
        runtime->report.above_cap_bytes = runtime->hal->above_cap_bytes(runtime->hal->context);
        runtime->report.arena_peak_bytes = plr_arena_peak_bytes(runtime);
    }
    return status;
}
