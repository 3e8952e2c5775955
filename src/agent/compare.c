/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trees are small (a few dozen files of some kilobytes): they are read. */
#include "agent/compare.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/strbuf.h"

#define FILE_SIZE_MAX (4 * 1024 * 1024)
#define LINES_SIZE_MAX (1024 * 1024)
#define TREE_DEPTH_MAX 8

static bool
same_file(const char *a, const char *b, const struct stat *sa,
	const struct stat *sb)
{
	struct strbuf text_a, text_b;
	struct err ignored;
	bool same;

	if (sa->st_mode != sb->st_mode || sa->st_uid != sb->st_uid ||
		sa->st_gid != sb->st_gid || sa->st_size != sb->st_size)
		return false;
	strbuf_init(&text_a, FILE_SIZE_MAX);
	strbuf_init(&text_b, FILE_SIZE_MAX);
	same = fs_read(a, FILE_SIZE_MAX, &text_a, &ignored) == 0 &&
	       fs_read(b, FILE_SIZE_MAX, &text_b, &ignored) == 0 &&
	       span_equal(strbuf_span(&text_a), strbuf_span(&text_b));
	strbuf_deinit(&text_a);
	strbuf_deinit(&text_b);
	return same;
}

static int
is_not_hidden(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 &&
	       strcmp(entry->d_name, "..") != 0;
}

/* Sorted names; -1 and an empty list when path is no directory. */
static int
list(const char *path, struct dirent ***entries_out)
{
	*entries_out = NULL;
	return scandir(path, entries_out, is_not_hidden, alphasort);
}

static void
list_free(struct dirent ***entries, int count)
{
	for (int i = 0; i < count; i++)
		x_release((*entries)[i]);
	x_release(*entries);
	*entries = NULL;
}

static void
join(char path[PATH_MAX], const char *directory, const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", directory, name);
}

static bool same_path(const char *a, const char *b, int depth);

static bool
same_tree(const char *a, const char *b, int depth)
{
	struct dirent **entries_a, **entries_b;
	int count_a = list(a, &entries_a), count_b = list(b, &entries_b);
	bool same =
		count_a >= 0 && count_a == count_b && depth < TREE_DEPTH_MAX;

	for (int i = 0; same && i < count_a; i++) {
		char path_a[PATH_MAX], path_b[PATH_MAX];

		join(path_a, a, entries_a[i]->d_name);
		join(path_b, b, entries_b[i]->d_name);
		same = strcmp(entries_a[i]->d_name, entries_b[i]->d_name) ==
			       0 &&
		       same_path(path_a, path_b, depth + 1);
	}
	list_free(&entries_a, count_a);
	list_free(&entries_b, count_b);
	return same;
}

static bool
same_path(const char *a, const char *b, int depth)
{
	struct stat sa, sb;

	if (stat(a, &sa) == -1 || stat(b, &sb) == -1 ||
		(sa.st_mode & S_IFMT) != (sb.st_mode & S_IFMT))
		return false;
	if (S_ISDIR(sa.st_mode))
		return sa.st_mode == sb.st_mode && same_tree(a, b, depth);
	return S_ISREG(sa.st_mode) && same_file(a, b, &sa, &sb);
}

bool
compare_same(const char *a, const char *b)
{
	bool is_there_a = fs_exists(a), is_there_b = fs_exists(b);

	if (!is_there_a || !is_there_b)
		return is_there_a == is_there_b;
	return same_path(a, b, 0);
}

static bool
begins_with_word(struct span line, const char *const *words)
{
	while (line.length > 0 && isspace((unsigned char)line.data[0]))
		line = (struct span){ line.data + 1, line.length - 1 };
	for (; *words != NULL; words++) {
		size_t length = strlen(*words);

		if (span_starts_with(line, *words) &&
			(line.length == length ||
				!isalnum((unsigned char)line.data[length])) &&
			(line.length == length || line.data[length] != '_'))
			return true;
	}
	return false;
}

/* Lines that begin with a word (wanted), or that do not. */
static void
collect_file(const char *path, const char *const *words, bool wanted,
	struct strbuf *out)
{
	struct strbuf text;
	struct span rest, line;
	struct err ignored;

	strbuf_init(&text, FILE_SIZE_MAX);
	if (fs_read(path, FILE_SIZE_MAX, &text, &ignored) == 0) {
		rest = strbuf_span(&text);
		while (span_split(&rest, '\n', &line))
			if (begins_with_word(line, words) == wanted) {
				strbuf_add(out, line.data, line.length);
				strbuf_add_text(out, "\n");
			}
	}
	strbuf_deinit(&text);
}

static void
collect(const char *path, const char *const *words, int depth,
	struct strbuf *out)
{
	struct dirent **entries = NULL;
	int count = depth < TREE_DEPTH_MAX ? list(path, &entries) : -1;

	if (count == -1) {
		collect_file(path, words, true, out);
		return;
	}
	for (int i = 0; i < count; i++) {
		char inner[PATH_MAX];

		join(inner, path, entries[i]->d_name);
		collect(inner, words, depth + 1, out);
	}
	list_free(&entries, count);
}

bool
compare_same_lines(const char *a, const char *b, const char *const *words)
{
	struct strbuf lines_a, lines_b;
	bool same;

	strbuf_init(&lines_a, LINES_SIZE_MAX);
	strbuf_init(&lines_b, LINES_SIZE_MAX);
	collect(a, words, 0, &lines_a);
	collect(b, words, 0, &lines_b);
	same = !strbuf_overflowed(&lines_a) && !strbuf_overflowed(&lines_b) &&
	       span_equal(strbuf_span(&lines_a), strbuf_span(&lines_b));
	strbuf_deinit(&lines_a);
	strbuf_deinit(&lines_b);
	return same;
}

bool
compare_same_without(const char *a, const char *b, const char *const *words)
{
	struct strbuf lines_a, lines_b;
	bool same;

	strbuf_init(&lines_a, LINES_SIZE_MAX);
	strbuf_init(&lines_b, LINES_SIZE_MAX);
	collect_file(a, words, false, &lines_a);
	collect_file(b, words, false, &lines_b);
	same = !strbuf_overflowed(&lines_a) && !strbuf_overflowed(&lines_b) &&
	       span_equal(strbuf_span(&lines_a), strbuf_span(&lines_b));
	strbuf_deinit(&lines_a);
	strbuf_deinit(&lines_b);
	return same;
}
