/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bounding set limits what exec gives to root and what a set-user-id
 * file gives to anybody, which is why it also serves engines that become
 * another user by themselves.
 */
#include "agent/bounds.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>

static int
read_names(const char *const *names, uint64_t *kept_out, struct err *err)
{
	*kept_out = 0;
	for (; *names != NULL; names++) {
		int capability = capng_name_to_capability(*names);

		if (strcmp(*names, BOUNDS_NONE) == 0)
			continue;
		if (capability < 0)
			return err_set(err, ERR_INVALID,
				"\"%s\" is not a capability", *names);
		*kept_out |= 1ULL << capability;
	}
	return 0;
}

int
bounds_cut(const char *const *names, struct err *err)
{
	uint64_t kept;

	if (names[0] == NULL)
		return 0;
	if (read_names(names, &kept, err) == -1)
		return -1;
	/* EINVAL: the kernel knows no more of them. */
	for (unsigned c = 0; c < 64; c++)
		if ((kept & 1ULL << c) == 0 &&
			prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == -1) {
			if (errno == EINVAL)
				return 0;
			return err_errno(
				err, errno, "dropping capability %u", c);
		}
	return 0;
}
