/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Replies are given in the order of requests without async ids, as servers
 * of minor version 0 do. A transaction keeps the few values that we know,
 * not its operations. An iteration pauses the connection and is written
 * slice by slice as the peer takes it.
 */
#include "directory/dict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_write.h"
#include "base/log.h"
#include "directory/dict_sql.h"
#include "directory/directory.h"
#include "directory/quota_warner.h"
#include "directory/tab_escape.h"
#include "directory/usage.h"

/*
 * The mail's own processes speak to us, which parse what strangers wrote:
 * one that was taken over must take neither all descriptors nor much
 * memory. Each mail session keeps a connection or two.
 */
#define CONNECTIONS_MAX 6000
#define LINE_MAX_BYTES (8 * 1024) /* key and value, escaped */
#define OUTPUT_MAX (64 * 1024)
#define KEY_MAX 1024
#define USER_MAX 512
#define VALUE_MAX 64
#define REPLY_MAX (32 * 1024) /* a quota warning; the rest is short */
#define TRANSACTIONS_MAX 32
#define SLICE_ROWS 200
#define SLICE_OUTPUT (OUTPUT_MAX / 4)
#define SLICE_WAIT_MS 2
#define SLOW_WAIT_MS 50 /* the peer does not fetch what it has asked for */
#define ITERATE_NO_VALUE 0x08 /* DICT_ITERATE_FLAG_NO_VALUE */
#define MAJOR_MIN 2
#define MAJOR_MAX 3

#define USERDB_PREFIX "shared/userdb/"
#define WARNING_PREFIX "shared/quota-warning/"
/* The dictionary of who counts mailboxes in doubt (agent/mail_command.c). */
#define DOUBT "doubt"
#define NAME_MAX_BYTES 32 /* of a dictionary */

/* A value that was set, or added to what was there. */
struct change {
	bool is_set;
	bool is_relative;
	int64_t value;
};

struct transaction {
	uint64_t id;
	char user[USER_MAX];
	struct change bytes;
	struct change messages;
	struct transaction *next;
};

struct iteration {
	bool running;
	bool with_values;
	uint64_t left; /* rows that are still wanted */
	char after[ADDRESS_MAX];
	struct event *timer;
};

struct connection {
	struct directory *directory;
	struct stream *stream;
	char user[USER_MAX]; /* of the greeting */
	bool recounts; /* what is in doubt: tells of no change */
	struct transaction *transactions;
	int transaction_count;
	struct iteration iteration;
};

/* Texts of requests. */

/*
 * Dovecot writes a backslash before quotes and backslashes of a user name,
 * and "\|" for a slash, so that it stays one part of the path.
 */
