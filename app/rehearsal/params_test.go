package rehearsal

import (
	"errors"
	"net/url"
	"testing"
	"time"
)

func TestParams(t *testing.T) {
	q, err := url.ParseQuery(usualQuery)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseParams(q)
	want := params{
		model: "nova-3", raw: true, channels: 2, multichannel: true, interimResults: true, punctuate: true,
		vadEvents: true, endpointing: 300 * time.Millisecond, utteranceEnd: time.Second,
	}
	if err != nil || got != want {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	got, err = parseParams(url.Values{})
	if want := (params{model: "base-general", channels: 1, endpointing: 10 * time.Millisecond}); err != nil || got != want {
		t.Errorf("by default %+v %v, want %+v", got, err, want)
	}
}

// Whatever is asked, it is refused as Deepgram refuses or can be served.
func FuzzParams(f *testing.F) {
	f.Add(usualQuery)
	f.Add("model=nova-2&keywords=a:1&encoding=linear16&sample_rate=16000&channels=20&endpointing=false")
	f.Add("utterance_end_ms=9223372036854775&interim_results=true")
	f.Add("utterance_end_ms=99999999999999999999&interim_results=true")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		p, err := parseParams(q)
		if bad := (*paramError)(nil); err != nil && (!errors.As(err, &bad) || bad.code == "" || bad.message == "") {
			t.Errorf("refused with %#v", err)
		}
		if err == nil && (p.channels < 1 || p.channels > 20 || p.endpointing < 0 || p.utteranceEnd < 0) {
			t.Errorf("accepted %+v", p)
		}
	})
}
