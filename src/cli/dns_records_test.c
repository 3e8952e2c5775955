/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The records of a host and a domain, as table rows and zone lines. */
#include "cli/dns_records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct instance
make_instance(void)
{
	struct instance instance = { .hostname = "mail.example.org" };

	instance.listen[PORT_SUBMISSIONS].port = 465;
	instance.listen[PORT_IMAPS].port = 10993;
	return instance;
}

static void
expect_zone(const struct dns_records *records, const char *want)
{
	struct strbuf out;

	strbuf_init(&out, 65536);
	dns_records_zone(records, &out);
	assert_string_equal(out.data, want);
	strbuf_deinit(&out);
}

static void
test_host(void **state)
{
	static const char *const ADDRESSES[] = { "192.0.2.7", "2001:db8::1",
		"nonsense", NULL };
	struct arena *arena = arena_new();
	struct instance instance = make_instance();
	struct dns_records records;

	(void)state;
	dns_records_init(&records, arena);
	dns_records_host(&records, &instance, ADDRESSES);
	expect_zone(&records,
		"mail.example.org. 3600 IN A 192.0.2.7\n"
		"7.2.0.192.in-addr.arpa. 3600 IN PTR mail.example.org.\n"
		"mail.example.org. 3600 IN AAAA 2001:db8::1\n"
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 3600 IN PTR mail.example.org.\n");
	arena_free(&arena);
}

static void
test_domain(void **state)
{
	struct arena *arena = arena_new();
	struct instance instance = make_instance();
	struct dns_records records;

	(void)state;
	dns_records_init(&records, arena);
	dns_records_domain(
		&records, &instance, "example.org", "dkim", "v=DKIM1; p=\"\\");
	expect_zone(&records,
		"example.org. 3600 IN MX 10 mail.example.org.\n"
		"example.org. 3600 IN TXT \"v=spf1 mx -all\"\n"
		"dkim._domainkey.example.org. 3600 IN TXT \"v=DKIM1; p=\\\"\\\\\"\n"
		"_dmarc.example.org. 3600 IN TXT \"v=DMARC1; p=quarantine\"\n"
		"_submissions._tcp.example.org. 3600 IN SRV 0 1 465 mail.example.org.\n"
		"_imaps._tcp.example.org. 3600 IN SRV 0 1 10993 mail.example.org.\n"
		"autoconfig.example.org. 3600 IN CNAME mail.example.org.\n"
		"autodiscover.example.org. 3600 IN CNAME mail.example.org.\n");
	arena_free(&arena);
}

/* A key of 2048 bits needs two character-strings. */
static void
test_long_text(void **state)
{
	struct arena *arena = arena_new();
	struct instance instance = make_instance();
	struct dns_records records;
	struct strbuf out;
	char text[301];
	const char *line;

	(void)state;
	memset(text, 'a', 300);
	text[300] = '\0';
	dns_records_init(&records, arena);
	dns_records_domain(&records, &instance, "example.org", "dkim", text);
	strbuf_init(&out, 65536);
	dns_records_zone(&records, &out);
	line = strstr(out.data, "dkim._domainkey");
	assert_non_null(line);
	line = strchr(line, '"');
	assert_int_equal(strspn(line + 1, "a"), 255);
	assert_memory_equal(line + 256, "\" \"", 3);
	assert_int_equal(strspn(line + 259, "a"), 45);
	strbuf_deinit(&out);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_long_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
