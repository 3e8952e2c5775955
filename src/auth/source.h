/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where login attempts come from, and which sources guess. A source is a
 * network (/24, /64): whoever has many addresses has one name here. Each
 * refused password counts against its source and is forgiven with time; a
 * source with more than SOURCE_FAILURES_MAX of them is a guesser.
 *
 * What that means is the judge's matter (judge.c): guessers are judged
 * still, but with what capacity people leave over. Nobody is refused here,
 * so a wrong guess about a whole office costs it waiting, not logins.
 *
 * Bounded: at most sources_max are kept, and the one that failed longest
 * ago is forgotten first. No clock, no threads.
 */
#ifndef AUTH_SOURCE_H
#define AUTH_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_KEY_MAX 384
/* More than people mistype, and than phones with an old password retry. */
#define SOURCE_FAILURES_MAX 20
#define SOURCE_FORGIVE_MS 3000 /* one failure each */

struct source_list;

/*
 * The name of the network of ip. Without an address, and for the machine
 * itself (webmail), each user counts as a source of its own.
 */
void source_key(const char *ip, const char *user, char out[SOURCE_KEY_MAX]);

struct source_list *source_list_new(size_t sources_max);
void source_list_free(struct source_list **list);
void source_failed(struct source_list *list, const char *key, int64_t now_ms);
bool source_guesses(
	const struct source_list *list, const char *key, int64_t now_ms);
size_t source_count(const struct source_list *list);

#endif
