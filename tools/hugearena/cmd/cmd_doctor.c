// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena doctor: why a service's memory is not in blocks, and how to fix
 * it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/out.h"
#include "cmd.h"
#include "doctor.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	const char **subject = state->input;

	if (key != ARGP_KEY_ARG || state->arg_num)
		return ARGP_ERR_UNKNOWN;
	*subject = arg;
	return 0;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "[PID|UNIT]",
	.doc = "Say why a service's memory is not on blocks, and how to fix it.\v"
	       "Without an argument only the machine is looked at. Exit status "
	       "5 if something keeps memory from blocks.",
};

static const char *const level_names[] = {
	[DOCTOR_OK] = "ok", [DOCTOR_NOTE] = "note", [DOCTOR_BAD] = "bad",
};

static int show_json(const struct doctor *d, bool bad)
{
	json_t *root = json_object(), *list = json_array();
	unsigned int i;
	int ret;

	for (i = 0; i < d->n; i++) {
		json_t *o = json_object();

		json_put_text(o, "level", level_names[d->v[i].level]);
		json_put_text(o, "id", d->v[i].id);
		json_put_text(o, "text", d->v[i].text);
		json_put_text(o, "fix", *d->v[i].fix ? d->v[i].fix : NULL);
		json_array_append_new(list, o);
	}
	json_put_bool(root, "healthy", !bad);
	json_object_set_new(root, "findings", list);
	ret = out_print_json(root);
	return ret ? ret : bad ? CMD_FOUND : CMD_OK;
}

static int show(const struct doctor *d)
{
	static const enum out_style styles[] = {
		[DOCTOR_OK] = OUT_GOOD, [DOCTOR_NOTE] = OUT_INFO,
		[DOCTOR_BAD] = OUT_BAD,
	};
	bool bad = false;
	unsigned int i;

	for (i = 0; i < d->n; i++)
		bad |= d->v[i].level == DOCTOR_BAD;
	if (out_json)
		return show_json(d, bad);
	for (i = 0; i < d->n; i++) {
		const struct finding *f = &d->v[i];

		printf("%s%-5s%s %s (%s)\n", out_style(styles[f->level]),
		       level_names[f->level], out_style(OUT_PLAIN), f->text,
		       f->id);
		if (*f->fix)
			printf("      %s\n", f->fix);
	}
	return bad ? CMD_FOUND : CMD_OK;
}

int cmd_doctor(int argc, char **argv)
{
	const char *subject = NULL;
	static struct doctor d;
	struct unit unit = { 0 };
	bool of_unit = false;
	pid_t pid = 0;
	int err = 0;

	args_parse(&argp, "doctor", argc, argv, 0, &subject);
	doctor_machine(&d);
	if (subject && strspn(subject, "0123456789") == strlen(subject)) {
		pid = (pid_t)atoi(subject);
	} else if (subject) {
		err = unit_read(&unit, subject);
		if (err) {
			out_error("%s: %s", subject, err == -EINVAL ?
				  "not a process, nor the name of a unit" :
				  err == -ENOENT ? "there is no such unit" :
				  "systemctl does not answer here");
			return CMD_FAILED;
		}
		of_unit = true;
		doctor_unit(&d, &unit);
		pid = unit.pid;
	}
	if (pid)
		err = doctor_process(&d, pid, of_unit ? &unit : NULL);
	if (err) {
		out_error("cannot inspect process %d: %s", pid,
			  err == -ESRCH ? "there is no such process" :
			  err == -EACCES ? "that needs CAP_SYS_PTRACE" :
			  strerror(-err));
		return exit_errno(err);
	}
	return show(&d);
}
