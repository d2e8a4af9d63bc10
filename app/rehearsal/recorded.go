package rehearsal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/jfreymuth/oggvorbis"

	"copilot/assets"
	"copilot/audio"
)

// Word is one spoken word, punctuated, on the recording's clock.
type Word struct {
	Text       string
	Start, End time.Duration
}

// Utterance is one turn of the recording. Turns of both speakers may overlap.
type Utterance struct {
	Channel    audio.Channel
	Text       string
	Question   string // id of the question it asks, or is part of; empty: none
	Start, End time.Duration
	Words      []Word
}

// Question is something the recorded interviewer asks, with the answer that the
// rehearsal suggests.
type Question struct {
	ID     string
	Text   string // all its turns, joined by a space
	Answer string // Markdown: bold cue words and bullets
}

// Interview is the bundled interview: its sound, who says what when, and what
// the candidate brought to it. It is read only and may be shared.
type Interview struct {
	Duration   time.Duration
	Utterances []Utterance // in order of their beginning
	Questions  []Question  // in order of asking
	Resume     string      // Markdown
	ResumePDF  []byte
	Job        string // Markdown

	lanes     [audio.Channels][]int16
	reference func() *reference // made once, when first needed
}

// Load unpacks the bundled interview. It takes a fraction of a second and holds
// about 12 MB.
func Load() (*Interview, error) {
	iv := &Interview{
		Resume:    assets.RehearsalResume,
		ResumePDF: assets.RehearsalResumePDF,
		Job:       assets.RehearsalJob,
	}
	if err := iv.readScript(assets.RehearsalInterview); err != nil {
		return nil, fmt.Errorf("load rehearsal: %w", err)
	}
	for c, ogg := range [audio.Channels][]byte{assets.RehearsalInterviewer, assets.RehearsalCandidate} {
		samples, format, err := oggvorbis.ReadAll(bytes.NewReader(ogg))
		if err != nil {
			return nil, fmt.Errorf("load rehearsal: %v: %w", audio.Channel(c), err)
		}
		if format.SampleRate != audio.SampleRate || format.Channels != 1 {
			return nil, fmt.Errorf("load rehearsal: %v has %d Hz and %d channels", audio.Channel(c), format.SampleRate, format.Channels)
		}
		iv.lanes[c] = iv.voiceOnly(audio.Channel(c), samples)
	}
	iv.reference = sync.OnceValue(func() *reference { return newReference(iv) })
	return iv, nil
}

func (iv *Interview) readScript(data []byte) error {
	var script struct {
		Seconds    float64
		Utterances []struct {
			Channel        audio.Channel
			Text, Question string
			Words          []struct {
				Text       string
				Start, End float64
			}
		}
		Answers []struct{ Question, Text string }
	}
	if err := json.Unmarshal(data, &script); err != nil {
		return err
	}
	iv.Duration = seconds(script.Seconds)
	answers := map[string]string{}
	for _, a := range script.Answers {
		answers[a.Question] = a.Text
	}
	for _, u := range script.Utterances {
		turn := Utterance{Channel: u.Channel, Text: u.Text, Question: u.Question}
		for _, w := range u.Words {
			turn.Words = append(turn.Words, Word{w.Text, seconds(w.Start), seconds(w.End)})
		}
		turn.Start, turn.End = turn.Words[0].Start, turn.Words[len(turn.Words)-1].End
		iv.Utterances = append(iv.Utterances, turn)
		switch last := len(iv.Questions) - 1; {
		case u.Question == "":
		case last >= 0 && iv.Questions[last].ID == u.Question:
			iv.Questions[last].Text += " " + u.Text
		default:
			iv.Questions = append(iv.Questions, Question{u.Question, u.Text, strings.TrimSpace(answers[u.Question])})
		}
	}
	return nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// voiceOnly turns decoded samples into 16 bit ones, silent where nobody on that
// channel speaks: the codec leaves a little noise there.
func (iv *Interview) voiceOnly(c audio.Channel, decoded []float32) []int16 {
	const margin = 40 * time.Millisecond
	lane := make([]int16, sampleAt(iv.Duration))
	for _, u := range iv.Utterances {
		if u.Channel != c {
			continue
		}
		for i := sampleAt(u.Start - margin); i < min(sampleAt(u.End+margin), len(lane), len(decoded)); i++ {
			lane[i] = int16(max(-1, min(1, decoded[i])) * 32767)
		}
	}
	return lane
}

func sampleAt(t time.Duration) int { return int(t * audio.SampleRate / time.Second) }

func timeAt(sample int) time.Duration {
	return time.Duration(sample) * time.Second / audio.SampleRate
}

// PCM returns one side of the recording at 16 kHz; to = 0 is its end. The
// samples are shared: they must not be changed.
func (iv *Interview) PCM(c audio.Channel, from, to time.Duration) []int16 {
	lane := iv.lanes[c]
	if to <= 0 || to > iv.Duration {
		to = iv.Duration
	}
	return lane[max(0, min(sampleAt(from), sampleAt(to))):sampleAt(to)]
}

// WriteWAV writes one side of the recording as a mono 16 kHz WAV file; to = 0
// is its end. Both sides over the same time have the same length, so that two
// players started together keep the conversation together.
func (iv *Interview) WriteWAV(w io.Writer, c audio.Channel, from, to time.Duration) error {
	pcm := iv.PCM(c, from, to)
	size := uint32(2 * len(pcm))
	le := binary.LittleEndian
	header := append(make([]byte, 0, 44), "RIFF"...)
	header = append(le.AppendUint32(header, 36+size), "WAVEfmt "...)
	header = le.AppendUint32(header, 16)                 // size of what follows
	header = le.AppendUint16(header, 1)                  // PCM
	header = le.AppendUint16(header, 1)                  // channels
	header = le.AppendUint32(header, audio.SampleRate)   // samples a second
	header = le.AppendUint32(header, 2*audio.SampleRate) // bytes a second
	header = le.AppendUint16(header, 2)                  // bytes a sample
	header = append(le.AppendUint16(header, 16), "data"...)
	if _, err := w.Write(le.AppendUint32(header, size)); err != nil {
		return fmt.Errorf("write wav: %w", err)
	}
	if err := binary.Write(w, le, pcm); err != nil {
		return fmt.Errorf("write wav: %w", err)
	}
	return nil
}
