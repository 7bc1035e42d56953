# `make run` trains a network with FOP, `make test` passes the tests, `make help` lists the rest.
# What is fetched goes into .cache once (another folder: FOP_CACHE=DIR); Scripts/setup.py does it.

# Arguments of the main job; ARGS="..." adds to them, DATA=DIR takes IDX files that are already there.
RUN_ARGS ?= --model resnet --dataset fashion-mnist --optimizer fop --batch-size 2048 --epochs 30 --target 0.90
OUTPUT ?= runs/$(shell date +%Y%m%d-%H%M%S)
TEST_CONFIGURATION ?= debug
# `swift test` in release mode has to be told that tests look inside.
TEST_FLAGS ?= $(if $(filter release,$(TEST_CONFIGURATION)),-Xswiftc -enable-testing)
PYTHON ?= python3

ROOT := $(CURDIR)
CACHE := $(if $(FOP_CACHE),$(if $(filter /%,$(FOP_CACHE)),,$(ROOT)/)$(FOP_CACHE),$(ROOT)/.cache)
LIBTORCH := $(CACHE)/libtorch
DATA_DIR := $(if $(DATA),$(if $(filter /%,$(DATA)),,$(ROOT)/)$(DATA),$(CACHE)/data/fashion-mnist)
# Under another name, so that `make -n run` only shows what it would do.
THIS_MAKE := $(MAKE)

# SwiftPM finds LibTorch's headers and libraries by libtorch.pc; the run path has to be given to the linker.
export PKG_CONFIG_PATH := $(LIBTORCH)/pkgconfig$(if $(PKG_CONFIG_PATH),:$(PKG_CONFIG_PATH))
SWIFT_FLAGS := -Xlinker -rpath -Xlinker "$(LIBTORCH)/lib"
export FOP_CACHE := $(CACHE)
export FOP_DATA := $(DATA_DIR)
export FOP_TEST_PYTHON := $(CACHE)/venv/bin/python
# Tests use small tensors: with more threads they spend their time waiting for each other.
test-examples test-package test-python test-wheel-matrix: export OMP_NUM_THREADS = 1

SETUP = command -v $(PYTHON) >/dev/null || { echo "setup: Python 3.11 or newer is needed and there is no $(PYTHON) on the PATH." >&2; exit 1; }; \
	$(PYTHON) -B Scripts/setup.py --cache "$(CACHE)" $(if $(DATA),--data "$(DATA_DIR)") tools

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test build setup setup-cuda data info test-scripts test-examples test-package test-python test-wheel-matrix wheel reference-venv fixtures compare figures sensitivity bench bench-figures bench-growth bench-profile bench-samples bench-micro clean distclean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo '  DATA=DIR make run   train on IDX files that are already in DIR'
	@echo '  make run ARGS="--epochs 5"   add arguments to the main job (make run RUN_ARGS="..." replaces them)'
	@echo '  make test-package ARGS="--filter TorchTests"   run some of the tests'
	@echo '  FOP_CACHE=DIR make ...   keep what is fetched in DIR instead of .cache'

run: ## The main job: set up, build, train a residual network on Fashion-MNIST with FOP
	@Scripts/run-main-job.sh "$(THIS_MAKE)" .build/release/fop train $(RUN_ARGS) --data "$(DATA_DIR)" --output "$(OUTPUT)" $(ARGS)

test: test-scripts test-examples test-package test-python ## Fetch what the tests need, build and run them all

build: ## Build the fop command in release mode (.build/release/fop)
	@$(SETUP) libtorch packages
	swift build -c release --product fop $(SWIFT_FLAGS)

setup: ## Fetch LibTorch, Fashion-MNIST and the Swift packages into the cache
	@$(SETUP) libtorch packages data

setup-cuda: ## Bring LibTorch's CUDA libraries besides (for NVIDIA GPUs)
	@$(SETUP) libtorch-cuda

data: ## Fetch Fashion-MNIST into the cache
	@$(SETUP) data

info: build ## Say which LibTorch, devices, threads and folders fop uses
	@.build/release/fop info

test-scripts: ## Try the set-up's failure cases and the benchmark's driver, offline
	@$(SETUP)
	@$(PYTHON) -B -m unittest discover --start-directory Benchmarks/tests --top-level-directory Benchmarks
	@Scripts/test-setup.sh "$(PYTHON)"

test-examples: ## Build and run the packages under Examples
	@$(SETUP) libtorch packages data
	@Scripts/test-examples.sh -c $(TEST_CONFIGURATION) $(SWIFT_FLAGS)

test-package: ## Build and run the Swift tests (TEST_CONFIGURATION=debug|release)
	@$(SETUP) libtorch packages data test-venv
	swift build --build-tests -c $(TEST_CONFIGURATION) $(TEST_FLAGS) $(SWIFT_FLAGS)
	swift test --skip-build -c $(TEST_CONFIGURATION) $(TEST_FLAGS) $(SWIFT_FLAGS) $(ARGS)

# The Swift runtime goes into the library, and torch is loaded before it: it has no run path. Of what it contains, only its
# own entry points are seen from outside.
WHEEL_BUILD := --scratch-path .build/wheel -Xswiftc -static-stdlib -Xswiftc -no-toolchain-stdlib-rpath \
    -Xlinker --exclude-libs=ALL -Xlinker --gc-sections

