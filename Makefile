# SPDX-License-Identifier: MIT
#
# The one front door. Each folder's build.mk adds its own targets; a comment
# that starts with two number signs after a target is its line in `make help`.

BUILD	?= build
CORPUS	?= ../shared/corpus
V	?= 0
ifeq ($(V),0)
Q	:= @
say	= @printf '  %-8s %s\n' $(1) $(2)
else
Q	:=
say	= @:
endif

ifeq ($(origin CC),default)
CC	:= gcc
endif
OPT	?= -O2 -g
CFLAGS	:= -std=gnu11 $(OPT) -Wall -Wextra -Werror -Wno-missing-field-initializers \
	   -fno-strict-aliasing -fvisibility=hidden -fPIC -pthread $(EXTRA_CFLAGS)
CPPFLAGS := -Iinclude -I. -D_GNU_SOURCE -MMD -MP
LDFLAGS	:= -pthread $(EXTRA_LDFLAGS)
export BUILD Q V CORPUS

# As many jobs as there are processors.
JOBS	?= $(shell nproc)
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(JOBS)
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

.PHONY: all run check bench clean help
all: ## build everything into build/
run: ## the main job: speak a word, recognise it on the chip in a VM
check: ## the whole test suite, KTAP; its last line counts
bench: ## measure; figures are ratios within one run

# How a C file becomes an object: build/obj/PATH.o
$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(CFLAGS-$*) -c $< -o $@

# Packages first: make starts over when scripts/setup-packages (the rule is in
# scripts/build.mk) has installed some, so that pkg-config has answers below.
ifneq ($(filter-out help clean clean-cache,$(or $(MAKECMDGOALS),all)),)
include $(BUILD)/.packages
endif

# These two come last: they use what the others have collected.
last := packaging/build.mk tests/build.mk
include $(filter-out $(last),$(wildcard */build.mk)) $(last)

-include $(shell [ -d $(BUILD)/obj ] && find $(BUILD)/obj -name '*.d')

clean: ## remove build/; the cache of slow results stays
	$(Q)rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z0-9_-]*:.*## / { printf "  %-16s %s\n", $$1, $$2 }' \
		$(MAKEFILE_LIST)
