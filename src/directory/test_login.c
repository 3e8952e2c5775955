/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passwords are texts behind "=": no test waits for a real hash. */
#include "directory/test_login.h"

#include <stdio.h>
#include <string.h>

#include "auth/judge.h"
#include "base/compiler.h"
#include "directory/usage.h"

static enum scheme_answer
test_verify(const char *stored, struct span password)
{
	const char *text = strchr(stored, '=');

	return text != NULL && span_equal_text(password, text + 1)
		       ? SCHEME_MATCH
		       : SCHEME_MISMATCH;
}

void
test_login_init(struct test_login *test)
{
	struct directory *directory = &test->directory;
	struct judge_options options = { .core = &directory->core,
		.threads = 1,
		.verify = test_verify,
		.on_login = usage_judge_login };

	*test = (struct test_login){ 0 };
	test_core_init(&test->core);
	test_core_run(&test->core,
		"UPDATE mailbox SET password = '{BLF-CRYPT}=right'"
		" WHERE address = 'anna@example.org';"
		"UPDATE mailbox SET password = '{PLAIN}r\xc3\xa4t'"
		" WHERE address = 'bert@example.org';"
		"UPDATE mailbox SET store_id ="
		" '00112233445566778899aabbccddeeff' WHERE id = 1;"
		"UPDATE mailbox SET domain_id = 2 WHERE id = 7;");
	(void)snprintf(test->paths.vmail, sizeof(test->paths.vmail), "/vmail");
	directory->paths = &test->paths;
	directory->loop = event_base_new();
	BUG_ON(directory->loop == NULL);
	directory->core = test->core.core;
	directory->usage = test->core.usage;
	directory->vmail_uid = 5000;
	directory->vmail_gid = 5001;
	directory->usage_writer = usage_new(directory->loop, &directory->usage);
	options.loop = directory->loop;
	options.login_context = directory->usage_writer;
	directory->judge = judge_new(&options);
}

void
test_login_deinit(struct test_login *test)
{
	judge_free(&test->directory.judge);
	usage_free(&test->directory.usage_writer);
	event_base_free(test->directory.loop);
	test_core_deinit(&test->core);
}
