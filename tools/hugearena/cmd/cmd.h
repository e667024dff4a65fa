/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cmd: the subcommands of hugearena.
 *
 * A subcommand is a function with main()'s arguments, argv[0] being the name of
 * the subcommand; what it returns is the exit status.
 */
#ifndef TOOLS_CMD_H
#define TOOLS_CMD_H

#include "args.h"
#include "base/exit.h"

int cmd_status(int argc, char **argv);
int cmd_map(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_pool(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_wss(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_profile(int argc, char **argv);
int cmd_leak(int argc, char **argv);
int cmd_co(int argc, char **argv);
int cmd_gc(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_adopt(int argc, char **argv);

#endif
