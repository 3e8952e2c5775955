/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A pending login refers to its stream, so the verdict finds out whether
 * anybody still waits for it.
 */
#include "directory/login.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"

#define USER_LOGGED_MAX 128

struct login {
	struct directory *directory;
	struct stream *stream;
	login_reply_fn *reply;
	void *context;
	bool judged; /* before login_submit() returned */
	bool paused;
	enum account_service service;
	char user[USER_LOGGED_MAX];
	char ip[48];
};

const char *
login_public_reason(const struct judge_verdict *verdict)
{
	if (strcmp(verdict->reason, "unknown-user") == 0)
		return "bad-credentials";
	return verdict->reason;
}

static void
log_verdict(const struct login *login, const struct judge_verdict *verdict)
{
	if (verdict->outcome == JUDGE_FAIL) {
		directory_count(login->directory, DIRECTORY_LOGIN_REFUSED);
		log_info("login refused",
			LOG_TEXT("service",
				account_service_name(login->service)),
			LOG_TEXT("user", login->user),
			LOG_TEXT("ip", login->ip),
			LOG_TEXT("reason", verdict->reason));
	} else if (verdict->outcome == JUDGE_TEMP) {
		directory_count(login->directory, DIRECTORY_LOGIN_TEMP);
		log_warn("login not judged, temporary failure",
			LOG_TEXT("service",
				account_service_name(login->service)),
			LOG_TEXT("user", login->user),
			LOG_TEXT("ip", login->ip),
			LOG_TEXT("reason", verdict->reason));
	}
}

static void
on_verdict(const struct judge_verdict *verdict, void *context)
{
	struct login *login = context;
	struct stream *stream = login->stream;

	log_verdict(login, verdict);
	if (stream_alive(stream))
		login->reply(verdict, stream_output(stream), login->context);
	login->judged = true;
	if (!login->paused)
		return; /* login_submit() is still there */
	if (stream_alive(stream))
		stream_resume(stream);
	stream_unref(stream);
	x_free(&login);
}

void
login_submit(struct directory *directory, struct stream *stream,
	const struct judge_request *request, enum directory_counter counter,
	login_reply_fn *reply, void *context)
{
	struct login *login = xmalloc(sizeof(*login));

	login->directory = directory;
	login->stream = stream;
	login->reply = reply;
	login->context = context;
	login->service = request->service;
	(void)snprintf(login->user, sizeof(login->user), "%s", request->user);
	(void)snprintf(login->ip, sizeof(login->ip), "%s", request->remote_ip);
	directory_count(directory, counter);
	stream_ref(stream);
	judge_submit(directory->judge, request, on_verdict, login);
	if (!login->judged) {
		login->paused = true;
		stream_pause(stream);
		return;
	}
	stream_unref(stream);
	x_free(&login);
}
