# SPDX-License-Identifier: MIT
# The operators of host steps: part of libneuron and of the compiler's library.
HOSTOPS_SRCS := $(wildcard hostops/*.c)
HOSTOPS_OBJS := $(HOSTOPS_SRCS:%.c=$(BUILD)/obj/%.o)

# Each processor gives the same bits: no multiplication is fused with an addition. With -O3
# loops over elements are the processor's vectors.
$(foreach src,$(HOSTOPS_SRCS),$(eval CFLAGS-$(src:%.c=%) := -ffp-contract=off -O3))

HOSTOPS_TESTS := hostops hostops_product hostops_recurrent hostops_walk
UNIT_TESTS += $(HOSTOPS_TESTS:%=$(BUILD)/tests/unit/%)
ASAN_TESTS += $(HOSTOPS_TESTS)
$(HOSTOPS_TESTS:%=$(BUILD)/tests/unit/%): $(BUILD)/tests/unit/%: \
		$(BUILD)/obj/tests/unit/%.o $(HOSTOPS_OBJS) $(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NKERNELS_LIBS)
