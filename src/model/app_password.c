/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of app passwords and their rules. */
#include "model/app_password.h"

#include "base/clock.h"
#include "model/core_sql.h"
#include "model/mailbox.h"
#include "model/outbox.h"

/* clang-format off */
#define FIELD(member) .name = #member, .column = #member,                      \
	.offset = offsetof(struct app_password, member)
#define GIVEN (FIELD_ADD | FIELD_EDIT | FIELD_STORED)
#define RIGHT(member, text)                                                    \
	{ FIELD(member), .type = FIELD_BOOL, .default_text = "yes",            \
	  .flags = GIVEN | FIELD_SHORT,                                        \
	  .sentence = "Whether it opens " text }

static const struct field FIELDS[] = {
	{ FIELD(id), .type = FIELD_NUMBER,
	  .flags = FIELD_KEY | FIELD_STORED | FIELD_SHORT,
	  .sentence = "Number of the app password, never used again" },
	{ FIELD(mailbox_id), .type = FIELD_NUMBER, .flags = FIELD_STORED,
	  .sentence = "Number of its mailbox" },
	{ FIELD(mailbox), .type = FIELD_TEXT, .flags = FIELD_SHORT,
	  .sentence = "Address of its mailbox" },
	{ FIELD(name), .type = FIELD_TEXT, .min = 1, .max = 160,
	  .flags = GIVEN | FIELD_SHORT,
	  .sentence = "What it is for: the device or the program" },
	{ FIELD(active), .type = FIELD_BOOL, .default_text = "yes",
	  .flags = GIVEN | FIELD_SHORT, .sentence = "Whether it is valid" },
	RIGHT(imap, "IMAP"),
	RIGHT(pop3, "POP3"),
	RIGHT(smtp, "sending"),
	RIGHT(sieve, "managing filters (ManageSieve)"),
	RIGHT(dav, "CalDAV and CardDAV"),
	RIGHT(eas, "ActiveSync"),
	{ FIELD(hash), .type = FIELD_TEXT, .max = MAILBOX_PASSWORD_MAX,
	  .flags = FIELD_STORED | FIELD_SECRET,
	  .sentence = "Hash of the password" },
	{ FIELD(created), .type = FIELD_TIME, .flags = FIELD_STORED,
	  .sentence = "When it was added" },
	{ FIELD(modified), .type = FIELD_TIME, .flags = FIELD_STORED,
	  .sentence = "When it was changed last" },
};
/* clang-format on */

const struct resource app_password_resource = {
	.name = "app-password",
	.plural = "app passwords",
	.owner = "mailbox",
	.fields = FIELDS,
	.field_count = ARRAY_LENGTH(FIELDS),
	.object_size = sizeof(struct app_password),
	.sql = APP_PASSWORD_SQL,
};

static int
count_row(void *context, UNUSED const void *object, UNUSED struct arena *arena,
	UNUSED struct err *err)
{
	int *count = context;

	(*count)++;
	return 0;
}

static int
add_rows(struct model *model, struct app_password *added, struct err *err)
{
	struct mailbox mailbox;
	struct model_list list = { .limit = APP_PASSWORD_COUNT_MAX };
	int count = 0;

	if (mailbox_load(model, added->mailbox, &mailbox, err) != 0)
		return -1;
	list.owner = mailbox.address;
	if (model_list(model, &app_password_resource, &list, count_row, &count,
		    err) != 0)
		return -1;
	if (count >= APP_PASSWORD_COUNT_MAX) {
		(void)err_field(err, ERR_LIMIT, "mailbox",
			"%s has %d app passwords already", mailbox.address,
			count);
		return err_remedy(err,
			"remove one that nobody uses: mailherd app-password list %s",
			mailbox.address);
	}
	added->mailbox_id = mailbox.id;
	added->mailbox = mailbox.address;
	return model_insert(model, &app_password_resource, added, err);
}

int
app_password_add(struct model *model, const struct app_password *app_password,
	struct app_password *out, struct err *err)
{
	struct app_password added = *app_password;

	if (added.name == NULL || added.name[0] == '\0') {
		(void)err_field(err, ERR_INVALID, "name",
			"an app password needs a name");
		return err_remedy(
			err, "say what it is for: --name \"phone of Ann\"");
	}
	added.id = 0;
	added.created = clock_wall_seconds();
	added.modified = added.created;
	if (model_begin(model, err) != 0 ||
		model_end(model, add_rows(model, &added, err), err) != 0)
		return -1;
	if (out != NULL)
		*out = added;
	return 0;
}

static bool
loses_rights(const struct app_password *old, const struct app_password *edited)
{
	return (old->active && !edited->active) ||
	       (old->imap && !edited->imap) || (old->pop3 && !edited->pop3) ||
	       (old->smtp && !edited->smtp) || (old->sieve && !edited->sieve) ||
	       (old->dav && !edited->dav) || (old->eas && !edited->eas);
}

/* Which sessions were opened with it is not known: all of them end. */
static int
kick(struct model *model, const struct app_password *app_password,
	struct err *err)
{
	return outbox_add_text(model->core, "session.kick", "address",
		app_password->mailbox, err);
}

static int
edit_rows(struct model *model, const char *id,
	const struct app_password *change, uint64_t given,
	struct app_password *edited, struct err *err)
{
	struct app_password old;

	if (model_load(model, &app_password_resource, id, &old, err) != 0)
		return -1;
	*edited = old;
	resource_merge(&app_password_resource, change, given, edited);
	edited->modified = clock_wall_seconds();
	if (model_update(model, &app_password_resource, &old, edited, err) != 0)
		return -1;
	return loses_rights(&old, edited) ? kick(model, &old, err) : 0;
}

int
app_password_edit(struct model *model, const char *id,
	const struct app_password *change, uint64_t given,
	struct app_password *out, struct err *err)
{
	struct app_password edited;

	if (model_begin(model, err) != 0 ||
		model_end(model,
			edit_rows(model, id, change, given, &edited, err),
			err) != 0)
		return -1;
	if (out != NULL)
		*out = edited;
	return 0;
}

static int
remove_rows(struct model *model, const char *id, struct err *err)
{
	struct app_password removed;

	if (model_load(model, &app_password_resource, id, &removed, err) != 0 ||
		model_delete(model, &app_password_resource, &removed, err) != 0)
		return -1;
	return kick(model, &removed, err);
}

int
app_password_remove(struct model *model, const char *id, struct err *err)
{
	if (model_begin(model, err) != 0)
		return -1;
	return model_end(model, remove_rows(model, id, err), err);
}
