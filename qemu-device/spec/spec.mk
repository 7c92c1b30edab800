# SPDX-License-Identifier: MIT

$(BUILD)/spec-tables: qemu-device/spec/spec-tables.c include/neuron/isa.h \
		      include/neuron/regs.h include/neuron/report.h
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -MF $@.d $(CFLAGS) -o $@ $< $(LDFLAGS)

.PHONY: spec
spec: $(BUILD)/spec-tables ## regenerate the tables in qemu-device/SPEC.md
	$(Q)$(BUILD)/spec-tables qemu-device/SPEC.md
