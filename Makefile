# `make run` and `make test` do everything from a bare Debian 12; `make help` lists the rest.
# CMake holds the build itself; cmake/setup.sh brings what it needs.
SWEEP ?= sweeps/quickstart.json

# As many compilers as there are processors, but a file that includes all of torch takes up to 2 GB.
JOBS ?= $(shell awk -v n="$$(nproc)" '/^MemAvailable/ {m = int($$2 / 2e6)} END {print m < 1 ? 1 : m < n ? m : n}' /proc/meminfo)
SOURCES = find datasets harness metrics models orders reports tests \
          \( -name '*.cpp' -o -name '*.h' -o -name '*.cu' \) -print0
CTEST = ctest --output-on-failure --no-tests=error -j$(JOBS)

.DEFAULT_GOAL := build
.NOTPARALLEL:
.PHONY: build run test test-slurm sanitize sanitize-threads fuzz bench bench-sweeps ci ci-baseline verify-reference golden format check-format clean help

build: ## the program: build/oar-bench
	@cmake/setup.sh packages build
	@cmake/setup.sh configure build
	@ninja -C build -j$(JOBS) oar-bench

run: build ## from nothing to a report: build/oar-bench run sweeps/quickstart.json (or SWEEP=...)
	@OAR_PYTHON=$$(cmake/setup.sh plots) OMP_WAIT_POLICY=PASSIVE build/oar-bench run $(SWEEP)

test: check-format ## formatting, then all tests
	@cmake/setup.sh packages build
	@cmake/setup.sh packages browser || echo "Tests of pages in a browser are skipped: there is no chromium."
	@cmake/setup.sh configure build
	@ninja -C build -j$(JOBS)
	@OAR_TEST_PYTHON=$$(cmake/setup.sh test_python) $(CTEST) --test-dir build

test-slurm: ## a real Slurm on this machine alone, started and stopped by the tests: submit, requeue, cancel
	@cmake/setup.sh packages build test slurm
	@cmake/setup.sh configure build
	@ninja -C build -j$(JOBS) oar-bench slurm_test
	@$(CTEST) --test-dir build --tests-regex '^slurm\.'

# libtorch is not instrumented: memory that it allocates and frees is checked, what it reads and writes is not.
sanitize: ## AddressSanitizer and UndefinedBehaviorSanitizer over the tests that do not train
	@cmake/setup.sh packages build
	@cmake/setup.sh configure build-sanitize -DOAR_SANITIZE=address -DOAR_CUDA_KERNELS=OFF
	@ninja -C build-sanitize -j$(JOBS)
	@ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
	  $(CTEST) --test-dir build-sanitize --exclude-regex 'Trains|Trainer'

sanitize-threads: ## ThreadSanitizer over the harness's tests that do not train
	@cmake/setup.sh packages build
	@cmake/setup.sh configure build-tsan -DOAR_SANITIZE=thread -DOAR_CUDA_KERNELS=OFF
	@ninja -C build-tsan -j$(JOBS)
	@TSAN_OPTIONS="suppressions=$(CURDIR)/tests/tsan.supp halt_on_error=1" \
	  $(CTEST) --test-dir build-tsan --tests-regex '^harness/' --exclude-regex 'Trains|Trainer'

SECONDS ?= 60
BENCH ?= .
FUZZERS = sweep safetensors pickle archive
fuzz: ## mutates sweeps, weights files and archives, SECONDS=60 each, and reads them; a finding is left in build-fuzz/
	@cmake/setup.sh packages build fuzz
	@cmake/setup.sh configure build-fuzz -DOAR_FUZZ=ON -DOAR_CUDA_KERNELS=OFF -DCMAKE_CXX_COMPILER=clang++
	@ninja -C build-fuzz -j$(JOBS) $(FUZZERS:%=%_fuzzer)
	@for target in $(FUZZERS); do \
	  mkdir -p build-fuzz/corpus/$$target; echo "Fuzzing: $$target, $(SECONDS) s"; \
	  ASAN_OPTIONS=detect_leaks=0 OMP_NUM_THREADS=1 build-fuzz/$${target}_fuzzer -max_total_time=$(SECONDS) \
	    -dict=tests/fuzz/$$target.dict -max_len=4096 -timeout=10 -rss_limit_mb=1500 -malloc_limit_mb=512 \
	    -print_final_stats=1 -verbosity=0 -artifact_prefix=build-fuzz/$$target- \
	    build-fuzz/corpus/$$target tests/fuzz/corpus/$$target || exit 1; \
	done

