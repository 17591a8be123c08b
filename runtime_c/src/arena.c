#include "arena.h"

#include <stdbool.h>

#include "records.h"

static uint8_t paint_byte(const plr_t *runtime, uint32_t offset) {
    return (uint8_t)(runtime->config.paint >> 8 * (offset % 4));
}

static uint8_t canary_byte(const plr_t *runtime, uint32_t offset) {
    return (uint8_t)~paint_byte(runtime, offset);
}

void plr_arena_paint(const plr_t *runtime) {
    uint32_t *words = (uint32_t *)(void *)runtime->arena;
    for (uint32_t i = 0; i < runtime->arena_bytes / sizeof *words; i++) {
        words[i] = runtime->config.paint;
    }
}

uint32_t plr_arena_peak_bytes(const plr_t *runtime) {
    const uint32_t *words = (const uint32_t *)(const void *)runtime->arena;
    uint32_t count = runtime->arena_bytes / sizeof *words;
    while (count > 0 && words[count - 1] == runtime->config.paint) {
        count--;
    }
    uint32_t bytes = count * (uint32_t)sizeof *words;
    while (bytes > 0 && runtime->arena[bytes - 1] == paint_byte(runtime, bytes - 1)) {
        bytes--;
    }
    return bytes;
}

void plr_arena_begin_buffers(plr_t *runtime, uint32_t step) {
    while (runtime->next_buffer < runtime->plan.buffers.count) {
        const plr_buffer_t buffer = plr_plan_buffer(&runtime->plan, runtime->next_buffer);
        if (buffer.first_step != step) {
            break;
        }
        const uint32_t canary = buffer.offset_bytes + buffer.size_bytes;
        for (uint32_t i = canary; i < canary + PLR_CANARY_BYTES; i++) {
            runtime->arena[i] = canary_byte(runtime, i);
        }
        runtime->next_buffer++;
    }
}

static bool canary_is_broken(const plr_t *runtime, const plr_buffer_t *buffer) {
    const uint32_t canary = buffer->offset_bytes + buffer->size_bytes;
    for (uint32_t i = canary; i < canary + PLR_CANARY_BYTES; i++) {
        if (runtime->arena[i] != canary_byte(runtime, i)) {
            return true;
        }
    }
    return false;
}

uint32_t plr_arena_end_buffers(const plr_t *runtime) {
    uint32_t broken = 0;
    for (uint32_t i = 0; i < runtime->next_buffer; i++) {
        const plr_buffer_t buffer = plr_plan_buffer(&runtime->plan, i);
        if (buffer.end_step == runtime->step + 1 && canary_is_broken(runtime, &buffer)) {
            broken++;
        }
    }
    return broken;
}
