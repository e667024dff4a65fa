// SPDX-License-Identifier: GPL-2.0-only
/*
 * json.c: numbers of documents, by a parser that has its state, its token and the
 * digits of each number from malloc(): what --shim-promote is for.
 *
 * Usage: json DOCUMENTS
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { END, NUMBER, WORD, MARK };

struct token {
	enum kind kind;
	const char *start;
	size_t len;
};

struct parser {
	const char *at;
};

static void next(struct parser *p, struct token *t)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
	t->start = p->at;
	if (!*p->at) {
		t->kind = END;
	} else if (isdigit((unsigned char)*p->at) || *p->at == '-') {
		t->kind = NUMBER;
		do
			p->at++;
		while (isdigit((unsigned char)*p->at));
	} else if (*p->at == '"') {
		t->kind = WORD;
		do
			p->at++;
		while (*p->at && *p->at != '"');
		p->at += *p->at == '"';
	} else {
		t->kind = MARK;
		p->at++;
	}
	t->len = p->at - t->start;
}

static long number(const struct token *t)
{
	char *digits = malloc(32);
	long value;

	if (!digits)
		exit(1);
	memcpy(digits, t->start, t->len < 31 ? t->len : 31);
	digits[t->len < 31 ? t->len : 31] = 0;
	value = strtol(digits, NULL, 10);
	free(digits);
	return value;
}

static long document(const char *text)
{
	struct parser *p = malloc(sizeof(*p));
	struct token *t = malloc(sizeof(*t));
	long sum = 0;

	if (!p || !t)
		exit(1);
	p->at = text;
	for (next(p, t); t->kind != END; next(p, t))
		if (t->kind == NUMBER)
			sum += number(t);
	free(t);
	free(p);
	return sum;
}

int main(int argc, char **argv)
{
	static const char text[] =
		"{ \"id\": 17, \"size\": [ 640, 480 ], \"at\": { \"x\": -3, \"y\": 4 }, "
		"\"time\": 1700000000, \"flags\": 5 }";
	long nr = argc > 1 ? strtol(argv[1], NULL, 10) : 1, sum = 0;

	for (long i = 0; i < nr; i++)
		sum += document(text);
	printf("%ld\n", sum);
	return 0;
}
