package rehearsal

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"copilot/audio"
)

// params is what a stream asked for, checked.
type params struct {
	model          string
	raw            bool // linear16; otherwise a container, which is not understood
	channels       int  // interleaved in the sound
	multichannel   bool // each is heard by itself
	interimResults bool
	punctuate      bool
	vadEvents      bool
	endpointing    time.Duration // 0: off
	utteranceEnd   time.Duration // 0: off
	flux           *fluxParams   // of /v2/listen; nil: /v1/listen
}

// The parameters of /v1/listen, from Deepgram's asyncapi.yml and its pages on
// encoding, channels, endpointing, utterance end, keyterm and keywords.
var (
	boolParams = []string{
		"detect_entities", "diarize", "dictation", "filler_words", "interim_results", "mip_opt_out", "multichannel",
		"no_delay", "numerals", "profanity_filter", "punctuate", "smart_format", "vad_events",
	}
	singleParams = []string{
		"callback", "callback_method", "channels", "diarize_model", "encoding", "endpointing", "language", "model",
		"sample_rate", "utterance_end_ms", "version",
	}
	repeatedParams = []string{"extra", "keyterm", "keywords", "redact", "replace", "search", "tag"}

	encodings = []string{
		"linear16", "linear32", "flac", "alaw", "mulaw", "amr-nb", "amr-wb", "opus", "ogg-opus", "speex", "g729",
	}
	redactions = []string{"true", "pci", "numbers", "aggressive_numbers", "ssn"}

	nova3Model     = regexp.MustCompile(`^nova-3(-general|-medical)?$`)
	olderModel     = regexp.MustCompile(`^(nova-2|nova|enhanced|base)(-[a-z]+)?$`)
	languageTag    = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
	keywordPattern = regexp.MustCompile(`^[^:]+(:-?[0-9]+(\.[0-9]+)?)?$`)
)

// longestPause keeps milliseconds in a sensible range: an hour. Deepgram states
// no limit.
const longestPause = 3600_000

// paramError is a refused parameter.
type paramError struct{ code, message string }

func (e *paramError) Error() string { return e.message }

func badParam(format string, args ...any) error {
	return &paramError{"INVALID_QUERY_PARAMETER", fmt.Sprintf(format, args...)}
}

// parseParams checks a query as strictly as Deepgram does. What Deepgram is
// silent about (unknown or doubled names) is refused too, for it is a mistake.
func parseParams(q url.Values) (params, error) {
	if err := checkNames(q, boolParams, singleParams, repeatedParams); err != nil {
		return params{}, err
	}
	model := q.Get("model")
	if model == "" {
		model = "base-general"
	}
	p := params{
		model: model, channels: 1,
		multichannel:   q.Get("multichannel") == "true",
		interimResults: q.Get("interim_results") == "true",
		punctuate:      q.Get("punctuate") == "true" || q.Get("smart_format") == "true",
		vadEvents:      q.Get("vad_events") == "true",
	}
	for _, check := range []func(url.Values, *params) error{
		checkModel, checkTerms, checkSound, checkPauses, checkLabels,
	} {
		if err := check(q, &p); err != nil {
			return params{}, err
		}
	}
	return p, nil
}

func checkNames(q url.Values, bools, singles, several []string) error {
	for name, values := range q {
		isBool, repeated := slices.Contains(bools, name), slices.Contains(several, name)
		if !isBool && !repeated && !slices.Contains(singles, name) {
			return badParam("unknown query parameter `%s`", name)
		}
		if len(values) > 1 && !repeated {
			return badParam("`%s` was given %d times", name, len(values))
		}
		for _, v := range values {
			if v == "" {
				return badParam("`%s` has no value", name)
			}
			if isBool && v != "true" && v != "false" {
				return badParam("`%s` must be `true` or `false`", name)
			}
		}
	}
	return nil
}

func checkModel(q url.Values, p *params) error {
	if strings.HasPrefix(p.model, "flux-") {
		return &paramError{"V2_MODEL_ON_V1_LISTEN_ENDPOINT", "the model `" + p.model + "` is served at /v2/listen"}
	}
	if !nova3Model.MatchString(p.model) && !olderModel.MatchString(p.model) {
		return badParam("No such model/language/tier combination found: `%s`", p.model)
	}
	language := q.Get("language")
	switch {
	case language == "":
	case language == "multi":
		if !nova3Model.MatchString(p.model) && !strings.HasPrefix(p.model, "nova-2") {
			return badParam("language `multi` needs nova-3 or nova-2")
		}
	case !languageTag.MatchString(language):
		return badParam("No such model/language/tier combination found: `%s`", language)
	}
	return nil
}

