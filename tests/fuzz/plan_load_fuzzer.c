/* Whatever bytes plr_plan_load() accepts must be safe to run: all that the program can touch is touched, in an arena of
 * exactly the planned size, under the address and undefined-behaviour sanitizers. */
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "kernels/kernel.h"
#include "records.h"
#include "stream.h"

#define ARENA_MAX_BYTES 65536u
#define WORK_MAX (1u << 12)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* Give the plan the right CRC, which no mutation would find. */
static void seal(uint8_t *bytes, size_t size_bytes) {
    if (size_bytes < PLR_PLAN_HEADER_BYTES) {
        return;
    }
    const plr_plan_header_t header = plr_plan_header_read(bytes);
    if (header.total_size >= PLR_PLAN_HEADER_BYTES && header.total_size <= size_bytes) {
        plr_put_u32(bytes + PLR_PLAN_HEADER_CRC32_OFFSET,
                    plr_crc32_without(bytes, header.total_size, PLR_PLAN_HEADER_CRC32_OFFSET));
    }
}

/* Products of a step, an upper bound of its work. */
static uint64_t step_work(const plr_plan_t *plan, const plr_step_t *step) {
    const plr_box_t output = plr_operand_shape(plan, step->first_operand + step->operand_count - 1);
    uint64_t work = (uint64_t)output.rows * output.columns * output.channels;
    if (step->parameters != PLR_NO_INDEX) {
        const plr_parameters_t p = plr_plan_parameters(plan, step->parameters);
        work *= 1 + (uint64_t)p.kernel_rows * p.kernel_columns;
    }
    return work;
}

static void read_operand(const plr_plan_t *plan, uint32_t operand, uint8_t *arena) {
    const plr_box_t box = plr_operand_box(plan, operand, arena, 0);
    plr_stream_t stream = plr_stream_over(&box);
    uint8_t bytes[256];
    uint32_t size_bytes;
    while ((size_bytes = plr_stream_read(&stream, bytes, sizeof bytes)) > 0) {
    }
}

static void run_kernel(const plr_plan_t *plan, const plr_step_t *step, uint32_t iteration, uint8_t *arena) {
    const int8_t *rows[PLR_KERNEL_ROWS_MAX];
    if (step_work(plan, step) < WORK_MAX) {
        plr_kernel_run(plan, step, iteration, arena, rows);
    }
}

static void run(const plr_plan_t *plan, uint8_t *arena) {
    for (uint32_t i = 0; i < plan->operands.count; i++) {
        read_operand(plan, i, arena);
    }
    for (uint32_t i = 0; i < plan->steps.count; i++) {
        const plr_step_t step = plr_plan_step(plan, i);
        if (step.opcode == PLR_OPCODE_KERNEL) {
            run_kernel(plan, &step, 0, arena);
        }
        for (uint32_t j = 0; step.opcode == PLR_OPCODE_LOOP && j < step.operand_count; j++) {
            const plr_step_t body = plr_plan_body(plan, step.first_operand + j);
            run_kernel(plan, &body, step.iterations - 1, arena);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    uint8_t *bytes = malloc(size_bytes);
    plr_plan_t plan;
    if (bytes == NULL) {
        return 0;
    }
    memcpy(bytes, data, size_bytes);
    seal(bytes, size_bytes);
    if (plr_plan_load(bytes, size_bytes, ARENA_MAX_BYTES, &plan) == PLR_OK) {
        uint8_t *arena = calloc(1, plan.header.arena_bytes);
        if (arena != NULL) {
            run(&plan, arena);
        }
        free(arena);
    }
    free(bytes);
    return 0;
}
