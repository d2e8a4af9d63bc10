package billing

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"copilot/billing/stripetest"
)

// startMock builds the stripe-mock that testdata/stripe-mock/go.mod names, which
// is offline once its modules are in Go's cache, and runs it until the test ends.
func startMock(t *testing.T) *http.Client {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "mock") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	bin, socket := filepath.Join(dir, "stripe-mock"), filepath.Join(dir, "http")
	build := exec.CommandContext(t.Context(), "go", "build", "-mod=readonly", "-o", bin, "github.com/stripe/stripe-mock")
	build.Dir = filepath.Join("testdata", "stripe-mock")
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build stripe-mock: %v\n%s", err, out)
	}
	mock := exec.Command(bin, "-http-unix", socket, "-https-unix", filepath.Join(dir, "https"), "-strict-version-check")
	if err := mock.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mock.Process.Kill(); _ = mock.Wait() })
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	for range 400 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return &http.Client{Transport: transport, Timeout: 30 * time.Second}
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("stripe-mock did not come up")
	return nil
}

// Every request that this package sends is one that Stripe's own mock accepts
// too, with the strict check of the version. The requests are those that our
// stand-in was sent while everything was done once.
func TestRequestsAreStripes(t *testing.T) {
	mock := startMock(t)
	calls := everyCall(t)
	if status, _ := ask(t, mock, calls[0], "2024-06-20"); status != http.StatusBadRequest {
		t.Errorf("another version is answered with %d: the check is off", status)
	}
	if status, _ := ask(t, mock, stripetest.Request{Method: "POST", Path: "/v1/customers", Body: "surname=x"}, APIVersion); status != http.StatusBadRequest {
		t.Errorf("an unknown parameter is answered with %d", status)
	}
	distinct := map[string]int{}
	for _, c := range calls {
		if c.Status != http.StatusOK && c.Status != http.StatusNotFound {
			t.Errorf("the stand-in answered %s %s with %d", c.Method, c.Path, c.Status)
		}
		if status, reply := ask(t, mock, c, APIVersion); status != http.StatusOK {
			t.Errorf("%s %s %s: %d %s", c.Method, c.Path, c.Body, status, reply)
		}
		path, _, _ := strings.Cut(c.Path, "?")
		distinct[c.Method+" "+kindOf(path)]++
	}
	for _, want := range []string{
		"POST /v1/customers", "POST /v1/products", "GET /v1/products/", "POST /v1/prices", "GET /v1/prices",
		"POST /v1/checkout/sessions", "GET /v1/checkout/sessions", "GET /v1/checkout/sessions/", "GET /v1/payment_intents/",
		"GET /v1/invoices/", "GET /v1/subscriptions/", "GET /v1/subscriptions", "GET /v1/disputes", "GET /v1/refunds",
		"POST /v1/billing_portal/configurations", "POST /v1/billing_portal/configurations/", "GET /v1/billing_portal/configurations",
		"POST /v1/billing_portal/sessions", "POST /v1/webhook_endpoints", "POST /v1/webhook_endpoints/", "GET /v1/webhook_endpoints",
	} {
		if distinct[want] == 0 {
			t.Errorf("%s was not sent", want)
		}
		delete(distinct, want)
	}
	for call := range distinct {
		t.Errorf("%s is sent and not in the list above", call)
	}
}

// ask sends a request again, to the mock.
func ask(t *testing.T, mock *http.Client, c stripetest.Request, version string) (status int, reply []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), c.Method, "http://mock"+c.Path, strings.NewReader(c.Body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk_test_123")
	req.Header.Set("Stripe-Version", version)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := mock.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	reply, _ = io.ReadAll(resp.Body)
	return resp.StatusCode, reply
}

// kindOf replaces an id at the end of a path.
func kindOf(path string) string {
	i := strings.LastIndex(path, "/")
	if strings.Contains(path[i:], "_") && path[i:] != "/payment_intents" && path[i:] != "/webhook_endpoints" {
		return path[:i+1]
	}
	return path
}

// everyCall does everything this package can do with Stripe and returns what it
// sent.
func everyCall(t *testing.T) []stripetest.Request {
	a := newAccount(t)
	for range 2 {
		if _, err := a.Setup(t.Context(), "https://copilot.test/webhook"); err != nil {
			t.Fatal(err)
		}
		a.remote.Tamper(a.remote.Ids("webhook_endpoint")[0], "enabled_events", []any{"invoice.paid"})
	}
	if _, err := a.Portal(t.Context(), a.customer); err != nil {
		t.Fatal(err)
	}
	pack, plan := a.order(PriceMinutes120, "1"), a.order(PriceProMonthly, "2")
	a.pay(pack)
	intent := a.look().Payment.IntentID
	a.remote.Refund(intent, 100)
	a.remote.CloseDispute(a.remote.Dispute(intent, 100), false)
	a.pay(plan)
	f := a.look()
	a.remote.Refund(f.Payment.IntentID, 100)
	a.remote.Cancel(f.Subscription.ID, false)
	for _, event := range a.remote.Events() {
		e, err := parseEvent(event.Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Look(t.Context(), e, sentAt); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Recent(t.Context(), time.Now().Add(-time.Hour), sentAt, func(Facts) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return a.remote.Requests()
}
