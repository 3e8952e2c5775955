/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every scheme against fixed hashes and against what doveadm pw writes;
 * broken and greedy hashes; what scheme_create() makes.
 */
#include "auth/scheme.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "io/child.h"

#define DOVEADM "/usr/bin/doveadm"

static const char *const answer_names[] = { "MATCH", "MISMATCH", "UNKNOWN",
	"FAILED" };

static void
expect(const char *stored, struct span password, enum scheme_answer want)
{
	enum scheme_answer got = scheme_verify(stored, password);

	if (got != want)
		fail_msg("%s: got %s, want %s", stored, answer_names[got],
			answer_names[want]);
}

/* clang-format off */
static const char *const known[] = {
	"{PLAIN}secret1",
	"{plain}secret1",
	"{CLEAR}secret1",
	"{CLEARTEXT}secret1",
	"{PLAIN.b64}c2VjcmV0MQ==",
	"{PLAIN.BASE64}c2VjcmV0MQ==",
	"{PLAIN.HEX}73656372657431",
	"{PLAIN-TRUNC}secret1",
	"{PLAIN-TRUNC}4-secr",
	"{PLAIN-TRUNC}99-secret1",
	"{SHA}AMr9EmGC6KnnwBuy8N/QBJa+ck8=",
	"{SHA1}AMr9EmGC6KnnwBuy8N/QBJa+ck8=",
	"{SHA}00cafd126182e8a9e7c01bb2f0dfd00496be724f",
	"{sha.hex}00cafd126182e8a9e7c01bb2f0dfd00496be724f",
	"{SSHA}ADK139y/vaCFNQFnKXDx6XpFFfD0NEOr",
	"{SSHA.HEX}007e7e68169e06607c11286fcc77e18d9f57235c92d68594",
	"{SHA256}WxFhjC5EAnh30M0JIe0Wa58Xb1BYf8kedTTdKUbbd9Y=",
	"{SHA256.B64}WxFhjC5EAnh30M0JIe0Wa58Xb1BYf8kedTTdKUbbd9Y=",
	"{SHA512}HD6Xh+Y6oIZnXv4XqbKxrb6t3RkoPYv+NkqOBE8MwkssuATRE2aFBp8Nm9kp/Xn5a4l2Ki8QkX5qIUlbXQgO4Q==",
	"{SSHA256}0lCW35oKyRfD5nJWZucMleGu+57VSF5GTMoXs/tyQi/lkmSN",
	"{SSHA512}BEbKQ1FZTjw7uJQQzVp/XofLGSJPaCeiSDoohUJHxWX/rLXi3wVePinOOBbWmai8AoLU7S4ABW9ibOib+FjTXEZusow=",
	"{SMD5}WnGd5Ycz0a+2pQkfS9AH+JBNBVw=",
	"{LDAP-MD5}5S2YxFmBmhF3WTbY37t5KQ==",
	"{PLAIN-MD5}e52d98c459819a11775936d8dfbb7929",
	"{PLAIN-MD5.B64}5S2YxFmBmhF3WTbY37t5KQ==",
	"{MD5}e52d98c459819a11775936d8dfbb7929",
	"{MD5}5S2YxFmBmhF3WTbY37t5KQ==",
	"{MD5}$1$99QUG1aR$yT1s0ApAXiEQ9vNe37nzy1",
	"{MD5-CRYPT}$1$aRHYpvqr$pwKY1Oen/mr2GzCIvFomA0",
	"{PLAIN-MD4}a8c1c7d8dba3456fee804cb729624304",
	"{PLAIN-MD4.B64}qMHH2NujRW/ugEy3KWJDBA==",
	"{CRAM-MD5}9f327e2492aa7f1ddc287a9d8778c5f7612bfd1fe746b5c3dc5acdd68b12ffbd",
	"{HMAC-MD5}9f327e2492aa7f1ddc287a9d8778c5f7612bfd1fe746b5c3dc5acdd68b12ffbd",
	"{SCRAM-SHA-1}4096,hUkIFfrvwjRRaH/NT4bTHQ==,XirtJ8KyEmc5REdSDw3nNrnEx8Q=,OgH7Y1UrmQ6XXlJleFhhsyzn+Ag=",
	"{SCRAM-SHA-256}4096,UPGolIbkcWaHKwnzv+2Q1Q==,8UrImSdxA3uI6P6mI0qQR2eNJ/zK6OJb1u328AYgAHk=,1QTtRrmK4BtE6Qg5/RA2/Ym6UcgCkAYPBO1Yig3XLRE=",
	"{BLF-CRYPT}$2y$05$F0m9LVL5Z1n40NSomf/hYuOm1BHBj4n6bzumd0sW.rU.DISYbvvzi",
	"{CRYPT}$2y$05$Y3lmuJ0u8k.GmyQ23rCyw.FitCPcBj3NmH9J0HM/KFa6Ihj.YvA3O",
	"{CRYPT.HEX}24327924303524523356734475714547337148784949592e747575587557774d31626567675844334f745374444b5152386e5042796868396e523457",
	"{DES-CRYPT}W1fB/HpVbls.g",
	"{SHA256-CRYPT}$5$3Zha0lz4STZuqdzP$O/z81rFz68ReifqUOJmC3eBVfmC5eJno5zdqN0bZvqD",
	"{SHA512-CRYPT}$6$f4ZSgWA6CGQiEUaP$fcsbKbHxiQYGQ7I1wZt1xnpkjg3kQV6k0Eue8opVDuSgZvpa/1u7AsI3W8okTbh499nKypSOpoWJBdNUvSVNB.",
	"{PBKDF2}$1$RLPfqUORqplTPour$5000$7148c7e1f01c3c505c632a088d903d3b33008a6f",
	"{PBKDF2-SHA512}1000$c2FsdHk=$WTvLF+Cqlkt5G3ON1u/+XbLL3oBio4MPavR43TQtQz3F/iySDeWumPFecG3EAL3TKlSaLfqpdMt48dwz9FANmA==",
	"{PBKDF2-SHA512}$1$salty$1000$593bcb17e0aa964b791b738dd6effe5db2cbde8062a3830f6af478dd342d433dc5fe2c920de5ae98f15e706dc400bdd32a549a2dfaa974cb78f1dc33f4500d98",
	"{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$3RpwbFiMedq4noKJZgFUQA$D3TxKdCWLmosRUhJDppd+UaqosxlgVrSpNjArA8QdS0",
	"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$ya2kw5QBYSox+7BS6Q9rgA$UwuuYcormwKMH3cHFDQV1nLQWz+sba9YJUbqLrDkO/k",
};

