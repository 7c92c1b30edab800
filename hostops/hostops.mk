# SPDX-License-Identifier: MIT
# The operators of host steps: part of libneuron and of the compiler's library.
HOSTOPS_SRCS := $(wildcard hostops/*.c)
HOSTOPS_OBJS := $(HOSTOPS_SRCS:%.c=$(BUILD)/obj/%.o)

# Each processor gives the same bits: no multiplication is fused with an addition.
$(foreach src,$(HOSTOPS_SRCS),$(eval CFLAGS-$(src:%.c=%) := -ffp-contract=off))

UNIT_TESTS += $(BUILD)/tests/unit/hostops
ASAN_TESTS += hostops
$(BUILD)/tests/unit/hostops: $(BUILD)/obj/tests/unit/hostops.o $(HOSTOPS_OBJS) \
		$(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NKERNELS_LIBS)
