# SPDX-License-Identifier: MIT
# Whole streams through the models that have a state, and what else has a sound.

STREAM_SRCS := $(wildcard tests/conformance/stream/*.c)
STREAM_OBJS := $(STREAM_SRCS:%.c=$(BUILD)/obj/%.o)
$(foreach f,$(STREAM_SRCS),$(eval CFLAGS-$(f:%.c=%) := \
	-I$(BUILD)/gen $$(NRT_CPPFLAGS) $$(shell pkg-config --cflags sndfile 2>/dev/null)))
$(STREAM_OBJS): | $(BUILD)/gen/onnx.pb-c.h

$(BUILD)/tests/conformance/stream/stream: $(STREAM_OBJS) $(TOOLS_COMMON) \
		$(BUILD)/lib/libneffc.a $(BUILD)/lib/libnchip.a \
		$(BUILD)/lib/libnkernels.a $(BUILD)/lib/libnrt.so
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NEFFC_LIBS) $(NRT_LIBS) \
		-Wl,-rpath,'$$ORIGIN/../../../lib' -lcjson -lsndfile

# All of it on this machine; in the VM a part, with the bits that came out here.
HOST_TESTS += tests/conformance/streams
VM_TESTS += $(BUILD)/tests/conformance/streams
check: $(BUILD)/tests/conformance/stream/stream

$(BUILD)/tests/conformance/streams: tests/conformance/streams \
		$(BUILD)/tests/conformance/stream/stream
	$(call say,SIM,$@.sim)
	$(Q)mkdir -p $@.sim
	$(Q)$< --sim $@.sim
	$(Q)install -m 755 $< $@
