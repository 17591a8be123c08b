# Cortex-M55 with MVE, in the secure state
VARIANTS = mve
COMPILER = arm-none-eabi-gcc
CPU = -mthumb -mcpu=cortex-m55 -mfloat-abi=hard
MAP = CODE_ORIGIN=0x0 CODE_BYTES=0x80000 RAM_ORIGIN=0x31000000 RAM_BYTES=0x400000 FLASH_ORIGIN=0x70000000 FLASH_BYTES=0x1000000
SOURCES = port/mps2/startup.c port/mps2/uart_cmsdk.c port/mps2/lan9118.c port/mps2/clock_sse.c
DEFINES = TICK_HZ=32000000u UART_BASE=0x59303000u ETHERNET_BASE=0x51400000u
CORE = Cortex-M55
CLOCK_HZ = 32000000
include port/semihosting/Makefile.inc
