# RV32IMAC; all regions are parts of one memory (-m 32M)
VARIANTS = rv32
COMPILER = riscv64-unknown-elf-gcc
CPU = -march=rv32imac -misa-spec=2.2 -mabi=ilp32 -mcmodel=medany --specs=picolibc.specs
MAP = CODE_ORIGIN=0x80000000 CODE_BYTES=0x3f0000 RAM_ORIGIN=0x80400000 RAM_BYTES=0x400000 FLASH_ORIGIN=0x81000000 FLASH_BYTES=0x1000000
SOURCES = port/virt/startup.c port/virt/uart_16550.c
DEFINES = UART_BASE=0x10000000u
CORE = RV32IMAC
CLOCK_HZ = 10000000
include port/semihosting/Makefile.inc
