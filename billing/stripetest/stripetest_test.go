package stripetest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask sends one call of the API; changes are header names and values.
func ask(s *Stripe, method, path, body string, changes ...string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+s.Key)
	r.Header.Set("Stripe-Version", Version)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(changes); i += 2 {
		r.Header.Set(changes[i], changes[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// What Stripe refuses is refused, in its words for a program.
func TestStrict(t *testing.T) {
	s := New("http://stripe.test", Options{})
	defer s.Close()
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		says               string
	}{
		"fine":                {"POST", "/v1/customers", "email=a%40b.org&metadata[user_id]=1", nil, 200, `"object":"customer"`},
		"wrong key":           {"POST", "/v1/customers", "", []string{"Authorization", "Bearer sk_test_other"}, 401, `"invalid_request_error"`},
		"no key":              {"GET", "/v1/prices", "", []string{"Authorization", ""}, 401, `"error"`},
		"another version":     {"GET", "/v1/prices", "", []string{"Stripe-Version", "2024-06-20"}, 400, "2024-06-20"},
		"unknown parameter":   {"POST", "/v1/customers", "surname=x", nil, 400, `"parameter_unknown"`},
		"missing parameter":   {"POST", "/v1/prices", "currency=usd", nil, 400, `"parameter_missing"`},
		"empty parameter":     {"POST", "/v1/customers", "email=", nil, 400, `"parameter_invalid_empty"`},
		"not a number":        {"GET", "/v1/prices?limit=many", "", nil, 400, `"parameter_invalid_integer"`},
		"too many":            {"GET", "/v1/prices?limit=101", "", nil, 400, "100"},
		"no such thing":       {"GET", "/v1/customers/cus_1", "", nil, 404, `"resource_missing"`},
		"unknown call":        {"GET", "/v1/balance", "", nil, 404, "Unrecognized"},
		"cannot be expanded":  {"POST", "/v1/customers", "expand[0]=friends", nil, 400, "expanded"},
		"JSON is not a form":  {"POST", "/v1/customers", "{}", []string{"Content-Type", "application/json"}, 400, "form"},
		"a page for nothing":  {"POST", "/v1/checkout/sessions", "mode=payment&success_url=x&line_items[0][price]=price_1&line_items[0][quantity]=1", nil, 404, "price_1"},
		"a portal for nobody": {"POST", "/v1/billing_portal/sessions", "customer=cus_1", nil, 404, "cus_1"},
	} {
		if status, body := ask(s, c.method, c.path, c.body, c.header...); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// An idempotency key is answered as the first time, and only for the same request.
func TestIdempotency(t *testing.T) {
	s := New("http://stripe.test", Options{})
	defer s.Close()
	_, one := ask(s, "POST", "/v1/customers", "email=a%40b.org", "Idempotency-Key", "k")
	_, two := ask(s, "POST", "/v1/customers", "email=a%40b.org", "Idempotency-Key", "k")
	if one != two || len(s.Ids("customer")) != 1 {
		t.Errorf("%s\n%s", one, two)
	}
	if status, body := ask(s, "POST", "/v1/customers", "email=c%40b.org", "Idempotency-Key", "k"); status != 400 || !strings.Contains(body, "idempotency_error") {
		t.Errorf("%d %s", status, body)
	}
}

// Webhooks are signed, repeated on demand, and retried until they are taken.
func TestDelivery(t *testing.T) {
	var mu sync.Mutex
	seen, refused := map[string]int{}, 0
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if refused < 2 {
			refused++
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		if !strings.HasPrefix(r.Header.Get("Stripe-Signature"), "t=") {
			t.Error("not signed")
		}
		seen[string(body)]++
	}))
	defer hook.Close()
	s := New("http://stripe.test", Options{Retry: time.Millisecond})
	defer s.Close()
	s.Endpoint(hook.URL, "whsec_x")
	s.Deliver(Delivery{Copies: 3, Delay: 5 * time.Millisecond})
	s.mu.Lock()
	s.emit("invoice.paid", s.put("in_", "invoice", object{}))
	s.mu.Unlock()
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		mu.Lock()
		n := seen[string(s.Events()[0].Body)]
		mu.Unlock()
		if n == 3 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("taken %d times", n)
		}
	}
}
