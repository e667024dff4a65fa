/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gc/gc.h: the calls of the Boehm-Demers-Weiser collector (libgc), made by
 * libshim-gc.
 *
 * For programs written for libgc: compile with this folder before the system's
 * and link with -lshim-gc instead of -lgc.  Names and meanings of arguments are
 * libgc's, so that its documentation applies; shim_gc(3) says what differs.
 * What is not declared here is not there.
 */
#ifndef SHIM_COMPAT_GC_H
#define SHIM_COMPAT_GC_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef GC_THREADS
#define GC_PTHREADS
#include <pthread.h>
#include <signal.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of libgc whose interface this is. */
#define GC_VERSION_MAJOR	8
#define GC_VERSION_MINOR	2
#define GC_VERSION_MICRO	2
#define GC_TMP_VERSION_MAJOR	GC_VERSION_MAJOR
#define GC_TMP_VERSION_MINOR	GC_VERSION_MINOR

#ifndef GC_API
#define GC_API			extern
#endif
#define GC_CALL
#define GC_CALLBACK
#define GC_ATTR_MALLOC		__attribute__((__malloc__))
#define GC_ATTR_ALLOC_SIZE(n)	__attribute__((__alloc_size__(n)))
#define GC_ATTR_UNUSED		__attribute__((__unused__))
#define GC_ATTR_DEPRECATED	__attribute__((__deprecated__))
#define GC_UNDERSCORE_STDCALL

typedef uintptr_t GC_word;
typedef intptr_t GC_signed_word;
typedef GC_word GC_hidden_pointer;
typedef void *GC_PTR;

#define GC_WORD_MAX		(~(GC_word)0)
#define GC_SWORD_MAX		((GC_signed_word)(GC_WORD_MAX >> 1))

/* Results. */
#define GC_SUCCESS		0
#define GC_DUPLICATE		1
#define GC_NO_THREADS		2
#define GC_UNIMPLEMENTED	3
#define GC_NOT_FOUND		4
#define GC_NO_MEMORY		2
#define GC_TIME_UNLIMITED	999999

typedef void *(*GC_oom_func)(size_t bytes);
typedef void (*GC_warn_proc)(char *message, GC_word arg);
typedef void (*GC_abort_func)(const char *message);
typedef void (*GC_finalization_proc)(void *obj, void *data);
typedef void (*GC_finalizer_notifier_proc)(void);
typedef void (*GC_start_callback_proc)(void);
typedef int (*GC_stop_func)(void);
typedef void *(*GC_fn_type)(void *data);

/* Start, and settings. */
GC_API void GC_init(void);
GC_API int GC_is_init_called(void);
GC_API unsigned int GC_get_version(void);
GC_API void GC_set_free_space_divisor(GC_word divisor);
GC_API GC_word GC_get_free_space_divisor(void);
GC_API void GC_set_max_heap_size(GC_word bytes);
GC_API int GC_expand_hp(size_t bytes);
GC_API void GC_set_all_interior_pointers(int on);
GC_API int GC_get_all_interior_pointers(void);
GC_API void GC_set_oom_fn(GC_oom_func fn);
GC_API GC_oom_func GC_get_oom_fn(void);
GC_API void GC_set_warn_proc(GC_warn_proc fn);
GC_API GC_warn_proc GC_get_warn_proc(void);
GC_API void GC_ignore_warn_proc(char *message, GC_word arg);
GC_API void GC_set_abort_func(GC_abort_func fn);
GC_API GC_abort_func GC_get_abort_func(void);
GC_API void GC_set_no_dls(int on);
GC_API int GC_get_no_dls(void);
GC_API void GC_set_find_leak(int on);
GC_API int GC_get_find_leak(void);
GC_API void GC_set_start_callback(GC_start_callback_proc fn);
GC_API GC_start_callback_proc GC_get_start_callback(void);
GC_API void GC_set_handle_fork(int value);
GC_API void GC_atfork_prepare(void);
GC_API void GC_atfork_parent(void);
GC_API void GC_atfork_child(void);
GC_API void GC_set_markers_count(unsigned int n);
GC_API int GC_get_parallel(void);
GC_API void GC_start_mark_threads(void);
GC_API void GC_set_suspend_signal(int sig);
GC_API int GC_get_suspend_signal(void);
GC_API int GC_get_thr_restart_signal(void);
GC_API void GC_set_manual_vdb_allowed(int on);
GC_API int GC_get_manual_vdb_allowed(void);
GC_API void GC_set_time_limit(unsigned long ms);
GC_API unsigned long GC_get_time_limit(void);
GC_API void GC_set_full_freq(int n);
GC_API int GC_get_full_freq(void);

