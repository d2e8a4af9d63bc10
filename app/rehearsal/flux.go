package rehearsal

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// Flux is /v2/listen: one channel, told in turns. Its parameters, messages and
// what it refuses are those of Deepgram's asyncapi.yml and Flux pages, 2026.
const (
	fluxIdleLimit = time.Minute            // without sound, text or a ping
	fluxUpdate    = 250 * time.Millisecond // of sound, from one Update to the next
	fluxMessage   = 80 * time.Millisecond  // of sound in one message
	// How long a pause is that ends a turn at the usual threshold: after the end
	// of a sentence as Deepgram states it, and where more is to be expected.
	fluxPause     = 260 * time.Millisecond
	fluxOpenPause = 3 * fluxPause
	fluxUsual     = 0.7
)

// fluxParams are the thresholds of the end of a turn.
type fluxParams struct {
	eager   float64 // 0: ends are not guessed ahead
	sure    float64 // 1: only ForceEndTurn ends a turn
	timeout time.Duration
}

var (
	fluxBools     = []string{"mip_opt_out", "numerals", "profanity_filter"}
	fluxSingles   = []string{"eager_eot_threshold", "encoding", "eot_threshold", "eot_timeout_ms", "model", "sample_rate"}
	fluxSeveral   = []string{"keyterm", "language_hint", "redact", "tag"}
	fluxModels    = []string{"flux-general-en", "flux-general-multi"}
	fluxLanguages = []string{"de", "en", "es", "fr", "hi", "it", "ja", "nl", "pt", "ru"}
)

// parseFlux checks the query of /v2/listen as parseParams does that of /v1/listen.
func parseFlux(q url.Values) (params, error) {
	if err := checkNames(q, fluxBools, fluxSingles, fluxSeveral); err != nil {
		return params{}, err
	}
	p := params{model: q.Get("model"), channels: 1, flux: &fluxParams{sure: fluxUsual, timeout: 5 * time.Second}}
	if !slices.Contains(fluxModels, p.model) {
		return params{}, badParam("`model` must be one of %s", strings.Join(fluxModels, ", "))
	}
	if q.Has("language_hint") && p.model != "flux-general-multi" {
		return params{}, badParam("`language_hint` is supported by flux-general-multi only")
	}
	for _, hint := range q["language_hint"] {
		if !slices.Contains(fluxLanguages, hint) {
			return params{}, badParam("unknown `language_hint`")
		}
	}
	if tooMany(q["keyterm"]) {
		return params{}, badParam("Keyterm limit exceeded. The maximum number of tokens across all keyterms is 500.")
	}
	for _, v := range q["redact"] {
		if v != "numbers" && v != "aggressive_numbers" {
			return params{}, badParam("unknown value for `redact`")
		}
	}
	for _, check := range []func(url.Values, *params) error{checkThresholds, checkSound, checkLabels} {
		if err := check(q, &p); err != nil {
			return params{}, err
		}
	}
	return p, nil
}

func checkThresholds(q url.Values, p *params) error {
	number := func(name string, least, most float64, to *float64) error {
		v, err := strconv.ParseFloat(q.Get(name), 64)
		if q.Has(name) && (err != nil || !(v >= least && v <= most)) {
			return badParam("`%s` must be %v to %v", name, least, most)
		}
		if q.Has(name) {
			*to = v
		}
		return nil
	}
	f, ms := p.flux, p.flux.timeout.Seconds()*1000
	for _, err := range []error{
		number("eot_threshold", 0.5, 1, &f.sure), number("eager_eot_threshold", 0.3, 0.9, &f.eager), number("eot_timeout_ms", 500, 60000, &ms),
	} {
		if err != nil {
			return err
		}
	}
	if f.eager > f.sure {
		return badParam("`eager_eot_threshold` must not exceed `eot_threshold`")
	}
	f.timeout = time.Duration(ms) * time.Millisecond
	return nil
}

// sayFlux sends a message with the next number.
func (st *stream) sayFlux(kind string, more map[string]any) {
	m := map[string]any{"type": kind, "request_id": st.meta.RequestID, "sequence_id": st.said}
	for k, v := range more {
		m[k] = v
	}
	st.said++
	st.send(m)
}

// fluxText takes a control message; false ends the stream.
func (st *stream) fluxText(data []byte) bool {
	var m struct{ Type string }
	if err := json.Unmarshal(data, &m); err != nil {
		st.server.violation("INVALID_MESSAGE", "a text message that is not JSON is ignored")
		return true
	}
	switch m.Type {
	case "ForceEndTurn":
		st.lanes[0].finalize()
	case "CloseStream":
		st.end()
		return false
	case "Configure": // none of our clients does
		st.server.violation("INVALID_MESSAGE", "the rehearsal does not configure a Flux stream again")
		st.sayFlux("ConfigureFailure", nil)
	default: // such as KeepAlive and Finalize
		st.server.violation("INVALID_MESSAGE", "a message of type %q is ignored", m.Type)
	}
	return true
}

