/* The firmware of every emulated board: read the configuration, which says by what to talk, and serve the host. */
#include "emulated_flash.h"
#include "ethernet.h"
#include "file.h"
#include "machine.h"
#include "pipes.h"
#include "plr/board.h"
#include "ram.h"
#include "semihost.h"

/* Longest wait for a node over a lossy link, by the board's own clock. */
#define PATIENCE_US 120000000u
/* The emulator takes some 40 ms to bring a frame through a UART. */
#define SERIAL_REPEAT_US 100000u
#define PACKET_REPEAT_US 20000u

#define FLASH_FILE "flash"
#define FLASH_PAGE_BYTES 4096u
#define FLASH_WORD_BYTES 8u

enum { EXIT_OK, EXIT_RUNTIME, EXIT_CONFIG, EXIT_RAM_CAP, EXIT_FAULT, EXIT_FLASH };

/* Laid out by firmware.ld. */
extern uint8_t firmware_plan[];
extern const uint8_t firmware_config[], firmware_plan_end[];

typedef struct firmware {
    union {
        pipes_t pipes;
        plr_arq_t arq;
    } link; /* first: the context of the whole HAL */
    plr_config_t config;
    plr_t runtime;
} firmware_t;

static firmware_t firmware;

static uint64_t work(void *context) {
    (void)context;
    return machine_instructions();
}

static void stop(int status, const char *reason) __attribute__((noreturn));

static void stop(int status, const char *reason) {
    semihost_print(reason);
    semihost_print("\n");
    semihost_exit(status);
}

/* Over pipes the plan is there at boot, and the board runs it and ends. */
static void serve_pipes(void) __attribute__((noreturn));

static void serve_pipes(void) {
    static const plr_hal_t hal = {.context = &firmware,
                                  .send = pipes_send,
                                  .receive = pipes_receive,
                                  .work = work,
                                  .stack_peak_bytes = ram_stack_peak_bytes,
                                  .above_cap_bytes = ram_above_cap_bytes};
    uint8_t *arena;
    size_t arena_bytes;
    if (ram_prepare(NULL, &firmware.config, &arena, &arena_bytes) != PLR_OK) {
        stop(EXIT_RAM_CAP, "the RAM cap is below the firmware's own RAM or above the machine's");
    }
    pipes_init(&firmware.link.pipes, firmware.config.node);
    const plr_footprint_t own = ram_footprint();
    plr_status_t status = plr_init(&firmware.runtime, &hal, &firmware.config, &own, arena, arena_bytes);
    if (status == PLR_OK) {
        status = plr_serve(&firmware.runtime, firmware_plan, (size_t)(firmware_plan_end - firmware_plan));
    }
    if (status != PLR_OK) {
        stop(EXIT_RUNTIME, plr_status_name(status));
    }
    semihost_exit(EXIT_OK);
}

static void serial_begin(void *context, size_t size_bytes) {
    (void)context;
    (void)size_bytes;
}

static void serial_put(void *context, const uint8_t *bytes, size_t size_bytes) {
    (void)context;
    for (size_t i = 0; i < size_bytes; i++) {
        uart_put(bytes[i]);
    }
}

static int32_t serial_get(void *context) {
    (void)context;
    return uart_get();
}

#ifdef ETHERNET_BASE
static void packet_begin(void *context, size_t size_bytes) {
    (void)context;
    ethernet_begin(size_bytes);
}

static void packet_put(void *context, const uint8_t *bytes, size_t size_bytes) {
    (void)context;
    ethernet_put(bytes, size_bytes);
}

static int32_t packet_get(void *context) {
    (void)context;
    return ethernet_get();
}
#endif

/* The emulator's virtual time, in which every instruction takes 2^ICOUNT_SHIFT ns. */
static uint64_t now_us(void *context) {
    (void)context;
    return (machine_instructions() << ICOUNT_SHIFT) / 1000;
}

