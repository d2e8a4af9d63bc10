# Two commands: "make run" opens the rehearsal, "make test" proves the rest.
# Both install the system packages they miss, and nothing on a machine that has them.

ifeq ($(shell uname -s),Linux)
TAGS := migrated_fynedo,x11,no_emoji
else
TAGS := migrated_fynedo,no_emoji
endif
BIN := bin/interview-copilot

.PHONY: run build test stack bench bench-backend bench-latency bench-reading soak package package-windows test-windows clean

run: build
	@$(BIN) rehearse

build:
	@.ci/setup run
	@mkdir -p bin
	@.ci/progress $(TAGS) $(BIN) ./app

# What keeps time with real sound, in a real window, runs by itself.
REAL := copilot/app|copilot/audio/device

# -race finds data races; without the tag migrated_fynedo Fyne checks its threads.
test:
	@.ci/setup test
	@echo "==> Building the tests. The first time takes some minutes."
	go vet -race -tags x11 ./...
	go test -race -tags x11 -timeout 20m $$(go list ./... | grep -vxE '$(REAL)')
	go test -race -tags x11 -timeout 20m -p 1 ./audio/device ./app

# The hosted product on this computer, without an account; see "make stack ARGS=-h".
stack:
	@.ci/setup stack
	@mkdir -p bin
	@CGO_ENABLED=0 go build -o bin/stack ./backend/stack
	@bin/stack $(ARGS)

# Our share of the latency, hop by hop, beside what others wait by design.
bench:
	@.ci/setup test
	@.ci/bench

# One backend on one core under full sessions, beside what was measured of others,
# and under 50 webhooks at a time.
bench-backend:
	@.ci/setup test
	@echo "==> Measuring. This takes about five minutes."
	@go test -run '^$$' -bench Backend -benchtime 1x -timeout 20m ./backend
	@go test -run '^$$' -bench Webhook -benchtime 2000x ./backend/server

# From the interviewer's last word to the first useful words on screen: our code
# in virtual time over 435 questions, beside what others wait by design.
bench-latency:
	@echo "==> Simulating. This takes about a quarter of an hour."
	@LATENCY_SEEDS=50 go test -run LatencySimulation -v -timeout 60m ./app/interview

# How well the teleprompter follows the voice, finds claims without ground, takes
# questions apart and finds prepared cards; the held-out part beside the other.
bench-reading:
	@READINGS=100 go test -count 1 -v -run 'FollowsTheVoice|FindsClaims|PartsOfAQuestion|FindsTheCard' ./app/interview
	@go test -run '^$$' -bench 'Reading|Grounding|Deck' ./app/interview

# The long runs: a million session-minutes simulated, 200 kills of a backend and
# 50 crashes of Postgres.
soak:
	@.ci/setup test
	COPILOT_SOAK=1 go test -v -timeout 4h -run 'TestG2_|TestB5_|TestB8_' ./backend/supabase ./backend

# Packages, into build/package: .tar.xz and .deb; an installer for Windows.
package:
	@.ci/setup package
	@.ci/package-linux

package-windows:
	@.ci/setup package
	@.ci/package-windows

# The Windows packages, installed and started under wine. It takes some minutes.
test-windows:
	@.ci/setup windows
	@.ci/test-windows

clean:
	rm -rf bin build