func checkTerms(q url.Values, p *params) error {
	nova3 := nova3Model.MatchString(p.model)
	if q.Has("keyterm") && !nova3 {
		return badParam("`keyterm` is supported by nova-3 only; use `keywords`")
	}
	if q.Has("keywords") && nova3 {
		return badParam("`keywords` is not supported by nova-3; use `keyterm`")
	}
	if tooMany(q["keyterm"]) {
		return badParam("Keyterm limit exceeded. The maximum number of tokens across all keyterms is 500.")
	}
	if len(q["keywords"]) > 100 {
		return badParam("at most 100 `keywords` are supported")
	}
	for _, k := range q["keywords"] {
		if !keywordPattern.MatchString(k) {
			return badParam("`keywords` must be `word` or `word:intensifier`")
		}
	}
	return nil
}

func tooMany(keyterms []string) bool {
	tokens := 0
	for _, term := range keyterms {
		tokens += keytermTokens(term)
	}
	return tokens > 500
}

// keytermTokens estimates a term's tokens: Deepgram does not say how it counts,
// about four characters a token and at least one a word is usual.
func keytermTokens(term string) int {
	tokens := 0
	for _, word := range strings.Fields(term) {
		tokens += (len(word) + 3) / 4
	}
	return tokens
}

func checkSound(q url.Values, p *params) error {
	encoding := q.Get("encoding")
	if encoding != "" {
		if !slices.Contains(encodings, encoding) {
			return badParam("unknown encoding `%s`", encoding)
		}
		rate, err := strconv.Atoi(q.Get("sample_rate"))
		if err != nil || rate <= 0 {
			return badParam("`encoding` needs `sample_rate`")
		}
		if encoding != "linear16" || rate != audio.SampleRate {
			return badParam("the rehearsal hears linear16 at %d Hz only", audio.SampleRate)
		}
		p.raw = true
	}
	if v := q.Get("channels"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 20 {
			return badParam("`channels` must be 1 to 20")
		}
		if p.raw {
			p.channels = n
		}
	} else if p.multichannel {
		return badParam("`multichannel` needs `channels`")
	}
	return nil
}

func checkPauses(q url.Values, p *params) error {
	p.endpointing = 10 * time.Millisecond
	switch v := q.Get("endpointing"); v {
	case "":
	case "false":
		p.endpointing = 0
	default:
		ms, err := strconv.Atoi(v)
		if err != nil || ms < 0 || ms > longestPause {
			return badParam("`endpointing` must be milliseconds or `false`")
		}
		p.endpointing = max(1, time.Duration(ms)) * time.Millisecond
	}
	if v := q.Get("utterance_end_ms"); v != "" {
		ms, err := strconv.Atoi(v)
		if err != nil || ms < 1000 || ms > longestPause {
			return badParam("`utterance_end_ms` must be 1000 or more")
		}
		if !p.interimResults {
			return badParam("`utterance_end_ms` needs `interim_results=true`")
		}
		p.utteranceEnd = time.Duration(ms) * time.Millisecond
	}
	return nil
}

func checkLabels(q url.Values, p *params) error {
	if q.Get("dictation") == "true" && !p.punctuate {
		return badParam("`dictation` needs `punctuate=true`")
	}
	if v := q.Get("diarize_model"); v != "" && v != "latest" && v != "v1" {
		return badParam("`diarize_model` must be `latest` or `v1`")
	}
	for _, v := range q["redact"] {
		if !slices.Contains(redactions, v) {
			return badParam("unknown value for `redact`")
		}
	}
	for _, v := range q["tag"] {
		if len(v) > 128 {
			return badParam("a `tag` is at most 128 characters")
		}
	}
	for _, v := range q["extra"] {
		if name, value, ok := strings.Cut(v, ":"); !ok || name == "" || len(value) > 2048 {
			return badParam("`extra` must be `key:value`, the value at most 2048 characters")
		}
	}
	return nil
}
