/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dn_comp(3) and ns_parserr(3) of libresolv do what RFC 1035 says. */
#include "watch/dns_message.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>
#include <strings.h>

static const char *const TEXTS[] = {
	[DNS_SILENCE] = "no answer",
	[DNS_FOREIGN] = "no answer",
	[DNS_DATA] = "answered",
	[DNS_EMPTY] = "empty answer",
	[DNS_NO_NAME] = "no such name",
	[DNS_FAILURE] = "server failure",
	[DNS_REFUSED] = "nobody listens",
};

size_t
dns_message_query(
	const char *name, uint16_t id, unsigned char out[DNS_QUERY_MAX])
{
	static const unsigned char TAIL[] = { 0, ns_t_a, 0, ns_c_in };
	unsigned char header[NS_HFIXEDSZ] = {
		(unsigned char)(id >> 8), (unsigned char)id, 0x01,
		0x00, /* recursion desired */
		0x00, 0x01, /* one question */
	};
	int length = dn_comp(
		name, out + sizeof(header), NS_MAXCDNAME + 1, NULL, NULL);

	if (length <= 0)
		return 0;
	memcpy(out, header, sizeof(header));
	memcpy(out + sizeof(header) + length, TAIL, sizeof(TAIL));
	return sizeof(header) + (size_t)length + sizeof(TAIL);
}

static int
is_reply_to(ns_msg *message, const char *name, uint16_t id)
{
	ns_rr question;

	return ns_msg_id(*message) == id &&
	       ns_msg_getflag(*message, ns_f_qr) == 1 &&
	       ns_msg_count(*message, ns_s_qd) == 1 &&
	       ns_parserr(message, ns_s_qd, 0, &question) == 0 &&
	       ns_rr_type(question) == ns_t_a &&
	       strcasecmp(ns_rr_name(question), name) == 0;
}

/* Also behind an alias: the owner's name is not looked at. */
static enum dns_answer
look_for_address(ns_msg *message)
{
	for (int i = 0; i < ns_msg_count(*message, ns_s_an); i++) {
		ns_rr record;

		if (ns_parserr(message, ns_s_an, i, &record) < 0)
			return DNS_FAILURE;
		if (ns_rr_type(record) == ns_t_a &&
			ns_rr_rdlen(record) == NS_INADDRSZ)
			return DNS_DATA;
	}
	return DNS_EMPTY;
}

enum dns_answer
dns_message_judge(struct span reply, const char *name, uint16_t id)
{
	ns_msg message;
	int code;

	if (reply.length > DNS_REPLY_MAX ||
		ns_initparse((const unsigned char *)reply.data,
			(int)reply.length, &message) < 0 ||
		!is_reply_to(&message, name, id))
		return DNS_FOREIGN;
	code = ns_msg_getflag(message, ns_f_rcode);
	if (code == ns_r_nxdomain)
		return DNS_NO_NAME;
	if (code != ns_r_noerror)
		return DNS_FAILURE;
	return look_for_address(&message);
}

const char *
dns_answer_text(enum dns_answer answer)
{
	return TEXTS[answer];
}
