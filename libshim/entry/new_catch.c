// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * new_catch: C++'s "catch (...)" around a call, without a C++ compiler.
 *
 * The function below has what a compiler makes of try and catch for the
 * unwinder: a table of one call, its landing pad, and a list of types whose
 * single entry is 0, which matches every type.  The personality routine that
 * reads it is in libstdc++, found by a weak reference: a program that throws
 * has it.  See the C++ ABI's chapter on exceptions.
 *
 * Called by new.c.
 */
#include <stdbool.h>

typedef void (*new_handler)(void);

bool new_catch(new_handler handler);

#if defined(__x86_64__) || defined(__aarch64__)

#if defined(__x86_64__)
#define ENTER								\
	"	subq	$8, %rsp\n"					\
	".cfi_adjust_cfa_offset 8\n"
#define CALL_HANDLER							\
	"	call	*%rdi\n"
#define RETURN								\
	"	xorl	%eax, %eax\n"					\
	".Lreturn:\n"							\
	"	addq	$8, %rsp\n"					\
	".cfi_adjust_cfa_offset -8\n"					\
	"	ret\n"							\
	".cfi_adjust_cfa_offset 8\n"
#define CATCH								\
	"	movq	%rax, %rdi\n"					\
	"	call	*__cxa_begin_catch@GOTPCREL(%rip)\n"		\
	"	call	*__cxa_end_catch@GOTPCREL(%rip)\n"		\
	"	movl	$1, %eax\n"					\
	"	jmp	.Lreturn\n"
#else
#define ENTER								\
	"	hint	34\n"		/* bti c */			\
	"	stp	x29, x30, [sp, -16]!\n"				\
	".cfi_adjust_cfa_offset 16\n"					\
	".cfi_rel_offset x29, 0\n"					\
	".cfi_rel_offset x30, 8\n"					\
	"	mov	x29, sp\n"
#define CALL_HANDLER							\
	"	blr	x0\n"
#define RETURN								\
	"	mov	w0, 0\n"					\
	".Lreturn:\n"							\
	".cfi_remember_state\n"						\
	"	ldp	x29, x30, [sp], 16\n"				\
	".cfi_adjust_cfa_offset -16\n"					\
	".cfi_restore x29\n"						\
	".cfi_restore x30\n"						\
	"	ret\n"							\
	".cfi_restore_state\n"
/* The unwinder may come by a branch, to where a guarded page wants a bti j. */
#define CATCH								\
	"	hint	36\n"						\
	"	adrp	x9, :got:__cxa_begin_catch\n"			\
	"	ldr	x9, [x9, :got_lo12:__cxa_begin_catch]\n"	\
	"	blr	x9\n"						\
	"	adrp	x9, :got:__cxa_end_catch\n"			\
	"	ldr	x9, [x9, :got_lo12:__cxa_end_catch]\n"		\
	"	blr	x9\n"						\
	"	mov	w0, 1\n"					\
	"	b	.Lreturn\n"
#endif

__asm__(".weak	__gxx_personality_v0\n"
	".weak	__cxa_begin_catch\n"
	".weak	__cxa_end_catch\n"
	/* read by the unwinder; 0 where there is no C++, and never used then */
	".pushsection .data.rel.ro.new_catch, \"aw\"\n"
	".balign	8\n"
	".Lpersonality:\n"
	".quad	__gxx_personality_v0\n"
	".popsection\n"
	".pushsection .gcc_except_table.new_catch, \"a\"\n"
	".balign	4\n"
	".Lcalls:\n"
	".byte	0xff\n"			/* landing pads are relative to the function */
	".byte	0x9b\n"			/* types: indirect, relative */
	".uleb128 .Ltypes - .Lafter_types\n"
	".Lafter_types:\n"
	".byte	0x01\n"			/* calls: uleb128 */
	".uleb128 .Lcalls_end - .Lcalls_begin\n"
	".Lcalls_begin:\n"
	".uleb128 .Ltry - .Lnew_catch\n"
	".uleb128 .Ltry_end - .Ltry\n"
	".uleb128 .Lpad - .Lnew_catch\n"
	".uleb128 1\n"			/* its action is the first */
	".uleb128 .Ltry_end - .Lnew_catch\n"
	".uleb128 .Lend - .Ltry_end\n"
	".uleb128 0\n"			/* no landing pad */
	".uleb128 0\n"
	".Lcalls_end:\n"
	".byte	1, 0\n"			/* type 1, no further action */
	".balign	4\n"
	".long	0\n"			/* type 1: any exception */
	".Ltypes:\n"
	".popsection\n"
	".pushsection .text.unlikely, \"ax\"\n"
	".hidden	new_catch\n"
	".globl	new_catch\n"
	".type	new_catch, %function\n"
	"new_catch:\n"
	".Lnew_catch:\n"
	".cfi_startproc\n"
	".cfi_personality 0x9b, .Lpersonality\n"
	".cfi_lsda 0x1b, .Lcalls\n"
	ENTER
	".Ltry:\n"
	CALL_HANDLER
	".Ltry_end:\n"
	RETURN
	".Lpad:\n"
	CATCH
	".Lend:\n"
	".cfi_endproc\n"
	".size	new_catch, . - new_catch\n"
	".popsection\n");

#else /* no table for this architecture: the exception passes through */

bool new_catch(new_handler handler)
{
	handler();
	return false;
}

#endif
