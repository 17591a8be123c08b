# nRF52840 on a development kit, whose debugger offers UART0 as a serial port
VARIANTS = dsp
CPU = -mthumb -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard
CORE = Cortex-M4
CLOCK_HZ = 64000000
FLASH_SIZE_BYTES = 0x100000
MAP = CODE_ORIGIN=0x0 CODE_BYTES=0x40000 RAM_ORIGIN=0x20000000 RAM_BYTES=0x40000 FLASH_ORIGIN=0x40000 FLASH_BYTES=0xC0000
SOURCES = port/nrf52840/board.c
include port/bare_metal/Makefile.inc
