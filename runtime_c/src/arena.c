#include "arena.h"

#include <stdbool.h>

#include "fence.h"
#include "records.h"

static uint8_t paint_byte(const plr_t *runtime, uint32_t offset) {
    return (uint8_t)(runtime->config.paint >> 8 * (offset % 4));
}

static uint8_t canary_byte(const plr_t *runtime, uint32_t offset) {
    return (uint8_t)~paint_byte(runtime, offset);
}

void plr_arena_paint(const plr_t *runtime) {
    uint32_t *words = (uint32_t *)(void *)runtime->arena;
    plr_fence_open(runtime->arena, runtime->arena_bytes);
    for (uint32_t i = 0; i < runtime->arena_bytes / sizeof *words; i++) {
        words[i] = runtime->config.paint;
    }
    plr_fence_close(runtime->arena, runtime->arena_bytes);
}

uint32_t plr_arena_peak_bytes(const plr_t *runtime) {
    const uint32_t *words = (const uint32_t *)(const void *)runtime->arena;
    uint32_t count = runtime->arena_bytes / sizeof *words;
    plr_fence_open(runtime->arena, runtime->arena_bytes);
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
        plr_fence_open(runtime->arena + buffer.offset_bytes, buffer.size_bytes + PLR_CANARY_BYTES);
        for (uint32_t i = canary; i < canary + PLR_CANARY_BYTES; i++) {
            runtime->arena[i] = canary_byte(runtime, i);
        }
        plr_fence_close(runtime->arena + canary, PLR_CANARY_BYTES);
        runtime->next_buffer++;
    }
}

static bool canary_is_broken(const plr_t *runtime, const plr_buffer_t *buffer) {
    const uint32_t canary = buffer->offset_bytes + buffer->size_bytes;
    bool is_broken = false;
    plr_fence_open(runtime->arena + buffer->offset_bytes, buffer->size_bytes + PLR_CANARY_BYTES);
    for (uint32_t i = canary; i < canary + PLR_CANARY_BYTES; i++) {
        is_broken = is_broken || runtime->arena[i] != canary_byte(runtime, i);
    }
    if (buffer->end_step < runtime->plan.steps.count) { /* the others are still to be sent */
        plr_fence_close(runtime->arena + buffer->offset_bytes, buffer->size_bytes + PLR_CANARY_BYTES);
    }
    return is_broken;
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
