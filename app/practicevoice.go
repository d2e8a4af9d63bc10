package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"copilot/audio"
)

// voice is the system's own voice. The text goes to it through standard input,
// so that no other program sees it among the arguments.
type voice struct {
	name    string
	advice  string // what to do where there is none
	command func(language, file string) *exec.Cmd
}

const speakTime = 20 * time.Second // for making the sound of one question

// systemVoice finds the voice: espeak-ng, macOS's say, or Windows' SAPI. Its
// name is empty where there is none.
func systemVoice() voice {
	switch runtime.GOOS {
	case "darwin":
		return voice{name: "the Mac's voice", command: func(_, file string) *exec.Cmd {
			return exec.Command("/usr/bin/say", "--file-format=WAVE", "--data-format=LEI16@22050", "-o", file, "-f", "-")
		}}
	case "windows":
		return voice{name: "Windows' voice", command: func(_, file string) *exec.Cmd {
			c := exec.Command("powershell.exe", "-NoProfile", "-NonInteractive", "-Command", sapi)
			c.Env = append(os.Environ(), "COPILOT_VOICE_FILE="+file)
			return c
		}}
	}
	for _, name := range []string{"espeak-ng", "espeak"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		return voice{name: name, command: func(language, file string) *exec.Cmd {
			if language == "" || language == "multi" {
				language = "en"
			}
			return exec.Command(path, "-v", strings.ToLower(language), "-s", "155", "-b", "1", "-w", file, "--stdin")
		}}
	}
	return voice{advice: "There is no voice on this computer: install the package espeak-ng, so that questions can be asked aloud."}
}

// sapi makes Windows read its input, which it takes for UTF-8, into a file.
const sapi = `[Console]::InputEncoding = [Text.Encoding]::UTF8
Add-Type -AssemblyName System.Speech
$s = New-Object System.Speech.Synthesis.SpeechSynthesizer
$s.SetOutputToWaveFile($env:COPILOT_VOICE_FILE)
$s.Speak([Console]::In.ReadToEnd())
$s.Dispose()`

// speak returns what text sounds like, as mono sound of audio.SampleRate.
func (v voice) speak(ctx context.Context, text, language string) ([]int16, error) {
	if v.command == nil {
		return nil, &sayError{v.advice, errors.New("speak: there is no voice")}
	}
	dir, err := os.MkdirTemp("", "interview-copilot-voice")
	if err != nil {
		return nil, fmt.Errorf("speak: %w", err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, speakTime)
	defer cancel()
	file := filepath.Join(dir, "question.wav")
	first := v.command(language, file)
	cmd := exec.CommandContext(ctx, first.Path, first.Args[1:]...)
	cmd.Env, cmd.Stdin = first.Env, strings.NewReader(text)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("speak: %w: %.200s", err, complaint.String())
	}
	w, err := audio.OpenWAV(file)
	if err != nil {
		return nil, fmt.Errorf("speak: %w", err)
	}
	defer w.Close()
	var sound []int16
	var f audio.Frame
	for w.Next(&f) == nil {
		for i := int(audio.Interviewer); i < len(f.Samples); i += audio.Channels {
			sound = append(sound, f.Samples[i])
		}
	}
	if len(sound) == 0 {
		return nil, errors.New("speak: the voice said nothing")
	}
	return sound, nil
}

func (d *desk) Voice() (name, advice string) {
	v := systemVoice()
	return v.name, v.advice
}
