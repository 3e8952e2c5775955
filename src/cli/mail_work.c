/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Only the waiting is here: who interrupts it leaves doveadm at work. */
#include "cli/mail_work.h"

#define DEADLINE_MS (65 * 60 * 1000) /* a little more than the agent's */

int
mail_work_ask(const struct command_call *call, const char *command,
	json_t *addresses, json_t *parameters, ipc_progress_fn *progress,
	void *context, int *status_out, struct err *err)
{
	json_t *request = json_pack("{s:s, s:s, s:o, s:o*}", "verb", "mail",
		"command", command, "addresses", addresses, "parameters",
		parameters);
	const char *path = arena_printf(
		call->arena, "%s/control/agent", call->paths.sockets);
	json_t *reply = NULL;
	int result;

	BUG_ON(request == NULL);
	result = ipc_request(
		path, request, DEADLINE_MS, progress, context, &reply, err);
	json_decref(request);
	if (result == 0)
		*status_out = (int)json_integer_value(
			json_object_get(reply, "status"));
	else if (err->code == ERR_UNAVAILABLE)
		(void)err_remedy(err,
			"this needs the running suite: mailherd status, mailherd up");
	json_decref(reply);
	return result;
}
