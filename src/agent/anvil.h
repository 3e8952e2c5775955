/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Dovecot's anvil says about who is connected: the answer to
 * CONNECT-DUMP, a line for each user, address and process,
 * "service/address/user<TAB>pid<TAB>count", then an empty line (Dovecot
 * 2.3; `doveadm who` asks the same). Deliveries ("lmtp/user") are no
 * sessions.
 */
#ifndef AGENT_ANVIL_H
#define AGENT_ANVIL_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/span.h"

/* What to send, and when the answer is whole. */
#define ANVIL_QUESTION "VERSION\tanvil\t1\t0\nCONNECT-DUMP\n"
bool anvil_is_whole(struct span answer);

struct anvil_session {
	struct span user; /* in the answer */
	pid_t pid;
};

/* The next session of an answer: 1, 0 at its end, -1 it is not understood. */
MUST_CHECK int anvil_next(struct span *rest, struct anvil_session *session_out);
/* address: one, or "*@domain" for all that are there. */
bool anvil_is_meant(struct span user, struct span address);

#endif
