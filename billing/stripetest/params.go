package stripetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// refusal is an error in Stripe's shape.
type refusal struct {
	status  int
	kind    string
	code    string
	param   string
	message string
}

func bad(code, param, format string, args ...any) *refusal {
	return &refusal{http.StatusBadRequest, "invalid_request_error", code, param, fmt.Sprintf(format, args...)}
}

func noSuch(kind, id string) *refusal {
	return &refusal{http.StatusNotFound, "invalid_request_error", "resource_missing", "id", fmt.Sprintf("No such %s: '%s'", kind, id)}
}

func (r *refusal) write(w http.ResponseWriter) {
	e := object{"type": r.kind, "message": r.message}
	if r.code != "" {
		e["code"] = r.code
	}
	if r.param != "" {
		e["param"] = r.param
	}
	b, _ := json.Marshal(object{"error": e})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	w.Write(b)
}

// params are a request's parameters, flat: line_items[0][price].
type params url.Values

func (p params) get(name string) string { return url.Values(p).Get(name) }

func (p params) has(name string) bool { return p[name] != nil }

func (p params) number(name string) (int64, *refusal) {
	n, err := strconv.ParseInt(p.get(name), 10, 64)
	if err != nil {
		return 0, bad("parameter_invalid_integer", name, "Invalid integer: %s", p.get(name))
	}
	return n, nil
}

// all are the values of name[0], name[1], ...
func (p params) all(name string) []string {
	var values []string
	for i := 0; p.has(fmt.Sprintf("%s[%d]", name, i)); i++ {
		values = append(values, p.get(fmt.Sprintf("%s[%d]", name, i)))
	}
	return values
}

// under are the values of name[key], by key.
func (p params) under(name string) object {
	o := object{}
	for k := range p {
		if key, ok := strings.CutPrefix(k, name+"["); ok {
			o[strings.TrimSuffix(key, "]")] = p.get(k)
		}
	}
	return o
}

var index = regexp.MustCompile(`\[[0-9]+\]`)

// check holds parameters against those that are known, where [] is any index
// and [*] any key; a name that ends in ! must be there.
func (p params) check(known []string) *refusal {
	for k, v := range p {
		if len(v) != 1 {
			return bad("", k, "Parameter given twice: %s", k)
		}
		name := index.ReplaceAllString(k, "[]")
		if !slices.ContainsFunc(known, func(pattern string) bool {
			pattern = strings.TrimSuffix(pattern, "!")
			head, any := strings.CutSuffix(pattern, "[*]")
			return name == pattern || any && strings.HasPrefix(name, head+"[")
		}) {
			return bad("parameter_unknown", k, "Received unknown parameter: %s", k)
		}
		if v[0] == "" {
			return bad("parameter_invalid_empty", k, "You passed an empty string for '%s'.", k)
		}
	}
	for _, pattern := range known {
		if name, needed := strings.CutSuffix(pattern, "!"); needed && !p.has(strings.ReplaceAll(name, "[]", "[0]")) {
			return bad("parameter_missing", name, "Missing required param: %s.", name)
		}
	}
	return nil
}

// reply is what a request with an idempotency key was answered.
type reply struct {
	request string // path and parameters
	status  int
	body    []byte
}

// call is one request of the API.
type call struct {
	*http.Request
	params
}

// route adds a call of the API. h runs with mu held and returns an object, or a
// list of them, to be shown with what the request wants expanded.
func (s *Stripe) route(mux *http.ServeMux, pattern string, known []string, h func(call) (any, *refusal)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		status, body, replayed := s.answer(r, known, h)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Request-Id", "req_"+unguessable()[:14])
		w.Header().Set("Stripe-Version", Version)
		if replayed {
			w.Header().Set("Idempotent-Replayed", "true")
		}
		if status >= 500 {
			w.Header().Set("Stripe-Should-Retry", "false")
		}
		w.WriteHeader(status)
		w.Write(body)
	})
}

func (s *Stripe) answer(r *http.Request, known []string, h func(call) (any, *refusal)) (status int, body []byte, replayed bool) {
	raw, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		s.requests = append(s.requests, Request{r.Method, r.URL.RequestURI(), string(raw), status, replayed})
	}()
	no := func(e *refusal) (int, []byte, bool) {
		w := &recorder{header: http.Header{}}
		e.write(w)
		return w.status, w.body.Bytes(), false
	}
	if s.down != 0 {
		s.down = max(s.down-1, -1)
		return no(&refusal{http.StatusServiceUnavailable, "api_error", "", "", "An unknown error occurred."})
	}
	if r.Header.Get("Authorization") != "Bearer "+s.Key {
		return no(&refusal{http.StatusUnauthorized, "invalid_request_error", "", "", "Invalid API Key provided: sk_test_****" + last4(r.Header.Get("Authorization"))})
	}
	if v := r.Header.Get("Stripe-Version"); v != Version {
		return no(bad("", "", "This stand-in speaks API version %s and not %q.", Version, v))
	}
	query := r.URL.RawQuery
	if r.Method == http.MethodPost {
		if query != "" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			return no(bad("", "", "Parameters of a POST request belong into its body, as a form."))
		}
		query = string(raw)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return no(bad("", "", "Invalid request: %v", err))
	}
	key := r.Header.Get("Idempotency-Key")
	request := r.URL.Path + "?" + values.Encode()
	if before, ok := s.replies[key]; ok && r.Method == http.MethodPost {
		if before.request != request {
			return no(&refusal{http.StatusBadRequest, "idempotency_error", "", "",
				"Keys for idempotent requests can only be used with the same parameters they were first used with."})
		}
		return before.status, before.body, true
	}
	c := call{r, params(values)}
	if e := c.check(append(known, "expand[]")); e != nil {
		return no(e)
	}
	v, e := h(c)
	if e != nil {
		return no(e)
	}
	if e := s.expand(v, c.all("expand")); e != nil {
		return no(e)
	}
	body, _ = json.Marshal(v)
	if key != "" && r.Method == http.MethodPost {
		s.replies[key] = reply{request, http.StatusOK, body}
	}
	return http.StatusOK, body, false
}

func last4(v string) string { return v[max(0, len(v)-4):] }

// recorder keeps a response.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

func (w *recorder) response(r *http.Request) *http.Response {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header, Body: io.NopCloser(&w.body),
		ContentLength: int64(w.body.Len()), Request: r,
	}
}
