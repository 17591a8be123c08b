# RP2040 on a Raspberry Pi Pico. The second-stage bootloader of the Pico SDK (boot2) goes into the 256 bytes before CODE.
# The boot ROM lies at address 0, which compilers take for none.
CPU = -mthumb -mcpu=cortex-m0plus --param=min-pagesize=0
CORE = Cortex-M0+
CLOCK_HZ = 12000000
BAUD = 115200
FLASH_SIZE_BYTES = 0x200000
MAP = CODE_ORIGIN=0x10000100 CODE_BYTES=0x3FF00 RAM_ORIGIN=0x20000000 RAM_BYTES=0x42000 FLASH_ORIGIN=0x10040000 FLASH_BYTES=0x1C0000
SOURCES = port/rp2040/board.c
include port/bare_metal/Makefile.inc
