/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `mailherd status` says of mail at rest. The agent knows no keys, so
 * it is not in its report: the command looks, with keys parsed as vmail.
 */
#include <stdio.h>

#include "cli/key_file.h"
#include "cli/lifecycle.h"
#include "cli/mail_keys.h"
#include "cli/suite.h"
#include "model/instance.h"

static json_t *
list_imported(const struct mail_keys *keys)
{
	json_t *list = json_array();

	for (size_t i = 1; i < MAIL_KEY_COUNT; i++)
		if (keys->fingerprints[i][0] != '\0')
			json_array_append_new(
				list, json_string(keys->fingerprints[i]));
	return list;
}

static bool
is_confirmed(struct command_call *call)
{
	struct key_file keys[KEY_FILE_COUNT];
	bool confirmed = false;

	if (key_files_read(&call->paths, call->arena, keys, NULL) == 0) {
		confirmed = keys[KEY_FILE_MAIL].confirmed;
		key_files_deinit(keys);
	}
	return confirmed;
}

void
lifecycle_add_mail(struct command_call *call, json_t *report)
{
	struct instance instance;
	struct mail_keys keys;
	struct err ignored;

	if (instance_load_or_last(
		    &call->paths, call->arena, &instance, &ignored) == -1 ||
		mail_keys_look(&call->paths, &keys, &ignored) == -1)
		return;
	json_object_set_new(report, "mail_at_rest",
		json_pack("{s:b, s:s, s:s, s:o, s:b}", "encryption",
			instance.mail_encryption, "compression",
			instance_compression_name(instance.mail_compression),
			"key", keys.fingerprints[0], "imported",
			list_imported(&keys), "copy_confirmed",
			is_confirmed(call)));
	if (keys.fault[0] != '\0')
		json_object_set_new(json_object_get(report, "mail_at_rest"),
			"fault", json_string(keys.fault));
}

void
lifecycle_print_mail(const json_t *report)
{
	const json_t *mail = json_object_get(report, "mail_at_rest");
	size_t imported = json_array_size(json_object_get(mail, "imported"));
	const char *key = suite_text(mail, "key");

	if (mail == NULL)
		return;
	printf("Mail at rest: %s%s%s, compression %s",
		json_is_true(json_object_get(mail, "encryption"))
			? "encrypted"
			: "new mail is not encrypted",
		*key == '\0' ? ", no usable key" : ", key ", key,
		suite_text(mail, "compression"));
	if (imported > 0)
		printf(", %zu more to read with", imported);
	if (!json_is_true(json_object_get(mail, "copy_confirmed")))
		printf("; no copy of the key was confirmed (mailherd key export)");
	putchar('\n');
}
