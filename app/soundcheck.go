package main

import (
	"context"
	"sync"
	"time"

	"copilot/app/account"
	"copilot/app/deepgram"
	"copilot/app/interview"
	"copilot/app/overlay"
	"copilot/audio"
	"copilot/audio/device"
)

const (
	recordTime = 10 * time.Second
	judgeEvery = 2 * time.Second        // judging costs a fifth of a second
	showEvery  = 100 * time.Millisecond // meters
)

// soundCheck is the wishes of the page that is open.
type soundCheck struct {
	mu     sync.Mutex
	wishes chan soundWish // nil: no page is open
}

type soundWish struct {
	record bool
	play   overlay.SoundPlace
}

func (c *soundCheck) ask(w soundWish) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case c.wishes <- w:
	default: // no page, or one wish is waiting
	}
}

func (d *desk) Record()                   { d.sound.ask(soundWish{record: true}) }
func (d *desk) Play(p overlay.SoundPlace) { d.sound.ask(soundWish{play: p}) }

// SoundCheck listens to both lanes until ctx ends. Nothing is charged; what is
// recorded lies in memory and goes with this call.
func (d *desk) SoundCheck(ctx context.Context, s overlay.Settings, show func(overlay.SoundState)) error {
	wishes := make(chan soundWish, 1)
	d.sound.mu.Lock()
	d.sound.wishes = wishes
	d.sound.mu.Unlock()
	source := device.New(device.Config{Microphone: s.Microphone, Output: s.Output, Log: d.program.log})
	l := &listening{source: source, wishes: wishes, show: show, play: device.Play}
	l.words, l.state.NoWords = d.program.checkWords(s.Mode, s.Language)
	return said(l.Run(ctx))
}

// checkWords returns what gives live words in a mode, or why there are none.
func (p *program) checkWords(mode, language string) (dial func(context.Context) (liveWords, error), why string) {
	switch {
	case mode == overlay.ModeRehearsal:
		return nil, "Live words come with your own keys or with minutes; the rehearsal needs no devices."
	case mode == overlay.ModeHosted && p.hosted == nil:
		return nil, "This build knows no server for minutes; live words come with your own keys."
	case mode == overlay.ModeHosted:
		return func(ctx context.Context) (liveWords, error) { return p.hostedWords(ctx, language) }, ""
	}
	return func(ctx context.Context) (liveWords, error) {
		key, err := p.key(ctx, account.Deepgram)
		if err != nil {
			return liveWords{}, err
		}
		stream, err := deepgram.Dial(ctx, deepgram.Options{URL: p.config.DeepgramURL, Language: language, OptOut: true, Log: p.log,
			Credential: keyOf(func(context.Context) (string, error) { return key, nil })})
		if err != nil {
			return liveWords{}, err
		}
		return liveWords{Transcriber: stream}, nil
	}, ""
}

// listening is a sound check under way. Its loop owns everything below.
type listening struct {
	source interview.Source
	words  func(context.Context) (liveWords, error) // nil: no live words
	wishes <-chan soundWish
	show   func(overlay.SoundState)
	play   func(context.Context, []int16) error

	check   audio.Check
	state   overlay.SoundState
	level   [audio.Channels]float64 // the loudest since shown last
	kept    [audio.Channels][]int16
	left    int // samples of the recording to come
	playing chan error
	live    interview.Transcriber
	enough  <-chan time.Time // when the live words must end
}

// Run listens until ctx is done (nil) or no sound can be had at all.
func (l *listening) Run(outer context.Context) error {
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	var work sync.WaitGroup
	frames := make(chan audio.Frame, 150) // three seconds, for while it judges; what is more is left out
	lanes := make(chan audio.LaneStatus, 16)
	ended := make(chan error, 1)
	work.Go(func() {
		ended <- l.source.Run(ctx, func(f audio.Frame) {
			select {
			case frames <- f:
			default:
			}
		}, func(s audio.LaneStatus) {
			select {
			case lanes <- s:
			case <-ctx.Done():
			}
		})
	})
	dialled := make(chan liveWords, 1)
	if l.words != nil {
		work.Go(func() {
			t, err := l.words(ctx)
			if err != nil {
				t.Transcriber = failedWords{sentence(err)}
			}
			dialled <- t
		})
	}
	l.loop(ctx, frames, lanes, dialled, ended, &work)
	cancel()
	work.Wait()
	select {
	case t := <-dialled: // connected too late
		l.live = t.Transcriber
	default:
	}
	hangUp(l.live)
	if err := <-ended; outer.Err() == nil {
		return err
	}
	return nil
}

// hangUp ends live words, if there are any; those that are left are nobody's.
func hangUp(t interview.Transcriber) {
	if t != nil {
		ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
		defer stop()
		t.Close(ctx)
	}
}

// failedWords is why there are no live words.
type failedWords struct{ why string }

func (failedWords) Send(audio.Frame)              {}
func (failedWords) Finalize(audio.Channel)        {}
func (failedWords) Events() <-chan deepgram.Event { return nil }
func (failedWords) Close(context.Context) error   { return nil }

