/* Runs the runtime on recorded frames, case after case from standard input, and writes what it does to standard output.
 * Built with sanitizers, it stands in for a board whose every peer is a script: see tests/runtime/replay.py.
 *
 * A case is: u32 arena bytes, u32 plan bytes, u32 frames, u32 send limit; configuration; plan; frames (u32 peer, u32
 * bytes, bytes).
 * Its answer: i32 status, u32 frames, u32 arena bytes; frames that were sent (as above); arena. Numbers are
 * little-endian. Receiving fails when no recorded frames are left, sending when the limit is reached. */
#include <stdio.h>
#include <stdlib.h>

#include "fence.h"
#include "plr/plr.h"

#define SENT_CAPACITY (1u << 24)

typedef struct script {
    uint32_t frames; /* that remain to be received */
    uint32_t sends;  /* that remain until sending fails */
    uint32_t sent;
    size_t sent_bytes;
    uint8_t *record; /* of the frames sent */
    uint64_t work;
} script_t;

static void read_exactly(uint8_t *bytes, size_t size_bytes) {
    if (fread(bytes, 1, size_bytes, stdin) != size_bytes) {
        fprintf(stderr, "the input ends too early\n");
        exit(2);
    }
}

static uint32_t read_number(void) {
    uint8_t bytes[4];
    read_exactly(bytes, sizeof bytes);
    return plr_get_u32(bytes);
}

static void write_number(uint32_t number) {
    uint8_t bytes[4];
    plr_put_u32(bytes, number);
    fwrite(bytes, 1, sizeof bytes, stdout);
}

static uint8_t *allocate(size_t size_bytes) {
    uint8_t *bytes = malloc(size_bytes);
    if (bytes == NULL && size_bytes > 0) {
        exit(2);
    }
    return bytes;
}

static plr_status_t send(void *context, uint16_t peer, uint8_t *frame, size_t size_bytes) {
    script_t *script = context;
    if (script->sends == 0 || script->sent_bytes + 8 + size_bytes > SENT_CAPACITY) {
        return PLR_ERR_LINK;
    }
    script->sends--;
    script->sent++;
    plr_put_u32(script->record + script->sent_bytes, peer);
    plr_put_u32(script->record + script->sent_bytes + 4, (uint32_t)size_bytes);
    for (size_t i = 0; i < size_bytes; i++) {
        script->record[script->sent_bytes + 8 + i] = frame[i];
    }
    script->sent_bytes += 8 + size_bytes;
    return PLR_OK;
}

static plr_status_t receive(void *context, uint16_t peer, uint8_t *frame, size_t capacity_bytes, size_t *size_bytes) {
    script_t *script = context;
    if (script->frames == 0) {
        return PLR_ERR_LINK;
    }
    script->frames--;
    const uint32_t recorded_peer = read_number();
    const uint32_t recorded_bytes = read_number();
    if (recorded_bytes > capacity_bytes) {
        exit(2);
    }
    read_exactly(frame, recorded_bytes);
    *size_bytes = recorded_bytes;
    return recorded_peer == peer ? PLR_OK : PLR_ERR_LINK;
}

static void skip_frames(script_t *script) {
    for (; script->frames > 0; script->frames--) {
        (void)read_number();
        for (uint32_t bytes = read_number(); bytes > 0; bytes--) {
            (void)getchar();
        }
    }
}

/* Seven units a call: a clock that moves. */
static uint64_t work(void *context) {
    script_t *script = context;
    script->work += 7;
    return script->work;
}

static uint32_t nothing(void *context) {
    (void)context;
    return 0;
}

static void run_case(uint32_t arena_bytes) {
    const uint32_t plan_bytes = read_number();
    script_t script = {.frames = read_number(), .record = allocate(SENT_CAPACITY)};
    script.sends = read_number();
    const plr_hal_t hal = {.context = &script,
                           .send = send,
                           .receive = receive,
                           .work = work,
                           .stack_peak_bytes = nothing,
                           .above_cap_bytes = nothing};
    uint8_t config_bytes[PLR_CONFIG_BYTES];
    uint8_t *plan = allocate(plan_bytes);
    uint8_t *arena = allocate(arena_bytes);
    plr_t *runtime = malloc(sizeof *runtime);
    plr_config_t config;
    const plr_footprint_t footprint = {.link_buffer_bytes = PLR_LINK_BUFFER_BYTES};
    read_exactly(config_bytes, sizeof config_bytes);
    read_exactly(plan, plan_bytes);
    for (uint32_t i = 0; i < arena_bytes; i++) {
        arena[i] = 0;
    }
    plr_status_t status = plr_config_load(config_bytes, sizeof config_bytes, &config);
    if (status == PLR_OK) {
        status = plr_init(runtime, &hal, &config, &footprint, arena, arena_bytes);
    }
    if (status == PLR_OK) {
        status = plr_serve(runtime, plan, plan_bytes);
    }
    skip_frames(&script);
    plr_fence_open(arena, arena_bytes);
    write_number((uint32_t)status);
    write_number(script.sent);
    write_number(arena_bytes);
    fwrite(script.record, 1, script.sent_bytes, stdout);
    fwrite(arena, 1, arena_bytes, stdout);
    free(runtime);
    free(arena);
    free(plan);
    free(script.record);
}

int main(void) {
    for (int first = getchar(); first != EOF; first = getchar()) {
        ungetc(first, stdin);
        run_case(read_number());
    }
    return 0;
}