#define GC_INIT()		GC_init()

/* Objects. */
GC_API void *GC_malloc(size_t size)
	GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_malloc_atomic(size_t size)
	GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_malloc_uncollectable(size_t size)
	GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_malloc_atomic_uncollectable(size_t size)
	GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_malloc_ignore_off_page(size_t size)
	GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_malloc_atomic_ignore_off_page(size_t size)
	GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_malloc_stubborn(size_t size)
	GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_realloc(void *p, size_t size) GC_ATTR_ALLOC_SIZE(2);
GC_API void GC_free(void *p);
GC_API char *GC_strdup(const char *s) GC_ATTR_MALLOC;
GC_API char *GC_strndup(const char *s, size_t n) GC_ATTR_MALLOC;
GC_API void *GC_memalign(size_t align, size_t size) GC_ATTR_MALLOC;
GC_API int GC_posix_memalign(void **p, size_t align, size_t size);
GC_API void *GC_base(void *p);
GC_API size_t GC_size(const void *p);
GC_API int GC_is_heap_ptr(const void *p);
GC_API void *GC_malloc_many(size_t size);
GC_API void *GC_is_visible(void *p);
GC_API void *GC_is_valid_displacement(void *p);
GC_API void *GC_same_obj(void *p, void *q);
GC_API void GC_register_displacement(size_t n);

#define GC_NEXT(p)		(*(void **)(p))
#define GC_MALLOC(n)		GC_malloc(n)
#define GC_MALLOC_ATOMIC(n)	GC_malloc_atomic(n)
#define GC_MALLOC_UNCOLLECTABLE(n) GC_malloc_uncollectable(n)
#define GC_MALLOC_ATOMIC_UNCOLLECTABLE(n) GC_malloc_atomic_uncollectable(n)
#define GC_MALLOC_IGNORE_OFF_PAGE(n) GC_malloc_ignore_off_page(n)
#define GC_MALLOC_ATOMIC_IGNORE_OFF_PAGE(n) GC_malloc_atomic_ignore_off_page(n)
#define GC_MALLOC_STUBBORN(n)	GC_malloc(n)
#define GC_REALLOC(p, n)	GC_realloc(p, n)
#define GC_FREE(p)		GC_free(p)
#define GC_STRDUP(s)		GC_strdup(s)
#define GC_STRNDUP(s, n)	GC_strndup(s, n)
#define GC_NEW(t)		((t *)GC_MALLOC(sizeof(t)))
#define GC_NEW_ATOMIC(t)	((t *)GC_MALLOC_ATOMIC(sizeof(t)))
#define GC_NEW_STUBBORN(t)	((t *)GC_MALLOC(sizeof(t)))
#define GC_NEW_UNCOLLECTABLE(t)	((t *)GC_MALLOC_UNCOLLECTABLE(sizeof(t)))

