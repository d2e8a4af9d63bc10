package deepgram

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"copilot/audio"
)

// Options of a Stream. Only Credential is required.
type Options struct {
	URL      string // base, http(s) or ws(s); empty: https://api.deepgram.com
	Model    string // empty: nova-3; a flux model is for DialFlux
	Language string // BCP-47 or "multi"; empty: en
	// Keyterms are names and terms worth recognising, the most important
	// first. What exceeds Deepgram's limits (100 terms, 500 tokens) is left out
	// at the tail.
	Keyterms []string
	// Endpointing is the silence that ends an utterance (SpeechFinal); 0 means
	// 300 ms, negative switches it off.
	Endpointing time.Duration
	// UtteranceEnd is the gap between words that is reported as UtteranceEnd;
	// 0 means 1 s, which is also Deepgram's minimum.
	UtteranceEnd time.Duration
	Tag          string // label in Deepgram's usage reports, at most 128 characters
	OptOut       bool   // keep the sound out of model training (mip_opt_out)

	// Credential is asked at every connect and reconnect, because a granted
	// token lives for seconds. It must return when ctx is done. An error that
	// wraps ErrNoCredential ends the stream; any other is tried again.
	Credential func(ctx context.Context) (Credential, error)

	// DialContext opens the network connection; nil: net.Dialer.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy finds the proxy for a request; nil: http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)
	Log   *slog.Logger // nil: nothing is logged
}

// ErrNoCredential is wrapped by the error of a Credential func when asking
// again would not help: signed out, no key, no minutes left.
var ErrNoCredential = errors.New("no credential")

// Credential authorises one connection. It never shows its value when printed
// or logged.
type Credential struct {
	Scheme string // "Token" for an API key, "Bearer" for a granted JWT
	Value  string
	Tag    string // replaces Options.Tag on the connection it opens; empty: leaves it
}

// String returns the scheme with the value left out.
func (c Credential) String() string { return c.Scheme + " [redacted]" }

// GoString is String, for %#v.
func (c Credential) GoString() string { return c.String() }

// LogValue is String, for log/slog.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText is String, so that no encoder writes the value.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (c Credential) valid() bool {
	return (c.Scheme == "Token" || c.Scheme == "Bearer") && c.Value != "" &&
		strings.IndexFunc(c.Value, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// Deepgram's limits on a request, as its documentation states them.
const (
	maxTerms      = 100
	maxTermTokens = 500
	maxTag        = 128
)

// withDefaults fills in what was left empty.
func (o Options) withDefaults() Options {
	if o.URL == "" {
		o.URL = "https://api.deepgram.com"
	}
	if o.Model == "" {
		o.Model = "nova-3"
	}
	if o.Language == "" {
		o.Language = "en"
	}
	if o.Endpointing == 0 {
		o.Endpointing = 300 * time.Millisecond
	}
	if o.UtteranceEnd == 0 {
		o.UtteranceEnd = time.Second
	}
	if o.DialContext == nil {
		o.DialContext = (&net.Dialer{}).DialContext
	}
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// listenURL returns the address of /v1/listen with every parameter, or all that
// is wrong with the options.
func (o Options) listenURL() (*url.URL, error) {
	var problems []error
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		// The address is not repeated: it may hold a password.
		return nil, errors.New("the address is not a URL with a host")
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		problems = append(problems, fmt.Errorf("the address has scheme %q, not http(s) or ws(s)", u.Scheme))
	}
	if u.User != nil || u.RawQuery != "" {
		problems = append(problems, errors.New("the address must hold no user and no parameters"))
	}
	if o.Credential == nil {
		problems = append(problems, errors.New("no credential"))
	}
	if o.UtteranceEnd < time.Second {
		problems = append(problems, fmt.Errorf("utterance end %v is shorter than one second", o.UtteranceEnd))
	}
	if len(o.Tag) > maxTag {
		problems = append(problems, fmt.Errorf("the tag has %d bytes, more than %d", len(o.Tag), maxTag))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if o.isFlux() {
		u = u.JoinPath("v2", "listen")
		u.RawQuery = o.fluxQuery().Encode()
		return u, nil
	}
	u = u.JoinPath("v1", "listen")
	u.RawQuery = o.query().Encode()
	return u, nil
}

// query returns the parameters of /v1/listen. Punctuation is asked for rather
// than smart formatting, which may hold back a number for three seconds.
func (o Options) query() url.Values {
	q := url.Values{
		"model":            {o.Model},
		"language":         {o.Language},
		"encoding":         {"linear16"},
		"sample_rate":      {strconv.Itoa(audio.SampleRate)},
		"channels":         {strconv.Itoa(audio.Channels)},
		"multichannel":     {"true"},
		"interim_results":  {"true"},
		"vad_events":       {"true"},
		"punctuate":        {"true"},
		"endpointing":      {"false"},
		"utterance_end_ms": {strconv.FormatInt(o.UtteranceEnd.Milliseconds(), 10)},
	}
	if o.Endpointing > 0 {
		q.Set("endpointing", strconv.FormatInt(o.Endpointing.Milliseconds(), 10))
	}
	if o.OptOut {
		q.Set("mip_opt_out", "true")
	}
	if o.Tag != "" {
		q.Set("tag", o.Tag)
	}
	if strings.HasPrefix(o.Model, "nova-3") {
		q["keyterm"] = limitTerms(o.Keyterms)
	} else {
		q["keywords"] = keywords(o.Keyterms)
	}
	return q
}

// limitTerms cleans the terms and keeps as many from the front as Deepgram takes.
func limitTerms(terms []string) []string {
	var kept []string
	seen := make(map[string]bool)
	tokens := 0
	for _, term := range terms {
		term = strings.Join(strings.FieldsFunc(term, func(r rune) bool {
			return unicode.IsSpace(r) || !unicode.IsPrint(r)
		}), " ")
		key := strings.ToLower(term)
		if term == "" || seen[key] {
			continue
		}
		tokens += termTokens(term)
		if tokens > maxTermTokens || len(kept) == maxTerms {
			break
		}
		seen[key] = true
		kept = append(kept, term)
	}
	return kept
}

// termTokens is an upper estimate of what Deepgram counts, whose tokenizer is
// not public: a token for every three bytes of a word.
func termTokens(term string) int {
	n := 0
	for word := range strings.FieldsSeq(term) {
		n += (len(word) + 2) / 3
	}
	return n
}

// keywords turns terms into the single words, with a weight, that the models
// before nova-3 take. Short words would be heard everywhere and are left out.
func keywords(terms []string) []string {
	var words []string
	for _, term := range terms {
		for word := range strings.FieldsSeq(strings.ReplaceAll(term, ":", " ")) {
			if len([]rune(word)) > 2 {
				words = append(words, word)
			}
		}
	}
	words = limitTerms(words)
	for i := range words {
		words[i] += ":1"
	}
	return words
}
