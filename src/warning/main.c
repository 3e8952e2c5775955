/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-quota-warning: delivers one part of one quota warning. Dovecot
 * runs it as user vmail (service quota-warning) when mailherd-directory
 * asks for it, with the id of a mailbox; what to write it asks of the
 * directory. The mailbox's own copy is put into it by Dovecot's delivery
 * agent with the quota not enforced, past the user's Sieve rules; copies
 * for others go to Postfix as any mail of this host. Exit status 75: not
 * now, or who knows; the directory has it done again.
 *
 * Taken over, it can read and write mail, as whatever runs as vmail, and
 * send mail. It reads nothing that a stranger wrote. For the mailbox's part
 * no program can give it more rights; for copies postdrop must be able to,
 * which is set-group-id.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/paths.h"
#include "io/child.h"
#include "model/instance.h"
#include "warning/facts.h"
#include "warning/message.h"

#define ASK_DEADLINE_MS 10000
#define DELIVERY_DEADLINE_MS 20000
#define OUTPUT_MAX 4096
#define WORDS_MAX (FACTS_COPIES_MAX + 8)
#define EXIT_USAGE 2
#define EXIT_NOT_NOW 75
#define LDA "/usr/lib/dovecot/dovecot-lda"
#define SENDMAIL "/usr/sbin/sendmail"
#define NOT_ENFORCED "plugin/quota=count:User quota:noenforcing"

struct errand {
	struct paths paths;
	struct arena *arena;
	struct instance instance;
	enum message_part part;
	int64_t mailbox_id;
	struct facts facts;
};

static int
run_program(
	const char *const *argv, const struct strbuf *message, struct err *err)
{
	struct child_spec spec = { .argv = argv,
		.input = strbuf_span(message),
		.output_max = OUTPUT_MAX,
		.deadline_ms = DELIVERY_DEADLINE_MS };
	struct child_result result;
	struct strbuf output;
	int status;

	strbuf_init(&output, OUTPUT_MAX);
	status = child_run(&spec, &output, &result, err);
	if (status == 0 && result.timed_out)
		status = err_set(
			err, ERR_UNAVAILABLE, "%s does not end", argv[0]);
	else if (status == 0 && result.status != 0)
		status = err_set(err, ERR_UNAVAILABLE,
			"%s: exit status %d: %.200s", argv[0], result.status,
			output.data);
	strbuf_deinit(&output);
	return status;
}

static int
put_into_mailbox(
	struct errand *errand, const struct strbuf *message, struct err *err)
{
	const char *configuration = arena_printf(errand->arena,
		"%s/dovecot/dovecot.conf", errand->paths.rendered);
	const char *const argv[] = { LDA, "-c", configuration, "-e", "-o",
		NOT_ENFORCED, "-d", errand->facts.address, NULL };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(err, ERR_SYSTEM, "no_new_privs is refused");
	return run_program(argv, message, err);
}

/* One file in the queue for all of them: all or none. */
static int
send_copies(
	struct errand *errand, const struct strbuf *message, struct err *err)
{
	const char *argv[WORDS_MAX] = { SENDMAIL, "-i", "-f", "", "--" };
	size_t used = 5;

	for (size_t i = 0; errand->facts.copies[i] != NULL; i++)
		argv[used++] = errand->facts.copies[i];
	argv[used] = NULL;
	return run_program(argv, message, err);
}

static int
deliver(struct errand *errand, struct err *err)
{
	struct strbuf message;
	int status;

	if (errand->part == MESSAGE_TO_COPIES &&
		errand->facts.copies[0] == NULL)
		return 0;
	strbuf_init(&message, MESSAGE_SIZE_MAX);
	status = message_make(&errand->facts, errand->part,
		errand->instance.hostname, errand->arena, &message, err);
	if (status == 0 && errand->part == MESSAGE_TO_MAILBOX)
		status = put_into_mailbox(errand, &message, err);
	else if (status == 0)
		status = send_copies(errand, &message, err);
	strbuf_deinit(&message);
	return status;
}

static int
run(struct errand *errand, const char *root, struct err *err)
{
	const char *socket_path;
	int got;

	if (paths_init(&errand->paths, root, err) == -1 ||
		instance_load_or_last(&errand->paths, errand->arena,
			&errand->instance, err) == -1)
		return -1;
	socket_path = arena_printf(
		errand->arena, "%s/vmail/dict", errand->paths.sockets);
	got = facts_ask(socket_path, errand->mailbox_id, ASK_DEADLINE_MS,
		errand->arena, &errand->facts, err);
	return got == 1 ? deliver(errand, err) : got;
}

static int
parse_part(const char *text, enum message_part *part_out)
{
	if (strcmp(text, "mailbox") == 0)
		*part_out = MESSAGE_TO_MAILBOX;
	else if (strcmp(text, "copies") == 0)
		*part_out = MESSAGE_TO_COPIES;
	else
		return -1;
	return 0;
}

static int
parse_arguments(
	int argc, char **argv, struct errand *errand, const char **root_out)
{
	static const struct option OPTIONS[] = {
		{ "root", required_argument, NULL, 'r' },
		{ 0 },
	};
	uint64_t id;
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option != 'r')
			return -1;
		*root_out = optarg;
	}
	if (optind + 2 != argc || parse_part(argv[optind], &errand->part) < 0 ||
		span_parse_uint64(span_from(argv[optind + 1]), INT64_MAX, &id) <
			0)
		return -1;
	errand->mailbox_id = (int64_t)id;
	return 0;
}

int
main(int argc, char **argv)
{
	struct errand errand = { .arena = arena_new() };
	const char *root = NULL;
	struct err err = { 0 };
	int status = 0;

	if (parse_arguments(argc, argv, &errand, &root) < 0)
		return EXIT_USAGE;
	if (run(&errand, root, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		status = EXIT_NOT_NOW;
	}
	arena_free(&errand.arena);
	return status;
}
