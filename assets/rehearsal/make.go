//go:build ignore

// Make speaks script.txt with eSpeak NG and writes the rehearsal's recording:
// interviewer.ogg and candidate.ogg (16 kHz, one voice each) and
// interview.json (who says which word when, and the suggested answers). It sets
// resume.md as resume.pdf.
//
//	apt-get install libespeak-ng-dev sox vorbis-tools groff
//	cd assets/rehearsal && go run make.go
//
// The word times are the synthesiser's own events.
package main

/*
#cgo LDFLAGS: -lespeak-ng
#include <stdlib.h>
#include <string.h>
#include <espeak-ng/speak_lib.h>

static short *samples;
static int sampleCount, sampleRoom;
static int wordAt[4096], wordPos[4096], wordCount;

static int collect(short *wav, int n, espeak_EVENT *e) {
	if (sampleCount + n > sampleRoom) {
		sampleRoom = 2 * (sampleCount + n);
		samples = realloc(samples, sampleRoom * sizeof(short));
	}
	if (wav && n > 0) {
		memcpy(samples + sampleCount, wav, n * sizeof(short));
		sampleCount += n;
	}
	for (; e->type != espeakEVENT_LIST_TERMINATED; e++)
		if (e->type == espeakEVENT_WORD && wordCount < 4096) {
			wordAt[wordCount] = e->audio_position;
			wordPos[wordCount++] = e->text_position;
		}
	return 0;
}

static int begin(void) {
	int rate = espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, NULL, 0);
	espeak_SetSynthCallback(collect);
	return rate;
}

static int speak(const char *voice, const char *text, int speed, int pitch, int range) {
	sampleCount = wordCount = 0;
	if (espeak_SetVoiceByName(voice) != EE_OK) return -1;
	espeak_SetParameter(espeakRATE, speed, 0);
	espeak_SetParameter(espeakPITCH, pitch, 0);
	espeak_SetParameter(espeakRANGE, range, 0);
	if (espeak_Synth(text, strlen(text) + 1, 0, POS_CHARACTER, 0, espeakCHARS_UTF8, NULL, NULL) != EE_OK) return -1;
	return espeak_Synchronize() == EE_OK ? 0 : -1;
}
static short sampleOf(int i) { return samples[i]; }
static int samplesOf(void) { return sampleCount; }
static int wordsOf(void) { return wordCount; }
static int atOf(int i) { return wordAt[i]; }
static int posOf(int i) { return wordPos[i]; }
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"unsafe"
)

const tail = 3.0 // seconds of silence after the last word, for the endpoint

type word struct {
	Text  string  `json:"text"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

type utterance struct {
	Channel  int    `json:"channel"`
	Question string `json:"question,omitempty"`
	Text     string `json:"text"`
	Words    []word `json:"words"`

	gap  float64
	over bool
}

type answer struct {
	Question string `json:"question"`
	Text     string `json:"text"`
}

type voice struct {
	file, name           string
	speed, pitch, spread int
}

var voices = [2]voice{
	{"interviewer", "gmw/en+m3", 150, 32, 45},
	{"candidate", "gmw/en-US+f2", 172, 62, 55},
}

func main() {
	log.SetFlags(0)
	utterances, answers, err := readScript("script.txt")
	if err != nil {
		log.Fatal(err)
	}
	rate := int(C.begin())
	if rate <= 0 {
		log.Fatal("espeak-ng does not start")
	}
	var lanes [2][]int16
	var begin, end float64
	for i := range utterances {
		u := &utterances[i]
		pcm, words, err := speak(voices[u.Channel], u.Text, rate)
		if err != nil {
			log.Fatal(err)
		}
		at := end + u.gap
		if u.over {
			at = begin + u.gap
		} else {
			begin = at
		}
		from := int(at * float64(rate))
		lane := lanes[u.Channel]
		if from < len(lane) {
			log.Fatalf("%q begins before its speaker has finished", u.Text)
		}
		lanes[u.Channel] = append(append(lane, make([]int16, from-len(lane))...), pcm...)
		for _, w := range words {
			w.Start, w.End = round(w.Start+at), round(w.End+at)
			u.Words = append(u.Words, w)
		}
		end = max(end, u.Words[len(u.Words)-1].End)
	}
	total := int((end + tail) * float64(rate))
	for c, lane := range lanes {
		lane = append(lane, make([]int16, max(0, total-len(lane)))...)[:total]
		if err := encode(voices[c].file, lane, rate); err != nil {
			log.Fatal(err)
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]any{"seconds": round(end + tail), "utterances": utterances, "answers": answers}); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("interview.json", out.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	if err := typeset("resume.md", "resume.pdf"); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d turns, %.1f s\n", len(utterances), end+tail)
}

func round(s float64) float64 { return math.Round(s*1000) / 1000 }

func readScript(name string) ([]utterance, []answer, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	var utterances []utterance
	var answers []answer
	for _, block := range strings.Split("\n"+string(text), "\n== ")[1:] {
		head, body, _ := strings.Cut(block, "\n")
		body = strings.TrimSpace(body)
		f := strings.Fields(head)
		if f[0] == "answer" {
			answers = append(answers, answer{f[1], body})
			continue
		}
		u := utterance{Text: body, over: f[1][0] == '@'}
		if f[0] == "candidate" {
			u.Channel = 1
		} else if f[0] != "interviewer" {
			return nil, nil, fmt.Errorf("script: nobody is called %q", f[0])
		}
		if u.gap, err = strconv.ParseFloat(f[1][1:], 64); err != nil {
			return nil, nil, fmt.Errorf("script: %s: %w", head, err)
		}
		if len(f) > 2 {
			u.Question = f[2]
		}
		utterances = append(utterances, u)
	}
	return utterances, answers, nil
}

// speak returns the voice saying text, without the silence around it, and when
// it says each word.
func speak(v voice, text string, rate int) ([]int16, []word, error) {
	name, ctext := C.CString(v.name), C.CString(text)
	defer C.free(unsafe.Pointer(name))
	defer C.free(unsafe.Pointer(ctext))
	if C.speak(name, ctext, C.int(v.speed), C.int(v.pitch), C.int(v.spread)) != 0 {
		return nil, nil, fmt.Errorf("cannot speak %q as %s", text, v.name)
	}
	pcm := make([]int16, int(C.samplesOf()))
	for i := range pcm {
		pcm[i] = int16(C.sampleOf(C.int(i)))
	}
	starts := map[int]float64{} // byte offset (the script is ASCII) → seconds
	for i := range int(C.wordsOf()) {
		pos := int(C.posOf(C.int(i))) - 1
		if _, ok := starts[pos]; !ok {
			starts[pos] = float64(C.atOf(C.int(i))) / 1000
		}
	}
	var words []word
	at := 0
	for _, w := range strings.Fields(text) {
		at += strings.Index(text[at:], w)
		start, ok := starts[at]
		if !ok {
			start = -1
		}
		words = append(words, word{Text: w, Start: start})
		at += len(w)
	}
	for i := range words { // "of the" is one word to the synthesiser: share it by length
		if words[i].Start >= 0 {
			continue
		}
		if i == 0 || i+1 == len(words) || words[i+1].Start < 0 {
			return nil, nil, fmt.Errorf("no time for %q in %q", words[i].Text, text)
		}
		from, to := words[i-1], words[i+1]
		part := float64(len(from.Text)) / float64(len(from.Text)+len(words[i].Text))
		words[i].Start = from.Start + part*(to.Start-from.Start)
	}
	loud := func(sec float64) bool { // 10 ms from sec on
		from := int(sec * float64(rate))
		sum := 0.0
		n := rate / 100
		for i := from; i < min(from+n, len(pcm)); i++ {
			sum += float64(pcm[i]) * float64(pcm[i])
		}
		return math.Sqrt(sum/float64(n)) > 150
	}
	for i := range words {
		next := float64(len(pcm)) / float64(rate)
		if i+1 < len(words) {
			next = words[i+1].Start
		}
		w := &words[i]
		for w.Start+0.05 < next && !loud(w.Start) {
			w.Start += 0.01
		}
		w.End = next
		for w.End-0.01 > w.Start+0.05 && !loud(w.End-0.01) {
			w.End -= 0.01
		}
	}
	first, last := words[0].Start, words[len(words)-1].End
	for i := range words {
		words[i].Start -= first
		words[i].End -= first
	}
	return pcm[int(first*float64(rate)):int(last*float64(rate))], words, nil
}

// encode writes lane as name.ogg at 16 kHz.
func encode(name string, lane []int16, rate int) error {
	var raw bytes.Buffer
	if err := binary.Write(&raw, binary.LittleEndian, lane); err != nil {
		return err
	}
	sox := exec.Command("sox", "-V1", "-D", "-t", "raw", "-r", strconv.Itoa(rate), "-e", "signed", "-b", "16", "-c", "1", "-",
		"-t", "wav", "-r", "16000", "-", "gain", "-n", "-5")
	sox.Stdin, sox.Stderr = &raw, os.Stderr
	wav, err := sox.Output()
	if err != nil {
		return fmt.Errorf("sox: %w", err)
	}
	ogg := exec.Command("oggenc", "-Q", "-q", "3", "--serial", "1", "-o", name+".ogg", "-")
	ogg.Stdin, ogg.Stderr = bytes.NewReader(wav), os.Stderr
	return ogg.Run()
}

// typeset sets the few Markdown marks that the résumé uses.
func typeset(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var ms strings.Builder
	ms.WriteString(".nr HY 0\n.nr PO 2.2c\n.nr LL 16.6c\n.nr HM 2c\n.nr FM 1.5c\n.nr PS 10\n.nr VS 13\n.ds CH\n")
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "":
			continue
		case strings.HasPrefix(line, "# "):
			fmt.Fprintf(&ms, ".LP\n\\fB\\s+8%s\\s-8\\fP\n.LP\n", line[2:])
		case strings.HasPrefix(line, "## "):
			fmt.Fprintf(&ms, ".SH\n%s\n.LP\n", strings.ToUpper(line[3:]))
		case strings.HasPrefix(line, "### "):
			fmt.Fprintf(&ms, ".LP\n.B \"%s\"\n.br\n", line[4:])
		case strings.HasPrefix(line, "- "):
			fmt.Fprintf(&ms, ".IP \\(bu 2\n%s\n", line[2:])
		case line[0] == '*':
			fmt.Fprintf(&ms, ".I \"%s\"\n", strings.Trim(line, "*"))
		default:
			ms.WriteString(strings.TrimSpace(line) + "\n")
		}
	}
	groff := exec.Command("groff", "-Tpdf", "-ms", "-k", "-P-pa4")
	groff.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=0", "LC_ALL=C.UTF-8")
	groff.Stdin, groff.Stderr = strings.NewReader(ms.String()), os.Stderr
	pdf, err := groff.Output()
	if err != nil {
		return fmt.Errorf("groff: %w", err)
	}
	return os.WriteFile(to, pdf, 0o644)
}