// turns tells one channel's sound as Flux does. It knows no clock but the sound
// that came.
type turns struct {
	params fluxParams
	faults ListenFaults
	say    func(kind string, more map[string]any)

	ear
	matcher *matcher

	turn    int
	begin   time.Duration // of the turn, which is the end of the one before
	words   []heardWord   // of the turn
	begun   bool          // StartOfTurn was told
	guessed int           // words at the newest EagerEndOfTurn; 0: the turn goes on
	told    time.Duration // when the newest TurnInfo was
}

func newTurns(ref *reference, p params, faults ListenFaults, say func(string, map[string]any)) *turns {
	t := &turns{params: *p.flux, faults: faults, say: say}
	t.matcher = newMatcher(ref, func(w heardWord) {
		if w.End <= t.begin { // its turn is over
			return
		}
		w.Start = max(w.Start, t.begin)
		t.words = append(t.words, w)
	})
	return t
}

// hear takes the channel's next samples.
func (t *turns) hear(samples []int16) { t.take(samples, t.step) }

func (t *turns) step(samples []int16) {
	t.matcher.add(samples)
	pause, _ := t.listen(samples)
	sure := t.confidence(pause)
	held := t.faults.HoldFinals || t.params.sure == 1
	switch n := len(t.words); {
	case n > 0 && !t.begun:
		t.begun = true
		t.info("StartOfTurn", sure, nil)
	case t.guessed > 0 && (n > t.guessed || t.loud >= onset):
		t.guessed = 0
		t.info("TurnResumed", sure, nil)
	case n > 0 && !held && sure >= t.params.sure:
		t.over(sure, "model")
	case n > 0 && !held && t.now-t.words[n-1].End >= t.params.timeout:
		t.over(sure, "timeout")
	case n > 0 && t.guessed == 0 && t.params.eager > 0 && sure >= t.params.eager:
		t.guessed = n
		t.info("EagerEndOfTurn", sure, nil)
	case t.now-t.told >= fluxUpdate:
		t.info("Update", sure, nil)
	}
}

// confidence that the turn is over: it grows with the pause, sooner after the
// end of a sentence. A word is decided up to 40 ms after its end.
func (t *turns) confidence(pause time.Duration) float64 {
	if len(t.words) == 0 || pause < 5*hopDuration {
		return 0
	}
	usual := fluxOpenPause
	if strings.ContainsAny(t.words[len(t.words)-1].Text, ".?!") {
		usual = fluxPause
	}
	return min(0.99, fluxUsual*pause.Seconds()/usual.Seconds())
}

// over ends the turn. Where its end was guessed, nothing has been said since.
func (t *turns) over(sure float64, trigger string) {
	t.info("EndOfTurn", sure, map[string]any{"trigger": trigger})
	t.turn++
	t.begin, t.words, t.begun, t.guessed = t.now, nil, false, 0
}

func (t *turns) info(event string, sure float64, more map[string]any) {
	t.told = t.now
	words, texts := []map[string]any{}, []string{}
	for _, w := range t.words {
		texts = append(texts, w.Text)
		words = append(words, map[string]any{"word": w.Text, "start": w.Start.Seconds(), "end": w.End.Seconds(), "confidence": confidence(w.Score)})
	}
	m := map[string]any{
		"event": event, "turn_index": t.turn, "audio_window_start": t.begin.Seconds(), "audio_window_end": t.now.Seconds(),
		"transcript": strings.Join(texts, " "), "words": words, "end_of_turn_confidence": sure,
	}
	for k, v := range more {
		m[k] = v
	}
	t.say("TurnInfo", m)
}

// finalize is ForceEndTurn.
func (t *turns) finalize() {
	if len(t.words) == 0 {
		t.say("Warning", map[string]any{"code": "FORCE_END_TURN_NO_ACTIVE_TURN", "description": "there is no turn to be ended"})
		return
	}
	if n := len(t.words); t.guessed > 0 && n > t.guessed {
		t.info("TurnResumed", 0, nil)
	}
	t.over(1, "manual")
}

// end leaves an open turn open, as Flux does.
func (t *turns) end() {
	if len(t.words) > 0 {
		t.info("Update", 0, nil)
	}
}

// endFlux says goodbye: without Metadata, and with a close that has no status.
func (st *stream) endFlux() {
	st.lanes[0].end()
	st.close(websocket.CloseNoStatusReceived, "")
}
