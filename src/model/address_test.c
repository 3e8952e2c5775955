/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Domain names and addresses: what is accepted, and its one form. */
#include "model/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LABEL_63                                                               \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LOCAL_64 LABEL_63 "a"

struct row {
	const char *input;
	const char *want; /* NULL: refused */
	bool catch_all;
};

static const struct row DOMAINS[] = {
	{ "example.org", "example.org" },
	{ " Example.ORG\n", "example.org" },
	{ "a-b.example.org", "a-b.example.org" },
	{ "b\xc3\xbc"
	  "cher.example",
		"xn--bcher-kva.example" },
	{ "B\xc3\x9c"
	  "CHER.example",
		"xn--bcher-kva.example" },
	{ "fa\xc3\x9f.example", "xn--fa-hia.example" },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ LABEL_63 ".org", LABEL_63 ".org" },
	{ LABEL_63 "a.org", NULL },
	{ LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63, NULL },
	{ "", NULL },
	{ "localhost", NULL },
	{ "example.org.", NULL },
	{ ".example.org", NULL },
	{ "example..org", NULL },
	{ "-a.org", NULL },
	{ "a-.org", NULL },
	{ "a_b.org", NULL },
	{ "a b.org", NULL },
	{ "192.0.2.1", NULL },
	{ "[192.0.2.1]", NULL },
	{ "example.org/x", NULL },
	{ "a@example.org", NULL },
	{ "\xff\xfe.org", NULL },
};

static const struct row ADDRESSES[] = {
	{ "ann@example.org", "ann@example.org" },
	{ " Ann.Lee@EXAMPLE.org ", "ann.lee@example.org" },
	{ "a+b@example.org", "a+b@example.org" },
	{ "o'neil@example.org", "o'neil@example.org" },
	{ LOCAL_64 "@example.org", LOCAL_64 "@example.org" },
	{ LOCAL_64 "a@example.org", NULL },
	{ LOCAL_64 "@" LABEL_63 "." LABEL_63 "." LABEL_63 ".org", NULL },
	{ "@example.org", NULL },
	{ "@Example.org", "@example.org", .catch_all = true },
	{ "ann@example.org", "ann@example.org", .catch_all = true },
	{ "@", NULL, .catch_all = true },
	{ "ann", NULL },
	{ "ann@", NULL },
	{ "ann@localhost", NULL },
	{ ".ann@example.org", NULL },
	{ "ann.@example.org", NULL },
	{ "a..b@example.org", NULL },
	{ "a b@example.org", NULL },
	{ "\"a b\"@example.org", NULL },
	{ "a@b@example.org", NULL },
	{ "a,b@example.org", NULL },
	{ "a\nb@example.org", NULL },
	{ "j\xc3\xb6rg@example.org", NULL },
	{ "null", NULL },
};

static void
check(const struct row *row, int status, const char *got, const char *before)
{
	const char *want = row->want == NULL ? before : row->want;

	if (status != (row->want == NULL ? -1 : 0) || strcmp(got, want) != 0)
		fail_msg("\"%s\": got %d \"%s\", want \"%s\"", row->input,
			status, got, want);
}

static void
test_domains(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(DOMAINS); i++) {
		char got[DOMAIN_MAX] = "before";
		struct err err = { 0 };
		int status =
			address_domain(DOMAINS[i].input, "domain", got, &err);

		check(&DOMAINS[i], status, got, "before");
		if (status != 0)
			assert_string_equal(err.field, "domain");
	}
}

static void
test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(ADDRESSES); i++) {
		char got[ADDRESS_MAX] = "before";
		struct err err = { 0 };
		int status = address_canonical(ADDRESSES[i].input,
			ADDRESSES[i].catch_all, "address", got, &err);

		check(&ADDRESSES[i], status, got, "before");
	}
}

static void
test_long(void **state)
{
	char text[5000];
	char got[ADDRESS_MAX] = "before";

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(address_domain(text, "x", got, NULL), -1);
	text[100] = '@';
	assert_int_equal(address_canonical(text, true, "x", got, NULL), -1);
	text[0] = '@';
	assert_int_equal(address_canonical(text, true, "x", got, NULL), -1);
}

static void
test_domain_part(void **state)
{
	(void)state;
	assert_string_equal(address_domain_part("a@b.org"), "b.org");
	assert_string_equal(address_domain_part("b.org"), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_domain_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
