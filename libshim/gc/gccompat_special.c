// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gccompat_special: libgc's finalizers, links, threads and layouts, on top of
 * ours.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#define GC_THREADS		/* their functions are declared, too */
#pragma GCC visibility push(default)
#include "compat/gc/gc.h"
#pragma GCC visibility pop

#include "finalizer.h"
#include "gcexport.h"
#include "gcalloc.h"
#include "gclog.h"
#include "gcmeta.h"
#include "special.h"
#include "stop.h"

static int java;

static int link_result(int err)
{
	switch (err) {
	case 0:
		return GC_SUCCESS;
	case EEXIST:
		return GC_DUPLICATE;
	case ENOENT:
		return GC_NOT_FOUND;
	default:
		return GC_NO_MEMORY;
	}
}

int GC_general_register_disappearing_link(void **link, const void *obj)
{
	return link_result(special_link((uintptr_t *)link, obj, false));
}

int GC_register_disappearing_link(void **link)
{
	void *base = shim_gc_base(link);

	if (!base)
		gclog_die("GC_register_disappearing_link: %p is not in an object",
			  (void *)link);
	return GC_general_register_disappearing_link(link, base);
}

int GC_unregister_disappearing_link(void **link)
{
	return special_unlink((uintptr_t *)link, false);
}

int GC_move_disappearing_link(void **link, void **new_link)
{
	return link_result(special_move_link((uintptr_t *)link,
					     (uintptr_t *)new_link, false));
}

int GC_register_long_link(void **link, const void *obj)
{
	return link_result(special_link((uintptr_t *)link, obj, true));
}

int GC_unregister_long_link(void **link)
{
	return special_unlink((uintptr_t *)link, true);
}

int GC_move_long_link(void **link, void **new_link)
{
	return link_result(special_move_link((uintptr_t *)link,
					     (uintptr_t *)new_link, true));
}

/* While the lock is held, nothing is cleared. */
void *GC_call_with_alloc_lock(GC_fn_type fn, void *data)
{
	void *ret;

	special_lock();
	ret = fn(data);
	special_unlock();
	return ret;
}

/* libgc ignores a finalizer for an address that is not an object. */
static void finalizer(void *obj, GC_finalization_proc fn, void *data,
		      unsigned int order, GC_finalization_proc *old_fn,
		      void **old_data)
{
	GC_init();
	if (finalizer_set(obj, fn, data, order, old_fn, old_data) ==
	    ENOMEM)
		GC_get_oom_fn()(64);
}

void GC_register_finalizer(void *obj, GC_finalization_proc fn, void *data,
			   GC_finalization_proc *old_fn, void **old_data)
{
	finalizer(obj, fn, data, java ? FINALIZER_NO_ORDER : FINALIZER_ORDERED,
		  old_fn, old_data);
}

void GC_register_finalizer_ignore_self(void *obj, GC_finalization_proc fn,
				       void *data,
				       GC_finalization_proc *old_fn,
				       void **old_data)
{
	finalizer(obj, fn, data, FINALIZER_IGNORE_SELF, old_fn, old_data);
}

void GC_register_finalizer_no_order(void *obj, GC_finalization_proc fn,
				    void *data, GC_finalization_proc *old_fn,
				    void **old_data)
{
	finalizer(obj, fn, data, FINALIZER_NO_ORDER, old_fn, old_data);
}

void GC_register_finalizer_unreachable(void *obj, GC_finalization_proc fn,
				       void *data,
				       GC_finalization_proc *old_fn,
				       void **old_data)
{
	finalizer(obj, fn, data, FINALIZER_LAST, old_fn, old_data);
}

int GC_should_invoke_finalizers(void)
{
	return finalizer_nr_ready() != 0;
}

int GC_invoke_finalizers(void)
{
	return (int)finalizer_run();
}

void GC_finalize_all(void)
{
	finalizer_all_ready();
	finalizer_run();
}

void GC_set_java_finalization(int on)
{
	java = on;
}

int GC_get_java_finalization(void)
{
	return java;
}

