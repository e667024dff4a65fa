# SPDX-License-Identifier: LGPL-2.1-or-later
# above: the libraries that are built on the core through the seam.
#
# Included by the Makefile.  A folder with a .map file is such a library:
#
#	box/*.c and box/libshim-box.map  ->  libshim-box.so.0 .so .a .pc
#
# box_core names files of the core that are compiled into it as well, box_fast
# those of its own that are compiled for speed beyond -O2, box_libs what it is
# linked with and box_requires the pkg-config packages that it needs.  A library
# does not name libshim.so.0: it finds the seam if the process has it.

box_core := lock
# the C library's is faster for half a kilobyte than rep stos
box_cflags := -fno-builtin-memset
box_about := regions, pools, heaps, vectors, scopes and counted references

co_core := lock error sizeclass
co_about := coroutines and their stacks
co_libs := -luring -lgcc_s -lpthread
co_requires := liburing

gc_core := lock sizeclass
# dlsym(), before glibc 2.34
gc_libs := -ldl
gc_cflags := -I$(gen)
gc_about := a concurrent garbage collector

vpath %.c base
above := $(patsubst %/,%,$(dir $(wildcard box/*.map co/*.map gc/*.map)))

above_cflags = -std=gnu11 -D_GNU_SOURCE $(WARN) -fPIC -fvisibility=hidden \
	$(no_plt) -ftls-model=initial-exec -fno-semantic-interposition \
	-fexceptions -O2 -MMD -MP -Iinclude -I. -I$(gen) $(OPT) $(CPPFLAGS) \
	-U_FORTIFY_SOURCE $(CFLAGS) -fno-lto
above_ldflags = -shared -Wl,-z,defs -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro \
	-Wl,-O1 -Wl,--hash-style=gnu $(LDFLAGS)

# One sentence that names the fix, before the compiler fails for a lesser one.
ifneq ($(filter co,$(above)),)
ifeq ($(wildcard $(SYSROOT)/usr/include/liburing.h $(SYSROOT)/usr/local/include/liburing.h),)
$(error libshim-co needs liburing: 'apt-get install liburing-dev liburcu-dev')
endif
endif

# above_library FOLDER
define above_library
$(1)_obj := $(out)/libshim-$(1)
$(1)_objects := $$(patsubst $(1)/%.c,$$($(1)_obj)/%.o,$$(sort $$(wildcard $(1)/*.c $(1)/*.S))) \
	$$($(1)_core:%=$$($(1)_obj)/core_%.o)
$(1)_objects := $$(patsubst $(1)/%.S,$$($(1)_obj)/%.o,$$($(1)_objects))

all: $(out)/libshim-$(1).so.0 $(out)/libshim-$(1).so $(out)/libshim-$(1).a \
	$(out)/libshim-$(1).pc

$$($(1)_obj)/%.o: $(1)/%.c Makefile above.mk
	@mkdir -p $$(@D)
	@echo "  CC      libshim/$$<"
	@$$(CC) $$(above_cflags) $$($(1)_cflags) -MT $$@ -c -o $$@ $$<

$$($(1)_obj)/%.o: $(1)/%.S Makefile above.mk
	@mkdir -p $$(@D)
	@echo "  AS      libshim/$$<"
	@$$(CC) $$(above_cflags) -MT $$@ -c -o $$@ $$<

$$($(1)_obj)/core_%.o: %.c Makefile above.mk | $(gen)/sizeclass_count.h \
		$(gen)/sizeclass_table.h
	@mkdir -p $$(@D)
	@$$(CC) $$(above_cflags) $$($(1)_cflags) -MT $$@ -c -o $$@ $$<

$$($(1)_objects): | $(gen)/sizeclass_count.h $(gen)/sizeclass_table.h

$(out)/libshim-$(1).so.0: $$($(1)_objects) $(1)/libshim-$(1).map
	@echo "  LD      $$@"
	@$$(CC) $$(above_ldflags) -Wl,-soname,$$(@F) \
		-Wl,--version-script=$(1)/libshim-$(1).map \
		-o $$@ $$($(1)_objects) $$($(1)_libs)

$(out)/libshim-$(1).so: $(out)/libshim-$(1).so.0
	@ln -sf $$(<F) $$@

$(out)/libshim-$(1).a: $$($(1)_objects)
	@echo "  AR      $$@"
	@$$(LD) -r -o $$($(1)_obj)/all.ro $$($(1)_objects)
	@$$(OBJCOPY) --localize-hidden $$($(1)_obj)/all.ro $$($(1)_obj)/$(1).ro
	@rm -f $$@ $$($(1)_obj)/all.ro
	@$$(AR) rcs $$@ $$($(1)_obj)/$(1).ro

$(out)/libshim-$(1).pc: libshim-above.pc.tmpl Makefile above.mk
	@sed -e 's,@PREFIX@,$$(PREFIX),' -e 's,@LIBDIR@,$$(LIBDIR),' \
		-e 's,@VERSION@,$$(VERSION),' -e 's,@NAME@,libshim-$(1),' \
		-e 's,@SHORT@,shim-$(1),' \
		-e 's#@ABOUT@#$$($(1)_about)#' -e 's,@LIBS@,$$($(1)_libs),' \
		$$< >$$@

-include $$(wildcard $$($(1)_obj)/*.d)

clean-$(1):
	rm -rf $$($(1)_obj) $$(wildcard $(out)/libshim-$(1).*)
clean: clean-$(1)
.PHONY: clean-$(1)
endef
$(foreach l,$(above),$(eval $(call above_library,$(l))))
