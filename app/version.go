package main

// What the program is called. FyneApp.toml and the packages say the same.
const (
	appID   = "app.interviewcopilot.desktop"
	appName = "Interview Copilot"
)

// version is set by the release build (-ldflags "-X main.version=1.2.3").
var version = "0.1.0"