/* Collections. */
GC_API void GC_gcollect(void);
GC_API void GC_gcollect_and_unmap(void);
GC_API int GC_try_to_collect(GC_stop_func fn);
GC_API int GC_collect_a_little(void);
GC_API void GC_enable(void);
GC_API void GC_disable(void);
GC_API int GC_is_disabled(void);
GC_API void GC_enable_incremental(void);
GC_API int GC_is_incremental_mode(void);
GC_API void GC_dump(void);
GC_API GC_word GC_get_gc_no(void);
GC_API size_t GC_get_heap_size(void);
GC_API size_t GC_get_free_bytes(void);
GC_API size_t GC_get_unmapped_bytes(void);
GC_API size_t GC_get_bytes_since_gc(void);
GC_API size_t GC_get_total_bytes(void);
GC_API size_t GC_get_memory_use(void);
GC_API size_t GC_get_expl_freed_bytes_since_gc(void);
GC_API void GC_get_heap_usage_safe(GC_word *heap_size, GC_word *free_bytes,
				   GC_word *unmapped_bytes,
				   GC_word *bytes_since_gc,
				   GC_word *total_bytes);

/* Stores need no call; these are for programs that make one nevertheless. */
GC_API void GC_end_stubborn_change(const void *p);
GC_API void GC_ptr_store_and_dirty(void *p, const void *q);

#define GC_change_stubborn(p)	((void)(p))
#define GC_END_STUBBORN_CHANGE(p) GC_end_stubborn_change(p)
#define GC_PTR_STORE(p, q)	(*(void **)(p) = (void *)(q))
#define GC_PTR_STORE_AND_DIRTY(p, q) GC_ptr_store_and_dirty(p, q)
#define GC_reachable_here(p)	__asm__ volatile("" : : "X"(p) : "memory")

/* Roots. */
GC_API void GC_add_roots(void *low, void *high_plus_1);
GC_API void GC_remove_roots(void *low, void *high_plus_1);
GC_API void GC_clear_roots(void);
GC_API void GC_exclude_static_roots(void *low, void *high_plus_1);

/* Pointers that do not keep their target alive. */
#define GC_HIDE_POINTER(p)	(~(GC_hidden_pointer)(p))
#define GC_REVEAL_POINTER(p)	((void *)GC_HIDE_POINTER(p))
#define HIDE_POINTER(p)		GC_HIDE_POINTER(p)
#define REVEAL_POINTER(p)	GC_REVEAL_POINTER(p)

GC_API int GC_register_disappearing_link(void **link);
GC_API int GC_general_register_disappearing_link(void **link, const void *obj);
GC_API int GC_unregister_disappearing_link(void **link);
GC_API int GC_move_disappearing_link(void **link, void **new_link);
GC_API int GC_register_long_link(void **link, const void *obj);
GC_API int GC_unregister_long_link(void **link);
GC_API int GC_move_long_link(void **link, void **new_link);
GC_API void *GC_call_with_alloc_lock(GC_fn_type fn, void *data);

#define GC_GENERAL_REGISTER_DISAPPEARING_LINK(link, obj) \
	GC_general_register_disappearing_link(link, obj)
#define GC_REGISTER_LONG_LINK(link, obj) GC_register_long_link(link, obj)

/* Finalizers. */
GC_API void GC_register_finalizer(void *obj, GC_finalization_proc fn,
				  void *data, GC_finalization_proc *old_fn,
				  void **old_data);
GC_API void GC_register_finalizer_ignore_self(void *obj,
					      GC_finalization_proc fn,
					      void *data,
					      GC_finalization_proc *old_fn,
					      void **old_data);
GC_API void GC_register_finalizer_no_order(void *obj,
					   GC_finalization_proc fn, void *data,
					   GC_finalization_proc *old_fn,
					   void **old_data);
GC_API void GC_register_finalizer_unreachable(void *obj,
					      GC_finalization_proc fn,
					      void *data,
					      GC_finalization_proc *old_fn,
					      void **old_data);
