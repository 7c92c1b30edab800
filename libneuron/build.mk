# SPDX-License-Identifier: MIT
#
# libneuron.so.1, the runtime, with libnrt names for it; libneuron.a is the same
# for tests, which want to reach inside and to run under sanitizers.

comma		:= ,
LIBNEURON_SRCS	:= $(wildcard libneuron/*.c)
# With the operators of host steps; compiler/build.mk has their objects.
LIBNEURON_OBJS	:= $(LIBNEURON_SRCS:%.c=$(BUILD)/obj/%.o) $(HOSTOPS_OBJS)
LIBNEURON_DEPS	:= $(BUILD)/lib/libnchip.a $(BUILD)/lib/libnkernels.a
LIBNEURON_DRM	:= $(shell pkg-config --cflags libdrm 2>/dev/null)

# What a program that links the library statically links, in this order.
LIBNEURON_LIBS	= $(BUILD)/lib/libneuron.a $(NCHIP_LIBS) -ldrm

# What a program that uses the library compiles and links with. NRT_RPATH= for the
# system's own folders.
NRT_CPPFLAGS	:= -Ilibneuron/include
NRT_RPATH	?= $$ORIGIN/lib:$$ORIGIN/../lib:$$ORIGIN/../../lib
NRT_LIBS	:= -L$(BUILD)/lib $(if $(NRT_RPATH),-Wl$(comma)-rpath$(comma)'$(NRT_RPATH)') -lnrt

$(foreach src,$(LIBNEURON_SRCS),$(eval CFLAGS-$(src:%.c=%) := \
	-Iinclude/uapi $(LIBNEURON_DRM)))

LIBNEURON_NAMES	:= $(addprefix $(BUILD)/lib/,libneuron.so libnrt.so libnrt.so.1)

all: libneuron
.PHONY: libneuron
libneuron: $(LIBNEURON_NAMES) $(BUILD)/lib/libneuron.a ## the runtime library

$(BUILD)/lib/libneuron.a: $(LIBNEURON_OBJS)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# Programs that say -lnrt or -lneuron both record libneuron.so.1. The name
# libnrt.so.1 is for those that open it at run time.
$(BUILD)/lib/libneuron.so.1: $(LIBNEURON_OBJS) libneuron/libneuron.map $(LIBNEURON_DEPS)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,$(@F) -Wl,-z,relro,-z,now \
		-Wl,--version-script=libneuron/libneuron.map -Wl,--as-needed \
		-o $@ $(LIBNEURON_OBJS) $(NCHIP_LIBS) -ldrm

$(LIBNEURON_NAMES): $(BUILD)/lib/libneuron.so.1
	$(Q)ln -sf $(<F) $@

# Manual pages of the calls, from the comments in the headers.
NRT_HEADERS	:= $(shell find libneuron/include -name '*.h')

all: $(BUILD)/man/man3
$(BUILD)/man/man3: $(NRT_HEADERS) libneuron/man/kdoc2man libneuron/man/libneuron.7
	$(call say,MAN,$@)
	$(Q)rm -rf $@
	$(Q)libneuron/man/kdoc2man $@ $(NRT_HEADERS)
	$(Q)install -m 644 -D libneuron/man/libneuron.7 $(BUILD)/man/man7/libneuron.7
	$(Q)touch $@

# What of libnrt's API there is, and what programs that are there rely on. Both are
# kept in the tree, so that a change of them is seen; tests/unit/nrt_headers compares.
NRT_API_TABLE	:= libneuron/api/coverage libneuron/api/libnrt.txt libneuron/include \
			$(wildcard tests/unit/nrt_*.c)
NRT_ABI		:= libneuron/api/abi $(BUILD)/lib/libneuron.so.1 libneuron/include

.PHONY: api
api: libneuron ## write down the API's coverage and the ABI anew
	$(Q)$(NRT_API_TABLE) >libneuron/API.md
	$(Q)$(NRT_ABI) >libneuron/api/libneuron.abi

# They link statically, so that sanitizers see the library, too.
NRT_UNIT_TESTS := neff neff_steps nrt_steps nrt_init nrt_tensor nrt_execute nrt_threads nrt_device nrt_alloc \
	nrt_calls nrt_async nrt_profile nrt_version nrt_errors nrt_failing nrt_driver nrt_refused

# Those of the API run in the VM as well, with the driver.
VM_TESTS += $(addprefix $(BUILD)/tests/unit/,$(filter-out nrt_version nrt_driver,$(filter nrt_%,$(NRT_UNIT_TESTS))))

define NRT_UNIT_TEST
UNIT_TESTS += $$(BUILD)/tests/unit/$(1)
CFLAGS-tests/unit/$(1) := $$(NRT_CPPFLAGS)
$$(BUILD)/tests/unit/$(1): $$(BUILD)/obj/tests/unit/$(1).o $$(BUILD)/lib/libneuron.a $$(LIBNEURON_DEPS)
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $$(LIBNEURON_LIBS)
endef
$(foreach t,$(NRT_UNIT_TESTS),$(eval $(call NRT_UNIT_TEST,$(t))))
# It reads what the library has written.
$(BUILD)/tests/unit/nrt_profile: $(BUILD)/obj/tools/common/profile.o
# It answers in the system's place when something is to be allocated.
$(BUILD)/tests/unit/nrt_failing: LDFLAGS += $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc \
	reallocarray aligned_alloc strdup asprintf mmap memfd_create eventfd fdopen pthread_create)
# It talks to the driver as another client of it would.
CFLAGS-tests/unit/nrt_calls += -Iinclude/uapi $(LIBNEURON_DRM)
# They answer in the driver's place.
CFLAGS-tests/unit/nrt_version += -Iinclude/uapi $(LIBNEURON_DRM)
CFLAGS-tests/unit/nrt_driver += -Iinclude/uapi $(LIBNEURON_DRM)

# As its author would build it: the public headers, -lnrt, nothing else.
$(addprefix $(BUILD)/tests/unit/,nrt_doc_async nrt_hold nrt_ranks): \
		$(BUILD)/tests/unit/%: tests/unit/%.c $(LIBNEURON_NAMES)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -O2 -g -Wall -Wextra -Werror $(EXTRA_CFLAGS) $(NRT_CPPFLAGS) $(EXTRA_LDFLAGS) -o $@ $< $(NRT_LIBS)

# Where there are neither headers nor library.
$(BUILD)/tests/unit/nrt_by_name: tests/unit/nrt_by_name.c $(LIBNEURON_NAMES)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -O2 -g -Wall -Wextra -Werror $(EXTRA_CFLAGS) $(EXTRA_LDFLAGS) \
		-Wl,-rpath,$(abspath $(BUILD)/lib) -o $@ $< -ldl

$(BUILD)/tests/unit/nrt_models: $(BUILD)/obj/tests/unit/nrt_models.o $(BUILD)/lib/libneuron.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(LIBNEURON_LIBS)

# Runs on the host with the simulator, and in the VM with the driver.
UNIT_TESTS += $(BUILD)/tests/unit/nrt_programs
VM_TESTS += $(BUILD)/tests/unit/nrt_programs
DEBUG_TESTS += $(BUILD)/tests/unit/nrt_execute
$(BUILD)/tests/unit/nrt_programs: tests/unit/nrt_programs \
		$(addprefix $(BUILD)/tests/unit/,nrt_by_name nrt_doc_async nrt_hold nrt_models nrt_ranks) \
		$(BUILD)/examples/execute
	$(Q)install -m 755 $< $@

HOST_TESTS += $(BUILD)/tests/unit/nrt_headers
$(BUILD)/tests/unit/nrt_headers: tests/unit/nrt_headers $(LIBNEURON_NAMES) $(BUILD)/man/man3
	$(Q)mkdir -p $(@D)
	$(Q)install -m 755 $< $@

# The fuzzer is built from source as a whole: all of it is to be instrumented.
FUZZ_CC		?= clang
NEFF_FUZZ_SRCS	:= tests/fuzz/neff_fuzz.c libneuron/neff.c libneuron/neff_steps.c \
	$(HOSTOPS_SRCS) qemu-device/kernels/convert.c $(wildcard qemu-device/isa/*.c)

$(BUILD)/tests/fuzz/neff_fuzz: $(NEFF_FUZZ_SRCS) libneuron/neff.h libneuron/neff_parser.h \
		$(wildcard include/neuron/*.h qemu-device/isa/*.h)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -std=gnu11 -g -O1 -Iinclude -I. -D_GNU_SOURCE \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $(NEFF_FUZZ_SRCS) -lm

HOST_TESTS += $(BUILD)/tests/fuzz/neff
$(BUILD)/tests/fuzz/neff: tests/fuzz/neff $(BUILD)/tests/fuzz/neff_fuzz \
		$(BUILD)/tests/unit/nrt_models
	$(Q)install -m 755 $< $@

# The same tests under sanitizers (tests/build.mk).
ASAN_TESTS += $(filter-out nrt_alloc,$(NRT_UNIT_TESTS))
TSAN_TESTS += nrt_init nrt_tensor nrt_execute nrt_threads nrt_steps nrt_calls nrt_async nrt_profile
