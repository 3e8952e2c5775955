/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A user's name is the last part of an identity, as it may have a slash. */
#include "agent/anvil.h"

#include <limits.h>
#include <strings.h>

#define EVERYBODY "*@"

bool
anvil_is_whole(struct span answer)
{
	return span_equal_text(answer, "\n") ||
	       (answer.length >= 2 && answer.data[answer.length - 1] == '\n' &&
		       answer.data[answer.length - 2] == '\n');
}

/* What stands behind the second slash; a user may have one of its own. */
static bool
find_user(struct span identity, struct span *user_out)
{
	struct span service, address;

	if (!span_split(&identity, '/', &service) ||
		!span_split(&identity, '/', &address) || identity.length == 0)
		return false;
	*user_out = identity;
	return true;
}

int
anvil_next(struct span *rest, struct anvil_session *session_out)
{
	struct span line, identity, pid;
	uint64_t number;

	while (span_split(rest, '\n', &line)) {
		if (line.length == 0)
			return rest->data ? 0 : -1;
		if (!span_split(&line, '\t', &identity) ||
			!span_split(&line, '\t', &pid) || line.length == 0 ||
			span_parse_uint64(pid, INT_MAX, &number) == -1)
			return -1;
		session_out->pid = (pid_t)number;
		if (find_user(identity, &session_out->user))
			return 1;
	}
	return -1;
}

static bool
equal(struct span a, struct span b)
{
	return a.length == b.length &&
	       strncasecmp(a.data, b.data, a.length) == 0;
}

bool
anvil_is_meant(struct span user, struct span address)
{
	ptrdiff_t at = span_find(user, '@');

	if (!span_starts_with(address, EVERYBODY))
		return equal(user, address);
	/* From the at sign on. */
	return at >= 0 &&
	       equal((struct span){ user.data + at, user.length - (size_t)at },
		       (struct span){ address.data + 1, address.length - 1 });
}