wheel: ## Build the pip wheel fop-optimizer into dist/
	@$(SETUP) libtorch packages
	swift build -c release --product FOPExports $(WHEEL_BUILD)
	@rm -rf dist
	@$(PYTHON) -B Scripts/build_wheel.py dist

test-python: wheel ## Install the wheel into an environment with PyTorch and pass its tests (2.6 GB download, once)
	@$(SETUP) python-test-venv
	@Scripts/test-python.sh "$(CACHE)/python-test-venv/bin/python" $(ARGS)

test-wheel-matrix: wheel ## The same with the oldest and the newest torch that the wheel claims (PYTHONS="...": more, which have torch and pytest)
	@$(SETUP) python-test-venv python-test-venv-oldest
	@for python in $(PYTHONS); do Scripts/test-python.sh "$$python" $(ARGS) || exit 1; done
	@Scripts/test-python.sh "$(CACHE)/python-test-venv-oldest/bin/python" $(ARGS)
	@Scripts/test-python.sh "$(CACHE)/python-test-venv/bin/python" $(ARGS)

reference-venv: ## Make the Python environment with all of PyTorch (3 GB download)
	@$(SETUP) reference-venv

fixtures: reference-venv ## Write the test fixtures anew with PyTorch (Reference/*.py)
	@for script in Reference/[!_]*.py; do echo "$$script"; "$(CACHE)/reference-venv/bin/python" -B "$$script" || exit 1; done

compare: build data ## Train with FOP, K-FAC, SGD and AdamW (about half an hour); writes results/, the figure and the README's table
	@$(SETUP) figures-venv
	$(PYTHON) -B Scripts/compare.py --data "$(DATA_DIR)" $(ARGS)
	@$(MAKE) --no-print-directory figures

figures: ## Draw the figure and write the README's table from results/
	@$(SETUP) figures-venv
	"$(CACHE)/figures-venv/bin/python" -B Scripts/plot_comparison.py results/fashion-mnist-2048.json \
	    --figure Documentation/figures/fashion-mnist.png --table README.md

sensitivity: build data ## Train a perceptron over dampings and learning rates at three batch sizes (about ten minutes); writes results/ and a figure
	@$(SETUP) figures-venv
	$(PYTHON) -B Scripts/sensitivity.py --data "$(DATA_DIR)" $(ARGS)
	"$(CACHE)/figures-venv/bin/python" -B Scripts/plot_sensitivity.py results/sensitivity.json \
	    --figure Documentation/figures/sensitivity.png

# Without the flag, SwiftPM does not see files that are new in the package depended on.
BENCHMARK_BUILD := --package-path Benchmarks --disable-build-manifest-caching -c release

bench: ## Time steps of ours, of PyTorch and of its optimizers in turns (about 50 minutes; ARGS=--quick: a minute)
	@$(SETUP) libtorch packages reference-venv
	swift build $(BENCHMARK_BUILD) --product BenchmarkWorker $(SWIFT_FLAGS)
	@$(PYTHON) -B Benchmarks/bench.py --cache "$(CACHE)" $(ARGS)

bench-growth: ## Time steps against batch, width and depth, and fit exponents (about 5 minutes)
	@$(SETUP) libtorch packages reference-venv
	swift build $(BENCHMARK_BUILD) --product BenchmarkWorker $(SWIFT_FLAGS)
	@$(PYTHON) -B Benchmarks/growth.py --cache "$(CACHE)" $(ARGS)

bench-profile: ## Look where the time of a step goes, by operator (about a minute)
	@$(SETUP) libtorch packages reference-venv
	swift build $(BENCHMARK_BUILD) --product BenchmarkWorker $(SWIFT_FLAGS)
	@$(PYTHON) -B Benchmarks/profile_steps.py --cache "$(CACHE)" $(ARGS)

bench-samples: ## Measure what factors from a sample of the batch do to the step (about 5 minutes)
	@$(SETUP) libtorch packages data reference-venv
	swift build $(BENCHMARK_BUILD) --product BenchmarkWorker $(SWIFT_FLAGS)
	@$(PYTHON) -B Benchmarks/samples.py --cache "$(CACHE)" --data "$(DATA_DIR)" $(ARGS)

bench-micro: ## Time single operations: operator calls, factors, inverses, the projection (ARGS="--filter inverse")
	@$(SETUP) libtorch packages
	swift build $(BENCHMARK_BUILD) --product MicroBenchmarks $(SWIFT_FLAGS)
	OMP_NUM_THREADS=1 Benchmarks/.build/release/MicroBenchmarks $(ARGS)

bench-figures: ## Draw the benchmark's pictures and write its tables into Documentation/performance.md, from results/
	@$(SETUP) figures-venv
	"$(CACHE)/figures-venv/bin/python" -B Benchmarks/figures.py

clean: ## Remove what was built
	rm -rf .build Examples/*/.build Benchmarks/.build dist

distclean: clean ## Remove what was built and what was fetched (not runs/)
	cd "$(CACHE)" 2>/dev/null && rm -rf libtorch data benchmark venv reference-venv figures-venv python-test-venv python-test-venv-oldest downloads tmp logs lock || true
