/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For unit tests that enter a jail: why that can not be tried here, or
 * NULL. An emulator of another processor passes no system call filter on
 * to the kernel.
 */
#ifndef IO_TEST_JAIL_H
#define IO_TEST_JAIL_H

#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/compiler.h"

UNUSED static const char *
test_jail_absence(void)
{
	if (geteuid() != 0)
		return "only root can enter a jail";
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == -1)
		return "no system call filters here (an emulated processor)";
	return NULL;
}

#endif
