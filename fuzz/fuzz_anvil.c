/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: anvil_next() and anvil_is_meant(), what mailherd-kick
 * reads from Dovecot's anvil. The first line of the input is the address.
 */
#include <string.h>

#include "agent/anvil.h"
#include "base/alloc.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own size, so that a byte too far is seen. */
	char *exact = xmalloc(size ? size : 1);
	struct span rest = { exact, size }, address;
	struct anvil_session session;

	memcpy(exact, data, size);
	if (span_split(&rest, '\n', &address)) {
		(void)anvil_is_whole(rest);
		while (anvil_next(&rest, &session) == 1) {
			BUG_ON(session.pid < 0);
			BUG_ON(session.user.data + session.user.length >
				exact + size);
			(void)anvil_is_meant(session.user, address);
		}
	}
	x_free(&exact);
	return 0;
}
