# A process of the host computer
VARIANTS = dsp mve m3 rv32
COMPILER = cc
SOURCES = port/posix/main.c port/emulated_flash/emulated_flash.c
DEFINES = _POSIX_C_SOURCE=200809L
