/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * out: how every subcommand speaks.
 *
 * Colour only on a terminal, and never with NO_COLOR set.  Complaints and
 * progress go to standard error, so that standard output can be a file.
 */
#ifndef TOOLS_OUT_H
#define TOOLS_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

extern bool out_json;		/* --json was given */

enum out_style {
	OUT_PLAIN,
	OUT_BOLD,
	OUT_DIM,
	OUT_GOOD,
	OUT_WARN,
	OUT_BAD,
	OUT_INFO,
};

/* Decide about colour; called once. */
void out_init(void);

/* The escape sequence that begins a style, or "". */
const char *out_style(enum out_style style);

/* "1.5 MiB"; one of 16 buffers, used in turn. */
const char *out_bytes(uint64_t bytes);

/* "12.5 %" of a whole, "-" of nothing; buffers as above. */
const char *out_percent(uint64_t part, uint64_t whole);

/* "1,234,567"; buffers as above. */
const char *out_count(uint64_t n);

/* "1.50 ms"; buffers as above. */
const char *out_ns(uint64_t ns);

/* A heading, and a line "  label   value" below it. */
void out_heading(const char *text);
void out_row(const char *label, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* A remark about what cannot be known here, and why. */
void out_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "hugearena: ..." on standard error. */
void out_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * out_progress - show a human that long work is in progress
 * @what: the work, or NULL when it has ended
 * @done: how much of it
 * @total: of how much, 0 if unknown
 *
 * Only if standard error is a terminal, at most ten times a second.
 */
void out_progress(const char *what, uint64_t done, uint64_t total);

/**
 * out_print_json - write a document to standard output
 * @root: the document; the reference is taken over
 *
 * Return: an exit status.
 */
int out_print_json(json_t *root);

/* Set a member to an integer, a number, a text or null (for NULL). */
void json_put_int(json_t *obj, const char *key, uint64_t value);
void json_put_real(json_t *obj, const char *key, double value);
void json_put_text(json_t *obj, const char *key, const char *value);
void json_put_bool(json_t *obj, const char *key, bool value);

#endif
