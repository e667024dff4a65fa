# SPDX-License-Identifier: GPL-2.0-only
# Included by the top Makefile: what 'make install' puts where.  DESTDIR is
# honoured throughout; PREFIX is for the library, the command and their pages,
# while the kernel's and systemd's places are fixed by those who read them.

PREFIX ?= /usr/local
MODLIB := $(DESTDIR)/lib/modules
SYSLIB := $(DESTDIR)/usr/lib
lib := $(DESTDIR)$(PREFIX)/lib
dkms := $(DESTDIR)/usr/src/hugearena-$(VERSION)
export DESTDIR PREFIX VERSION

# "6.1 6.12" as 6\.1|6\.12, for sed's right side
tested_re = $(shell sed -n '/define HA_TESTED/{ s/.*"\(.*\)".*/\1/; \
	s/\./\\\\./g; s/ /|/g; p }' kmod/compat.h)

# between commands that foreach makes
define newline


endef

## install: module, library, command, dkms source, device rights
install: kmod lib tools
	$(foreach k,$(kernels),install -D -m 644 $(o)/$(k)/hugearena.ko \
		$(MODLIB)/$(k)/updates/hugearena.ko$(newline)	)
	install -D -m 755 $(o)/libshim.so.0 $(lib)/libshim.so.0
	ln -sf libshim.so.0 $(lib)/libshim.so
	install -m 644 $(o)/libshim.a $(lib)/
	install -D -m 644 libshim/include/shim.h $(DESTDIR)$(PREFIX)/include/shim.h
	install -d $(lib)/pkgconfig
	sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@LIBDIR@,$(PREFIX)/lib,' \
		-e 's,@VERSION@,$(VERSION),' libshim/libshim.pc.in \
		>$(lib)/pkgconfig/libshim.pc
	@$(MAKE) -s -C tools O=$(o) install
	$(foreach m,$(wildcard Documentation/man/*.[1-8]),install -D -m 644 $(m) \
		$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(m)))/$(notdir $(m))$(newline)	)
	install -D -m 644 kmod/uapi/hugearena.h \
		$(DESTDIR)$(PREFIX)/include/linux/hugearena.h
	install -D -m 644 kmod/dist/hugearena.sysusers \
		$(SYSLIB)/sysusers.d/hugearena.conf
	install -D -m 644 kmod/dist/hugearena.rules \
		$(SYSLIB)/udev/rules.d/60-hugearena.rules
	install -D -m 644 kmod/dist/hugearena.modules-load \
		$(SYSLIB)/modules-load.d/hugearena.conf
	install -D -m 644 kmod/dist/hugearena.modprobe \
		$(SYSLIB)/modprobe.d/hugearena.conf
	install -d $(dkms)/uapi
	install -m 644 $(kmod_files) $(dkms)/
	install -m 644 $(wildcard kmod/uapi/*.h) $(dkms)/uapi/
	sed -e 's/@VERSION@/$(VERSION)/' -e 's/@TESTED@/$(tested_re)/' \
		kmod/dist/dkms.conf >$(dkms)/dkms.conf
ifeq ($(DESTDIR),)
	systemd-sysusers hugearena.conf || groupadd -f -r hugearena
	$(foreach k,$(kernels),depmod $(k)$(newline)	)
	ldconfig
endif

.PHONY: install