/* Not ours to judge: foreign, broken, or more work than we do. */
static const char *const refused[] = {
	"",
	"secret1",
	"{}secret1",
	"{PLAIN",
	"{ROT13}frperg1",
	"{PLAIN.ROT13}secret1",
	"{PLAIN.b64}c2VjcmV0MQ*",
	"{SHA}AMr9",
	"{SHA}AMr9EmGC6KnnwBuy8N/QBJa+ck8AAA==",
	"{SSHA256}0lCW35o=",
	"{SCRAM-SHA-1}4096,hUkI",
	"{SCRAM-SHA-1}99999999,hUkIFfrvwjRRaH/NT4bTHQ==,XirtJ8KyEmc5REdSDw3nNrnEx8Q=,OgH7Y1UrmQ6XXlJleFhhsyzn+Ag=",
	"{BLF-CRYPT}$2y$31$F0m9LVL5Z1n40NSomf/hYuOm1BHBj4n6bzumd0sW.rU.DISYbvvzi",
	"{BLF-CRYPT}$2y$05$short",
	"{CRYPT}$6$rounds=99999999$abc$abc",
	"{CRYPT}$y$jZT$abc$abc",
	"{CRYPT}_J9..rasmBYk8r9AiWNc",
	"{CRYPT}",
	"{PBKDF2}$1$salt$0$7148",
	"{PBKDF2}$1$salt$4294967297$7148",
	"{PBKDF2}$2$salt$1$7148",
	"{PBKDF2}$1$salt$1$",
	"{PBKDF2-SHA512}10000$",
	"{ARGON2ID}$argon2id$v=19$m=4194304,t=3,p=1$ya2kw5QBYSox+7BS6Q9rgA$UwuuYcormwKMH3cHFDQV1nLQWz+sba9YJUbqLrDkO/k",
	"{ARGON2ID}$argon2id$v=19$m=65536,t=999,p=1$ya2kw5QBYSox+7BS6Q9rgA$UwuuYcormwKMH3cHFDQV1nLQWz+sba9YJUbqLrDkO/k",
	"{ARGON2ID}$argon2d$v=19$m=65536,t=3,p=1$ya2kw5QBYSox+7BS6Q9rgA$UwuuYcormwKMH3cHFDQV1nLQWz+sba9YJUbqLrDkO/k",
};

static const char *const doveadm_schemes[] = {
	"ARGON2I", "ARGON2ID", "BLF-CRYPT", "CLEAR", "CLEARTEXT", "CRAM-MD5",
	"CRYPT", "DES-CRYPT", "HMAC-MD5", "LDAP-MD5", "MD5", "MD5-CRYPT",
	"PBKDF2", "PLAIN", "PLAIN-MD4", "PLAIN-MD5", "PLAIN-TRUNC",
	"SCRAM-SHA-1", "SCRAM-SHA-256", "SHA", "SHA1", "SHA256",
	"SHA256-CRYPT", "SHA512", "SHA512-CRYPT", "SMD5", "SSHA", "SSHA256",
	"SSHA512",
	"SSHA.hex", "SHA256.B64", "PLAIN.b64", "PLAIN-MD4.B64", "CRYPT.HEX",
};

/* clang-format on */