# From an empty store: artifacts keep their keys when the code changes, so a store of earlier would hide the change.
CI = build/ci
CI_RUN = rm -rf $(CI)/store $(CI)/run && OMP_WAIT_POLICY=PASSIVE OAR_PYTHON=$$(cmake/setup.sh plots) \
  build/oar-bench run sweeps/ci.json --device cpu --store $(CI)/store --out $(CI)/run -j $(JOBS) --quiet
ci: build ## runs sweeps/ci.json and gates it against sweeps/ci_baseline.json; the report is in build/ci/run
	@$(CI_RUN)
	@build/oar-bench gate $(CI)/run --baseline sweeps/ci_baseline.json --junit $(CI)/gate.xml --markdown $(CI)/gate.md

ci-baseline: build ## writes sweeps/ci_baseline.json anew, where a change was meant to move the numbers: commit it with the change
	@$(CI_RUN)
	@build/oar-bench gate $(CI)/run --save-baseline sweeps/ci_baseline.json

verify-reference: build ## hashes the records in reports/reference, and computes their tables, order statistics and scores again
	OMP_WAIT_POLICY=PASSIVE build/oar-bench verify reports/reference

bench: ## Google Benchmark over metrics, the feature pass, the search, a step of the tokenizer and images on their way to it, each beside its baseline (BENCH=regular-expression picks some)
	@cmake/setup.sh packages build bench
	@cmake/setup.sh configure build-bench -DOAR_BUILD_BENCHMARKS=ON -DOAR_CUDA_KERNELS=OFF
	@ninja -C build-bench -j$(JOBS) metrics_benchmark extraction_benchmark search_benchmark tokenizer_benchmark images_benchmark
	@for program in metrics extraction search tokenizer images; do \
	  OMP_WAIT_POLICY=PASSIVE build-bench/$${program}_benchmark --benchmark_filter='$(BENCH)' || exit 1; done

bench-sweeps: ## what whole sweeps cost, each beside its baseline: second run, overhead, sharing, -j 2, a large plan
	@cmake/setup.sh packages build bench
	@cmake/setup.sh configure build-bench -DOAR_BUILD_BENCHMARKS=ON -DOAR_CUDA_KERNELS=OFF
	@ninja -C build-bench -j$(JOBS) oar-bench training_alone
	@python3 tests/benchmarks/sweeps.py build-bench/oar-bench build-bench/training_alone $(PART)

golden: ## computes the golden numbers of the tests anew, with reference implementations in Python (6 GB of wheels)
	@cmake/setup.sh packages build
	@python=$$(cmake/setup.sh golden build/golden-venv) && \
	  $$python tests/golden/make_golden.py tests/metrics/golden && \
	  $$python tests/golden/make_conventions_golden.py tests/metrics/golden/conventions.json && \
	  $$python tests/golden/make_vqgan_golden.py tests/golden/vqgan.json && \
	  $$python tests/golden/make_lpips_golden.py tests/golden/lpips.json && \
	  $$python tests/golden/make_png_golden.py tests/datasets/golden/png_colours.tsv && \
	  $$python tests/golden/make_npz_golden.py tests/datasets/golden/arrays.npz

format: ## formats all sources
	@cmake/setup.sh packages test
	@$(SOURCES) | xargs -0 -r -P $(JOBS) -n 8 clang-format -i

check-format:
	@cmake/setup.sh packages test
	@case "$$(clang-format --version)" in \
	  *'version 14.'*) bad=$$($(SOURCES) | xargs -0 -r -P $(JOBS) -n 8 clang-format --dry-run -Werror 2>&1 | \
	      sed -n 's/:[0-9]*:[0-9]*: error: .*//p' | sort -u); \
	    if [ -n "$$bad" ]; then printf '%s\n' 'Formatting: `make format` mends these:' $$bad >&2; exit 1; fi; \
	    echo 'Formatting: as .clang-format says.';; \
	  *) echo 'Formatting: not checked; that takes clang-format 14, whose opinions the sources follow.' >&2;; \
	esac

clean: ## removes what was built, but not the cache that all clones share
	@rm -rf build build-sanitize build-tsan build-fuzz build-bench

help:
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 23