static void
path_unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++) {
		if (*from == '\\' && from[1] != '\0') {
			from++;
			*to++ = *from == '|' ? '/' : *from;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

static int
take_text(struct span *rest, char *out, size_t out_size)
{
	struct span field;

	if (!span_split(rest, '\t', &field))
		return -1;
	return tab_unescape(field, out, out_size);
}

/* An absent last field leaves out as it is. */
static int
take_optional_text(struct span *rest, char *out, size_t out_size)
{
	return rest->data == NULL ? 0 : take_text(rest, out, out_size);
}

static int
take_number(struct span *rest, uint64_t max, uint64_t *out)
{
	struct span field;

	if (!span_split(rest, '\t', &field))
		return -1;
	return span_parse_uint64(field, max, out);
}

/* A decimal number with sign; 0, -1. */
static int
parse_signed(const char *text, int64_t *out)
{
	struct span digits = span_from(text);
	bool negative = text[0] == '-';
	uint64_t magnitude;

	if (negative) {
		digits.data++;
		digits.length--;
	}
	if (span_parse_uint64(digits, INT64_MAX, &magnitude) < 0)
		return -1;
	*out = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	return 0;
}

/* Look-ups. */

static void
write_userdb(struct directory *directory, const struct dict_mailbox *mailbox,
	struct strbuf *out)
{
	struct json_writer json;
	char text[PATHS_MAX + DICT_STORE_ID_CHARS + 16];

	json_writer_init(&json, out);
	json_object_open(&json, NULL);
	json_text(&json, "user", mailbox->address);
	(void)snprintf(
		text, sizeof(text), "%u", (unsigned)directory->vmail_uid);
	json_text(&json, "uid", text);
	(void)snprintf(
		text, sizeof(text), "%u", (unsigned)directory->vmail_gid);
	json_text(&json, "gid", text);
	(void)snprintf(text, sizeof(text), "%s/%.2s/%s",
		directory->paths->vmail, mailbox->store_id, mailbox->store_id);
	json_text(&json, "home", text);
	if (mailbox->quota_bytes > 0) {
		(void)snprintf(text, sizeof(text), "*:bytes=%" PRId64,
			mailbox->quota_bytes);
		json_text(&json, "quota_rule", text);
	}
	json_object_close(&json);
}

static int
lookup_userdb(struct connection *connection, char *user, struct strbuf *value,
	struct err *err)
{
	struct directory *directory = connection->directory;
	struct dict_mailbox mailbox;
	int got;

	path_unescape(user);
	got = dict_sql_mailbox(directory->core, user, &mailbox, err);
	if (got == 1)
		write_userdb(directory, &mailbox, value);
	return got;
}

static int
lookup_quota(struct connection *connection, const char *user, bool messages,
	struct strbuf *value, struct err *err)
{
	struct directory *directory = connection->directory;
	int64_t mailbox_id;
	int64_t bytes;
	int64_t count;
	int got = dict_sql_mailbox_id(directory->core, user, &mailbox_id, err);

	if (got != 1)
		return got;
	if (directory->usage_writer == NULL)
		return err_set(err, ERR_UNAVAILABLE, "usage.db is not open");
	got = usage_quota(
		directory->usage_writer, mailbox_id, &bytes, &count, err);
	if (got == 1)
		strbuf_printf(value, "%" PRId64, messages ? count : bytes);
	return got;
}

static int
lookup_warning(struct connection *connection, const char *id,
	struct strbuf *value, struct err *err)
{
	uint64_t mailbox_id;

	if (span_parse_uint64(span_from(id), INT64_MAX, &mailbox_id) < 0)
		return 0;
	return quota_warner_describe(
		connection->directory, (int64_t)mailbox_id, value, err);
}

static int
lookup(struct connection *connection, char *key, const char *user,
	struct strbuf *value, struct err *err)
{
	size_t prefix = strlen(USERDB_PREFIX);

	if (connection->directory->core == NULL)
		return err_set(err, ERR_UNAVAILABLE, "core.db is not open");
	if (strncmp(key, USERDB_PREFIX, prefix) == 0)
		return lookup_userdb(connection, key + prefix, value, err);
	prefix = strlen(WARNING_PREFIX);
	if (strncmp(key, WARNING_PREFIX, prefix) == 0)
		return lookup_warning(connection, key + prefix, value, err);
	if (strcmp(key, "priv/quota/storage") == 0)
		return lookup_quota(connection, user, false, value, err);
	if (strcmp(key, "priv/quota/messages") == 0)
		return lookup_quota(connection, user, true, value, err);
	return 0;
}

static void
send_failure(struct strbuf *output, const char *prefix, const struct err *err)
{
	/* A database that is away is said once, by databases.c. */
	if (err->code != ERR_UNAVAILABLE)
		log_warn("dict answered failure", LOG_ERR(err));
	strbuf_add_text(output, prefix);
	tab_escape(output, span_from(err->text));
	strbuf_add_char(output, '\n');
}

/* L<key> [<user>] */
static int
handle_lookup(struct connection *connection, struct span rest)
{
	struct strbuf *output = stream_output(connection->stream);
	char key[KEY_MAX];
	char user[USER_MAX];
	struct strbuf value;
	struct err err = { 0 };
	int got;

	memcpy(user, connection->user, sizeof(user));
	if (take_text(&rest, key, sizeof(key)) < 0 ||
		take_optional_text(&rest, user, sizeof(user)) < 0)
		return -1;
	directory_count(connection->directory, DIRECTORY_DICT);
	strbuf_init(&value, REPLY_MAX);
	got = lookup(connection, key, user, &value, &err);
	if (got == 1 && strbuf_overflowed(&value))
		got = err_set(&err, ERR_TOO_BIG, "the value is too large");
	if (got == 1) {
		strbuf_add_char(output, 'O');
		tab_escape(output, strbuf_span(&value));
		strbuf_add_char(output, '\n');
	} else if (got == 0) {
		strbuf_add_text(output, "N\n");
	} else {
		send_failure(output, "F", &err);
	}
	strbuf_deinit(&value);
	return 0;
}

/* Iteration. */

static void
write_row(struct connection *connection, const struct dict_mailbox *mailbox)
{
	struct strbuf *output = stream_output(connection->stream);
	struct strbuf value;

	strbuf_add_text(output, "O" USERDB_PREFIX);
	tab_escape(output, span_from(mailbox->address));
	strbuf_add_char(output, '\t');
	if (connection->iteration.with_values) {
		strbuf_init(&value, REPLY_MAX);
		write_userdb(connection->directory, mailbox, &value);
		tab_escape(output, strbuf_span(&value));
		strbuf_deinit(&value);
	}
	strbuf_add_char(output, '\n');
}

/* 1 more to come, 0 all written, -1 err. */
static int
write_slice(struct connection *connection, struct err *err)
{
	struct iteration *iteration = &connection->iteration;
	struct dict_mailbox mailbox;
	int got;

	for (int i = 0; i < SLICE_ROWS; i++) {
		if (iteration->left == 0)
			return 0;
		if (stream_output(connection->stream)->length > SLICE_OUTPUT)
			return 1;
		if (connection->directory->core == NULL)
			return err_set(
				err, ERR_UNAVAILABLE, "core.db is not open");
		got = dict_sql_next_mailbox(connection->directory->core,
			iteration->after, &mailbox, err);
		if (got != 1)
			return got;
		write_row(connection, &mailbox);
		memcpy(iteration->after, mailbox.address,
			sizeof(iteration->after));
		iteration->left--;
	}
	return 1;
}

static void
on_slice(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	static const struct timeval soon = { 0, SLICE_WAIT_MS * 1000 };
	static const struct timeval later = { 0, SLOW_WAIT_MS * 1000 };
	struct connection *connection = context;
	struct strbuf *output = stream_output(connection->stream);
	struct err err = { 0 };
	bool slow = output->length > SLICE_OUTPUT;
	int more = write_slice(connection, &err);

	if (more == 1) {
		(void)evtimer_add(
			connection->iteration.timer, slow ? &later : &soon);
		stream_flush(connection->stream); /* may end the connection */
		return;
	}
	if (more == 0)
		strbuf_add_char(output, '\n');
	else
		send_failure(output, "F", &err);
	connection->iteration.running = false;
	stream_resume(connection->stream);
}

/* I<flags> <rows at most, 0: all> <path> [<user>] */
static int
handle_iterate(struct connection *connection, struct span rest)
{
	static const struct timeval at_once = { 0, 0 };
	struct iteration *iteration = &connection->iteration;
	char path[KEY_MAX];
	uint64_t flags;
	uint64_t rows;

	if (take_number(&rest, UINT32_MAX, &flags) < 0 ||
		take_number(&rest, UINT64_MAX, &rows) < 0 ||
		take_text(&rest, path, sizeof(path)) < 0)
		return -1;
	directory_count(connection->directory, DIRECTORY_DICT);
	if (strcmp(path, USERDB_PREFIX) != 0) {
		strbuf_add_char(stream_output(connection->stream), '\n');
		return 0;
	}
	iteration->running = true;
	iteration->with_values = (flags & ITERATE_NO_VALUE) == 0;
	iteration->left = rows == 0 ? UINT64_MAX : rows;
	iteration->after[0] = '\0';
	if (iteration->timer == NULL)
		iteration->timer = evtimer_new(
			connection->directory->loop, on_slice, connection);
	(void)evtimer_add(iteration->timer, &at_once);
	stream_pause(connection->stream);
	return 0;
}

/* Transactions. */

static struct transaction **
transaction_find(struct connection *connection, uint64_t id)
{
	struct transaction **link = &connection->transactions;

	while (*link != NULL && (*link)->id != id)
		link = &(*link)->next;
	return *link == NULL ? NULL : link;
}

static struct transaction *
take_transaction(struct connection *connection, struct span *rest)
{
	struct transaction **link;
	uint64_t id;

	if (take_number(rest, UINT32_MAX, &id) < 0)
		return NULL;
	link = transaction_find(connection, id);
	return link == NULL ? NULL : *link;
}

static void
transaction_end(struct connection *connection, uint64_t id)
{
	struct transaction **link = transaction_find(connection, id);
	struct transaction *transaction = *link;

	*link = transaction->next;
	connection->transaction_count--;
	x_free(&transaction);
}

/* B<id> [<user>] */
static int
handle_begin(struct connection *connection, struct span rest)
{
	struct transaction *transaction;
	uint64_t id;

	if (take_number(&rest, UINT32_MAX, &id) < 0 ||
		transaction_find(connection, id) != NULL ||
		connection->transaction_count == TRANSACTIONS_MAX)
		return -1;
	transaction = xmalloc(sizeof(*transaction));
	transaction->id = id;
	memcpy(transaction->user, connection->user, sizeof(transaction->user));
	transaction->next = connection->transactions;
	connection->transactions = transaction;
	connection->transaction_count++;
	return take_optional_text(
		&rest, transaction->user, sizeof(transaction->user));
}

static struct change *
quota_change(struct transaction *transaction, const char *key)
{
	if (strcmp(key, "priv/quota/storage") == 0)
		return &transaction->bytes;
	if (strcmp(key, "priv/quota/messages") == 0)
		return &transaction->messages;
	return NULL;
}

/* S<id> <key> <value> */
static int
handle_set(struct connection *connection, struct span rest)
{
	struct transaction *transaction = take_transaction(connection, &rest);
	char key[KEY_MAX];
	char value[VALUE_MAX];
	struct change *change;
	int64_t number;

	if (transaction == NULL || take_text(&rest, key, sizeof(key)) < 0 ||
		take_text(&rest, value, sizeof(value)) < 0)
		return -1;
	change = quota_change(transaction, key);
	if (change != NULL && parse_signed(value, &number) == 0)
		*change = (struct change){ true, false, number };
	return 0;
}

/* U<id> <key>: a quota that is unset counts anew from zero. */
static int
handle_unset(struct connection *connection, struct span rest)
{
	struct transaction *transaction = take_transaction(connection, &rest);
	char key[KEY_MAX];
	struct change *change;

	if (transaction == NULL || take_text(&rest, key, sizeof(key)) < 0)
		return -1;
	change = quota_change(transaction, key);
	if (change != NULL)
		*change = (struct change){ true, false, 0 };
	return 0;
}

/* A<id> <key> <difference> */
static int
handle_add(struct connection *connection, struct span rest)
{
	struct transaction *transaction = take_transaction(connection, &rest);
	char key[KEY_MAX];
	char value[VALUE_MAX];
	struct change *change;
	int64_t sum;
	int64_t number;

	if (transaction == NULL || take_text(&rest, key, sizeof(key)) < 0 ||
		take_text(&rest, value, sizeof(value)) < 0 ||
		parse_signed(value, &number) < 0)
		return -1;
	change = quota_change(transaction, key);
	if (change == NULL)
		return 0;
	if (__builtin_add_overflow(change->value, number, &sum))
		return -1;
	*change = (struct change){ true, !change->is_set || change->is_relative,
		sum };
	return 0;
}

static int64_t
change_result(const struct change *change, int64_t before)
{
	int64_t sum = change->value;

	if (change->is_relative &&
		__builtin_add_overflow(before, change->value, &sum))
		sum = before;
	return sum < 0 ? 0 : sum;
}

static int
apply_quota(struct directory *directory, const struct transaction *transaction,
	bool recounts, struct err *err)
{
	int64_t bytes = 0;
	int64_t messages = 0;
	int64_t mailbox_id;
	int got = dict_sql_mailbox_id(
		directory->core, transaction->user, &mailbox_id, err);

	if (got != 1)
		return got; /* removed meanwhile: nothing to count */
	if (!recounts)
		usage_note_change(directory->usage_writer, mailbox_id);
	else if (usage_changed_lately(directory->usage_writer, mailbox_id))
		return err_set(err, ERR_UNAVAILABLE,
			"the mailbox changed while it was counted");
	if ((transaction->bytes.is_relative ||
		    transaction->messages.is_relative) &&
		usage_quota(directory->usage_writer, mailbox_id, &bytes,
			&messages, err) < 0)
		return -1;
	if (transaction->bytes.is_set)
		usage_set_bytes(directory->usage_writer, mailbox_id,
			change_result(&transaction->bytes, bytes));
	if (transaction->messages.is_set)
		usage_set_messages(directory->usage_writer, mailbox_id,
			change_result(&transaction->messages, messages));
	return 0;
}

static int
apply(struct directory *directory, const struct transaction *transaction,
	bool recounts, struct err *err)
{
	if (directory->core == NULL || directory->usage_writer == NULL)
		return err_set(
			err, ERR_UNAVAILABLE, "the database is not open");
	if (!transaction->bytes.is_set && !transaction->messages.is_set)
		return 0;
	return apply_quota(directory, transaction, recounts, err);
}

static int
commit(struct connection *connection, struct span rest, const char *prefix)
{
	struct transaction *transaction = take_transaction(connection, &rest);
	struct strbuf *output = stream_output(connection->stream);
	struct err err = { 0 };
	char failure[32];

	if (transaction == NULL)
		return -1;
	directory_count(connection->directory, DIRECTORY_DICT_WRITE);
	if (apply(connection->directory, transaction, connection->recounts,
		    &err) == 0) {
		strbuf_printf(
			output, "%sO%" PRIu64 "\n", prefix, transaction->id);
	} else {
		(void)snprintf(failure, sizeof(failure), "%sF%" PRIu64 "\t",
			prefix, transaction->id);
		send_failure(output, failure, &err);
	}
	transaction_end(connection, transaction->id);
	return 0;
}

/* C<id> */
static int
handle_commit(struct connection *connection, struct span rest)
{
	return commit(connection, rest, "");
}

/* D<id>: the reply says by its A that it is about a commit. */
static int
handle_commit_async(struct connection *connection, struct span rest)
{
	return commit(connection, rest, "A");
}

/* R<id> */
static int
handle_rollback(struct connection *connection, struct span rest)
{
	struct transaction *transaction = take_transaction(connection, &rest);

	if (transaction == NULL)
		return -1;
	transaction_end(connection, transaction->id);
	return 0;
}

/* T<id> <seconds> <nanoseconds>, V<id>: nothing that we keep. */
static int
handle_ignored(struct connection *connection, struct span rest)
{
	return take_transaction(connection, &rest) == NULL ? -1 : 0;
}

/* H<major> <minor> <value type> <user> <dictionary> */
static int
handle_hello(struct connection *connection, struct span rest)
{
	char name[NAME_MAX_BYTES];
	struct span ignored;
	uint64_t major;

	if (take_number(&rest, UINT32_MAX, &major) < 0 || major < MAJOR_MIN ||
		major > MAJOR_MAX || !span_split(&rest, '\t', &ignored) ||
		!span_split(&rest, '\t', &ignored))
		return -1;
	if (take_text(&rest, connection->user, sizeof(connection->user)) < 0)
		return -1;
	connection->recounts = take_text(&rest, name, sizeof(name)) == 0 &&
			       strcmp(name, DOUBT) == 0;
	return 0;
}

static const struct {
	char letter;
	int (*handle)(struct connection *connection, struct span rest);
} commands[] = {
	{ 'L', handle_lookup },
	{ 'S', handle_set },
	{ 'B', handle_begin },
	{ 'C', handle_commit },
	{ 'D', handle_commit_async },
	{ 'A', handle_add },
	{ 'U', handle_unset },
	{ 'R', handle_rollback },
	{ 'T', handle_ignored },
	{ 'V', handle_ignored },
	{ 'I', handle_iterate },
	{ 'H', handle_hello },
};

static int
handle(struct connection *connection, struct span line)
{
	if (line.length == 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
		if (commands[i].letter == line.data[0])
			return commands[i].handle(
				connection, (struct span){ line.data + 1,
						    line.length - 1 });
	}
	return -1;
}

static void *
dict_open(struct stream *stream, void *context)
{
	struct connection *connection = xmalloc(sizeof(*connection));

	connection->directory = context;
	connection->stream = stream;
	return connection;
}

static void
dict_close(void *state)
{
	struct connection *connection = state;

	while (connection->transactions != NULL)
		transaction_end(connection, connection->transactions->id);
	if (connection->iteration.timer != NULL)
		event_free(connection->iteration.timer);
	x_free(&connection);
}

static ptrdiff_t
dict_input(struct stream *stream UNUSED, void *state, struct span input)
{
	ptrdiff_t end = span_find(input, '\n');

	if (end < 0)
		return 0;
	if (handle(state, (struct span){ input.data, (size_t)end }) < 0)
		return -1;
	return end + 1;
}

const struct stream_protocol dict_protocol = {
	.name = "dict",
	.input_max = LINE_MAX_BYTES,
	.output_max = OUTPUT_MAX,
	.connections_max = CONNECTIONS_MAX,
	.open = dict_open,
	.input = dict_input,
	.close = dict_close,
};
