/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The function that each fuzz target has and that libFuzzer or replay.c
 * calls, once per input. It always returns 0; a fault ends the process.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