int GC_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
		      void *(*fn)(void *arg), void *arg)
{
	return pthread_create(thread, attr, fn, arg);
}

int GC_pthread_join(pthread_t thread, void **result)
{
	return pthread_join(thread, result);
}

int GC_pthread_detach(pthread_t thread)
{
	return pthread_detach(thread);
}

int GC_pthread_cancel(pthread_t thread)
{
	return pthread_cancel(thread);
}

void GC_pthread_exit(void *result)
{
	pthread_exit(result);
}

/* Ours, which leaves the signal of stop out of the set: sigmask.c. */
int GC_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return pthread_sigmask(how, set, old);
}

/* Segments of what is loaded meanwhile are roots by the next stop. */
void *GC_dlopen(const char *path, int mode)
{
	return dlopen(path, mode);
}

int GC_get_stack_base(struct GC_stack_base *sb)
{
	pthread_attr_t attr;
	void *addr;
	size_t size;

	if (pthread_getattr_np(pthread_self(), &attr))
		return GC_UNIMPLEMENTED;
	pthread_attr_getstack(&attr, &addr, &size);
	pthread_attr_destroy(&attr);
	sb->mem_base = (char *)addr + size;
	return GC_SUCCESS;
}

void *GC_call_with_stack_base(GC_stack_base_func fn, void *arg)
{
	struct GC_stack_base sb;

	GC_get_stack_base(&sb);
	return fn(&sb, arg);
}

void GC_allow_register_threads(void)
{
}

int GC_register_my_thread(const struct GC_stack_base *sb)
{
	(void)sb;
	GC_init();
	if (gcthread_me)
		return GC_DUPLICATE;
	return gcthread_enter() ? GC_SUCCESS : GC_NO_MEMORY;
}

int GC_unregister_my_thread(void)
{
	gcthread_leave();
	return GC_SUCCESS;
}

int GC_thread_is_registered(void)
{
	return gcthread_me ? 1 : 0;
}

void *GC_do_blocking(GC_fn_type fn, void *data)
{
	return shim_gc_blocked(fn, data);
}

void *GC_call_with_gc_active(GC_fn_type fn, void *data)
{
	return stop_active(fn, data);
}

/*
 * A layout describes an element; objects of an explicit type are arrays of it.
 * 0 is a layout without pointers.  Layouts are never freed, as in libgc.
 */
GC_descr GC_make_descriptor(const GC_word *bitmap, size_t len)
{
	struct shim_gc_type *type;
	unsigned int *offset, nr = 0;
	size_t i;

	while (len && !GC_get_bit(bitmap, len - 1))
		len--;
	for (i = 0; i < len; i++)
		nr += GC_get_bit(bitmap, i);
	if (!nr)
		return 0;
	type = gcmeta_alloc(sizeof(*type) + nr * sizeof(*offset));
	if (!type)
		return 0;
	offset = (unsigned int *)(type + 1);
	type->size = len * sizeof(GC_word);
	type->offset = offset;
	for (i = 0; i < len; i++)
		if (GC_get_bit(bitmap, i))
			offset[type->nr++] =
				(unsigned int)(i * sizeof(GC_word));
	return (GC_descr)type;
}

void *GC_malloc_explicitly_typed(size_t size, GC_descr d)
{
	const struct shim_gc_type *type = (const void *)d;
	void *p;

	GC_init();
	if (!type) {
		p = GC_malloc_atomic(size);
		return p ? memset(p, 0, size) : NULL;
	}
	if (size < type->size)
		size = type->size;
	p = gcalloc_typed(size, type);
	return p ? p : GC_get_oom_fn()(size);
}

void *GC_malloc_explicitly_typed_ignore_off_page(size_t size, GC_descr d)
{
	return GC_malloc_explicitly_typed(size, d);
}

/*
 * A layout does not contain trailing words without pointers, so the whole
 * object is scanned.
 */
void *GC_calloc_explicitly_typed(size_t n, size_t size, GC_descr d)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return GC_get_oom_fn()(SIZE_MAX);
	return d ? GC_malloc(bytes) : GC_malloc_explicitly_typed(bytes, 0);
}
