# Two commands: "make run" opens the rehearsal, "make test" proves the rest.
# Both install the system packages they miss, and nothing on a machine that has them.

ifeq ($(shell uname -s),Linux)
TAGS := migrated_fynedo,x11
else
TAGS := migrated_fynedo
endif
BIN := bin/interview-copilot

.PHONY: run build test check bench package clean

run: build
	@$(BIN) rehearse

build:
	@.ci/setup run
	@test -e $(BIN) || echo "==> Building. The first time takes 3 to 6 minutes: Fyne's C parts are compiled once" \
		"(one of them, go-gl, shows nothing for over a minute). Later builds take seconds."
	@mkdir -p bin
	@.ci/progress go build -v -tags $(TAGS) -o $(BIN) ./app

test:
	@.ci/setup test
	go vet -race -tags x11 ./...
	CGO_ENABLED=0 go build -o /dev/null ./backend
	go test -race -tags x11 ./...

clean:
	rm -rf bin build
