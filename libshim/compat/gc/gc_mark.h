/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gc/gc_mark.h: objects whose pointers the program describes or finds itself,
 * and roots that it pushes itself.
 *
 * Names and meanings are those of libgc's header; shim_gc(3) says what differs.
 * What is not declared here is not there.
 */
#ifndef SHIM_COMPAT_GC_MARK_H
#define SHIM_COMPAT_GC_MARK_H

#include "gc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Somewhere in the collector's queue: only passed on. */
struct GC_ms_entry;

/*
 * Pushes what the object at @addr points to, and returns the last value of @top.
 * Called with the world stopped, by the thread that collects; @addr may be an
 * object that was not filled in yet, which reads as zero.
 */
typedef struct GC_ms_entry *(*GC_mark_proc)(GC_word *addr,
					    struct GC_ms_entry *top,
					    struct GC_ms_entry *limit,
					    GC_word env);

#define GC_PROC_BYTES		100
#define GC_LOG_MAX_MARK_PROCS	6
#define GC_MAX_MARK_PROCS	(1 << GC_LOG_MAX_MARK_PROCS)
#define GC_RESERVED_MARK_PROCS	8

/* Where the pointers of an object are: two bits say how the others are read. */
#define GC_DS_TAG_BITS		2
#define GC_DS_TAGS		((1 << GC_DS_TAG_BITS) - 1)
#define GC_DS_LENGTH		0	/* in so many bytes */
#define GC_DS_BITMAP		1	/* bit 63: in the first word */
#define GC_DS_PROC		2	/* where a procedure finds them */
/* the descriptor lies in the object, or by what its first word points to */
#define GC_DS_PER_OBJECT	3
#define GC_INDIR_PER_OBJ_BIAS	0x10
#define GC_MAKE_PROC(proc, env) \
	(((((env) << GC_LOG_MAX_MARK_PROCS) | (proc)) << GC_DS_TAG_BITS) | \
	 GC_DS_PROC)

GC_API unsigned int GC_new_proc(GC_mark_proc proc);
GC_API void **GC_new_free_list(void);
GC_API unsigned int GC_new_kind(void **free_list, GC_word descriptor,
				int add_size, int clear);
GC_API void *GC_generic_malloc(size_t size, int kind)
	GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);

/* For a procedure: mark an object, and what it leads to. */
GC_API struct GC_ms_entry *GC_mark_and_push(void *obj, struct GC_ms_entry *top,
					    struct GC_ms_entry *limit,
					    void **src);

/* All objects lie between these. */
GC_API void *GC_least_plausible_heap_addr;
GC_API void *GC_greatest_plausible_heap_addr;

#define GC_MARK_AND_PUSH(obj, top, limit, src) \
	((GC_word)(obj) >= (GC_word)GC_least_plausible_heap_addr && \
	 (GC_word)(obj) <= (GC_word)GC_greatest_plausible_heap_addr ? \
	 GC_mark_and_push(obj, top, limit, src) : (top))

/*
 * Called with the world stopped, after all other roots.  It calls the function
 * that was set before, unless that is NULL, and the three below; nothing else.
 */
typedef void (*GC_push_other_roots_proc)(void);

extern GC_push_other_roots_proc GC_push_other_roots;
GC_API void GC_set_push_other_roots(GC_push_other_roots_proc fn);
GC_API GC_push_other_roots_proc GC_get_push_other_roots(void);
GC_API void GC_push_all(void *bottom, void *top);
GC_API void GC_push_conditional(void *bottom, void *top, int all);
GC_API void GC_set_mark_bit(const void *p);

#ifdef __cplusplus
}
#endif

#endif /* SHIM_COMPAT_GC_MARK_H */
