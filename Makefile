# The front door; the build itself is CMake's. `make help` lists the targets.
# WOLFSSL_DIR= LWIP_DIR= PICOHTTPPARSER_DIR= CMOCKA_DIR= use a checkout of your own.
MAKEFLAGS += --no-print-directory
DIRS := WOLFSSL_DIR LWIP_DIR PICOHTTPPARSER_DIR CMOCKA_DIR
export $(DIRS)

TREES := host host-asan gcov emcraft-sf2 emcraft-sf2-tls emcraft-sf2-est mps2-an386 big-endian fuzzers
CROSS := -DCMAKE_TOOLCHAIN_FILE=toolchain.cmake
OPTIONS_host := -DRA_BOARD=host -DRA_WITH_TLS=ON
OPTIONS_host-asan := -DRA_BOARD=host -DRA_WITH_TLS=ON -DRA_SANITIZE=ON
OPTIONS_gcov := -DRA_BOARD=host -DRA_WITH_TLS=ON -DRA_COVERAGE=ON
OPTIONS_fuzzers := -DRA_FUZZ=ON -DRA_WITH_TLS=ON -DCMAKE_C_COMPILER=clang
OPTIONS_emcraft-sf2 := -DRA_BOARD=emcraft-sf2 -DRA_BOARD_SEMIHOSTING=ON $(CROSS)
# https in 256 KiB: TLS 1.2 alone, RSA-2048 or ECDSA, one protocol, no certreq, no import.
HTTPS := -DRA_WITH_TLS=ON -DRA_WITH_TLS13=OFF -DRA_WITH_SCEP=OFF -DRA_WITH_CERTREQ=OFF -DRA_WITH_PROVISION=OFF \
	-DRA_DEFINITIONS="RA_RSA_BITS_MAX=2048;RA_AES_SMALL=1"
OPTIONS_emcraft-sf2-tls := $(OPTIONS_emcraft-sf2) $(HTTPS) -DRA_WITH_EST=OFF
OPTIONS_emcraft-sf2-est := $(OPTIONS_emcraft-sf2) $(HTTPS) -DRA_WITH_ADCS=OFF
OPTIONS_mps2-an386 := -DRA_BOARD=mps2-an386 -DRA_WITH_TLS=ON $(CROSS)
OPTIONS_big-endian := -DRA_BOARD=big-endian -DRA_WITH_TLS=ON $(CROSS)
OWN := $(foreach v,$(DIRS),$(if $($(v)),-D$(v)=$(abspath $($(v))),-U$(v)))

.PHONY: help setup build $(TREES) demo test provision powercut powercut-long planted simulate fleet fuzz fuzz-merge size bench coverage lint format docs clean distclean

help:   ## this list
	@sed -nE 's/^([a-z-]+):.*## /  make \1\t/p' Makefile | expand -t 16

setup:  ## install missing Debian packages, fetch the library sources
	@tests/tools/setup.sh

build: $(TREES) ## every board

$(TREES): setup
	@mkdir -p build
	@cmake -S . -B build/$@ -G Ninja --log-level=NOTICE $(OPTIONS_$@) $(OWN) >build/$@.log 2>&1 \
		|| { cat build/$@.log; exit 1; }
	@echo "build: $@"
	@cmake --build build/$@ -- --quiet

host:   ## the appliance as a Linux program: build/host/boards/host/

DEMO := emcraft-sf2$(if $(TLS),-tls)$(if $(filter est,$(PROTOCOL)),-est)
demo: host $(DEMO) ## renew both certificates on the emulated appliance; PROTOCOL=adcs|scep|est, TLS=1
	@tests/e2e/demo.py --protocol $(or $(PROTOCOL),adcs) $(if $(TLS),--tls)

test: build ## every test; T="unit e2e/renew": only those whose name holds one of the words
	@tests/run.py $(T)

powercut: host ## power cuts inside flash operations: today's sample; ARGS="--replay ID --seed N"
	@tests/powercut/powercut.py $(ARGS)
	@tests/powercut/powercut_wolfssl.py

provision: host ## a factory's flash image; ARGS="--out nor.img ...", docs/provisioning.md
	@build/host/boards/host/provision $(or $(ARGS),--help)

simulate: host ## years in which everything goes wrong; ARGS="--seed N --years N" or "--replay ID"
	@tests/simulate/simulate.py $(ARGS)

fleet: host ## when 10 000 appliances ask their CA: docs/fleet.svg
	@tests/simulate/fleet.py --write

powercut-long: host ## all of them, for hours; ARGS="--shard 1/8": every eighth job
	@tests/powercut/powercut.py --long $(ARGS)

planted: host ## bugs of others, planted one at a time: the power cuts must find each
	@tests/powercut/planted.py

fuzz: fuzzers ## each parser for SECONDS=60; T="http scep": only those; what is new stays in build/
	@tests/fuzz/fuzz.py --seconds $(or $(SECONDS),60) $(T)

fuzz-merge: fuzzers ## the corpus, minimised, with what was found
	@tests/fuzz/fuzz.py --merge $(T)
	@tests/fuzz/fuzz.py --floors

size: emcraft-sf2 emcraft-sf2-tls emcraft-sf2-est ## code, data, stack for each part against budgets.mk
	@tests/tools/size.py

bench: build ## counts for each phase of a renewal
	@tests/bench/bench.py

coverage: gcov ## lines and branches of our code that the tests reach, file by file
	@tests/tools/check_coverage.py --table

lint:   ## clang-format, clang-tidy, cppcheck, gcc -fanalyzer over our files
	@tests/tools/setup.sh lint
	@$(MAKE) host-asan emcraft-sf2
	@tests/tools/lint.sh

format: ## clang-format our files in place
	@tests/tools/setup.sh lint
	@git ls-files -co --exclude-standard '*.[ch]' | xargs clang-format -i

docs: host-asan ## print docs/ that come from tables in the code
	@tests/tools/check_docs.py --write

clean:  ## remove what was built
	rm -rf build

distclean: clean ## and what was fetched too
	rm -rf .cache
