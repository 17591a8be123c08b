# A process of the host computer
VARIANTS = dsp mve
COMPILER = cc
SOURCES = port/posix/main.c
DEFINES = _POSIX_C_SOURCE=200809L