GC_API int GC_should_invoke_finalizers(void);
GC_API int GC_invoke_finalizers(void);
GC_API void GC_finalize_all(void);
GC_API void GC_set_finalize_on_demand(int on);
GC_API int GC_get_finalize_on_demand(void);
GC_API void GC_set_finalizer_notifier(GC_finalizer_notifier_proc fn);
GC_API GC_finalizer_notifier_proc GC_get_finalizer_notifier(void);
GC_API void GC_set_java_finalization(int on);
GC_API int GC_get_java_finalization(void);

#define GC_REGISTER_FINALIZER(p, f, d, of, od) \
	GC_register_finalizer(p, f, d, of, od)
#define GC_REGISTER_FINALIZER_IGNORE_SELF(p, f, d, of, od) \
	GC_register_finalizer_ignore_self(p, f, d, of, od)
#define GC_REGISTER_FINALIZER_NO_ORDER(p, f, d, of, od) \
	GC_register_finalizer_no_order(p, f, d, of, od)
#define GC_REGISTER_FINALIZER_UNREACHABLE(p, f, d, of, od) \
	GC_register_finalizer_unreachable(p, f, d, of, od)

/* Threads: all are known, registered or not. */
struct GC_stack_base {
	void *mem_base;
};

typedef void *(*GC_stack_base_func)(struct GC_stack_base *sb, void *arg);

GC_API int GC_get_stack_base(struct GC_stack_base *sb);
GC_API void *GC_call_with_stack_base(GC_stack_base_func fn, void *arg);
GC_API void GC_allow_register_threads(void);
GC_API int GC_register_my_thread(const struct GC_stack_base *sb);
GC_API int GC_unregister_my_thread(void);
GC_API int GC_thread_is_registered(void);
GC_API void *GC_do_blocking(GC_fn_type fn, void *data);
GC_API void *GC_call_with_gc_active(GC_fn_type fn, void *data);

/*
 * Threads begin and end as usual: these are the C library's, by the names that
 * libgc's header gives to them, for programs that were compiled with it.
 */
#ifdef GC_PTHREADS
GC_API int GC_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			     void *(*fn)(void *arg), void *arg);
GC_API int GC_pthread_join(pthread_t thread, void **result);
GC_API int GC_pthread_detach(pthread_t thread);
GC_API int GC_pthread_cancel(pthread_t thread);
GC_API void GC_pthread_exit(void *result) __attribute__((__noreturn__));
GC_API int GC_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
GC_API void *GC_dlopen(const char *path, int mode);
#endif

/* Objects with a known layout. */
typedef GC_word *GC_bitmap;
typedef GC_word GC_descr;

#define GC_WORDSZ		(8 * sizeof(GC_word))
#define GC_WORD_LEN(t)		(sizeof(t) / sizeof(GC_word))
#define GC_WORD_OFFSET(t, f)	(offsetof(t, f) / sizeof(GC_word))
#define GC_BITMAP_SIZE(t)	((GC_WORD_LEN(t) + GC_WORDSZ - 1) / GC_WORDSZ)
#define GC_get_bit(bm, i)	((bm)[(i) / GC_WORDSZ] >> ((i) % GC_WORDSZ) & 1)
#define GC_set_bit(bm, i) \
	((bm)[(i) / GC_WORDSZ] |= (GC_word)1 << ((i) % GC_WORDSZ))

GC_API GC_descr GC_make_descriptor(const GC_word *bitmap, size_t len);
GC_API void *GC_malloc_explicitly_typed(size_t size, GC_descr d)
	GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_calloc_explicitly_typed(size_t n, size_t size, GC_descr d)
	GC_ATTR_MALLOC;
GC_API void *GC_malloc_explicitly_typed_ignore_off_page(size_t size, GC_descr d)
	GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);

#define GC_MALLOC_EXPLICITLY_TYPED(n, d) GC_malloc_explicitly_typed(n, d)
#define GC_CALLOC_EXPLICITLY_TYPED(n, s, d) GC_calloc_explicitly_typed(n, s, d)

#ifdef __cplusplus
}
#endif

#endif /* SHIM_COMPAT_GC_H */