func (l *listening) loop(ctx context.Context, frames <-chan audio.Frame, lanes <-chan audio.LaneStatus, dialled <-chan liveWords, ended chan error, work *sync.WaitGroup) {
	meters, judge := time.NewTicker(showEvery), time.NewTicker(judgeEvery)
	defer meters.Stop()
	defer judge.Stop()
	var words <-chan deepgram.Event
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-ended:
			ended <- err
			return
		case f := <-frames:
			l.hear(&f)
		case s := <-lanes:
			l.lane(s)
		case t := <-dialled:
			l.live, words = t.Transcriber, t.Events()
			if failed, is := t.Transcriber.(failedWords); is {
				l.state.NoWords = failed.why
			}
			if t.limit > 0 {
				l.enough = time.After(t.limit)
			}
		case <-l.enough:
			over := l.live
			l.live, words = nil, nil
			l.state.NoWords = "That was the free minute of live words. Meters and recording go on; open this page again for more words."
			work.Go(func() { hangUp(over) })
		case ev, ok := <-words:
			if !ok { // not for want of trying
				words, l.state.NoWords = nil, "The connection for the live words was lost. Meters and recording go on; open this page again for more words."
				continue
			}
			l.heard(ev)
		case w := <-l.wishes:
			l.wish(ctx, w, work)
		case err := <-l.playing:
			l.playing, l.state.Playing = nil, false
			if err != nil {
				l.state.NoWords = "The recording could not be played: check the output in the system's sound settings."
			}
		case <-judge.C:
			l.judge()
		case <-meters.C:
			l.tell()
		}
	}
}

func (l *listening) lane(s audio.LaneStatus) {
	if s.Channel < 0 || s.Channel >= audio.Channels {
		return
	}
	lane := &l.state.Lanes[s.Channel]
	lane.State, lane.Device = s.State, s.Device
	l.check.Device(s.Channel, s.Device)
	if s.Advice != "" {
		lane.Seen, lane.Advice = s.Advice, ""
	}
}

func (l *listening) hear(f *audio.Frame) {
	l.check.Feed(f)
	for c := range l.level {
		l.level[c] = max(l.level[c], f.Level(audio.Channel(c)))
	}
	if l.live != nil {
		l.live.Send(*f)
	}
	if l.left <= 0 {
		return
	}
	for i, s := range f.Samples {
		l.kept[i%audio.Channels] = append(l.kept[i%audio.Channels], s)
	}
	l.left -= audio.FrameSamples
	l.state.Kept = l.left <= 0
}

// heard shows what the transcriber made of the newest words.
func (l *listening) heard(ev deepgram.Event) {
	t, ok := ev.(deepgram.Transcript)
	if ok && t.Text != "" && t.Channel >= 0 && int(t.Channel) < audio.Channels {
		l.state.Lanes[t.Channel].Words = t.Text
	}
}

func (l *listening) wish(ctx context.Context, w soundWish, work *sync.WaitGroup) {
	if l.left > 0 || l.playing != nil {
		return
	}
	if w.record {
		for c := range l.kept {
			l.kept[c] = make([]int16, 0, int(recordTime/time.Second)*audio.SampleRate)
		}
		l.left, l.state.Kept = int(recordTime/time.Second)*audio.SampleRate, false
		return
	}
	sound := l.recording(w.play)
	if len(sound) == 0 {
		return
	}
	playing := make(chan error, 1)
	l.playing, l.state.Playing = playing, true
	work.Go(func() { playing <- l.play(ctx, sound) })
}

// recording is what of the recording is to be played.
func (l *listening) recording(p overlay.SoundPlace) []int16 {
	switch p {
	case overlay.PlayInterviewer:
		return l.kept[audio.Interviewer]
	case overlay.PlayYou:
		return l.kept[audio.Candidate]
	}
	both := make([]int16, len(l.kept[0]))
	for i := range both {
		both[i] = int16(max(-32768, min(32767, int(l.kept[0][i])+int(l.kept[1][i]))))
	}
	return both
}

// judge takes in what is wrong with the lanes.
func (l *listening) judge() {
	if l.check.Heard() < 3*time.Second || l.playing != nil { // our own playback is no echo
		return
	}
	var found [audio.Channels]*audio.Finding
	for _, f := range l.check.Findings() {
		if found[f.Lane] == nil {
			found[f.Lane] = &f
		}
	}
	for c := range l.state.Lanes {
		lane := &l.state.Lanes[c]
		lane.Heard = l.check.Enough(audio.Channel(c))
		if lane.State != audio.LaneLive {
			continue
		}
		lane.Seen, lane.Advice = "", ""
		if f := found[c]; f != nil {
			lane.Seen, lane.Advice = f.Seen, f.Advice
		}
	}
}

func (l *listening) tell() {
	for c := range l.level {
		l.state.Lanes[c].Level, l.level[c] = l.level[c], 0
	}
	l.state.Record = time.Duration(max(l.left, 0)) * time.Second / audio.SampleRate
	l.show(l.state)
}

// checkLanes listens to both lanes for a while and judges them, for doctor.
func (p *program) checkLanes(ctx context.Context, c device.Config, d time.Duration) ([audio.Channels]audio.LaneStatus, []audio.Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var mu sync.Mutex
	var lanes [audio.Channels]audio.LaneStatus
	var check audio.Check
	err := device.New(c).Run(ctx, func(f audio.Frame) {
		mu.Lock()
		defer mu.Unlock()
		check.Feed(&f)
	}, func(s audio.LaneStatus) {
		mu.Lock()
		defer mu.Unlock()
		lanes[s.Channel] = s
		check.Device(s.Channel, s.Device)
	})
	mu.Lock()
	defer mu.Unlock()
	return lanes, check.Findings(), err
}