static void
known_hashes_match_and_only_their_password(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
		bool truncated = strstr(known[i], "}4-") != NULL;

		expect(known[i], span_from("secret1"), SCHEME_MATCH);
		if (!truncated)
			expect(known[i], span_from("secret12"),
				SCHEME_MISMATCH);
		expect(known[i], span_from("Secret1"), SCHEME_MISMATCH);
		expect(known[i], span_from(""), SCHEME_MISMATCH);
		expect(known[i], (struct span){ "secret1\0", 8 },
			SCHEME_MISMATCH);
		assert_true(scheme_is_hash(known[i]));
	}
}

static void
broken_and_greedy_hashes_are_unknown(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
		expect(refused[i], span_from("secret1"), SCHEME_UNKNOWN);
}

static void
an_overlong_password_never_matches(void **state UNUSED)
{
	char text[SCHEME_PASSWORD_MAX + 16] = "{PLAIN}";
	char password[SCHEME_PASSWORD_MAX + 2];

	memset(password, 'a', sizeof(password));
	memset(text + 7, 'a', SCHEME_HASH_MAX);
	expect(text, (struct span){ password, sizeof(password) },
		SCHEME_MISMATCH);
}

static void
created_hashes_match(void **state UNUSED)
{
	static const char *const created[] = { "BLF-CRYPT", "ARGON2ID",
		"SSHA256", "ssha256" };
	char hash[SCHEME_HASH_MAX];
	struct err err;

	for (size_t i = 0; i < ARRAY_LENGTH(created); i++) {
		assert_int_equal(
			scheme_create(created[i], span_from("p\xc3\xa4ss"),
				hash, sizeof(hash), &err),
			0);
		expect(hash, span_from("p\xc3\xa4ss"), SCHEME_MATCH);
		expect(hash, span_from("pass"), SCHEME_MISMATCH);
		assert_int_equal(scheme_is_fast(hash), i >= 2);
	}
	assert_int_equal(scheme_create("BLF-CRYPT", span_from("x"), hash,
				 sizeof(hash), &err),
		0);
	assert_memory_equal(hash, "{BLF-CRYPT}$2y$10$", 18);
	assert_int_equal(scheme_create("ARGON2ID", span_from("x"), hash,
				 sizeof(hash), &err),
		0);
	assert_non_null(strstr(hash, "m=65536,t=3,p=1"));
}

static void
create_refuses_what_verify_would_not_match(void **state UNUSED)
{
	char hash[SCHEME_HASH_MAX];
	struct err err;

	assert_int_equal(scheme_create("PLAIN", span_from("x"), hash,
				 sizeof(hash), &err),
		-1);
	assert_string_equal(err.field, "scheme");
	assert_int_equal(scheme_create("SSHA256", span_from(""), hash,
				 sizeof(hash), &err),
		-1);
	assert_string_equal(err.field, "password");
	assert_int_equal(scheme_create("SSHA256", (struct span){ "a\0b", 3 },
				 hash, sizeof(hash), &err),
		-1);
	assert_int_equal(
		scheme_create("SSHA256", span_from("x"), hash, 8, &err), -1);
}

static void
check_doveadm(const char *config, const char *scheme)
{
	const char *argv[] = { DOVEADM, "-c", config, "pw", "-s", scheme, "-u",
		"u@example.org", "-p", "s3cret \xc3\xbc\"'", NULL };
	struct child_spec spec = {
		.argv = argv, .output_max = 4096, .deadline_ms = 20000
	};
	struct child_result result;
	struct strbuf output;
	struct err err;

	strbuf_init(&output, 4096);
	if (child_run(&spec, &output, &result, &err) < 0)
		fail_msg("%s: %s", scheme, err.text);
	if (result.status != 0)
		fail_msg("doveadm pw -s %s: %s", scheme, output.data);
	output.data[strcspn(output.data, "\n")] = '\0';
	expect(output.data, span_from("s3cret \xc3\xbc\"'"), SCHEME_MATCH);
	expect(output.data, span_from("s3cret"), SCHEME_MISMATCH);
	strbuf_deinit(&output);
}

static void
what_doveadm_writes_matches(void **state UNUSED)
{
	char config[] = "/tmp/mh-scheme-XXXXXX";
	int fd;

	if (access(DOVEADM, X_OK) < 0) {
		print_message("skipped: " DOVEADM " is not installed\n");
		skip();
	}
	fd = mkstemp(config);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "ssl = no\n", 9), 9);
	assert_int_equal(close(fd), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(doveadm_schemes); i++)
		check_doveadm(config, doveadm_schemes[i]);
	assert_int_equal(unlink(config), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_hashes_match_and_only_their_password),
		cmocka_unit_test(broken_and_greedy_hashes_are_unknown),
		cmocka_unit_test(an_overlong_password_never_matches),
		cmocka_unit_test(created_hashes_match),
		cmocka_unit_test(create_refuses_what_verify_would_not_match),
		cmocka_unit_test(what_doveadm_writes_matches),
	};

	return cmocka_run_group_tests_name("scheme", tests, NULL, NULL);
}
