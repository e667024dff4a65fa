# SPDX-License-Identifier: GPL-2.0-only
# Included by the top Makefile: what 'make install' puts where, and how it is
# taken away again.  DESTDIR is honoured throughout.  PREFIX and LIBDIR are for
# libraries, the command and their pages; the kernel's, systemd's and udev's
# places are fixed by those who read them.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
# usr merge or not, this is where systemd, udev and modprobe look
SYSLIB ?= /usr/lib
MODLIB ?= /lib/modules
dkms_dir := /usr/src/hugearena-$(VERSION)
export DESTDIR PREFIX LIBDIR VERSION

dist := tools/dist

# "6.1 6.12" of a processor as 6\.1|6\.12, for sed's right side
tested_re = $(shell sed -n '/define HA_TESTED_$(1)/{ s/.*"\(.*\)".*/\1/; \
	s/\./\\\\./g; s/ /|/g; p }' kmod/compat.h)

# between commands that foreach makes
define newline


endef

# Files that contain the paths they are installed to.
fill = sed -e 's,@PREFIX@,$(PREFIX),g' -e 's,@LIBDIR@,$(LIBDIR),g' \
	-e 's,@VERSION@,$(VERSION),g' -e 's/@TESTED@/$(call tested_re,X86_64)/g' \
	-e 's/@TESTED_ARM64@/$(call tested_re,ARM64)/g'

## install: libraries, command, pages, device rights, module (per kernel)
install: install-lib install-tools install-doc install-device install-kmod
ifeq ($(DESTDIR),)
	systemd-sysusers hugearena.conf || groupadd -f -r hugearena
	ldconfig
endif

## install-lib: every libshim*: shared, static, headers, pkg-config, CMake
install-lib: lib
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include \
		$(DESTDIR)$(LIBDIR)/cmake/libshim
	for so in $(o)/libshim*.so.0; do \
		install -m 644 $$so $(DESTDIR)$(LIBDIR)/ && \
		ln -sf $${so##*/} \
			$(DESTDIR)$(LIBDIR)/$$(basename $$so .0) || exit 1; \
	done
	install -m 644 $(o)/libshim*.a $(DESTDIR)$(LIBDIR)/
	install -m 644 libshim/include/*.h libshim/include/*.hpp \
		$(DESTDIR)$(PREFIX)/include/
	install -d $(DESTDIR)$(PREFIX)/include/shim-gc/gc
	install -m 644 libshim/compat/*.h $(DESTDIR)$(PREFIX)/include/shim-gc/
	install -m 644 libshim/compat/gc/*.h \
		$(DESTDIR)$(PREFIX)/include/shim-gc/gc/
	install -D -m 644 kmod/uapi/hugearena.h \
		$(DESTDIR)$(PREFIX)/include/linux/hugearena.h
	for pc in libshim/*.pc.in; do \
		$(fill) $$pc >$(DESTDIR)$(LIBDIR)/pkgconfig/$$(basename \
			$$pc .in) || exit 1; \
	done
	for pc in $(o)/libshim-*.pc; do \
		sed -e 's,^prefix=.*,prefix=$(PREFIX),' \
			-e 's,^libdir=.*,libdir=$(LIBDIR),' $$pc \
			>$(DESTDIR)$(LIBDIR)/pkgconfig/$${pc##*/} || exit 1; \
	done
	for f in config config-version; do \
		$(fill) $(dist)/libshim-$$f.cmake.in \
			>$(DESTDIR)$(LIBDIR)/cmake/libshim/libshim-$$f.cmake \
			|| exit 1; \
	done

## install-tools: the hugearena command and what it ships
install-tools: tools
	@$(MAKE) -s -C tools O=$(o) install
	install -D -m 644 $(dist)/hugearena.bash-completion \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/hugearena
	install -m 644 $(dist)/hugearena.modules-load \
		$(DESTDIR)$(PREFIX)/share/hugearena/modules-load.conf

## install-doc: manual pages
install-doc:
	$(foreach m,$(wildcard Documentation/man/*.[1-8]),install -D -m 644 $(m) \
		$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(m)))/$(notdir $(m))$(newline)	)

## install-device: the device's group and rights, the module's parameters
install-device:
	install -D -m 644 $(dist)/hugearena.sysusers \
		$(DESTDIR)$(SYSLIB)/sysusers.d/hugearena.conf
	install -D -m 644 $(dist)/hugearena.rules \
		$(DESTDIR)$(SYSLIB)/udev/rules.d/60-hugearena.rules
	install -D -m 644 $(dist)/hugearena.modprobe \
		$(DESTDIR)$(SYSLIB)/modprobe.d/hugearena.conf

## install-kmod: the module, built for every kernel with headers
# Whether depmod prefers this module or one that DKMS built depends on the machine:
# never install both.
install-kmod: kmod
	@for k in $(kernels); do \
		if [ -e "$(DESTDIR)$(MODLIB)/$$k/updates/dkms/hugearena.ko" ]; \
		then \
			echo "install-kmod: $$k has the module from DKMS:" \
				"'dkms remove hugearena/$(VERSION) --all'" \
				"first, or leave it to DKMS" >&2; \
			exit 1; \
		fi; \
	done
	$(foreach k,$(kernels),install -D -m 644 $(o)/$(k)/hugearena.ko \
		$(DESTDIR)$(MODLIB)/$(k)/updates/hugearena.ko$(newline)	)
ifeq ($(DESTDIR),)
	$(foreach k,$(kernels),depmod $(k)$(newline)	)
endif

## install-dkms: the module's source for DKMS, instead of install-kmod
install-dkms:
	install -d $(DESTDIR)$(dkms_dir)/uapi
	install -m 644 $(kmod_files) $(DESTDIR)$(dkms_dir)/
	install -m 644 $(wildcard kmod/uapi/*.h) $(DESTDIR)$(dkms_dir)/uapi/
	$(fill) $(dist)/dkms.conf >$(DESTDIR)$(dkms_dir)/dkms.conf
ifeq ($(DESTDIR),)
	@rm -f $(foreach k,$(installed),$(MODLIB)/$(k)/updates/hugearena.ko)
	dkms add hugearena/$(VERSION)
endif

## uninstall: what install has put there, by the same PREFIX and LIBDIR
uninstall:
	@rm -rf $(o)/uninstall
	@$(MAKE) -s install DESTDIR=$(o)/uninstall
	@cd $(o)/uninstall && find . ! -type d | sed 's,^\.,$(DESTDIR),' | \
		while read -r f; do \
			[ ! -e "$$f" ] && [ ! -L "$$f" ] || rm -v "$$f"; \
		done
	@rm -rf $(o)/uninstall
	@rmdir $(DESTDIR)$(PREFIX)/share/hugearena \
		$(DESTDIR)$(LIBDIR)/cmake/libshim 2>/dev/null || true
ifeq ($(DESTDIR),)
	$(foreach k,$(kernels),depmod $(k)$(newline)	)
	ldconfig
endif

## dist: a source archive, build/hugearena-VERSION.tar.xz
dist:
	@mkdir -p $(o)
	git archive --prefix=hugearena-$(VERSION)/ HEAD | \
		xz -T0 >$(o)/hugearena-$(VERSION).tar.xz

## deb: Debian packages, in build/deb
deb:
	@$(dist)/deb $(o) $(VERSION)

.PHONY: install install-lib install-tools install-doc install-device \
	install-kmod install-dkms uninstall dist deb
