# SPDX-License-Identifier: MIT
# The command-line tools that work with models.

# The reader of .neff files is the library's own, which it does not export.
TOOLS_COMMON := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tools/common/*.c)) \
		$(addprefix $(BUILD)/obj/libneuron/,neff.o neff_steps.o)
MODEL_TOOLS := $(addprefix $(BUILD)/,neuron-compile neuron-run neuron-test)

$(foreach f,$(wildcard tools/common/*.c),$(eval \
	CFLAGS-$(f:%.c=%) := -I$(BUILD)/gen $$(NRT_CPPFLAGS)))
$(TOOLS_COMMON): | $(BUILD)/gen/onnx.pb-c.h

$(MODEL_TOOLS): $(BUILD)/%: $(BUILD)/obj/tools/%.o $(TOOLS_COMMON) \
		$(BUILD)/lib/libneffc.a $(BUILD)/lib/libnchip.a \
		$(BUILD)/lib/libnkernels.a $(BUILD)/lib/libnrt.so
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NEFFC_LIBS) $(NRT_LIBS) -lcjson

CFLAGS-tools/neuron-run := $(NRT_CPPFLAGS)

# Knows chips, not models.
$(BUILD)/neuron-ls: $(addprefix $(BUILD)/obj/tools/,neuron-ls.o common/system.o \
		common/log.o common/say.o common/print_text.o common/print_json.o) \
		$(BUILD)/lib/libneffc.a $(BUILD)/lib/libnchip.a \
		$(BUILD)/lib/libnkernels.a $(BUILD)/lib/libnrt.so
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NEFFC_LIBS) $(NRT_LIBS) -lcjson
CFLAGS-tools/neuron-ls := $(NRT_CPPFLAGS)

# Watches chips and processes.
$(BUILD)/neuron-monitor: $(addprefix $(BUILD)/obj/tools/,neuron-monitor.o $(addprefix common/, \
		usage.o metrics.o http.o file.o log.o options.o say.o)) \
		$(BUILD)/lib/libneffc.a $(BUILD)/lib/libnchip.a \
		$(BUILD)/lib/libnkernels.a $(BUILD)/lib/libnrt.so
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NEFFC_LIBS) $(NRT_LIBS) -lcjson
CFLAGS-tools/neuron-monitor := $(NRT_CPPFLAGS)

$(BUILD)/neuron-top: $(addprefix $(BUILD)/obj/tools/,neuron-top.o $(addprefix common/, \
		usage.o options.o print_text.o say.o)) \
		$(BUILD)/lib/libneffc.a $(BUILD)/lib/libnchip.a $(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NEFFC_LIBS) -lcjson -lncurses -ltinfo

$(BUILD)/neuron-reset: $(addprefix $(BUILD)/obj/tools/,neuron-reset.o $(addprefix common/, \
		system.o log.o options.o say.o)) \
		$(BUILD)/lib/libneffc.a $(BUILD)/lib/libnchip.a \
		$(BUILD)/lib/libnkernels.a $(BUILD)/lib/libnrt.so
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NEFFC_LIBS) $(NRT_LIBS)
CFLAGS-tools/neuron-reset := $(NRT_CPPFLAGS)

# Reads .neff files without running them.
$(BUILD)/neuron-dis: $(BUILD)/obj/tools/neuron-dis.o $(TOOLS_COMMON) \
		$(BUILD)/lib/libneuron.a $(BUILD)/lib/libneffc.a \
		$(BUILD)/lib/libnchip.a $(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NEFFC_LIBS) $(LIBNEURON_LIBS) -lcjson

# Runs a model, and reads what has been recorded of it.
PROFILE_OBJS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tools/profile/*.c))
$(BUILD)/neuron-profile: $(BUILD)/obj/tools/neuron-profile.o $(PROFILE_OBJS) $(TOOLS_COMMON) \
		$(BUILD)/lib/libneffc.a $(BUILD)/lib/libnchip.a \
		$(BUILD)/lib/libnkernels.a $(BUILD)/lib/libnrt.so
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NEFFC_LIBS) $(NRT_LIBS) -lcjson

WATCH_TOOLS := $(addprefix $(BUILD)/,neuron-monitor neuron-top neuron-reset)

all: $(MODEL_TOOLS) $(BUILD)/neuron-dis $(BUILD)/neuron-ls $(BUILD)/neuron-profile $(WATCH_TOOLS)

UNIT_TESTS += $(BUILD)/tests/unit/tensor_io
$(BUILD)/tests/unit/tensor_io: $(BUILD)/obj/tests/unit/tensor_io.o \
		$(addprefix $(BUILD)/obj/tools/common/,tensor.o tensor_pb.o \
		tensor_npy.o file.o say.o compare.o) \
		$(BUILD)/lib/libneffc.a $(BUILD)/lib/libnchip.a \
		$(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NEFFC_LIBS)

include tests/conformance/stream.mk
include tests/conformance/operators.mk
include tests/conformance/host/host.mk
include tests/bench/calibrate.mk

# The tools, whole models and single operators, as they come.
HOST_TESTS += $(addprefix tests/conformance/,tools watching profile profile-in-browser onnx-cases \
		corpus memory)
check: $(BUILD)/.packages-check

$(BUILD)/tests/fuzz/profile_fuzz: tests/fuzz/profile_fuzz.c tools/common/profile.c \
		tools/common/profile.h $(wildcard include/neuron/*.h)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -std=gnu11 -g -O1 -Iinclude -I. -D_GNU_SOURCE \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $(filter %.c,$^)

HOST_TESTS += $(BUILD)/tests/fuzz/profile
$(BUILD)/tests/fuzz/profile: tests/fuzz/profile $(BUILD)/tests/fuzz/profile_fuzz \
		$(BUILD)/neuron-profile $(BUILD)/neuron-compile
	$(Q)install -m 755 $< $@

# Linked statically, so that it sees who allocates.
HOST_TESTS += tests/conformance/allocations
check: $(BUILD)/tests/conformance/count-allocations
CFLAGS-tests/conformance/allocations := $(NRT_CPPFLAGS)
$(BUILD)/tests/conformance/count-allocations: $(BUILD)/obj/tests/conformance/allocations.o \
		$(BUILD)/lib/libneuron.a $(LIBNEURON_DEPS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(LIBNEURON_LIBS)

check check-vm: $(BUILD)/keyword.neff
VM_TESTS += tests/vm/watching

# What the simulator puts out is made outside of the VM, before.
VM_TESTS += $(BUILD)/tests/conformance/compare-backends
$(BUILD)/tests/conformance/compare-backends: tests/conformance/compare-backends \
		tests/conformance/onnx-cases.txt $(MODEL_TOOLS) \
		$(BUILD)/tests/conformance/host-cases
	$(call say,SIM,$(@D)/sim)
	$(Q)mkdir -p $(@D)
	$(Q)$< --sim $(@D)/sim
	$(Q)install -m 755 $< $@