/* Keep in the file what the flash holds, for the emulator to find after a power cycle. */
static bool keep(emulated_flash_t *self, uint32_t offset_bytes, uint32_t size_bytes) {
    const int *file = self->context;
    return semihost_seek(*file, offset_bytes) && file_write(*file, self->memory + offset_bytes, size_bytes);
}

/* The flash lies in RAM of the emulator. It outlives the emulator in a file FLASH_FILE in its working directory, if
 * there is one. */
static void open_flash(emulated_flash_t *flash, int *file) {
    const uint32_t size_bytes = (uint32_t)(firmware_plan_end - firmware_plan);
    emulated_flash_init(flash, firmware_plan, size_bytes, FLASH_PAGE_BYTES, FLASH_WORD_BYTES);
    *file = file_open(FLASH_FILE);
    if (*file < 0) {
        return;
    }
    if (!file_read(*file, firmware_plan, size_bytes)) {
        stop(EXIT_FLASH, "the file of the flash is too short");
    }
    flash->context = file;
    flash->changed = keep;
}

/* Over any other transport the board waits for commands, until it is told to start again. */
static void serve_commands(const plr_transport_t *transport) __attribute__((noreturn));

static void serve_commands(const plr_transport_t *transport) {
    emulated_flash_t flash;
    int flash_file;
    plr_plan_store_t store;
    open_flash(&flash, &flash_file);
    if (plr_plan_store_open(&store, &flash.flash) != PLR_OK) {
        stop(EXIT_FLASH, "the flash is no plan store");
    }
    plr_arq_init(&firmware.link.arq, transport, PATIENCE_US);
    const plr_board_hal_t board = {
        .hal = {.context = &firmware,
                .send = plr_arq_send,
                .receive = plr_arq_receive,
                .work = work,
                .stack_peak_bytes = ram_stack_peak_bytes,
                .above_cap_bytes = ram_above_cap_bytes},
        .arq = &firmware.link.arq,
        .store = &store,
        .prepare = ram_prepare,
        .footprint = ram_footprint(),
        .identity = {.clock_hz = CLOCK_HZ,
                     .ram_bytes = ram_size_bytes(),
                     .flash_bytes = (uint32_t)(firmware_plan_end - firmware_config)},
        .text = BOARD_NAME "\n" CORE "\n",
    };
    plr_board_serve(&firmware.runtime, &board);
    machine_restart();
}

void firmware_start(void) {
    static const plr_transport_t serial = {
        .repeat_us = SERIAL_REPEAT_US, .begin = serial_begin, .put = serial_put, .get = serial_get, .now_us = now_us};
    ram_start();
    if (plr_config_load(firmware_config, PLR_CONFIG_BYTES, &firmware.config) != PLR_OK) {
        stop(EXIT_CONFIG, "there is no valid board configuration");
    }
    machine_start_clock();
    switch (firmware.config.transport) {
    case PLR_TRANSPORT_PIPES:
        serve_pipes();
    case PLR_TRANSPORT_SERIAL:
        uart_start();
        serve_commands(&serial);
#ifdef ETHERNET_BASE
    case PLR_TRANSPORT_ETHERNET: {
        static const plr_transport_t packets = {.repeat_us = PACKET_REPEAT_US,
                                                .begin = packet_begin,
                                                .put = packet_put,
                                                .get = packet_get,
                                                .now_us = now_us};
        if (!ethernet_start()) {
            stop(EXIT_CONFIG, "the Ethernet controller does not answer");
        }
        serve_commands(&packets);
    }
#endif
    default:
        stop(EXIT_CONFIG, "the board configuration asks for a transport that this board lacks");
    }
}

static void print_hexadecimal(uint32_t number) {
    char text[] = " 0x00000000";
    for (char *digit = text + sizeof text - 2; number > 0; number >>= 4) {
        *digit-- = "0123456789abcdef"[number & 15];
    }
    semihost_print(text);
}

void firmware_fault(const char *cause, uint32_t status, uint32_t address) {
    semihost_print(cause);
    print_hexadecimal(status);
    print_hexadecimal(address);
    stop(EXIT_FAULT, " (status, address)");
}
