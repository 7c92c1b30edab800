# SPDX-License-Identifier: MIT
#
# `make install` for a machine, `make deb` for Debian's. PREFIX, and BINDIR, LIBDIR and so
# on, say where; DESTDIR is put before all of them.

VERSION		:= 0.1.0

PREFIX		?= /usr/local
BINDIR		?= $(PREFIX)/bin
LIBDIR		?= $(PREFIX)/lib
INCLUDEDIR	?= $(PREFIX)/include
DATADIR		?= $(PREFIX)/share
MANDIR		?= $(DATADIR)/man
UNITDIR		?= $(PREFIX)/lib/systemd/system
BASHDIR		?= $(DATADIR)/bash-completion/completions
ZSHDIR		?= $(DATADIR)/zsh/site-functions
FISHDIR		?= $(DATADIR)/fish/vendor_completions.d
UDEVDIR		?= /usr/lib/udev/rules.d
SRCDIR		?= /usr/src

PACKAGED_TOOLS	:= $(MODEL_TOOLS) $(BUILD)/neuron-dis $(BUILD)/neuron-ls $(BUILD)/neuron-profile \
	$(WATCH_TOOLS)
PC_FILES	:= neuron.pc nrt.pc
DRIVER_SOURCES	:= Kbuild $(wildcard driver/*.[ch] include/neuron/*.h include/uapi/drm/*.h)
# neuron-vm belongs to a checkout: it builds what it boots.
PACKAGED_PAGES	:= $(filter-out %/neuron-vm.1,$(wildcard tools/man/*.1))
COMPLETIONS	:= $(BUILD)/completions

.PHONY: install install-lib install-dev install-tools install-driver install-qemu uninstall packaged deb check-deb

# Options are those of --help, so the tools come first; without an rpath they have to be
# told where the library is.
$(COMPLETIONS): packaging/completions $(PACKAGED_TOOLS)
	$(call say,COMPLETE,$@)
	$(Q)rm -rf $@
	$(Q)LD_LIBRARY_PATH=$(BUILD)/lib packaging/completions $@ $(PACKAGED_TOOLS)

install: install-lib install-dev install-tools ## library, headers, tools, manual: DESTDIR=, PREFIX=

install-lib: $(BUILD)/lib/libneuron.so.1
	$(call say,INSTALL,$(DESTDIR)$(LIBDIR))
	$(Q)install -d $(DESTDIR)$(LIBDIR)
	$(Q)install -m 644 $< $(DESTDIR)$(LIBDIR)/libneuron.so.1
	$(Q)ln -sf libneuron.so.1 $(DESTDIR)$(LIBDIR)/libnrt.so.1

install-dev: install-lib $(BUILD)/man/man3
	$(call say,INSTALL,$(DESTDIR)$(INCLUDEDIR))
	$(Q)ln -sf libneuron.so.1 $(DESTDIR)$(LIBDIR)/libneuron.so
	$(Q)ln -sf libneuron.so.1 $(DESTDIR)$(LIBDIR)/libnrt.so
	$(Q)cd libneuron/include && find . -name '*.h' -exec \
		install -m 644 -D {} $(abspath $(DESTDIR)$(INCLUDEDIR))/{} \;
	$(Q)install -m 644 -D include/uapi/drm/neuron_accel.h \
		$(DESTDIR)$(INCLUDEDIR)/drm/neuron_accel.h
	$(Q)install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(MANDIR)/man3
	$(Q)for pc in $(PC_FILES); do \
		sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|' \
			-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|' \
			packaging/$$pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/$$pc || exit 1; \
	done
	$(Q)install -m 644 $(BUILD)/man/man3/* $(DESTDIR)$(MANDIR)/man3
	$(Q)install -m 644 -D libneuron/man/libneuron.7 $(DESTDIR)$(MANDIR)/man7/libneuron.7

install-tools: install-lib $(PACKAGED_TOOLS) $(COMPLETIONS)
	$(call say,INSTALL,$(DESTDIR)$(BINDIR))
	$(Q)install -d $(addprefix $(DESTDIR),$(BINDIR) $(MANDIR)/man1 $(UNITDIR) $(BASHDIR) \
		$(ZSHDIR) $(FISHDIR))
	$(Q)install $(PACKAGED_TOOLS) $(DESTDIR)$(BINDIR)
	$(Q)install -m 644 $(PACKAGED_PAGES) $(DESTDIR)$(MANDIR)/man1
	$(Q)sed 's|@BINDIR@|$(BINDIR)|' packaging/neuron-monitor.service.in \
		>$(DESTDIR)$(UNITDIR)/neuron-monitor.service
	$(Q)install -m 644 $(COMPLETIONS)/bash/neuron-run $(DESTDIR)$(BASHDIR)
	$(Q)for tool in $(filter-out neuron-run,$(notdir $(PACKAGED_TOOLS))); do \
		ln -sf neuron-run $(DESTDIR)$(BASHDIR)/$$tool || exit 1; \
	done
	$(Q)install -m 644 $(COMPLETIONS)/zsh/_neuron $(DESTDIR)$(ZSHDIR)
	$(Q)install -m 644 $(COMPLETIONS)/fish/* $(DESTDIR)$(FISHDIR)

# The module's source, as DKMS wants it, and who may open the device.
install-driver: ## the module's source for DKMS, and its udev rule
	$(call say,INSTALL,$(DESTDIR)$(SRCDIR)/neuron-$(VERSION))
	$(Q)for f in $(DRIVER_SOURCES); do \
		install -m 644 -D $$f $(DESTDIR)$(SRCDIR)/neuron-$(VERSION)/$$f || exit 1; \
	done
	$(Q)sed 's/#MODULE_VERSION#/$(VERSION)/' debian/neuron-dkms.dkms \
		>$(DESTDIR)$(SRCDIR)/neuron-$(VERSION)/dkms.conf
	$(Q)install -m 644 -D packaging/60-neuron-accel.rules \
		$(DESTDIR)$(UDEVDIR)/60-neuron-accel.rules

# QEMU with the device in it, beside a distribution's own.
install-qemu: $(QEMU_BIN)
	$(call say,INSTALL,$(DESTDIR)$(BINDIR)/neuron-qemu)
	$(Q)install -D $< $(DESTDIR)$(PREFIX)/libexec/neuron-qemu/qemu-system-x86_64
	$(Q)install -d $(DESTDIR)$(BINDIR)
	$(Q)sed 's|@PREFIX@|$(PREFIX)|' packaging/neuron-qemu.in >$(DESTDIR)$(BINDIR)/neuron-qemu
	$(Q)chmod 755 $(DESTDIR)$(BINDIR)/neuron-qemu
	$(Q)install -m 644 -D packaging/neuron-qemu.1 $(DESTDIR)$(MANDIR)/man1/neuron-qemu.1

uninstall: ## remove what `make install` with the same folders has put there
	$(call say,REMOVE,$(DESTDIR)$(PREFIX))
	$(Q)rm -f $(addprefix $(DESTDIR)$(BINDIR)/,$(notdir $(PACKAGED_TOOLS))) \
		$(addprefix $(DESTDIR)$(LIBDIR)/,libneuron.so.1 libnrt.so.1 libneuron.so libnrt.so) \
		$(addprefix $(DESTDIR)$(LIBDIR)/pkgconfig/,$(PC_FILES)) \
		$(addprefix $(DESTDIR)$(INCLUDEDIR)/,drm/neuron_accel.h \
			$(patsubst libneuron/include/%,%,$(NRT_HEADERS))) \
		$(addprefix $(DESTDIR)$(MANDIR)/man1/,$(notdir $(PACKAGED_PAGES))) \
		$(addprefix $(DESTDIR)$(MANDIR)/man3/,$(notdir $(wildcard $(BUILD)/man/man3/*))) \
		$(DESTDIR)$(MANDIR)/man7/libneuron.7 \
		$(DESTDIR)$(UNITDIR)/neuron-monitor.service $(DESTDIR)$(ZSHDIR)/_neuron \
		$(addprefix $(DESTDIR)$(BASHDIR)/,$(notdir $(PACKAGED_TOOLS))) \
		$(patsubst %,$(DESTDIR)$(FISHDIR)/%.fish,$(notdir $(PACKAGED_TOOLS)))
	$(Q)rmdir $(addprefix $(DESTDIR)$(INCLUDEDIR)/,nrt ndl) 2>/dev/null || true

packaged: $(BUILD)/lib/libneuron.so.1 $(PACKAGED_TOOLS) $(COMPLETIONS) $(BUILD)/man/man3

deb: qemu ## Debian packages into build/deb
	$(Q)scripts/build-deb

check-deb: deb ## the packages in a root of their own: installed, used, removed (minutes)
	$(Q)tests/run --logs $(BUILD)/check tests/packages/deb

HOST_TESTS += tests/packages/install tests/packages/lists
