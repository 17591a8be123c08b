/* The LAN9118 Ethernet controller of the MPS2 and MPS3 boards, polled. Each Ethernet frame is a broadcast of the type
 * for local experiments and carries the bytes of one stuffed frame; what the receive FIFO has no room for is lost. */
#include "ethernet.h"

#define REGISTER(offset) (*(volatile uint32_t *)(uintptr_t)(ETHERNET_BASE + (offset)))
#define RX_DATA REGISTER(0x00)
#define TX_DATA REGISTER(0x20)
#define RX_STATUS REGISTER(0x40)
#define TX_STATUS REGISTER(0x48)
#define BYTE_TEST REGISTER(0x64)
#define RX_CONFIG REGISTER(0x6C)
#define TX_CONFIG REGISTER(0x70)
#define HW_CONFIG REGISTER(0x74)
#define RX_FIFO_INFO REGISTER(0x7C)
#define MAC_COMMAND REGISTER(0xA4)
#define MAC_DATA REGISTER(0xA8)

#define BYTE_TEST_PATTERN 0x87654321u
#define HW_SOFT_RESET 1u
#define HW_STORE_AND_FORWARD (1u << 20)
#define HW_TX_FIFO_5K (5u << 16)
#define TX_ON 2u
#define TX_FIRST_AND_LAST 0x3000u
#define MAC_WRITE 0x80000000u
#define MAC_BUSY 0x80000000u
#define MAC_CONTROL 1u
#define MAC_ADDRESS_HIGH 2u
#define MAC_ADDRESS_LOW 3u
#define MAC_FULL_DUPLEX_TX_RX (1u << 20 | 1u << 3 | 1u << 2)

#define HEADER_BYTES 14u
#define CHECKSUM_BYTES 4u
#define TYPE_HIGH 0x88u /* IEEE 802: local experimental Ethertype 1 */
#define TYPE_LOW 0xB5u

static struct {
    uint32_t tx_word; /* bytes that do not fill a word yet */
    uint32_t tx_at;
    uint32_t tx_bytes; /* of the frame being sent, header included */
    uint32_t rx_word;
    uint32_t rx_at;
    uint32_t rx_bytes; /* of the frame being read, checksum included */
} state;

static void write_mac(uint32_t index, uint32_t value) {
    MAC_DATA = value;
    MAC_COMMAND = MAC_WRITE | index;
    while ((MAC_COMMAND & MAC_BUSY) != 0) {
    }
}

bool ethernet_start(void) {
    if (BYTE_TEST != BYTE_TEST_PATTERN) {
        return false;
    }
    HW_CONFIG = HW_SOFT_RESET;
    while ((HW_CONFIG & HW_SOFT_RESET) != 0) {
    }
    HW_CONFIG = HW_TX_FIFO_5K | HW_STORE_AND_FORWARD;
    write_mac(MAC_ADDRESS_LOW, 0x004C5002u); /* 02:50:4c:00:00:00, locally administered */
    write_mac(MAC_ADDRESS_HIGH, 0);
    write_mac(MAC_CONTROL, MAC_FULL_DUPLEX_TX_RX);
    RX_CONFIG = 0;
    TX_CONFIG = TX_ON;
    return true;
}

static void send_byte(uint8_t byte) {
    state.tx_word |= (uint32_t)byte << 8 * (state.tx_at % 4);
    state.tx_at++;
    if (state.tx_at % 4 == 0 || state.tx_at == state.tx_bytes) {
        TX_DATA = state.tx_word;
        state.tx_word = 0;
    }
    if (state.tx_at == state.tx_bytes) {
        (void)TX_STATUS; /* take it from its FIFO */
    }
}

void ethernet_begin(size_t size_bytes) {
    static const uint8_t header[HEADER_BYTES] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,      0x02,
                                                 0x50, 0x4C, 0x00, 0x00, 0x00, TYPE_HIGH, TYPE_LOW};
    state.tx_bytes = HEADER_BYTES + (uint32_t)size_bytes;
    state.tx_at = 0;
    TX_DATA = TX_FIRST_AND_LAST | state.tx_bytes;
    TX_DATA = state.tx_bytes;
    for (uint32_t i = 0; i < HEADER_BYTES; i++) {
        send_byte(header[i]);
    }
}

void ethernet_put(const uint8_t *bytes, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i++) {
        send_byte(bytes[i]);
    }
}

static uint8_t next_byte(void) {
    if (state.rx_at % 4 == 0) {
        state.rx_word = RX_DATA;
    }
    return (uint8_t)(state.rx_word >> 8 * (state.rx_at++ % 4));
}

static void skip_frame(void) {
    while (state.rx_at < state.rx_bytes) {
        (void)next_byte();
    }
}

/* Take up the next frame of our type and skip its header; false iff there is none. */
static bool begin_frame(void) {
    while ((RX_FIFO_INFO >> 16 & 0xFF) != 0) {
        uint8_t type[2] = {0};
        state.rx_bytes = RX_STATUS >> 16 & 0x3FFF;
        state.rx_at = 0;
        while (state.rx_at < HEADER_BYTES && state.rx_at < state.rx_bytes) {
            type[0] = type[1];
            type[1] = next_byte();
        }
        if (type[0] == TYPE_HIGH && type[1] == TYPE_LOW && state.rx_bytes > HEADER_BYTES + CHECKSUM_BYTES) {
            return true;
        }
        skip_frame();
    }
    return false;
}

int32_t ethernet_get(void) {
    if (state.rx_at + CHECKSUM_BYTES >= state.rx_bytes) {
        skip_frame();
        if (!begin_frame()) {
            return -1;
        }
    }
    return next_byte();
}
