# Each target is one command. `make help` lists them.
# Debian packages that the build and its tests need on the host, besides Rust and Go.
BUILD_PACKAGES := bc bison build-essential debian-archive-keyring flex gpgv libelf-dev libseccomp-dev libssl-dev perl zstd
RUN_PACKAGES   := qemu-system-x86 qemu-utils
TEST_PACKAGES  := binutils cloud-image-utils cpio cryptsetup-bin curl dnsmasq-base dosfstools e2fsprogs erofs-utils gdisk genisoimage gnupg iproute2 libcap2-bin libxml2-utils mtools openssl ovmf sbsigntool sqlite3 squid systemd-boot-efi xorriso xz-utils
IRONHULL       := cargo run --quiet --release --package cli --
PROGRAM        := $${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release/ironhull

.DEFAULT_GOAL := help
.PHONY: run cluster ahead command test check unit image deaths e2e e2e-all loader bench upgrade-demo torture powerloss powerloss-1000 hardware hardware-all cold reproducible clean help deps deps-test

run: ahead deps command ## Build what is missing, boot the single-node image, print a kubeconfig
	@$(IRONHULL) run image-profiles/single.yaml --detach

cluster: ahead deps command ## Boot a controller and two workers, print a kubeconfig
	@$(IRONHULL) run --cluster demo/cluster.yaml --detach

test: deps-test ## Run everything a change must pass; print the time of each stage
	@.ci/stages check:25 unit:40 image:75 deaths:35:image e2e:60:image powerloss:15:image hardware:15:image loader:15

check: deps-test ## Formatting, lints, documentation
	@.ci/check

unit: deps-test ## Unit and property tests, and format checks by foreign tools
	@cargo test --quiet --no-fail-fast

image: ahead deps command ## Build the images of all roles into out/
	@$(IRONHULL) build image-profiles/single.yaml
	@$(IRONHULL) build image-profiles/controller.yaml --format qcow2
	@$(IRONHULL) build image-profiles/worker.yaml --format qcow2

deaths: deps-test image ## Make a new generation fail in every way and check that the old one returns
	@cargo test --quiet --release --package e2e --test deaths

e2e: deps-test image ## Boot the image in QEMU and test its behaviour; some long tests take turns
	@cargo test --quiet --release --package e2e --lib --bins --test e2e --no-fail-fast

e2e-all: deps-test image ## The same without leaving out those that take turns
	@IRONHULL_ALL=1 cargo test --quiet --release --package e2e --lib --bins --test e2e --no-fail-fast

loader: deps-test ## Test the boot loader against firmware, damaged disks and power cuts
	@cargo test --quiet --release --package e2e --test loader

upgrade-demo: ahead deps command ## Upgrade a node twice: to a good version, and to one that fails and is rolled back
	@demo/upgrade

torture: deps-test image ## Cut the power at 100 random times during upgrades
	@IRONHULL_CUTS=100 cargo test --release --package e2e --test deaths -- power_goes_during_upgrades

powerloss: deps-test image ## Check 40 disks that lost what was not flushed, and boot two of them
	@cargo test --quiet --release --package e2e --test powerloss

powerloss-1000: deps-test image ## The same with 1,000 disks and 20 boots
	@IRONHULL_DISKS=1000 IRONHULL_BOOTS=20 cargo test --quiet --release --package e2e --test powerloss

hardware: deps-test image ## Boot from other disks and through other network adapters: two of them
	@cargo test --quiet --release --package e2e --test hardware

hardware-all: deps-test image ## The same with all that QEMU emulates
	@IRONHULL_MACHINES=99 cargo test --quiet --release --package e2e --test hardware

cold: ## Run all tests in a fresh clone with an empty cache; for changed inputs and releases
	@.ci/cold make --no-print-directory test

reproducible: deps ## Build twice from scratch, including kernel and Go components, and compare the images
	@.ci/reproducible

bench: deps-test image ## Run the benchmarks and print the results
	@cargo build --release --package e2e --bins
	@cargo run --quiet --release --package e2e --bin bench

# Said before anything is done: for minutes there is nothing to see of the image. The times are of two idle processors.
ahead:
	@[ -x "$(PROGRAM)" ] || printf '%s\n' >&2 \
	  'the first run in this checkout takes these steps; what they make is kept, and the next run takes seconds for them' \
	  '  1. install missing Debian packages' \
	  '  2. compile the command ironhull: about 5 minutes' \
	  '  3. build the image: half an hour for the kernel and Kubernetes, unless they are in the cache' \
	  '  4. for make run, boot it in QEMU: one to two minutes'

# Not quiet: cargo shows how far it is, as a bar on a terminal and as lines in a log.
command: deps
	@cargo build --release --package cli

deps: ## Announce and install the packages that the build needs
	@.ci/deps $(BUILD_PACKAGES) $(RUN_PACKAGES)

deps-test: ## Announce and install the packages that the tests need
	@.ci/deps $(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES)

clean: ## Remove build outputs; the cache stays (see ironhull cache prune)
	@rm -rf target out

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
