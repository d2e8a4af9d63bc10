// Package assets is what the programs carry inside: icons, the pages a browser
// sees after paying, and the rehearsal interview with its sound, captions,
// answers, résumé and job description. All of it is our own work; every person
// and company in it is invented, and the voices are synthesised.
//
// The sources lie beside what is made from them: icons/*.svg drawn by
// icons/make.sh, rehearsal/script.txt spoken by rehearsal/make.go. The package
// holds bytes only and understands none of them.
package assets

import "embed"

// Icons, as PNG with a transparent background.
var (
	//go:embed icons/app.png
	AppIcon []byte // 512 pixels square

	//go:embed icons/tray-light.png
	TrayLight []byte // dark strokes, for a light panel; 64 pixels square

	//go:embed icons/tray-dark.png
	TrayDark []byte // light strokes, for a dark panel; 64 pixels square
)

// Pages are what a browser sees after paying: pages/* and the icon on them,
// icons/app.svg.
//
//go:embed pages icons/app.svg
var Pages embed.FS

// The rehearsal interview.
var (
	//go:embed rehearsal/interviewer.ogg
	RehearsalInterviewer []byte // Ogg Vorbis, mono, 16 kHz

	//go:embed rehearsal/candidate.ogg
	RehearsalCandidate []byte // Ogg Vorbis, mono, 16 kHz, on the same clock

	//go:embed rehearsal/interview.json
	RehearsalInterview []byte // turns with word times, and the suggested answers

	//go:embed rehearsal/resume.md
	RehearsalResume string

	//go:embed rehearsal/resume.pdf
	RehearsalResumePDF []byte // the same résumé as a file to be read

	//go:embed rehearsal/job.md
	RehearsalJob string
)
