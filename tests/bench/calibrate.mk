# SPDX-License-Identifier: MIT
# The timing model against published rates; the table is in qemu-device/SPEC.md.

CALIBRATE_SRCS := $(wildcard tests/bench/calibrate/*.c)
CALIBRATE_OBJS := $(CALIBRATE_SRCS:%.c=$(BUILD)/obj/%.o)
$(foreach f,$(CALIBRATE_SRCS),$(eval CFLAGS-$(f:%.c=%) := -I$(BUILD)/gen))
$(CALIBRATE_OBJS): | $(BUILD)/gen/onnx.pb-c.h

$(BUILD)/tests/bench/calibrate/calibrate: $(CALIBRATE_OBJS) $(addprefix $(BUILD)/obj/libneuron/,neff.o neff_steps.o) \
		$(BUILD)/lib/libneffc.a $(BUILD)/lib/libnchip.a $(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NEFFC_LIBS)

.PHONY: calibrate
calibrate: $(BUILD)/tests/bench/calibrate/calibrate ## the timing model against published rates
	$(Q)$<
