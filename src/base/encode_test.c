/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Test vectors of RFC 4648 10, and what must be refused. */
#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

struct vector {
	const char *plain, *base64, *hex;
};

static const struct vector VECTORS[] = {
	{ "", "", "" },
	{ "f", "Zg==", "66" },
	{ "fo", "Zm8=", "666f" },
	{ "foo", "Zm9v", "666f6f" },
	{ "foob", "Zm9vYg==", "666f6f62" },
	{ "fooba", "Zm9vYmE=", "666f6f6261" },
	{ "foobar", "Zm9vYmFy", "666f6f626172" },
};

static void
encodes_and_decodes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(VECTORS); i++) {
		const struct vector *v = &VECTORS[i];
		struct strbuf sb;
		char out[16];
		size_t length;
		strbuf_init(&sb, 100);
		base64_encode(&sb, v->plain, strlen(v->plain));
		assert_string_equal(sb.data, v->base64);
		strbuf_reset(&sb);
		hex_encode(&sb, v->plain, strlen(v->plain));
		assert_string_equal(sb.data, v->hex);
		assert_int_equal(base64_decode(span_from(v->base64), out,
					 strlen(v->plain), &length),
			0);
		assert_int_equal(length, strlen(v->plain));
		assert_memory_equal(out, v->plain, length);
		assert_int_equal(hex_decode(span_from(v->hex), out, sizeof(out),
					 &length),
			0);
		assert_int_equal(length, strlen(v->plain));
		assert_memory_equal(out, v->plain, length);
		strbuf_deinit(&sb);
	}
}

static void
all_bytes_survive(void **state)
{
	(void)state;
	unsigned char bytes[256], out[256];
	size_t length;
	struct strbuf sb;
	for (int i = 0; i < 256; i++)
		bytes[i] = (unsigned char)i;
	strbuf_init(&sb, 1000);
	base64_encode(&sb, bytes, sizeof(bytes));
	assert_int_equal(
		base64_decode(strbuf_span(&sb), out, sizeof(out), &length), 0);
	assert_int_equal(length, 256);
	assert_memory_equal(out, bytes, 256);
	strbuf_deinit(&sb);
}

static void
refuses_what_is_not_base64(void **state)
{
	(void)state;
	static const char *const BAD[] = { "Z",
		"Zg=", "Zg===", "Z===", "====", "Zm9v=", "Zm 9v", "Zm9v\n",
		"Zh==", "Zm9=", "Zm-_", "=Zm9", "Zg==Zg==" };
	char out[32];
	size_t length;
	for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++) {
		if (base64_decode(
			    span_from(BAD[i]), out, sizeof(out), &length) == 0)
			fail_msg("accepted \"%s\"", BAD[i]);
	}
	assert_int_equal(
		base64_decode(span_from("Zm8"), out, sizeof(out), &length), 0);
	assert_int_equal(length, 2);
	assert_int_equal(
		base64_decode(span_from("Zm9vYg=="), out, 3, &length), -1);
}

static void
refuses_what_is_not_hex(void **state)
{
	(void)state;
	char out[4];
	size_t length;
	assert_int_equal(hex_decode(span_from("0"), out, 4, &length), -1);
	assert_int_equal(hex_decode(span_from("0g"), out, 4, &length), -1);
	assert_int_equal(
		hex_decode(span_from("0011223344"), out, 4, &length), -1);
	assert_int_equal(hex_decode(span_from("fFA0"), out, 4, &length), 0);
	assert_memory_equal(out, "\xff\xa0", 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_and_decodes),
		cmocka_unit_test(all_bytes_survive),
		cmocka_unit_test(refuses_what_is_not_base64),
		cmocka_unit_test(refuses_what_is_not_hex),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
